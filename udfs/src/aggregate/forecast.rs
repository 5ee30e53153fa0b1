//! `forecast_agg(time, value, horizon [, model])`: a forecast of a group's series as a list.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, ListArray, StructArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, Float64Type, Int64Type};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, Signature, Volatility};
use headwater_common::{Error, ErrorKind};
use headwater_forecasting::{HORIZON_MAX, Method, Training};
use headwater_timeseries::series::{Duplicates, Fill, Regularize};
use headwater_timeseries::{Cancel, Frequency, seasonality};

use crate::error::{arrow, outward};
use crate::series::forecast::reach;
use crate::series::times::TimeType;

/// See the module.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct ForecastAgg {
    signature: Signature,
}

impl Default for ForecastAgg {
    fn default() -> Self {
        Self { signature: Signature::variadic_any(Volatility::Immutable) }
    }
}

fn steps(time: &DataType) -> Fields {
    Fields::from(vec![
        Field::new("ts", time.clone(), true),
        Field::new("step", DataType::Int64, true),
        Field::new("forecast", DataType::Float64, true),
        Field::new("lower_95", DataType::Float64, true),
        Field::new("upper_95", DataType::Float64, true),
    ])
}

fn list(of: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(of, true)))
}

fn wrong() -> Error {
    let names: Vec<&str> = Method::ALL.iter().map(|(name, _)| *name).collect();
    Error::invalid(format!(
        "forecast_agg is called as forecast_agg(time, value, horizon [, model]) with a time, a number, a whole number between 1 \
         and {HORIZON_MAX} and one of {}",
        names.join(", ")
    ))
}

impl AggregateUDFImpl for ForecastAgg {
    fn name(&self) -> &str {
        "forecast_agg"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [time, value, horizon, model @ ..]
                if (value.is_numeric() || value.is_null())
                    && horizon.is_integer()
                    && model.len() < 2
                    && model.iter().all(DataType::is_string) =>
            {
                TimeType::of("time", time).map_err(outward)?;
                Ok(list(DataType::Struct(steps(time))))
            }
            _ => Err(outward(wrong())),
        }
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct {
            return Err(outward(Error::unsupported("forecast_agg does not take DISTINCT")));
        }
        let data_type = args.expr_fields.first().map(|f| f.data_type()).ok_or_else(|| outward(wrong()))?;
        let time = TimeType::of("time", data_type).map_err(outward)?;
        Ok(Box::new(Collected { time, times: Vec::new(), values: Vec::new(), horizon: None, model: None }))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let field = |name: &str, data_type| Arc::new(Field::new(format_state_name(args.name, name), data_type, true));
        Ok(vec![
            field("times", list(DataType::Int64)),
            field("values", list(DataType::Float64)),
            field("horizon", DataType::Int64),
            field("model", DataType::Utf8),
        ])
    }
}

/// The observations of a group.
#[derive(Debug)]
struct Collected {
    time: TimeType,
    times: Vec<i64>,
    values: Vec<f64>,
    horizon: Option<i64>,
    model: Option<String>,
}

impl Collected {
    fn settings(&mut self, horizons: &ArrayRef, models: Option<&ArrayRef>) -> Result<()> {
        for horizon in horizons.as_primitive::<Int64Type>().iter().flatten() {
            if *self.horizon.get_or_insert(horizon) != horizon {
                return Err(outward(Error::invalid("the horizon of forecast_agg must be the same in every row")));
            }
        }
        for model in models.iter().flat_map(|m| m.as_string::<i32>().iter()).flatten() {
            if self.model.get_or_insert_with(|| model.to_owned()) != model {
                return Err(outward(Error::invalid("the model of forecast_agg must be the same in every row")));
            }
        }
        Ok(())
    }

    /// Steps and method of the call.
    fn call(&self) -> headwater_common::Result<(usize, Method)> {
        let horizon = self.horizon.and_then(|h| usize::try_from(h).ok()).filter(|h| (1..=HORIZON_MAX).contains(h));
        Ok((horizon.ok_or_else(wrong)?, Method::named(self.model.as_deref().unwrap_or("auto"))?))
    }

