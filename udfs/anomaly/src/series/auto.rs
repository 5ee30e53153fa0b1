//! The ensemble that is used unless a method is named.

use std::collections::VecDeque;

use headwater_timeseries::Cancel;

use super::{ForecastResidual, Hampel, RelativeEntropy, SCORE_MAX, SeriesDetector, SeriesScores, status_of};

/// Weighs the evidence of detectors that look for different things: windows distributed like none before (relative entropy of
/// short and long windows), values off a forecast, and values off the recent median. Expected values and bounds are those of the
/// forecast, which has one voice among several: a value outside of the bounds need not be an anomaly, and one inside can be.
///
/// A score is the weighted mean of theirs less log10(e): e times a weighted geometric mean of probabilities is again a
/// probability, however the detectors depend on each other (Vovk and Wang: Combining p-values via averaging, Biometrika
/// 2020). Each is bounded, so that no single one decides alone how sure the ensemble is. With one exception: windows and the
/// median are blind to a value that is out of season and as high as others lately, so that one many times the usual residual
/// away is judged by the forecast alone, less log10(2) for being one of two ways to be anomalous. Causal. O(n log n).
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
/// So many medians of the residuals a value is out of season at least, and so sure the forecast is, when it decides alone.
const OUT_OF_SEASON: f64 = 10.0;
const ALONE_LEAST: f64 = 2.5;
/// It does so once in so many values: when it is wrong more often, the season is what has changed.
const ALONE_ONCE_IN: usize = 200;
/// Where residuals have no long tail, every value so far off is an anomaly, if the one before it was not: of the last ones at most this
/// share was more than five medians off.
/// It is 0.1 % of normal residuals, 3 % of Laplace's or of Student's with three degrees of freedom.
const TAIL_WINDOW: usize = 400;
const TAIL_SHARE: f64 = 0.01;
/// So many medians off it is at least, and its score then: once in a hundred.
const OUT_OF_TAIL: f64 = 8.0;
const OUT_OF_TAIL_SCORE: f64 = 2.0;

impl SeriesDetector for Auto {
    fn name(&self) -> &'static str {
        "auto"
    }

    fn detect_until(&self, values: &[f64], level: f64, cancel: &Cancel) -> SeriesScores {
        let (mut scores, far) = ForecastResidual::default().detect_with_seasons(values, level, cancel);
        scores.status = status_of(values, super::forecast_residual::NEEDED);
        let hampel = Hampel::default().detect_until(values, level, cancel).score;
        let of_window = |window| RelativeEntropy { window, bins: BINS }.detect_until(values, level, cancel).score;
        let entropies = WINDOWS.map(of_window);
        let mut alone_next = 0;
        let mut tail = Tail::default();
        for (i, score) in scores.score.iter_mut().enumerate() {
            if score.is_nan() {
                continue;
            }
            // A detector that has not seen enough has no evidence.
            let evidence = |surprise: f64, most: f64| if surprise.is_nan() { 0.0 } else { surprise.min(most) };
            let of_windows: f64 = entropies.iter().map(|e| evidence(e[i], SCORE_MAX)).sum();
            let of_forecast = evidence(*score, EVIDENCE_MOST);
            let sum = ENTROPY_WEIGHT * of_windows
                + FORECAST_WEIGHT * of_forecast
                + HAMPEL_WEIGHT * evidence(hampel[i], EVIDENCE_MOST);
            *score = (sum - std::f64::consts::LOG10_E).max(0.0);
            if far.season[i] > OUT_OF_SEASON && of_forecast > ALONE_LEAST && i >= alone_next {
                alone_next = i + ALONE_ONCE_IN;
                *score = score.max(of_forecast - std::f64::consts::LOG10_2);
            }
            let off = far.residual[i];
            if off > OUT_OF_TAIL && !tail.before && tail.is_short() {
                *score = score.max(OUT_OF_TAIL_SCORE);
            }
            tail.push(off);
        }
        scores
    }
}

/// How many of the last residuals were far off; those behind one another are one event, such as a spike and the way back from it.
#[derive(Debug, Default)]
struct Tail {
    far: VecDeque<bool>,
    count: usize,
    before: bool,
}

impl Tail {
    fn push(&mut self, far: f64) {
        if self.far.len() == TAIL_WINDOW && self.far.pop_front() == Some(true) {
            self.count -= 1;
        }
        let is_far = far > OUT_OF_SEASON / 2.0;
        let begins = is_far && !self.before;
        self.before = is_far;
        self.count += usize::from(begins);
        self.far.push_back(begins);
    }

    /// Whether they have no long tail. Of few residuals one may be far off.
    fn is_short(&self) -> bool {
        self.count as f64 <= (TAIL_SHARE * self.far.len() as f64).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::random::Random;

    fn seasonal(seed: u64) -> Vec<f64> {
        let mut random = Random::new(seed, 0);
        let mut noise = || (0..12).map(|_| random.uniform()).sum::<f64>() - 6.0;
        (0..600).map(|i| 10.0 + 5.0 * (f64::from(i) * std::f64::consts::TAU / 24.0).sin() + 0.4 * noise()).collect()
    }

    /// Beside two such values no other one is flagged, not even a season later.
    #[test]
    fn a_value_out_of_season_is_an_anomaly_though_it_is_as_high_as_others() {
        for seed in 0..5 {
            let mut values = seasonal(seed);
            let (up, down) = (14 + 24 * 11, 6 + 24 * 20);
            (values[up], values[down]) = (values[up] + 7.0, values[down] - 9.0);
            let found = Auto.detect(&values, 0.99);
            let flagged: Vec<usize> = (0..values.len()).filter(|i| found.is_anomaly(*i, 0.99)).collect();
            assert_eq!(flagged, [up, down], "seed {seed}");
        }
    }

    #[test]
    fn seasons_without_anomalies_have_none() {
        let flags = (10..30).map(|seed| {
            let found = Auto.detect(&seasonal(seed), 0.99);
            (0..600).filter(|i| found.is_anomaly(*i, 0.99)).count()
        });
        assert!(flags.sum::<usize>() <= 6, "six of 12000 would be 0.05 %");
    }
}
