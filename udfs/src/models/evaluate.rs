//! ML_EVALUATE: how good a model is on rows whose target is known, or by what its training measured.

use std::sync::Arc;

use datafusion::arrow::array::{Float64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use headwater_common::{Error, Result};
use headwater_timeseries::Cancel;

use super::call::{ModelCall, ModelFunction, Outcome};
use super::evaluate_series::EvaluateSeries;
use super::library::Loaded;
use super::predict::read_places;
use super::rows::{find, table_of};
use super::stored::Stored;
use crate::error::arrow;

/// Name of the function.
pub(crate) const NAME: &str = "ML_EVALUATE";

/// The call over a query with these columns.
pub(crate) fn bind(loaded: &Arc<Loaded>, fields: &[Arc<Field>]) -> Result<ModelCall> {
    let function: Arc<dyn ModelFunction> = match &loaded.stored {
        Stored::Series(_) => Arc::new(EvaluateSeries::bind(loaded, fields)?),
        Stored::Rows(_) => Arc::new(Evaluate { loaded: Arc::clone(loaded), places: with_target(loaded, fields)? }),
    };
    Ok(ModelCall { name: NAME, text: loaded.to_string(), schema: schema(), passed: 0, function })
}

/// What the training measured.
pub(crate) fn of_training(loaded: &Loaded) -> Result<RecordBatch> {
    measured(loaded.version.about.metrics.clone())
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("metric", DataType::Utf8, false), Field::new("value", DataType::Float64, false)]))
}

/// A row for each metric that has a value.
pub(super) fn measured(mut metrics: Vec<(String, f64)>) -> Result<RecordBatch> {
    metrics.retain(|(_, value)| !value.is_nan());
    let names = StringArray::from_iter_values(metrics.iter().map(|(name, _)| name));
    let values = Float64Array::from_iter_values(metrics.iter().map(|(_, value)| *value));
    RecordBatch::try_new(schema(), vec![Arc::new(names), Arc::new(values)]).map_err(arrow)
}

/// Places of the columns that a model reads and of the one that it predicts.
pub(crate) fn with_target(loaded: &Loaded, fields: &[Arc<Field>]) -> Result<Vec<usize>> {
    let model = loaded.rows()?;
    let mut places = read_places(loaded, model, fields)?;
    let target = model.trained.target();
    let place = find(fields, target)?
        .ok_or_else(|| Error::invalid(format!("the input has no column \"{target}\", which model {loaded} predicts")))?;
    if !places.contains(&place) {
        places.push(place);
    }
    Ok(places)
}

#[derive(Debug)]
struct Evaluate {
    loaded: Arc<Loaded>,
    places: Vec<usize>,
}

impl ModelFunction for Evaluate {
    fn run(&self, rows: &RecordBatch, _cancel: &Cancel) -> Result<Outcome> {
        let model = self.loaded.rows()?;
        let found = model.trained.evaluate(&table_of(rows, &self.places)?)?;
        let named = found.into_iter().map(|(metric, value)| (metric.name().to_owned(), value));
        measured(named.collect()).map(Outcome::Rows)
    }

    fn bytes_per_row(&self) -> usize {
        24 * self.places.len() + 64
    }
}
