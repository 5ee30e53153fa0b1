//! Which rows are fitted and which are judged.

mod cross;
mod folds;

pub use cross::{Judged, cross_validate};
pub use folds::{Fold, Folds, holdout};
