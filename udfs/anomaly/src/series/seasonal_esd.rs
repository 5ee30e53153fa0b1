//! Outliers beside season and median.

use headwater_timeseries::Cancel;

use super::period::detect_periods;
use super::{SCORE_MAX, SeriesDetector, SeriesScores, status_of};
use crate::statistics::special::{student_t_upper, two_sided_z};
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
        let found = || detect_periods(values, 1).periods.first().map(|p| p.length);
        let period = self.period.or_else(found).unwrap_or(1).clamp(1, values.len());
        let course = phase_medians(values, period);
        let present = |i: &usize| finite(values[*i]).is_some();
        let residual = |i: usize| (values[i].clamp(-1e100, 1e100) - course[i % period], i);
        let mut rest: Vec<(f64, usize)> = (0..values.len()).filter(present).map(residual).collect();
        rest.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let sorted: Vec<f64> = rest.iter().map(|r| r.0).collect();
        let center = sorted::median(&sorted);
        let half = sorted::mad(&sorted, center) * MAD_TO_SD * two_sided_z((1.0 - level) / sorted.len() as f64);
        for (_, i) in &rest {
            scores.expected[*i] = course[i % period] + center;
            scores.lower[*i] = scores.expected[*i] - half;
            scores.upper[*i] = scores.expected[*i] + half;
            scores.score[*i] = 0.0;
        }
        for (place, score) in extreme_deviates(&sorted, self.share_max) {
            scores.score[rest[place].1] = score;
        }
        scores
    }
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
    // When more than half of the values are equal the mean deviation takes the place of the median one, which is zero then.
    let middle = sorted::median(sorted);
    let mean_deviation = sorted.iter().map(|v| (v - middle).abs()).sum::<f64>() / n.max(1) as f64;
    let (mut from, mut to) = (0, n);
    let mut removed = Vec::with_capacity(most);
    for _ in 0..most {
        let rest = &sorted[from..to];
        let center = sorted::median(rest);
        let mad = sorted::mad(rest, center) * MAD_TO_SD;
        let scale = if mad > 0.0 { mad } else { mean_deviation }.max(scale_floor(center));
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
