//! Lengths of seasons.

use crate::statistics::{fft, interpolated, mean, sorted};
use crate::status::Status;

/// A season that repeats.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Period {
    /// Values from one repetition to the next.
    pub length: usize,
    /// Share of the variance (left by stronger seasons) that it explains, 0 to 1.
    pub strength: f64,
}

/// The seasons of a series, strongest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Periods {
    /// The seasons; empty when there are none.
    pub periods: Vec<Period>,
    /// How far the series could be looked at.
    pub status: Status,
}

const NEEDED: usize = 8;
/// Repetitions that must be seen before a season is believed.
const REPETITIONS: usize = 3;
const STRENGTH_MIN: f64 = 0.1;
/// A peak of the autocorrelation must reach this, and [`SIGNIFICANT`] deviations of that of white noise.
const CORRELATION_MIN: f64 = 0.15;
const SIGNIFICANT: f64 = 4.0;
/// So much a peak rises above the valley before it.
const RISE_MIN: f64 = 0.1;

/// Finds at most `most` seasons.
///
/// The autocorrelation (by FFT, as in Vlachos, Yu, Castelli: On periodicity detection and structural periodic similarity, SDM
/// 2005) of the detrended series has a peak at a season and its multiples; the shortest lag nearly as high as the highest
/// peak is taken, its mean course removed, and the rest searched again. A season must repeat three times. O(n log n).
pub fn detect_periods(values: &[f64], most: usize) -> Periods {
    let status = super::status_of(values, NEEDED);
    let mut found = Periods { periods: Vec::new(), status };
    if status != Status::Ok {
        return found;
    }
    let Some(mut rest) = interpolated(values) else { return found };
    clip(&mut rest);
    detrend(&mut rest);
    clip(&mut rest);
    while found.periods.len() < most {
        let Some(length) = next_period(&rest) else { break };
        let strength = remove_season(&mut rest, length);
        if strength < STRENGTH_MIN || found.periods.iter().any(|p| p.length == length) {
            break;
        }
        found.periods.push(Period { length, strength });
    }
    found
}

/// The period of the strongest frequency of the spectrum, rounded as ClickHouse's `seriesPeriodDetectFFT` does: frequencies
/// are spread evenly up to a half over the lower half of the spectrum without its last element. `None` for a series that is
/// flat, or shorter than four values. Values are finite. O(n log n).
pub fn dominant_period(values: &[f64]) -> Option<f64> {
    let length = values.len().checked_sub(1)? / 2;
    let spectrum = fft::magnitudes(values);
    // What rounding leaves of a flat series.
    let noise = 1e-13 * values.iter().map(|v| v.abs()).sum::<f64>();
    let strongest = (1..length).fold(None, |best: Option<usize>, i| match best {
        Some(b) if spectrum[b] >= spectrum[i] => best,
        _ => (spectrum[i] > noise).then_some(i).or(best),
    })?;
    Some((2.0 * (length - 1) as f64 / strongest as f64).round())
}

/// The shortest lag whose autocorrelation is a peak nearly as high as the highest one.
fn next_period(values: &[f64]) -> Option<usize> {
    let n = values.len();
    let r = fft::autocorrelation(values);
    let longest = (n / REPETITIONS).min(n.saturating_sub(2));
    let least = CORRELATION_MIN.max(SIGNIFICANT / (n as f64).sqrt());
    // A peak at lag k is damped by (n - k) / n, as fewer pairs enter it.
    let height = |k: usize| r[k] * n as f64 / (n - k) as f64;
    let mut peaks = Vec::new();
    let mut lowest = f64::INFINITY;
    for k in 1..=longest {
        lowest = lowest.min(r[k]);
        // A ripple on the slope from lag 0 is no peak: it does not rise above what came before.
        if k > 1 && r[k - 1] < r[k] && r[k] >= r[k + 1] && height(k) >= least && r[k] - lowest >= RISE_MIN {
            peaks.push(k);
        }
    }
    let highest = peaks.iter().map(|k| height(*k)).fold(f64::NEG_INFINITY, f64::max);
    let first = peaks.iter().copied().find(|k| height(*k) >= 0.9 * highest)?;
    // Ripples make several peaks of one: the highest of those close by.
    let near = peaks.into_iter().filter(|k| k.abs_diff(first) * 10 <= first);
    near.max_by(|a, b| height(*a).total_cmp(&height(*b)))
}

/// Enough for five weeks of five minutes.
const LATEST_MAX: usize = 1 << 14;

