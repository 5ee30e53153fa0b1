//! Outliers beside season and median.

use headwater_timeseries::Cancel;

use super::period::main_season;
use super::{SCORE_MAX, SeriesDetector, SeriesScores, status_of, surprise_of_level};
use crate::statistics::special::student_t_upper;
use crate::statistics::{MAD_TO_SD, finite, scale_floor, sorted};
use crate::status::Status;

/// Seasonal hybrid ESD (Hochenbaum, Vallis, Kejariwal: Automatic anomaly detection in the cloud via statistical learning, 2017):
/// the generalized extreme Studentized deviate test (Rosner 1983) with median and MAD, on what season and median leave.
///
/// The season is the median of each of its phases. A score is the test's p-value, corrected as Rosner does for the values still
/// in the test; a value scores no less than those removed after it, which is how the test flags masked outliers. Values
/// that the test does not remove score 0. Sees the whole series. O(n log n): what is left of sorted values is one run of
/// them, whose median and MAD take O(log n).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SeasonalEsd {
    /// Length of the season; nothing to look for one. 1 for none.
    pub period: Option<usize>,
    /// Greatest share of outliers, at most 0.49.
    pub share_max: f64,
}

impl Default for SeasonalEsd {
    fn default() -> Self {
        Self { period: None, share_max: 0.1 }
    }
}

const NEEDED: usize = 10;

impl SeriesDetector for SeasonalEsd {
    fn name(&self) -> &'static str {
        "seasonal_esd"
    }

    fn is_causal(&self) -> bool {
        false
    }

    fn detect_until(&self, values: &[f64], level: f64, _cancel: &Cancel) -> SeriesScores {
        let mut scores = SeriesScores::unscored(values.len(), status_of(values, NEEDED));
        if matches!(scores.status, Status::Empty | Status::AllMissing | Status::TooShort { .. }) {
            return scores;
        }
        let found = || main_season(values);
        let period = self.period.or_else(found).unwrap_or(1).clamp(1, values.len());
        let course = phase_medians(values, period);
        let present = |i: &usize| finite(values[*i]).is_some();
        let residual = |i: usize| (values[i].clamp(-1e100, 1e100) - course[i % period], i);
        let mut rest: Vec<(f64, usize)> = (0..values.len()).filter(present).map(residual).collect();
        rest.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let sorted: Vec<f64> = rest.iter().map(|r| r.0).collect();
        let center = sorted::median(&sorted);
        let removed = extreme_deviates(&sorted, self.share_max);
        let band = usual(&sorted, &removed, surprise_of_level(level));
        for (_, i) in &rest {
            scores.expected[*i] = course[i % period] + center;
            scores.lower[*i] = course[i % period] + band.0;
            scores.upper[*i] = course[i % period] + band.1;
            scores.score[*i] = 0.0;
        }
        for (place, score) in removed {
            scores.score[rest[place].1] = score;
        }
        for (_, i) in rest {
            scores.settle(i, values[i], level);
        }
        scores
    }
}

/// The band of the values that the test keeps at a level: what is critical beside those that are left.
fn usual(sorted: &[f64], removed: &[(usize, f64)], goal: f64) -> (f64, f64) {
    let outliers: Vec<usize> = removed.iter().filter(|r| r.1 >= goal).map(|r| r.0).collect();
    let below = |place: &usize| *place < sorted.len() / 2;
    let from = outliers.iter().copied().filter(below).max().map_or(0, |last| last + 1);
    let to = outliers.iter().copied().filter(|place| !below(place)).min().unwrap_or(sorted.len());
    let rest = &sorted[from..to];
    let (center, scale) = center_and_scale(rest, mean_deviation(sorted));
    let (mut low, mut high) = (0.0, rest.len() as f64);
    for _ in 0..80 {
        let middle = 0.5 * (low + high);
        if corrected_surprise(middle, rest.len() as f64) < goal { low = middle } else { high = middle }
    }
    (center - high * scale, center + high * scale)
}

/// Median, and MAD or, when that is zero, the mean deviation of all values, which takes its place when more than half of
/// the values are equal.
fn center_and_scale(sorted: &[f64], mean_deviation: f64) -> (f64, f64) {
    let center = sorted::median(sorted);
    let mad = sorted::mad(sorted, center) * MAD_TO_SD;
    (center, if mad > 0.0 { mad } else { mean_deviation }.max(scale_floor(center)))
}

fn mean_deviation(sorted: &[f64]) -> f64 {
    let middle = sorted::median(sorted);
    sorted.iter().map(|v| (v - middle).abs()).sum::<f64>() / sorted.len().max(1) as f64
}

/// The median of each phase of a season.
fn phase_medians(values: &[f64], period: usize) -> Vec<f64> {
    let of_phase = |phase: usize| {
        let members: Vec<f64> = values.iter().skip(phase).step_by(period).copied().collect();
        let center = sorted::median(&sorted::sorted_finite(&members));
        if center.is_nan() { 0.0 } else { center }
    };
    (0..period).map(of_phase).collect()
}

/// The places in sorted values that the test removes, and their scores.
fn extreme_deviates(sorted: &[f64], share_max: f64) -> Vec<(usize, f64)> {
    let n = sorted.len();
    let share = if share_max.is_nan() { 0.0 } else { share_max.clamp(0.0, 0.49) };
    let most = ((n as f64 * share) as usize).min(n.saturating_sub(3));
    let mean_deviation = mean_deviation(sorted);
    let (mut from, mut to) = (0, n);
    let mut removed = Vec::with_capacity(most);
    for _ in 0..most {
        let rest = &sorted[from..to];
        let (center, scale) = center_and_scale(rest, mean_deviation);
        let (below, above) = (center - sorted[from], sorted[to - 1] - center);
        let place = if below > above { from } else { to - 1 };
        if below > above {
            from += 1
        } else {
            to -= 1
        }
        removed.push((place, corrected_surprise(below.max(above) / scale, rest.len() as f64)));
    }
    let mut least = 0.0f64;
    for (_, score) in removed.iter_mut().rev() {
        least = least.max(*score);
        *score = least;
    }
    removed
}

/// Minus the decimal logarithm of the corrected p-value of an extreme Studentized deviate among `m` values.
fn corrected_surprise(deviate: f64, m: f64) -> f64 {
    // The deviate r is critical at t: r = (m - 1) t / sqrt((m - 2 + t²) m).
    let square = deviate * deviate * m;
    let room = (m - 1.0).powi(2) - square;
    let t = if room > 0.0 { (square * (m - 2.0) / room).sqrt() } else { f64::INFINITY };
    let p = (2.0 * m * student_t_upper(t, m - 2.0)).min(1.0);
    if p > 0.0 { (-p.log10()).min(SCORE_MAX) } else { SCORE_MAX }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outliers_are_flagged_beside_a_season_and_nothing_else() {
        let mut values: Vec<f64> = (0..480).map(|i| f64::from((i % 24 - 12i32).pow(2)) + f64::from(i * 7 % 13)).collect();
        values[100] = 400.0;
        values[300] = -300.0;
        values[301] = -300.0;
        let found = SeasonalEsd::default().detect(&values, 0.99);
        let flagged: Vec<usize> = (0..values.len()).filter(|i| found.is_anomaly(*i, 0.99)).collect();
        assert_eq!(flagged, [100, 300, 301]);
    }
}
