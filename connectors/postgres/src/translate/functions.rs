//! Casts, arithmetic and functions that the server computes exactly as Headwater does.
//!
//! Functions are named with their schema, so that no function of a user with better fitting types is called instead.

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use headwater_sqlgen::translate::compare::text_of;
use headwater_sqlgen::translate::{Class, Database, Fact, Value, scale, why_here};
use headwater_sqlgen::{Expr, Operator};

use super::dates;

type Found = Result<Value, String>;

/// A cast that keeps every value, or fails where the one here fails.
pub(super) fn cast(database: &dyn Database, value: &Value, to: &DataType) -> Found {
    use DataType as T;
    let (class, from) = (&value.fact.class, &value.fact.arrow);
    let refuse = || Err(format!("a cast from {from} to {to} differs at the source"));
    let computed = |expr: Expr| exact(database, expr, to);
    let cast_to = |value: &Value| exact(database, database.value(value.output(), to)?.output(), to);
    let text = matches!(to, T::Utf8 | T::Utf8View | T::LargeUtf8);
    match (class, to) {
        (Class::Text(_), _) if text => Ok(keep_class(computed(value.expr.clone())?, value)),
        (Class::Uuid | Class::Label, _) if text => computed(database.text(value)?),
        (Class::Integer | Class::Bool, _) if text => computed(database.text(value)?),
        (Class::Decimal, _) if text && scale(from).is_some_and(|s| s >= 0) => computed(value.output().cast("text")),
        (Class::Integer, T::Int16 | T::Int32 | T::Int64) => cast_to(value),
        (Class::Integer | Class::Decimal, T::Decimal128(..) | T::Decimal256(..)) => cast_to(value),
        (Class::Integer, T::Float64) => Ok(finite(computed(value.output().cast("float8"))?)),
        (Class::Decimal, T::Float64) => decimal_to_float(database, value),
        (Class::Float | Class::Finite, T::Float64) => computed(value.output().cast("float8")),
        (Class::Date, T::Timestamp(TimeUnit::Microsecond | TimeUnit::Nanosecond, None)) => {
            computed(value.output().cast("timestamp"))
        }
        (Class::Timestamp(zone), T::Timestamp(TimeUnit::Microsecond | TimeUnit::Nanosecond, to_zone)) => {
            // The server's values are whole microseconds, so the finer unit holds the same ones.
            let expr = if *zone == to_zone.is_some() { value.expr.clone() } else { in_utc(value.output()) };
            computed(expr)
        }
        (Class::Timestamp(false), T::Date32) => computed(value.output().cast("date")),
        (Class::Timestamp(true), T::Date32) => computed(in_utc(value.output()).cast("date")),
        _ => refuse(),
    }
}

/// A computed value that has its type already.
pub(super) fn exact(database: &dyn Database, expr: Expr, arrow: &DataType) -> Found {
    Ok(Value { cast: None, ..database.value(expr, arrow)? })
}

fn finite(made: Value) -> Value {
    Value { fact: Fact { class: Class::Finite, ..made.fact }, ..made }
}

/// The digits as a floating point number, divided by a power of ten, as here. Where both are exact this is the nearest number,
/// which the server's cast gives too.
fn decimal_to_float(database: &dyn Database, value: &Value) -> Found {
    const EXACT_POWER_MAX: i8 = 22;
    const EXACT_DIGITS_MAX: u8 = 15;
    let DataType::Decimal128(precision, scale @ 0..=EXACT_POWER_MAX) = value.fact.arrow else {
        return Err("a decimal of this scale becomes another floating point number at the source".into());
    };
    let number = if precision <= EXACT_DIGITS_MAX || scale == 0 {
        value.output().cast("float8")
    } else {
        let power = 10_i128.pow(u32::from(scale.unsigned_abs()));
        let shift = Expr::Value(ScalarValue::Decimal128(Some(power), 38, 0));
        let digits = Expr::compare(value.output(), Operator::Multiply, shift).cast("float8");
        let divisor = Expr::Value(ScalarValue::Float64(Some(power as f64)));
        Expr::compare(digits, Operator::Divide, divisor)
    };
    Ok(finite(exact(database, number, &DataType::Float64)?))
}

