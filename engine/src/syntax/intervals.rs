//! Literals of intervals in the forms of Postgres.

use datafusion::sql::sqlparser::ast::{CastKind, DataType, DateTimeField, Expr, Interval, UnaryOperator, Value};

use super::placeholder;
use crate::interval_text::{Unit, negated, parse, plain};

/// Rewrites one expression whose parts are right already.
pub(super) fn rewrite(expr: &mut Expr) {
    match expr {
        Expr::Interval(interval) => literal(interval),
        Expr::Cast {
            kind: CastKind::Cast | CastKind::DoubleColon,
            expr: value,
            data_type: DataType::Interval { .. },
            ..
        } => {
            if let Some(text) = text_of(value).and_then(|text| parse(text, None)).map(plain) {
                **value = Expr::Value(Value::SingleQuotedString(text).into());
            }
        }
        Expr::UnaryOp { op: UnaryOperator::Minus, expr: value } if matches!(value.as_ref(), Expr::Interval(_)) => {
            let value = std::mem::replace(value.as_mut(), placeholder());
            *expr = negative(value);
        }
        _ => {}
    }
}

/// DataFusion would write the sign before the text, where it is that of the first part only.
fn negative(mut value: Expr) -> Expr {
    let Expr::Interval(interval) = &mut value else { return value };
    let text = text_of(&interval.value).filter(|_| interval.leading_field.is_none());
    match text.and_then(|text| parse(text, None)).and_then(negated) {
        Some(text) => *interval.value = Expr::Value(Value::SingleQuotedString(text).into()),
        None => return Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(value) },
    }
    value
}

fn literal(interval: &mut Interval) {
    let fields = match (&interval.leading_field, &interval.last_field) {
        (None, None) => None,
        (Some(only), None) => match unit(only) {
            Some(unit) => Some((unit, unit)),
            None => return,
        },
        (first, last) => match (first.as_ref().and_then(unit), last.as_ref().and_then(unit)) {
            (Some(first), Some(last)) => Some((first, last)),
            _ => return,
        },
    };
    if interval.leading_precision.is_some() || interval.fractional_seconds_precision.is_some() {
        return;
    }
    if let Some(text) = text_of(&interval.value).and_then(|text| parse(text, fields)).map(plain) {
        *interval.value = Expr::Value(Value::SingleQuotedString(text).into());
        (interval.leading_field, interval.last_field) = (None, None);
    }
}

fn text_of(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

fn unit(field: &DateTimeField) -> Option<Unit> {
    match field {
        DateTimeField::Year | DateTimeField::Years => Some(Unit::Year),
        DateTimeField::Month | DateTimeField::Months => Some(Unit::Month),
        DateTimeField::Day | DateTimeField::Days => Some(Unit::Day),
        DateTimeField::Hour | DateTimeField::Hours => Some(Unit::Hour),
        DateTimeField::Minute | DateTimeField::Minutes => Some(Unit::Minute),
        DateTimeField::Second | DateTimeField::Seconds => Some(Unit::Second),
        _ => None,
    }
}
