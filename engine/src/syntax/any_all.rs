//! Comparisons with ANY and ALL keep the third truth value.
//!
//! | form | becomes |
//! |---|---|
//! | `x = ANY (sub-query)`, `x <> ALL (sub-query)` | `x IN (sub-query)`, `x NOT IN (sub-query)` |
//! | `x = ANY (ARRAY[a, b])`, `x <> ALL (ARRAY[a, b])` | `x IN (a, b)`, `x NOT IN (a, b)` |
//! | `x = ANY (array)` | `nullif(list_has_null(array), true) OR (NOT empty(array) AND array_has(array, x))` |
//! | `x < ANY (array)` | `array_any('<', x, array)` |
//! | `x < ALL (array)` | `NOT` of ANY with the opposite operator |

use datafusion::sql::sqlparser::ast::{Array, BinaryOperator, Expr, Query, UnaryOperator, Value};

use super::{binary, call, nested, placeholder, text};
use crate::functions::{ARRAY_ANY, LIST_HAS_NULL};

/// Rewrites one comparison; those of sub-queries by an order stay.
pub(super) fn rewrite(expr: &mut Expr) {
    let (op, right) = match expr {
        Expr::AnyOp { compare_op, right, .. } => (Some(compare_op.clone()), right),
        Expr::AllOp { compare_op, right, .. } => (opposite(compare_op), right),
        _ => return,
    };
    let Some(op) = op.filter(|op| opposite(op).is_some()) else { return };
    if matches!(right.as_ref(), Expr::Subquery(_)) && op != BinaryOperator::Eq {
        return;
    }
    let all = matches!(expr, Expr::AllOp { .. });
    let (left, right) = match std::mem::replace(expr, placeholder()) {
        Expr::AnyOp { left, right, .. } | Expr::AllOp { left, right, .. } => (left, *right),
        other => return *expr = other,
    };
    let found = match (right, symbol(&op)) {
        (Expr::Subquery(subquery), _) => return *expr = in_subquery(left, subquery, all),
        (Expr::Array(array), None) if is_list(&array) => {
            return *expr = nested(Expr::InList { expr: left, list: array.elem, negated: all });
        }
        (array, Some(symbol)) => call(ARRAY_ANY, vec![text(symbol), *left, array]),
        (array, None) => equal(*left, array),
    };
    *expr = match all {
        true => Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(found) },
        false => found,
    };
}

/// Whether the elements of an array may stand in IN.
fn is_list(array: &Array) -> bool {
    !array.elem.is_empty() && !array.elem.iter().any(|element| matches!(element, Expr::Array(_)))
}

fn in_subquery(left: Box<Expr>, subquery: Box<Query>, negated: bool) -> Expr {
    Expr::Nested(Box::new(Expr::InSubquery { expr: left, subquery, negated }))
}

/// In this form a constant array becomes an IN list.
fn equal(value: Expr, array: Expr) -> Expr {
    let has_null = call(LIST_HAS_NULL, vec![array.clone()]);
    let unknown = call("nullif", vec![has_null, Expr::Value(Value::Boolean(true).into())]);
    let filled = Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(call("empty", vec![array.clone()])) };
    let found = binary(filled, BinaryOperator::And, call("array_has", vec![array, value]));
    nested(binary(unknown, BinaryOperator::Or, nested(found)))
}

/// The operator that holds where the given one does not, of values that are no nulls.
fn opposite(op: &BinaryOperator) -> Option<BinaryOperator> {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    match op {
        Eq => Some(NotEq),
        NotEq => Some(Eq),
        Lt => Some(GtEq),
        LtEq => Some(Gt),
        Gt => Some(LtEq),
        GtEq => Some(Lt),
        _ => None,
    }
}

fn symbol(op: &BinaryOperator) -> Option<&'static str> {
    use BinaryOperator::{Gt, GtEq, Lt, LtEq, NotEq};
    match op {
        NotEq => Some("<>"),
        Lt => Some("<"),
        LtEq => Some("<="),
        Gt => Some(">"),
        GtEq => Some(">="),
        _ => None,
    }
}
