//! Population stability index.

use super::{Drift, DriftTest, fault};
use crate::statistics::sorted;
use crate::status::Status;

/// Population stability index (Siddiqi: Credit risk scorecards, 2006): the sum of `(c - r) ln(c / r)` over the shares of current
/// and reference values in the quantile bins of the reference. Bins between equal quantiles are joined; empty bins count as
/// half a value. Below 0.1 stable, from 0.2 on drift by convention. O(n log n).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PopulationStability {
    /// Quantile bins, 2 to 1000.
    pub bins: usize,
    /// The index from which it is called drift.
    pub threshold: f64,
}

impl Default for PopulationStability {
    fn default() -> Self {
        Self { bins: 10, threshold: 0.2 }
    }
}

impl DriftTest for PopulationStability {
    fn name(&self) -> &'static str {
        "psi"
    }

    fn compare(&self, reference: &[f64], current: &[f64]) -> Drift {
        if let Some(status) = fault(reference, current) {
            return Drift::unknown(status);
        }
        let (reference, current) = (sorted::sorted_finite(reference), sorted::sorted_finite(current));
        let bins = self.bins.clamp(2, 1000);
        let mut edges: Vec<f64> = (1..bins).map(|i| sorted::quantile(&reference, i as f64 / bins as f64)).collect();
        edges.dedup();
        // When most values equal one, they and what is above them are parted too.
        if edges.last() == reference.last() && edges.len() == 1 {
            edges.insert(0, edges[0].next_down());
        }
        let (expected, found) = (shares(&reference, &edges), shares(&current, &edges));
        let statistic: f64 = expected.iter().zip(&found).map(|(e, f)| (f - e) * (f / e).ln()).sum();
        Drift { statistic, p_value: f64::NAN, is_drift: statistic >= self.threshold, status: Status::Ok }
    }
}

/// Shares of sorted values in the bins that end at the edges, which they hold.
fn shares(sorted: &[f64], edges: &[f64]) -> Vec<f64> {
    let n = sorted.len() as f64;
    let mut from = 0;
    let mut ends: Vec<usize> = edges.iter().map(|e| sorted.partition_point(|v| v <= e)).collect();
    ends.push(sorted.len());
    let share = |end: usize| {
        let count = end - std::mem::replace(&mut from, end);
        (count as f64).max(0.5) / n
    };
    ends.into_iter().map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_data_is_stable_and_other_data_is_not() {
        let reference: Vec<f64> = (0..1000).map(f64::from).collect();
        let same = PopulationStability::default().compare(&reference, &reference);
        assert!(same.statistic.abs() < 1e-12 && !same.is_drift);
        // Half of the values in the upper half: shares 0 and 0.2 against 0.1.
        let upper = PopulationStability::default().compare(&reference, &reference[500..]);
        let of_bin = |f: f64| (f - 0.1) * (f / 0.1f64).ln();
        assert!((upper.statistic - 5.0 * (of_bin(0.2) + of_bin(0.5 / 500.0))).abs() < 0.02, "{}", upper.statistic);
        assert!(upper.is_drift);
    }

    #[test]
    fn a_column_of_one_value_drifts_when_it_changes() {
        let psi = PopulationStability::default();
        assert!(!psi.compare(&[3.0; 50], &[3.0; 20]).is_drift);
        assert!(psi.compare(&[3.0; 50], &[2.0; 20]).is_drift);
        assert!(psi.compare(&[3.0; 50], &[4.0; 20]).is_drift);
        assert_eq!(psi.compare(&[], &[1.0]).status, Status::Empty);
        assert_eq!(psi.compare(&[1.0], &[f64::NAN]).status, Status::AllMissing);
    }
}
