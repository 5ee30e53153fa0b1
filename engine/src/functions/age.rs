//! `age`, as Postgres has it.

use std::sync::Arc;

use chrono::{DateTime, Datelike, NaiveDate, Timelike};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, IntervalMonthDayNanoArray};
use datafusion::arrow::datatypes::{DataType, IntervalMonthDayNano, IntervalUnit, TimeUnit, TimestampMicrosecondType};
use datafusion::error::Result;

use super::rule::{Rule, invalid, missing};

pub(super) const RULES: &[Rule] = &[Rule {
    name: "age",
    usage: "age(end [, start])",
    description: "The years, months, days and time between two times; the end is the start of today when one time is given.",
    coerce: times,
    returns: |_| DataType::Interval(IntervalUnit::MonthDayNano),
    compute: age,
}];

/// Two times in microseconds; instants are looked at in UTC.
fn times(types: &[DataType]) -> Option<Vec<DataType>> {
    let is_time = |t: &DataType| {
        matches!(t, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 | DataType::Null) || t.is_string()
    };
    let two = types.len() == 2 && types.iter().all(is_time);
    two.then(|| vec![DataType::Timestamp(TimeUnit::Microsecond, None); 2])
}

fn age(arrays: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let [end, start] = arrays else { return Err(missing()) };
    let times = |array: &'_ ArrayRef| array.as_primitive_opt::<TimestampMicrosecondType>().cloned().ok_or_else(missing);
    let (end, start) = (times(end)?, times(start)?);
    let each = (0..rows).map(|row| match end.is_null(row) || start.is_null(row) {
        true => Ok(None),
        false => between(end.value(row), start.value(row)).map(Some).ok_or_else(|| invalid("age: a time is too far away")),
    });
    Ok(Arc::new(each.collect::<Result<IntervalMonthDayNanoArray>>()?))
}

/// Years and months first, then days, then the time. Days that are borrowed from a month are those of the earlier time's month.
fn between(end: i64, start: i64) -> Option<IntervalMonthDayNano> {
    let (later, earlier, sign) = if end < start { (start, end, -1) } else { (end, start, 1) };
    let (later, earlier) = (DateTime::from_timestamp_micros(later)?, DateTime::from_timestamp_micros(earlier)?);
    let months = |t: &DateTime<_>| i64::from(t.year()) * 12 + i64::from(t.month0());
    let of_day = |t: &DateTime<_>| i64::from(t.num_seconds_from_midnight()) * 1_000_000_000 + i64::from(t.nanosecond());
    let mut months_between = months(&later) - months(&earlier);
    let mut days = i64::from(later.day()) - i64::from(earlier.day());
    let mut nanoseconds = of_day(&later) - of_day(&earlier);
    if nanoseconds < 0 {
        nanoseconds += 86_400_000_000_000;
        days -= 1;
    }
    if days < 0 {
        days += days_of_month(earlier.year(), earlier.month())?;
        months_between -= 1;
    }
    let months = i32::try_from(months_between * sign).ok()?;
    Some(IntervalMonthDayNano::new(months, i32::try_from(days * sign).ok()?, nanoseconds * sign))
}

fn days_of_month(year: i32, month: u32) -> Option<i64> {
    let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    let (first, next) = (NaiveDate::from_ymd_opt(year, month, 1)?, NaiveDate::from_ymd_opt(next_year, next_month, 1)?);
    Some((next - first).num_days())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_those_of_postgres() {
        let at = |text: &str| {
            let text = if text.len() == 10 { format!("{text}T00:00:00") } else { text.to_owned() };
            chrono::NaiveDateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S").unwrap().and_utc().timestamp_micros()
        };
        for (end, start, months, days, hours) in [
            ("2024-03-01", "2024-02-29", 0, 1, 0),
            ("2024-03-31", "2024-02-29", 1, 2, 0),
            ("2001-04-10", "1957-06-13", 43 * 12 + 9, 27, 0),
            ("2024-02-29", "2024-03-31", -1, -2, 0),
            ("2024-03-01T01:00:00", "2024-01-31T02:00:00", 1, 0, 23),
            ("2024-01-01T01:00:00", "2024-01-01T03:00:00", 0, 0, -2),
        ] {
            let made = between(at(end), at(start)).unwrap();
            let found = (made.months, made.days, made.nanoseconds / 3_600_000_000_000);
            assert_eq!(found, (months, days, hours), "{end} {start}");
        }
    }
}
