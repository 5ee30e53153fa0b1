//! One alert a disturbance.

use std::collections::VecDeque;

/// Keeps the scores that deserve an alert: those larger than all scores shortly before. Whoever is told wants to hear of a
/// disturbance when it begins and when it grows, not at every point of it. Causal. O(n).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Alerts {
    /// A score must be the largest of so many points at least.
    pub quiet_min: usize,
    /// And of so large a share of all points so far.
    pub quiet_share: f64,
}

impl Default for Alerts {
    fn default() -> Self {
        Self { quiet_min: 50, quiet_share: 0.03 }
    }
}

impl Alerts {
    /// The scores, and 0 where an alert would be a repetition. NaN stays NaN.
    pub fn filter(&self, scores: &[f64]) -> Vec<f64> {
        let share = if self.quiet_share.is_nan() { 0.0 } else { self.quiet_share.clamp(0.0, 1.0) };
        // Falling scores of the quiet time: the first is its largest.
        let mut recent: VecDeque<(usize, f64)> = VecDeque::new();
        let mut kept = Vec::with_capacity(scores.len());
        for (i, score) in scores.iter().enumerate() {
            let quiet = self.quiet_min.max((share * i as f64) as usize);
            while recent.front().is_some_and(|(at, _)| i - at > quiet) {
                recent.pop_front();
            }
            let is_news = recent.front().is_none_or(|(_, largest)| score > largest);
            kept.push(if score.is_nan() || is_news { *score } else { 0.0 });
            if !score.is_nan() {
                while recent.back().is_some_and(|(_, last)| last <= score) {
                    recent.pop_back();
                }
                recent.push_back((i, *score));
            }
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disturbance_alerts_when_it_begins_and_when_it_grows() {
        let alerts = Alerts { quiet_min: 3, quiet_share: 0.0 };
        let nan = f64::NAN;
        let kept = alerts.filter(&[nan, 1.0, 5.0, 4.0, 6.0, 6.0, 1.0, 1.0, 1.0, 5.0]);
        assert!(kept[0].is_nan());
        assert_eq!(kept[1..], [1.0, 5.0, 0.0, 6.0, 0.0, 0.0, 0.0, 0.0, 5.0]);
        assert!(alerts.filter(&[]).is_empty());
    }

    #[test]
    fn the_quiet_time_grows_with_the_series() {
        let mut scores = vec![0.5; 1000];
        scores[900] = 3.0;
        scores[990] = 2.0;
        assert_eq!(Alerts { quiet_min: 50, quiet_share: 0.0 }.filter(&scores)[990], 2.0);
        assert_eq!(Alerts { quiet_min: 50, quiet_share: 0.1 }.filter(&scores)[990], 0.0);
    }
}
