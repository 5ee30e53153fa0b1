//! Arithmetic and order of intervals, for the operators of [`crate::operators`] and for [`crate::interval_order`].

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, IntervalMonthDayNanoArray};
use datafusion::arrow::datatypes::{DataType, Float64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit};
use datafusion::error::Result;

use super::rule::{Rule, invalid, missing};

/// Name of the function that multiplies an interval.
pub(crate) const INTERVAL_MULTIPLY: &str = "interval_multiply";
/// Name of the function that divides one.
pub(crate) const INTERVAL_DIVIDE: &str = "interval_divide";
/// Name of the function that gives its length.
pub(crate) const INTERVAL_LENGTH: &str = "interval_length";

/// Name of the function that gives the longest of several.
pub(crate) const INTERVAL_GREATEST: &str = "interval_greatest";
/// Name of the function that gives the shortest.
pub(crate) const INTERVAL_LEAST: &str = "interval_least";

/// The type of intervals.
pub(crate) const INTERVAL: DataType = DataType::Interval(IntervalUnit::MonthDayNano);
/// Days by which months are compared and divided.
pub(super) const DAYS_OF_MONTH: i128 = 30;
/// Nanoseconds of a day.
pub(crate) const DAY_NS: i128 = 86_400_000_000_000;
const SECONDS_OF_DAY: f64 = 86_400.0;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: INTERVAL_MULTIPLY,
        usage: "interval * number",
        description: "An interval so many times; parts of a month are days of 30 to a month, parts of a day are time.",
        coerce: by_number,
        returns: |_| INTERVAL,
        compute: |arrays, rows| scaled(arrays, rows, |part, by| part * by),
    },
    Rule {
        name: INTERVAL_DIVIDE,
        usage: "interval / number",
        description: "A part of an interval; parts of a month are days of 30 to a month, parts of a day are time.",
        coerce: by_number,
        returns: |_| INTERVAL,
        compute: |arrays, rows| scaled(arrays, rows, |part, by| part / by),
    },
    Rule {
        name: INTERVAL_LENGTH,
        usage: "interval_length(interval)",
        description: "Nanoseconds by which intervals are compared: a month has 30 days and a day 24 hours.",
        coerce: |types| match types {
            [DataType::Interval(_)] => Some(vec![INTERVAL]),
            _ => None,
        },
        returns: |_| DataType::Decimal128(38, 0),
        compute: |arrays, rows| {
            let [intervals] = arrays else { return Err(missing()) };
            debug_assert_eq!(intervals.len(), rows);
            lengths(intervals)
        },
    },
    Rule {
        name: INTERVAL_GREATEST,
        usage: "greatest(interval, ...)",
        description: "The longest of several intervals.",
        coerce: all_intervals,
        returns: |_| INTERVAL,
        compute: |arrays, rows| extreme(arrays, rows, |one, other| length(one) > length(other)),
    },
    Rule {
        name: INTERVAL_LEAST,
        usage: "least(interval, ...)",
        description: "The shortest of several intervals.",
        coerce: all_intervals,
        returns: |_| INTERVAL,
        compute: |arrays, rows| extreme(arrays, rows, |one, other| length(one) < length(other)),
    },
];

fn all_intervals(types: &[DataType]) -> Option<Vec<DataType>> {
    let interval = |t: &DataType| matches!(t, DataType::Interval(_) | DataType::Duration(_) | DataType::Null);
    (!types.is_empty() && types.iter().all(interval)).then(|| vec![INTERVAL; types.len()])
}

/// The lengths by which intervals are compared.
pub(crate) fn lengths(intervals: &ArrayRef) -> Result<ArrayRef> {
    let intervals = intervals.as_primitive_opt::<IntervalMonthDayNanoType>().ok_or_else(missing)?;
    let lengths: Decimal128Array = intervals.iter().map(|interval| interval.map(length)).collect();
    Ok(Arc::new(lengths.with_precision_and_scale(38, 0)?))
}

/// The first of the intervals of a row that none is better than; those that are null do not count.
fn extreme(
    arrays: &[ArrayRef],
    rows: usize,
    better: fn(IntervalMonthDayNano, IntervalMonthDayNano) -> bool,
) -> Result<ArrayRef> {
    let all = arrays.iter().map(|a| a.as_primitive_opt::<IntervalMonthDayNanoType>().ok_or_else(missing));
    let all = all.collect::<Result<Vec<_>>>()?;
    let each = (0..rows).map(|row| {
        let present = all.iter().filter(|a| a.is_valid(row)).map(|a| a.value(row));
        present.reduce(|best, next| if better(next, best) { next } else { best })
    });
    Ok(Arc::new(each.collect::<IntervalMonthDayNanoArray>()))
}

