//! Window functions.

mod anomaly_score;

use std::sync::Arc;

use datafusion::logical_expr::WindowUDF;

/// Every window function.
pub(crate) fn functions() -> Vec<Arc<WindowUDF>> {
    vec![Arc::new(WindowUDF::new_from_impl(anomaly_score::AnomalyScore::default()))]
}
