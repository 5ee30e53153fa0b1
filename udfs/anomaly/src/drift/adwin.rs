//! Adaptive window.

use std::collections::VecDeque;

use super::{Drift, DriftTest, fault};
use crate::statistics::finite;
use crate::status::Status;

/// ADWIN2 (Bifet and Gavaldà: Learning from time-changing data with adaptive windowing, SDM 2007): a window over a stream that
/// is cut whenever the means of an older and a newer part differ by more than chance allows. As a test it reads the reference
/// and then the current values; drift is a cut while reading the current ones, and the statistic is the change of the
/// window's mean over them. Values are scaled by the reference's range, as the bound is one for values of range 1.
/// O(log n) a value, O(log n) memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adwin {
    /// Probability of a cut without a change.
    pub delta: f64,
}

impl Default for Adwin {
    fn default() -> Self {
        Self { delta: 0.002 }
    }
}

impl DriftTest for Adwin {
    fn name(&self) -> &'static str {
        "adwin"
    }

    fn compare(&self, reference: &[f64], current: &[f64]) -> Drift {
        if let Some(status) = fault(reference, current) {
            return Drift::unknown(status);
        }
        let known = || reference.iter().filter_map(|v| finite(*v));
        let (low, high) = known().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        let range = (high - low).max(crate::statistics::scale_floor(high));
        let mut window = Window::new(self.delta);
        known().for_each(|v| {
            window.push((v - low) / range);
        });
        let before = kept(reference, &[], window.total().count);
        // Far outside of the reference's range all values count alike.
        let scaled = |v: f64| ((v - low) / range).clamp(-1.0, 2.0);
        let mut is_drift = false;
        current.iter().filter_map(|v| finite(*v)).for_each(|v| is_drift |= window.push(scaled(v)));
        let statistic = kept(reference, current, window.total().count) - before;
        Drift { statistic, p_value: f64::NAN, is_drift, status: Status::Ok }
    }
}

/// Mean of the last `count` of all values.
fn kept(reference: &[f64], current: &[f64], count: f64) -> f64 {
    let last = current.iter().rev().chain(reference.iter().rev()).filter_map(|v| finite(*v));
    last.take(count as usize).sum::<f64>() / count.max(1.0)
}

/// Buckets of a size before two are joined.
const BUCKETS_MAX: usize = 5;
/// Values between looks for a cut, and the fewest in a part.
const LOOK_EVERY: usize = 32;
const PART_MIN: f64 = 5.0;

/// Count, sum and sum of squared distances from its mean.
#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    count: f64,
    sum: f64,
    spread: f64,
}

impl Bucket {
    fn joined(self, other: Bucket) -> Bucket {
        if self.count == 0.0 {
            return other;
        }
        let count = self.count + other.count;
        let apart = self.sum / self.count - other.sum / other.count;
        let spread = self.spread + other.spread + apart * apart * self.count * other.count / count;
        Bucket { count, sum: self.sum + other.sum, spread }
    }
}

/// The window as buckets of doubling sizes, newest first.
#[derive(Debug, Clone)]
struct Window {
    delta: f64,
    rows: Vec<VecDeque<Bucket>>,
    seen: usize,
}

impl Window {
    fn new(delta: f64) -> Self {
        let delta = if delta > 0.0 && delta < 1.0 { delta } else { Adwin::default().delta };
        Self { delta, rows: vec![VecDeque::new()], seen: 0 }
    }

    fn total(&self) -> Bucket {
        self.rows.iter().flatten().fold(Bucket::default(), |sum, b| sum.joined(*b))
    }

    /// Adds a value; whether the window was cut.
    fn push(&mut self, value: f64) -> bool {
        self.rows[0].push_front(Bucket { count: 1.0, sum: value, spread: 0.0 });
        self.seen += 1;
        let mut row = 0;
        while row < self.rows.len() && self.rows[row].len() > BUCKETS_MAX {
            if let (Some(a), Some(b)) = (self.rows[row].pop_back(), self.rows[row].pop_back()) {
                if row + 1 == self.rows.len() {
                    self.rows.push(VecDeque::new());
                }
                self.rows[row + 1].push_front(a.joined(b));
            }
            row += 1;
        }
        let mut was_cut = false;
        if self.seen.is_multiple_of(LOOK_EVERY) {
            while self.has_cut() {
                was_cut = true;
                self.drop_oldest();
            }
        }
        was_cut
    }

    fn drop_oldest(&mut self) {
        if let Some(row) = self.rows.iter_mut().rev().find(|r| !r.is_empty()) {
            row.pop_back();
        }
    }

    /// Whether some older part differs from the rest by more than the bound of the paper's section 3.3.
    fn has_cut(&self) -> bool {
        let total = self.total();
        let variance = total.spread / total.count.max(1.0);
        let confidence = (2.0 * total.count.max(2.0).ln() / self.delta).ln();
        let mut old = Bucket::default();
        for bucket in self.rows.iter().rev().flat_map(|r| r.iter().rev()) {
            old = old.joined(*bucket);
            let new_count = total.count - old.count;
            if old.count < PART_MIN || new_count < PART_MIN {
                continue;
            }
            let apart = (old.sum / old.count - (total.sum - old.sum) / new_count).abs();
            let inverse = 1.0 / (old.count - PART_MIN + 1.0) + 1.0 / (new_count - PART_MIN + 1.0);
            if apart > (2.0 * inverse * variance * confidence).sqrt() + 2.0 / 3.0 * inverse * confidence {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::random::Random;

    fn noise(n: usize, seed: u64) -> Vec<f64> {
        let mut random = Random::new(seed, 0);
        (0..n).map(|_| 1e6 + random.uniform()).collect()
    }

    #[test]
    fn a_change_of_the_mean_is_drift_and_none_is_none() {
        let changed: Vec<f64> = noise(1000, 3).into_iter().map(|v| v + 0.3).collect();
        let drift = Adwin::default().compare(&noise(2000, 1), &changed);
        assert!(drift.is_drift && (drift.statistic - 0.3).abs() < 0.05, "{drift:?}");
        for seed in 2..12 {
            assert!(!Adwin::default().compare(&noise(2000, 1), &noise(1000, seed)).is_drift, "seed {seed}");
        }
    }

    #[test]
    fn the_change_is_that_of_the_values_as_they_are() {
        let drift = Adwin::default().compare(&[1.0; 200], &[2.0; 200]);
        assert!(drift.is_drift && (drift.statistic - 1.0).abs() < 0.05, "{drift:?}");
        let ramp = |from: u32| (from..from + 100).map(f64::from).collect::<Vec<_>>();
        let drift = Adwin::default().compare(&ramp(1), &ramp(1001));
        assert!(drift.is_drift && (900.0..1100.0).contains(&drift.statistic), "{drift:?}");
    }

    #[test]
    fn the_window_keeps_count_and_mean_of_what_it_holds() {
        let mut window = Window::new(0.002);
        noise(5000, 4).iter().for_each(|v| {
            window.push(v - 1e6);
        });
        assert_eq!(window.total().count, 5000.0);
        assert!(window.rows.len() < 16 && (window.total().sum / 5000.0 - 0.5).abs() < 0.02);
    }
}
