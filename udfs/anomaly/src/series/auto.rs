//! The ensemble that is used unless a method is named.

use headwater_timeseries::Cancel;

use super::{ForecastResidual, Hampel, RelativeEntropy, SCORE_MAX, SeriesDetector, SeriesScores, status_of};

/// Weighs the evidence of detectors that look for different things: windows distributed like none before (relative entropy of
/// short and long windows), values off a forecast, and values off the recent median. Expected values and bounds are those
/// of the forecast.
///
/// A score is the weighted mean of theirs less log10(e): e times a weighted geometric mean of probabilities is again a
/// probability, however the detectors depend on each other (Vovk and Wang: Combining p-values via averaging, Biometrika
/// 2020). Each is bounded, so that no single one decides alone how sure the ensemble is. Causal. O(n log n).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Auto;

const WINDOWS: [usize; 3] = [30, 52, 90];
const BINS: usize = 4;
/// Weights add up to one: three windows, the forecast, the median.
const ENTROPY_WEIGHT: f64 = 0.2;
const FORECAST_WEIGHT: f64 = 0.25;
const HAMPEL_WEIGHT: f64 = 0.15;
/// The most that forecast and median say; the likelihood-ratio test of the windows is bounded by their length.
const EVIDENCE_MOST: f64 = 6.0;

impl SeriesDetector for Auto {
    fn name(&self) -> &'static str {
        "auto"
    }

    fn detect_until(&self, values: &[f64], level: f64, cancel: &Cancel) -> SeriesScores {
        let mut scores = ForecastResidual::default().detect_until(values, level, cancel);
        scores.status = status_of(values, super::forecast_residual::NEEDED);
        let hampel = Hampel::default().detect_until(values, level, cancel).score;
        let of_window = |window| RelativeEntropy { window, bins: BINS }.detect_until(values, level, cancel).score;
        let entropies = WINDOWS.map(of_window);
        for (i, score) in scores.score.iter_mut().enumerate() {
            if score.is_nan() {
                continue;
            }
            // A detector that has not seen enough has no evidence.
            let evidence = |surprise: f64, most: f64| if surprise.is_nan() { 0.0 } else { surprise.min(most) };
            let of_windows: f64 = entropies.iter().map(|e| evidence(e[i], SCORE_MAX)).sum();
            let sum = ENTROPY_WEIGHT * of_windows
                + FORECAST_WEIGHT * evidence(*score, EVIDENCE_MOST)
                + HAMPEL_WEIGHT * evidence(hampel[i], EVIDENCE_MOST);
            *score = (sum - std::f64::consts::LOG10_E).max(0.0);
        }
        scores
    }
}
