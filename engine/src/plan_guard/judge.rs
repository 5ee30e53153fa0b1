//! Whether runs of one plan are clearly slower than those of another.

/// Fewer runs say nothing.
pub(super) const RUNS_MIN: usize = 5;
/// So many runs without an answer are one: there is no clear difference.
pub(super) const RUNS_ENOUGH: usize = 20;
/// The median of the slower plan is more than so many times that of the other.
const FACTOR: f64 = 1.3;
/// And more than so many microseconds above it.
const DIFFERENCE_US: f64 = 1_000.0;
/// One-sided 1 % of the normal distribution.
const Z_MIN: f64 = 2.326;

/// What a comparison found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The second plan is clearly slower.
    Slower,
    /// It is not.
    NotSlower,
    /// There are too few runs.
    Open,
}

/// Compares the times of a plan with those of the plan before it.
///
/// The medians must differ, and the ranks too (Mann and Whitney, "On a test of whether one of two random variables is
/// stochastically larger than the other", 1947, with the normal approximation): single odd runs move neither.
pub(super) fn compare(before: &[f64], after: &[f64]) -> Verdict {
    if before.len() < RUNS_MIN || after.len() < RUNS_MIN {
        return Verdict::Open;
    }
    let (old, new) = (median(before), median(after));
    if new <= old * FACTOR || new - old <= DIFFERENCE_US {
        return Verdict::NotSlower;
    }
    match z(before, after) {
        z if z >= Z_MIN => Verdict::Slower,
        _ if after.len() >= RUNS_ENOUGH => Verdict::NotSlower,
        _ => Verdict::Open,
    }
}

/// By how many standard deviations the number of pairs in which `after` is the larger one is above what chance gives.
fn z(before: &[f64], after: &[f64]) -> f64 {
    let wins = |b: &f64| after.iter().map(|a| if a > b { 1.0 } else { f64::from(u8::from(a == b)) * 0.5 }).sum::<f64>();
    let (n, m) = (before.len() as f64, after.len() as f64);
    let above = before.iter().map(wins).sum::<f64>() - n * m / 2.0;
    (above - 0.5) / (n * m * (n + m + 1.0) / 12.0).sqrt()
}

/// The middle value; 0 of none.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(base: f64, count: usize) -> Vec<f64> {
        (0..count).map(|i| base * (1.0 + (i * 7 % 5) as f64 / 50.0)).collect()
    }

    #[test]
    fn only_what_is_clearly_slower_is_found() {
        let good = times(10_000.0, 20);
        assert_eq!(compare(&good, &times(20_000.0, 5)), Verdict::Slower);
        assert_eq!(compare(&good, &times(20_000.0, 4)), Verdict::Open);
        assert_eq!(compare(&good[..4], &times(20_000.0, 9)), Verdict::Open);
        assert_eq!(compare(&good, &times(12_000.0, 20)), Verdict::NotSlower);
        assert_eq!(compare(&good, &times(5_000.0, 20)), Verdict::NotSlower);
        // Twice as slow, but by less than a millisecond.
        assert_eq!(compare(&times(500.0, 20), &times(1_000.0, 20)), Verdict::NotSlower);
    }

    #[test]
    fn odd_runs_are_no_proof() {
        let good = times(10_000.0, 20);
        let mut odd = times(10_000.0, 7);
        odd.extend([900_000.0, 800_000.0]);
        assert_eq!(compare(&good, &odd), Verdict::NotSlower);
        // Both scatter alike: the medians differ by chance.
        let scattered: Vec<f64> = (0..20).map(|i| if i % 2 == 0 { 5_000.0 } else { 50_000.0 }).collect();
        let few = [5_000.0, 50_000.0, 5_000.0, 50_000.0, 50_000.0];
        assert_ne!(compare(&scattered[..19], &few), Verdict::Slower);
        assert_eq!(median(&[]), 0.0);
    }
}
