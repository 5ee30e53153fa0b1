//! Distance from a forecast.

use headwater_timeseries::Cancel;

use super::online::{Online, Step};
use super::period::SeasonTracker;
use super::{CANCEL_EVERY, SCORE_MAX, SeriesDetector, SeriesScores, status_of};
use crate::statistics::rolling::RollingOrder;
use crate::statistics::{finite, scale_floor};

/// Distance from a one-step forecast, judged by a conformal interval.
///
/// The forecast is the one of three that erred least lately: the last value, an exponentially smoothed level (Holt 1957), the
/// mean of the values one and two seasons ago (a season is looked for as the series grows). The interval is
/// split conformal over the last `window` residuals (Vovk, Gammerman, Shafer 2005; for series Xu and Xie: Conformal prediction
/// interval for dynamic time-series, ICML 2021): a score is the rank of a residual among them, and beyond the largest of
/// them grows with the ratio to it. O(n log n).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForecastResidual {
    /// Residuals to compare with; at least 20. The smallest probability that ranks can show is one in `window + 1`.
    pub window: usize,
}

impl Default for ForecastResidual {
    fn default() -> Self {
        Self { window: 500 }
    }
}

const WARM_UP: usize = 20;
/// Values before one is scored.
pub(super) const NEEDED: usize = WARM_UP + 2;

impl SeriesDetector for ForecastResidual {
    fn name(&self) -> &'static str {
        "forecast"
    }

    fn detect_until(&self, values: &[f64], level: f64, cancel: &Cancel) -> SeriesScores {
        self.detect_with_seasons(values, level, cancel).0
    }
}

impl ForecastResidual {
    /// The scores, and how far off each value is. Out of season is only what lies outside of the last value and those one and two
    /// seasons ago, where a season is what the forecast follows and the value is as high as others lately: a usual value after an odd
    /// one, or a season or two later, is within them, however odd its forecast is.
    pub(super) fn detect_with_seasons(&self, values: &[f64], level: f64, cancel: &Cancel) -> (SeriesScores, Far) {
        let mut far = Far { residual: vec![f64::NAN; values.len()], season: vec![f64::NAN; values.len()] };
        let mut scores = SeriesScores::unscored(values.len(), status_of(values, NEEDED));
        let mut forecaster = Forecaster::new();
        let mut residuals = RollingOrder::new(self.window.max(WARM_UP));
        let mut lately = RollingOrder::new(self.window.max(WARM_UP));
        for (i, value) in values.iter().enumerate() {
            if i % CANCEL_EVERY == 0 && cancel.is_cancelled() {
                break;
            }
            let Some(value) = finite(*value) else { continue };
            let within = is_within(lately.sorted(), value);
            lately.push(value);
            let Some(step) = forecaster.step(value) else { continue };
            let residual = (value - step.expected).abs();
            scores.expected[i] = step.expected;
            if residuals.len() >= WARM_UP {
                let bound = bound(residuals.sorted(), level, step.expected);
                scores.lower[i] = step.expected - bound;
                scores.upper[i] = step.expected + bound;
                scores.score[i] = surprise(residuals.sorted(), residual, step.expected);
                scores.settle(i, value, level);
                let usual = residuals.median().max(scale_floor(step.expected));
                let season = forecaster.seasonal.map(|(low, high)| (low - value).max(value - high).max(0.0));
                far.residual[i] = season.unwrap_or(residual) / usual;
                if let Some(season) = season.filter(|_| within) {
                    far.season[i] = season / usual;
                }
            }
            residuals.push(residual);
        }
        (scores, far)
    }
}

/// How far off values are, in medians of the residuals; NaN where nothing is known.
pub(super) struct Far {
    /// From the forecast, or from the range of the last value and those one and two seasons ago where a season is what it follows.
    pub(super) residual: Vec<f64>,
    /// From that range, of values that are as high as others lately.
    pub(super) season: Vec<f64>,
}

/// Whether a value lies within the range of sorted values.
fn is_within(sorted: &[f64], value: f64) -> bool {
    sorted.first().zip(sorted.last()).is_some_and(|(low, high)| *low <= value && value <= *high)
}

