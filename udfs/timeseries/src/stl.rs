//! Seasonal and trend decomposition by local regression (Cleveland et al., "STL", 1990).

use headwater_common::{Error, Result};

use crate::loess::Loess;
use crate::statistics::median;

/// A series as the sum of its parts.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Slow movement.
    pub trend: Vec<f64>,
    /// One repeating part for each period.
    pub seasonal: Vec<Vec<f64>>,
    /// What is left.
    pub remainder: Vec<f64>,
}

/// Settings of the decomposition.
#[derive(Debug, Clone, Copy)]
pub struct Stl {
    period: usize,
    seasonal: Loess,
    trend: Loess,
    low_pass: Loess,
    inner: usize,
    outer: usize,
}

impl Stl {
    /// The usual settings for a period and the window of the seasonal smoother (odd, at least 7; larger is stiffer).
    /// Smoothers compute every tenth of their window and interpolate, as in the authors' program, and the seasonal one
    /// is locally constant.
    pub fn new(period: usize, seasonal_window: usize) -> Self {
        let window = seasonal_window.max(3) | 1;
        let trend = (1.5 * period as f64 / (1.0 - 1.5 / window as f64)).ceil() as usize | 1;
        let low_pass = (period + 1) | 1;
        let loess = |window: usize, degree: usize| Loess { window, degree, jump: window.div_ceil(10) };
        let (seasonal, trend, low_pass) = (loess(window, 0), loess(trend, 1), loess(low_pass, 1));
        Self { period, seasonal, trend, low_pass, inner: 2, outer: 0 }
    }

    /// Down-weights outliers: one inner and fifteen outer rounds.
    #[must_use]
    pub fn robust(mut self) -> Self {
        (self.inner, self.outer) = (1, 15);
        self
    }

    /// Computes every value of the smoothers.
    #[must_use]
    pub fn exact(mut self) -> Self {
        (self.seasonal.jump, self.trend.jump, self.low_pass.jump) = (1, 1, 1);
        self
    }

    /// Number of inner rounds.
    #[must_use]
    pub fn inner(mut self, rounds: usize) -> Self {
        self.inner = rounds;
        self
    }

    /// Decomposes a series of at least two periods. O(rounds x n x window / jump).
    pub fn decompose(&self, y: &[f64]) -> Result<Parts> {
        let n = y.len();
        if self.period < 2 || n < 2 * self.period {
            return Err(Error::invalid(format!(
                "a season of {} needs at least {} values; the series has {n}",
                self.period,
                2 * self.period.max(2)
            )));
        }
        let (mut trend, mut seasonal) = (vec![0.0; n], vec![0.0; n]);
        let mut weights: Option<Vec<f64>> = None;
        for round in 0..=self.outer {
            for _ in 0..self.inner {
                self.round(y, weights.as_deref(), &mut trend, &mut seasonal);
            }
            if round < self.outer {
                weights = Some(robustness(y, &trend, &seasonal));
            }
        }
        let remainder = (0..n).map(|i| y[i] - trend[i] - seasonal[i]).collect();
        Ok(Parts { trend, seasonal: vec![seasonal], remainder })
    }

    fn round(&self, y: &[f64], weights: Option<&[f64]>, trend: &mut [f64], seasonal: &mut [f64]) {
        let (n, period) = (y.len(), self.period);
        let detrended: Vec<f64> = (0..n).map(|i| y[i] - trend[i]).collect();
        let cycle = self.smooth_cycles(&detrended, weights);
        let averaged = moving_average(&moving_average(&moving_average(&cycle, period), period), 3);
        let mut low = vec![0.0; n];
        self.low_pass.smooth(&averaged, None, &mut low);
        (0..n).for_each(|i| seasonal[i] = cycle[period + i] - low[i]);
        let deseasonal: Vec<f64> = (0..n).map(|i| y[i] - seasonal[i]).collect();
        self.trend.smooth(&deseasonal, weights, trend);
    }

    /// Smooths the values of each phase of the season and continues them by one at both ends.
    fn smooth_cycles(&self, detrended: &[f64], weights: Option<&[f64]>) -> Vec<f64> {
        let (n, period) = (detrended.len(), self.period);
        let mut cycle = vec![0.0; n + 2 * period];
        for phase in 0..period {
            let values: Vec<f64> = detrended.iter().skip(phase).step_by(period).copied().collect();
            let own: Option<Vec<f64>> = weights.map(|w| w.iter().skip(phase).step_by(period).copied().collect());
            let (k, own) = (values.len(), own.as_deref());
            let mut smooth = vec![0.0; k];
            self.seasonal.smooth(&values, own, &mut smooth);
            let right = self.seasonal.window.min(k) - 1;
            let left = k.saturating_sub(self.seasonal.window);
            let before = self.seasonal.fit(&values, own, -1.0, 0, right).unwrap_or(smooth[0]);
            let after = self.seasonal.fit(&values, own, k as f64, left, k - 1).unwrap_or(smooth[k - 1]);
            cycle[phase] = before;
            smooth.iter().enumerate().for_each(|(i, v)| cycle[(i + 1) * period + phase] = *v);
            cycle[(k + 1) * period + phase] = after;
        }
        cycle
    }
}

fn moving_average(x: &[f64], width: usize) -> Vec<f64> {
    let mut sum: f64 = x[..width].iter().sum();
    let mut out = Vec::with_capacity(x.len() + 1 - width);
    out.push(sum / width as f64);
    for i in width..x.len() {
        sum += x[i] - x[i - width];
        out.push(sum / width as f64);
    }
    out
}

fn robustness(y: &[f64], trend: &[f64], seasonal: &[f64]) -> Vec<f64> {
    let residuals: Vec<f64> = (0..y.len()).map(|i| (y[i] - trend[i] - seasonal[i]).abs()).collect();
    let bound = 6.0 * median(&residuals);
    let weight = |r: f64| match r {
        r if r <= 0.001 * bound => 1.0,
        r if r <= 0.999 * bound => (1.0 - (r / bound).powi(2)).powi(2),
        _ => 0.0,
    };
    residuals.into_iter().map(weight).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_a_season_comes_apart() {
        let season = [3.0, -1.0, 0.0, -2.0];
        let y: Vec<f64> = (0..40).map(|t| 10.0 + 0.05 * t as f64 + season[t % 4]).collect();
        for stl in [Stl::new(4, 11), Stl::new(4, 11).exact(), Stl::new(4, 11).inner(5)] {
            let parts = stl.decompose(&y).unwrap();
            assert!(parts.remainder.iter().all(|r| r.abs() < 0.1));
            assert!((0..40).all(|t| (parts.seasonal[0][t] - season[t % 4]).abs() < 0.1));
        }
    }

    #[test]
    fn an_outlier_stays_in_the_remainder_of_a_robust_decomposition() {
        let mut random = crate::random::Random::new(2);
        let mut y: Vec<f64> = (0..60).map(|t| f64::from(t % 6) + 0.1 * random.normal()).collect();
        y[31] += 100.0;
        let parts = Stl::new(6, 7).robust().decompose(&y).unwrap();
        assert!(parts.remainder[31] > 95.0);
        assert!(parts.remainder[37].abs() < 1.0);
    }

    #[test]
    fn fewer_than_two_seasons_are_refused() {
        assert!(Stl::new(12, 11).decompose(&[1.0; 23]).is_err());
        assert!(Stl::new(1, 11).decompose(&[1.0; 23]).is_err());
    }
}
