//! Statements of constants only, such as the `SELECT 1` with which clients try a connection: their row needs no plan.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, LogicalPlan};

/// The row, when every column of it is a constant.
pub(crate) fn of(plan: &LogicalPlan) -> Option<RecordBatch> {
    let LogicalPlan::Projection(projection) = plan else { return None };
    if !matches!(projection.input.as_ref(), LogicalPlan::EmptyRelation(empty) if empty.produce_one_row) {
        return None;
    }
    let columns = projection.expr.iter().map(|expression| constant(expression)?.to_array().ok());
    RecordBatch::try_new(Arc::clone(projection.schema.inner()), columns.collect::<Option<Vec<_>>>()?).ok()
}

fn constant(expression: &Expr) -> Option<&ScalarValue> {
    match expression {
        Expr::Alias(alias) => constant(&alias.expr),
        Expr::Literal(value, _) => Some(value),
        _ => None,
    }
}
