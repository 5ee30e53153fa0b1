//! Series and tables that break naive code.

use headwater_anomaly::Status;
use headwater_anomaly::series::{ChangePoints, Pelt, SeriesDetector, detect_periods};
use headwater_anomaly::table::{IsolationForest, Pca, TableDetector};
use headwater_timeseries::Cancel;

use crate::samples::{seasonal, series_detectors, table_detectors};

/// Whether every score is a number of its range, or NaN.
fn assert_valid(name: &str, scores: &[f64], n: usize) {
    assert_eq!(scores.len(), n, "{name}");
    assert!(scores.iter().all(|s| s.is_nan() || (0.0..=100.0).contains(s)), "{name}: {scores:?}");
}

/// A short disturbance far outside of a seasonal series.
fn spiked(at: usize) -> Vec<f64> {
    let mut values = seasonal(600);
    values[at..at + 3].fill(190.0);
    values
}

#[test]
fn every_detector_of_series_finds_a_spike() {
    let values = spiked(500);
    for detector in series_detectors() {
        let found = detector.detect(&values, 0.99);
        assert_eq!(found.status, Status::Ok, "{}", detector.name());
        // Methods that look at sequences see it in each that holds it.
        let best = (480..530).filter(|i| found.is_anomaly(*i, 0.99)).count();
        assert!(best > 0, "{} misses the spike", detector.name());
        let others = (100..480).filter(|i| found.is_anomaly(*i, 0.99)).count();
        assert!(others <= 20, "{} calls {others} of 380 usual points", detector.name());
    }
}

#[test]
fn a_value_is_an_anomaly_when_it_lies_outside_of_its_bounds() {
    let mut values = spiked(500);
    values.extend(seasonal(900).iter().enumerate().map(|(i, v)| v + (i * 7919 % 17 / 16) as f64 * 5.0));
    for detector in series_detectors().iter().filter(|d| d.name() != "auto") {
        for level in [0.5, 0.9, 0.99, 0.999] {
            let found = detector.detect(&values, level);
            let mut bounded = 0;
            for (i, value) in values.iter().enumerate().filter(|(i, _)| found.lower[*i].is_finite()) {
                let inside = (found.lower[i]..=found.upper[i]).contains(value);
                assert_eq!(inside, !found.is_anomaly(i, level), "{} at {i}, {level}", detector.name());
                let (low, high) = (found.expected[i] - found.lower[i], found.upper[i] - found.expected[i]);
                let even = detector.name() == "seasonal_esd" || (low - high).abs() < 1e-6 * high.abs().max(1.0);
                assert!(even, "{} at {i}, {level}: {low} below, {high} above", detector.name());
                bounded += 1;
            }
            let has_bounds = ["zscore", "hampel", "ewma", "forecast", "seasonal_esd"].contains(&detector.name());
            assert_eq!(bounded > 1000, has_bounds, "{}", detector.name());
        }
    }
}

#[test]
fn series_without_values_or_variation_have_a_status_and_no_anomaly() {
    let cases: [(&str, Vec<f64>, Status); 4] = [
        ("empty", Vec::new(), Status::Empty),
        ("all null", vec![f64::NAN; 400], Status::AllMissing),
        ("all infinite", vec![f64::INFINITY; 400], Status::AllMissing),
        ("constant", vec![7.5; 400], Status::Constant),
    ];
    for (case, values, status) in cases {
        for detector in series_detectors() {
            let found = detector.detect(&values, 0.99);
            assert_eq!(found.status, status, "{} of a series that is {case}", detector.name());
            assert_valid(detector.name(), &found.score, values.len());
            assert!((0..values.len()).all(|i| !found.is_anomaly(i, 0.9)), "{} of a series that is {case}", detector.name());
        }
    }
}

#[test]
fn short_series_are_too_short_and_unscored() {
    for detector in series_detectors() {
        for n in 2..8 {
            let found = detector.detect(&seasonal(n), 0.99);
            assert!(matches!(found.status, Status::TooShort { .. }), "{} of {n}: {:?}", detector.name(), found.status);
            assert!((0..n).all(|i| !found.is_anomaly(i, 0.5)), "{}", detector.name());
        }
    }
}

/// The status of a series of which nothing can be said names the length from which on something is.
#[test]
fn the_least_length_is_that_of_the_first_score() {
    for name in ["auto", "zscore", "hampel", "ewma", "forecast", "relative_entropy", "random_cut_forest", "matrix_profile"]
    {
        let detector = headwater_anomaly::series::detector(name, true).unwrap();
        let Status::TooShort { needed } = detector.detect(&seasonal(5), 0.99).status else { panic!("{name}") };
        let scored = |n: usize| {
            let found = detector.detect(&seasonal(n), 0.99);
            (found.status, found.score.iter().filter(|s| s.is_finite()).count())
        };
        assert_eq!(scored(needed), (Status::Ok, 1.max(scored(needed).1)), "{name} of {needed}");
        assert_eq!(scored(needed - 1).0, Status::TooShort { needed }, "{name}");
        if name != "matrix_profile" {
            assert_eq!((scored(needed).1, scored(needed - 1).1), (1, 0), "{name} of {needed}");
        }
    }
}

