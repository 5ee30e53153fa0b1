//! Intervals from errors that a method really made.

use crate::normal;
use crate::statistics::quantile_of_sorted;

/// How much wider than the normal distribution says an interval must be, learnt from errors of forecasts whose past
/// did not contain them (split conformal prediction: Vovk, Gammerman & Shafer, "Algorithmic learning in a random world",
/// 2005; on rolling origins as in Xu & Xie, "Conformal prediction interval for dynamic time-series", 2021).
///
/// Scores are absolute errors divided by the deviation that the method stated. Errors of one origin go together, so
/// they count as fewer than they are; the fewer they are, the more a Student distribution counts, whose tails are heavy
/// because a stated deviation is itself an estimate.
#[derive(Debug, Clone)]
pub struct Calibration {
    sorted: Vec<f64>,
    independent: f64,
}

/// Number of errors that the Student distribution counts for, and its degrees of freedom.
const PRIOR_COUNT: f64 = 8.0;

impl Calibration {
    /// A calibration by scores that count as `independent` many. Scores that are not finite are left out. O(n log n).
    pub fn new(scores: &[f64], independent: f64) -> Self {
        let mut sorted: Vec<f64> = scores.iter().copied().filter(|s| s.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let independent = independent.clamp(0.0, sorted.len() as f64);
        Self { sorted, independent }
    }

    /// Number of stated deviations to either side that hold a share of the errors. O(1).
    pub fn multiplier(&self, level: f64) -> f64 {
        let normal = normal::quantile((1.0 + level) / 2.0);
        let stated = normal::student_quantile((1.0 + level) / 2.0, PRIOR_COUNT);
        if self.independent < 0.5 || !normal.is_finite() {
            return stated;
        }
        let n = self.independent;
        // The highest level whose quantile the sample still has; beyond it the normal distribution gives the shape.
        let last = (n / (n + 1.0)).powi(2);
        let reached = level.min(last);
        let found = quantile_of_sorted(&self.sorted, reached * (n + 1.0) / n);
        let shape = if level > last { normal / normal::quantile((1.0 + last) / 2.0) } else { 1.0 };
        (n * found * shape + PRIOR_COUNT * stated) / (n + PRIOR_COUNT)
    }
}

/// Half-width that holds a share of absolute errors, with the finite-sample correction; `None` when there are too few
/// errors for the level. O(n log n).
pub fn half_width(errors: &[f64], level: f64) -> Option<f64> {
    let mut sorted: Vec<f64> = errors.iter().map(|e| e.abs()).filter(|e| e.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let rank = (level.clamp(0.0, 1.0) * (sorted.len() as f64 + 1.0)).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().filter(|_| rank > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn half_widths_cover_the_share_they_promise() {
        let mut random = Random::new(9);
        let (mut inside, rounds) = (0, 4_000);
        for _ in 0..rounds {
            let errors: Vec<f64> = (0..19).map(|_| random.normal()).collect();
            inside += usize::from(random.normal().abs() <= half_width(&errors, 0.9).unwrap());
        }
        let share = inside as f64 / rounds as f64;
        assert!((share - 0.9).abs() < 0.02, "{share}");
        assert!(half_width(&[1.0, 2.0], 0.95).is_none());
        assert!(half_width(&[], 0.5).is_none());
    }

    #[test]
    fn deviations_that_were_stated_too_small_are_widened_and_too_large_narrowed() {
        let mut random = Random::new(4);
        let normal: Vec<f64> = (0..400).map(|_| random.normal().abs()).collect();
        let exact = Calibration::new(&normal, 400.0).multiplier(0.95);
        assert!((exact - 1.96).abs() < 0.25, "{exact}");
        let double: Vec<f64> = normal.iter().map(|s| 2.0 * s).collect();
        assert!(Calibration::new(&double, 400.0).multiplier(0.8) > 2.2);
        let half: Vec<f64> = normal.iter().map(|s| 0.5 * s).collect();
        assert!(Calibration::new(&half, 400.0).multiplier(0.8) < 0.8);
    }

    #[test]
    fn without_errors_the_student_distribution_counts() {
        let none = Calibration::new(&[f64::NAN], 1.0);
        assert!((none.multiplier(0.95) - 2.306).abs() < 5e-3);
        let few = Calibration::new(&[3.0, 3.0], 2.0).multiplier(0.95);
        assert!(few > 1.96 && few < 6.0, "{few}");
    }

    #[test]
    fn higher_levels_are_never_narrower() {
        let mut random = Random::new(8);
        for n in 1..30 {
            let scores: Vec<f64> = (0..n).map(|_| 2.0 * random.uniform()).collect();
            let calibration = Calibration::new(&scores, f64::from(n) / 2.0);
            let widths: Vec<f64> = (1..100).map(|p| calibration.multiplier(f64::from(p) / 100.0)).collect();
            assert!(widths.windows(2).all(|w| w[0] <= w[1] + 1e-9), "{n} {widths:?}");
        }
    }
}
