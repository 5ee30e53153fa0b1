//! Two-sample Kolmogorov-Smirnov test.

use super::{Drift, DriftTest, fault};
use crate::statistics::sorted;
use crate::statistics::special::kolmogorov_upper;
use crate::status::Status;

/// Two-sample Kolmogorov-Smirnov test (Smirnov 1939): the largest distance of the empirical distribution functions, and its
/// p-value: exact for two small samples (Hodges 1958), by the limit distribution at their effective size for larger ones. Both are
/// conservative when values repeat. O(n log n), and O(n m) of small samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KolmogorovSmirnov {
    /// The p-value below which it is called drift.
    pub significance: f64,
}

impl Default for KolmogorovSmirnov {
    fn default() -> Self {
        Self { significance: 0.05 }
    }
}

impl DriftTest for KolmogorovSmirnov {
    fn name(&self) -> &'static str {
        "ks"
    }

    fn compare(&self, reference: &[f64], current: &[f64]) -> Drift {
        if let Some(status) = fault(reference, current) {
            return Drift::unknown(status);
        }
        let (a, b) = (sorted::sorted_finite(reference), sorted::sorted_finite(current));
        let (n, m) = (a.len() as f64, b.len() as f64);
        let (mut i, mut j, mut statistic) = (0, 0, 0.0f64);
        while i < a.len() && j < b.len() {
            let value = a[i].min(b[j]);
            i += a[i..].iter().take_while(|v| **v <= value).count();
            j += b[j..].iter().take_while(|v| **v <= value).count();
            statistic = statistic.max((i as f64 / n - j as f64 / m).abs());
        }
        let p_value = match a.len() * b.len() <= EXACT_MAX {
            true => exact(statistic, a.len(), b.len()),
            false => kolmogorov_upper((n * m / (n + m)).sqrt() * statistic),
        };
        Drift { statistic, p_value, is_drift: p_value < self.significance, status: Status::Ok }
    }
}

/// Pairs of values up to which the p-value is exact.
const EXACT_MAX: usize = 10_000;

/// The share of all orders of `n` and `m` different values whose distance is at least `statistic`: one minus that of the paths
/// in a lattice that stay closer to its diagonal.
fn exact(statistic: f64, n: usize, m: usize) -> f64 {
    let (rows, columns) = (n as f64, m as f64);
    // Distances are whole multiples of 1 / (n m).
    let most = (statistic * rows * columns).round() - 0.5;
    let is_within = |i: usize, j: usize| (i as f64 * columns - j as f64 * rows).abs() < most;
    let mut inside: Vec<f64> = (0..=m).map(|j| f64::from(u8::from(is_within(0, j)))).collect();
    for i in 1..=n {
        let weight = i as f64 / (i + m) as f64;
        inside[0] = if is_within(i, 0) { inside[0] * weight } else { 0.0 };
        for j in 1..=m {
            inside[j] = if is_within(i, j) { weight * inside[j] + inside[j - 1] } else { 0.0 };
        }
    }
    (1.0 - inside[m]).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Expected values are those of scipy.stats.ks_2samp with method = "exact".
    #[test]
    fn small_samples_have_exact_p_values() {
        let second = [3.0, 4.0, 5.0, 6.0, 17.0, 8.0, 19.0, 10.0, 11.0, 12.0, 13.0];
        let first: Vec<f64> = (1..=10).map(f64::from).collect();
        let found = KolmogorovSmirnov::default().compare(&first, &second);
        assert!((found.p_value - 0.135_990_428_560_088_03).abs() < 1e-9, "{found:?}");
        assert!((exact(1.0, 1, 1) - 1.0).abs() < 1e-12);
        assert!((exact(1.0, 3, 3) - 0.1).abs() < 1e-12, "two of the twenty orders");
    }
}
