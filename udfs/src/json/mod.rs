//! JSON in columns of text: the operators `->` and `->>` and functions by the names that Postgres and DuckDB have.
//!
//! A value is returned as the text that stands in the document (numbers keep their digits), as Postgres' `json` does.

mod document;
mod functions;
mod operators;
mod path;

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;

pub(crate) use operators::JsonOperators;

/// Every function.
pub(crate) fn functions() -> Vec<Arc<ScalarUDF>> {
    let all = functions::FUNCTIONS.iter();
    all.map(|function| Arc::new(ScalarUDF::new_from_impl(functions::JsonFunction::new(function)))).collect()
}
