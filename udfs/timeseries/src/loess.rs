//! Local regression on values at 1, 2, ..., n (Cleveland, "Robust locally weighted regression", 1979), as STL uses it.

/// How a smoother looks at its neighbourhood.
#[derive(Debug, Clone, Copy)]
pub struct Loess {
    /// Number of neighbours; wider than the series is allowed.
    pub window: usize,
    /// Degree of the local polynomial, 0 or 1.
    pub degree: usize,
    /// The fit is computed at every `jump`-th value and interpolated in between.
    pub jump: usize,
}

impl Loess {
    /// Smooths all values. Weights are one for each value. O(n x window / jump).
    pub fn smooth(&self, y: &[f64], weights: Option<&[f64]>, out: &mut [f64]) {
        let n = y.len();
        if n < 2 {
            out.copy_from_slice(y);
            return;
        }
        let jump = self.jump.clamp(1, n - 1);
        let mut previous = 0;
        let mut at = 0;
        loop {
            let (left, right) = self.neighbours(n, at);
            out[at] = self.fit(y, weights, at as f64, left, right).unwrap_or(y[at]);
            if at > previous + 1 {
                let slope = (out[at] - out[previous]) / (at - previous) as f64;
                (previous + 1..at).for_each(|i| out[i] = out[previous] + slope * (i - previous) as f64);
            }
            if at == n - 1 {
                break;
            }
            previous = at;
            at = (at + jump).min(n - 1);
        }
    }

    /// First and last neighbour of a place.
    fn neighbours(&self, n: usize, at: usize) -> (usize, usize) {
        if self.window >= n {
            return (0, n - 1);
        }
        let left = at.saturating_sub(self.window.div_ceil(2) - 1).min(n - self.window);
        (left, left + self.window - 1)
    }

    /// Value of the local polynomial at a place that may lie outside; `None` when all weights are zero.
    pub fn fit(&self, y: &[f64], weights: Option<&[f64]>, at: f64, left: usize, right: usize) -> Option<f64> {
        let n = y.len();
        let mut reach = (at - left as f64).max(right as f64 - at);
        if self.window > n {
            reach += ((self.window - n) / 2) as f64;
        }
        let (mut total, mut first, mut second, mut value, mut moment) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for j in left..=right {
            let offset = j as f64 - at;
            let distance = offset.abs();
            if distance > 0.999 * reach {
                continue;
            }
            let mut weight = if distance <= 0.001 * reach { 1.0 } else { tricube(distance / reach) };
            if let Some(weights) = weights {
                weight *= weights[j];
            }
            total += weight;
            first += weight * offset;
            second += weight * offset * offset;
            value += weight * y[j];
            moment += weight * offset * y[j];
        }
        if total <= 0.0 {
            return None;
        }
        let (mean, level) = (first / total, value / total);
        let spread = second / total - mean * mean;
        if self.degree == 0 || reach <= 0.0 || spread.max(0.0).sqrt() <= 0.001 * (n as f64 - 1.0) {
            return Some(level);
        }
        Some(level - mean * (moment / total - mean * level) / spread)
    }
}

fn tricube(x: f64) -> f64 {
    let rest = 1.0 - x * x * x;
    rest * rest * rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn straight_lines_stay_as_they_are() {
        let y: Vec<f64> = (0..30).map(|t| 3.0 - 0.5 * f64::from(t)).collect();
        for (window, jump) in [(7, 1), (7, 3), (51, 1), (51, 10)] {
            let mut out = vec![0.0; 30];
            Loess { window, degree: 1, jump }.smooth(&y, None, &mut out);
            assert!(out.iter().zip(&y).all(|(a, b)| (a - b).abs() < 1e-9), "{window} {jump}");
        }
    }

    #[test]
    fn short_series_are_smoothed_without_complaint() {
        for n in 0..4_usize {
            let y = vec![1.0; n];
            let mut out = vec![0.0; n];
            Loess { window: 5, degree: 1, jump: 2 }.smooth(&y, None, &mut out);
            assert!(out.iter().all(|v| (v - 1.0).abs() < 1e-12));
        }
    }
}
