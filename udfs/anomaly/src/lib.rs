//! Anomalies in series and tables, changes and seasons of series, drift of distributions.
//!
//! | module | what | trait |
//! |---|---|---|
//! | [`series`] | anomalies, change points and seasons of one series | [`series::SeriesDetector`], [`series::ChangePoints`] |
//! | [`table`] | rows unlike the others | [`table::TableDetector`] |
//! | [`experiment`] | which variant a unit sees, and whether variants differ | |
//! | [`drift`] | whether data is distributed as it was | [`drift::DriftTest`] |
//!
//! Everything is deterministic, runs on the caller's thread and never fails: what cannot be scored has a [`Status`] that
//! says why.

pub mod drift;
pub mod experiment;
pub mod series;
mod statistics;
mod status;
pub mod table;

pub use status::Status;
