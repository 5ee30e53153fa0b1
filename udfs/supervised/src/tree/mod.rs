//! Decision trees: how they grow and what they answer. Boosting and forests are made of them.

pub(crate) mod bins;
pub(crate) mod grow;
mod grown;
pub(crate) mod histogram;
pub(crate) mod partition;
pub(crate) mod split;

pub use grown::Tree;
pub(crate) use grown::{DEPTH_MAX, Node, add_scaled};
