//! Lengths of seasons.

use crate::statistics::{fft, interpolated, mean, sorted};
use crate::status::Status;

/// A season that repeats.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Period {
    /// Values from one repetition to the next.
    pub length: usize,
    /// Share of the variance, of what the seasons found before it leave, that it explains, 0 to 1.
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
/// Share of the height of a peak that its season explains at least: a lag between two others does not.
const EXPLAINED_MIN: f64 = 0.25;
/// Peaks that are tried.
const TRIALS: usize = 20;

/// Finds at most `most` seasons.
///
/// The autocorrelation (by FFT, as in Vlachos, Yu, Castelli: On periodicity detection and structural periodic similarity, SDM
/// 2005) of the detrended series has a peak at a season and its multiples. The shortest lag at least half as high as the highest
/// peak whose mean course explains its part is taken, that course removed, and the rest searched again: a day is found before
/// the week that holds it. A season must repeat three times. O(n log n).
pub fn detect_periods(values: &[f64], most: usize) -> Periods {
    let mut found = Periods { periods: Vec::new(), status: super::status_of(values, NEEDED) };
    let Some(mut rest) = prepared(values, found.status) else { return found };
    let (whole, mut shares) = (sum_of_squares(&rest), Vec::new());
    while found.periods.len() < most {
        let left = sum_of_squares(&rest);
        let Some(period) = next_season(&mut rest, &found.periods) else { break };
        found.periods.push(period);
        shares.push(period.strength * left / whole);
    }
    let mut order: Vec<usize> = (0..shares.len()).collect();
    order.sort_by(|a, b| shares[*b].total_cmp(&shares[*a]));
    found.periods = order.into_iter().map(|i| found.periods[i]).collect();
    found
}

/// The season that alone explains a series best: of a day and the week that holds it, the week when days differ.
pub(super) fn main_season(values: &[f64]) -> Option<usize> {
    let mut rest = prepared(values, super::status_of(values, NEEDED))?;
    let peaks = Peaks::of(&rest);
    let length = peaks.near(*peaks.high(0.9).first()?);
    (remove_season(&mut rest, length) >= STRENGTH_MIN).then_some(length)
}

/// The values without gaps, trend and outliers.
fn prepared(values: &[f64], status: Status) -> Option<Vec<f64>> {
    let mut rest = interpolated(values).filter(|_| status == Status::Ok)?;
    clip(&mut rest);
    detrend(&mut rest);
    clip(&mut rest);
    Some(rest)
}

/// Finds a season that is not close to one of those found before, and removes it.
fn next_season(rest: &mut Vec<f64>, before: &[Period]) -> Option<Period> {
    let peaks = Peaks::of(rest);
    for peak in peaks.high(0.5).into_iter().take(TRIALS) {
        let length = refined(rest, peaks.near(peak));
        if before.iter().any(|p| p.length.abs_diff(length) * 10 <= length) {
            continue;
        }
        let mut without = rest.clone();
        let strength = remove_season(&mut without, length);
        let explained = beyond_chance(strength, length, rest.len());
        if explained >= STRENGTH_MIN && explained >= EXPLAINED_MIN * peaks.height(length) {
            *rest = without;
            return Some(Period { length, strength });
        }
    }
    None
}

/// What a season explains beyond what as many means as it is long explain of anything.
fn beyond_chance(strength: f64, length: usize, n: usize) -> f64 {
    let by_chance = (length - 1) as f64 / (n - 1) as f64;
    (strength - by_chance) / (1.0 - by_chance)
}

