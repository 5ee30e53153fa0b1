//! `x = ANY(array)` is unknown, not false, when only a null of the array could be equal.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Value};

use super::{call, placeholder};
use crate::functions::LIST_HAS_NULL;

/// Writes `x = ANY(array)` as `nullif(list_has_null(array), true) OR array_has(array, x)`; DataFusion makes only the last part of it.
pub(super) fn rewrite(expr: &mut Expr) {
    let Expr::AnyOp { compare_op: BinaryOperator::Eq, right, .. } = &*expr else { return };
    if matches!(right.as_ref(), Expr::Subquery(_)) {
        return;
    }
    let Expr::AnyOp { left, right, .. } = std::mem::replace(expr, placeholder()) else { return };
    let has_null = call(LIST_HAS_NULL, vec![right.as_ref().clone()]);
    let unknown = call("nullif", vec![has_null, Expr::Value(Value::Boolean(true).into())]);
    let found = call("array_has", vec![*right, *left]);
    let either = Expr::BinaryOp { left: Box::new(unknown), op: BinaryOperator::Or, right: Box::new(found) };
    *expr = Expr::Nested(Box::new(either));
}
