//! Why a model predicts what it does.

mod permutation;
mod shapley;
mod tree_shap;

pub use permutation::permutation_importance;
pub use shapley::{Contributions, Output, contributions};
