//! FORECAST: the next steps of each series with intervals.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Field, SchemaRef};
use headwater_common::{Error, Result};
use headwater_forecasting::additive::Additive;
use headwater_forecasting::forecaster::HISTORY_MAX;
use headwater_forecasting::regressed::Regressed;
use headwater_forecasting::{Forecaster, HORIZON_MAX, Method, Training};
use headwater_timeseries::{Cancel, Series};

use super::columns::{DATA_COL, ID_COLS, ON_ERROR, Observations, SeriesColumns, TIMESTAMP_COL};
use super::global_forecast::GlobalForecast;
use super::levels;
use super::output::{Columns, schema, status_row};
use super::regular::{DUPLICATES, FILL, FREQUENCY, Regular, SEASONALITY};
use crate::table::{Arguments, Call, Definition, GroupFunction, Spec};

/// `horizon`.
pub(super) const HORIZON: Spec = Spec { name: "horizon", wanted: "a whole number of steps between 1 and 10000" };
/// Steps when no horizon is given.
pub(super) const HORIZON_USUAL: usize = 10;
const MODEL: Spec = Spec {
    name: "model",
    wanted: "one of 'auto', 'seasonal_naive', 'auto_ets', 'auto_theta', 'theta', 'dynamic_optimised_theta', 'auto_arima', 'ces', \
             'mstl', 'prophet', 'lstm', 'croston', 'sba', 'tsb', 'global_boosting'",
};
const REGRESSORS: Spec =
    Spec { name: "regressors", wanted: "a list of names of columns of numbers that are known for the steps to come too" };

/// The model that learns of all series together.
pub(crate) const GLOBAL: &str = "global_boosting";

/// See the module.
pub(crate) const DEFINITION: Definition = Definition {
    name: "FORECAST",
    arguments: &[
        TIMESTAMP_COL,
        DATA_COL,
        ID_COLS,
        HORIZON,
        MODEL,
        levels::CONFIDENCE_LEVELS,
        FREQUENCY,
        SEASONALITY,
        FILL,
        DUPLICATES,
        REGRESSORS,
        ON_ERROR,
    ],
    second_table: false,
    bind,
};

fn bind(arguments: &Arguments, fields: &[Arc<Field>]) -> Result<Call> {
    let regressors = arguments.texts("regressors")?;
    let columns = SeriesColumns::find(arguments, fields, &regressors)?;
    let global = arguments.text("model")? == Some(GLOBAL);
    let method = if global { Method::Auto } else { method(arguments, "model")?.unwrap_or(Method::Auto) };
    if !regressors.is_empty() && (global || matches!(method, Method::Croston | Method::Sba | Method::Tsb)) {
        return Err(Error::invalid("regressors of FORECAST are not used by models croston, sba, tsb and global_boosting"));
    }
    let levels = levels::read(arguments)?;
    let mut result = vec![
        (columns.time.name().clone(), columns.time_type.data_type().clone()),
        ("step".into(), DataType::Int64),
        ("forecast".into(), DataType::Float64),
    ];
    for level in &levels {
        for side in ["lower", "upper"] {
            result.push((format!("{side}_{}", levels::suffix(*level)), DataType::Float64));
        }
    }
    result.extend([("model".into(), DataType::Utf8), ("status".into(), DataType::Utf8)]);
    let schema = schema(&columns.ids, result);
    let function = Forecast {
        horizon: arguments.count("horizon", 1..=HORIZON_MAX, HORIZON_USUAL)?,
        method,
        levels,
        regular: Regular::read(arguments, &columns.time_type)?,
        columns,
        schema: Arc::clone(&schema),
    };
    let (places, ids) = (function.columns.places.clone(), function.columns.ids.len());
    let sorted = places.len();
    if global {
        // All series are one group: the model learns of all of them.
        return Ok(Call { sorted, columns: places, ids: 0, schema, function: Arc::new(GlobalForecast(function)) });
    }
    Ok(Call { sorted, columns: places, ids, schema, function: Arc::new(function) })
}

/// The method that an argument names.
pub(super) fn method(arguments: &Arguments, name: &str) -> Result<Option<Method>> {
    let Some(text) = arguments.text(name)? else { return Ok(None) };
    let found = Method::ALL.iter().find(|(known, _)| *known == text);
    found.map(|(_, method)| Some(*method)).ok_or_else(|| arguments.wrong(name, format!("'{text}'")))
}

#[derive(Debug)]
pub(super) struct Forecast {
    pub(super) columns: SeriesColumns,
    pub(super) schema: SchemaRef,
    pub(super) horizon: usize,
    method: Method,
    pub(super) levels: Vec<f64>,
    pub(super) regular: Regular,
}

