//! From a method's own deviations to probabilities, per series and causally.

use super::{SCORE_MAX, surprise_of_level};
use crate::statistics::sorted;

/// Four bins for each doubling, from 2^-20 to 2^20.
const BINS: usize = 160;
const FIRST_BIN: i64 = (1023 - 20) * 4;
const TAIL_SHARE: f64 = 0.02;
const TAIL_COUNT: usize = 10;
/// Deviations before anything is said of one.
pub(super) const WARM_UP: usize = 20;
/// So much the tail is believed to be exponential, with this mean excess over its start, before any excess was seen.
const PRIOR_COUNT: f64 = 2.0;
const PRIOR_EXCESS: f64 = 0.25;

/// Probability that a deviation is exceeded, learnt from earlier deviations.
///
/// Below a high quantile it is their share in a histogram of their logarithms, above it a generalized Pareto tail fitted by
/// moments to the excesses (Siffer, Fouque, Termier, Largouët: Anomaly detection in streams with extreme value theory, KDD
/// 2017), never lighter than exponential. O(1) a value amortized, constant memory.
#[derive(Debug, Clone)]
pub(crate) struct TailCalibrator {
    bins: Vec<Bin>,
    count: usize,
    /// The tail is every bin from here on.
    tail_start: usize,
    tail: Bin,
}

#[derive(Debug, Clone, Copy, Default)]
struct Bin {
    count: f64,
    sum: f64,
    squares: f64,
}

impl Bin {
    fn add(&mut self, other: Bin, sign: f64) {
        self.count += sign * other.count;
        self.sum += sign * other.sum;
        self.squares += sign * other.squares;
    }
}

/// A generalized Pareto tail over its start.
struct Tail {
    share: f64,
    start: f64,
    scale: f64,
    shape: f64,
}

impl TailCalibrator {
    pub(crate) fn new() -> Self {
        Self { bins: vec![Bin::default(); BINS], count: 0, tail_start: BINS, tail: Bin::default() }
    }

    /// The surprise of every deviation among all of them: for methods that see the whole series.
    pub(crate) fn of_all(deviations: &[f64]) -> Vec<f64> {
        let order = sorted::sorted_finite(deviations);
        let middle = sorted::median(&order);
        let unit = if middle > 0.0 { middle } else { order.last().copied().unwrap_or(0.0).max(1e-100) };
        let mut calibrator = Self::new();
        order.iter().for_each(|d| calibrator.learn((d / unit).clamp(0.0, 1e6)));
        let judge = |d: &f64| if d.is_finite() { calibrator.judge((d / unit).clamp(0.0, 1e6)) } else { f64::NAN };
        deviations.iter().map(judge).collect()
    }

    /// Minus the decimal logarithm of the probability of a deviation at least as large, by what came before; then learns
    /// from it. NaN at first.
    pub(crate) fn surprise(&mut self, deviation: f64) -> f64 {
        let deviation = if deviation.is_nan() { 0.0 } else { deviation.clamp(0.0, 1e6) };
        let surprise = if self.count < WARM_UP { f64::NAN } else { self.judge(deviation) };
        self.learn(deviation);
        surprise
    }

    /// The largest deviation that is not anomalous at a level: where [`Self::surprise`] reaches it. NaN at first.
    pub(crate) fn deviation_at(&self, level: f64) -> f64 {
        if self.count < WARM_UP {
            return f64::NAN;
        }
        let goal = surprise_of_level(level);
        let survival = 10f64.powf(-goal);
        let (mut first, mut from) = (self.tail_start, self.tail.count);
        // From above, bins while they are anomalous.
        while first > 0 && self.share_beyond(from + self.bins[first - 1].count, self.bins[first - 1].count) <= survival {
            first -= 1;
            from += self.bins[first].count;
        }
        let tail = self.fitted_tail();
        let beyond = (goal + tail.share.log10()) * std::f64::consts::LN_10;
        if first < self.tail_start || beyond <= 0.0 {
            return lower_edge(first);
        }
        let excess = if tail.shape > 1e-6 { (tail.shape * beyond).exp_m1() / tail.shape } else { beyond };
        tail.start + tail.scale * excess
    }

    fn judge(&self, deviation: f64) -> f64 {
        if deviation <= 0.0 {
            return 0.0;
        }
        let tail = self.fitted_tail();
        if deviation >= tail.start {
            let excess = (deviation - tail.start) / tail.scale;
            let decay = if tail.shape > 1e-6 { (tail.shape * excess).ln_1p() / tail.shape } else { excess };
            return (decay / std::f64::consts::LN_10 - tail.share.log10()).clamp(0.0, SCORE_MAX);
        }
        let bin = bin_of(deviation).min(self.tail_start.saturating_sub(1));
        let between: f64 = self.bins[bin..self.tail_start].iter().map(|b| b.count).sum();
        -self.share_beyond(self.tail.count + between, self.bins[bin].count).log10().min(0.0)
    }

