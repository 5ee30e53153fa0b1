//! One model of many series.

use headwater_common::{Error, Result};
use headwater_timeseries::conformal::Calibration;
use headwater_timeseries::statistics::mean;

use crate::boosting::{Boosting, BoostingModel};
use crate::context::Context;
use crate::data::{Features, Target};

/// A regular series.
#[derive(Debug, Clone, Copy)]
pub struct History<'a> {
    /// Values, the oldest first, all finite.
    pub values: &'a [f64],
    /// Numbers of values after which seasons repeat; the first two are looked at.
    pub periods: &'a [usize],
}

/// Boosted trees that learn of all series together what follows what, as the winners of M5 did (Makridakis, Spiliotis &
/// Assimakopoulos, "The M5 competition", 2022; global models: Montero-Manso & Hyndman, "Principles and algorithms for
/// forecasting groups of time series", 2021). Each value is seen relative to the level and the usual step of its series; features
/// are lags, lags by seasons, means, spread, trend and phases. Later steps go on from forecasts. Intervals are those of a fit
/// that has not seen the ends of the series. O(rounds x rows x features) for the fits.
#[derive(Debug, Clone)]
pub struct GlobalBoosting {
    /// What fits.
    pub boosting: Boosting,
    /// Most rows that are learnt, spread over all series.
    pub rows_max: usize,
}

impl Default for GlobalBoosting {
    fn default() -> Self {
        let boosting =
            Boosting { rounds: 120, learning_rate: 0.08, leaves_max: 15, feature_share: 0.7, ..Boosting::default() };
        Self { boosting, rows_max: 200_000 }
    }
}

/// Forecasts of all series.
#[derive(Debug, Clone)]
pub struct GlobalForecasts {
    means: Vec<Vec<f64>>,
    /// Deviation of each step, in usual steps of a series.
    deviations: Vec<f64>,
    calibration: Calibration,
    scales: Vec<f64>,
    floors: Vec<f64>,
}

const LAGS: usize = 8;
/// Values of a series that are looked at, the last ones.
const VALUES_MAX: usize = 10_000;
/// Values before the first one that is learnt.
const FIRST: usize = 3;
/// Least length of a series whose end is held out.
const HELD_MIN: usize = 12;