/// Minus the decimal logarithm of the conformal p-value of a residual.
fn surprise(sorted: &[f64], residual: f64, expected: f64) -> f64 {
    let n = sorted.len();
    let at_least = n - sorted.partition_point(|r| *r < residual);
    let rank = -((at_least + 1) as f64 / (n + 1) as f64).log10();
    let largest = sorted.last().copied().unwrap_or(0.0).max(scale_floor(expected));
    if residual > largest { (rank + residual / largest - 1.0).min(SCORE_MAX) } else { rank }
}

/// The residual from which [`surprise`] reaches a level.
fn bound(sorted: &[f64], level: f64, expected: f64) -> f64 {
    let n = sorted.len();
    let survival = (1.0 - level).clamp(1e-100, 1.0);
    let allowed = (survival * (n + 1) as f64).floor() as usize;
    if allowed > 0 {
        return sorted[n.saturating_sub(allowed).min(n - 1)];
    }
    let largest = sorted[n - 1].max(scale_floor(expected));
    largest * (1.0 - survival.log10() - ((n + 1) as f64).log10())
}

/// One-step forecasts with a choice among three ways.
#[derive(Debug, Clone)]
pub(super) struct Forecaster {
    season: SeasonTracker,
    level: f64,
    errors: [f64; 3],
    scale: f64,
    /// The range of the last value and those one and two seasons ago, if the latest forecast was the seasonal one.
    seasonal: Option<(f64, f64)>,
}

/// Weight of the newest value in the level, and of the newest error in the errors.
const LEVEL_ALPHA: f64 = 0.3;
const ERROR_ALPHA: f64 = 0.02;

impl Forecaster {
    pub(super) fn new() -> Self {
        Self { season: SeasonTracker::new(), level: 0.0, errors: [0.0; 3], scale: 0.0, seasonal: None }
    }

    /// Forecasts of the next value; the seasonal one is NaN without a season.
    fn forecasts(&self) -> Option<[f64; 3]> {
        let past = self.season.values();
        let last = *past.last()?;
        let seasonal = self.season.period().filter(|m| past.len() > *m).map_or(f64::NAN, |m| {
            let ago = past.len() - m;
            // The mean of two seasons is steadier than one.
            if past.len() > 2 * m { 0.5 * (past[ago] + past[ago - m]) } else { past[ago] }
        });
        Some([last, self.level, seasonal])
    }

    fn last_seasons(&self) -> Option<(f64, f64)> {
        let (past, season) = (self.season.values(), self.season.period()?);
        let ago = |m: usize| past.len().checked_sub(m).map(|at| past[at]);
        let (last, one) = (ago(1)?, ago(season)?);
        let two = ago(2 * season).unwrap_or(one);
        Some((last.min(one).min(two), last.max(one).max(two)))
    }
}

impl Online for Forecaster {
    fn step(&mut self, value: f64) -> Option<Step> {
        let seen = self.season.values().len();
        let step = self.forecasts().map(|forecasts| {
            let usable = |i: &usize| forecasts[*i].is_finite();
            let best = (0..3).filter(usable).min_by(|a, b| self.errors[*a].total_cmp(&self.errors[*b])).unwrap_or(0);
            let step = Step::distance(value, forecasts[best], self.scale);
            self.seasonal = if best == 2 { self.last_seasons() } else { None };
            let weight = ERROR_ALPHA.max(1.0 / seen as f64);
            for (error, forecast) in self.errors.iter_mut().zip(forecasts) {
                // A way that cannot forecast yet is believed to err as much as the best of the others.
                let newest = if forecast.is_finite() { (value - forecast).abs() } else { (value - forecasts[best]).abs() };
                *error += weight * (newest - *error);
            }
            self.scale += weight * ((value - forecasts[best]).abs() - self.scale);
            step
        });
        self.level = if seen == 0 { value } else { self.level + LEVEL_ALPHA * (value - self.level) };
        self.season.push(value);
        step
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bound_and_score_agree() {
        let residuals: Vec<f64> = (1..=199).map(f64::from).collect();
        for level in [0.5, 0.9, 0.99, 0.999] {
            let bound = bound(&residuals, level, 0.0);
            let goal = super::super::surprise_of_level(level);
            assert!(surprise(&residuals, bound * 1.01, 0.0) >= goal - 1e-9, "{level}");
            assert!(surprise(&residuals, bound * 0.98, 0.0) < goal, "{level}");
        }
    }
}
