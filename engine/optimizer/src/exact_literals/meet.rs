//! Numbers of different types that meet.

use std::sync::Arc;

use datafusion::arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DECIMAL128_MAX_SCALE, DECIMAL256_MAX_PRECISION, DataType, Field,
};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::{Cast, ExprSchemable, Operator};
use datafusion::prelude::Expr;

use super::float::{as_float, is_float};
use super::origin::Origins;
use super::{arrays, bytes, texts, times};

/// Values that are compared with each other. Whatever their types become, the result is a boolean.
pub(super) fn meet_compared(all: &mut [Expr], schema: &DFSchema, origins: &Origins<'_>) -> Result<()> {
    texts::as_numbers(all, schema)?;
    meet_as(all, schema, origins, false)
}

/// Values from which one is chosen, or that are compared with each other.
pub(super) fn meet(all: &mut [Expr], schema: &DFSchema, origins: &Origins<'_>) -> Result<()> {
    meet_as(all, schema, origins, origins.is_settled())
}

fn meet_as(all: &mut [Expr], schema: &DFSchema, origins: &Origins<'_>, settled: bool) -> Result<()> {
    let types = types(all, schema);
    bytes::meet(all, &types)?;
    arrays::meet(all, &types)?;
    if !types.iter().any(DataType::is_decimal) {
        return times::meet(all, &types, settled);
    }
    if types.iter().any(is_float) {
        all.iter_mut().zip(&types).filter(|(_, t)| t.is_decimal()).for_each(|(expr, _)| make_float(expr));
    } else if !types.iter().all(is_exact) || meets_free_parameter(all, &types, schema, origins) {
        literals_as_float(all, schema, origins);
    } else {
        widen(all, &types);
    }
    Ok(())
}

/// Whether an operator compares.
pub(super) fn is_comparison(op: Operator) -> bool {
    use Operator as O;
    matches!(op, O::Eq | O::NotEq | O::Lt | O::LtEq | O::Gt | O::GtEq | O::IsDistinctFrom | O::IsNotDistinctFrom)
}

/// The two sides of a comparison, and how they are compared then.
pub(super) fn compare(sides: &mut [Expr; 2], op: Operator, schema: &DFSchema, origins: &Origins<'_>) -> Result<Operator> {
    texts::as_numbers(sides, schema)?;
    let [left, right] = sides;
    if type_of(left, schema).is_integer()
        && let Some((whole, op)) = whole_bound(right, op)
    {
        *right = whole;
        return Ok(op);
    }
    if type_of(right, schema).is_integer()
        && let Some((whole, swapped)) = op.swap().and_then(|op| whole_bound(left, op))
    {
        *left = whole;
        return Ok(swapped.swap().unwrap_or(op));
    }
    meet_compared(sides, schema, origins)?;
    let [left, right] = sides;
    if let Some((time, op)) = times::bound(&type_of(left, schema), right, op) {
        *right = time;
        return Ok(op);
    }
    if let Some((time, swapped)) = op.swap().and_then(|op| times::bound(&type_of(right, schema), left, op)) {
        *left = time;
        return Ok(swapped.swap().unwrap_or(op));
    }
    Ok(op)
}

/// The sides of `+`, `-` and `*`.
pub(super) fn arithmetic(sides: &mut [Expr; 2], op: Operator, schema: &DFSchema, origins: &Origins<'_>) {
    let types = types(sides, schema);
    if !types.iter().any(DataType::is_decimal) {
        return;
    }
    let exact = types.iter().all(is_exact);
    if !exact || meets_free_parameter(sides, &types, schema, origins) {
        return literals_as_float(sides, schema, origins);
    }
    let [Some((_, left)), Some((_, right))] = [digits(&types[0]), digits(&types[1])] else { return };
    if op == Operator::Multiply && left + right > i16::from(DECIMAL128_MAX_SCALE) {
        match left + right <= i16::from(DECIMAL256_MAX_PRECISION) {
            true => sides.iter_mut().zip(&types).for_each(|(side, t)| make_wide(side, t)),
            false => sides.iter_mut().for_each(make_float),
        }
    }
}

/// The sides of `/` and `%`: with a literal they are computed in floating point.
pub(super) fn quotient(sides: &mut [Expr; 2], schema: &DFSchema, origins: &Origins<'_>) {
    if sides.iter().any(|side| origins.is_literal(side, schema)) {
        let types = types(sides, schema);
        sides.iter_mut().zip(&types).filter(|(_, t)| t.is_decimal()).for_each(|(side, _)| make_float(side));
    }
}

