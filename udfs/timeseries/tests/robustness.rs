//! No series, timestamps or periods make these functions panic.

use std::sync::Arc;

use headwater_timeseries::calendar::Utc;
use headwater_timeseries::conformal::Calibration;
use headwater_timeseries::series::Regularize;
use headwater_timeseries::transform::BoxCox;
use headwater_timeseries::{Duplicates, Fill, Frequency, autocorrelation, classical, mstl, seasonality, unit_root};
use proptest::prelude::*;

fn frequency() -> impl Strategy<Value = Option<Frequency>> {
    prop_oneof![
        Just(None),
        Just(Some(Frequency::Weekdays)),
        (1..1_000_000_000_000_i64).prop_map(|step_us| Some(Frequency::Fixed { step_us })),
        (1..400_i64).prop_map(|days| Some(Frequency::Days { days })),
        (1..30_i64, 1..32_i64).prop_map(|(months, anchor_day)| Some(Frequency::Months { months, anchor_day })),
    ]
}

proptest! {
    #[test]
    fn any_timestamps_are_put_on_a_grid_or_refused(
        times in proptest::collection::vec(prop_oneof![0..10_000_000_000_000_i64, any::<i64>().prop_map(|t| t / 4)], 0..40),
        frequency in frequency(),
        zero in any::<bool>(),
    ) {
        let values: Vec<f64> = times.iter().map(|t| if t % 5 == 0 { f64::NAN } else { (*t % 1_000) as f64 }).collect();
        let fill = if zero { Fill::Zero } else { Fill::Linear };
        let rule = Regularize { frequency, zone: Arc::new(Utc), fill, duplicates: Duplicates::Mean };
        if let Ok(series) = rule.series(&times, &values) {
            prop_assert!(series.values.iter().all(|v| v.is_finite()));
            prop_assert!(series.grid.time(0).is_some());
            prop_assert!(series.values.len() + series.duplicates >= values.iter().filter(|v| !v.is_nan()).count());
        }
    }

    #[test]
    fn any_values_are_analysed(
        y in proptest::collection::vec(prop_oneof![-1e3..1e3_f64, Just(0.0), any::<f64>()], 0..60),
        period in 0..40_usize,
        level in 0.0..1.0_f64,
    ) {
        autocorrelation::partial_autocorrelation(&y, 5);
        unit_root::differences(&y);
        unit_root::seasonal_differences(&y, period);
        unit_root::ocsb(&y, period);
        seasonality::detect(&y, &[period, 7]);
        seasonality::search(&y);
        seasonality::is_seasonal(&y, period);
        BoxCox::guerrero(&y, period);
        classical::indices(&y, period, classical::Season::Multiplicative);
        if let Ok(parts) = mstl::decompose(&y, &[period]) {
            prop_assert_eq!(parts.trend.len(), y.len());
        }
        let width = Calibration::new(&y, 3.0).multiplier(level);
        prop_assert!(!width.is_nan());
    }
}
