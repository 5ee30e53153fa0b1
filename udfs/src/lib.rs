//! The SQL of forecasting, anomaly detection, prediction and JSON: which functions there are and how a session gets them.
//!
//! | kind | functions | module |
//! |---|---|---|
//! | table | FORECAST, BACKTEST, DECOMPOSE, DETECT_ANOMALIES, DETECT_CHANGEPOINTS, DETECT_PERIODS, DETECT_OUTLIERS | `table`, `series`, `rows` |
//! | aggregate | linear_regression_agg, forecast_agg | `aggregate` |
//! | window | anomaly_score | `window` |
//! | scalar | series_outliers_tukey, series_decompose_stl, series_period_fft, drift_psi, drift_ks, drift_adwin, experiment_variant, experiment_compare | `scalar` |
//! | scalar | json_get, json_extract_path_text, json_extract_string, json_array_length, json_typeof, ...; `->` and `->>` | `json` |
//! | of stored models | CREATE MODEL, ML_PREDICT, ML_EVALUATE, ML_EXPLAIN, ML_LEADERBOARD, ML_FORECAST, predict, ml_deploy | `models` |
//!
//! A table function takes `TABLE t` or `(query)` and named arguments. It becomes a node of the plan with that query below it,
//! so the optimizer and the sources see the query; the algorithms are those of `headwater-forecasting` and
//! `headwater-anomaly`.

mod aggregate;
mod error;
mod json;
mod models;
mod rows;
mod scalar;
mod series;
mod table;
mod window;

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::execution::{FunctionRegistry, SessionState};
use datafusion::physical_planner::ExtensionPlanner;
use datafusion::sql::parser::Statement;
use futures::future::BoxFuture;

/// Makes every function known to a session.
pub fn register(state: &mut SessionState) -> Result<()> {
    for function in scalar::functions().into_iter().chain(json::functions()) {
        state.register_udf(function)?;
    }
    for function in aggregate::functions() {
        state.register_udaf(function)?;
    }
    for function in window::functions() {
        state.register_udwf(function)?;
    }
    state.register_expr_planner(Arc::new(json::JsonOperators))?;
    models::register(state)?;
    state.register_relation_planner(Arc::new(table::TableFunctions))
}

/// Loads the stored models that a statement names, before it is planned.
pub fn resolve<'a>(
    statement: &'a Statement,
    state: &'a mut Arc<SessionState>,
) -> BoxFuture<'a, headwater_common::Result<()>> {
    models::resolve(statement, state)
}

/// Plan the nodes that table functions become.
pub fn extension_planners() -> Vec<Arc<dyn ExtensionPlanner + Send + Sync>> {
    vec![Arc::new(table::GroupPlanner), models::extension_planner()]
}
