//! Distance from the mean of the last values.

use headwater_timeseries::Cancel;

use super::online::{Online, Step, run};
use super::{SeriesDetector, SeriesScores};
use crate::statistics::rolling::RollingMoments;

/// Standardized distance from the mean of the last `window` values (Shewhart: Economic Control of Quality, 1931). O(n).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RollingZ {
    /// Values to compare with; at least 3.
    pub window: usize,
}

impl Default for RollingZ {
    fn default() -> Self {
        Self { window: 100 }
    }
}

impl SeriesDetector for RollingZ {
    fn name(&self) -> &'static str {
        "zscore"
    }

    fn detect_until(&self, values: &[f64], level: f64, cancel: &Cancel) -> SeriesScores {
        let mut state = State { moments: RollingMoments::new(self.window.max(3)), needed: needed(self.window) };
        let needed = state.needed + 1;
        run(&mut state, values, needed, level, cancel)
    }
}

/// Values to see before one is judged.
pub(super) fn needed(window: usize) -> usize {
    window.clamp(3, 20)
}

struct State {
    moments: RollingMoments,
    needed: usize,
}

impl Online for State {
    fn step(&mut self, value: f64) -> Option<Step> {
        let known = self.moments.len() >= self.needed;
        let step = known.then(|| Step::distance(value, self.moments.mean(), self.moments.deviation()));
        self.moments.push(value);
        step
    }
}
