//! CREATE MODEL with task = 'forecast': each series is forecast and measured, and the forecasts are stored.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray, new_null_array,
};
use datafusion::arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, SchemaRef};
use datafusion::arrow::row::{RowConverter, SortField};
use headwater_common::clock::{Stopwatch, unix_micros};
use headwater_common::{Error, ErrorKind, Result};
use headwater_registry::{About, Fingerprint};
use headwater_timeseries::Cancel;

use super::publication::Publication;
use crate::error::arrow;
use crate::models::call::{Fitted, ModelFunction, Outcome};
use crate::models::series_model::SeriesModel;
use crate::series::{backtest, forecast};
use crate::table::{Arguments, Call, Constant, Definition, GroupFunction};

/// The task.
pub(super) const TASK: &str = "forecast";
/// Options of this task alone.
const OWN: &[&str] = &["horizon", "confidence_levels", "frequency", "seasonality", "fill", "duplicates"];
/// Options that it shares with others.
const SHARED: &[&str] = &["task", "target", "algorithm", "timestamp_col", "id_cols", "folds"];
/// Columns that are added to the forecasts of a series.
const ADDED: [&str; 4] = ["__smape", "__mase", "__rows", "__fingerprint"];
const FOLDS_USUAL: usize = 2;

/// Errors: an option is of this task and another one is asked for.
pub(super) fn refuse_options(arguments: &Arguments) -> Result<()> {
    match arguments.given().find(|(name, _)| OWN.contains(name)) {
        Some((name, _)) => Err(Error::invalid(format!("{name} of CREATE MODEL belongs to task = 'forecast'"))),
        None => Ok(()),
    }
}

/// The function over each series, and the one over all that it gives.
pub(super) fn bind(arguments: &Arguments, fields: &[Arc<Field>], publication: Publication) -> Result<(Call, Forecasts)> {
    let other =
        arguments.given().find(|(name, _)| !name.starts_with("__") && !OWN.contains(name) && !SHARED.contains(name));
    if let Some((name, _)) = other {
        return Err(Error::invalid(format!(
            "{name} of CREATE MODEL does not belong to task = 'forecast', which takes {}, {}",
            SHARED.join(", "),
            OWN.join(", ")
        )));
    }
    let target = arguments.text("target")?.ok_or_else(|| arguments.missing("target"))?.to_owned();
    let algorithm = arguments.text("algorithm")?.unwrap_or("auto").to_owned();
    if algorithm == forecast::GLOBAL {
        return Err(Error::unsupported(format!(
            "algorithm = '{algorithm}' cannot be stored; use FORECAST(..., model => '{algorithm}')"
        )));
    }
    let forecast = translated(&forecast::DEFINITION, arguments, "model", fields)?;
    let folds = Constant::Number(arguments.count("folds", 1..=100, FOLDS_USUAL)?.to_string());
    let mut measuring = measured(arguments);
    measuring.extend([("folds", folds), ("models", Constant::Text(algorithm.clone()))]);
    measuring.push(("confidence_levels", Constant::List(Vec::new())));
    measuring.push((backtest::SHORTENS, Constant::Boolean(true)));
    let definition = &backtest::DEFINITION;
    let backtest = (definition.bind)(&Arguments::of(definition.name, definition.arguments, measuring), fields)?;
    let types = [DataType::Float64, DataType::Float64, DataType::Int64, DataType::Utf8];
    let added = ADDED.iter().zip(types).map(|(name, t)| Field::new(*name, t, true));
    let columns = forecast.schema.fields().iter().map(|f| f.as_ref().clone()).chain(added);
    let schema = Arc::new(Schema::new(columns.collect::<Vec<_>>()));
    let (ids, horizon) = (forecast.ids, arguments.count("horizon", 1..=10_000, 10)?);
    let function = Measured { forecast: forecast.function, backtest: backtest.function, schema: Arc::clone(&schema) };
    let each = Call { schema, function: Arc::new(function), ..forecast };
    Ok((each, Forecasts { publication, target, algorithm, ids, horizon }))
}

