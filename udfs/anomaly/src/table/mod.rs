//! Detectors of rows unlike the others.
//!
//! | detector | a row is unusual when | cost of n rows and d columns |
//! |---|---|---|
//! | [`IsolationForest`] | random cuts part it from the others early | O(n t log s) for t trees of s rows |
//! | [`Ecod`] | its values lie in the tails of their columns | O(n d), radix sort |
//! | [`Copod`] | as before, with the copula's rule of sides | O(n d), radix sort |
//! | [`Hbos`] | its values lie in rare bins of their columns | O(n d) |
//! | [`Pca`] | it lies far out along a component | O(n d² + d³) |
//! | [`Vae`] | a small network that learnt the others cannot tell it from few numbers | O((n + steps) d units) |
//!
//! A fit can score other rows than its own. Missing values (NaN) count as the median of their column, the infinities as the
//! largest and smallest finite values moved out by the range. Columns that never vary say nothing.

mod columns;
mod copod;
mod ecod;
mod hbos;
mod isolation_forest;
mod pca;
mod sample;
mod tails;
mod vae;

use std::fmt::Debug;

pub use copod::Copod;
pub use ecod::Ecod;
pub use hbos::Hbos;
pub use isolation_forest::IsolationForest;
pub use pca::Pca;
pub use vae::Vae;

use headwater_timeseries::Cancel;

use crate::statistics::sorted;
use crate::status::Status;

/// Finds unusual rows.
pub trait TableDetector: Debug + Send + Sync {
    /// The method's name in SQL.
    fn name(&self) -> &'static str;

    /// Learns what is usual. `columns` hold one slice a column, all of one length. Soon after `cancel` was cancelled it ends,
    /// and what it returns is of no use; the same holds for the other methods with that argument.
    fn fit_until(&self, columns: &[&[f64]], cancel: &Cancel) -> Result<Box<dyn FittedDetector>, Status>;

    /// Learns what is usual, however long it takes.
    fn fit(&self, columns: &[&[f64]]) -> Result<Box<dyn FittedDetector>, Status> {
        self.fit_until(columns, &Cancel::default())
    }

    /// Scores the rows by a fit to themselves.
    fn fit_score_until(&self, columns: &[&[f64]], cancel: &Cancel) -> TableScores {
        let rows = columns.first().map_or(0, |c| c.len());
        match self.fit_until(columns, cancel) {
            Ok(fitted) => fitted.score_until(columns, cancel),
            Err(status) => TableScores::unscored(rows, status),
        }
    }

    /// The same, however long it takes.
    fn fit_score(&self, columns: &[&[f64]]) -> TableScores {
        self.fit_score_until(columns, &Cancel::default())
    }
}

/// A detector that knows what is usual.
pub trait FittedDetector: Debug + Send + Sync {
    /// Scores rows of the same columns as those of the fit.
    fn score_until(&self, columns: &[&[f64]], cancel: &Cancel) -> TableScores;

    /// The same, however long it takes.
    fn score(&self, columns: &[&[f64]]) -> TableScores {
        self.score_until(columns, &Cancel::default())
    }
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