/// Arithmetic of floating point: both sides round alike, and the server refuses what overflows or underflows.
fn float_arithmetic(database: &dyn Database, left: &Value, operator: Operator, right: &Value) -> Found {
    let expr = Expr::compare(left.expr.clone(), operator, right.expr.clone());
    let made = exact(database, expr, &DataType::Float64)?;
    let positive = |v: &Value| matches!(v.constant, Some(ScalarValue::Float64(Some(n))) if n > 0.0);
    let stays_finite = match operator {
        Operator::Plus | Operator::Minus => true,
        // Only a negative factor makes a minus zero.
        Operator::Multiply => positive(left) || positive(right),
        Operator::Divide => positive(right),
        _ => return Err("this arithmetic of floating point is done here".into()),
    };
    Ok(if stays_finite { finite(made) } else { made })
}

fn keep_class(made: Value, of: &Value) -> Value {
    let mut made = made;
    made.fact.class = of.fact.class.clone();
    made
}

/// A point in time as the date and time in UTC, and back.
pub(super) fn in_utc(value: Expr) -> Expr {
    Expr::Call("pg_catalog.timezone", vec![text("UTC"), value])
}

pub(super) fn text(value: &str) -> Expr {
    Expr::Value(ScalarValue::from(value))
}

/// Arithmetic; the server refuses what overflows.
pub(super) fn arithmetic(
    database: &dyn Database,
    left: &Value,
    operator: Operator,
    right: &Value,
    result: &DataType,
) -> Found {
    let (l, r) = (&left.fact.arrow, &right.fact.arrow);
    let plain = || Expr::compare(left.expr.clone(), operator, right.expr.clone());
    if matches!(operator, Operator::Divide | Operator::Modulo) && !is_fixed_divisor(right) {
        // The server may divide before a condition that keeps zeros out is asked.
        return Err("a division by something that may be zero is done here".into());
    }
    match (&left.fact.class, &right.fact.class) {
        (Class::Integer, Class::Integer) if operator == Operator::ShiftRight && l == r && r == result => {
            exact(database, Expr::compare(left.output(), operator, shift(right)?), result)
        }
        (Class::Integer, Class::Integer)
            if matches!(operator, Operator::BitAnd | Operator::BitOr) && l == r && r == result =>
        {
            database.value(plain(), result)
        }
        (Class::Integer, Class::Integer) if l == r && r == result && l.is_signed_integer() => {
            exact(database, plain(), result)
        }
        (Class::Decimal, Class::Decimal) => {
            let (Some(a), Some(b), Some(scale)) = (scale(l), scale(r), scale(result)) else {
                return Err("its scale is not known".into());
            };
            let exact = match operator {
                Operator::Plus | Operator::Minus => scale == a.max(b),
                Operator::Multiply => i16::from(scale) == i16::from(a) + i16::from(b),
                Operator::Divide => return Err("a quotient of decimals has another scale at the source".into()),
                _ => false,
            };
            if !exact {
                return Err(format!("its exact result does not fit {result}"));
            }
            database.value(plain(), result)
        }
        (Class::Date | Class::Timestamp(_), Class::Interval) => moved(database, left, operator, right, result),
        (Class::Interval, Class::Date | Class::Timestamp(_)) if operator == Operator::Plus => {
            moved(database, right, operator, left, result)
        }
        (Class::Text(_) | Class::Uuid | Class::Label, Class::Text(_) | Class::Uuid | Class::Label)
            if operator == Operator::Concat =>
        {
            exact(database, Expr::compare(database.text(left)?, operator, database.text(right)?), result)
        }
        (Class::Finite, Class::Finite) if *result == DataType::Float64 => float_arithmetic(database, left, operator, right),
        (Class::Float | Class::Finite, Class::Float | Class::Finite) => {
            Err("arithmetic of floating point with NaN or zeros is done here".into())
        }
        _ => Err(format!("arithmetic of {l} and {r} is done here")),
    }
}

