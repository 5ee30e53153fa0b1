//! Decimals as floating point.

use datafusion::arrow::datatypes::{DataType, Decimal128Type, Decimal256Type, DecimalType};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Cast;
use datafusion::logical_expr::expr::Alias;
use datafusion::prelude::Expr;

/// Whether values of a type are floating point.
pub(super) fn is_float(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_float(values),
        other => other.is_floating(),
    }
}

/// An expression as `Float64`; of a literal the double that is nearest to its digits.
pub(super) fn as_float(expr: Expr) -> Expr {
    match expr {
        Expr::Alias(Alias { expr, .. }) => as_float(*expr),
        double @ Expr::Literal(ScalarValue::Float64(_), _) => double,
        Expr::Negative(inner) if nearest(&inner).is_some() => Expr::Negative(Box::new(as_float(*inner))),
        other => match nearest(&other) {
            Some(value) => Expr::Literal(ScalarValue::Float64(Some(value)), None),
            None => Expr::Cast(Cast::new(Box::new(other), DataType::Float64)),
        },
    }
}

/// `CAST(literal AS DOUBLE)` as the literal it is; any other cast stays.
pub(super) fn folded(cast: Cast) -> Expr {
    let is_number = matches!(cast.expr.as_ref(), Expr::Literal(v, _) if v.data_type().is_decimal());
    let written = matches!(cast.expr.as_ref(), Expr::Literal(ScalarValue::Utf8(Some(t)), _) if is_written_number(t));
    match nearest(&cast.expr) {
        Some(value) if (is_number || written) && *cast.field.data_type() == DataType::Float64 => {
            Expr::Literal(ScalarValue::Float64(Some(value)), None)
        }
        _ => Expr::Cast(cast),
    }
}

fn is_written_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || c == '.')
}

/// The double that is nearest to a literal; `None` for everything else.
fn nearest(expr: &Expr) -> Option<f64> {
    let Expr::Literal(value, _) = expr else { return None };
    let text = match value {
        ScalarValue::Decimal128(Some(v), precision, scale) => Decimal128Type::format_decimal(*v, *precision, *scale),
        ScalarValue::Decimal256(Some(v), precision, scale) => Decimal256Type::format_decimal(*v, *precision, *scale),
        ScalarValue::Utf8(Some(text)) => text.clone(),
        _ => return None,
    };
    text.parse().ok()
}
