//! Measures of predicted numbers.

use crate::metrics::Metric;

pub(super) fn measure(metric: Metric, known: &[f64], predicted: &[f64]) -> Option<f64> {
    if known.is_empty() || known.len() != predicted.len() {
        return None;
    }
    let pairs = || known.iter().zip(predicted).map(|(y, p)| (*y, *p));
    match metric {
        Metric::Rmse => Some(root_mean_square(pairs().map(|(y, p)| y - p))),
        Metric::Mae => mean(pairs().map(|(y, p)| (y - p).abs())),
        Metric::R2 => {
            let centre = mean(known.iter().copied())?;
            let spread = root_mean_square(known.iter().map(|y| y - centre));
            let error = root_mean_square(pairs().map(|(y, p)| y - p));
            (spread > 0.0).then(|| 1.0 - (error / spread).powi(2))
        }
        Metric::Mape => mean(pairs().filter(|(y, _)| *y != 0.0).map(|(y, p)| ((y - p) / y).abs())),
        Metric::Smape => mean(pairs().map(|(y, p)| {
            let sum = y.abs() / 2.0 + p.abs() / 2.0;
            if sum > 0.0 { (y - p).abs() / sum } else { 0.0 }
        })),
        _ => None,
    }
}

/// Mean of values, none of nothing. Values are divided before they are added, so that large values do not overflow.
fn mean(values: impl Iterator<Item = f64> + Clone) -> Option<f64> {
    let count = values.clone().count() as f64;
    (count > 0.0).then(|| values.map(|v| v / count).sum())
}

/// Root of the mean of squares, without overflow of the squares.
fn root_mean_square(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = values.clone().fold(0.0, |a: f64, v| if a.is_nan() || v.is_nan() { f64::NAN } else { a.max(v.abs()) });
    if largest == 0.0 || !largest.is_finite() {
        return largest;
    }
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), v| (sum + (v / largest).powi(2), count + 1.0));
    largest * (sum / count).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn huge_values_are_measured_and_constants_have_no_r2() {
        let (y, p) = ([1e300, -1e300, 1e300], [0.5e300, -0.5e300, 1.5e300]);
        assert!((measure(Metric::Rmse, &y, &p).unwrap() / 0.5e300 - 1.0).abs() < 1e-12);
        assert!(measure(Metric::R2, &y, &p).unwrap() > 0.6);
        assert!((measure(Metric::Mae, &y, &p).unwrap() / 0.5e300 - 1.0).abs() < 1e-12);
        assert_eq!(measure(Metric::R2, &[2.0, 2.0], &[2.0, 1.0]), None);
        assert_eq!(measure(Metric::Mape, &[0.0, 2.0], &[9.0, 1.0]), Some(0.5));
        assert_eq!(measure(Metric::Mape, &[0.0], &[9.0]), None);
        assert_eq!(measure(Metric::Smape, &[0.0, 0.0], &[0.0, 1.0]), Some(1.0));
        assert!(measure(Metric::Rmse, &[1.0, 1.0], &[f64::NAN, 1.0]).unwrap().is_nan());
        assert_eq!(measure(Metric::Rmse, &[], &[]), None);
        assert_eq!(measure(Metric::Accuracy, &[1.0], &[1.0]), None);
    }
}
