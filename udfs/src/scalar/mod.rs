//! Scalar functions over lists: outliers, decomposition, period, drift, experiments.

mod drift;
mod experiment;
mod lists;
mod of_series;

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;

pub(crate) use lists::doubles;

/// Every scalar function.
pub(crate) fn functions() -> Vec<Arc<ScalarUDF>> {
    let all = of_series::FUNCTIONS.iter().chain(drift::FUNCTIONS).chain(experiment::FUNCTIONS);
    let of_lists = all.map(|function| Arc::new(ScalarUDF::new_from_impl(lists::ListFunction::new(function))));
    of_lists.chain([experiment::function()]).collect()
}
