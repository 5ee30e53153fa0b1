//! `a # b`, the exclusive or of bits.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr};

use super::placeholder;
use crate::keyword_forms::XOR;

/// Takes the marker out of `a | marker | b`, in which the parser reads this operator.
pub(super) fn rewrite(expr: &mut Expr) {
    let Expr::BinaryOp { left, op: op @ BinaryOperator::BitwiseOr, .. } = expr else { return };
    let Expr::BinaryOp { left: value, op: BinaryOperator::BitwiseOr, right: marker } = left.as_mut() else { return };
    if matches!(marker.as_ref(), Expr::Identifier(name) if name.value == XOR && name.quote_style.is_some()) {
        *op = BinaryOperator::PGBitwiseXor;
        let value = std::mem::replace(value.as_mut(), placeholder());
        **left = value;
    }
}
