//! The search for an algorithm and its parameters.

mod grid;
mod halving;
mod leaderboard;
mod run;
mod space;
mod tpe;

pub use leaderboard::{Leaderboard, Trial};
pub use run::{Method, Search};

/// A point of the unit cube of a space, which is named by its place in the list of spaces.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Point {
    pub(crate) space: usize,
    pub(crate) at: Vec<f64>,
}
