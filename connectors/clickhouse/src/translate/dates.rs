//! Parts of dates and points in time, which the server computes exactly as Headwater does in UTC.
//!
//! The server's own truncations return types that hold fewer years, so points in time are cut as whole numbers, and the first day
//! of a month is made from its parts; a year that the server's dates do not hold is an error.

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use headwater_sqlgen::translate::compare::text_of;
use headwater_sqlgen::translate::{Class, Database, Value};
use headwater_sqlgen::{Expr, Operator};

type Found = Result<Value, String>;

/// Years of the server's `Date32`.
const YEARS: (i32, i32) = (1900, 2299);
const SECONDS_PER_DAY: i64 = 86_400;
/// 1970-01-05, the first Monday.
const FIRST_MONDAY: i64 = 4 * SECONDS_PER_DAY;

fn number(value: i32) -> Expr {
    Expr::Value(ScalarValue::Int32(Some(value)))
}

fn long(value: i64) -> Expr {
    Expr::Value(ScalarValue::Int64(Some(value)))
}

fn utc() -> Expr {
    Expr::Value(ScalarValue::from("UTC"))
}

/// The part's name, when it is fixed.
fn fixed(part: &Value) -> Result<String, String> {
    let text = part.constant.as_ref().and_then(text_of).map(str::to_ascii_lowercase);
    text.ok_or_else(|| "a part of a date that is no fixed text is computed here".to_owned())
}

/// A whole part of a date or a point in time in UTC.
pub(super) fn part(database: &dyn Database, part: &Value, value: &Value, result: &DataType) -> Found {
    let part = fixed(part)?;
    let timed = value.fact.class == Class::Timestamp(true);
    if *result != DataType::Int32 || !(timed || value.fact.class == Class::Date) {
        return Err(format!("the part {part} of {} is computed here", value.fact.arrow));
    }
    let of = |function: &'static str| {
        let zone = timed.then(utc);
        Expr::Call(function, std::iter::once(value.output()).chain(zone).collect())
    };
    let weekday = || {
        let zone = timed.then(utc);
        let from_monday = Expr::Value(ScalarValue::UInt8(Some(0)));
        Expr::Call("toDayOfWeek", [value.output(), from_monday].into_iter().chain(zone).collect())
    };
    let found = match part.as_str() {
        "year" => of("toYear"),
        "quarter" => of("toQuarter"),
        "month" => of("toMonth"),
        "week" => of("toISOWeek"),
        "day" => of("toDayOfMonth"),
        "doy" => {
            // The server counts the last day that `Date32` holds wrong.
            let time = value.output().cast("Nullable(DateTime64(3, 'UTC'))");
            Expr::Call("toDayOfYear", vec![if timed { value.output() } else { time }, utc()])
        }
        "isodow" => weekday(),
        "dow" => Expr::compare(weekday(), Operator::Modulo, number(7)),
        "hour" if timed => of("toHour"),
        "minute" if timed => of("toMinute"),
        "second" if timed => of("toSecond"),
        _ => return Err(format!("the part {part} of {} is computed here", value.fact.arrow)),
    };
    database.value(found, result)
}

/// A point in time without what is smaller than a part of it, in UTC.
pub(super) fn truncated(database: &dyn Database, part: &Value, value: &Value, result: &DataType) -> Found {
    let part = fixed(part)?;
    let DataType::Timestamp(unit, Some(_)) = result else {
        return Err(format!("date_trunc of {} is computed here", value.fact.arrow));
    };
    if value.fact.class != Class::Timestamp(true) || value.fact.arrow != *result {
        return Err(format!("date_trunc of {} is computed here", value.fact.arrow));
    }
    let found = match part.as_str() {
        "second" => cut(value, *unit, 1, 0),
        "minute" => cut(value, *unit, 60, 0),
        "hour" => cut(value, *unit, 3_600, 0),
        "day" => cut(value, *unit, SECONDS_PER_DAY, 0),
        "week" => cut(value, *unit, 7 * SECONDS_PER_DAY, FIRST_MONDAY),
        "month" => date(value, call(value, "toMonth"), number(1)),
        "quarter" => {
            let last = Expr::compare(call(value, "toQuarter"), Operator::Multiply, number(3));
            date(value, Expr::compare(last, Operator::Minus, number(2)), number(1))
        }
        "year" => date(value, number(1), number(1)),
        _ => return Err(format!("date_trunc to {part} is computed here")),
    };
    let made = database.value(found, result)?;
    Ok(Value { expr: made.output(), cast: None, ..made })
}

/// The day of a point in time, in UTC.
pub(super) fn day(database: &dyn Database, value: &Value, result: &DataType) -> Found {
    database.value(date(value, call(value, "toMonth"), call(value, "toDayOfMonth")), result)
}

fn call(value: &Value, function: &'static str) -> Expr {
    Expr::Call(function, vec![value.output(), utc()])
}

/// A day of the value's year.
fn date(value: &Value, month: Expr, day: Expr) -> Expr {
    let year = || call(value, "toYear");
    let outside = Expr::Any(vec![
        Expr::compare(year(), Operator::Lt, number(YEARS.0)),
        Expr::compare(year(), Operator::Gt, number(YEARS.1)),
    ]);
    let checked = Expr::compare(year(), Operator::Plus, Expr::Call("throwIf", vec![outside]));
    Expr::Call("makeDate32", vec![checked, month, day])
}

/// The last multiple of so many seconds since `start`, which is not after the value.
fn cut(value: &Value, unit: TimeUnit, seconds: i64, start: i64) -> Expr {
    let (scale, per_second, from, to) = match unit {
        TimeUnit::Second | TimeUnit::Millisecond => {
            ("Nullable(DateTime64(3, 'UTC'))", 1_000, "toUnixTimestamp64Milli", "fromUnixTimestamp64Milli")
        }
        TimeUnit::Microsecond => {
            ("Nullable(DateTime64(6, 'UTC'))", 1_000_000, "toUnixTimestamp64Micro", "fromUnixTimestamp64Micro")
        }
        TimeUnit::Nanosecond => {
            ("Nullable(DateTime64(9, 'UTC'))", 1_000_000_000, "toUnixTimestamp64Nano", "fromUnixTimestamp64Nano")
        }
    };
    let ticks = || Expr::Call(from, vec![value.output().cast(scale)]);
    let since = match start {
        0 => ticks(),
        start => Expr::compare(ticks(), Operator::Minus, long(start * per_second)),
    };
    let rest = Expr::Call("positiveModulo", vec![since, long(seconds * per_second)]);
    Expr::Call(to, vec![Expr::compare(ticks(), Operator::Minus, rest), utc()])
}