/// The length close to one that explains most: the ends of a series and noise move the peak of a long season a little.
fn refined(values: &[f64], length: usize) -> usize {
    let explained = |length: usize| {
        let strength = remove_season(&mut values.to_vec(), length);
        (beyond_chance(strength, length, values.len()), length)
    };
    let better = |a: (f64, usize), b: (f64, usize)| if b.0 > a.0 { b } else { a };
    let mut best = explained(length);
    let mut step = (length / 16).max(1);
    while step > 0 {
        let tried = better(better(best, explained((best.1 - step).max(2))), explained(best.1 + step));
        if tried.1 == best.1 {
            step /= 2;
        }
        best = tried;
    }
    best.1
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

/// The peaks of an autocorrelation.
struct Peaks {
    r: Vec<f64>,
    /// Their lags, the shortest first.
    lags: Vec<usize>,
}

impl Peaks {
    fn of(values: &[f64]) -> Self {
        let n = values.len();
        let mut peaks = Self { r: fft::autocorrelation(values), lags: Vec::new() };
        let longest = (n / REPETITIONS).min(n.saturating_sub(2));
        let least = CORRELATION_MIN.max(SIGNIFICANT / (n as f64).sqrt());
        let mut lowest = f64::INFINITY;
        for k in 1..=longest {
            let r = &peaks.r;
            lowest = lowest.min(r[k]);
            // A ripple on the slope from lag 0 is no peak: it does not rise above what came before.
            let is_peak = k > 1 && r[k - 1] < r[k] && r[k] >= r[k + 1];
            if is_peak && peaks.height(k) >= least && r[k] - lowest >= RISE_MIN {
                peaks.lags.push(k);
            }
        }
        peaks
    }

    /// A peak at lag k is damped by (n - k) / n, as fewer pairs enter it.
    fn height(&self, k: usize) -> f64 {
        self.r[k] * self.r.len() as f64 / (self.r.len() - k) as f64
    }

    /// Those of at least a share of the highest one.
    fn high(&self, share: f64) -> Vec<usize> {
        let highest = self.lags.iter().map(|k| self.height(*k)).fold(f64::NEG_INFINITY, f64::max);
        self.lags.iter().copied().filter(|k| self.height(*k) >= share * highest).collect()
    }

    /// Ripples make several peaks of one: the highest of those close by.
    fn near(&self, first: usize) -> usize {
        let near = self.lags.iter().copied().filter(|k| k.abs_diff(first) * 10 <= first);
        near.max_by(|a, b| self.height(*a).total_cmp(&self.height(*b))).unwrap_or(first)
    }
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

fn sum_of_squares(values: &[f64]) -> f64 {
    let center = mean(values);
    values.iter().map(|v| (v - center).powi(2)).sum::<f64>()
}

/// Removes the mean course of a season and says which share of the variance it was.
fn remove_season(values: &mut [f64], length: usize) -> f64 {
    let before = sum_of_squares(values);
    for phase in 0..length {
        let members = values.iter().skip(phase).step_by(length);
        let count = members.clone().count().max(1) as f64;
        let center = members.sum::<f64>() / count;
        values.iter_mut().skip(phase).step_by(length).for_each(|v| *v -= center);
    }
    if before > 0.0 { (1.0 - sum_of_squares(values) / before).clamp(0.0, 1.0) } else { 0.0 }
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
            self.period = main_season(latest);
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

    fn lengths(values: &[f64]) -> Vec<usize> {
        detect_periods(values, 3).periods.iter().map(|p| p.length).collect()
    }

    #[test]
    fn a_season_is_preferred_to_its_multiples() {
        let wave = |i: usize, m: f64| (i as f64 * std::f64::consts::TAU / m).sin();
        let uniform = |i: usize| (i * 7919 % 101) as f64 / 500.0;
        let week: Vec<f64> = (0..1201).map(|i| wave(i, 24.0) + 0.7 * wave(i, 168.0) + uniform(i)).collect();
        assert_eq!(lengths(&week), [24, 168]);
        let stronger: Vec<f64> = (0..1201).map(|i| 0.6 * wave(i, 24.0) + wave(i, 168.0) + uniform(i)).collect();
        assert_eq!(lengths(&stronger), [168, 24]);
        for seed in 0..20 {
            let mut random = Random::new(seed, 0);
            let mut noise = || 0.3 * ((0..12).map(|_| random.uniform()).sum::<f64>() - 6.0);
            let month: Vec<f64> = (0..300).map(|i| 3.0 * wave(i, 7.0) + 2.0 * wave(i, 30.0) + noise()).collect();
            assert_eq!(lengths(&month), [7, 30], "seed {seed}");
        }
    }

    #[test]
    fn a_season_that_is_no_whole_number_of_steps_is_found_as_one_that_is() {
        let halves: Vec<f64> = (0..501).map(|i| (f64::from(i) * std::f64::consts::TAU / 12.5).sin()).collect();
        assert_eq!(lengths(&halves), [25]);
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