#[test]
fn missing_values_have_no_score_and_do_not_hide_an_anomaly() {
    let mut values = spiked(500);
    for (i, value) in values.iter_mut().enumerate().filter(|(i, _)| i % 9 == 4) {
        *value = if i % 2 == 0 { f64::NAN } else { f64::NEG_INFINITY };
    }
    for detector in series_detectors() {
        let found = detector.detect(&values, 0.99);
        assert!(values.iter().zip(&found.score).all(|(v, s)| v.is_finite() || s.is_nan()), "{}", detector.name());
        assert!((480..530).any(|i| found.is_anomaly(i, 0.95)), "{} misses the spike", detector.name());
    }
}

#[test]
fn magnitude_does_not_change_what_is_found() {
    let mut values = spiked(500);
    for scale in [1e12, 1e-12, -1e6] {
        let scaled: Vec<f64> = values.iter().map(|v| v * scale).collect();
        for detector in series_detectors() {
            let found = detector.detect(&scaled, 0.99);
            assert!((480..530).any(|i| found.is_anomaly(i, 0.99)), "{} at {scale}", detector.name());
        }
    }
    // Far from zero a double still tells a spike from noise.
    for level in [1e6, 1e9, 1e12, -1e12] {
        let raised: Vec<f64> = values.iter().map(|v| v + level).collect();
        for detector in series_detectors() {
            let found = detector.detect(&raised, 0.99);
            assert!((480..530).any(|i| found.is_anomaly(i, 0.99)), "{} at level {level}", detector.name());
        }
    }
    let step = |i: usize| if i < 150 { 0.0 } else { 50.0 };
    let steps: Vec<f64> = (0..300).map(|i| 1e12 + step(i) + (i * i * 7919 % 1009) as f64 / 300.0).collect();
    assert_eq!(Pelt::default().detect(&steps).0, [150]);
    for extreme in [f64::MAX, f64::MIN, 1e308, f64::MIN_POSITIVE, 5e-324] {
        values[550] = extreme;
        for detector in series_detectors() {
            assert_valid(detector.name(), &detector.detect(&values, 0.99).score, values.len());
        }
        Pelt::default().detect(&values);
        detect_periods(&values, 3);
    }
}

#[test]
fn intermittent_series_are_scored() {
    let values: Vec<f64> = (0..600).map(|i| if i % 11 == 3 { 1.0 + (i % 5) as f64 } else { 0.0 }).collect();
    let mut spiked = values.clone();
    spiked[505] = 500.0;
    for detector in series_detectors() {
        assert_valid(detector.name(), &detector.detect(&values, 0.99).score, values.len());
        assert_valid(detector.name(), &detector.detect(&spiked, 0.99).score, values.len());
    }
}

#[test]
fn absurd_options_do_not_fail() {
    use headwater_anomaly::series::{Ewma, Hampel, MatrixProfile, RandomCutForest, RelativeEntropy, SeasonalEsd, SubPca};
    let values = seasonal(200);
    let absurd: Vec<Box<dyn SeriesDetector>> = vec![
        Box::new(Ewma { alpha: f64::NAN }),
        Box::new(Ewma { alpha: -3.0 }),
        Box::new(Hampel { window: 0 }),
        Box::new(Hampel { window: usize::MAX }),
        Box::new(RelativeEntropy { window: 0, bins: 0 }),
        Box::new(RelativeEntropy { window: usize::MAX, bins: usize::MAX }),
        Box::new(RandomCutForest { trees: 0, sample: 0, shingle: 0, seed: u64::MAX }),
        Box::new(MatrixProfile { window: Some(0), left: false }),
        Box::new(MatrixProfile { window: Some(usize::MAX), left: true }),
        Box::new(SubPca { window: Some(usize::MAX) }),
        Box::new(SeasonalEsd { period: Some(usize::MAX), share_max: f64::NAN }),
        Box::new(SeasonalEsd { period: Some(0), share_max: 7.0 }),
    ];
    for detector in absurd {
        for level in [f64::NAN, -1.0, 0.0, 1.0, 2.0] {
            assert_valid(detector.name(), &detector.detect(&values, level).score, values.len());
        }
    }
}