    fn forecast(&self, horizon: usize, method: Method, cancel: &Cancel) -> headwater_common::Result<StructArray> {
        // In order, so that the result does not depend on how the rows came.
        let mut rows: Vec<(i64, f64)> = self.times.iter().copied().zip(self.values.iter().copied()).collect();
        rows.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let (times, values): (Vec<i64>, Vec<f64>) = rows.into_iter().unzip();
        let frequency = self.time.settled(Frequency::infer(&times, self.time.zone().as_ref())?)?;
        let rule = Regularize {
            frequency: Some(frequency),
            zone: Arc::clone(self.time.zone()),
            fill: Fill::Linear,
            duplicates: Duplicates::Mean,
        };
        let mut series = rule.series(&times, &values)?;
        let ahead = series.cut_unobserved_end(&times, &values);
        let reached = reach(ahead, horizon)?;
        let periods = match self.time.is_number() {
            true => seasonality::search(&series.values).iter().map(|s| s.period).collect(),
            false => frequency.periods(),
        };
        let training = Training { cancel: cancel.clone(), ..Training::new(&series.values, &periods) };
        let fit = method.forecaster(reached).fit(&training)?;
        let (forecast, intervals) =
            (fit.forecast(reached)?.split_off(ahead), fit.intervals(reached, 0.95)?.split_off(ahead));
        let first = i64::try_from(series.values.len() + ahead).unwrap_or(i64::MAX);
        let next: Vec<Option<i64>> = (first..).take(horizon).map(|place| series.grid.time(place)).collect();
        let doubles = |values: Vec<f64>| Arc::new(Float64Array::from(values)) as ArrayRef;
        let columns: Vec<ArrayRef> = vec![
            self.time.write(&next)?,
            Arc::new((1..=horizon).map(|step| i64::try_from(step).ok()).collect::<Int64Array>()),
            doubles(forecast),
            doubles(intervals.iter().map(|i| i.0).collect()),
            doubles(intervals.iter().map(|i| i.1).collect()),
        ];
        StructArray::try_new(steps(self.time.data_type()), columns, None).map_err(arrow)
    }
}

impl Accumulator for Collected {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let models = values.get(3).map(|models| cast(models, &DataType::Utf8)).transpose()?;
        self.settings(&cast(&values[2], &DataType::Int64)?, models.as_ref())?;
        let times = self.time.read(&values[0]).map_err(outward)?;
        let values = cast(&values[1], &DataType::Float64)?;
        for (time, value) in times.into_iter().zip(values.as_primitive::<Float64Type>().iter()) {
            if let Some(time) = time {
                self.times.push(time);
                self.values.push(value.unwrap_or(f64::NAN));
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let none = ScalarValue::try_from(&list(DataType::Struct(steps(self.time.data_type()))))?;
        if self.times.is_empty() {
            return Ok(none);
        }
        // A call that is wrong is an error, a series that cannot be forecast is null.
        let (horizon, method) = self.call().map_err(outward)?;
        let cancel = Cancel::of_query();
        let made = match catch_unwind(AssertUnwindSafe(|| self.forecast(horizon, method, &cancel))) {
            Ok(Ok(made)) => made,
            Ok(Err(e)) if e.kind() == ErrorKind::Cancelled => return Err(outward(e)),
            Ok(Err(_)) | Err(_) => return Ok(none),
        };
        let field = Arc::new(Field::new_list_field(made.data_type().clone(), true));
        let offsets = OffsetBuffer::from_lengths([made.len()]);
        let list = ListArray::try_new(field, offsets, Arc::new(made), None).map_err(arrow).map_err(outward)?;
        Ok(ScalarValue::List(Arc::new(list)))
    }

    fn size(&self) -> usize {
        size_of_val(self) + 8 * (self.times.capacity() + self.values.capacity())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let times = ListArray::from_iter_primitive::<Int64Type, _, _>([Some(self.times.iter().map(|t| Some(*t)))]);
        let values = ListArray::from_iter_primitive::<Float64Type, _, _>([Some(self.values.iter().map(|v| Some(*v)))]);
        Ok(vec![
            ScalarValue::List(Arc::new(times)),
            ScalarValue::List(Arc::new(values)),
            ScalarValue::Int64(self.horizon),
            ScalarValue::Utf8(self.model.clone()),
        ])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.settings(&states[2], states.get(3))?;
        for list in states[0].as_list::<i32>().iter().flatten() {
            self.times.extend(list.as_primitive::<Int64Type>().values());
        }
        for list in states[1].as_list::<i32>().iter().flatten() {
            self.values.extend(list.as_primitive::<Float64Type>().values());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use headwater_common::stop;

    use super::*;

    #[test]
    fn a_stopped_query_ends_inside_a_fit() {
        let time = TimeType::of("t", &DataType::Int64).unwrap();
        let (times, values) = (0..500).map(|i| (i, (i % 7) as f64)).unzip();
        let mut series = Collected { time, times, values, horizon: Some(3), model: Some("auto".into()) };
        let stopped = Arc::new(AtomicBool::new(true));
        let error = stop::within(stopped, || series.evaluate()).unwrap_err();
        assert!(error.to_string().contains("cancelled"), "{error}");
        assert!(!series.evaluate().unwrap().is_null());
    }
}
