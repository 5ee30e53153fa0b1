//! Sequences unlike all others.

use headwater_timeseries::Cancel;

use super::calibration::{TailCalibrator, WARM_UP};
use super::period::main_season;
use super::{SeriesDetector, SeriesScores, status_of};
use crate::statistics::{interpolated, mean, scale_floor};
use crate::status::Status;

/// Distance of every sequence of `window` values to the nearest other one that hardly overlaps it, after z-normalization: a
/// discord has a large one (Yeh et al.: Matrix profile I, ICDM 2016; computed along diagonals as in Zhu et al.: Matrix profile
/// XI, SCRIMP++, ICDM 2018). With `left` only earlier sequences count and the result is causal. O(n²) time, O(n) memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatrixProfile {
    /// Values in a sequence, at least 4; nothing for the length of the season, or 50 without one (always 50 when causal).
    pub window: Option<usize>,
    /// Compare with earlier sequences only.
    pub left: bool,
}

impl Default for MatrixProfile {
    fn default() -> Self {
        Self { window: None, left: true }
    }
}

const WINDOW: usize = 50;
/// Longer series would take minutes.
const VALUES_MAX: usize = 200_000;
/// Earlier sequences before a left distance is judged.
const EARLIER_MIN: usize = 4;

impl SeriesDetector for MatrixProfile {
    fn name(&self) -> &'static str {
        "matrix_profile"
    }

    fn is_causal(&self) -> bool {
        self.left
    }

    fn detect_until(&self, values: &[f64], _level: f64, cancel: &Cancel) -> SeriesScores {
        let window = self.window_for(values);
        let least = 2 * window + window.div_ceil(4);
        // The sequences without an earlier one to compare with, the warm-up of the calibration, and the last one.
        let judged = first_judged(window) + WARM_UP + window;
        let needed = if self.left { least.max(judged) } else { least };
        let mut scores = SeriesScores::unscored(values.len(), status_of(values, needed));
        if values.len() > VALUES_MAX {
            scores.status = Status::TooLong { most: VALUES_MAX };
        }
        if matches!(scores.status, Status::TooShort { .. } | Status::TooLong { .. }) {
            return scores;
        }
        let Some(filled) = (if self.left { held(values) } else { interpolated(values) }) else { return scores };
        let profile = distances(&filled, window, self.left, cancel);
        if self.left {
            let mut calibrator = TailCalibrator::new();
            for (distance, (score, value)) in profile.iter().zip(scores.score.iter_mut().zip(values).skip(window - 1)) {
                let surprise = if distance.is_finite() { calibrator.surprise(*distance) } else { f64::NAN };
                *score = if value.is_finite() { surprise } else { f64::NAN };
            }
        } else {
            let middle = window / 2;
            for (i, surprise) in TailCalibrator::of_all(&profile).into_iter().enumerate() {
                scores.score[i + middle] = if values[i + middle].is_finite() { surprise } else { f64::NAN };
            }
        }
        scores
    }
}

impl MatrixProfile {
    fn window_for(&self, values: &[f64]) -> usize {
        let of_season = || if self.left { None } else { main_season(values) };
        self.window.or_else(of_season).unwrap_or(WINDOW).clamp(4, 10_000)
    }
}

/// Values with the missing ones as the last one before: the causal way to fill.
fn held(values: &[f64]) -> Option<Vec<f64>> {
    let first = values.iter().find_map(|v| crate::statistics::finite(*v))?;
    let hold = |last: &mut f64, value: &f64| {
        *last = crate::statistics::finite(*value).unwrap_or(*last);
        Some(*last)
    };
    Some(values.iter().scan(first, hold).collect())
}

/// The first sequence with enough earlier ones.
fn first_judged(window: usize) -> usize {
    window.div_ceil(4) + 1 + EARLIER_MIN
}

/// Distance of each sequence to its nearest other one; with `left` to its nearest earlier one, infinite while there are none.
fn distances(values: &[f64], window: usize, left: bool, cancel: &Cancel) -> Vec<f64> {
    let n = (values.len() + 1).saturating_sub(window);
    let mut best = vec![f64::NEG_INFINITY; n];
    if n == 0 {
        return best;
    }
    let sequences = Sequences::new(values, window, left);
    for lag in window.div_ceil(4) + 1..n {
        if cancel.is_cancelled() {
            break;
        }
        sequences.diagonal(lag, left, &mut best);
    }
    if left {
        let first = first_judged(window).min(n);
        best[..first].fill(f64::NEG_INFINITY);
    }
    best.into_iter().map(|r| (2.0 * window as f64 * (1.0 - r).max(0.0)).sqrt()).collect()
}