/// The options as arguments of FORECAST.
fn translated(definition: &Definition, arguments: &Arguments, model: &'static str, fields: &[Arc<Field>]) -> Result<Call> {
    let mut values = measured(arguments);
    values.extend(arguments.get("algorithm").map(|value| (model, value.clone())));
    values.extend(arguments.get("confidence_levels").map(|value| ("confidence_levels", value.clone())));
    (definition.bind)(&Arguments::of(definition.name, definition.arguments, values), fields)
}

/// Those that FORECAST and BACKTEST both take.
fn measured(arguments: &Arguments) -> Vec<(&'static str, Constant)> {
    let names = [
        ("timestamp_col", "timestamp_col"),
        ("target", "data_col"),
        ("id_cols", "id_cols"),
        ("horizon", "horizon"),
        ("frequency", "frequency"),
        ("seasonality", "seasonality"),
        ("fill", "fill"),
        ("duplicates", "duplicates"),
    ];
    names.iter().filter_map(|(option, name)| Some((*name, arguments.get(option)?.clone()))).collect()
}

/// Forecasts a series and measures what the forecasts would have been before.
#[derive(Debug)]
struct Measured {
    forecast: Arc<dyn GroupFunction>,
    backtest: Arc<dyn GroupFunction>,
    schema: SchemaRef,
}

impl Measured {
    fn with(&self, rows: &RecordBatch, added: [ArrayRef; 4]) -> Result<RecordBatch> {
        let columns = rows.columns().iter().map(Arc::clone).chain(added).collect();
        RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(arrow)
    }
}

impl GroupFunction for Measured {
    fn run(&self, group: &RecordBatch, cancel: &Cancel) -> Result<RecordBatch> {
        let rows = self.forecast.run(group, cancel)?;
        let (smape, mase) = match self.backtest.run(group, cancel) {
            Ok(folds) => (mean(&folds, "smape"), mean(&folds, "mase")),
            Err(e) if e.kind() == ErrorKind::Cancelled => return Err(e),
            // A series that is too short has a forecast and no measure.
            Err(_) => (None, None),
        };
        let (count, print) = (rows.num_rows(), fingerprint(group)?);
        let of = i64::try_from(group.num_rows()).unwrap_or(i64::MAX);
        self.with(
            &rows,
            [
                Arc::new(Float64Array::from(vec![smape; count])),
                Arc::new(Float64Array::from(vec![mase; count])),
                Arc::new(Int64Array::from(vec![of; count])),
                Arc::new(StringArray::from(vec![print; count])),
            ],
        )
    }

    fn failed(&self, group: &RecordBatch, status: &str) -> Result<RecordBatch> {
        let rows = self.forecast.failed(group, status)?;
        let count = rows.num_rows();
        let of = i64::try_from(group.num_rows()).unwrap_or(i64::MAX);
        self.with(
            &rows,
            [
                new_null_array(&DataType::Float64, count),
                new_null_array(&DataType::Float64, count),
                Arc::new(Int64Array::from(vec![of; count])),
                Arc::new(StringArray::from(vec![fingerprint(group)?; count])),
            ],
        )
    }

    fn aborts(&self) -> bool {
        self.forecast.aborts()
    }

    fn bytes_per_row(&self) -> usize {
        self.forecast.bytes_per_row() + self.backtest.bytes_per_row()
    }
}

