//! Windows whose distribution is like none before.

use std::collections::VecDeque;

use headwater_timeseries::Cancel;

use super::{CANCEL_EVERY, SCORE_MAX, SeriesDetector, SeriesScores, status_of};
use crate::statistics::special::chi_squared_surprise;
use crate::statistics::{finite, sorted};

/// Relative entropy of the last `window` values, quantized, against every kind of window seen before (Wang, Viswanathan,
/// Choudur, Talwar, Satterfield, Schwan: Statistical techniques for online anomaly detection in data centers, IM 2011).
///
/// A window that agrees with none (likelihood-ratio test, chi-squared) is a surprise and becomes a kind of its own, so the
/// same state is not a surprise twice. Unlike the paper, whose bins span the range of the whole series, bins are made of
/// earlier values only: `bins` of equal width between the 2 % and 98 % quantiles, and one on either side for what lies
/// further out. They are made again whenever the series has doubled. Kinds are at most 128; the rarest makes room.
/// O(h) a value for h kinds, O(n + h w) memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelativeEntropy {
    /// Values in a window; at least 10.
    pub window: usize,
    /// Bins between the outer quantiles, 2 to 14.
    pub bins: usize,
}

impl Default for RelativeEntropy {
    fn default() -> Self {
        Self { window: 52, bins: 4 }
    }
}

impl SeriesDetector for RelativeEntropy {
    fn name(&self) -> &'static str {
        "relative_entropy"
    }

    fn detect_until(&self, values: &[f64], _level: f64, cancel: &Cancel) -> SeriesScores {
        let mut kinds = Kinds::new(*self);
        let mut scores = SeriesScores::unscored(values.len(), status_of(values, kinds.window + 1));
        for (i, (value, score)) in values.iter().zip(&mut scores.score).enumerate() {
            if i % CANCEL_EVERY == 0 && cancel.is_cancelled() {
                break;
            }
            if let Some(surprise) = finite(*value).and_then(|v| kinds.step(v)) {
                *score = surprise;
            }
        }
        scores
    }
}

const BINS_MAX: usize = 16;
const KINDS_MAX: usize = 128;
/// Added to the count of each bin of a kind, so that a bin that is new is a large surprise and no infinite one.
const SMOOTHING: f64 = 0.01;
/// A window agrees with a kind when the test does not reject at this level, as in the paper.
const AGREEMENT: f64 = 2.0;

type Counts = [u16; BINS_MAX];

/// A kind of window: its values (to count them again in new bins) and how often it was seen.
#[derive(Debug, Clone)]
struct Kind {
    values: Vec<f64>,
    ln_shares: [f64; BINS_MAX],
    seen: usize,
}

/// The kinds of windows seen so far.
#[derive(Debug, Clone)]
pub(super) struct Kinds {
    window: usize,
    inner: usize,
    past: Vec<f64>,
    next_bins: usize,
    low: f64,
    width: f64,
    recent: VecDeque<u8>,
    counts: Counts,
    entropy: Vec<f64>,
    kinds: Vec<Kind>,
}

impl Kinds {
    pub(super) fn new(options: RelativeEntropy) -> Self {
        let window = options.window.clamp(10, 10_000);
        // c ln c for every count c of a bin.
        let entropy = (0..=window).map(|c| if c == 0 { 0.0 } else { c as f64 * (c as f64 / window as f64).ln() }).collect();
        Self {
            window,
            inner: options.bins.clamp(2, BINS_MAX - 2),
            past: Vec::new(),
            next_bins: window,
            low: 0.0,
            width: 0.0,
            recent: VecDeque::new(),
            counts: [0; BINS_MAX],
            entropy,
            kinds: Vec::new(),
        }
    }

    fn bin(&self, value: f64) -> usize {
        if self.width <= 0.0 {
            return if value < self.low {
                0
            } else if value > self.low {
                self.inner + 1
            } else {
                1
            };
        }
        let position = (value - self.low) / self.width;
        // The outer bins begin half a range beyond the quantiles.
        let reach = 0.5 * self.inner as f64;
        match position {
            p if p < -reach => 0,
            p if p > self.inner as f64 + reach => self.inner + 1,
            p => 1 + p.clamp(0.0, self.inner as f64 - 0.5) as usize,
        }
    }

    fn ln_shares(&self, values: &[f64]) -> [f64; BINS_MAX] {
        let bins = self.inner + 2;
        let mut shares = [SMOOTHING; BINS_MAX];
        values.iter().for_each(|v| shares[self.bin(*v)] += 1.0);
        shares.map(|s| (s / (self.window as f64 + SMOOTHING * bins as f64)).ln())
    }

    /// Makes the bins from all values so far and counts everything again.
    fn make_bins(&mut self) {
        let order = sorted::sorted_finite(&self.past);
        let (low, high) = (sorted::quantile(&order, 0.02), sorted::quantile(&order, 0.98));
        (self.low, self.width) = (low, (high - low) / self.inner as f64);
        self.next_bins = self.past.len() * 2;
        let mut kinds = std::mem::take(&mut self.kinds);
        kinds.iter_mut().for_each(|k| k.ln_shares = self.ln_shares(&k.values));
        self.kinds = kinds;
        self.counts = [0; BINS_MAX];
        let from = self.past.len().saturating_sub(self.window);
        self.recent = self.past[from..].iter().map(|v| self.bin(*v) as u8).collect();
        for bin in &self.recent {
            self.counts[usize::from(*bin)] += 1;
        }
    }

    /// The surprise of the window that ends with a value.
    pub(super) fn step(&mut self, value: f64) -> Option<f64> {
        self.past.push(value);
        if self.past.len() < self.window {
            return None;
        }
        if self.past.len() >= self.next_bins {
            self.make_bins();
        } else {
            let bin = self.bin(value);
            self.counts[bin] += 1;
            self.recent.push_back(bin as u8);
            if let Some(old) = self.recent.pop_front() {
                self.counts[usize::from(old)] -= 1;
            }
        }
        let nearest = self.nearest();
        // One degree less than bins, of which the two outer ones, seldom used, count as one.
        let surprise = nearest.map(|(statistic, _)| chi_squared_surprise(statistic.max(0.0), self.inner));
        match nearest {
            Some((_, kind)) if surprise.is_some_and(|s| s < AGREEMENT) => self.kinds[kind].seen += 1,
            _ => self.add_kind(),
        }
        surprise.map(|s| s.clamp(0.0, SCORE_MAX))
    }

    /// The least test statistic over all kinds: twice the window times the relative entropy.
    fn nearest(&self) -> Option<(f64, usize)> {
        let bins = self.inner + 2;
        let own: f64 = self.counts[..bins].iter().map(|c| self.entropy[usize::from(*c)]).sum();
        let cross =
            |k: &Kind| -> f64 { self.counts[..bins].iter().zip(&k.ln_shares).map(|(c, l)| f64::from(*c) * l).sum() };
        let all = self.kinds.iter().enumerate().map(|(i, k)| (2.0 * (own - cross(k)), i));
        all.min_by(|a, b| a.0.total_cmp(&b.0))
    }

    fn add_kind(&mut self) {
        let values = self.past[self.past.len() - self.window..].to_vec();
        let kind = Kind { ln_shares: self.ln_shares(&values), values, seen: 1 };
        if self.kinds.len() < KINDS_MAX {
            self.kinds.push(kind);
        } else if let Some(rarest) = self.kinds.iter_mut().min_by_key(|k| k.seen) {
            *rarest = kind;
        }
    }
}
