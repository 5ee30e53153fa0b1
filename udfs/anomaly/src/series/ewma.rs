//! Distance from an exponentially weighted mean.

use headwater_timeseries::Cancel;

use super::online::{Online, Step, run};
use super::{SeriesDetector, SeriesScores};

/// Distance from an exponentially weighted mean in exponentially weighted deviations (Roberts: Control chart tests based on
/// geometric moving averages, Technometrics 1959). O(n) time, O(1) state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ewma {
    /// Weight of the newest value, above 0 and at most 1.
    pub alpha: f64,
}

impl Default for Ewma {
    fn default() -> Self {
        Self { alpha: 0.05 }
    }
}

const NEEDED: usize = 10;

impl SeriesDetector for Ewma {
    fn name(&self) -> &'static str {
        "ewma"
    }

    fn detect_until(&self, values: &[f64], level: f64, cancel: &Cancel) -> SeriesScores {
        let alpha = if self.alpha.is_nan() { Self::default().alpha } else { self.alpha.clamp(1e-6, 1.0) };
        run(&mut State { alpha, seen: 0, mean: 0.0, variance: 0.0 }, values, NEEDED + 1, level, cancel)
    }
}

struct State {
    alpha: f64,
    seen: usize,
    mean: f64,
    variance: f64,
}

impl Online for State {
    fn step(&mut self, value: f64) -> Option<Step> {
        let known = self.seen >= NEEDED;
        let step = known.then(|| Step::distance(value, self.mean, self.variance.sqrt()));
        // A plain mean at first, when the weights have not yet decayed.
        self.seen += 1;
        let weight = self.alpha.max(1.0 / self.seen as f64);
        let change = value - self.mean;
        self.mean += weight * change;
        self.variance = (1.0 - weight) * (self.variance + weight * change * change);
        step
    }
}