impl GlobalBoosting {
    /// Fits and forecasts. Errors: no series has four values, or cancelled.
    pub fn forecast(&self, series: &[History<'_>], horizon: usize, context: &Context) -> Result<GlobalForecasts> {
        let scaled: Vec<Scaled> = series.iter().map(Scaled::of).collect();
        let held: Vec<usize> = scaled.iter().map(|s| s.held(horizon)).collect();
        let mut errors = Errors::new(horizon);
        if held.iter().any(|h| *h > 0) {
            let past: Vec<Scaled> = scaled.iter().zip(&held).map(|(s, h)| s.without_last(*h)).collect();
            if let Some(model) = self.fit(&past, context)? {
                let longest = held.iter().copied().max().unwrap_or(0);
                for (forecast, (scaled, held)) in walk(&model, past, longest, context)?.iter().zip(scaled.iter().zip(&held))
                {
                    errors.add(forecast, &scaled.values[scaled.values.len() - held..]);
                }
            }
        }
        let (scales, floors) = scaled.iter().map(|s| (s.scale, s.floor)).unzip();
        let centers: Vec<f64> = scaled.iter().map(|s| s.center).collect();
        let model = self.fit(&scaled, context)?;
        let model = model.ok_or_else(|| Error::invalid("no series has the four values that global_boosting needs"))?;
        let steps = walk(&model, scaled, horizon, context)?;
        let deviations = errors.deviations();
        let calibration = errors.calibration(&deviations);
        let mut forecasts = GlobalForecasts { means: steps, deviations, calibration, scales, floors };
        for (i, mean) in forecasts.means.iter_mut().enumerate() {
            let (scale, floor) = (forecasts.scales[i], forecasts.floors[i]);
            mean.iter_mut().for_each(|v| *v = (centers[i] + scale * *v).max(floor));
        }
        Ok(forecasts)
    }

    fn fit(&self, series: &[Scaled], context: &Context) -> Result<Option<BoostingModel>> {
        let rows: usize = series.iter().map(|s| s.values.len().saturating_sub(FIRST)).sum();
        let stride = rows.div_ceil(self.rows_max.max(1)).max(1);
        let (mut columns, mut answers) = (vec![Vec::new(); WIDTH], Vec::new());
        let mut number = 0;
        for one in series {
            context.cancel.check()?;
            for t in FIRST..one.values.len() {
                number += 1;
                if number % stride == 0 {
                    let (row, level) = one.row(t);
                    columns.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
                    answers.push(one.values[t] - level);
                }
            }
        }
        if answers.len() < 2 {
            return Ok(None);
        }
        let features = Features::of_numbers(columns)?;
        self.boosting.fit(&features, &Target::Numbers(answers), context).map(Some)
    }
}

/// The next steps of all series, each from those before.
fn walk(model: &BoostingModel, mut series: Vec<Scaled>, steps: usize, context: &Context) -> Result<Vec<Vec<f64>>> {
    let starts: Vec<usize> = series.iter().map(|s| s.values.len()).collect();
    for _ in 0..steps {
        context.cancel.check()?;
        let (mut columns, mut levels) = (vec![Vec::new(); WIDTH], Vec::new());
        for one in &series {
            let (row, level) = one.row(one.values.len());
            columns.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
            levels.push(level);
        }
        let predicted = model.predict(&Features::of_numbers(columns)?)?.pop().unwrap_or_default();
        for ((one, level), step) in series.iter_mut().zip(levels).zip(predicted) {
            let moved = if one.moves { step } else { 0.0 };
            one.push(level + moved);
        }
    }
    Ok(series.into_iter().zip(starts).map(|(mut s, start)| s.values.split_off(start)).collect())
}

/// Lags, three lags of the first season and two of the second, three means, spread, trend, level, two phases.
const WIDTH: usize = LAGS + 5 + 3 + 3 + 2;

/// A series relative to its first value, in units of its usual step.
#[derive(Debug, Clone)]
struct Scaled {
    values: Vec<f64>,
    /// Sums of the values and of their squares before each.
    sums: Vec<(f64, f64)>,
    periods: [usize; 2],
    center: f64,
    scale: f64,
    /// No forecast of a series that is never negative is negative.
    floor: f64,
    /// Whether it ever changes.
    moves: bool,
}

impl Scaled {
    fn of(history: &History<'_>) -> Self {
        let known = &history.values[history.values.len().saturating_sub(VALUES_MAX)..];
        let steps: Vec<f64> = known.windows(2).map(|p| (p[1] - p[0]).abs()).collect();
        let usual = if steps.is_empty() { 0.0 } else { mean(&steps) };
        let moves = usual > 0.0 && usual.is_finite();
        let scale = if moves { usual } else { 1.0 };
        let center = if known.is_empty() { 0.0 } else { mean(known) };
        let usable = |i: usize| history.periods.get(i).copied().filter(|p| *p > 1 && known.len() > *p).unwrap_or(0);
        let floor = if known.iter().all(|v| *v >= 0.0) { 0.0 } else { f64::NEG_INFINITY };
        let mut new = Self {
            values: Vec::with_capacity(known.len()),
            sums: vec![(0.0, 0.0)],
            periods: [usable(0), usable(1)],
            center,
            scale,
            floor,
            moves,
        };
        known.iter().for_each(|v| new.push((v - center) / scale));
        new
    }

    fn push(&mut self, value: f64) {
        let (sum, squares) = self.sums.last().copied().unwrap_or_default();
        self.values.push(value);
        self.sums.push((sum + value, squares + value * value));
    }

    /// Values at the end that a judged fit does not see.
    fn held(&self, horizon: usize) -> usize {
        if self.values.len() < HELD_MIN { 0 } else { horizon.min(self.values.len() / 4) }
    }

    fn without_last(&self, count: usize) -> Self {
        let mut new = self.clone();
        new.values.truncate(self.values.len() - count);
        new.sums.truncate(new.values.len() + 1);
        new
    }

    /// Mean and deviation of up to `count` values before `t`, which are at least one.
    fn moments(&self, t: usize, count: usize) -> (f64, f64) {
        let from = t.saturating_sub(count);
        let n = (t - from).max(1) as f64;
        let ((a, b), (c, d)) = (self.sums[from], self.sums[t]);
        let mean = (c - a) / n;
        (mean, ((d - b) / n - mean * mean).max(0.0).sqrt())
    }

