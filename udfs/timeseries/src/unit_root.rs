//! How often a series must be differenced before it is stationary.

use crate::autocorrelation::difference;
use crate::linear::{Matrix, dot, least_squares, solve_positive};
use crate::seasonality;
use crate::statistics::{is_constant, mean};

/// Statistic of the test for stationarity around a level (Kwiatkowski et al., "Testing the null hypothesis of
/// stationarity against the alternative of a unit root", 1992) with Bartlett weights. O(n x lags).
pub fn kpss(x: &[f64]) -> f64 {
    let n = x.len() as f64;
    let lags = (3.0 * n.sqrt() / 13.0) as usize;
    let m = mean(x);
    let e: Vec<f64> = x.iter().map(|v| v - m).collect();
    let mut sum = 0.0;
    let partial: f64 = e
        .iter()
        .map(|v| {
            sum += v;
            sum * sum
        })
        .sum();
    let mut variance = dot(&e, &e);
    for lag in 1..=lags.min(e.len().saturating_sub(1)) {
        variance += 2.0 * (1.0 - lag as f64 / (lags as f64 + 1.0)) * dot(&e[lag..], &e);
    }
    if variance > 0.0 { partial / (n * variance) } else { 0.0 }
}

/// Critical value of [`kpss`] at 5 %.
pub const KPSS_CRITICAL: f64 = 0.463;

/// Number of first differences, at most two, after which [`kpss`] no longer rejects. O(n^1.5).
pub fn differences(x: &[f64]) -> usize {
    let mut x = x.to_vec();
    for d in 0..2 {
        if x.len() < 4 || is_constant(&x) || kpss(&x) <= KPSS_CRITICAL {
            return d;
        }
        x = difference(&x, 1);
    }
    2
}

/// Number of seasonal differences, 0 or 1, by the strength of the season (Wang, Smith & Hyndman, "Characteristic-based
/// clustering for time series data", 2006; threshold 0.64 as in Hyndman's forecast package). O(one STL).
pub fn seasonal_differences(x: &[f64], period: usize) -> usize {
    if period < 2 || x.len() < 2 * period + 1 || is_constant(x) {
        return 0;
    }
    usize::from(seasonality::strength(x, period).is_some_and(|strength| strength > 0.64))
}

/// Statistic and critical value (5 %) of the test for a seasonal unit root (Osborn et al., "Seasonality and the order
/// of integration for consumption", 1988) with up to three lags chosen by AIC. A statistic below the critical value
/// rejects the unit root. `None` when the series is too short. O(n).
pub fn ocsb(x: &[f64], period: usize) -> Option<(f64, f64)> {
    if period < 2 {
        return None;
    }
    let (_, statistic) = (0..=3).filter_map(|lags| ocsb_regression(x, period, lags)).min_by(|a, b| a.0.total_cmp(&b.0))?;
    // Response surface of simulated critical values in Hyndman's forecast package.
    let distance = (period as f64).ln() - 0.765_645_1;
    let critical = -0.293_741_1 * (-0.285_085_3 * distance - 0.059_836_44 * distance * distance).exp() - 1.652_202;
    Some((statistic, critical))
}

/// AIC and t statistic of the seasonal term with a number of lags.
fn ocsb_regression(x: &[f64], period: usize, lags: usize) -> Option<(f64, f64)> {
    let seasonal = difference(x, period);
    let plain = difference(x, 1);
    let y = difference(&seasonal, 1);
    // The lags filter both regressors.
    let lagged = Matrix::from_fn(y.len().checked_sub(lags)?, lags, |r, c| y[lags + r - c - 1]);
    let filter = if lags == 0 { Vec::new() } else { least_squares(&lagged, &y[lags..])? };
    let filtered = |z: &[f64], t: usize| z[t] - (0..lags).map(|k| filter[k] * z[t - k - 1]).sum::<f64>();
    // y[t] belongs to x[t + period + 1], seasonal[t] to x[t + period], plain[t] to x[t + 1].
    let rows = y.len() - lags;
    if rows < 8 + lags {
        return None;
    }
    let design = Matrix::from_fn(rows, 2 + lags, |r, c| {
        let t = lags + r;
        match c {
            0 => filtered(&seasonal, t),
            1 => filtered(&plain, t),
            c => y[t - (c - 1)],
        }
    });
    let target = &y[lags..];
    let coefficients = least_squares(&design, target)?;
    let residuals: f64 = design.times(&coefficients).iter().zip(target).map(|(f, y)| (y - f) * (y - f)).sum();
    let k = coefficients.len();
    let mut unit = vec![0.0; k];
    unit[1] = 1.0;
    let inverse = solve_positive(&design.gram(), &unit)?[1];
    let error = (residuals / (rows - k) as f64 * inverse).sqrt();
    let aic = rows as f64 * (residuals / rows as f64).ln() + 2.0 * k as f64;
    (error > 0.0).then(|| (aic, coefficients[1] / error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn walk(seed: u64, n: usize) -> Vec<f64> {
        let mut random = Random::new(seed);
        let mut level = 0.0;
        (0..n)
            .map(|_| {
                level += random.normal();
                level
            })
            .collect()
    }

    #[test]
    fn walks_need_one_difference_and_noise_none() {
        let mut random = Random::new(3);
        let noise: Vec<f64> = (0..200).map(|_| random.normal()).collect();
        assert_eq!(differences(&noise), 0);
        assert_eq!(differences(&walk(1, 200)), 1);
        assert_eq!(differences(&[5.0; 50]), 0);
        assert_eq!(differences(&[]), 0);
    }

    #[test]
    fn strong_seasons_need_a_seasonal_difference() {
        let mut random = Random::new(5);
        let season: Vec<f64> = (0..120).map(|t| 5.0 * f64::from(t % 12) + random.normal()).collect();
        assert_eq!(seasonal_differences(&season, 12), 1);
        assert_eq!(seasonal_differences(&walk(2, 120), 12), 0);
        assert_eq!(seasonal_differences(&season[..20], 12), 0);
    }

    #[test]
    fn a_seasonal_walk_keeps_its_unit_root_and_noise_loses_it() {
        let mut random = Random::new(7);
        let mut x: Vec<f64> = (0..4).map(|_| random.normal()).collect();
        (4..200).for_each(|t| x.push(x[t - 4] + random.normal()));
        let (statistic, critical) = ocsb(&x, 4).unwrap();
        assert!(statistic > critical);
        let noise: Vec<f64> = (0..200).map(|_| random.normal()).collect();
        let (statistic, critical) = ocsb(&noise, 4).unwrap();
        assert!(statistic < critical);
        assert!(ocsb(&x[..6], 4).is_none());
    }
}
