//! Comparisons that mean the same at every database.

use datafusion::common::ScalarValue;

use super::database::{Class, Collation, Database, Value};
use crate::expr::{Expr, Operator};

/// `left operator right`, or why it stays here.
pub fn compare(database: &dyn Database, left: &Value, operator: Operator, right: &Value) -> Result<Expr, String> {
    left.usable()?;
    right.usable()?;
    let plain = || Ok(Expr::compare(left.expr.clone(), operator, right.expr.clone()));
    match (&left.fact.class, &right.fact.class) {
        (Class::Finite, Class::Finite) => plain(),
        (Class::Float | Class::Finite, Class::Float | Class::Finite) => floats(left, operator, right),
        (Class::Text(a), Class::Text(b)) => texts(database, (left, a), operator, (right, b)),
        (Class::Uuid, Class::Uuid) => plain(),
        (Class::Uuid | Class::Label | Class::Text(_), Class::Uuid | Class::Label | Class::Text(_)) => {
            if let Some(literal) = typed(database, right, left, operator) {
                return Ok(Expr::compare(left.expr.clone(), operator, literal));
            }
            if let Some(literal) = typed(database, left, right, operator) {
                return Ok(Expr::compare(literal, operator, right.expr.clone()));
            }
            let (left, right) = (database.text(left)?, database.text(right)?);
            let left = if operator.is_order() { database.byte_order(left)? } else { left };
            Ok(Expr::compare(left, operator, right))
        }
        (Class::Interval, _) | (_, Class::Interval) => Err("intervals of the same length compare otherwise".into()),
        (a, b) if a == b => plain(),
        _ => Err(format!("a {} is compared with a {}", left.fact.arrow, right.fact.arrow)),
    }
}

/// A sort key, or why the order is another one.
pub fn sort_key(database: &dyn Database, value: &Value) -> Result<Expr, String> {
    value.usable()?;
    match &value.fact.class {
        Class::Float => Err(format!("{}: the source orders zeros and NaN otherwise", value.name())),
        Class::Interval => Err(format!("{}: intervals have another order", value.name())),
        Class::Text(_) => database.byte_order(value.expr.clone()),
        Class::Label => database.byte_order(database.text(value)?),
        _ => Ok(value.expr.clone()),
    }
}

/// Texts are equal when their bytes are, unless a collation says otherwise; only bytes order them as here.
fn texts(
    database: &dyn Database,
    (left, a): (&Value, &Collation),
    operator: Operator,
    (right, b): (&Value, &Collation),
) -> Result<Expr, String> {
    let literal = left.constant.is_some() || right.constant.is_some();
    let bytes = a.deterministic && b.deterministic && (literal || a == b);
    let first = match bytes && !operator.is_order() {
        true => left.expr.clone(),
        false => database.byte_order(left.expr.clone())?,
    };
    // The server may group or sort one side alone, by the collation of its own that it has.
    let second = match b.deterministic || right.constant.is_some() {
        true => right.expr.clone(),
        false => database.byte_order(right.expr.clone())?,
    };
    Ok(Expr::compare(first, operator, second))
}

/// Only equality with a value that is neither zero nor NaN is the same.
fn floats(left: &Value, operator: Operator, right: &Value) -> Result<Expr, String> {
    let (value, literal) = match (&left.constant, &right.constant) {
        (_, Some(literal)) => (left, literal),
        (Some(literal), _) => (right, literal),
        _ => return Err("zeros and NaN of floating point compare otherwise at the source".into()),
    };
    let number = match literal {
        ScalarValue::Float64(Some(v)) => *v,
        ScalarValue::Float32(Some(v)) => f64::from(*v),
        _ => return Err("floating point is compared with something else".into()),
    };
    if operator != Operator::Eq || number == 0.0 || !number.is_finite() {
        return Err(format!("{}: zeros and NaN of floating point compare otherwise at the source", value.name()));
    }
    Ok(Expr::compare(left.expr.clone(), operator, right.expr.clone()))
}

/// A literal of the type of the other side; labels have the order of their texts only as texts.
fn typed(database: &dyn Database, literal: &Value, of: &Value, operator: Operator) -> Option<Expr> {
    let orders = of.fact.class == Class::Uuid || !operator.is_order();
    if !orders || matches!(of.fact.class, Class::Text(_)) {
        return None;
    }
    database.text_literal(text_of(literal.constant.as_ref()?)?, of)
}

/// The text of a text value.
pub fn text_of(value: &ScalarValue) -> Option<&str> {
    match value {
        ScalarValue::Utf8(v) | ScalarValue::LargeUtf8(v) | ScalarValue::Utf8View(v) => v.as_deref(),
        ScalarValue::Dictionary(_, inner) => text_of(inner),
        _ => None,
    }
}
