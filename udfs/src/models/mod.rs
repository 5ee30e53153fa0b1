//! Stored models in SQL: training them, predicting with them, judging and explaining them, choosing their versions.
//!
//! ```text
//! resolve    calls of a parsed statement  ->  the models they name, loaded
//! planner    ML_PREDICT(MODEL => 'm', (query))  ->  node over the query
//! exec       node  ->  batch by batch, or all rows at once
//! ```
//!
//! A statement keeps the versions of the models that it was planned with.

mod call;
mod deploy;
mod evaluate;
mod evaluate_series;
mod exec;
mod explain;
mod forecast;
mod leaderboard;
mod library;
mod node;
mod planner;
mod predict;
mod resolve;
mod rows;
mod scalar;
mod series_model;
mod stored;
mod train;

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::execution::{FunctionRegistry, SessionState};
use datafusion::physical_planner::ExtensionPlanner;
use headwater_registry::Registry;

use library::Library;
pub(crate) use resolve::resolve;

/// Makes the functions of stored models known to a state that has a registry of models.
pub(crate) fn register(state: &mut SessionState) -> Result<()> {
    let Some(registry) = state.config().get_extension::<Registry>() else { return Ok(()) };
    let library = Arc::new(Library::new(registry));
    state.register_udf(deploy::function(Arc::clone(&library)))?;
    state.register_udf(scalar::function(Vec::new()))?;
    state.config_mut().set_extension(library);
    Ok(())
}

/// Plans the nodes of these functions.
pub(crate) fn extension_planner() -> Arc<dyn ExtensionPlanner + Send + Sync> {
    Arc::new(exec::ModelPlanner)
}
