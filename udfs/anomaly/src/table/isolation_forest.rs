//! Rows that random cuts part from the others early.

mod forest;
mod grow;

use headwater_timeseries::Cancel;

use super::columns::Columns;
use super::{FittedDetector, TableDetector, TableScores};
use crate::status::Status;

use forest::Forest;

/// Isolation forest (Liu, Ting, Zhou: Isolation forest, ICDM 2008). A score is `2^(-h / c)` for the mean depth h at which the
/// trees isolate a row and the depth c of a usual one: near 1 for unusual rows, below 0.5 for usual ones.
///
/// Which rows a tree is grown from follows from the seed and the rows themselves, not from their order: the same rows give
/// the same scores however they are partitioned. Fit O(n d + t s log s) for t trees of s rows, score O(n t log s); memory
/// O(n + t s). Values are kept as 32-bit floats relative to their column's range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IsolationForest {
    /// Trees, at least 1.
    pub trees: usize,
    /// Rows a tree is grown from, 2 to 256.
    pub sample: usize,
    /// Seed of samples and cuts.
    pub seed: u64,
}

/// More rows a tree do not find more (section 5.2 of the paper).
pub(super) const SAMPLE_MAX: usize = 256;
const TREES_MAX: usize = 10_000;
/// Row numbers are 32 bits wide.
const ROWS_MAX: usize = u32::MAX as usize;

impl Default for IsolationForest {
    fn default() -> Self {
        Self { trees: 100, sample: SAMPLE_MAX, seed: 0 }
    }
}

impl TableDetector for IsolationForest {
    fn name(&self) -> &'static str {
        "iforest"
    }

    fn fit_until(&self, columns: &[&[f64]], cancel: &Cancel) -> Result<Box<dyn FittedDetector>, Status> {
        let known = Columns::of(columns, 2)?;
        let rows = known.rows_like(columns)?;
        if rows > ROWS_MAX {
            return Err(Status::TooLong { most: ROWS_MAX });
        }
        let sample = self.sample.clamp(2, SAMPLE_MAX).min(rows);
        let forest = grow::forest(&known, columns, self.trees.clamp(1, TREES_MAX), sample, self.seed, cancel);
        Ok(Box::new(Fitted { columns: known, forest }))
    }
}

#[derive(Debug, Clone)]
struct Fitted {
    columns: Columns,
    forest: Forest,
}

impl FittedDetector for Fitted {
    fn score_until(&self, columns: &[&[f64]], cancel: &Cancel) -> TableScores {
        match self.columns.rows_like(columns) {
            Ok(rows) => TableScores::of(self.forest.score(&self.columns, columns, rows, cancel)),
            Err(status) => TableScores::unscored(columns.first().map_or(0, |c| c.len()), status),
        }
    }
}
