//! BACKTEST: how good methods would have been at earlier times.

use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, SchemaRef};
use headwater_common::clock::Stopwatch;
use headwater_common::{Error, Result};
use headwater_forecasting::{HORIZON_MAX, Method, Training};
use headwater_timeseries::backtest::{Fold, rolling_origins};
use headwater_timeseries::{Cancel, metrics};

use super::columns::{DATA_COL, ID_COLS, ON_ERROR, SeriesColumns, TIMESTAMP_COL};
use super::forecast::{HORIZON, HORIZON_USUAL};
use super::levels;
use super::output::{Columns, schema, status_row};
use super::regular::{DUPLICATES, FILL, FREQUENCY, Regular, SEASONALITY};
use crate::table::{Arguments, Call, Definition, GroupFunction, Spec};

const FOLDS: Spec = Spec { name: "folds", wanted: "a whole number between 1 and 100" };
const MODELS: Spec = Spec {
    name: "models",
    wanted: "one or a list of 'auto', 'seasonal_naive', 'auto_ets', 'auto_theta', 'theta', 'dynamic_optimised_theta', \
             'auto_arima', 'ces', 'mstl', 'prophet', 'lstm', 'croston', 'sba', 'tsb'",
};

/// Given by trainings alone, which measure what they can.
pub(crate) const SHORTENS: &str = "__shortens";

/// Least number of values to fit on.
const HISTORY_MIN: usize = 8;

/// See the module.
pub(crate) const DEFINITION: Definition = Definition {
    name: "BACKTEST",
    arguments: &[
        TIMESTAMP_COL,
        DATA_COL,
        ID_COLS,
        HORIZON,
        FOLDS,
        MODELS,
        levels::CONFIDENCE_LEVELS,
        FREQUENCY,
        SEASONALITY,
        FILL,
        DUPLICATES,
        ON_ERROR,
    ],
    second_table: false,
    bind,
};

fn bind(arguments: &Arguments, fields: &[Arc<Field>]) -> Result<Call> {
    let columns = SeriesColumns::find(arguments, fields, &[])?;
    let names = arguments.texts("models")?;
    let named = |name: &str| {
        let found = Method::ALL.iter().find(|(known, _)| *known == name);
        found.copied().ok_or_else(|| arguments.wrong("models", format!("'{name}'")))
    };
    let models = match names.is_empty() {
        true => vec![("auto", Method::Auto)],
        false => names.into_iter().map(named).collect::<Result<Vec<_>>>()?,
    };
    let levels = levels::read(arguments)?;
    let mut result = vec![
        ("fold".into(), DataType::Int64),
        ("model".into(), DataType::Utf8),
        ("smape".into(), DataType::Float64),
        ("mase".into(), DataType::Float64),
    ];
    result.extend(levels.iter().map(|level| (format!("coverage_{}", levels::suffix(*level)), DataType::Float64)));
    result.extend([("msis".into(), DataType::Float64), ("seconds".into(), DataType::Float64)]);
    result.push(("status".into(), DataType::Utf8));
    let schema = schema(&columns.ids, result);
    let function = Backtest {
        horizon: arguments.count("horizon", 1..=HORIZON_MAX, HORIZON_USUAL)?,
        folds: arguments.count("folds", 1..=100, 5)?,
        shortens: arguments.boolean(SHORTENS, false)?,
        models,
        levels,
        regular: Regular::read(arguments, &columns.time_type)?,
        columns,
        schema: Arc::clone(&schema),
    };
    let (places, ids) = (function.columns.places.clone(), function.columns.ids.len());
    Ok(Call { sorted: places.len(), columns: places, ids, schema, function: Arc::new(function) })
}

