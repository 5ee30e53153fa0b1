//! Texts that are compared with decimals.

use std::sync::Arc;

use datafusion::arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DECIMAL256_MAX_SCALE, DataType, i256,
};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Cast, LogicalPlan, Projection};
use datafusion::prelude::Expr;
use headwater_common::Error;
use headwater_source::ErrorExt;

use super::meet::types;
use super::times::text_of;

/// Texts beside decimals as numbers with all their digits. DataFusion would round them to the scale of the other side.
pub(super) fn as_numbers(all: &mut [Expr], schema: &DFSchema) -> Result<()> {
    let types = types(all, schema);
    if !types.iter().any(DataType::is_decimal) {
        return Ok(());
    }
    for expr in all.iter_mut().zip(&types).filter(|(_, t)| is_text(t)).map(|(expr, _)| expr) {
        *expr = as_number(std::mem::take(expr))?;
    }
    Ok(())
}

/// Whether values of a type are texts.
pub(super) fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_text(values),
        other => other.is_string(),
    }
}

/// A text as a number: a literal as exactly its digits, any other as a decimal with the most digits.
pub(super) fn as_number(text: Expr) -> Result<Expr> {
    match text_of(&text) {
        Some(literal) => Ok(Expr::Literal(number(literal)?, None)),
        None => Ok(Expr::Cast(Cast::new(Box::new(text), widest()))),
    }
}

/// A plan of one column of texts with numbers instead.
pub(super) fn column_as_numbers(plan: &Arc<LogicalPlan>) -> Result<LogicalPlan> {
    let (qualifier, field) = plan.schema().qualified_field(0);
    let number = as_number(Expr::from((qualifier, field)))?;
    let column = number.alias_qualified(qualifier.cloned(), field.name());
    Projection::try_new(vec![column], Arc::clone(plan)).map(LogicalPlan::Projection)
}

/// As many digits before the point as behind it.
fn widest() -> DataType {
    DataType::Decimal256(DECIMAL256_MAX_PRECISION, DECIMAL256_MAX_SCALE / 2)
}

/// The decimal that a text says, of exactly its digits.
pub(super) fn number(text: &str) -> Result<ScalarValue> {
    let refused = |what: &str| -> DataFusionError {
        let shown: String = text.chars().take(60).collect();
        Error::invalid(format!("'{shown}' is compared with a decimal but {what}")).into_datafusion()
    };
    let (mut digits, scale) = parts(text.trim()).ok_or_else(|| refused("is no number"))?;
    // A number of the type that holds its digits before and behind the point.
    let scale = usize::try_from(scale).unwrap_or_else(|_| {
        digits.push_str(&"0".repeat(scale.unsigned_abs()));
        0
    });
    let unsigned = digits.trim_start_matches(['-', '0']).len().max(scale).max(1);
    let (Ok(precision), Ok(scale)) = (u8::try_from(unsigned), i8::try_from(scale)) else {
        return Err(refused("has too many digits"));
    };
    let value = if precision <= DECIMAL128_MAX_PRECISION {
        digits.parse().ok().map(|value| ScalarValue::Decimal128(Some(value), precision, scale))
    } else if precision <= DECIMAL256_MAX_PRECISION {
        i256::from_string(&digits).map(|value| ScalarValue::Decimal256(Some(value), precision, scale))
    } else {
        None
    };
    value.ok_or_else(|| refused("has too many digits"))
}

/// The digits of a number with its sign, and how many of them stand behind the point; fewer than none for those that are left out
/// before it.
fn parts(text: &str) -> Option<(String, isize)> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i16>().ok()?),
        None => (text, 0),
    };
    let (negative, unsigned) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let written = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if !written(whole) || !written(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let sign = if negative { "-" } else { "" };
    let scale = isize::try_from(fraction.len()).ok()? - isize::from(exponent);
    Some(([sign, whole, fraction].concat(), scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_keep_their_digits() {
        let said = |text: &str| number(text).unwrap();
        assert_eq!(said("1.005"), ScalarValue::Decimal128(Some(1005), 4, 3));
        assert_eq!(said(" -0.10 "), ScalarValue::Decimal128(Some(-10), 2, 2));
        assert_eq!(said("+007"), ScalarValue::Decimal128(Some(7), 1, 0));
        assert_eq!(said(".5"), ScalarValue::Decimal128(Some(5), 1, 1));
        assert_eq!(said("1.5e3"), ScalarValue::Decimal128(Some(1500), 4, 0));
        assert_eq!(said("15e-3"), ScalarValue::Decimal128(Some(15), 3, 3));
        assert_eq!(said("0"), ScalarValue::Decimal128(Some(0), 1, 0));
        assert!(matches!(said(&"9".repeat(60)), ScalarValue::Decimal256(Some(_), 60, 0)));
        for wrong in ["", ".", "1.2.3", "abc", "1e", "1e9999", "0x10", "--1", "1 2", "NaN", &"9".repeat(77)] {
            assert!(number(wrong).is_err(), "{wrong}");
        }
    }
}
