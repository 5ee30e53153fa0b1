//! Splits of a history into a past to fit on and a future to compare with. The future is never earlier than the past.

/// One split: fit on values before `origin`, compare with `steps` values from there on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fold {
    /// Number of values to fit on.
    pub origin: usize,
    /// Number of values to compare with.
    pub steps: usize,
}

/// Folds at the end of a history (rolling origin: Tashman, "Out-of-sample tests of forecasting accuracy", 2000), the
/// earliest first. Horizons shrink and folds become fewer for a short history; none when fewer than
/// `history_min` values would be left to fit on. O(folds).
pub fn rolling_origins(length: usize, horizon: usize, folds: usize, step: usize, history_min: usize) -> Vec<Fold> {
    let spare = length.saturating_sub(history_min);
    let steps = horizon.min(spare);
    if steps == 0 {
        return Vec::new();
    }
    let step = step.max(1);
    let count = folds.min((spare - steps) / step + 1);
    (0..count).rev().map(|k| Fold { origin: length - steps - k * step, steps }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_end_with_the_history_and_leave_enough_to_fit_on() {
        let folds = rolling_origins(100, 10, 3, 10, 24);
        let origins: Vec<usize> = folds.iter().map(|f| f.origin).collect();
        assert_eq!(origins, [70, 80, 90]);
        assert_eq!(rolling_origins(26, 10, 3, 1, 24), [Fold { origin: 24, steps: 2 }]);
        assert!(rolling_origins(24, 10, 3, 1, 24).is_empty());
        for length in 0..60 {
            for fold in rolling_origins(length, 7, 4, 3, 12) {
                assert!(fold.origin >= 12 && fold.origin + fold.steps <= length && fold.steps > 0);
            }
        }
    }
}
