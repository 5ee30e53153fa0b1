//! Columns as a fit sees them.

use crate::statistics::{finite, mean};
use crate::status::Status;

/// How the values of a column are made ready: missing ones replaced, infinite ones bounded, the rest moved to where
/// differences are exact.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Column {
    pub(super) low: f64,
    pub(super) high: f64,
    median: f64,
}

impl Column {
    fn of(values: &[f64]) -> Option<Self> {
        let mut kept: Vec<f64> = values.iter().filter_map(|v| finite(*v)).collect();
        if kept.is_empty() {
            return None;
        }
        let middle = (kept.len() - 1) / 2;
        let median = *kept.select_nth_unstable_by(middle, f64::total_cmp).1;
        let (low, high) = kept.iter().fold((median, median), |(low, high), v| (low.min(*v), high.max(*v)));
        Some(Self { low, high, median })
    }

    /// A value to calculate with.
    pub(super) fn value(&self, value: f64) -> f64 {
        match finite(value) {
            Some(value) => value,
            None if value.is_nan() => self.median,
            None if value > 0.0 => self.high + (self.high - self.low),
            None => self.low - (self.high - self.low),
        }
    }

    pub(super) fn varies(&self) -> bool {
        self.low < self.high
    }

    pub(super) fn values(&self, values: &[f64]) -> Vec<f64> {
        values.iter().map(|v| self.value(*v)).collect()
    }
}

/// The columns of a table that say something, with their numbers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Columns {
    pub(super) width: usize,
    pub(super) used: Vec<(usize, Column)>,
}

impl Columns {
    /// What is in the columns, or why they cannot be fitted with at least `needed` rows.
    pub(super) fn of(columns: &[&[f64]], needed: usize) -> Result<Self, Status> {
        let rows = rows(columns)?;
        if rows == 0 {
            return Err(Status::Empty);
        }
        let known: Vec<(usize, Column)> =
            columns.iter().enumerate().filter_map(|(i, c)| Some((i, Column::of(c)?))).collect();
        if known.is_empty() {
            return Err(Status::AllMissing);
        }
        if rows < needed {
            return Err(Status::TooShort { needed });
        }
        let used: Vec<(usize, Column)> = known.into_iter().filter(|(_, c)| c.varies()).collect();
        if used.is_empty() {
            return Err(Status::Constant);
        }
        Ok(Self { width: columns.len(), used })
    }

    /// Mean and standard deviation of each column.
    pub(super) fn scales(&self, columns: &[&[f64]]) -> Vec<(f64, f64)> {
        let scale = |(i, column): &(usize, Column)| {
            let values = column.values(columns[*i]);
            let center = mean(&values);
            let range = column.high - column.low;
            let variance = values.iter().map(|v| ((v - center) / range).powi(2)).sum::<f64>() / values.len() as f64;
            (center, range * variance.sqrt())
        };
        self.used.iter().map(scale).collect()
    }

    /// The number of rows, when there are as many columns as in the fit.
    pub(super) fn rows_like(&self, columns: &[&[f64]]) -> Result<usize, Status> {
        if columns.len() == self.width { rows(columns) } else { Err(Status::WrongShape) }
    }
}

fn rows(columns: &[&[f64]]) -> Result<usize, Status> {
    let rows = columns.first().ok_or(Status::Empty)?.len();
    if columns.iter().all(|c| c.len() == rows) { Ok(rows) } else { Err(Status::WrongShape) }
}
