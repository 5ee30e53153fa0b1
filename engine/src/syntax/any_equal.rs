//! `x = ANY(array)` is unknown, not false, when only a null of the array could be equal.

use datafusion::sql::sqlparser::ast::{Array, BinaryOperator, Expr, Value};

use super::{call, placeholder};
use crate::functions::LIST_HAS_NULL;

/// Writes `x = ANY(array)` as `nullif(list_has_null(array), true) OR array_has(array, x)`; DataFusion makes only the last part of it.
///
/// Of an array that is written out it is `x IN (...)`, and `x <> ALL(array)` is `x NOT IN (...)`.
pub(super) fn rewrite(expr: &mut Expr) {
    if let Some((elements, negated)) = written_out(expr) {
        let (Expr::AnyOp { left, .. } | Expr::AllOp { left, .. }) = std::mem::replace(expr, placeholder()) else { return };
        *expr = Expr::InList { expr: left, list: elements, negated };
        return;
    }
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

/// The elements of the array, and whether none of them may be equal.
fn written_out(expr: &Expr) -> Option<(Vec<Expr>, bool)> {
    let (array, negated) = match expr {
        Expr::AnyOp { compare_op: BinaryOperator::Eq, right, .. } => (right.as_ref(), false),
        Expr::AllOp { compare_op: BinaryOperator::NotEq, right, .. } => (right.as_ref(), true),
        _ => return None,
    };
    let array = if let Expr::Nested(inner) = array { inner.as_ref() } else { array };
    match array {
        Expr::Array(Array { elem, .. }) if !elem.is_empty() && !elem.iter().any(|e| matches!(e, Expr::Array(_))) => {
            Some((elem.clone(), negated))
        }
        _ => None,
    }
}
