//! Points where a series changes for good.

use headwater_timeseries::Cancel;

use super::{CANCEL_EVERY, status_of};
use crate::statistics::{MAD_TO_SD, finite, scale_floor, sorted};
use crate::status::Status;

/// What a segment costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChangeCost {
    /// Changes of the mean: the sum of squares around the mean of the segment, over the variance of the noise, which is taken
    /// from the MAD of the differences of neighbours.
    #[default]
    Mean,
    /// Changes of mean or variance: minus twice the normal log-likelihood of the segment.
    MeanVariance,
}

/// Finds the segmentation of least cost.
pub trait ChangePoints: std::fmt::Debug + Send + Sync {
    /// The indexes at which a new segment begins, in order, and how far the series could be looked at. Soon after `cancel`
    /// was cancelled it ends, and what it returns is of no use.
    fn detect_until(&self, values: &[f64], cancel: &Cancel) -> (Vec<usize>, Status);

    /// The same, however long it takes.
    fn detect(&self, values: &[f64]) -> (Vec<usize>, Status) {
        self.detect_until(values, &Cancel::default())
    }
}

/// PELT: the exact minimum over all segmentations of cost plus `penalty` for each change (Killick, Fearnhead, Eckley: Optimal
/// detection of changepoints with a linear computational cost, JASA 2012). O(n) when changes are spread over the series,
/// O(n²) without any; O(n) memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pelt {
    /// Cost of a segment.
    pub cost: ChangeCost,
    /// Cost of a change; nothing for that of the modified BIC, 3 ln n, and 1 ln n more for the variance.
    pub penalty: Option<f64>,
    /// Least length of a segment, at least 2.
    pub segment_min: usize,
}

impl Default for Pelt {
    fn default() -> Self {
        Self { cost: ChangeCost::Mean, penalty: None, segment_min: 5 }
    }
}

const VALUES_MAX: usize = 100_000;

impl ChangePoints for Pelt {
    fn detect_until(&self, values: &[f64], cancel: &Cancel) -> (Vec<usize>, Status) {
        let segment = self.segment_min.max(2);
        let status = match status_of(values, segment.saturating_mul(2)) {
            Status::Ok if values.len() > VALUES_MAX => Status::TooLong { most: VALUES_MAX },
            status => status,
        };
        if status != Status::Ok {
            return (Vec::new(), status);
        }
        let present: Vec<usize> = (0..values.len()).filter(|i| finite(values[*i]).is_some()).collect();
        let known: Vec<f64> = present.iter().filter_map(|i| finite(values[*i])).collect();
        let n = known.len();
        let usual = (n as f64).ln() * if self.cost == ChangeCost::Mean { 3.0 } else { 4.0 };
        let penalty = self.penalty.filter(|p| *p >= 0.0).unwrap_or(usual);
        let changes = search(&Costs::new(&known, self.cost), n, penalty, segment, cancel);
        (changes.into_iter().map(|at| present[at]).collect(), Status::Ok)
    }
}

/// Dynamic programming over the last change, without those that can never be best again.
fn search(costs: &Costs, n: usize, penalty: f64, segment: usize, cancel: &Cancel) -> Vec<usize> {
    let mut least = vec![f64::INFINITY; n + 1];
    let mut last = vec![0usize; n + 1];
    least[0] = -penalty;
    // A start and the end from which on it can never be best again.
    let mut candidates = vec![(0usize, usize::MAX)];
    for end in segment..=n {
        if end % CANCEL_EVERY == 0 && cancel.is_cancelled() {
            return Vec::new();
        }
        candidates.retain(|(_, useless_from)| end < *useless_from);
        let mut best = (f64::INFINITY, 0);
        for (start, _) in &candidates {
            let total = least[*start] + costs.of(*start, end) + penalty;
            if total < best.0 {
                best = (total, *start);
            }
        }
        (least[end], last[end]) = best;
        // A change here would be better, but only for ends that are a segment away.
        for (start, useless_from) in &mut candidates {
            if least[*start] + costs.of(*start, end) > best.0 {
                *useless_from = (*useless_from).min(end + segment);
            }
        }
        // The next end may be reached from a start one segment before it.
        let next = end + 1 - segment;
        if next >= segment {
            candidates.push((next, usize::MAX));
        }
    }
    let mut changes = Vec::new();
    let mut at = last[n];
    while at > 0 {
        changes.push(at);
        at = last[at];
    }
    changes.reverse();
    changes
}

