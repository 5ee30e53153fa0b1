//! No series makes a method panic or forecast nonsense.

use headwater_forecasting::{Method, Training};
use proptest::prelude::*;

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => -100.0..100.0_f64,
        2 => Just(0.0),
        2 => (0..5_i32).prop_map(f64::from),
        1 => any::<f64>(),
        1 => Just(1e12),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn any_series_is_forecast_or_refused(
        y in proptest::collection::vec(value(), 0..48),
        periods in proptest::collection::vec(0..30_usize, 0..3),
        horizon in 1..20_usize,
    ) {
        for (name, method) in Method::ALL {
            let Ok(fit) = method.forecaster(horizon).fit(&Training::new(&y, &periods)) else { continue };
            if let (Ok(forecast), Ok(bounds)) = (fit.forecast(horizon), fit.intervals(horizon, 0.9)) {
                prop_assert_eq!(forecast.len(), horizon, "{}", name);
                prop_assert!(forecast.iter().all(|f| f.is_finite()), "{}", name);
                prop_assert!(bounds.iter().all(|(low, high)| low <= high || y.len() == 1), "{}", name);
            }
            prop_assert!(!fit.model().is_empty() && fit.fitted().len() == y.len());
        }
    }
}
