//! Parts of intervals, and those of times that DataFusion does not have.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int32Array, IntervalMonthDayNanoArray};
use datafusion::arrow::datatypes::TimestampMicrosecondType;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Int32Type, IntervalMonthDayNano, IntervalMonthDayNanoType, TimeUnit,
};
use datafusion::error::Result;

use super::differences::split;
use super::intervals::{DAY_NS, DAYS_OF_MONTH, INTERVAL};
use super::rule::{Rule, invalid, missing};

/// Name of the function that gives a part of an interval.
pub(crate) const INTERVAL_PART: &str = "interval_part";
/// Name of the function that gives the seconds of an interval.
pub(crate) const INTERVAL_EPOCH: &str = "interval_epoch";
/// Name of the function that gives a part of a time that follows from its year.
pub(crate) const YEAR_PART: &str = "year_part";
/// Name of the function that makes days of 24 hours.
pub(crate) const JUSTIFY_HOURS: &str = "justify_hours";

/// Seconds of a year, of which four have 1461 days.
const YEAR_SECONDS: f64 = 31_557_600.0;
const DAY_SECONDS: f64 = 86_400.0;
const HOUR_NS: i64 = 3_600_000_000_000;
const MINUTE_NS: i64 = 60_000_000_000;
const SECOND_NS: i64 = 1_000_000_000;
/// The day of the Julian calendar on which 1970 begins.
const JULIAN_1970: f64 = 2_440_588.0;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: INTERVAL_PART,
        usage: "extract(part FROM interval)",
        description: "A part of an interval, as EXTRACT gives it.",
        coerce: |types| part_of(types, &INTERVAL),
        returns: |_| DataType::Int32,
        compute: |arrays, rows| {
            let [parts, intervals] = arrays else { return Err(missing()) };
            let (part, intervals) = (constant(parts)?, intervals.as_primitive_opt::<IntervalMonthDayNanoType>());
            let intervals = intervals.ok_or_else(missing)?;
            let each = (0..rows).map(|row| match intervals.is_valid(row) {
                true => interval_part(&part, intervals.value(row)).map(Some),
                false => Ok(None),
            });
            Ok(Arc::new(each.collect::<Result<Int32Array>>()?))
        },
    },
    Rule {
        name: INTERVAL_EPOCH,
        usage: "extract(epoch FROM interval)",
        description: "The seconds of an interval; a year has 365.25 days, a month 30.",
        coerce: one_interval,
        returns: |_| DataType::Float64,
        compute: |arrays, rows| {
            let intervals = intervals(arrays)?;
            let seconds = (0..rows).map(|row| intervals.is_valid(row).then(|| epoch(intervals.value(row))));
            Ok(Arc::new(seconds.collect::<Float64Array>()))
        },
    },
    Rule {
        name: YEAR_PART,
        usage: "extract(part FROM time)",
        description: "The decade, century or millennium of a year.",
        coerce: |types| part_of(types, &DataType::Int32),
        returns: |_| DataType::Int32,
        compute: |arrays, rows| {
            let [parts, years] = arrays else { return Err(missing()) };
            let (part, years) = (constant(parts)?, years.as_primitive_opt::<Int32Type>().ok_or_else(missing)?);
            let each = (0..rows).map(|row| match years.is_valid(row) {
                true => year_part(&part, years.value(row)).map(Some),
                false => Ok(None),
            });
            Ok(Arc::new(each.collect::<Result<Int32Array>>()?))
        },
    },
    Rule {
        name: "julian_day",
        usage: "extract(julian FROM time)",
        description: "The day of the Julian calendar, with its fraction.",
        coerce: |types| match types {
            [DataType::Date32] => Some(vec![DataType::Date32]),
            [DataType::Timestamp(..)] => Some(vec![DataType::Timestamp(TimeUnit::Microsecond, None)]),
            _ => None,
        },
        returns: |_| DataType::Float64,
        compute: |arrays, rows| {
            let [times] = arrays else { return Err(missing()) };
            let days = |row: usize| {
                let days = times.as_primitive_opt::<Date32Type>().map(|days| f64::from(days.value(row)));
                let micros =
                    times.as_primitive_opt::<TimestampMicrosecondType>().map(|t| t.value(row) as f64 / 1e6 / DAY_SECONDS);
                days.or(micros).map(|days| days + JULIAN_1970)
            };
            let each = (0..rows).map(|row| if times.is_valid(row) { days(row) } else { None });
            Ok(Arc::new(each.collect::<Float64Array>()))
        },
    },
    Rule {
        name: JUSTIFY_HOURS,
        usage: "justify_hours(interval)",
        description: "The interval with 24 hours as a day.",
        coerce: one_interval,
        returns: |_| INTERVAL,
        compute: |arrays, rows| justified(arrays, rows, true, false),
    },
    Rule {
        name: "justify_days",
        usage: "justify_days(interval)",
        description: "The interval with 30 days as a month.",
        coerce: one_interval,
        returns: |_| INTERVAL,
        compute: |arrays, rows| justified(arrays, rows, false, true),
    },
    Rule {
        name: "justify_interval",
        usage: "justify_interval(interval)",
        description: "The interval with 24 hours as a day, 30 days as a month, and one sign.",
        coerce: one_interval,
        returns: |_| INTERVAL,
        compute: |arrays, rows| justified(arrays, rows, true, true),
    },
];

