//! Differences of times and dates, as Postgres has them.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array, IntervalMonthDayNanoArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Date32Type, Int64Type, IntervalMonthDayNano, TimeUnit};
use datafusion::error::Result;

use super::intervals::{DAY_NS, INTERVAL};
use super::rule::{Rule, invalid, missing};

/// Name of the function that gives the interval between two times.
pub(crate) const INTERVAL_BETWEEN: &str = "interval_between";
/// Name of the function that gives the days between two dates.
pub(crate) const DAYS_BETWEEN: &str = "days_between";

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: INTERVAL_BETWEEN,
        usage: "time - time",
        description: "The interval between two times: whole days, and what is left of a day.",
        coerce: |types| {
            let time = |t: &DataType| matches!(t, DataType::Timestamp(..) | DataType::Date32);
            (types.len() == 2 && types.iter().all(time)).then(|| types.to_vec())
        },
        returns: |_| INTERVAL,
        compute: |arrays, rows| {
            let [ends, starts] = arrays else { return Err(missing()) };
            let (end, start) = (ticks(ends)?, ticks(starts)?);
            let each = (0..rows).map(|row| {
                if ends.is_null(row) || starts.is_null(row) {
                    return Ok(None);
                }
                let between = split(end.at(row) - start.at(row));
                between.map(Some).ok_or_else(|| invalid("the difference of two times does not fit an interval"))
            });
            Ok(Arc::new(each.collect::<Result<IntervalMonthDayNanoArray>>()?))
        },
    },
    Rule {
        name: DAYS_BETWEEN,
        usage: "date - date",
        description: "The number of days between two dates.",
        coerce: |types| match types {
            [DataType::Date32, DataType::Date32] => Some(types.to_vec()),
            _ => None,
        },
        returns: |_| DataType::Int64,
        compute: |arrays, rows| {
            let [ends, starts] = arrays else { return Err(missing()) };
            let (Some(ends), Some(starts)) =
                (ends.as_primitive_opt::<Date32Type>(), starts.as_primitive_opt::<Date32Type>())
            else {
                return Err(missing());
            };
            let valid = |row: &usize| ends.is_valid(*row) && starts.is_valid(*row);
            let between = |row: usize| i64::from(ends.value(row)) - i64::from(starts.value(row));
            let days: Int64Array = (0..rows).map(|row| Some(row).filter(valid).map(between)).collect();
            Ok(Arc::new(days))
        },
    },
];

/// Times as whole numbers of so many nanoseconds.
struct Ticks {
    values: Int64Array,
    nanoseconds: i128,
}

impl Ticks {
    fn at(&self, row: usize) -> i128 {
        i128::from(self.values.value(row)) * self.nanoseconds
    }
}

fn ticks(times: &ArrayRef) -> Result<Ticks> {
    let (whole, nanoseconds) = match times.data_type() {
        DataType::Date32 => (cast(times, &DataType::Int32)?, DAY_NS),
        DataType::Timestamp(TimeUnit::Second, _) => (Arc::clone(times), 1_000_000_000),
        DataType::Timestamp(TimeUnit::Millisecond, _) => (Arc::clone(times), 1_000_000),
        DataType::Timestamp(TimeUnit::Microsecond, _) => (Arc::clone(times), 1_000),
        _ => (Arc::clone(times), 1),
    };
    let whole = cast(&whole, &DataType::Int64)?;
    let values = whole.as_primitive_opt::<Int64Type>().ok_or_else(missing)?.clone();
    Ok(Ticks { values, nanoseconds })
}

/// Nanoseconds as whole days and the rest, both with the same sign.
pub(super) fn split(nanoseconds: i128) -> Option<IntervalMonthDayNano> {
    let days = i32::try_from(nanoseconds / DAY_NS).ok()?;
    let rest = i64::try_from(nanoseconds % DAY_NS).ok()?;
    Some(IntervalMonthDayNano::new(0, days, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_the_rest_have_one_sign() {
        assert_eq!(split(-DAY_NS - 1), Some(IntervalMonthDayNano::new(0, -1, -1)));
        assert_eq!(split(DAY_NS * 3_652_058 + 5), Some(IntervalMonthDayNano::new(0, 3_652_058, 5)));
        assert_eq!(split(DAY_NS << 32), None);
    }
}
