//! Algorithms by name, and what they leave behind.

mod algorithm;
mod fitted;
mod parameters;
mod stack;

pub use algorithm::Algorithm;
pub use fitted::Model;
pub use stack::{Stack, StackModel};
