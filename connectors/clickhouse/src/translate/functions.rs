//! Casts, arithmetic and functions that the server computes exactly as Headwater does.
//!
//! The server's integers and sums wrap around and its decimals lose digits silently, so both are computed in a wider type and
//! cast with a check.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use headwater_sqlgen::translate::compare::text_of;
use headwater_sqlgen::translate::{Class, Database, Fact, Value, scale, why_here};
use headwater_sqlgen::{Expr, Operator};

use super::dates;

type Found = Result<Value, String>;

/// A computed value that has its type already.
pub(super) fn exact(database: &dyn Database, expr: Expr, arrow: &DataType) -> Found {
    Ok(Value { cast: None, ..database.value(expr, arrow)? })
}

/// A value cast to a type, or an error when it does not fit.
pub(super) fn checked(database: &dyn Database, expr: Expr, arrow: &DataType) -> Found {
    let made = database.value(expr.clone(), arrow)?;
    let name = made.fact.remote_type.clone();
    Ok(Value { expr: Expr::CheckedCast(Box::new(expr), name.into()), cast: None, ..made })
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
        (Class::Integer | Class::Date, _) if text => cast_to(),
        // How the server prints them is a setting.
        (Class::Bool, _) if text => {
            let word = |word: &str| Expr::Value(ScalarValue::from(word));
            let not = Expr::Not(Box::new(value.expr.clone()));
            let branches = vec![(value.expr.clone(), word("true")), (not, word("false"))];
            database.value(Expr::Case { branches, otherwise: None }, to)
        }
        (Class::Integer, _) if to.is_integer() => checked(database, value.output(), to),
        (Class::Integer, T::Decimal128(..) | T::Decimal256(..)) => cast_to(),
        (Class::Integer, T::Float64) => Ok(finite(cast_to()?)),
        // Up to 18 digits both sides divide the whole number by a power of ten.
        (Class::Decimal, T::Float64) if precision(from) <= 18 => Ok(finite(cast_to()?)),
        (Class::Decimal, T::Decimal128(_, a) | T::Decimal256(_, a)) if scale(from).is_some_and(|s| s <= *a) => cast_to(),
        (Class::Float | Class::Finite, T::Float64) => cast_to(),
        (Class::Timestamp(true), T::Date32) => dates::day(database, value, to),
        _ => Err(format!("a cast from {from} to {to} differs at the source")),
    }
}

fn finite(made: Value) -> Value {
    Value { fact: Fact { class: Class::Finite, ..made.fact }, ..made }
}

pub(super) fn precision(arrow: &DataType) -> u8 {
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
            let wide = |value: &Value| Expr::Call("toInt128", vec![value.output()]);
            match operator {
                Operator::Plus | Operator::Minus | Operator::Multiply => {
                    checked(database, Expr::compare(wide(left), operator, wide(right)), result)
                }
                Operator::Divide | Operator::Modulo if !divides(right) => {
                    Err("a quotient by something that may be zero is computed here".into())
                }
                Operator::Divide => checked(database, Expr::Call("intDiv", vec![wide(left), wide(right)]), result),
                Operator::Modulo => checked(database, Expr::compare(wide(left), operator, wide(right)), result),
                Operator::BitAnd => bits(database, "bitAnd", left, right.output(), result),
                Operator::BitOr => bits(database, "bitOr", left, right.output(), result),
                Operator::ShiftRight => bits(database, "bitShiftRight", left, shift(right)?, result),
                _ => Err(format!("arithmetic of {l} is done here")),
            }
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

/// Whether a divisor is a fixed number for which both sides have a quotient.
fn divides(value: &Value) -> bool {
    let same = |v: &ScalarValue, n: i64| ScalarValue::Int64(Some(n)).cast_to(&v.data_type()).is_ok_and(|n| n == *v);
    value.constant.as_ref().is_some_and(|v| !v.is_null() && !same(v, 0) && !same(v, -1))
}

fn bits(database: &dyn Database, function: &'static str, left: &Value, right: Expr, result: &DataType) -> Found {
    database.value(Expr::Call(function, vec![left.output(), right]), result)
}

/// How far bits are moved: a fixed number that is smaller than any type has bits.
fn shift(value: &Value) -> Result<Expr, String> {
    let number = value.constant.as_ref().and_then(|v| v.cast_to(&DataType::UInt8).ok());
    match number {
        Some(number @ ScalarValue::UInt8(Some(0..8))) => Ok(Expr::Value(number)),
        _ => Err("bits that are not moved by a fixed small number are moved here".into()),
    }
}

/// A scalar function.
pub(super) fn call(database: &dyn Database, name: &str, arguments: &[Value], result: &DataType) -> Found {
    let found = match (name, arguments) {
        ("date_part", [part, value]) => return dates::part(database, part, value, result),
        ("date_trunc", [part, value]) => return dates::truncated(database, part, value, result),
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
        ("right", [value, length]) => Expr::Call("rightUTF8", vec![string(database, value)?, whole(length, 0)?]),
        ("reverse", [value]) => Expr::Call("reverseUTF8", vec![string(database, value)?]),
        ("btrim", [value]) => Expr::Call("trimBoth", vec![string(database, value)?]),
        ("ltrim", [value]) => Expr::Call("trimLeft", vec![string(database, value)?]),
        ("rtrim", [value]) => Expr::Call("trimRight", vec![string(database, value)?]),
        ("replace", [value, from, to]) if is_filled(from) => {
            Expr::Call("replaceAll", vec![string(database, value)?, string(database, from)?, string(database, to)?])
        }
        ("strpos", [value, part]) => Expr::Call("positionUTF8", vec![string(database, value)?, string(database, part)?]),
        ("starts_with", [value, start]) => {
            Expr::Call("startsWith", vec![string(database, value)?, string(database, start)?])
        }
        ("ends_with", [value, end]) => Expr::Call("endsWith", vec![string(database, value)?, string(database, end)?]),
        ("concat", [_, ..]) => {
            let part =
                |v: &Value| Ok(Expr::Call("coalesce", vec![string(database, v)?, Expr::Value(ScalarValue::from(""))]));
            Expr::Call("concat", arguments.iter().map(part).collect::<Result<_, String>>()?)
        }
        ("lower" | "upper" | "initcap", _) => return Err(format!("{name} knows other letters at the source")),
        ("replace", _) => return Err("what is replaced must be a fixed text that is not empty".into()),
        _ => return Err(why_here(name)),
    };
    database.value(found, result)
}

fn string(database: &dyn Database, value: &Value) -> Result<Expr, String> {
    match value.fact.class {
        Class::Text(_) | Class::Label => database.text(value),
        _ => Err(format!("{} is no text at the source", value.name())),
    }
}

/// Whether it is a fixed text that is not empty.
fn is_filled(value: &Value) -> bool {
    value.constant.as_ref().and_then(text_of).is_some_and(|text| !text.is_empty())
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
