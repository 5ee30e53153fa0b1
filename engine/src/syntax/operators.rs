//! Operators, casts and EXTRACT in forms that DataFusion computes as SQL says.

use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, BinaryOperator, CharacterLength, DataType, DateTimeField, ExactNumberInfo, Expr, UnaryOperator,
    Value, ValueWithSpan,
};
use headwater_common::{Error, Result};

use super::{binary, call, cast, nested, number, placeholder};

/// Rewrites one expression whose parts are right already.
pub(super) fn rewrite(expr: &mut Expr) -> Result<()> {
    match expr {
        Expr::UnaryOp { op: UnaryOperator::BitwiseNot, expr: value } => {
            let value = std::mem::replace(value.as_mut(), placeholder());
            *expr = nested(binary(number("-1"), BinaryOperator::Minus, nested(value)));
        }
        Expr::Cast { data_type, .. } => {
            widen_float(data_type);
            cut_text(expr);
        }
        Expr::TypedString(typed) => widen_float(&mut typed.data_type),
        Expr::Collate { expr: text, collation } => {
            let name = collation.0.last().and_then(|part| part.as_ident()).map(|name| name.value.as_str());
            match name {
                Some("C" | "POSIX" | "ucs_basic") => *expr = std::mem::replace(text.as_mut(), placeholder()),
                _ => {
                    return Err(Error::unsupported(
                        "texts compare by their bytes; COLLATE \"C\" says so, and no other is there",
                    ));
                }
            }
        }
        Expr::BinaryOp { left, op: BinaryOperator::Divide, right } => {
            // Parts of times are whole numbers here, and their quotients are none.
            for side in [left, right].into_iter().filter(|side| is_part(side)) {
                let part = std::mem::replace(side.as_mut(), placeholder());
                **side = cast(part, DataType::Double(ExactNumberInfo::None));
            }
        }
        Expr::Extract { field: DateTimeField::Julian, .. } => {
            let Expr::Extract { expr: time, .. } = std::mem::replace(expr, placeholder()) else { return Ok(()) };
            *expr = call("julian_day", vec![*time]);
        }
        Expr::Extract { field, .. } => {
            if let Some(digits) = digits(field) {
                fraction(expr, digits);
            }
        }
        _ => {}
    }
    Ok(())
}

/// `FLOAT` is a double, as in the standard and Postgres, unless it asks for fewer digits than one has; DataFusion's has 32 bits.
fn widen_float(data_type: &mut DataType) {
    match data_type {
        DataType::Float(ExactNumberInfo::Precision(bits)) if *bits <= 24 => *data_type = DataType::Real,
        DataType::Float(_) => *data_type = DataType::Double(ExactNumberInfo::None),
        DataType::Array(
            ArrayElemTypeDef::AngleBracket(inner)
            | ArrayElemTypeDef::SquareBracket(inner, _)
            | ArrayElemTypeDef::Parenthesis(inner),
        ) => widen_float(inner),
        _ => {}
    }
}

/// Whether an expression is EXTRACT or `date_part`.
fn is_part(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_part(inner),
        Expr::Extract { .. } => true,
        Expr::Function(function) => matches!(
            function.name.0.as_slice(),
            [name] if name.as_ident().is_some_and(|name| name.value.eq_ignore_ascii_case("date_part"))
        ),
        _ => false,
    }
}

/// `CAST(x AS varchar(n))` keeps the first `n` characters.
fn cut_text(expr: &mut Expr) {
    let Expr::Cast { data_type, .. } = expr else { return };
    let length = match data_type {
        DataType::Varchar(length) | DataType::CharVarying(length) | DataType::CharacterVarying(length) => length.take(),
        _ => return,
    };
    let Some(CharacterLength::IntegerLength { length, .. }) = length else { return };
    let text = std::mem::replace(expr, placeholder());
    *expr = call("left", vec![text, Expr::Value(whole(length))]);
}

/// Digits behind the point of the seconds or milliseconds of a time.
fn digits(field: &DateTimeField) -> Option<u32> {
    match field {
        DateTimeField::Second | DateTimeField::Seconds => Some(6),
        DateTimeField::Millisecond | DateTimeField::Milliseconds => Some(3),
        _ => None,
    }
}

/// Seconds or milliseconds with their fraction, from the microseconds; DataFusion cuts the fraction off.
fn fraction(expr: &mut Expr, digits: u32) {
    let Expr::Extract { expr: time, .. } = std::mem::replace(expr, placeholder()) else { return };
    let part = Expr::Value(Value::SingleQuotedString("microsecond".to_owned()).into());
    let microseconds = decimal(call("date_part", vec![part, *time]), 14, digits.into());
    let unit = Expr::Value(whole(10_u64.pow(digits)));
    *expr = decimal(binary(microseconds, BinaryOperator::Divide, unit), 8, digits.into());
}

fn decimal(expr: Expr, precision: u64, scale: i64) -> Expr {
    cast(expr, DataType::Decimal(ExactNumberInfo::PrecisionAndScale(precision, scale)))
}

/// A whole number as a literal.
fn whole(number: u64) -> ValueWithSpan {
    let mut digits = Vec::new();
    let mut rest = number;
    while rest > 0 || digits.is_empty() {
        digits.push(char::from(b'0' + (rest % 10) as u8));
        rest /= 10;
    }
    Value::Number(digits.into_iter().rev().collect(), false).into()
}
