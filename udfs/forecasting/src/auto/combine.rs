//! Weights, and the robust mean.

use crate::Path;

/// Inverse squared errors (Bates & Granger, 1969). `steps` is the number of errors behind each mean; a few more that are
/// typical of all methods keep the weights of a short backtest near each other. A method without an error has the largest.
pub(super) fn weights(errors: &[Option<f64>], steps: usize) -> Vec<f64> {
    const TYPICAL_COUNT: f64 = 6.0;
    let mut known: Vec<f64> = errors.iter().flatten().copied().collect();
    known.sort_by(f64::total_cmp);
    let (Some(worst), true) = (known.last().copied(), steps > 0) else {
        return vec![1.0; errors.len()];
    };
    let typical = known[known.len() / 2];
    if !(typical > 0.0) {
        // Most methods are perfect: those share the weight.
        return errors.iter().map(|e| if e.is_some_and(|e| e <= 0.0) { 1.0 } else { 1e-9 }).collect();
    }
    let n = steps as f64;
    let shrunk = |e: f64| (n * e + TYPICAL_COUNT * typical) / (n + TYPICAL_COUNT);
    errors.iter().map(|e| (typical / shrunk(e.unwrap_or(worst))).powi(2)).collect()
}

/// For each step the mean of the middle half of the weight (the interquartile mean), and a deviation that adds the
/// methods' disagreement to what they state. O(horizon x methods x log methods).
pub(super) fn combine(paths: &[&Path], weights: &[f64]) -> Path {
    let total: f64 = weights.iter().sum();
    let horizon = paths.first().map_or(0, |path| path.mean.len());
    let mut out = Path { mean: Vec::with_capacity(horizon), deviation: Vec::with_capacity(horizon) };
    let mut order: Vec<(f64, f64)> = Vec::with_capacity(paths.len());
    for h in 0..horizon {
        order.clear();
        order.extend(paths.iter().zip(weights).map(|(path, weight)| (path.mean[h], weight / total)));
        order.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut below, mut mean) = (0.0_f64, 0.0);
        for (value, share) in &order {
            let inside = (below + share).clamp(0.25, 0.75) - below.clamp(0.25, 0.75);
            if inside > 0.0 {
                mean += 2.0 * inside * value;
            }
            below += share;
        }
        let stated: f64 = paths.iter().zip(weights).map(|(path, w)| w / total * path.deviation[h]).sum();
        let apart: f64 = order.iter().map(|(value, share)| share * (value - mean).powi(2)).sum();
        out.mean.push(mean);
        out.deviation.push((stated * stated + apart).sqrt());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn better_methods_weigh_more_and_a_few_errors_do_not_decide() {
        let long = weights(&[Some(1.0), Some(2.0), Some(4.0)], 1_000);
        assert!(long[0] > 3.5 * long[1] && long[1] > 3.5 * long[2]);
        let short = weights(&[Some(1.0), Some(2.0), Some(4.0), None], 2);
        assert!(short[0] > short[1] && short[0] < 2.0 * short[1]);
        assert_eq!(short[2], short[3]);
        assert_eq!(weights(&[None, None], 0), [1.0, 1.0]);
        assert_eq!(weights(&[Some(0.0), Some(0.0), Some(1.0)], 5)[2], 1e-9);
    }

    #[test]
    fn one_method_that_runs_away_does_not_move_the_mean() {
        let path = |mean: f64| Path { mean: vec![mean], deviation: vec![1.0] };
        let paths = [path(1.0), path(2.0), path(3.0), path(1e9)];
        let combined = combine(&paths.iter().collect::<Vec<_>>(), &[1.0; 4]);
        assert!((combined.mean[0] - 2.5).abs() < 1e-12);
        let one = combine(&[&paths[1]], &[0.3]);
        assert_eq!((one.mean[0], one.deviation[0]), (2.0, 1.0));
    }
}
