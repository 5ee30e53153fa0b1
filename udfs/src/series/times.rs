//! Columns of times as microseconds, and back in the column's own type.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Date32Array, Date64Array, Int64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Date32Type, Date64Type, Int64Type, TimeUnit};
use headwater_common::{Error, Result};
use headwater_timeseries::Frequency;
use headwater_timeseries::calendar::{DAY_US, Utc, Zone};

use super::zone;
use crate::error::arrow;

/// The type of a column of times.
#[derive(Debug, Clone)]
pub(crate) struct TimeType {
    data_type: DataType,
    zone: Arc<dyn Zone>,
}

impl TimeType {
    /// The type, when it is one of times: timestamps, dates and whole numbers.
    pub(crate) fn of(name: &str, data_type: &DataType) -> Result<Self> {
        let zone: Arc<dyn Zone> = match data_type {
            DataType::Timestamp(_, tz) => zone::named(tz.as_deref())?,
            DataType::Date32 | DataType::Date64 => Arc::new(Utc),
            t if t.is_integer() && *t != DataType::UInt64 => Arc::new(Utc),
            other => {
                return Err(Error::invalid(format!(
                    "column \"{name}\" is {other}, which is no time; cast it to TIMESTAMP, DATE or BIGINT in a query"
                )));
            }
        };
        Ok(Self { data_type: data_type.clone(), zone })
    }

    /// The zone of its calendar.
    pub(crate) fn zone(&self) -> &Arc<dyn Zone> {
        &self.zone
    }

    /// The column's type.
    pub(crate) fn data_type(&self) -> &DataType {
        &self.data_type
    }

    /// Whether times are plain numbers without a calendar.
    pub(crate) fn is_number(&self) -> bool {
        self.data_type.is_integer()
    }

    /// Microseconds (numbers as they are); `None` for null.
    pub(crate) fn read(&self, column: &ArrayRef) -> Result<Vec<Option<i64>>> {
        let whole = match &self.data_type {
            DataType::Date32 => {
                let days = column.as_primitive::<Date32Type>();
                return Ok(days.iter().map(|d| d.map(|d| i64::from(d) * DAY_US)).collect());
            }
            DataType::Date64 => Arc::new(column.as_primitive::<Date64Type>().reinterpret_cast::<Int64Type>()) as ArrayRef,
            _ => cast(column, &DataType::Int64).map_err(arrow)?,
        };
        let (times, unit) = (whole.as_primitive::<Int64Type>(), self.unit());
        let read = |t: i64| match unit {
            Unit::Times(by) => t.checked_mul(by).ok_or_else(|| Error::invalid("a time is out of range")),
            Unit::Parts(of) => Ok(t.div_euclid(of)),
        };
        times.iter().map(|t| t.map(read).transpose()).collect()
    }

    /// A column of times. A time that its unit cannot hold is an error.
    pub(crate) fn write(&self, times_us: &[Option<i64>]) -> Result<ArrayRef> {
        if self.data_type == DataType::Date32 {
            let days: Result<Vec<Option<i32>>> = times_us.iter().map(|t| t.map(whole_day).transpose()).collect();
            return Ok(Arc::new(Date32Array::from(days?)));
        }
        let unit = self.unit();
        let write = |t: i64| match unit {
            Unit::Times(by) if t.rem_euclid(by) == 0 => Ok(t.div_euclid(by)),
            Unit::Times(_) => {
                Err(Error::invalid("the steps are finer than the unit of the time column; cast it to TIMESTAMP"))
            }
            Unit::Parts(of) => t.checked_mul(of).ok_or_else(|| Error::invalid("a forecast time is out of range")),
        };
        let times: Result<Vec<Option<i64>>> = times_us.iter().map(|t| t.map(write).transpose()).collect();
        let times = Int64Array::from(times?);
        match &self.data_type {
            DataType::Date64 => Ok(Arc::new(times.reinterpret_cast::<Date64Type>()) as Arc<Date64Array>),
            other => {
                let options = datafusion::arrow::compute::CastOptions { safe: false, ..Default::default() };
                let cast = datafusion::arrow::compute::cast_with_options(&times, other, &options);
                cast.map_err(|_| Error::invalid("a forecast time is out of range of the time column"))
            }
        }
    }

    /// A frequency that fits these times: numbers have no calendar.
    pub(crate) fn settled(&self, frequency: Frequency) -> Result<Frequency> {
        match frequency {
            Frequency::Days { days } if self.is_number() => Ok(Frequency::Fixed { step_us: days * DAY_US }),
            Frequency::Weekdays | Frequency::Months { .. } if self.is_number() => {
                Err(Error::invalid("the step of these numbers is not clear; set frequency to a whole number"))
            }
            Frequency::Fixed { step_us } if self.data_type == DataType::Date32 && step_us % DAY_US != 0 => {
                Err(Error::invalid(format!("a date cannot step by {frequency}; cast the time column to TIMESTAMP")))
            }
            other => Ok(other),
        }
    }

    fn unit(&self) -> Unit {
        match &self.data_type {
            DataType::Timestamp(TimeUnit::Second, _) => Unit::Times(1_000_000),
            DataType::Timestamp(TimeUnit::Millisecond, _) | DataType::Date64 => Unit::Times(1_000),
            DataType::Timestamp(TimeUnit::Nanosecond, _) => Unit::Parts(1_000),
            _ => Unit::Times(1),
        }
    }
}

/// How many microseconds one unit is, or how many units one microsecond.
#[derive(Debug, Clone, Copy)]
enum Unit {
    Times(i64),
    Parts(i64),
}

fn whole_day(time_us: i64) -> Result<i32> {
    i32::try_from(time_us.div_euclid(DAY_US)).map_err(|_| Error::invalid("a forecast date is out of range"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back_in_their_own_type() {
        let zoned = Some("Europe/Berlin".into());
        for data_type in [
            DataType::Timestamp(TimeUnit::Second, None),
            DataType::Timestamp(TimeUnit::Millisecond, zoned.clone()),
            DataType::Timestamp(TimeUnit::Microsecond, zoned),
            DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
            DataType::Date32,
            DataType::Date64,
            DataType::Int32,
            DataType::Int64,
        ] {
            let time = TimeType::of("t", &data_type).unwrap();
            let step = if time.is_number() { 5 } else { 3 * DAY_US };
            let times = [Some(step), None, Some(-step)];
            let column = time.write(&times).unwrap();
            assert_eq!(column.data_type(), &data_type);
            assert_eq!(time.read(&column).unwrap(), times, "{data_type}");
        }
        assert!(TimeType::of("t", &DataType::Utf8).unwrap_err().message().contains("cast"));
        let seconds = TimeType::of("t", &DataType::Timestamp(TimeUnit::Second, None)).unwrap();
        assert!(seconds.write(&[Some(1)]).is_err());
        let small = TimeType::of("t", &DataType::Int8).unwrap();
        assert!(small.write(&[Some(1_000)]).is_err());
    }
}
