//! `x BETWEEN SYMMETRIC a AND b`: the bounds in either order.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, UnaryOperator};

use super::placeholder;
use crate::keyword_forms::SYMMETRIC;

/// Writes `x BETWEEN SYMMETRIC a AND b` as `x BETWEEN a AND b OR x BETWEEN b AND a`, which is its definition.
pub(super) fn rewrite(expr: &mut Expr) {
    let Expr::Between { low, .. } = expr else { return };
    if !unmark(low) {
        return;
    }
    let Expr::Between { expr: value, negated, low, high } = std::mem::replace(expr, placeholder()) else { return };
    let between = |low: &Expr, high: &Expr| Expr::Between {
        expr: value.clone(),
        negated: false,
        low: Box::new(low.clone()),
        high: Box::new(high.clone()),
    };
    let (one, other) = (between(&low, &high), between(&high, &low));
    let either = Expr::BinaryOp { left: Box::new(one), op: BinaryOperator::Or, right: Box::new(other) };
    let either = Expr::Nested(Box::new(either));
    *expr = if negated { Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(either) } } else { either };
}

/// Takes the marker off the left end of a chain that begins with it and `|`, one of the operators that bind least in a bound.
fn unmark(expr: &mut Expr) -> bool {
    let Expr::BinaryOp { left, op, right } = expr else { return false };
    if *op == BinaryOperator::BitwiseOr
        && matches!(left.as_ref(), Expr::Identifier(name) if name.value == SYMMETRIC && name.quote_style.is_some())
    {
        *expr = std::mem::replace(right, placeholder());
        return true;
    }
    unmark(left)
}
