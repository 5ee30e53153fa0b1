//! Aggregate and window functions that the server computes exactly as Headwater does.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use headwater_sqlgen::translate::{AggregateCall, Class, Database, Value, scale, why_here};
use headwater_sqlgen::{Aggregate, Bound, Expr, Frame};

use super::functions::{checked, exact, precision};

type Found = Result<Value, String>;

/// An aggregate function; those of no values are null, as here.
pub(super) fn aggregate(database: &dyn Database, call: &AggregateCall, result: &DataType) -> Found {
    let make = |function, arguments| {
        let filter = call.filter.clone();
        Expr::Aggregate(Box::new(Aggregate { function, arguments, distinct: false, filter }))
    };
    if call.distinct && call.over_window {
        return Err("DISTINCT over a window is computed here".into());
    }
    let sum = if call.distinct { "sumDistinctOrNull" } else { "sumOrNull" };
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
            }
            let function = if call.distinct { "uniqExact" } else { "count" };
            database.value(make(function, vec![value.expr.clone()]), result)
        }
        ("sum", [value]) => match value.fact.class {
            Class::Integer => {
                let wide = Expr::Call("toInt128", vec![value.output()]);
                checked(database, make(sum, vec![wide]), result)
            }
            Class::Decimal if scale(&value.fact.arrow) == scale(result) && precision(&value.fact.arrow) <= 38 => {
                let scale = scale(result).unwrap_or_default();
                let wide = value.output().cast(format!("Nullable(Decimal(76, {scale}))"));
                database.value(make(sum, vec![wide]), result)
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
        ("bool_and" | "bool_or", [value]) if value.fact.class == Class::Bool => {
            let function = if call.name == "bool_and" { "minOrNull" } else { "maxOrNull" };
            database.value(make(function, vec![value.output()]), result)
        }
        (name, _) => Err(why_here(name)),
    }
}

/// A window function that is no aggregate.
pub(super) fn window(database: &dyn Database, name: &str, arguments: &[Value], result: &DataType) -> Found {
    // The server's are unsigned.
    let signed = |call| exact(database, database.value(call, result)?.output(), result);
    let count = |function| signed(Expr::Call(function, Vec::new()));
    match (name, arguments) {
        ("row_number", []) => count("row_number"),
        ("rank", []) => count("rank"),
        ("dense_rank", []) => count("dense_rank"),
        ("percent_rank", []) => exact(database, Expr::Call("percent_rank", Vec::new()), result),
        ("ntile", [groups]) => {
            let groups = Expr::Value(ScalarValue::UInt64(Some(u64::from(number(groups)?))));
            signed(Expr::Call("ntile", vec![groups]))
        }
        ("lag" | "lead", [value, rest @ ..]) => {
            let function = if name == "lag" { "lagInFrame" } else { "leadInFrame" };
            let place = match rest {
                [] => 1,
                [place] => number(place)?,
                _ => return Err(format!("{name} with a default is computed here")),
            };
            passed(database, value, function, Some(place))
        }
        ("first_value", [value]) => passed(database, value, "first_value_respect_nulls", None),
        ("last_value", [value]) => passed(database, value, "last_value_respect_nulls", None),
        ("nth_value", [value, place]) => passed(database, value, "nth_value", Some(number(place)?)),
        _ => Err(why_here(name)),
    }
}

/// The frame that is written: the server's `lagInFrame` looks at its frame only, and some functions may have none.
pub(super) fn window_frame(function: &str, frame: Frame) -> Option<Frame> {
    match function {
        "percent_rank" | "ntile" => None,
        "lag" | "lead" => Some(Frame { rows: true, start: Bound::UnboundedPreceding, end: Bound::UnboundedFollowing }),
        _ => Some(frame),
    }
}

/// A function that returns the value of another row, or null where there is none.
fn passed(database: &dyn Database, value: &Value, function: &'static str, place: Option<u32>) -> Found {
    if value.constant.is_some() {
        return Err("a fixed value of other rows is computed here".into());
    }
    database.null_without_match(value)?;
    let nullable = Expr::Call("toNullable", vec![value.expr.clone()]);
    let place = place.map(|n| Expr::Value(ScalarValue::UInt64(Some(u64::from(n)))));
    let expr = Expr::Call(function, std::iter::once(nullable).chain(place).collect());
    Ok(Value { expr, origin: None, ..value.clone() })
}

fn number(value: &Value) -> Result<u32, String> {
    let number = value.constant.as_ref().and_then(|v| v.cast_to(&DataType::UInt32).ok());
    match number {
        Some(ScalarValue::UInt32(Some(n))) if n > 0 => Ok(n),
        _ => Err("a distance that is no fixed number from 1 on is computed here".into()),
    }
}
