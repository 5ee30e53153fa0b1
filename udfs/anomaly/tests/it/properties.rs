//! No input makes anything panic, and the same input gives the same answer.

use headwater_anomaly::drift::{Adwin, DriftTest, KolmogorovSmirnov, PopulationStability};
use headwater_anomaly::series::{Alerts, ChangeCost, ChangePoints, Pelt, detect_periods};
use proptest::prelude::*;

use crate::samples::{series_detectors, table_detectors};

/// Usual, odd and impossible values.
fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => -10.0..10.0f64,
        2 => prop::sample::select(vec![0.0, -0.0, 1.0, 1e12, -1e12, 1e-300]),
        1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, 5e-324]),
        1 => any::<f64>(),
    ]
}

fn same(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_series_breaks_a_detector(values in prop::collection::vec(value(), 0..300), level in 0.0..1.0f64) {
        for detector in series_detectors() {
            let found = detector.detect(&values, level);
            prop_assert_eq!(found.score.len(), values.len());
            let valid = |(s, v): (&f64, &f64)| s.is_nan() || (v.is_finite() && (0.0..=100.0).contains(s));
            prop_assert!(found.score.iter().zip(&values).all(valid), "{}: {:?}", detector.name(), found.score);
            prop_assert!(same(&found.score, &detector.detect(&values, level).score), "{}", detector.name());
        }
        prop_assert_eq!(Alerts::default().filter(&values).len(), values.len());
        for cost in [ChangeCost::Mean, ChangeCost::MeanVariance] {
            let (changes, _) = Pelt { cost, ..Pelt::default() }.detect(&values);
            prop_assert!(changes.windows(2).all(|w| w[0] < w[1]) && changes.iter().all(|c| *c < values.len()));
        }
        for period in detect_periods(&values, 3).periods {
            prop_assert!((2..=values.len()).contains(&period.length) && (0.0..=1.0).contains(&period.strength));
        }
    }

    #[test]
    fn no_table_breaks_a_detector(rows in prop::collection::vec(prop::array::uniform3(value()), 0..120)) {
        let columns: Vec<Vec<f64>> = (0..3).map(|k| rows.iter().map(|r| r[k]).collect()).collect();
        let slices: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        for detector in table_detectors() {
            let found = detector.fit_score(&slices);
            prop_assert_eq!(found.score.len(), rows.len());
            let scored = found.status == headwater_anomaly::Status::Ok;
            prop_assert!(!scored || found.score.iter().all(|s| s.is_finite()), "{}: {:?}", detector.name(), found);
        }
    }

    #[test]
    fn no_samples_break_a_drift_test(
        reference in prop::collection::vec(value(), 0..200),
        current in prop::collection::vec(value(), 0..200),
    ) {
        let tests: [&dyn DriftTest; 3] =
            [&PopulationStability::default(), &KolmogorovSmirnov::default(), &Adwin::default()];
        for test in tests {
            let found = test.compare(&reference, &current);
            let scored = found.status == headwater_anomaly::Status::Ok;
            prop_assert_eq!(scored, !found.statistic.is_nan(), "{} {:?}", test.name(), found);
        }
    }
}
