//! Linear models of numbers and of log odds.

mod elastic;
mod logistic;
mod model;

pub use elastic::Linear;
pub use logistic::Logistic;
pub use model::LinearModel;
