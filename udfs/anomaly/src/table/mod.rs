//! Detectors of rows unlike the others.
//!
//! | detector | a row is unusual when | cost of n rows and d columns |
//! |---|---|---|
//! | [`IsolationForest`] | random cuts part it from the others early | O(n t log s) for t trees of s rows |
//! | [`Ecod`] | its values lie in the tails of their columns | O(n d), radix sort |
//! | [`Copod`] | as before, with the copula's rule of sides | O(n d), radix sort |
//! | [`Hbos`] | its values lie in rare bins of their columns | O(n d) |
//! | [`Pca`] | it lies far out along a component | O(n d² + d³) |
//!
//! A fit can score other rows than its own. Missing values (NaN) count as the median of their column, the infinities as the
//! largest and smallest finite values moved out by the range. Columns that never vary say nothing.

mod columns;
mod copod;
mod ecod;
mod hbos;
mod isolation_forest;
mod pca;
mod tails;

use std::fmt::Debug;

pub use copod::Copod;
pub use ecod::Ecod;
pub use hbos::Hbos;
pub use isolation_forest::IsolationForest;
pub use pca::Pca;

use crate::statistics::sorted;
use crate::status::Status;

/// Finds unusual rows.
pub trait TableDetector: Debug + Send + Sync {
    /// The method's name in SQL.
    fn name(&self) -> &'static str;

    /// Learns what is usual. `columns` hold one slice a column, all of one length.
    fn fit(&self, columns: &[&[f64]]) -> Result<Box<dyn FittedDetector>, Status>;

    /// Scores the rows by a fit to themselves.
    fn fit_score(&self, columns: &[&[f64]]) -> TableScores {
        let rows = columns.first().map_or(0, |c| c.len());
        match self.fit(columns) {
            Ok(fitted) => fitted.score(columns),
            Err(status) => TableScores::unscored(rows, status),
        }
    }
}

/// A detector that knows what is usual.
pub trait FittedDetector: Debug + Send + Sync {
    /// Scores rows of the same columns as those of the fit.
    fn score(&self, columns: &[&[f64]]) -> TableScores;
}

/// How unusual each row is.
#[derive(Debug, Clone, PartialEq)]
pub struct TableScores {
    /// Higher is more unusual, on the method's own scale; NaN where the table could not be scored.
    pub score: Vec<f64>,
    /// How far the table could be scored.
    pub status: Status,
}

impl TableScores {
    pub(crate) fn unscored(rows: usize, status: Status) -> Self {
        // Rows that are all equal are all usual.
        let score = if status == Status::Constant { 0.0 } else { f64::NAN };
        Self { score: vec![score; rows], status }
    }

    pub(crate) fn of(score: Vec<f64>) -> Self {
        Self { score, status: Status::Ok }
    }

    /// The score that a share of the rows, say 0.01, exceeds; NaN when there are no scores.
    pub fn threshold(&self, contamination: f64) -> f64 {
        let share = if contamination.is_nan() { 0.0 } else { contamination.clamp(0.0, 1.0) };
        sorted::quantile(&sorted::sorted_finite(&self.score), 1.0 - share)
    }
}
