//! Table functions over series: rows with a time and a value, one series for each combination of ids.

pub(crate) mod anomalies;
pub(crate) mod backtest;
pub(crate) mod change_points;
pub(crate) mod columns;
pub(crate) mod decompose;
pub(crate) mod forecast;
mod global_forecast;
pub(crate) mod levels;
mod output;
pub(crate) mod periods;
mod regular;
pub(crate) mod times;
mod zone;