/// A whole number instead of a literal that a whole number is compared with, and the operator: `x < 24.5` is `x <= 24`.
fn whole_bound(literal: &Expr, op: Operator) -> Option<(Expr, Operator)> {
    let (negative, literal) = match literal {
        Expr::Negative(inner) => (true, inner.as_ref()),
        other => (false, other),
    };
    let Expr::Literal(ScalarValue::Decimal128(Some(value), _, scale), _) = literal else { return None };
    let unit = 10_i128.checked_pow(u32::try_from(*scale).ok()?)?;
    let value = if negative { value.checked_neg()? } else { *value };
    let op = match op {
        same if value.rem_euclid(unit) == 0 => same,
        Operator::Lt | Operator::LtEq => Operator::LtEq,
        Operator::Gt | Operator::GtEq => Operator::Gt,
        _ => return None,
    };
    let floor = i64::try_from(value.div_euclid(unit)).ok()?;
    Some((Expr::Literal(ScalarValue::Int64(Some(floor)), None), op))
}

/// The type of an expression; of one without a type that of NULL.
pub(super) fn type_of(expr: &Expr, schema: &DFSchema) -> DataType {
    expr.get_type(schema).unwrap_or(DataType::Null)
}

/// Their types.
pub(super) fn types(all: &[Expr], schema: &DFSchema) -> Vec<DataType> {
    all.iter().map(|expr| type_of(expr, schema)).collect()
}

fn is_exact(data_type: &DataType) -> bool {
    data_type.is_decimal() || data_type.is_integer() || data_type.is_null()
}

fn literals_as_float(all: &mut [Expr], schema: &DFSchema, origins: &Origins<'_>) {
    for expr in all {
        if matches!(expr, Expr::Placeholder(_)) || origins.is_literal(expr, schema) {
            make_float(expr);
        }
    }
}

/// Whether a parameter has its type from nothing but a literal: it may have any value.
fn meets_free_parameter(all: &[Expr], types: &[DataType], schema: &DFSchema, origins: &Origins<'_>) -> bool {
    let is_parameter = |expr: &Expr| matches!(expr, Expr::Placeholder(_));
    let free = |(expr, t): (&Expr, &DataType)| is_parameter(expr) || t.is_null() || origins.is_literal(expr, schema);
    all.iter().any(is_parameter) && all.iter().zip(types).all(free)
}

fn make_float(expr: &mut Expr) {
    match expr {
        Expr::Placeholder(Placeholder { field, .. }) => {
            let decimal = field.as_ref().filter(|known| known.data_type().is_decimal());
            if let Some(name) = decimal.map(|known| known.name().clone()) {
                *field = Some(Arc::new(Field::new(name, DataType::Float64, true)));
            }
        }
        other => *other = as_float(std::mem::take(other)),
    }
}

/// Makes decimals of 256 bits of numbers that together need more than 38 digits.
fn widen(all: &mut [Expr], types: &[DataType]) {
    let known: Vec<(i16, i16)> = types.iter().filter_map(digits).collect();
    let whole = known.iter().map(|(precision, scale)| precision - scale).max().unwrap_or(0);
    let scale = known.iter().map(|(_, scale)| *scale).max().unwrap_or(0);
    let needed = whole + scale;
    if needed <= i16::from(DECIMAL128_MAX_PRECISION) {
        return;
    }
    let wide = u8::try_from(needed).ok().filter(|p| *p <= DECIMAL256_MAX_PRECISION).zip(i8::try_from(scale).ok());
    for (expr, data_type) in all.iter_mut().zip(types).filter(|(_, t)| digits(t).is_some()) {
        match wide {
            Some((precision, scale)) if *data_type != DataType::Decimal256(precision, scale) => {
                let inner = Box::new(std::mem::take(expr));
                *expr = Expr::Cast(Cast::new(inner, DataType::Decimal256(precision, scale)));
            }
            Some(_) => {}
            None => make_float(expr),
        }
    }
}

fn make_wide(expr: &mut Expr, data_type: &DataType) {
    let Some((precision, scale)) = digits(data_type) else { return };
    let (Ok(precision), Ok(scale)) = (u8::try_from(precision), i8::try_from(scale)) else { return };
    *expr = Expr::Cast(Cast::new(Box::new(std::mem::take(expr)), DataType::Decimal256(precision, scale)));
}

/// Digits of an exact number: all, and those after the point.
fn digits(data_type: &DataType) -> Option<(i16, i16)> {
    use DataType as T;
    match data_type {
        T::Decimal32(p, s) | T::Decimal64(p, s) | T::Decimal128(p, s) | T::Decimal256(p, s) => {
            Some((i16::from(*p), i16::from(*s)))
        }
        T::Int8 | T::UInt8 => Some((3, 0)),
        T::Int16 | T::UInt16 => Some((5, 0)),
        T::Int32 | T::UInt32 => Some((10, 0)),
        T::Int64 | T::UInt64 => Some((20, 0)),
        _ => None,
    }
}
