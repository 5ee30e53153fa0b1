//! Operators, casts and EXTRACT in forms that DataFusion computes as SQL says.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, CharacterLength, DataType, DateTimeField, ExactNumberInfo, Expr, UnaryOperator, Value,
    ValueWithSpan,
};

use super::{call, nested, placeholder};

/// Rewrites one expression whose parts are right already.
pub(super) fn rewrite(expr: &mut Expr) {
    match expr {
        Expr::UnaryOp { op: UnaryOperator::BitwiseNot, .. } => {
            let Expr::UnaryOp { expr: value, .. } = std::mem::replace(expr, placeholder()) else { return };
            *expr = nested(binary(number("-1"), BinaryOperator::Minus, nested(*value)));
        }
        Expr::BinaryOp { left, op: BinaryOperator::Divide, right } => {
            // Parts of times are whole numbers here, and their quotients are none.
            for side in [left, right].into_iter().filter(|side| is_part(side)) {
                let part = std::mem::replace(side.as_mut(), placeholder());
                **side = cast(part, DataType::Double(ExactNumberInfo::None));
            }
        }
        Expr::Cast { .. } => cut_text(expr),
        Expr::Extract { field: DateTimeField::Julian, .. } => {
            let Expr::Extract { expr: time, .. } = std::mem::replace(expr, placeholder()) else { return };
            *expr = call("julian_day", vec![*time]);
        }
        Expr::Extract { field, .. } => {
            if let Some(digits) = digits(field) {
                fraction(expr, digits);
            }
        }
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

fn cast(expr: Expr, data_type: DataType) -> Expr {
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(expr), data_type, array: false, format: None }
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

fn number(digits: &str) -> Expr {
    Expr::Value(Value::Number(digits.to_owned(), false).into())
}

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}
