//! ML_EVALUATE: how good a model is on rows whose target is known.

use std::sync::Arc;

use datafusion::arrow::array::{Float64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use headwater_common::{Error, Result};
use headwater_timeseries::Cancel;

use super::call::{ModelCall, ModelFunction, Outcome};
use super::library::Loaded;
use super::predict::read_places;
use super::rows::{find, table_of};
use crate::error::arrow;

/// Name of the function.
pub(crate) const NAME: &str = "ML_EVALUATE";

/// The call over a query with these columns.
pub(crate) fn bind(loaded: &Arc<Loaded>, fields: &[Arc<Field>]) -> Result<ModelCall> {
    let schema = Arc::new(Schema::new(vec![
        Field::new("metric", DataType::Utf8, false),
        Field::new("value", DataType::Float64, false),
    ]));
    let places = with_target(loaded, fields)?;
    let function = Evaluate { loaded: Arc::clone(loaded), places, schema: Arc::clone(&schema) };
    Ok(ModelCall { name: NAME, text: loaded.to_string(), schema, passed: 0, function: Arc::new(function) })
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
    schema: SchemaRef,
}

impl ModelFunction for Evaluate {
    fn run(&self, rows: &RecordBatch, _cancel: &Cancel) -> Result<Outcome> {
        let model = self.loaded.rows()?;
        let found = model.trained.evaluate(&table_of(rows, &self.places)?)?;
        let names = StringArray::from_iter_values(found.iter().map(|(metric, _)| metric.name()));
        let values = Float64Array::from_iter_values(found.iter().map(|(_, value)| *value));
        let rows = RecordBatch::try_new(Arc::clone(&self.schema), vec![Arc::new(names), Arc::new(values)]);
        rows.map(Outcome::Rows).map_err(arrow)
    }

    fn bytes_per_row(&self) -> usize {
        24 * self.places.len() + 64
    }
}
