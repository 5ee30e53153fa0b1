//! What every model of time series shares: the series itself, its calendar and seasons, decomposition, tests,
//! measures of accuracy, conformal intervals, and the small numerics these stand on.
//!
//! | question | module |
//! |---|---|
//! | when is the next observation? | [`calendar`], [`frequency`], [`grid`] |
//! | how do observations become a regular series? | [`series`] |
//! | which seasons does it have? | [`seasonality`], [`autocorrelation`] |
//! | trend, seasons, remainder | [`classical`], [`loess`], [`stl`], [`mstl`] |
//! | is it stationary? | [`unit_root`] |
//! | how good is a forecast? | [`metrics`], [`backtest`], [`conformal`] |
//! | numerics | [`linear`], [`nelder_mead`], [`lbfgs`], [`adam`], [`normal`], [`random`], [`transform`] |
//!
//! Nothing here reads a clock, a file or a network, and nothing depends on the order of threads.
#![allow(clippy::neg_cmp_op_on_partial_ord, reason = "a comparison that NaN must not pass is written as a negation")]
#![allow(clippy::needless_range_loop, reason = "recursions over several arrays are read best by index")]

pub mod adam;
pub mod autocorrelation;
pub mod backtest;
pub mod calendar;
pub mod cancel;
pub mod classical;
pub mod conformal;
pub mod frequency;
pub mod grid;
pub mod lbfgs;
pub mod linear;
pub mod loess;
pub mod metrics;
pub mod mstl;
pub mod nelder_mead;
pub mod normal;
pub mod random;
pub mod seasonality;
pub mod series;
pub mod statistics;
pub mod stl;
pub mod transform;
pub mod unit_root;

pub use cancel::Cancel;
pub use frequency::Frequency;
pub use grid::Grid;
pub use series::{Duplicates, Fill, Series};
