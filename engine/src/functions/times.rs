//! `make_timestamp`, `make_interval` and `overlaps`, as Postgres has them.

use std::sync::Arc;

use chrono::{NaiveDate, NaiveTime};
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, IntervalMonthDayNanoArray, TimestampMicrosecondArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::compute::kernels::numeric::add;
use datafusion::arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type, IntervalMonthDayNano, TimeUnit};
use datafusion::error::Result;
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;

use super::intervals::INTERVAL;
use super::rule::{Rule, invalid, missing};

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "make_timestamp",
        usage: "make_timestamp(year, month, day, hour, minute, seconds)",
        description: "A timestamp without time zone from its parts; a negative year is before the common era.",
        coerce: |types| parts(types, 5),
        returns: |_| DataType::Timestamp(TimeUnit::Microsecond, None),
        compute: make_timestamp,
    },
    Rule {
        name: "make_interval",
        usage: "make_interval([years [, months [, weeks [, days [, hours [, mins [, secs]]]]]]])",
        description: "An interval from its parts, which may be named, as in make_interval(days => 3).",
        coerce: |types| parts(types, 6),
        returns: |_| INTERVAL,
        compute: make_interval,
    },
    Rule {
        name: "overlaps",
        usage: "(start, end) OVERLAPS (start, end or length)",
        description: "Whether two periods have a moment in common; the end of a period is none of its moments.",
        coerce: periods,
        returns: |_| DataType::Boolean,
        compute: overlaps,
    },
];

/// So many whole numbers and a double for the seconds.
fn parts(types: &[DataType], whole: usize) -> Option<Vec<DataType>> {
    let (numbers, seconds) = types.split_at_checked(whole)?;
    let [seconds] = seconds else { return None };
    let fits = numbers.iter().all(|t| t.is_integer() || t.is_null()) && (seconds.is_numeric() || seconds.is_null());
    let mut coerced = vec![DataType::Int32; whole];
    coerced.push(DataType::Float64);
    fits.then_some(coerced)
}

fn int(array: &ArrayRef, row: usize) -> Result<i64> {
    Ok(i64::from(array.as_primitive_opt::<Int32Type>().ok_or_else(missing)?.value(row)))
}

fn microseconds(array: &ArrayRef, row: usize) -> Result<Option<i64>> {
    let seconds = array.as_primitive_opt::<Float64Type>().ok_or_else(missing)?.value(row);
    let rounded = (seconds * 1e6).round_ties_even();
    // Below this size a double is exact enough for its whole part.
    Ok((rounded.abs() < 9e18).then_some(rounded as i64))
}

fn make_timestamp(arrays: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let [year, month, day, hour, minute, seconds] = arrays else { return Err(missing()) };
    let each = (0..rows).map(|row| {
        if arrays.iter().any(|a| a.is_null(row)) {
            return Ok(None);
        }
        let seconds = microseconds(seconds, row)?;
        let [year, month, day, hour, minute] = [year, month, day, hour, minute].map(|part| int(part, row));
        let (year, month, day, hour, minute) = (year?, month?, day?, hour?, minute?);
        let made = timestamp([year, month, day, hour, minute], seconds);
        made.map(Some).ok_or_else(|| invalid("the parts of make_timestamp are no date and time of day"))
    });
    Ok(Arc::new(each.collect::<Result<TimestampMicrosecondArray>>()?))
}

fn timestamp([year, month, day, hour, minute]: [i64; 5], microseconds: Option<i64>) -> Option<i64> {
    const DAY: i64 = 86_400_000_000;
    let year = match year {
        0 => return None,
        // There is no year 0: the year before 1 is 1 BC.
        before if before < 0 => before + 1,
        after => after,
    };
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, u32::try_from(month).ok()?, u32::try_from(day).ok()?)?;
    let microseconds = microseconds.filter(|us| (0..=60_000_000).contains(us))?;
    if !(0..=24).contains(&hour) || !(0..60).contains(&minute) {
        return None;
    }
    let of_day = (hour * 60 + minute) * 60_000_000 + microseconds;
    if of_day > DAY {
        return None;
    }
    date.and_time(NaiveTime::MIN).and_utc().timestamp_micros().checked_add(of_day)
}

fn make_interval(arrays: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let [whole @ .., seconds] = arrays else { return Err(missing()) };
    let each = (0..rows).map(|row| {
        if arrays.iter().any(|a| a.is_null(row)) {
            return Ok(None);
        }
        let numbers = whole.iter().map(|part| int(part, row)).collect::<Result<Vec<_>>>()?;
        let made = interval(&numbers, microseconds(seconds, row)?);
        made.map(Some).ok_or_else(|| invalid("the parts of make_interval do not fit an interval"))
    });
    Ok(Arc::new(each.collect::<Result<IntervalMonthDayNanoArray>>()?))
}

fn interval(parts: &[i64], microseconds: Option<i64>) -> Option<IntervalMonthDayNano> {
    let [years, months, weeks, days, hours, minutes] = parts else { return None };
    let months = i32::try_from(years * 12 + months).ok()?;
    let days = i32::try_from(weeks * 7 + days).ok()?;
    let microseconds = ((hours * 60 + minutes) * 60_000_000).checked_add(microseconds?)?;
    Some(IntervalMonthDayNano::new(months, days, microseconds.checked_mul(1_000)?))
}