/// What the covariance of two sequences follows from along a diagonal.
struct Sequences {
    values: Vec<f64>,
    window: usize,
    means: Vec<f64>,
    /// One over the norm of a sequence around its mean; 0 for a constant one.
    inverse_norms: Vec<f64>,
    half_steps: Vec<f64>,
    sums: Vec<f64>,
}

impl Sequences {
    fn new(values: &[f64], window: usize, causal: bool) -> Self {
        // Around the first value when causal, else around the mean, so that products stay small.
        let origin = if causal { values[0] } else { mean(values) };
        let values: Vec<f64> = values.iter().map(|v| v - origin).collect();
        let means: Vec<f64> = values.windows(window).map(mean).collect();
        let rounding = (window as f64).sqrt();
        let norm = |(sequence, mean): (&[f64], &f64)| {
            let largest = sequence.iter().fold(0.0f64, |m, v| m.max(v.abs()));
            let norm = sequence.iter().map(|v| (v - mean).powi(2)).sum::<f64>().sqrt();
            if norm <= 1e-10 * largest + rounding * scale_floor(origin) { 0.0 } else { 1.0 / norm }
        };
        let inverse_norms = values.windows(window).zip(&means).map(norm).collect();
        let step = |i: usize| if i == 0 { 0.0 } else { 0.5 * (values[i + window - 1] - values[i - 1]) };
        let sum = |i: usize| {
            if i == 0 { 0.0 } else { (values[i + window - 1] - means[i]) + (values[i - 1] - means[i - 1]) }
        };
        let half_steps = (0..means.len()).map(step).collect();
        let sums = (0..means.len()).map(sum).collect();
        Self { values, window, means, inverse_norms, half_steps, sums }
    }

    /// Correlations of all sequences `lag` apart, kept where they are the highest so far.
    fn diagonal(&self, lag: usize, left: bool, best: &mut [f64]) {
        let first = self.values[..self.window].iter().zip(&self.values[lag..lag + self.window]);
        let mut covariance: f64 = first.map(|(a, b)| (a - self.means[0]) * (b - self.means[lag])).sum();
        for i in 0..self.means.len() - lag {
            let j = i + lag;
            covariance += self.half_steps[i] * self.sums[j] + self.half_steps[j] * self.sums[i];
            let scale = self.inverse_norms[i] * self.inverse_norms[j];
            let r = if scale > 0.0 { covariance * scale } else { self.with_constant(i, j) };
            if !left && r > best[i] {
                best[i] = r;
            }
            if r > best[j] {
                best[j] = r;
            }
        }
    }

    /// Two constant sequences are alike, a constant and another one are half alike.
    fn with_constant(&self, i: usize, j: usize) -> f64 {
        if self.inverse_norms[i] == self.inverse_norms[j] { 1.0 } else { 0.5 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::random::Random;

    #[test]
    fn distances_are_those_of_the_definition() {
        let mut random = Random::new(8, 0);
        let values: Vec<f64> =
            (0..120).map(|i| if (40..60).contains(&i) { 3.0 } else { random.uniform() } + 100.0).collect();
        let window = 8;
        let normal = |s: &[f64]| {
            let center = mean(s);
            let norm = (s.iter().map(|v| (v - center).powi(2)).sum::<f64>() / s.len() as f64).sqrt();
            s.iter().map(|v| if norm > 0.0 { (v - center) / norm } else { 0.0 }).collect::<Vec<f64>>()
        };
        let all: Vec<Vec<f64>> = values.windows(window).map(normal).collect();
        let far = |i: usize, j: usize| all[i].iter().zip(&all[j]).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
        let (both, left) =
            (distances(&values, window, false, &Cancel::default()), distances(&values, window, true, &Cancel::default()));
        for i in 0..all.len() {
            let nearest = |earlier: bool| {
                let others = (0..all.len()).filter(|j| i.abs_diff(*j) > 2 && (!earlier || *j < i));
                others.map(|j| far(i, j)).fold(f64::INFINITY, f64::min)
            };
            assert!((both[i] - nearest(false)).abs() < 1e-5, "{i}: {} {}", both[i], nearest(false));
            assert!(left[i].is_infinite() || (left[i] - nearest(true)).abs() < 1e-5, "{i}");
        }
    }
}
