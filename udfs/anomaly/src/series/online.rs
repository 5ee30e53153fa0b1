//! Causal detectors: one value at a time, so that nothing of the future can leak in.

use headwater_timeseries::Cancel;

use super::calibration::{TailCalibrator, WARM_UP};
use super::{CANCEL_EVERY, SeriesScores, status_of};
use crate::statistics::finite;

/// What a causal detector says of a value, from earlier values only.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    /// How unusual, 0 or more, on the method's own scale; for bounded methods the distance from `expected` in `scale`s.
    pub(crate) deviation: f64,
    /// NaN when the method has no notion of it.
    pub(crate) expected: f64,
    /// NaN when the method has no notion of it.
    pub(crate) scale: f64,
}

impl Step {
    /// The distance of a value from what was expected.
    pub(crate) fn distance(value: f64, expected: f64, scale: f64) -> Self {
        let scale = scale.max(crate::statistics::scale_floor(expected));
        Self { deviation: (value - expected).abs() / scale, expected, scale }
    }

    /// A deviation without a notion of an expected value.
    pub(crate) fn only(deviation: f64) -> Self {
        Self { deviation, expected: f64::NAN, scale: f64::NAN }
    }
}

/// A causal detector.
pub(crate) trait Online {
    /// Judges a finite value and learns from it; nothing while too little was seen.
    fn step(&mut self, value: f64) -> Option<Step>;
}

/// Scores a series with a causal detector and calibrates its deviations by those before. The first deviation is that of value
/// number `first`.
pub(crate) fn run(online: &mut impl Online, values: &[f64], first: usize, level: f64, cancel: &Cancel) -> SeriesScores {
    let mut scores = SeriesScores::unscored(values.len(), status_of(values, first + WARM_UP));
    let mut calibrator = TailCalibrator::new();
    for (i, value) in values.iter().enumerate() {
        if i % CANCEL_EVERY == 0 && cancel.is_cancelled() {
            break;
        }
        let Some(value) = finite(*value) else { continue };
        let Some(step) = online.step(value) else { continue };
        let bound = calibrator.deviation_at(level) * step.scale;
        scores.expected[i] = step.expected;
        scores.lower[i] = step.expected - bound;
        scores.upper[i] = step.expected + bound;
        scores.score[i] = calibrator.surprise(step.deviation);
        scores.settle(i, value, level);
    }
    scores
}