/// Costs of segments from sums up to each point.
struct Costs {
    sums: Vec<f64>,
    squares: Vec<f64>,
    cost: ChangeCost,
}

impl Costs {
    /// Sums are taken of values standardized by their median and noise, so that they stay exact.
    fn new(values: &[f64], cost: ChangeCost) -> Self {
        let order = sorted::sorted_finite(values);
        let center = sorted::median(&order);
        let steps: Vec<f64> = values.windows(2).map(|w| w[1] - w[0]).collect();
        let steps = sorted::sorted_finite(&steps);
        let range = order.last().zip(order.first()).map_or(0.0, |(high, low)| high - low);
        let noise = sorted::mad(&steps, sorted::median(&steps)) * MAD_TO_SD / std::f64::consts::SQRT_2;
        let noise = noise.max(1e-3 * range).max(scale_floor(center));
        let (mut sums, mut squares) = (vec![0.0], vec![0.0]);
        let (mut sum, mut square) = (0.0, 0.0);
        for value in values {
            let z = (value - center) / noise;
            sum += z;
            square += z * z;
            sums.push(sum);
            squares.push(square);
        }
        Self { sums, squares, cost }
    }

    fn of(&self, start: usize, end: usize) -> f64 {
        let n = (end - start) as f64;
        let sum = self.sums[end] - self.sums[start];
        let around = (self.squares[end] - self.squares[start] - sum * sum / n).max(0.0);
        match self.cost {
            ChangeCost::Mean => around,
            // A variance far below that of the noise is no evidence.
            ChangeCost::MeanVariance => n * (around / n).max(1e-4).ln(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::random::Random;

    fn noise(n: usize) -> Vec<f64> {
        let mut random = Random::new(21, 0);
        (0..n).map(|_| (0..12).map(|_| random.uniform()).sum::<f64>() - 6.0).collect()
    }

    #[test]
    fn changes_of_mean_and_variance_are_found_where_they_are() {
        let mut values = noise(600);
        values[200..400].iter_mut().for_each(|v| *v += 4.0);
        values[50] = f64::NAN;
        let (changes, status) = Pelt::default().detect(&values);
        assert_eq!((changes.len(), status), (2, Status::Ok), "{changes:?}");
        assert!(changes[0].abs_diff(200) <= 2 && changes[1].abs_diff(400) <= 2, "{changes:?}");
        let mut values = noise(600);
        values[300..].iter_mut().for_each(|v| *v *= 5.0);
        let changes = Pelt { cost: ChangeCost::MeanVariance, ..Pelt::default() }.detect(&values).0;
        assert!(changes.len() == 1 && changes[0].abs_diff(300) <= 5, "{changes:?}");
    }

    #[test]
    fn pruning_does_not_change_the_minimum() {
        let mut values = noise(80);
        values[30..50].iter_mut().for_each(|v| *v += 3.0);
        let costs = Costs::new(&values, ChangeCost::Mean);
        let (n, penalty, segment) = (80, 8.0, 5);
        let mut least = vec![f64::INFINITY; n + 1];
        let mut last = vec![0; n + 1];
        least[0] = -penalty;
        for end in segment..=n {
            for start in (0..=end - segment).filter(|s| *s == 0 || *s >= segment) {
                let total = least[start] + costs.of(start, end) + penalty;
                if total < least[end] {
                    (least[end], last[end]) = (total, start);
                }
            }
        }
        let mut expected = Vec::new();
        let mut at = last[n];
        while at > 0 {
            expected.insert(0, at);
            at = last[at];
        }
        assert_eq!(search(&costs, n, penalty, segment, &Cancel::default()), expected);
    }

    #[test]
    fn noise_has_no_change_and_odd_series_a_status() {
        assert!(Pelt::default().detect(&noise(1000)).0.is_empty());
        assert_eq!(Pelt::default().detect(&[]).1, Status::Empty);
        assert_eq!(Pelt::default().detect(&[2.0; 30]).1, Status::Constant);
        assert_eq!(Pelt::default().detect(&vec![0.5; VALUES_MAX + 1]).1, Status::Constant);
    }
}