    /// The share of deviations beyond one in a bin below the tail, with so many from the bin on, half of its own among them.
    fn share_beyond(&self, from: f64, own: f64) -> f64 {
        (from - 0.5 * own + 0.5) / (self.count as f64 + 1.0)
    }

    fn fitted_tail(&self) -> Tail {
        let start = lower_edge(self.tail_start);
        let n = self.tail.count;
        let prior = PRIOR_EXCESS * start.max(1e-3);
        let sum = (self.tail.sum - n * start).max(0.0) + PRIOR_COUNT * prior;
        let squares = (self.tail.squares - 2.0 * start * self.tail.sum + n * start * start).max(0.0);
        let squares = squares + PRIOR_COUNT * 2.0 * prior * prior;
        let mean = sum / (n + PRIOR_COUNT);
        let variance = (squares / (n + PRIOR_COUNT) - mean * mean).max(mean * mean * 1e-6);
        let shape = (0.5 * (1.0 - mean * mean / variance)).clamp(0.0, 0.45);
        Tail { share: (n + 0.5) / (self.count as f64 + 1.0), start, scale: mean * (1.0 - shape), shape }
    }

    fn learn(&mut self, deviation: f64) {
        let bin = bin_of(deviation);
        let one = Bin { count: 1.0, sum: deviation, squares: deviation * deviation };
        self.bins[bin].add(one, 1.0);
        self.count += 1;
        if bin >= self.tail_start {
            self.tail.add(one, 1.0);
        }
        let wanted = (TAIL_SHARE * self.count as f64).max(TAIL_COUNT as f64);
        while self.tail_start > 0 && self.tail.count + self.bins[self.tail_start - 1].count <= wanted {
            self.tail_start -= 1;
            self.tail.add(self.bins[self.tail_start], 1.0);
        }
        while self.tail.count > wanted && self.tail_start < BINS {
            self.tail.add(self.bins[self.tail_start], -1.0);
            self.tail_start += 1;
        }
    }
}

fn bin_of(deviation: f64) -> usize {
    ((deviation.to_bits() >> 50) as i64 - FIRST_BIN).clamp(0, BINS as i64 - 1) as usize
}

fn lower_edge(bin: usize) -> f64 {
    if bin == 0 { 0.0 } else { f64::from_bits(((bin as i64 + FIRST_BIN) as u64) << 50) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::random::Random;

    /// Exponential deviations: the true surprise is known.
    #[test]
    fn probabilities_are_those_of_the_distribution() {
        let mut random = Random::new(5, 0);
        let mut calibrator = TailCalibrator::new();
        let mut beyond = [0; 2];
        for i in 0..20_000 {
            let surprise = calibrator.surprise(-random.uniform().max(1e-12).ln());
            if i >= 1000 {
                beyond[0] += usize::from(surprise >= 2.0);
                beyond[1] += usize::from(surprise >= 3.0);
            }
        }
        assert!((100..300).contains(&beyond[0]), "{beyond:?} of 190");
        assert!((5..45).contains(&beyond[1]), "{beyond:?} of 19");
        let bound = calibrator.deviation_at(0.999);
        assert!((5.5..9.0).contains(&bound), "{bound} is not 6.9");
        let (mut low, mut high) = (calibrator.clone(), calibrator.clone());
        assert!(low.surprise(bound * 0.99) < 3.0 && high.surprise(bound * 1.01) > 3.0);
    }

    #[test]
    fn a_deviation_beyond_the_bound_of_a_level_is_anomalous_and_none_below_it() {
        let mut random = Random::new(6, 0);
        let mut calibrator = TailCalibrator::new();
        for i in 0..3000 {
            calibrator.learn(-random.uniform().max(1e-12).ln() * if i % 7 == 0 { 0.0 } else { 1.0 });
            for level in [0.2, 0.5, 0.9, 0.99, 0.9999] {
                let bound = calibrator.deviation_at(level);
                assert!(bound.is_nan() == (i + 1 < WARM_UP));
                if bound.is_finite() {
                    let goal = surprise_of_level(level);
                    assert!(calibrator.judge(bound * (1.0 + 1e-9) + 1e-9) >= goal - 1e-9, "{i} {level} {bound}");
                    assert!(bound == 0.0 || calibrator.judge(bound * (1.0 - 1e-9)) < goal, "{i} {level} {bound}");
                }
            }
        }
    }

    #[test]
    fn the_first_change_after_equal_values_is_a_surprise() {
        let mut calibrator = TailCalibrator::new();
        let last = (0..50).map(|_| calibrator.surprise(0.0)).last();
        assert_eq!(last, Some(0.0));
        assert!(calibrator.surprise(f64::INFINITY) > 10.0);
        assert!(calibrator.surprise(f64::NAN) >= 0.0);
    }
}
