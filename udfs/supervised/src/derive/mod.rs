//! Columns made of other columns of the same and of earlier rows: parts of the calendar, lags, rolling statistics.

mod calendar;
mod history;
mod spec;

pub use history::Derived;
pub(crate) use history::{names, push_key};
pub use spec::{Derivation, Lag, Rolling, Statistic};
