//! Measures of forecasts. NaN where a measure is not defined (no values, or a scale of zero).

use crate::statistics::mean;

/// Mean absolute error. O(n).
pub fn mean_absolute_error(actual: &[f64], forecast: &[f64]) -> f64 {
    if actual.is_empty() {
        return f64::NAN;
    }
    actual.iter().zip(forecast).map(|(a, f)| (a - f).abs()).sum::<f64>() / actual.len() as f64
}

/// Root of the mean squared error. O(n).
pub fn root_mean_squared_error(actual: &[f64], forecast: &[f64]) -> f64 {
    if actual.is_empty() {
        return f64::NAN;
    }
    (actual.iter().zip(forecast).map(|(a, f)| (a - f) * (a - f)).sum::<f64>() / actual.len() as f64).sqrt()
}

/// Symmetric mean absolute percentage error, in percent from 0 to 200 (Makridakis, 1993). Two zeros differ by 0. O(n).
pub fn smape(actual: &[f64], forecast: &[f64]) -> f64 {
    if actual.is_empty() {
        return f64::NAN;
    }
    let term = |a: f64, f: f64| if a == f { 0.0 } else { (a - f).abs() / (a.abs() + f.abs()) };
    200.0 * actual.iter().zip(forecast).map(|(a, f)| term(*a, *f)).sum::<f64>() / actual.len() as f64
}

/// Mean absolute error of the seasonal naive forecast inside the history, the scale of [`mase`] and [`msis`];
/// of the plain naive forecast when the history is not longer than one season. O(n).
pub fn seasonal_scale(history: &[f64], period: usize) -> f64 {
    let lag = if history.len() > period { period.max(1) } else { 1 };
    let steps: Vec<f64> = crate::autocorrelation::difference(history, lag).iter().map(|d| d.abs()).collect();
    if steps.is_empty() { f64::NAN } else { mean(&steps) }
}

/// Mean absolute scaled error (Hyndman & Koehler, "Another look at measures of forecast accuracy", 2006). O(n).
pub fn mase(history: &[f64], actual: &[f64], forecast: &[f64], period: usize) -> f64 {
    let scale = seasonal_scale(history, period);
    if scale > 0.0 { mean_absolute_error(actual, forecast) / scale } else { f64::NAN }
}

/// Overall weighted average of the M4 competition: sMAPE and MASE relative to those of a benchmark (Makridakis et al.,
/// "The M4 Competition", 2020).
pub fn owa(smape: f64, mase: f64, benchmark_smape: f64, benchmark_mase: f64) -> f64 {
    (smape / benchmark_smape + mase / benchmark_mase) / 2.0
}

/// Share of values inside their intervals; on an end of one, but for what rounding makes of it, counts as inside. O(n).
pub fn coverage(actual: &[f64], intervals: &[(f64, f64)]) -> f64 {
    if actual.is_empty() {
        return f64::NAN;
    }
    let is_inside = |(a, (low, high)): &(&f64, &(f64, f64))| {
        let rounding = 64.0 * f64::EPSILON * a.abs().max(low.abs()).max(high.abs());
        low - rounding <= **a && **a <= high + rounding
    };
    let inside = actual.iter().zip(intervals).filter(is_inside).count();
    inside as f64 / actual.len() as f64
}

/// Mean scaled interval score of intervals of a level such as 0.95 (Gneiting & Raftery, "Strictly proper scoring rules",
/// 2007, scaled as in the M4 competition). Smaller is better. O(n).
pub fn msis(history: &[f64], actual: &[f64], intervals: &[(f64, f64)], level: f64, period: usize) -> f64 {
    let scale = seasonal_scale(history, period);
    if actual.is_empty() || !(scale > 0.0) {
        return f64::NAN;
    }
    let penalty = 2.0 / (1.0 - level);
    let score = |a: f64, (low, high): (f64, f64)| high - low + penalty * ((low - a).max(0.0) + (a - high).max(0.0));
    actual.iter().zip(intervals).map(|(a, i)| score(*a, *i)).sum::<f64>() / actual.len() as f64 / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_of_known_numbers() {
        let (history, actual, forecast) = ([1.0, 3.0, 2.0, 5.0], [4.0, 6.0], [5.0, 6.0]);
        assert_eq!(mean_absolute_error(&actual, &forecast), 0.5);
        assert!((root_mean_squared_error(&actual, &forecast) - 0.5_f64.sqrt()).abs() < 1e-12);
        assert!((smape(&actual, &forecast) - 100.0 / 9.0).abs() < 1e-12);
        assert_eq!(mase(&history, &actual, &forecast, 1), 0.25);
        assert!((mase(&history, &actual, &forecast, 2) - 0.5 / 1.5).abs() < 1e-12);
        assert_eq!(owa(10.0, 1.0, 20.0, 2.0), 0.5);
        let intervals = [(3.0, 5.0), (7.0, 8.0)];
        assert_eq!(coverage(&actual, &intervals), 0.5);
        assert!((msis(&history, &actual, &intervals, 0.95, 1) - (2.0 + 41.0) / 2.0 / 2.0).abs() < 1e-9);
    }

    #[test]
    fn rounding_puts_no_value_outside_of_an_interval_without_width() {
        let (actual, forecast) = (0.3, 0.1 + 0.2);
        assert_ne!(actual, forecast);
        assert_eq!(coverage(&[actual, -actual], &[(forecast, forecast), (-forecast, -forecast)]), 1.0);
        assert_eq!(coverage(&[0.3, 0.3], &[(0.300_000_1, 0.4), (0.2, 0.299_999_9)]), 0.0);
    }

    #[test]
    fn a_constant_history_has_no_scale() {
        assert!(mase(&[2.0; 5], &[2.0], &[2.0], 1).is_nan());
        assert!(smape(&[], &[]).is_nan());
        assert_eq!(smape(&[0.0], &[0.0]), 0.0);
    }
}