/// How far bits are moved: a fixed number that is smaller than any type has bits.
fn shift(value: &Value) -> Result<Expr, String> {
    let number = value.constant.as_ref().and_then(|v| v.cast_to(&DataType::Int32).ok());
    match number {
        Some(number @ ScalarValue::Int32(Some(0..8))) => Ok(Expr::Value(number)),
        _ => Err("bits that are not moved by a fixed small number are moved here".into()),
    }
}

fn is_fixed_divisor(value: &Value) -> bool {
    let zero = |v: &ScalarValue| ScalarValue::new_zero(&v.data_type()).is_ok_and(|zero| zero == *v);
    value.constant.as_ref().is_some_and(|v| !v.is_null() && !zero(v))
}

/// A date or time moved by a fixed interval: months first, then days, then the rest, on both sides.
fn moved(database: &dyn Database, value: &Value, operator: Operator, interval: &Value, result: &DataType) -> Found {
    if !matches!(operator, Operator::Plus | Operator::Minus) {
        return Err("intervals are only added and subtracted at the source".into());
    }
    let Some(ScalarValue::IntervalMonthDayNano(Some(by))) = &interval.constant else {
        return Err("an interval that is no fixed value is added here".into());
    };
    let moved = |from: Expr| Expr::compare(from, operator, interval.expr.clone());
    match (&value.fact.class, result) {
        (Class::Date, DataType::Date32) if by.nanoseconds == 0 => {
            exact(database, moved(value.output()).cast("date"), result)
        }
        (Class::Timestamp(false), _) if value.fact.arrow == *result => exact(database, moved(value.output()), result),
        (Class::Timestamp(true), _) if value.fact.arrow == *result => {
            exact(database, in_utc(moved(in_utc(value.output()))), result)
        }
        _ => Err(format!("{} moved by this interval is computed here", value.fact.arrow)),
    }
}

/// A scalar function.
pub(super) fn call(database: &dyn Database, name: &str, arguments: &[Value], result: &DataType) -> Found {
    let one = |function: &'static str| match arguments {
        [value] => Ok(Expr::Call(function, vec![string(database, value)?])),
        _ => Err(format!("{name} with these arguments is computed here")),
    };
    let found = match (name, arguments) {
        ("date_part", [part, value]) => return dates::part(database, part, value, result),
        ("date_trunc", [part, value]) => return dates::truncated(database, part, value, result),
        ("days_between", [end, start]) if end.fact.class == Class::Date && start.fact.class == Class::Date => {
            Expr::compare(end.output(), Operator::Minus, start.output()).cast("int8")
        }
        ("abs", [value]) if matches!(value.fact.class, Class::Integer | Class::Decimal) => {
            return database.value(Expr::Call("pg_catalog.abs", vec![value.expr.clone()]), result);
        }
        ("character_length", [_]) => one("pg_catalog.char_length")?,
        ("octet_length", [value]) => {
            // The server counts the bytes of its own encoding.
            database.byte_order(value.expr.clone())?;
            one("pg_catalog.octet_length")?
        }
        ("substr", [value, start, rest @ ..]) => {
            let mut parts = vec![string(database, value)?, whole(start, 1)?];
            if let [length] = rest {
                parts.push(whole(length, 0)?);
            }
            Expr::Call("pg_catalog.substr", parts)
        }
        ("left", [value, length]) => Expr::Call("pg_catalog.left", vec![string(database, value)?, whole(length, 0)?]),
        ("right", [value, length]) => Expr::Call("pg_catalog.right", vec![string(database, value)?, whole(length, 0)?]),
        ("concat", [_, ..]) => concat(database, arguments)?,
        ("reverse", [_]) => one("pg_catalog.reverse")?,
        ("btrim", [_]) => one("pg_catalog.btrim")?,
        ("ltrim", [_]) => one("pg_catalog.ltrim")?,
        ("rtrim", [_]) => one("pg_catalog.rtrim")?,
        ("replace", [value, from, to]) if is_filled(from) => {
            let by_bytes = database.byte_order(string(database, value)?)?;
            Expr::Call("pg_catalog.replace", vec![by_bytes, string(database, from)?, string(database, to)?])
        }
        ("replace", _) => return Err("what is replaced must be a fixed text that is not empty".into()),
        ("strpos", [value, part]) => {
            let by_bytes = database.byte_order(string(database, value)?)?;
            Expr::Call("pg_catalog.strpos", vec![by_bytes, string(database, part)?])
        }
        ("starts_with", [value, start]) => {
            let by_bytes = database.byte_order(string(database, value)?)?;
            Expr::Call("pg_catalog.starts_with", vec![by_bytes, string(database, start)?])
        }
        ("split_part", [value, between, place]) if is_filled(between) => {
            let by_bytes = database.byte_order(string(database, value)?)?;
            Expr::Call("pg_catalog.split_part", vec![by_bytes, string(database, between)?, whole(place, 1)?])
        }
        ("greatest" | "least", [_, ..]) => return extreme(database, name, arguments, result),
        ("lower" | "upper" | "initcap", [value]) => return Err(cases(name, value)),
        _ => return Err(why_here(name)),
    };
    exact(database, found, result)
}

