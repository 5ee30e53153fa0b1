//! Casts, arithmetic, functions and aggregates that the server computes exactly as Headwater does.
//!
//! The server's integers and sums wrap around and its decimals lose digits silently, so both are computed in a wider type and
//! cast with a check.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use headwater_sqlgen::translate::compare::text_of;
use headwater_sqlgen::translate::{AggregateCall, Class, Database, Fact, Value, scale};
use headwater_sqlgen::{Aggregate, Expr, Operator};

type Found = Result<Value, String>;

/// A computed value that has its type already.
fn exact(database: &dyn Database, expr: Expr, arrow: &DataType) -> Found {
    Ok(Value { cast: None, ..database.value(expr, arrow)? })
}

/// A value cast to a type, or an error when it does not fit.
fn checked(database: &dyn Database, expr: Expr, arrow: &DataType) -> Found {
    let made = database.value(expr.clone(), arrow)?;
    let name = Expr::Value(ScalarValue::from(made.fact.remote_type.as_str()));
    Ok(Value { expr: Expr::Call("accurateCast", vec![expr, name]), cast: None, ..made })
}

/// A cast that keeps every value, or fails where the one here fails.
pub(super) fn cast(database: &dyn Database, value: &Value, to: &DataType) -> Found {
    use DataType as T;
    let (class, from) = (&value.fact.class, &value.fact.arrow);
    let text = matches!(to, T::Utf8 | T::Utf8View | T::LargeUtf8);
    let cast_to = || exact(database, database.value(value.output(), to)?.output(), to);
    match (class, to) {
        (Class::Text(_), _) if text => exact(database, value.expr.clone(), to),
        (Class::Label, _) if text => exact(database, database.text(value)?, to),
        (Class::Integer, _) if text => cast_to(),
        (Class::Integer, _) if to.is_integer() => checked(database, value.output(), to),
        (Class::Integer, T::Decimal128(..) | T::Decimal256(..)) => cast_to(),
        (Class::Integer, T::Float64) => Ok(finite(cast_to()?)),
        // Up to 18 digits both sides divide the whole number by a power of ten.
        (Class::Decimal, T::Float64) if precision(from) <= 18 => Ok(finite(cast_to()?)),
        (Class::Decimal, T::Decimal128(_, a) | T::Decimal256(_, a)) if scale(from).is_some_and(|s| s <= *a) => cast_to(),
        (Class::Float | Class::Finite, T::Float64) => cast_to(),
        _ => Err(format!("a cast from {from} to {to} differs at the source")),
    }
}

fn finite(made: Value) -> Value {
    Value { fact: Fact { class: Class::Finite, ..made.fact }, ..made }
}

fn precision(arrow: &DataType) -> u8 {
    match arrow {
        DataType::Decimal128(p, _) | DataType::Decimal256(p, _) => *p,
        _ => u8::MAX,
    }
}

/// Arithmetic in a type that holds every result, then a checked cast.
pub(super) fn arithmetic(
    database: &dyn Database,
    left: &Value,
    operator: Operator,
    right: &Value,
    result: &DataType,
) -> Found {
    let (l, r) = (&left.fact.arrow, &right.fact.arrow);
    match (&left.fact.class, &right.fact.class) {
        (Class::Integer, Class::Integer) if l == r && r == result => {
            if !matches!(operator, Operator::Plus | Operator::Minus | Operator::Multiply) {
                return Err("a quotient of whole numbers is computed here".into());
            }
            let wide = |value: &Value| Expr::Call("toInt128", vec![value.output()]);
            checked(database, Expr::compare(wide(left), operator, wide(right)), result)
        }
        (Class::Decimal, Class::Decimal) => {
            let (Some(a), Some(b), Some(scale)) = (scale(l), scale(r), scale(result)) else {
                return Err("its scale is not known".into());
            };
            let fits = match operator {
                Operator::Plus | Operator::Minus => scale == a.max(b),
                Operator::Multiply => i16::from(scale) == i16::from(a) + i16::from(b),
                _ => return Err("a quotient of decimals has another scale at the source".into()),
            };
            if !fits || precision(l) > 38 || precision(r) > 38 {
                return Err(format!("its exact result does not fit {result}"));
            }
            // Two values of 64 bits have a product of 128, two of 128 one of 256.
            let digits = if precision(l) <= 18 && precision(r) <= 18 { 38 } else { 76 };
            let wide = |value: &Value, scale: i8| value.output().cast(format!("Nullable(Decimal({digits}, {scale}))"));
            let made = database.value(Expr::compare(wide(left, a), operator, wide(right, b)), result)?;
            exact(database, made.output(), result)
        }
        (Class::Text(_) | Class::Label, Class::Text(_) | Class::Label) if operator == Operator::Concat => {
            exact(database, Expr::compare(database.text(left)?, operator, database.text(right)?), result)
        }
        (Class::Float | Class::Finite, Class::Float | Class::Finite) => {
            Err("arithmetic of floating point is done here".into())
        }
        _ => Err(format!("arithmetic of {l} and {r} is done here")),
    }
}

