//! Sums and means of intervals and durations, which do not wrap around.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Decimal128Type, Field, FieldRef, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, TimeUnit,
};
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::Accumulator;
use datafusion::logical_expr::utils::format_state_name;
use headwater_common::Error;
use headwater_source::ErrorExt;

use super::STATE;
use crate::functions::{DAY_NS, INTERVAL, scale};

/// Whether sums of this type are computed here.
pub(super) fn is_length(result: &DataType) -> bool {
    *result == INTERVAL || matches!(result, DataType::Duration(_))
}

/// The parts of a sum on its way to the result.
const PARTS: [&str; 4] = ["months", "days", "nanoseconds", "count"];

pub(super) fn state_fields(name: &str) -> Vec<FieldRef> {
    PARTS.iter().map(|part| Arc::new(Field::new(format_state_name(name, part), STATE, true))).collect()
}

/// The sum or the mean of some intervals, which can also leave again. Each part is added by itself.
#[derive(Debug)]
pub(super) struct Lengths {
    /// Months, days, nanoseconds (of a duration its own unit), and the number of values.
    parts: [i128; 4],
    mean: bool,
    data_type: DataType,
}

impl Lengths {
    pub(super) fn sum(data_type: DataType) -> Self {
        Self { parts: [0; 4], mean: false, data_type }
    }

    pub(super) fn mean(data_type: DataType) -> Self {
        Self { mean: true, ..Self::sum(data_type) }
    }

    fn change(&mut self, values: &ArrayRef, sign: i128) -> Result<()> {
        let mut add = |parts: [i128; 3]| {
            for (sum, part) in self.parts.iter_mut().zip(parts.into_iter().chain([1])) {
                *sum += sign * part;
            }
        };
        match values.as_primitive_opt::<IntervalMonthDayNanoType>() {
            Some(intervals) => intervals
                .iter()
                .flatten()
                .for_each(|i| add([i128::from(i.months), i128::from(i.days), i128::from(i.nanoseconds)])),
            None => {
                let ticks = cast(values, &DataType::Int64)?;
                ticks.as_primitive::<Int64Type>().iter().flatten().for_each(|ticks| add([0, 0, i128::from(ticks)]));
            }
        }
        Ok(())
    }

    /// The value as an interval; time that does not fit its part is carried to the days.
    fn interval(&self) -> Option<IntervalMonthDayNano> {
        let [months, days, nanoseconds, count] = self.parts;
        let (carried, time) = match i64::try_from(nanoseconds) {
            Ok(time) => (0, time),
            Err(_) => (nanoseconds / DAY_NS, i64::try_from(nanoseconds % DAY_NS).ok()?),
        };
        let sum = IntervalMonthDayNano::new(i32::try_from(months).ok()?, i32::try_from(days + carried).ok()?, time);
        if self.mean { scale(sum, |part| part / count as f64) } else { Some(sum) }
    }

    fn ticks(&self) -> Option<i64> {
        let [_, _, ticks, count] = self.parts;
        i64::try_from(if self.mean { ticks / count } else { ticks }).ok()
    }

    fn value(&self) -> Option<ScalarValue> {
        match self.data_type {
            DataType::Duration(unit) => self.ticks().map(|ticks| duration(Some(ticks), unit)),
            _ => self.interval().map(|interval| ScalarValue::IntervalMonthDayNano(Some(interval))),
        }
    }
}

fn duration(ticks: Option<i64>, unit: TimeUnit) -> ScalarValue {
    match unit {
        TimeUnit::Second => ScalarValue::DurationSecond(ticks),
        TimeUnit::Millisecond => ScalarValue::DurationMillisecond(ticks),
        TimeUnit::Microsecond => ScalarValue::DurationMicrosecond(ticks),
        TimeUnit::Nanosecond => ScalarValue::DurationNanosecond(ticks),
    }
}

fn overflow(data_type: &DataType) -> DataFusionError {
    let message = format!("interval overflow: the sum does not fit the type {data_type}; use sum(extract(epoch FROM ...))");
    Error::invalid(message).into_datafusion()
}

impl Accumulator for Lengths {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        values.iter().take(1).try_for_each(|values| self.change(values, 1))
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        values.iter().take(1).try_for_each(|values| self.change(values, -1))
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for (part, states) in self.parts.iter_mut().zip(states) {
            *part += states.as_primitive::<Decimal128Type>().iter().flatten().sum::<i128>();
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(self.parts.iter().map(|part| ScalarValue::Decimal128(Some(*part), 38, 0)).collect())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        match self.parts {
            [.., 0] => ScalarValue::try_from(&self.data_type),
            _ => self.value().ok_or_else(|| overflow(&self.data_type)),
        }
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{DurationNanosecondArray, IntervalMonthDayNanoArray};

    use super::*;

    #[test]
    fn time_is_carried_and_nothing_wraps_around() {
        let day = i64::try_from(DAY_NS).unwrap();
        let intervals: ArrayRef = Arc::new(IntervalMonthDayNanoArray::from(vec![
            Some(IntervalMonthDayNano::new(0, 1, day * 100_000)),
            None,
            Some(IntervalMonthDayNano::new(0, 2, day * 100_000)),
        ]));
        let mut sum = Lengths::sum(INTERVAL);
        sum.update_batch(&[Arc::clone(&intervals)]).unwrap();
        let carried = IntervalMonthDayNano::new(0, 200_003, 0);
        assert_eq!(sum.evaluate().unwrap(), ScalarValue::IntervalMonthDayNano(Some(carried)));
        let mut mean = Lengths::mean(INTERVAL);
        let states: Vec<ArrayRef> = sum.state().unwrap().iter().map(|s| s.to_array().unwrap()).collect();
        mean.merge_batch(&states).unwrap();
        let half = IntervalMonthDayNano::new(0, 100_001, day / 2);
        assert_eq!(mean.evaluate().unwrap(), ScalarValue::IntervalMonthDayNano(Some(half)));
        sum.retract_batch(&[intervals]).unwrap();
        assert!(sum.evaluate().unwrap().is_null());

        let durations: ArrayRef = Arc::new(DurationNanosecondArray::from(vec![i64::MAX, i64::MAX]));
        let mut sum = Lengths::sum(DataType::Duration(TimeUnit::Nanosecond));
        sum.update_batch(&[Arc::clone(&durations)]).unwrap();
        assert!(sum.evaluate().unwrap_err().to_string().contains("interval overflow"));
        let mut mean = Lengths::mean(DataType::Duration(TimeUnit::Nanosecond));
        mean.update_batch(&[durations]).unwrap();
        assert_eq!(mean.evaluate().unwrap(), ScalarValue::DurationNanosecond(Some(i64::MAX)));
    }
}