#[derive(Debug)]
struct Backtest {
    columns: SeriesColumns,
    schema: SchemaRef,
    horizon: usize,
    folds: usize,
    /// Whether a short series has fewer folds or steps instead of none.
    shortens: bool,
    models: Vec<(&'static str, Method)>,
    levels: Vec<f64>,
    regular: Regular,
}

/// What one method did in one fold.
#[derive(Debug)]
struct Outcome {
    fold: usize,
    model: &'static str,
    smape: f64,
    mase: f64,
    coverages: Vec<f64>,
    msis: f64,
    seconds: f64,
    status: String,
}

impl Backtest {
    /// The folds of a series of some length. Errors: it has too few values for all of them.
    fn split(&self, length: usize) -> Result<Vec<Fold>> {
        let folds = rolling_origins(length, self.horizon, self.folds, self.horizon, HISTORY_MIN);
        let all = folds.len() == self.folds && folds.iter().all(|f| f.steps == self.horizon);
        if all || (self.shortens && !folds.is_empty()) {
            return Ok(folds);
        }
        let needed = HISTORY_MIN + self.folds * self.horizon;
        let (folds, steps) = (self.folds, self.horizon);
        Err(Error::invalid(format!(
            "a backtest of {folds} folds of {steps} steps needs at least {needed} values; the series has {length}"
        )))
    }

    fn outcome(
        &self,
        fold: (usize, Fold),
        model: (&'static str, Method),
        values: &[f64],
        training: &Training<'_>,
    ) -> Outcome {
        let (number, fold) = fold;
        let mut outcome = Outcome {
            fold: number,
            model: model.0,
            smape: f64::NAN,
            mase: f64::NAN,
            coverages: vec![f64::NAN; self.levels.len()],
            msis: f64::NAN,
            seconds: f64::NAN,
            status: String::new(),
        };
        let (history, actual) = (&values[..fold.origin], &values[fold.origin..fold.origin + fold.steps]);
        if let Err(e) = self.measure(&mut outcome, model.1, history, actual, training) {
            outcome.status = e.message().to_owned();
        }
        outcome
    }

    fn measure(
        &self,
        outcome: &mut Outcome,
        method: Method,
        history: &[f64],
        actual: &[f64],
        training: &Training<'_>,
    ) -> Result<()> {
        let clock = Stopwatch::start();
        let fit = method.forecaster(actual.len()).fit(&training.with_values(history))?;
        let forecast = fit.forecast(actual.len())?;
        outcome.seconds = clock.elapsed().as_secs_f64();
        let period = training.with_values(history).period(usize::MAX);
        outcome.smape = metrics::smape(actual, &forecast);
        outcome.mase = metrics::mase(history, actual, &forecast, period);
        for (level, coverage) in self.levels.iter().zip(&mut outcome.coverages) {
            let intervals = fit.intervals(actual.len(), *level)?;
            *coverage = metrics::coverage(actual, &intervals);
            // Levels ascend: the last one stays.
            outcome.msis = metrics::msis(history, actual, &intervals, *level, period);
        }
        Ok(())
    }
}

impl GroupFunction for Backtest {
    fn run(&self, group: &RecordBatch, cancel: &Cancel) -> Result<RecordBatch> {
        let observed = self.columns.read(group)?;
        let (series, _) = self.regular.observed(&observed.times, &observed.values)?;
        let periods = self.regular.seasons(&series);
        let training = Training { cancel: cancel.clone(), ..Training::new(&series.values, &periods) };
        let folds = self.split(series.values.len())?;
        let mut outcomes = Vec::new();
        for (i, fold) in folds.into_iter().enumerate() {
            for model in &self.models {
                cancel.check()?;
                outcomes.push(self.outcome((i + 1, fold), *model, &series.values, &training));
            }
        }
        cancel.check()?;
        if self.columns.aborts
            && let Some(failed) = outcomes.iter().find(|o| !o.status.is_empty())
        {
            return Err(Error::invalid(failed.status.clone()));
        }
        let columns = Columns::new(outcomes.len()).wholes(outcomes.iter().map(|o| o.fold));
        let columns = columns.array(Arc::new(StringArray::from_iter_values(outcomes.iter().map(|o| o.model))));
        let mut columns = columns.doubles(outcomes.iter().map(|o| o.smape)).doubles(outcomes.iter().map(|o| o.mase));
        for i in 0..self.levels.len() {
            columns = columns.doubles(outcomes.iter().map(|o| o.coverages[i]));
        }
        let columns = columns.doubles(outcomes.iter().map(|o| o.msis)).doubles(outcomes.iter().map(|o| o.seconds));
        let status = StringArray::from_iter_values(outcomes.iter().map(|o| o.status.as_str()));
        columns.array(Arc::new(status)).with_ids(&self.schema, group, self.columns.ids.len())
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
