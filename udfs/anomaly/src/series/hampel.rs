//! Distance from the median of the last values.

use headwater_timeseries::Cancel;

use super::online::{Online, Step, run};
use super::rolling_z::needed;
use super::{SeriesDetector, SeriesScores};
use crate::statistics::MAD_TO_SD;
use crate::statistics::rolling::RollingOrder;

/// Distance from the median of the last `window` values in median absolute deviations (Hampel: The influence curve and its
/// role in robust estimation, JASA 1974; Davies and Gather 1993). Outliers in the window do not hide others. When more than
/// half of the window is one value the mean deviation takes the place of the median one, which is zero then.
/// O(n log w) comparisons for a window w, and a move of at most w values each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hampel {
    /// Values to compare with; at least 3.
    pub window: usize,
}

impl Default for Hampel {
    fn default() -> Self {
        Self { window: 100 }
    }
}

impl SeriesDetector for Hampel {
    fn name(&self) -> &'static str {
        "hampel"
    }

    fn detect_until(&self, values: &[f64], level: f64, cancel: &Cancel) -> SeriesScores {
        let mut state = State { order: RollingOrder::new(self.window.max(3)), needed: needed(self.window) };
        let needed = state.needed + 1;
        run(&mut state, values, needed, level, cancel)
    }
}

struct State {
    order: RollingOrder,
    needed: usize,
}

impl State {
    fn scale(&self, center: f64) -> f64 {
        let mad = self.order.mad() * MAD_TO_SD;
        if mad > 0.0 {
            return mad;
        }
        let sorted = self.order.sorted();
        sorted.iter().map(|v| (v - center).abs()).sum::<f64>() / sorted.len().max(1) as f64
    }
}

impl Online for State {
    fn step(&mut self, value: f64) -> Option<Step> {
        let known = self.order.len() >= self.needed;
        let center = self.order.median();
        let step = known.then(|| Step::distance(value, center, self.scale(center)));
        self.order.push(value);
        step
    }
}
