//! ML_EXPLAIN: which columns a model looks at, over all rows or row by row.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, RecordBatch, RecordBatchOptions, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use headwater_common::{Error, Result};
use headwater_supervised::metrics::Metric;
use headwater_supervised::{Context, Predictions};
use headwater_timeseries::Cancel;

use super::call::{ModelCall, ModelFunction, Outcome};
use super::evaluate::with_target;
use super::library::Loaded;
use super::planner::{MODEL, VERSION};
use super::predict::{classes, map_type, maps, read_places, type_of};
use super::rows::table_of;
use super::stored::RowModel;
use crate::error::arrow;
use crate::table::{Arguments, Spec};

/// Name of the function.
pub(crate) const NAME: &str = "ML_EXPLAIN";
const METHOD: Spec = Spec {
    name: "method",
    wanted: "'shapley' (what each column adds to the prediction of each row) or 'permutation' (how much worse the model \
             gets when a column is shuffled)",
};
const METRIC: Spec = Spec { name: "metric", wanted: "the name of a metric of ML_EVALUATE, for method => 'permutation'" };
const REPEATS: Spec = Spec { name: "repeats", wanted: "a whole number between 1 and 100, for method => 'permutation'" };
/// Its arguments.
pub(crate) const ARGUMENTS: &[Spec] = &[MODEL, VERSION, METHOD, METRIC, REPEATS];
const REPEATS_USUAL: usize = 5;

/// Importance of each column in the fit; without a table nothing else is known.
pub(crate) fn importance(loaded: &Loaded, arguments: &Arguments) -> Result<RecordBatch> {
    if let Some((name, _)) = arguments.given().find(|(name, _)| !matches!(*name, "model" | "version")) {
        return Err(Error::invalid(format!(
            "{name} of {NAME} needs a table: {NAME}(MODEL => 'm', TABLE t, {name} => ...)"
        )));
    }
    let model = loaded.rows()?;
    let shares = model.trained.importance().ok_or_else(|| {
        Error::unsupported(format!(
            "an algorithm such as {} does not say what its columns weigh; give {NAME} a table and method => 'permutation'",
            model.trained.algorithm().0
        ))
    })?;
    shares_batch(&importance_schema(), &shares)
}

fn importance_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("feature", DataType::Utf8, false),
        Field::new("importance", DataType::Float64, false),
    ]))
}

fn shares_batch(schema: &SchemaRef, shares: &[(String, f64)]) -> Result<RecordBatch> {
    let names = StringArray::from_iter_values(shares.iter().map(|s| &s.0));
    let values = Float64Array::from_iter_values(shares.iter().map(|s| s.1));
    RecordBatch::try_new(Arc::clone(schema), vec![Arc::new(names), Arc::new(values)]).map_err(arrow)
}

/// The call over a query with these columns.
pub(crate) fn bind(loaded: &Arc<Loaded>, arguments: &Arguments, fields: &[Arc<Field>]) -> Result<ModelCall> {
    let model = loaded.rows()?;
    let text = format!("{loaded}, {arguments}");
    if arguments.choice("method", &[("shapley", false), ("permutation", true)], false)? {
        let task = model.trained.estimator().task();
        let metric = arguments.text("metric")?.map(Metric::parse).transpose()?.unwrap_or(Metric::primary(task));
        let (schema, places) = (importance_schema(), with_target(loaded, fields)?);
        let repeats = arguments.count("repeats", 1..=100, REPEATS_USUAL)?;
        let function = Permutation { loaded: Arc::clone(loaded), places, metric, repeats, schema: Arc::clone(&schema) };
        return Ok(ModelCall { name: NAME, text, schema, passed: 0, function: Arc::new(function) });
    }
    if let Some((name, _)) = arguments.given().find(|(name, _)| matches!(*name, "metric" | "repeats")) {
        return Err(Error::invalid(format!("{name} of {NAME} belongs to method => 'permutation'")));
    }
    let places = read_places(loaded, model, fields)?;
    let mut columns: Vec<Field> = fields.iter().map(|f| f.as_ref().clone()).collect();
    columns.extend([
        Field::new(format!("predicted_{}", model.trained.target()), type_of(model.answer), true),
        Field::new("base_value", DataType::Float64, true),
        Field::new("contributions", map_type(), true),
    ]);
    let schema = Arc::new(Schema::new(columns));
    let passed = if model.looks_back() { 0 } else { fields.len() };
    let function = Shapley { loaded: Arc::clone(loaded), places, schema: Arc::clone(&schema) };
    Ok(ModelCall { name: NAME, text, schema, passed, function: Arc::new(function) })
}

#[derive(Debug)]
struct Permutation {
    loaded: Arc<Loaded>,
    places: Vec<usize>,
    metric: Metric,
    repeats: usize,
    schema: SchemaRef,
}

impl ModelFunction for Permutation {
    fn run(&self, rows: &RecordBatch, cancel: &Cancel) -> Result<Outcome> {
        let model = self.loaded.rows()?;
        let table = table_of(rows, &self.places)?;
        let context = Context { cancel: cancel.clone(), seed: model.trained.seed(), ..Context::default() };
        let shares = model.trained.permutation_importance(&table, self.metric, self.repeats, &context)?;
        shares_batch(&self.schema, &shares).map(Outcome::Rows)
    }

    fn bytes_per_row(&self) -> usize {
        48 * self.places.len() + 64
    }
}

#[derive(Debug)]
struct Shapley {
    loaded: Arc<Loaded>,
    places: Vec<usize>,
    schema: SchemaRef,
}

impl ModelFunction for Shapley {
    fn run(&self, rows: &RecordBatch, _cancel: &Cancel) -> Result<Outcome> {
        let model = self.loaded.rows()?;
        let (count, table) = (rows.num_rows(), table_of(rows, &self.places)?);
        let (names, found) = model.trained.explain(&table)?;
        let (predicted, outputs) = predicted(model, &model.trained.predict(&table, 0.5)?);
        // Of several outputs the one of the predicted class is shown.
        let output = |row: usize| found.outputs.get(outputs.get(row).copied().unwrap_or(0)).or(found.outputs.first());
        let base: Float64Array = (0..count).map(|row| output(row).map(|o| o.base)).collect();
        let of = |feature: usize| {
            let value = |row: usize| output(row).and_then(|o| o.features.get(feature)?.get(row)).copied();
            (0..count).map(|row| value(row).unwrap_or(f64::NAN)).collect()
        };
        let columns: Vec<Vec<f64>> = (0..names.len()).map(of).collect();
        let added: [ArrayRef; 3] = [predicted, Arc::new(base), maps(&names, &columns, count)?];
        let columns = rows.columns().iter().map(Arc::clone).chain(added).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options).map(Outcome::Rows).map_err(arrow)
    }

    fn bytes_per_row(&self) -> usize {
        96 * self.places.len() + 64
    }
}

/// The predicted column, and the place of the class of each row.
fn predicted(model: &RowModel, predictions: &Predictions) -> (ArrayRef, Vec<usize>) {
    match predictions {
        Predictions::Numbers { values, .. } => {
            let values: Float64Array = values.iter().map(|v| v.is_finite().then_some(*v)).collect();
            (Arc::new(values), Vec::new())
        }
        Predictions::Classes { codes, .. } => (classes(model, codes), codes.iter().map(|code| *code as usize).collect()),
    }
}
