//! Aggregate functions.

mod forecast;
mod regression;

use std::sync::Arc;

use datafusion::logical_expr::AggregateUDF;

/// Every aggregate function.
pub(crate) fn functions() -> Vec<Arc<AggregateUDF>> {
    vec![
        Arc::new(AggregateUDF::new_from_impl(regression::LinearRegression::default())),
        Arc::new(AggregateUDF::new_from_impl(forecast::ForecastAgg::default())),
    ]
}
