//! Random forests.

mod fit;
mod model;

pub use fit::Forest;
pub use model::ForestModel;