impl Forecast {
    fn forecaster(&self, observed: &Observations, series: &Series, steps: usize) -> Result<Box<dyn Forecaster>> {
        if observed.others.is_empty() {
            return Ok(self.method.forecaster(steps));
        }
        let regressors = observed.others.iter().zip(&self.columns.others);
        let regressors = regressors.map(|(values, name)| known(series, &observed.times, values, self.horizon, name));
        let regressors = regressors.collect::<Result<_>>()?;
        Ok(match self.method {
            Method::Prophet => Box::new(Additive { regressors, ..Additive::default() }),
            other => Box::new(Regressed { rest: other.forecaster(steps), regressors }),
        })
    }

    /// The rows of a series, `ahead` steps after its values: forecasts, and for each level the intervals.
    pub(super) fn rows(
        &self,
        group: &RecordBatch,
        series: &Series,
        ahead: usize,
        forecast: Vec<f64>,
        intervals: &[Vec<(f64, f64)>],
        model: &str,
    ) -> Result<RecordBatch> {
        let first = i64::try_from(series.values.len() + ahead).map_err(|_| Error::internal("a series that is too long"))?;
        let times: Vec<Option<i64>> = (first..).take(self.horizon).map(|place| series.grid.time(place)).collect();
        if times.iter().any(Option::is_none) {
            return Err(Error::invalid("a forecast time is out of range"));
        }
        let columns = Columns::new(self.horizon).array(self.columns.time_type.write(&times)?);
        let mut columns = columns.wholes(1..=self.horizon).doubles(forecast);
        for level in intervals {
            columns = columns.doubles(level.iter().map(|i| i.0)).doubles(level.iter().map(|i| i.1));
        }
        columns.text(model).text("").with_ids(&self.schema, group, self.columns.ids.len())
    }
}

/// Steps from the last value to the last one that is asked for. Errors: they are too many.
pub(crate) fn reach(ahead: usize, horizon: usize) -> Result<usize> {
    match ahead + horizon {
        steps if steps <= HORIZON_MAX => Ok(steps),
        steps => Err(Error::invalid(format!(
            "the last value is {steps} steps before the end; at most {HORIZON_MAX} are forecast"
        ))),
    }
}

/// A regressor at every place of the history (a line between neighbours where it is missing) and every step to come.
fn known(series: &Series, times: &[i64], values: &[f64], horizon: usize, name: &str) -> Result<Vec<f64>> {
    let history = series.values.len();
    let mut sums = vec![(0.0, 0.0); history + horizon];
    for (time, value) in times.iter().zip(values).filter(|(_, v)| v.is_finite()) {
        if let Some(slot) = usize::try_from(series.grid.place(*time)).ok().and_then(|place| sums.get_mut(place)) {
            *slot = (slot.0 + value, slot.1 + 1.0);
        }
    }
    let mut out: Vec<f64> = sums.into_iter().map(|(sum, count)| sum / count).collect();
    if out[history..].iter().any(|v| v.is_nan()) {
        return Err(Error::invalid(format!("regressor \"{name}\" lacks a value for one of the {horizon} steps to come")));
    }
    let places: Vec<usize> = (0..history).filter(|i| !out[*i].is_nan()).collect();
    let Some(first) = places.first().copied() else {
        return Err(Error::invalid(format!("regressor \"{name}\" has no value in the past")));
    };
    let start = out[first];
    out[..first].fill(start);
    let ends = places.iter().copied().zip(places.iter().copied().skip(1).chain([history]));
    for (from, to) in ends {
        for place in from + 1..to {
            let share = (place - from) as f64 / (to - from) as f64;
            out[place] = out[from] + share * (out[to] - out[from]);
        }
    }
    // A fit sees the last values only.
    Ok(out.split_off(history.saturating_sub(HISTORY_MAX)))
}

impl GroupFunction for Forecast {
    fn run(&self, group: &RecordBatch, cancel: &Cancel) -> Result<RecordBatch> {
        let observed = self.columns.read(group)?;
        // Rows after the last value only tell what the regressors will be.
        let end = match observed.others.is_empty() {
            true => observed.values.len(),
            false => observed.values.iter().rposition(|v| !v.is_nan()).map_or(0, |last| last + 1),
        };
        let (series, ahead) = self.regular.observed(&observed.times[..end], &observed.values[..end])?;
        let steps = reach(ahead, self.horizon)?;
        let periods = self.regular.seasons(&series);
        let training = Training { cancel: cancel.clone(), ..Training::new(&series.values, &periods) };
        let fit = self.forecaster(&observed, &series, steps)?.fit(&training)?;
        let forecast = fit.forecast(steps)?.split_off(ahead);
        let bounds = |level: &f64| fit.intervals(steps, *level).map(|mut all| all.split_off(ahead));
        let intervals = self.levels.iter().map(bounds);
        let intervals = intervals.collect::<Result<Vec<_>>>()?;
        self.rows(group, &series, ahead, forecast, &intervals, &fit.model())
    }

    fn failed(&self, group: &RecordBatch, status: &str) -> Result<RecordBatch> {
        status_row(&self.schema, group, self.columns.ids.len(), status)
    }

    fn aborts(&self) -> bool {
        self.columns.aborts
    }

    fn bytes_per_row(&self) -> usize {
        96
    }
}
