//! Box-Cox transforms (Box & Cox, "An analysis of transformations", 1964).

use crate::statistics::{deviation, mean};

/// The transform of one lambda: the logarithm at 0, otherwise a signed power (Bickel & Doksum, 1981).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoxCox {
    lambda: f64,
}

impl BoxCox {
    /// The transform of a lambda.
    pub fn new(lambda: f64) -> Self {
        Self { lambda }
    }

    /// The lambda.
    pub fn lambda(&self) -> f64 {
        self.lambda
    }

    /// The lambda in [-1, 2] that makes the variation of blocks of one season most alike (Guerrero, "Time-series analysis
    /// supported by power transformations", 1993). `None` for values that are not all positive or fewer than two blocks.
    /// O(n) for each of some 60 tries of golden section search.
    pub fn guerrero(values: &[f64], period: usize) -> Option<Self> {
        let period = period.max(2);
        let skip = values.len() % period;
        let blocks: Vec<(f64, f64)> =
            values.get(skip..)?.chunks_exact(period).map(|block| (mean(block), deviation(block))).collect();
        if blocks.len() < 2 || values.iter().any(|v| !(*v > 0.0)) {
            return None;
        }
        let variation = |lambda: f64| {
            let ratios: Vec<f64> = blocks.iter().map(|(m, s)| s / m.powf(1.0 - lambda)).collect();
            deviation(&ratios) / mean(&ratios)
        };
        let golden = (5.0_f64.sqrt() - 1.0) / 2.0;
        let (mut low, mut high) = (-1.0, 2.0);
        for _ in 0..60 {
            let width = golden * (high - low);
            if variation(high - width) < variation(low + width) { high = low + width } else { low = high - width }
        }
        let lambda = (low + high) / 2.0;
        variation(lambda).is_finite().then_some(Self { lambda })
    }

    /// Transforms one value. NaN for a value that is not positive at a lambda of at most 0.
    pub fn apply(&self, x: f64) -> f64 {
        if self.lambda.abs() < 1e-9 { x.ln() } else { (x.signum() * x.abs().powf(self.lambda) - 1.0) / self.lambda }
    }

    /// The value that was transformed. A transformed value that has none gives an infinity or NaN.
    pub fn invert(&self, y: f64) -> f64 {
        if self.lambda.abs() < 1e-9 {
            return y.exp();
        }
        let base = self.lambda * y + 1.0;
        if self.lambda < 0.0 && base <= 0.0 {
            return f64::INFINITY;
        }
        base.signum() * base.abs().powf(1.0 / self.lambda)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transform_and_inverse_undo_each_other() {
        for lambda in [-0.5, 0.0, 0.3, 1.0, 2.0] {
            for x in [0.01, 1.0, 7.5, 1e6] {
                let transform = BoxCox::new(lambda);
                let back = transform.invert(transform.apply(x));
                assert!((back - x).abs() < 1e-7 * x, "{lambda} {x} {back}");
            }
        }
    }

    #[test]
    fn a_season_that_grows_with_the_level_asks_for_the_logarithm() {
        let values: Vec<f64> =
            (0..120).map(|t| (0.02 * t as f64 + 0.3 * (t as f64 * std::f64::consts::FRAC_PI_6).sin()).exp()).collect();
        assert!(BoxCox::guerrero(&values, 12).unwrap().lambda().abs() < 0.1);
        assert!(BoxCox::guerrero(&[0.0, 1.0, 2.0, 3.0], 2).is_none());
    }
}