/// Removes the straight line of least squares.
fn detrend(values: &mut [f64]) {
    let n = values.len() as f64;
    let (middle, center) = (0.5 * (n - 1.0), mean(values));
    let product: f64 = values.iter().enumerate().map(|(i, v)| (i as f64 - middle) * (v - center)).sum();
    let slope = product / (n * (n * n - 1.0) / 12.0).max(1.0);
    for (i, value) in values.iter_mut().enumerate() {
        *value -= center + slope * (i as f64 - middle);
    }
}

/// Bounds outliers, which would hide a season.
fn clip(values: &mut [f64]) {
    let order = sorted::sorted_finite(values);
    let center = sorted::median(&order);
    let reach = 6.0 * sorted::mad(&order, center);
    if reach > 0.0 {
        values.iter_mut().for_each(|v| *v = v.clamp(center - reach, center + reach));
    }
}

/// Removes the mean course of a season and says which share of the variance it was.
fn remove_season(values: &mut [f64], length: usize) -> f64 {
    let variance = |values: &[f64]| {
        let center = mean(values);
        values.iter().map(|v| (v - center).powi(2)).sum::<f64>()
    };
    let before = variance(values);
    for phase in 0..length {
        let members = values.iter().skip(phase).step_by(length);
        let count = members.clone().count().max(1) as f64;
        let center = members.sum::<f64>() / count;
        values.iter_mut().skip(phase).step_by(length).for_each(|v| *v -= center);
    }
    if before > 0.0 { (1.0 - variance(values) / before).clamp(0.0, 1.0) } else { 0.0 }
}

/// The season of a growing series, looked for in its latest part whenever it has doubled: O(n) in all.
#[derive(Debug, Clone)]
pub(super) struct SeasonTracker {
    values: Vec<f64>,
    next_look: usize,
    period: Option<usize>,
}

impl SeasonTracker {
    pub(super) fn new() -> Self {
        Self { values: Vec::new(), next_look: 48, period: None }
    }

    pub(super) fn push(&mut self, value: f64) {
        self.values.push(value);
        if self.values.len() >= self.next_look {
            self.next_look *= 2;
            let latest = &self.values[self.values.len().saturating_sub(LATEST_MAX)..];
            self.period = detect_periods(latest, 1).periods.first().map(|p| p.length);
        }
    }

    pub(super) fn period(&self) -> Option<usize> {
        self.period
    }

    pub(super) fn values(&self) -> &[f64] {
        &self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::random::Random;

    fn seasonal(n: usize, noise: f64) -> Vec<f64> {
        let mut random = Random::new(11, 0);
        let mut noise = || noise * (random.uniform() - 0.5);
        let wave = |i: usize, m: f64| (i as f64 * std::f64::consts::TAU / m).sin();
        (0..n).map(|i| 1000.0 + 0.5 * i as f64 + 10.0 * wave(i, 24.0) + 4.0 * wave(i, 168.0) + noise()).collect()
    }

    #[test]
    fn both_seasons_are_found_beside_trend_noise_outliers_and_gaps() {
        let mut values = seasonal(1400, 4.0);
        values[100] = 1e6;
        values[700] = f64::NAN;
        let found: Vec<usize> = detect_periods(&values, 3).periods.iter().map(|p| p.length).collect();
        assert_eq!(found.first(), Some(&24));
        // Noise moves the peak of a long season by a few values.
        assert!(found.iter().any(|m| (163..=173).contains(m)), "{found:?}");
    }

    #[test]
    fn noise_lines_and_short_series_have_no_season() {
        let mut random = Random::new(2, 0);
        let noise: Vec<f64> = (0..600).map(|_| random.uniform()).collect();
        assert!(detect_periods(&noise, 2).periods.is_empty());
        let walk: Vec<f64> = noise
            .iter()
            .scan(0.0, |s, v| {
                *s += v - 0.5;
                Some(*s)
            })
            .collect();
        assert!(detect_periods(&walk, 2).periods.is_empty());
        assert!(detect_periods(&(0..300).map(f64::from).collect::<Vec<_>>(), 2).periods.is_empty());
        assert_eq!(detect_periods(&[1.0; 50], 2).status, Status::Constant);
        assert_eq!(detect_periods(&[1.0, 2.0], 2).status, Status::TooShort { needed: NEEDED });
        assert_eq!(detect_periods(&[f64::NAN; 50], 2).status, Status::AllMissing);
    }
}