#[test]
fn tables_without_values_or_variation_have_a_status() {
    let (nan, constant): (Vec<f64>, Vec<f64>) = (vec![f64::NAN; 12], vec![2.0; 12]);
    for detector in table_detectors() {
        let status = |columns: &[&[f64]]| detector.fit_score(columns).status;
        assert_eq!(status(&[]), Status::Empty);
        assert_eq!(status(&[&[]]), Status::Empty);
        assert_eq!(status(&[&nan, &nan]), Status::AllMissing);
        assert_eq!(status(&[&constant, &nan]), Status::Constant);
        assert_eq!(status(&[&constant, &constant[..3]]), Status::WrongShape);
        assert!(matches!(status(&[&[1.0]]), Status::TooShort { .. }));
        let two = [1.0, 2.0, 9.0, 4.0, 3.0, 5.0, 7.0, 2.5, 6.0, 8.0, 1.5, 4.5];
        let fitted = detector.fit(&[&two, &two]).unwrap();
        assert_eq!(fitted.score(&[&two]).status, Status::WrongShape);
        assert_eq!(fitted.score(&[&[], &[]]).score.len(), 0);
    }
}

#[test]
fn missing_infinite_and_huge_cells_do_not_break_a_table() {
    let noise = |i: usize, k: usize| ((i * (7919 + k) + 13 * k) % 1009) as f64 / 1009.0;
    let mut columns: Vec<Vec<f64>> = (0..3).map(|k| (0..300).map(|i| 1e12 + noise(i, k)).collect()).collect();
    columns[0][10] = f64::NAN;
    columns[1][20] = f64::INFINITY;
    columns[2][30] = f64::MIN;
    let slices: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    for detector in table_detectors() {
        let found = detector.fit_score(&slices);
        assert!(found.score.iter().all(|s| s.is_finite()), "{}", detector.name());
        let above = |row: usize| found.score.iter().filter(|s| **s > found.score[row]).count();
        assert!(above(20) < 100 && above(30) < 100, "{}: {} {}", detector.name(), above(20), above(30));
        assert!(above(10) >= 30, "{}: a missing cell is no anomaly", detector.name());
    }
}

#[test]
fn the_order_of_rows_does_not_change_a_score() {
    let noise = |i: usize, k: usize| ((i * (7919 + k) + 13 * k) % 1009) as f64;
    let columns: Vec<Vec<f64>> = (0..4).map(|k| (0..1000).map(|i| noise(i, k)).collect()).collect();
    let moved = |i: usize| (i * 387) % 1000;
    let shuffled: Vec<Vec<f64>> = columns.iter().map(|c| (0..1000).map(|i| c[moved(i)]).collect()).collect();
    for detector in table_detectors() {
        let slices = |columns: &[Vec<f64>]| -> Vec<f64> {
            detector.fit_score(&columns.iter().map(Vec::as_slice).collect::<Vec<_>>()).score
        };
        let (ours, others) = (slices(&columns), slices(&shuffled));
        for i in 0..1000 {
            assert!((others[i] - ours[moved(i)]).abs() < 1e-9, "{} row {i}", detector.name());
        }
    }
}

/// Every width has a walk of its own.
#[test]
fn isolation_forest_scores_narrow_and_wide_tables_alike() {
    let noise = |i: usize| ((i * 7919 + 13) % 1009) as f64;
    let column: Vec<f64> = (0..500).map(noise).collect();
    let constant = vec![1.0; 500];
    let alone = IsolationForest::default().fit_score(&[&column]).score;
    let mut wide: Vec<&[f64]> = vec![&constant; 100];
    wide[99] = &column;
    assert_eq!(IsolationForest::default().fit_score(&wide).score, alone);
    for width in [5, 17, 65] {
        let copies: Vec<&[f64]> = vec![&column; width];
        let scores = IsolationForest::default().fit_score(&copies).score;
        let extreme = column.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
        let above = scores.iter().filter(|s| **s > scores[extreme]).count();
        assert!(above < 25, "{width} columns: {above} rows above the least");
    }
}

#[test]
fn contamination_names_the_score_that_its_share_exceeds() {
    let column: Vec<f64> = (0..1000).map(|i| f64::from(i) + if i == 999 { 1e4 } else { 0.0 }).collect();
    let scores = Pca.fit_score(&[&column]);
    let threshold = scores.threshold(0.01);
    assert_eq!(scores.score.iter().filter(|s| **s > threshold).count(), 10);
    assert!(scores.score[999] > threshold);
}

/// Who cancels does not look at the scores; they must end soon and break nothing.
#[test]
fn cancelled_detectors_end_without_scores() {
    let values: Vec<f64> = (0..150_000).map(|i| f64::from(i * 7919 % 1013)).collect();
    let cancel = Cancel::default();
    cancel.cancel();
    for detector in series_detectors().iter().filter(|d| !matches!(d.name(), "seasonal_esd" | "sub_pca")) {
        let found = detector.detect_until(&values, 0.99, &cancel);
        let scored = found.score.iter().filter(|s| s.is_finite()).count();
        assert!(found.score.len() == values.len() && scored == 0, "{}: {scored}", detector.name());
    }
    let columns: Vec<&[f64]> = vec![&values, &values];
    for detector in table_detectors() {
        assert!(detector.fit_score_until(&columns, &cancel).score.len() <= values.len(), "{}", detector.name());
    }
    assert!(Pelt::default().detect_until(&values[..50_000], &cancel).0.is_empty());
}
