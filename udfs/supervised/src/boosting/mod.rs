//! Gradient boosting of trees.

mod fit;
mod model;
mod objective;

pub use fit::Boosting;
pub use model::BoostingModel;
pub(crate) use model::{gain_shares, predictions};
pub(crate) use objective::{log_1_plus_exp, logistic, softmax};