fn one_interval(types: &[DataType]) -> Option<Vec<DataType>> {
    match types {
        [DataType::Interval(_) | DataType::Duration(_) | DataType::Null] => Some(vec![INTERVAL]),
        _ => None,
    }
}

fn part_of(types: &[DataType], of: &DataType) -> Option<Vec<DataType>> {
    match types {
        [part, _] if part.is_string() => Some(vec![DataType::Utf8, of.clone()]),
        _ => None,
    }
}

fn intervals(arrays: &[ArrayRef]) -> Result<&IntervalMonthDayNanoArray> {
    let [intervals] = arrays else { return Err(missing()) };
    intervals.as_primitive_opt::<IntervalMonthDayNanoType>().ok_or_else(missing)
}

/// The name of the part, which is the same in all rows.
fn constant(parts: &ArrayRef) -> Result<String> {
    let parts = parts.as_string_opt::<i32>().ok_or_else(missing)?;
    Ok(if parts.is_empty() { String::new() } else { parts.value(0).to_ascii_lowercase() })
}

/// Whether EXTRACT takes such a part from an interval.
pub(crate) fn is_interval_part(part: &str) -> bool {
    interval_part(part, IntervalMonthDayNano::new(0, 0, 0)).is_ok()
}

fn interval_part(part: &str, interval: IntervalMonthDayNano) -> Result<i32> {
    let (years, time) = (interval.months / 12, interval.nanoseconds);
    let found = match part.strip_suffix('s').unwrap_or(part) {
        "millennium" | "millenium" | "millennia" => i64::from(years / 1_000),
        "century" | "centurie" => i64::from(years / 100),
        "decade" => i64::from(years / 10),
        "year" => i64::from(years),
        // The months of a year before zero count backwards.
        "quarter" => i64::from(interval.months % 12 / 3 + if interval.months % 12 < 0 { -1 } else { 1 }),
        "month" => i64::from(interval.months % 12),
        "week" => i64::from(interval.days / 7),
        "day" => i64::from(interval.days),
        "hour" => time / HOUR_NS,
        "minute" => time % HOUR_NS / MINUTE_NS,
        "second" => time % MINUTE_NS / SECOND_NS,
        "millisecond" => time % MINUTE_NS / 1_000_000,
        "microsecond" => time % MINUTE_NS / 1_000,
        _ => return Err(invalid(format!("an interval has no part {part}"))),
    };
    i32::try_from(found).map_err(|_| invalid("a part of an interval does not fit its type"))
}

fn epoch(interval: IntervalMonthDayNano) -> f64 {
    let (years, months) = (interval.months / 12, interval.months % 12);
    let days = f64::from(months) * DAYS_OF_MONTH as f64 + f64::from(interval.days);
    let seconds = f64::from(years) * YEAR_SECONDS + days * DAY_SECONDS + (interval.nanoseconds / SECOND_NS) as f64;
    seconds + (interval.nanoseconds % SECOND_NS) as f64 / 1e9
}

