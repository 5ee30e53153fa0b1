//! Two-sample Kolmogorov-Smirnov test.

use super::{Drift, DriftTest, fault};
use crate::statistics::sorted;
use crate::statistics::special::kolmogorov_upper;
use crate::status::Status;

/// Two-sample Kolmogorov-Smirnov test (Smirnov 1939): the largest distance of the empirical distribution functions, and its
/// p-value by the limit distribution at the samples' effective size (Hodges 1958), which is conservative for small samples and
/// when values repeat. O(n log n).
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
        let p_value = kolmogorov_upper((n * m / (n + m)).sqrt() * statistic);
        Drift { statistic, p_value, is_drift: p_value < self.significance, status: Status::Ok }
    }
}
