//! Correlation of a series with its own past, and differences.

use crate::statistics::mean;

/// Autocorrelations of lags 0 to `lags`; zeros after lag 0 for a constant series. O(n x lags).
pub fn autocorrelation(x: &[f64], lags: usize) -> Vec<f64> {
    let m = mean(x);
    let centred: Vec<f64> = x.iter().map(|v| v - m).collect();
    let total: f64 = centred.iter().map(|v| v * v).sum();
    let mut out: Vec<f64> = (0..=lags)
        .map(|lag| {
            let products = centred.iter().zip(centred.get(lag..).unwrap_or_default()).map(|(a, b)| a * b);
            if total > 0.0 { products.sum::<f64>() / total } else { 0.0 }
        })
        .collect();
    out[0] = 1.0;
    out
}

/// Partial autocorrelations of lags 1 to `lags` (Durbin & Levinson). O(lags² + n x lags).
pub fn partial_autocorrelation(x: &[f64], lags: usize) -> Vec<f64> {
    let acf = autocorrelation(x, lags);
    let (mut phi, mut out) = (Vec::<f64>::new(), Vec::with_capacity(lags));
    for k in 1..=lags {
        let numerator = acf[k] - phi.iter().enumerate().map(|(j, p)| p * acf[k - 1 - j]).sum::<f64>();
        let denominator = 1.0 - phi.iter().enumerate().map(|(j, p)| p * acf[j + 1]).sum::<f64>();
        let partial = if denominator.abs() > 1e-12 { numerator / denominator } else { 0.0 };
        let reversed: Vec<f64> = phi.iter().rev().copied().collect();
        phi.iter_mut().zip(reversed).for_each(|(p, r)| *p -= partial * r);
        phi.push(partial);
        out.push(partial);
    }
    out
}

/// Differences at a lag, `lag` values fewer. O(n).
pub fn difference(x: &[f64], lag: usize) -> Vec<f64> {
    x.get(lag..).unwrap_or_default().iter().zip(x).map(|(later, earlier)| later - earlier).collect()
}

/// [`difference`] taken several times.
pub fn difference_times(x: &[f64], lag: usize, times: usize) -> Vec<f64> {
    (0..times).fold(x.to_vec(), |x, _| difference(&x, lag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlations_of_known_numbers() {
        let acf = autocorrelation(&[1.0, 2.0, 3.0, 4.0, 5.0], 2);
        assert!((acf[1] - 0.4).abs() < 1e-12 && (acf[2] + 0.1).abs() < 1e-12);
        let pacf = partial_autocorrelation(&[1.0, 2.0, 3.0, 4.0, 5.0], 2);
        assert!((pacf[0] - 0.4).abs() < 1e-12 && (pacf[1] - (-0.1 - 0.16) / (1.0 - 0.16)).abs() < 1e-12);
        assert_eq!(autocorrelation(&[3.0; 4], 2), [1.0, 0.0, 0.0]);
        assert_eq!(autocorrelation(&[], 1), [1.0, 0.0]);
    }

    #[test]
    fn differences_remove_trend_and_season() {
        let x: Vec<f64> = (0..12).map(|t| 2.0 * f64::from(t) + f64::from(t % 4)).collect();
        assert_eq!(difference(&x, 4), [8.0; 8]);
        assert_eq!(difference_times(&x, 4, 2), [0.0; 4]);
        assert!(difference(&[1.0], 3).is_empty());
    }
}