/// The rules of Postgres: the first century begins with year 1, and the one before it is the century -1.
fn year_part(part: &str, year: i32) -> Result<i32> {
    let counted = |years: i32| match year > 0 {
        true => (year - 1) / years + 1,
        false => year / years - 1,
    };
    match part.strip_suffix('s').unwrap_or(part) {
        "decade" => Ok(year.div_euclid(10)),
        "century" => Ok(counted(100)),
        "millennium" | "millenium" => Ok(counted(1_000)),
        _ => Err(invalid(format!("a time has no part {part}"))),
    }
}

fn justified(arrays: &[ArrayRef], rows: usize, hours: bool, days: bool) -> Result<ArrayRef> {
    let intervals = intervals(arrays)?;
    let each = (0..rows).map(|row| match intervals.is_valid(row) {
        true => {
            let made = justify(intervals.value(row), hours, days);
            made.map(Some).ok_or_else(|| invalid("the interval that is computed does not fit its type"))
        }
        false => Ok(None),
    });
    Ok(Arc::new(each.collect::<Result<IntervalMonthDayNanoArray>>()?))
}

/// Units of `size` out of `small` added to `large`; both then have the same sign where that is possible.
fn carry(large: i128, small: i128, size: i128) -> (i128, i128) {
    let (large, small) = (large + small / size, small % size);
    match (large.signum(), small.signum()) {
        (1, -1) => (large - 1, small + size),
        (-1, 1) => (large + 1, small - size),
        _ => (large, small),
    }
}

fn justify(interval: IntervalMonthDayNano, hours: bool, days: bool) -> Option<IntervalMonthDayNano> {
    let (months, day) = (i128::from(interval.months), i128::from(interval.days));
    let time = i128::from(interval.nanoseconds);
    match (hours, days) {
        (true, true) => {
            // All that is shorter than a month is brought under the sign of the months.
            let (months, rest) = carry(months, day * DAY_NS + time, DAYS_OF_MONTH * DAY_NS);
            let short = split(rest)?;
            Some(IntervalMonthDayNano::new(i32::try_from(months).ok()?, short.days, short.nanoseconds))
        }
        (true, false) => {
            let (day, time) = carry(day, time, DAY_NS);
            Some(IntervalMonthDayNano::new(interval.months, i32::try_from(day).ok()?, i64::try_from(time).ok()?))
        }
        _ => {
            let (months, day) = carry(months, day, DAYS_OF_MONTH);
            Some(IntervalMonthDayNano::new(i32::try_from(months).ok()?, i32::try_from(day).ok()?, interval.nanoseconds))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = HOUR_NS;

    #[test]
    fn parts_are_those_of_postgres() {
        let interval = IntervalMonthDayNano::new(-14, -3, -(26 * HOUR + 61_500_000_000));
        for (part, value) in
            [("year", -1), ("month", -2), ("day", -3), ("hour", -26), ("minute", -1), ("microseconds", -1_500_000)]
        {
            assert_eq!(interval_part(part, interval).ok(), Some(value), "{part}");
        }
        assert!(interval_part("dow", interval).is_err());
        assert_eq!(epoch(IntervalMonthDayNano::new(13, 0, 500_000_000)), 34_149_600.5);
        for (part, year, value) in [
            ("century", 2000, 20),
            ("century", 2001, 21),
            ("century", 0, -1),
            ("century", -99, -1),
            ("century", -100, -2),
            ("millennium", 2001, 3),
            ("decade", 1999, 199),
            ("decade", -1, -1),
        ] {
            assert_eq!(year_part(part, year).ok(), Some(value), "{part} {year}");
        }
    }

    #[test]
    fn justified_intervals_are_those_of_postgres() {
        let made = IntervalMonthDayNano::new;
        assert_eq!(justify(made(0, 1, 27 * HOUR), true, false), Some(made(0, 2, 3 * HOUR)));
        assert_eq!(justify(made(0, 35, 0), false, true), Some(made(1, 5, 0)));
        assert_eq!(justify(made(1, 0, -HOUR), true, true), Some(made(0, 29, 23 * HOUR)));
        assert_eq!(justify(made(0, 1, -HOUR), true, false), Some(made(0, 0, 23 * HOUR)));
    }
}
