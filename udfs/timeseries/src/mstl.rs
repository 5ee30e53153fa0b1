//! Decomposition with several seasons.

use headwater_common::{Error, Result};

use crate::stl::{Parts, Stl};

/// MSTL (Bandara, Hyndman & Bergmeir, "MSTL: a seasonal-trend decomposition algorithm for time series with multiple
/// seasonal patterns", 2021): STL for each period in turn, the shortest first, on the series without the other seasons,
/// twice. Periods of which there are fewer than two are refused. O(rounds x periods x one STL).
pub fn decompose(y: &[f64], periods: &[usize]) -> Result<Parts> {
    decompose_with(y, periods, |stl| stl)
}

/// [`decompose`] with changed settings of each STL.
pub fn decompose_with(y: &[f64], periods: &[usize], settings: impl Fn(Stl) -> Stl) -> Result<Parts> {
    let mut periods = periods.to_vec();
    periods.sort_unstable();
    periods.dedup();
    if periods.is_empty() {
        return Err(Error::invalid("a decomposition needs a seasonality; set seasonality"));
    }
    let n = y.len();
    let mut seasonal = vec![vec![0.0; n]; periods.len()];
    let mut trend = Vec::new();
    let mut rest = y.to_vec();
    for _ in 0..if periods.len() > 1 { 2 } else { 1 } {
        for (i, period) in periods.iter().enumerate() {
            rest.iter_mut().zip(&seasonal[i]).for_each(|(r, s)| *r += s);
            let mut parts = settings(Stl::new(*period, 7 + 4 * (i + 1))).decompose(&rest)?;
            seasonal[i] = parts.seasonal.swap_remove(0);
            rest.iter_mut().zip(&seasonal[i]).for_each(|(r, s)| *r -= s);
            trend = parts.trend;
        }
    }
    let remainder = rest.iter().zip(&trend).map(|(r, t)| r - t).collect();
    Ok(Parts { trend, seasonal, remainder })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_seasons_are_told_apart_and_the_parts_add_up() {
        let wave = |t: usize, period: f64| (t as f64 * std::f64::consts::TAU / period).sin();
        let y: Vec<f64> = (0..24 * 28).map(|t| 50.0 + 5.0 * wave(t, 24.0) + 3.0 * wave(t, 168.0)).collect();
        let parts = decompose(&y, &[168, 24]).unwrap();
        for t in 100..500 {
            assert!((parts.seasonal[0][t] - 5.0 * wave(t, 24.0)).abs() < 0.4);
            assert!((parts.seasonal[1][t] - 3.0 * wave(t, 168.0)).abs() < 0.4);
            let sum = parts.trend[t] + parts.seasonal[0][t] + parts.seasonal[1][t] + parts.remainder[t];
            assert!((sum - y[t]).abs() < 1e-9);
        }
        assert!(decompose(&y, &[]).is_err());
    }
}
