//! Aggregate and window functions that the server computes exactly as Headwater does.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use headwater_sqlgen::Expr;
use headwater_sqlgen::translate::{AggregateCall, Class, Database, Value, why_here};

use super::functions::exact;

type Found = Result<Value, String>;

/// An aggregate function.
pub(super) fn aggregate(database: &dyn Database, call: &AggregateCall, result: &DataType) -> Found {
    if call.distinct && call.over_window {
        return Err("DISTINCT over a window is computed here".into());
    }
    let make = |function, arguments, distinct| {
        let filter = call.filter.clone();
        Expr::Aggregate(Box::new(headwater_sqlgen::Aggregate { function, arguments, distinct, filter }))
    };
    if call.name != "count" {
        call.arguments.iter().try_for_each(Value::usable)?;
    }
    match (call.name.as_str(), call.arguments.as_slice()) {
        ("count", []) => database.value(make("pg_catalog.count", Vec::new(), false), result),
        ("count", [value]) => {
            match &value.fact.class {
                Class::Foreign(reason) | Class::Missing(reason) => return Err(reason.clone()),
                Class::Opaque(reason) if call.distinct => return Err(reason.clone()),
                _ => {}
            }
            if call.distinct {
                database.group_key(value)?;
            }
            database.value(make("pg_catalog.count", vec![value.expr.clone()], call.distinct), result)
        }
        ("sum", [value]) => match value.fact.class {
            // The server's sum is a numeric, which divides with a fraction.
            Class::Integer if *result == DataType::Int64 => {
                as_type(database, make("pg_catalog.sum", vec![value.expr.clone()], call.distinct), result)
            }
            Class::Decimal if same_scale(&value.fact.arrow, result) => {
                as_type(database, make("pg_catalog.sum", vec![value.expr.clone()], call.distinct), result)
            }
            Class::Float | Class::Finite => Err("a sum of floating point depends on the order of its rows".into()),
            _ => Err(format!("a sum of {} is computed here", value.fact.arrow)),
        },
        ("min" | "max", [value]) => {
            let function = if call.name == "min" { "pg_catalog.min" } else { "pg_catalog.max" };
            let argument = match value.fact.class {
                Class::Integer | Class::Decimal | Class::Finite => value.expr.clone(),
                Class::Date | Class::Time | Class::Timestamp(_) => value.expr.clone(),
                Class::Text(_) => database.byte_order(value.expr.clone())?,
                Class::Float => return Err("the source orders zeros and NaN otherwise".into()),
                _ => return Err(format!("{} of {} is computed here", call.name, value.fact.arrow)),
            };
            database.value(make(function, vec![argument], false), result)
        }
        ("bool_and" | "bool_or", [value]) if value.fact.class == Class::Bool => {
            let function = if call.name == "bool_and" { "pg_catalog.bool_and" } else { "pg_catalog.bool_or" };
            database.value(make(function, vec![value.expr.clone()], false), result)
        }
        (name, _) => Err(why_here(name)),
    }
}

/// A value that is cast where it is made, so that what is built on it computes with the type it has here.
fn as_type(database: &dyn Database, expr: Expr, result: &DataType) -> Found {
    exact(database, database.value(expr, result)?.output(), result)
}

fn same_scale(argument: &DataType, result: &DataType) -> bool {
    match (argument, result) {
        (DataType::Decimal128(_, a), DataType::Decimal128(_, b)) => a == b,
        (DataType::Decimal256(_, a), DataType::Decimal256(_, b)) => a == b,
        _ => false,
    }
}

/// A window function that is no aggregate.
pub(super) fn window(database: &dyn Database, name: &str, arguments: &[Value], result: &DataType) -> Found {
    let call = |function| Expr::Call(function, Vec::new());
    match (name, arguments) {
        ("row_number", []) => database.value(call("pg_catalog.row_number"), result),
        ("rank", []) => database.value(call("pg_catalog.rank"), result),
        ("dense_rank", []) => database.value(call("pg_catalog.dense_rank"), result),
        ("percent_rank", []) => exact(database, call("pg_catalog.percent_rank"), result),
        ("cume_dist", []) => exact(database, call("pg_catalog.cume_dist"), result),
        ("lag" | "lead", [value, rest @ ..]) => {
            let distance = match rest {
                [] => 1,
                [distance] => number(distance)?,
                _ => return Err(format!("{name} with a default is computed here")),
            };
            let function = if name == "lag" { "pg_catalog.lag" } else { "pg_catalog.lead" };
            passed(value, function, Some(distance))
        }
        ("first_value", [value]) => passed(value, "pg_catalog.first_value", None),
        ("last_value", [value]) => passed(value, "pg_catalog.last_value", None),
        ("nth_value", [value, place]) => passed(value, "pg_catalog.nth_value", Some(number(place)?)),
        ("ntile", [groups]) => {
            let groups = Expr::Value(ScalarValue::Int32(Some(number(groups)?)));
            as_type(database, Expr::Call("pg_catalog.ntile", vec![groups]), result)
        }
        _ => Err(why_here(name)),
    }
}

/// A function that returns the value of another row.
fn passed(value: &Value, function: &'static str, place: Option<i32>) -> Found {
    if value.constant.is_some() {
        return Err("a fixed value of other rows is computed here".into());
    }
    let plain = matches!(value.expr, Expr::Field(..) | Expr::Output(..));
    let of = if plain { value.expr.clone() } else { value.output() };
    let place = place.map(|n| Expr::Value(ScalarValue::Int32(Some(n))));
    let arguments = std::iter::once(of).chain(place).collect();
    Ok(Value { expr: Expr::Call(function, arguments), origin: None, ..value.clone() })
}

fn number(value: &Value) -> Result<i32, String> {
    let number = match &value.constant {
        Some(ScalarValue::Int64(Some(n))) => i32::try_from(*n).ok(),
        Some(ScalarValue::Int32(Some(n))) => Some(*n),
        Some(ScalarValue::UInt64(Some(n))) => i32::try_from(*n).ok(),
        _ => None,
    };
    number.filter(|n| *n > 0).ok_or_else(|| "a distance that is no fixed number from 1 on is computed here".to_owned())
}