/// Starts and ends of two periods; an end may be a length.
fn periods(types: &[DataType]) -> Option<Vec<DataType>> {
    let [start, end, other_start, other_end] = types else { return None };
    let length = |t: &DataType| matches!(t, DataType::Interval(_) | DataType::Duration(_));
    let time = |t: &DataType| {
        matches!(t, DataType::Timestamp(..) | DataType::Date32 | DataType::Time32(_) | DataType::Time64(_) | DataType::Null)
    };
    if !time(start) || !time(other_start) {
        return None;
    }
    let ends: Vec<&DataType> = [end, other_end].into_iter().filter(|t| !length(t)).collect();
    let mut common = self::common(start, other_start)?;
    for end in &ends {
        common = if time(end) { self::common(&common, end)? } else { return None };
    }
    if ends.len() < 2 {
        // A date and a length are a time.
        common = match common {
            DataType::Date32 => DataType::Timestamp(TimeUnit::Microsecond, None),
            timestamp @ DataType::Timestamp(..) => timestamp,
            _ => return None,
        };
    }
    let coerced = |t: &DataType| if length(t) { INTERVAL } else { common.clone() };
    Some(types.iter().map(coerced).collect())
}

/// The type of two times; that of DataFusion would have nanoseconds for dates, and none for times of day of different units.
fn common(one: &DataType, other: &DataType) -> Option<DataType> {
    use DataType::{Date32, Time32, Time64, Timestamp};
    match (one, other) {
        (Date32, Timestamp(unit, zone)) | (Timestamp(unit, zone), Date32) => Some(Timestamp(*unit, zone.clone())),
        (Time32(left) | Time64(left), Time32(right) | Time64(right)) => {
            Some(if left >= right { one.clone() } else { other.clone() })
        }
        _ => comparison_coercion(one, other),
    }
}

/// The end of each period, and both ends as whole numbers in the order of time.
fn ticks(start: &ArrayRef, end: &ArrayRef) -> Result<(ArrayRef, ArrayRef)> {
    let end = if *end.data_type() == INTERVAL { add(start, end)? } else { Arc::clone(end) };
    let number = |times: &ArrayRef| match times.data_type() {
        DataType::Date32 | DataType::Time32(_) => cast(&cast(times, &DataType::Int32)?, &DataType::Int64),
        _ => cast(times, &DataType::Int64),
    };
    Ok((number(start)?, number(&end)?))
}

fn overlaps(arrays: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let [start, end, other_start, other_end] = arrays else { return Err(missing()) };
    let (start, end) = ticks(start, end)?;
    let (other_start, other_end) = ticks(other_start, other_end)?;
    let at = |array: &ArrayRef, row: usize| -> Result<Option<i64>> {
        let ticks = array.as_primitive_opt::<Int64Type>().ok_or_else(missing)?;
        Ok(ticks.is_valid(row).then(|| ticks.value(row)))
    };
    let each = (0..rows).map(|row| {
        let one = (at(&start, row)?, at(&end, row)?);
        Ok(overlap(one, (at(&other_start, row)?, at(&other_end, row)?)))
    });
    Ok(Arc::new(each.collect::<Result<BooleanArray>>()?))
}

type Period = (Option<i64>, Option<i64>);

/// The rules of the standard; a period of which one end is missing is known to hold the other.
fn overlap(one: Period, other: Period) -> Option<bool> {
    let (start, end) = in_order(one)?;
    let (other_start, other_end) = in_order(other)?;
    let later = |end: Option<i64>, other_end: Option<i64>, start: i64| match other_end {
        None => None,
        Some(until) if start < until => Some(true),
        Some(_) => end.map(|_| false),
    };
    match start.cmp(&other_start) {
        std::cmp::Ordering::Greater => later(end, other_end, start),
        std::cmp::Ordering::Less => later(other_end, end, other_start),
        std::cmp::Ordering::Equal => end.and(other_end).map(|_| true),
    }
}

fn in_order(period: Period) -> Option<(i64, Option<i64>)> {
    match period {
        (None, None) => None,
        (Some(one), None) | (None, Some(one)) => Some((one, None)),
        (Some(one), Some(other)) => Some((one.min(other), Some(one.max(other)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_make_the_times_of_postgres() {
        assert_eq!(timestamp([1970, 1, 2, 1, 0], Some(1_500_000)), Some(90_001_500_000));
        assert_eq!(timestamp([1969, 12, 31, 24, 0], Some(0)), Some(0));
        assert_eq!(timestamp([1969, 12, 31, 23, 59], Some(60_000_000)), Some(0));
        assert_eq!(timestamp([-1, 1, 1, 0, 0], Some(0)), Some(-62_167_219_200_000_000));
        for wrong in [[0, 1, 1, 0, 0], [2024, 2, 30, 0, 0], [2024, 1, 1, 24, 1], [2024, 1, 1, 0, 60]] {
            assert_eq!(timestamp(wrong, Some(0)), None);
        }
        let made = interval(&[1, 2, 1, 3, 4, 5], Some(6_500_000));
        assert_eq!(made, Some(IntervalMonthDayNano::new(14, 10, 14_706_500_000_000)));
    }

    #[test]
    fn periods_overlap_by_the_standard() {
        let period = |start: i64, end: i64| (Some(start), Some(end));
        for (one, other, found) in [
            (period(1, 3), period(2, 5), Some(true)),
            (period(1, 2), period(2, 3), Some(false)),
            (period(3, 1), period(2, 5), Some(true)),
            (period(2, 2), period(2, 3), Some(true)),
            (period(1, 1), period(1, 1), Some(true)),
            ((Some(1), None), period(2, 3), None),
            ((Some(5), None), period(2, 6), Some(true)),
            ((Some(7), None), period(2, 6), None),
            ((None, None), period(2, 6), None),
        ] {
            assert_eq!(overlap(one, other), found, "{one:?} {other:?}");
            assert_eq!(overlap(other, one), found, "{one:?} {other:?}");
        }
    }
}
