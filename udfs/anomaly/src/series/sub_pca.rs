//! Sequences that a few components do not explain.

use headwater_timeseries::Cancel;

use super::calibration::TailCalibrator;
use super::period::main_season;
use super::{SeriesDetector, SeriesScores, status_of};
use crate::statistics::linalg::symmetric_eigen;
use crate::statistics::{interpolated, mean, scale_floor};
use crate::status::Status;

/// Principal components of all sequences of `window` values (Aggarwal: Outlier analysis, 2017, 3.3; Shyu, Chen, Sarinnapakorn,
/// Chang: A novel anomaly detection scheme based on principal component classifier, 2003). A sequence's deviation is the sum
/// of its squared coordinates, each in deviations of its component; a value's is the mean over the sequences around it.
/// Sees the whole series. O(n w² ) for the coordinates and O(w³) for the components; O(n + w²) memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SubPca {
    /// Values in a sequence, 4 to 256; nothing for the length of the season, or 50 without one.
    pub window: Option<usize>,
}

const WINDOW: usize = 50;
const WINDOW_MAX: usize = 128;
/// Components with a smaller share of the variance of the first are noise of rounding.
const VARIANCE_MIN: f64 = 1e-6;

impl SeriesDetector for SubPca {
    fn name(&self) -> &'static str {
        "sub_pca"
    }

    fn is_causal(&self) -> bool {
        false
    }

    fn detect_until(&self, values: &[f64], _level: f64, cancel: &Cancel) -> SeriesScores {
        let of_season = || main_season(values);
        let window = self.window.or_else(of_season).unwrap_or(WINDOW).clamp(4, WINDOW_MAX);
        let mut scores = SeriesScores::unscored(values.len(), status_of(values, 3 * window));
        if scores.status == Status::Constant {
            scores.score = values.iter().map(|v| if v.is_finite() { 0.0 } else { f64::NAN }).collect();
        }
        if scores.status != Status::Ok {
            return scores;
        }
        let Some(filled) = interpolated(values) else { return scores };
        let deviations = of_points(&of_sequences(&standardized(&filled), window, cancel), window);
        let surprises = TailCalibrator::of_all(&deviations);
        scores.score = surprises.into_iter().zip(values).map(|(s, v)| if v.is_finite() { s } else { f64::NAN }).collect();
        scores
    }
}

fn standardized(values: &[f64]) -> Vec<f64> {
    let center = mean(values);
    let variance = values.iter().map(|v| (v - center).powi(2)).sum::<f64>() / values.len() as f64;
    let scale = variance.sqrt().max(scale_floor(center));
    values.iter().map(|v| (v - center) / scale).collect()
}

/// Sum of squared standardized coordinates of each sequence.
fn of_sequences(values: &[f64], window: usize, cancel: &Cancel) -> Vec<f64> {
    let count = values.len() + 1 - window;
    let means: Vec<f64> = (0..window).map(|i| mean(&values[i..i + count])).collect();
    let components = symmetric_eigen(covariance(values, window, &means), window, cancel);
    let least = components.first().map_or(0.0, |c| c.0) * VARIANCE_MIN;
    let mut sums = vec![0.0; count];
    for (variance, direction) in components.iter().filter(|c| c.0 > least && c.0 > 0.0) {
        if cancel.is_cancelled() {
            break;
        }
        let offset: f64 = direction.iter().zip(&means).map(|(d, m)| d * m).sum();
        for (sum, sequence) in sums.iter_mut().zip(values.windows(window)) {
            let coordinate = direction.iter().zip(sequence).map(|(d, v)| d * v).sum::<f64>() - offset;
            *sum += coordinate * coordinate / variance;
        }
    }
    sums
}

/// Covariance of the places of a sequence: the product of two places follows from that of the places before in O(1).
fn covariance(values: &[f64], window: usize, means: &[f64]) -> Vec<f64> {
    let count = values.len() + 1 - window;
    let mut matrix = vec![0.0; window * window];
    for lag in 0..window {
        let first = values[..count].iter().zip(&values[lag..lag + count]);
        let mut product: f64 = first.map(|(a, b)| a * b).sum();
        for i in 0..window - lag {
            let j = i + lag;
            let c = product / count as f64 - means[i] * means[j];
            matrix[i * window + j] = c;
            matrix[j * window + i] = c;
            if j + 1 < window {
                product += values[i + count] * values[j + count] - values[i] * values[j];
            }
        }
    }
    matrix
}

/// Mean over the sequences that hold a point.
fn of_points(sequences: &[f64], window: usize) -> Vec<f64> {
    let count = sequences.len();
    let mut sums = Vec::with_capacity(count + 1);
    sums.push(0.0);
    let mut sum = 0.0;
    for deviation in sequences {
        sum += deviation;
        sums.push(sum);
    }
    let of_point = |i: usize| {
        let (from, to) = ((i + 1).saturating_sub(window), (i + 1).min(count));
        ((sums[to] - sums[from]) / (to - from) as f64).max(0.0)
    };
    (0..count + window - 1).map(of_point).collect()
}