/// A scalar function.
pub(super) fn call(database: &dyn Database, name: &str, arguments: &[Value], result: &DataType) -> Found {
    let found = match (name, arguments) {
        ("date_part", [part, value]) => return date_part(database, part, value, result),
        ("character_length", [value]) => Expr::Call("lengthUTF8", vec![string(database, value)?]),
        ("octet_length", [value]) => Expr::Call("length", vec![string(database, value)?]),
        ("substr", [value, start, rest @ ..]) => {
            let mut parts = vec![string(database, value)?, whole(start, 1)?];
            if let [length] = rest {
                parts.push(whole(length, 0)?);
            }
            Expr::Call("substringUTF8", parts)
        }
        ("left", [value, length]) => Expr::Call("leftUTF8", vec![string(database, value)?, whole(length, 0)?]),
        ("concat", [_, ..]) => {
            let part =
                |v: &Value| Ok(Expr::Call("coalesce", vec![string(database, v)?, Expr::Value(ScalarValue::from(""))]));
            Expr::Call("concat", arguments.iter().map(part).collect::<Result<_, String>>()?)
        }
        ("lower" | "upper" | "initcap", _) => return Err(format!("{name} knows other letters at the source")),
        _ => return Err(format!("the function {name} is computed here")),
    };
    database.value(found, result)
}

fn string(database: &dyn Database, value: &Value) -> Result<Expr, String> {
    match value.fact.class {
        Class::Text(_) | Class::Label => database.text(value),
        _ => Err(format!("{} is no text at the source", value.name())),
    }
}

/// A fixed number from `least` on.
fn whole(value: &Value, least: i64) -> Result<Expr, String> {
    match &value.constant {
        Some(number @ ScalarValue::Int64(Some(n))) if *n >= least && i32::try_from(*n).is_ok() => {
            Ok(Expr::Value(number.clone()))
        }
        _ => Err(format!("a place or length that is no fixed number from {least} on is computed here")),
    }
}

fn date_part(database: &dyn Database, part: &Value, value: &Value, result: &DataType) -> Found {
    let part = part.constant.as_ref().and_then(text_of).map(str::to_ascii_lowercase).unwrap_or_default();
    let timed = matches!(value.fact.class, Class::Timestamp(true));
    let function = match part.as_str() {
        "year" => "toYear",
        "quarter" => "toQuarter",
        "month" => "toMonth",
        "day" => "toDayOfMonth",
        "hour" if timed => "toHour",
        "minute" if timed => "toMinute",
        _ => return Err(format!("the part {part} of a date is computed here")),
    };
    if *result != DataType::Int32 || !(timed || value.fact.class == Class::Date) {
        return Err(format!("the part {part} of {} is computed here", value.fact.arrow));
    }
    let zone = timed.then(|| Expr::Value(ScalarValue::from("UTC")));
    database.value(Expr::Call(function, std::iter::once(value.output()).chain(zone).collect()), result)
}

/// An aggregate function; those of no values are null, as here.
pub(super) fn aggregate(database: &dyn Database, call: &AggregateCall, result: &DataType) -> Found {
    let make = |function, arguments| {
        let filter = call.filter.clone();
        Expr::Aggregate(Box::new(Aggregate { function, arguments, distinct: false, filter }))
    };
    let plain = !call.distinct;
    if call.name != "count" {
        call.arguments.iter().try_for_each(Value::usable)?;
    }
    match (call.name.as_str(), call.arguments.as_slice()) {
        ("count", []) => database.value(make("count", Vec::new()), result),
        ("count", [value]) => {
            match &value.fact.class {
                Class::Foreign(reason) | Class::Missing(reason) => return Err(reason.clone()),
                Class::Opaque(reason) if call.distinct => return Err(reason.clone()),
                _ => {}
            }
            if call.distinct {
                database.group_key(value)?;
                if call.over_window {
                    return Err("DISTINCT over a window is computed here".into());
                }
            }
            let function = if call.distinct { "uniqExact" } else { "count" };
            database.value(make(function, vec![value.expr.clone()]), result)
        }
        ("sum", [value]) if plain => match value.fact.class {
            Class::Integer => {
                let wide = Expr::Call("toInt128", vec![value.output()]);
                wrapped(checked(database, make("sumOrNull", vec![wide]), result)?, call)
            }
            Class::Decimal if scale(&value.fact.arrow) == scale(result) && precision(&value.fact.arrow) <= 38 => {
                let scale = scale(result).unwrap_or_default();
                let wide = value.output().cast(format!("Nullable(Decimal(76, {scale}))"));
                database.value(make("sumOrNull", vec![wide]), result)
            }
            Class::Float | Class::Finite => Err("a sum of floating point depends on the order of its rows".into()),
            _ => Err(format!("a sum of {} is computed here", value.fact.arrow)),
        },
        ("min" | "max", [value]) => {
            let function = if call.name == "min" { "minOrNull" } else { "maxOrNull" };
            match value.fact.class {
                Class::Integer | Class::Decimal | Class::Finite => {
                    database.value(make(function, vec![value.output()]), result)
                }
                Class::Date | Class::Timestamp(_) | Class::Text(_) => {
                    database.value(make(function, vec![value.output()]), result)
                }
                Class::Float => Err("the source orders zeros and NaN otherwise".into()),
                _ => Err(format!("{} of {} is computed here", call.name, value.fact.arrow)),
            }
        }
        ("sum", _) => Err("a sum of distinct values is computed here".into()),
        ("avg", _) => Err("an average is computed here, from sum and count".into()),
        (name, _) => Err(format!("the function {name} is computed here")),
    }
}

/// A checked cast stands around a whole function over a window, which is made later.
fn wrapped(value: Value, call: &AggregateCall) -> Found {
    match call.over_window {
        true => Err("a sum of whole numbers over a window is computed here".into()),
        false => Ok(value),
    }
}

/// A window function that is no aggregate.
pub(super) fn window(database: &dyn Database, name: &str, arguments: &[Value], result: &DataType) -> Found {
    let function = match (name, arguments) {
        ("row_number", []) => "row_number",
        ("rank", []) => "rank",
        ("dense_rank", []) => "dense_rank",
        _ => return Err(format!("the function {name} is computed here")),
    };
    database.value(Expr::Call(function, Vec::new()), result)
}
