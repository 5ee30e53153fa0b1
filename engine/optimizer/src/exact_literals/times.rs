//! Times of different units that meet.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::{Alias, ScalarFunction};
use datafusion::logical_expr::{BinaryExpr, Cast, Operator};
use datafusion::prelude::Expr;
use headwater_common::Error;
use headwater_source::ErrorExt;

use super::meet::type_of;

/// Units and the digits of a second's fraction that they hold.
const UNITS: [(TimeUnit, usize); 4] =
    [(TimeUnit::Second, 0), (TimeUnit::Millisecond, 3), (TimeUnit::Microsecond, 6), (TimeUnit::Nanosecond, 9)];

/// Functions of the current time.
const CLOCKS: &[&str] = &["current_date", "now"];

/// Brings constants to the unit of the times that they meet. DataFusion would bring all of them to nanoseconds, which end in the
/// year 2262.
pub(super) fn meet(all: &mut [Expr], types: &[DataType]) -> Result<()> {
    meet_clocks(all, types);
    let mut target: Option<(TimeUnit, Option<Arc<str>>)> = None;
    for (expr, data_type) in all.iter().zip(types) {
        if let DataType::Timestamp(unit, zone) = data_type
            && !is_constant(expr)
            && target.as_ref().is_none_or(|(known, _)| unit > known)
        {
            target = Some((*unit, zone.clone()));
        }
    }
    // Dates of a column and a time of the statement meet in microseconds, which hold every day.
    let time = |t: &DataType| matches!(t, DataType::Timestamp(..));
    let date = |(expr, t): (&Expr, &DataType)| *t == DataType::Date32 && !is_constant(expr);
    if target.is_none() && types.iter().any(time) && all.iter().zip(types).any(date) {
        target = Some((TimeUnit::Microsecond, None));
    }
    let Some((unit, zone)) = target else { return Ok(()) };
    let mut beyond = false;
    for (expr, data_type) in all.iter_mut().zip(types) {
        match data_type {
            DataType::Timestamp(own, own_zone) if *own > unit && is_constant(expr) => {
                *expr = match written(expr) {
                    Some(text) => literal(text, unit, own_zone)?,
                    None => cast(std::mem::take(expr), unit, own_zone.clone()),
                };
            }
            DataType::Date32 => *expr = cast(std::mem::take(expr), unit, None),
            _ => {
                if let Some(text) = text_of(expr) {
                    *expr = literal(text, unit, &zone)?;
                }
            }
        }
        beyond |= unit == TimeUnit::Nanosecond && is_constant(expr) && unit_of(expr) == Some(TimeUnit::Microsecond);
    }
    // No nanosecond is as far away, so microseconds compare as well.
    for (expr, data_type) in all.iter_mut().zip(types).filter(|_| beyond) {
        if let DataType::Timestamp(TimeUnit::Nanosecond, zone) = data_type {
            *expr = cast(std::mem::take(expr), TimeUnit::Microsecond, zone.clone());
        }
    }
    Ok(())
}

/// Brings times of day to the unit of the columns among them, or to a finer one that a literal needs.
fn meet_clocks(all: &mut [Expr], types: &[DataType]) {
    let needed = |expr: &Expr| UNITS.into_iter().find(|(_, digits)| written(expr).map_or(0, fraction_digits) <= *digits);
    let mut target: Option<TimeUnit> = None;
    let mut same = true;
    for (expr, data_type) in all.iter().zip(types) {
        let (DataType::Time32(own) | DataType::Time64(own)) = data_type else { continue };
        let unit = match written(expr) {
            Some(_) => needed(expr).map_or(*own, |(unit, _)| unit),
            None => *own,
        };
        same &= target.is_none_or(|known| known == *own) && unit == *own;
        target = Some(target.map_or(unit, |known| known.max(unit)));
    }
    let Some(unit) = target.filter(|_| !same) else { return };
    let target = match unit {
        TimeUnit::Second | TimeUnit::Millisecond => DataType::Time32(unit),
        TimeUnit::Microsecond | TimeUnit::Nanosecond => DataType::Time64(unit),
    };
    for (expr, data_type) in all.iter_mut().zip(types) {
        if matches!(data_type, DataType::Time32(_) | DataType::Time64(_)) && *data_type != target {
            let value = match written(expr) {
                Some(text) => Expr::Literal(ScalarValue::from(text), None),
                None => std::mem::take(expr),
            };
            *expr = Expr::Cast(Cast::new(Box::new(value), target.clone()));
        }
    }
}

/// `TIMESTAMP '...'`, with or without seconds; beyond the years of nanoseconds in microseconds. Any other cast stays.
pub(super) fn typed(value: Cast) -> Result<Expr> {
    let (DataType::Timestamp(unit, zone), Some(text)) = (value.field.data_type(), text_of(&value.expr)) else {
        return Ok(Expr::Cast(value));
    };
    let text = with_seconds(text);
    if parsed(&text, *unit, zone).is_some() {
        let literal = Box::new(Expr::Literal(ScalarValue::Utf8(Some(text)), None));
        return Ok(Expr::Cast(Cast { expr: literal, field: value.field }));
    }
    literal(&text, TimeUnit::Microsecond, zone)
}

/// `CAST(date AS TIMESTAMP)` in microseconds, which hold every day; nanoseconds end in the year 2262.
pub(super) fn of_date(value: Cast, schema: &DFSchema) -> Cast {
    match value.field.data_type() {
        DataType::Timestamp(TimeUnit::Nanosecond, zone) if type_of(&value.expr, schema) == DataType::Date32 => {
            Cast::new(value.expr, DataType::Timestamp(TimeUnit::Microsecond, zone.clone()))
        }
        _ => value,
    }
}

