//! Parts of dates and points in time, which the server computes exactly as Headwater does in UTC.

use datafusion::arrow::datatypes::DataType;
use headwater_sqlgen::translate::compare::text_of;
use headwater_sqlgen::translate::{Class, Database, Value};
use headwater_sqlgen::{Expr, Operator};

use super::functions::{exact, in_utc, text};

type Found = Result<Value, String>;

fn fixed(part: &Value) -> Result<String, String> {
    let text = part.constant.as_ref().and_then(text_of).map(str::to_ascii_lowercase);
    text.ok_or_else(|| "a part of a date that is no fixed text is computed here".to_owned())
}

/// Whole parts of dates. The server has no year 0: its year before 1 is -1.
pub(super) fn part(database: &dyn Database, part: &Value, value: &Value, result: &DataType) -> Found {
    let part = fixed(part)?;
    let days = matches!(part.as_str(), "year" | "quarter" | "month" | "week" | "day" | "doy" | "dow" | "isodow");
    let of = match value.fact.class {
        Class::Date if days => value.output(),
        Class::Timestamp(zone) if days || matches!(part.as_str(), "hour" | "minute" | "second") => {
            if zone {
                in_utc(value.output())
            } else {
                value.output()
            }
        }
        _ => return Err(format!("the part {part} of {} is computed here", value.fact.arrow)),
    };
    if *result != DataType::Int32 {
        return Err(format!("the part {part} is computed here"));
    }
    let mut number = Expr::Call("pg_catalog.date_part", vec![text(&part), of.clone()]);
    if part == "second" {
        // A cast would round.
        number = Expr::Call("pg_catalog.floor", vec![number]);
    }
    let number = number.cast("int4");
    if part != "year" {
        return exact(database, number, result);
    }
    let first = Expr::Typed("0001-01-01".into(), "date".into());
    let before = Expr::compare(of.cast("date"), Operator::Lt, first).cast("int4");
    exact(database, Expr::compare(number, Operator::Plus, before), result)
}

/// A point in time without what is smaller than a part of it.
pub(super) fn truncated(database: &dyn Database, part: &Value, value: &Value, result: &DataType) -> Found {
    let part = fixed(part)?;
    let known = matches!(part.as_str(), "year" | "quarter" | "month" | "week" | "day" | "hour" | "minute" | "second");
    if !known || value.fact.arrow != *result {
        return Err(format!("date_trunc to {part} of {} is computed here", value.fact.arrow));
    }
    let trunc = |of| Expr::Call("pg_catalog.date_trunc", vec![text(&part), of]);
    match value.fact.class {
        Class::Timestamp(false) => exact(database, trunc(value.output()), result),
        Class::Timestamp(true) => exact(database, in_utc(trunc(in_utc(value.output()))), result),
        _ => Err(format!("date_trunc of {} is computed here", value.fact.arrow)),
    }
}