/// Whether it is a fixed text that is not empty.
fn is_filled(value: &Value) -> bool {
    value.constant.as_ref().and_then(text_of).is_some_and(|text| !text.is_empty())
}

/// The greatest or least of several values, without those that are null.
fn extreme(database: &dyn Database, name: &str, arguments: &[Value], result: &DataType) -> Found {
    let of = |value: &Value| match value.fact.class {
        Class::Integer | Class::Decimal | Class::Finite | Class::Date | Class::Timestamp(_) | Class::Time
            if value.fact.arrow == *result =>
        {
            Ok(value.output())
        }
        Class::Text(_) => database.byte_order(value.output()),
        _ => Err(format!("the {name} of {} is computed here", value.fact.arrow)),
    };
    let values = arguments.iter().map(of).collect::<Result<_, _>>()?;
    database.value(Expr::Call(if name == "greatest" { "greatest" } else { "least" }, values), result)
}

fn cases(name: &str, value: &Value) -> String {
    match &value.fact.class {
        Class::Text(collation) => {
            format!("{name} follows the locale of {}, whose collation is {}", value.name(), collation.name)
        }
        _ => format!("{name} follows the locale of the source"),
    }
}

fn string(database: &dyn Database, value: &Value) -> Result<Expr, String> {
    match value.fact.class {
        Class::Text(_) | Class::Uuid | Class::Label => database.text(value),
        _ => Err(format!("{} is no text at the source", value.name())),
    }
}

/// A fixed number from `least` on, as an `int4`.
fn whole(value: &Value, least: i64) -> Result<Expr, String> {
    match &value.constant {
        Some(ScalarValue::Int64(Some(n))) if *n >= least && i32::try_from(*n).is_ok() => {
            Ok(Expr::Value(ScalarValue::Int32(i32::try_from(*n).ok())))
        }
        _ => Err(format!("a place or length that is no fixed number from {least} on is computed here")),
    }
}

/// All arguments as one text; nulls are empty.
fn concat(database: &dyn Database, arguments: &[Value]) -> Result<Expr, String> {
    let mut parts = Vec::new();
    for value in arguments {
        let part = string(database, value)?;
        parts.push(Expr::Call("coalesce", vec![part, text("")]));
    }
    let joined = parts.into_iter().reduce(|a, b| Expr::compare(a, Operator::Concat, b));
    joined.ok_or_else(|| "nothing is concatenated".to_owned())
}