    /// Features of the value at `t` by those before, and the level that they are relative to.
    fn row(&self, t: usize) -> ([f64; WIDTH], f64) {
        let [first, second] = self.periods;
        let window = if first > 1 { first } else { 4 };
        let (level, spread) = self.moments(t, window);
        let mut row = [f64::NAN; WIDTH];
        if t == 0 {
            return (row, 0.0);
        }
        let lag = |steps: usize| match steps > 0 && steps <= t {
            true => self.values[t - steps] - level,
            false => f64::NAN,
        };
        (1..=LAGS).for_each(|l| row[l - 1] = lag(l));
        let of_season = [lag(first), lag(2 * first), lag(3 * first), lag(second), lag(2 * second)];
        row[LAGS..LAGS + 5].copy_from_slice(&of_season);
        let at = LAGS + 5;
        row[at] = self.moments(t, 2).0 - level;
        row[at + 1] = self.moments(t, 8).0 - level;
        row[at + 2] = self.moments(t, 3 * window).0 - level;
        row[at + 3] = spread;
        if t > window {
            row[at + 4] = level - self.moments(t - window, window).0;
        }
        row[at + 5] = level;
        let phase = |period: usize| if period > 1 { (t % period) as f64 / period as f64 } else { f64::NAN };
        (row[at + 6], row[at + 7]) = (phase(first), phase(second));
        (row, level)
    }
}

/// Errors of forecasts by their steps.
#[derive(Debug)]
struct Errors {
    by_step: Vec<Vec<f64>>,
    series: usize,
}

impl Errors {
    fn new(horizon: usize) -> Self {
        Self { by_step: vec![Vec::new(); horizon], series: 0 }
    }

    fn add(&mut self, forecast: &[f64], actual: &[f64]) {
        self.series += usize::from(!actual.is_empty());
        for (errors, (f, a)) in self.by_step.iter_mut().zip(forecast.iter().zip(actual)) {
            errors.push((f - a).abs());
        }
    }

    /// Root mean squares, never smaller for later steps; beyond what was measured as those of a random walk.
    fn deviations(&self) -> Vec<f64> {
        let measured = self.by_step.iter().take_while(|e| e.len() > 1).count();
        let (mut largest, mut out) = (0.0_f64, Vec::with_capacity(self.by_step.len()));
        for (step, errors) in self.by_step.iter().enumerate() {
            if step < measured {
                largest = largest.max((errors.iter().map(|e| e * e).sum::<f64>() / errors.len() as f64).sqrt());
                out.push(largest);
            } else {
                let last = if measured > 0 { largest } else { 1.0 };
                out.push(last * ((step + 1) as f64 / measured.max(1) as f64).sqrt());
            }
        }
        out
    }

    fn calibration(&self, deviations: &[f64]) -> Calibration {
        let scores = self.by_step.iter().zip(deviations).flat_map(|(errors, d)| errors.iter().map(move |e| e / d));
        Calibration::new(&scores.collect::<Vec<_>>(), self.series as f64)
    }
}

impl GlobalForecasts {
    /// Forecasts of a series, by its place. Errors: they left the range of numbers.
    pub fn forecast(&self, series: usize) -> Result<&[f64]> {
        let found = self.means.get(series).map(Vec::as_slice).unwrap_or_default();
        match found.iter().all(|v| v.is_finite()) {
            true => Ok(found),
            false => Err(Error::invalid("the values of the series are too large or too small for a double; scale them")),
        }
    }

    /// For each step of a series the bounds that hold a share of the outcomes, such as 0.95.
    pub fn intervals(&self, series: usize, level: f64) -> Vec<(f64, f64)> {
        let (Some(means), Some(scale), Some(floor)) =
            (self.means.get(series), self.scales.get(series), self.floors.get(series))
        else {
            return Vec::new();
        };
        let width = scale * self.calibration.multiplier(level);
        let bound = |(m, d): (&f64, &f64)| ((m - width * d).max(*floor), (m + width * d).max(*floor));
        means.iter().zip(&self.deviations).map(bound).collect()
    }
}
