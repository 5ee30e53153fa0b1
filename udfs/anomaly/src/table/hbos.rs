//! Rows with values in rare bins of their columns.

use headwater_timeseries::Cancel;

use super::columns::{Column, Columns};
use super::{FittedDetector, TableDetector, TableScores};
use crate::status::Status;

/// HBOS (Goldstein and Dengel: Histogram-based outlier score, KI 2012) by the rule of PyOD on columns scaled to their range:
/// minus the sum of `log2(density + alpha)` over histograms of equal width. PyOD does not scale, so its scores depend on the
/// units of the columns. O(n d); memory O(d bins) beside the scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hbos {
    /// Bins of a column, 2 to 10000.
    pub bins: usize,
    /// Added to each density, so that an empty bin is no infinity.
    pub alpha: f64,
    /// How far beyond the histogram a value still counts as of its outermost bin, in bins.
    pub tolerance: f64,
}

impl Default for Hbos {
    fn default() -> Self {
        Self { bins: 10, alpha: 0.1, tolerance: 0.5 }
    }
}

impl TableDetector for Hbos {
    fn name(&self) -> &'static str {
        "hbos"
    }

    fn fit_until(&self, columns: &[&[f64]], _cancel: &Cancel) -> Result<Box<dyn FittedDetector>, Status> {
        let known = Columns::of(columns, 2)?;
        let bins = self.bins.clamp(2, 10_000);
        let alpha = if self.alpha > 0.0 { self.alpha.min(1e6) } else { Self::default().alpha };
        let fit = |(i, column): &(usize, Column)| histogram(column, columns[*i], bins, alpha);
        let scores = known.used.iter().map(fit).collect();
        Ok(Box::new(Fitted { columns: known, scores, tolerance: self.tolerance.max(0.0) }))
    }
}

/// Position in the histogram, in bins; 0 to `bins` inside.
fn position(column: &Column, value: f64, bins: usize) -> f64 {
    (column.value(value) - column.low) / (column.high - column.low) * bins as f64
}

/// The score of each bin.
fn histogram(column: &Column, values: &[f64], bins: usize, alpha: f64) -> Vec<f64> {
    let mut counts = vec![0usize; bins];
    for value in values {
        counts[(position(column, *value, bins).max(0.0) as usize).min(bins - 1)] += 1;
    }
    let density = |count: &usize| *count as f64 / values.len() as f64 * bins as f64;
    counts.iter().map(|count| -(density(count) + alpha).log2()).collect()
}

#[derive(Debug, Clone)]
struct Fitted {
    columns: Columns,
    scores: Vec<Vec<f64>>,
    tolerance: f64,
}

impl FittedDetector for Fitted {
    fn score_until(&self, columns: &[&[f64]], _cancel: &Cancel) -> TableScores {
        let rows = match self.columns.rows_like(columns) {
            Ok(rows) => rows,
            Err(status) => return TableScores::unscored(columns.first().map_or(0, |c| c.len()), status),
        };
        let mut scores = vec![0.0; rows];
        for ((i, column), bins) in self.columns.used.iter().zip(&self.scores) {
            let rarest = bins.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let (last, end) = (bins.len() - 1, bins.len() as f64);
            for (score, value) in scores.iter_mut().zip(columns[*i]) {
                let at = position(column, *value, bins.len());
                let beyond = (-at).max(at - end);
                // A bin holds its upper edge, as in PyOD's look-up.
                let bin = (at.ceil() - 1.0).max(0.0) as usize;
                *score += if beyond > self.tolerance { rarest } else { bins[bin.min(last)] };
            }
        }
        TableScores::of(scores)
    }
}
