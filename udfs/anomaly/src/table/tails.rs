//! Empirical tails of a column, for ECOD and COPOD.

use super::columns::Column;
use crate::statistics::sorted::argsort;

/// A sorted column and the sign of its skewness.
#[derive(Debug, Clone)]
pub(super) struct Tails {
    sorted: Vec<f64>,
    pub(super) skew_sign: f64,
}

/// Minus the logarithms of the shares of values at most and at least as large as one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tail {
    pub(super) left: f64,
    pub(super) right: f64,
}

impl Tails {
    pub(super) fn fit(values: &[f64], column: &Column) -> Self {
        let values = column.values(values);
        let sorted = argsort(&values).into_iter().map(|(_, i)| values[i as usize]).collect();
        Self::of_sorted(sorted)
    }

    /// Sums run over sorted values, so that the order of rows does not matter.
    fn of_sorted(sorted: Vec<f64>) -> Self {
        let n = sorted.len() as f64;
        let range = (sorted[sorted.len() - 1] - sorted[0]).max(f64::MIN_POSITIVE);
        let scaled = || sorted.iter().map(|v| (v - sorted[0]) / range);
        let center = scaled().sum::<f64>() / n;
        let third = scaled().map(|v| (v - center).powi(3)).sum::<f64>() / n;
        let second = scaled().map(|v| (v - center).powi(2)).sum::<f64>() / n;
        let skewness = third / second.powf(1.5);
        // What rounding leaves of a symmetric column has no sign.
        let skew_sign = if skewness.abs() > 1e-12 { skewness.signum() } else { 0.0 };
        Self { sorted, skew_sign }
    }

    /// Fits and gives each row of the fit to `add`: the ranks are known from sorting.
    pub(super) fn fit_each(values: &[f64], column: &Column, mut add: impl FnMut(usize, Tail, f64)) {
        let values = column.values(values);
        let order = argsort(&values);
        let tails = Self::of_sorted(order.iter().map(|(_, i)| values[*i as usize]).collect());
        let n = order.len();
        let minus_ln = |count: usize| (n as f64 / count as f64).ln();
        let mut from = 0;
        while from < n {
            let to = from + order[from..].iter().take_while(|o| o.0 == order[from].0).count();
            let tail = Tail { left: minus_ln(to), right: minus_ln(n - from) };
            order[from..to].iter().for_each(|(_, row)| add(*row as usize, tail, tails.skew_sign));
            from = to;
        }
    }

    /// The tails of a value; a value beyond all of the fit counts as one more of them.
    pub(super) fn of(&self, value: f64) -> Tail {
        let n = self.sorted.len();
        let at_most = self.sorted.partition_point(|v| *v <= value);
        let at_least = n - self.sorted.partition_point(|v| *v < value);
        let minus_ln = |count: usize| match count {
            0 => ((n + 1) as f64).ln(),
            count => (n as f64 / count as f64).ln(),
        };
        Tail { left: minus_ln(at_most), right: minus_ln(at_least) }
    }
}