fn cast(expr: Expr, unit: TimeUnit, zone: Option<Arc<str>>) -> Expr {
    Expr::Cast(Cast::new(Box::new(expr), DataType::Timestamp(unit, zone)))
}

/// A text as the time it says, in the coarsest unit from `unit` on that holds it exactly. For columns of microseconds it is rounded to
/// them, as in Postgres.
fn literal(text: &str, unit: TimeUnit, zone: &Option<Arc<str>>) -> Result<Expr> {
    let text = with_seconds(text);
    let needed = fraction_digits(&text);
    if unit == TimeUnit::Microsecond
        && needed > 6
        && let Some(ScalarValue::TimestampNanosecond(Some(nanos), zone)) = parsed(&text, TimeUnit::Nanosecond, zone)
    {
        let micros = nanos.saturating_add(500).div_euclid(1_000);
        return Ok(Expr::Literal(ScalarValue::TimestampMicrosecond(Some(micros), zone), None));
    }
    let exact = UNITS.into_iter().filter(|(u, digits)| *u >= unit && needed <= *digits);
    let value = exact.map(|(u, _)| u).chain([TimeUnit::Microsecond]).find_map(|u| parsed(&text, u, zone));
    match value {
        Some(value) => Ok(Expr::Literal(value, None)),
        None => {
            let shown: String = text.chars().take(60).collect();
            let message =
                format!("'{shown}' is no timestamp; write it as '2024-02-29 23:59:59', with a zone as '+02:00' if need be");
            Err(Error::invalid(message).into_datafusion())
        }
    }
}

fn parsed(text: &str, unit: TimeUnit, zone: &Option<Arc<str>>) -> Option<ScalarValue> {
    let text = ScalarValue::Utf8(Some(text.to_owned()));
    text.cast_to(&DataType::Timestamp(unit, zone.clone())).ok().filter(|value| !value.is_null())
}

/// `2024-02-29 12:00` as `2024-02-29 12:00:00`.
fn with_seconds(text: &str) -> String {
    let text = text.trim();
    let digits =
        |range: std::ops::Range<usize>| text.as_bytes().get(range).is_some_and(|part| part.iter().all(u8::is_ascii_digit));
    let at = |place: usize| text.as_bytes().get(place).copied();
    let is_minute = digits(11..13) && at(13) == Some(b':') && digits(14..16);
    if digits(0..4)
        && at(4) == Some(b'-')
        && is_minute
        && at(16) != Some(b':')
        && let Some((minutes, rest)) = text.split_at_checked(16)
    {
        return format!("{minutes}:00{rest}");
    }
    text.to_owned()
}

/// Digits of the fraction of a second without zeros at their end.
fn fraction_digits(text: &str) -> usize {
    let Some((_, fraction)) = text.split_once('.') else { return 0 };
    let digits: &str = fraction.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    digits.trim_end_matches('0').len()
}

/// The text of a text literal.
fn text_of(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(ScalarValue::Utf8(v) | ScalarValue::LargeUtf8(v) | ScalarValue::Utf8View(v), _) => v.as_deref(),
        _ => None,
    }
}

/// The text of `TIMESTAMP '...'`.
fn written(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Cast(cast) => text_of(&cast.expr),
        Expr::Alias(Alias { expr, .. }) => written(expr),
        _ => None,
    }
}

fn unit_of(expr: &Expr) -> Option<TimeUnit> {
    match expr {
        Expr::Literal(value, _) => match value.data_type() {
            DataType::Timestamp(unit, _) => Some(unit),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a time is one of the statement: a literal or the current time, and what is added to it.
fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(..) => true,
        Expr::Cast(cast) => is_constant(&cast.expr),
        Expr::Alias(alias) => is_constant(&alias.expr),
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Plus | Operator::Minus, right }) => {
            is_constant(left) && is_constant(right)
        }
        Expr::ScalarFunction(ScalarFunction { func, args }) => CLOCKS.contains(&func.name()) && args.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(text: &str, unit: TimeUnit) -> String {
        literal(text, unit, &None).map_or_else(|e| e.to_string(), |expr| expr.to_string())
    }

    #[test]
    fn texts_find_the_unit_that_holds_them() {
        let micros = |text| stamp(text, TimeUnit::Microsecond);
        assert_eq!(micros("1970-01-01 00:01"), "TimestampMicrosecond(60000000, None)");
        assert_eq!(micros("9999-12-31"), "TimestampMicrosecond(253402214400000000, None)");
        assert_eq!(micros("1970-01-01 00:00:00.0000004"), "TimestampMicrosecond(0, None)");
        assert_eq!(micros("1970-01-01 00:00:00.0000005"), "TimestampMicrosecond(1, None)");
        assert_eq!(stamp("1970-01-01 00:00:00.5", TimeUnit::Second), "TimestampMillisecond(500, None)");
        assert_eq!(stamp("9999-12-31", TimeUnit::Nanosecond), "TimestampMicrosecond(253402214400000000, None)");
        assert!(micros("2024-13-01").contains("'2024-13-01' is no timestamp"), "{}", micros("2024-13-01"));
    }

    #[test]
    fn seconds_may_be_left_out() {
        assert_eq!(with_seconds("2024-02-29 12:00"), "2024-02-29 12:00:00");
        assert_eq!(with_seconds(" 2024-02-29T12:00+02:00"), "2024-02-29T12:00:00+02:00");
        for same in ["2024-02-29", "2024-02-29 12:00:01", "2024-02-29 12", "ä024-02-29 12:00", "12:00"] {
            assert_eq!(with_seconds(same), same);
        }
    }
}