fn mean(rows: &RecordBatch, column: &str) -> Option<f64> {
    let values: Vec<f64> = rows.column_by_name(column)?.as_primitive::<Float64Type>().iter().flatten().collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn fingerprint(group: &RecordBatch) -> Result<String> {
    let schema = group.schema();
    let types: Vec<String> = schema.fields().iter().map(|f| f.data_type().to_string()).collect();
    let columns: Vec<(&str, &str)> =
        schema.fields().iter().zip(&types).map(|(f, t)| (f.name().as_str(), t.as_str())).collect();
    let mut fingerprint = Fingerprint::new(&columns);
    let fields = schema.fields().iter().map(|f| SortField::new(f.data_type().clone())).collect();
    let rows = RowConverter::new(fields).and_then(|c| c.convert_columns(group.columns())).map_err(arrow)?;
    rows.iter().for_each(|row| fingerprint.row(row.as_ref()));
    Ok(fingerprint.finish())
}

/// Stores the forecasts of all series.
#[derive(Debug)]
pub(super) struct Forecasts {
    publication: Publication,
    target: String,
    algorithm: String,
    ids: usize,
    horizon: usize,
}

#[async_trait]
impl ModelFunction for Forecasts {
    async fn before(&self) -> Result<Option<RecordBatch>> {
        self.publication.before().await
    }

    fn run(&self, rows: &RecordBatch, cancel: &Cancel) -> Result<Outcome> {
        let watch = Stopwatch::start();
        cancel.check()?;
        let forecasts = rows.num_columns().saturating_sub(ADDED.len());
        let added = |name: &str| {
            rows.column_by_name(name).ok_or_else(|| Error::internal("the forecasts of a training lost a column"))
        };
        let steps = added("step")?.as_primitive::<Int64Type>();
        // One row a series: its first step, or the one that says why there is none.
        let firsts: Vec<usize> = (0..rows.num_rows()).filter(|r| steps.is_null(*r) || steps.value(*r) == 1).collect();
        let failed: Vec<usize> = firsts.iter().copied().filter(|r| steps.is_null(*r)).collect();
        if failed.len() == firsts.len() {
            let status = added("status")?.as_string::<i32>();
            let why = failed.first().map_or("the query has no rows", |row| status.value(*row));
            return Err(Error::invalid(format!("no series could be forecast: {why}")));
        }
        let mean = |name: &str| -> Result<Option<f64>> {
            let column = added(name)?.as_primitive::<Float64Type>();
            let values: Vec<f64> = firsts.iter().filter(|r| column.is_valid(**r)).map(|r| column.value(*r)).collect();
            Ok((!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64))
        };
        let (smape, mase) = (mean("__smape")?, mean("__mase")?);
        let counts = added("__rows")?.as_primitive::<Int64Type>();
        let prints = added("__fingerprint")?.as_string::<i32>();
        let mut fingerprint = Fingerprint::new(&[("series", "fingerprint")]);
        firsts.iter().for_each(|row| fingerprint.row(prints.value(*row).as_bytes()));
        let order = &self.publication.order;
        let option = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut options = vec![
            option("target", &self.target),
            option("algorithm", &self.algorithm),
            option("parameters", &format!("horizon={}", self.horizon)),
        ];
        options.extend(order.options.iter().cloned());
        let mut metrics: Vec<(String, f64)> = smape.map(|v| ("smape".to_owned(), v)).into_iter().collect();
        metrics.extend(mase.map(|v| ("mase".to_owned(), v)));
        metrics.extend([("series".to_owned(), firsts.len() as f64), ("failed_series".to_owned(), failed.len() as f64)]);
        let about = About {
            created_us: unix_micros(),
            query: order.query.clone(),
            fingerprint: fingerprint.finish(),
            rows: firsts.iter().map(|row| counts.value(*row).unsigned_abs()).sum(),
            seed: 0,
            metrics,
            score: smape.map(|v| -v),
            options,
        };
        let model = SeriesModel::of(&rows.project(&(0..forecasts).collect::<Vec<_>>()).map_err(arrow)?, self.ids)?;
        let seconds = watch.elapsed().as_secs_f64();
        Ok(Outcome::Model(Box::new(Fitted { artifact: model.to_artifact(), about, seconds })))
    }

    async fn after(&self, outcome: Outcome) -> Result<RecordBatch> {
        self.publication.after(outcome).await
    }

    fn bytes_per_row(&self) -> usize {
        256
    }
}