fn by_number(types: &[DataType]) -> Option<Vec<DataType>> {
    match types {
        [DataType::Interval(_), number] if number.is_numeric() || number.is_null() => {
            Some(vec![INTERVAL, DataType::Float64])
        }
        _ => None,
    }
}

fn length(interval: IntervalMonthDayNano) -> i128 {
    let days = i128::from(interval.months) * DAYS_OF_MONTH + i128::from(interval.days);
    days * DAY_NS + i128::from(interval.nanoseconds)
}

fn scaled(arrays: &[ArrayRef], rows: usize, apply: fn(f64, f64) -> f64) -> Result<ArrayRef> {
    let [intervals, numbers] = arrays else { return Err(missing()) };
    let intervals = intervals.as_primitive_opt::<IntervalMonthDayNanoType>().ok_or_else(missing)?;
    let numbers = numbers.as_primitive_opt::<Float64Type>().ok_or_else(missing)?;
    let each = (0..rows).map(|row| {
        if intervals.is_null(row) || numbers.is_null(row) {
            return Ok(None);
        }
        let by = numbers.value(row);
        let made = scale(intervals.value(row), |part| apply(part, by));
        made.map(Some).ok_or_else(|| invalid("the interval that is computed does not fit its type, or is divided by zero"))
    });
    Ok(Arc::new(each.collect::<Result<IntervalMonthDayNanoArray>>()?))
}

/// The steps of Postgres (`interval_mul`): what is left of a month goes to the days, what is left of a day to the time.
pub(crate) fn scale(interval: IntervalMonthDayNano, apply: impl Fn(f64) -> f64) -> Option<IntervalMonthDayNano> {
    let (months, days) = (apply(f64::from(interval.months)), apply(f64::from(interval.days)));
    let (whole_months, mut whole_days) = (whole(months)?, whole(days)?);
    let days_of_rest = micro((months - f64::from(whole_months)) * DAYS_OF_MONTH as f64);
    let rest = days - f64::from(whole_days) + days_of_rest - days_of_rest.trunc();
    let mut seconds = micro(rest * SECONDS_OF_DAY);
    if seconds.abs() >= SECONDS_OF_DAY {
        let more = whole(seconds / SECONDS_OF_DAY)?;
        whole_days = whole_days.checked_add(more)?;
        seconds -= f64::from(more) * SECONDS_OF_DAY;
    }
    whole_days = whole_days.checked_add(whole(days_of_rest)?)?;
    let microseconds = (apply(interval.nanoseconds as f64 / 1e3) + seconds * 1e6).round_ties_even();
    let fits = microseconds.is_finite() && microseconds.abs() < 9.2e15;
    fits.then(|| IntervalMonthDayNano::new(whole_months, whole_days, microseconds as i64 * 1_000))
}

fn whole(value: f64) -> Option<i32> {
    let whole = value.trunc();
    (whole >= f64::from(i32::MIN) && whole <= f64::from(i32::MAX)).then_some(whole as i32)
}

/// Rounded to millionths, which keeps what floating point adds out of the parts.
fn micro(value: f64) -> f64 {
    (value * 1e6).round_ties_even() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(months: i32, days: i32, seconds: i64) -> IntervalMonthDayNano {
        IntervalMonthDayNano::new(months, days, seconds * 1_000_000_000)
    }

    #[test]
    fn products_are_those_of_postgres() {
        for (interval, by, product) in [
            (made(0, 1, 0), 3.0, made(0, 3, 0)),
            (made(1, 0, 0), 1.5, made(1, 15, 0)),
            (made(0, 1, 0), 0.5, made(0, 0, 43_200)),
            (made(1, 1, 0), 0.5, made(0, 15, 43_200)),
            (made(0, 0, 3_600), 2.5, made(0, 0, 9_000)),
            (made(0, 1, 0), -0.25, made(0, 0, -21_600)),
        ] {
            assert_eq!(scale(interval, |part| part * by), Some(product), "{by}");
        }
        assert_eq!(scale(made(1, 0, 0), |part| part / 0.0), None);
    }

    #[test]
    fn a_day_is_as_long_as_24_hours() {
        assert_eq!(length(made(0, 1, 0)), length(made(0, 0, 86_400)));
        assert_eq!(length(made(1, 0, 0)), length(made(0, 30, 0)));
        assert!(length(made(0, 29, 0)) < length(made(1, 0, 0)));
    }
}
