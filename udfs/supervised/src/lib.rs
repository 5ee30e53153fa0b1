//! Prediction from tables: numbers and classes, from rows with numbers, categories and times.
//!
//! | step | module |
//! |---|---|
//! | rows as they come, features, targets | [`data`] |
//! | columns of the calendar, lags, rolling statistics | [`mod@derive`] |
//! | dictionaries, one-hot and target encoding, missing values | [`encoding`] |
//! | rows made ready for training | [`prepared`] |
//! | boosted trees, random forests | [`boosting`], [`forest`], [`tree`] |
//! | linear, ridge, lasso, elastic net, logistic | [`linear`] |
//! | nearest neighbours, a neural network | [`neighbors`], [`network`] |
//! | algorithms by name, stacks of them | [`model`], [`estimator`] |
//! | folds and cross-validation, metrics | [`validation`], [`metrics`] |
//! | one model of many series | [`global`] |
//! | the search for the best of them | [`search`] |
//! | Shapley values, permutation importance | [`explain`] |
//! | the model that serves and is stored, with intervals | [`trained`] |
//!
//! Fits run on the caller's thread, look at a [`Context`] for cancellation, and depend on rows, parameters and seed alone:
//! [`prepared::Prepared`] puts rows in an order of their own first, so that partitioning does not count. All algorithms are
//! this crate's; no code of others runs in a fit. A caller that fits many models in one query should still contain a panic
//! of one to that one, with `catch_unwind` around [`trained::Trained::train`], [`search::Search::run`] and
//! [`trained::Trained::predict`]: nothing in here is shared between calls.
#![allow(clippy::neg_cmp_op_on_partial_ord, reason = "a comparison that NaN must not pass is written as a negation")]
#![allow(clippy::needless_range_loop, reason = "recursions over several arrays are read best by index")]

pub mod boosting;
pub mod context;
pub mod data;
pub mod derive;
pub mod encoding;
pub mod estimator;
mod evaluate;
pub mod explain;
pub mod forest;
pub mod global;
pub mod linear;
pub mod metrics;
pub mod model;
pub mod neighbors;
pub mod network;
pub mod prepared;
mod scale;
pub mod search;
mod standard;
pub mod trained;
pub mod tree;
pub mod validation;

pub use context::Context;
pub use prepared::{Goal, Prepared, Spec};
pub use search::{Leaderboard, Search};
pub use trained::{Predictions, Trained};
