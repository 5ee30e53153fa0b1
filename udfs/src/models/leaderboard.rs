//! ML_LEADERBOARD: what the search of a training tried.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use headwater_common::{Error, Result};

use super::library::Loaded;
use super::stored::Place;
use crate::error::arrow;

/// Name of the function.
pub(crate) const NAME: &str = "ML_LEADERBOARD";

/// One row a trial, the best first. Errors: nothing was searched.
pub(crate) fn rows(loaded: &Loaded) -> Result<RecordBatch> {
    let model = loaded.rows()?;
    let places = &model.leaderboard;
    if places.is_empty() {
        return Err(Error::invalid(format!(
            "model {loaded} was trained without a search; train it with algorithm = 'auto', a list of algorithms or search"
        )));
    }
    let schema = Arc::new(Schema::new(vec![
        Field::new("rank", DataType::Int64, false),
        Field::new("algorithm", DataType::Utf8, false),
        Field::new("parameters", DataType::Utf8, false),
        Field::new("metric", DataType::Utf8, false),
        Field::new("value", DataType::Float64, true),
        Field::new("row_share", DataType::Float64, false),
        Field::new("seconds", DataType::Float64, false),
        Field::new("error", DataType::Utf8, true),
    ]));
    let text = |f: fn(&Place) -> &str| -> ArrayRef { Arc::new(StringArray::from_iter_values(places.iter().map(f))) };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values((1..).take(places.len()))),
        text(|p| &p.algorithm),
        text(|p| &p.parameters),
        Arc::new(StringArray::from_iter_values(std::iter::repeat_n(&model.metric, places.len()))),
        Arc::new(places.iter().map(|p| p.value).collect::<Float64Array>()),
        Arc::new(Float64Array::from_iter_values(places.iter().map(|p| p.share))),
        Arc::new(Float64Array::from_iter_values(places.iter().map(|p| p.seconds))),
        Arc::new(places.iter().map(|p| p.error.as_deref()).collect::<StringArray>()),
    ];
    RecordBatch::try_new(schema, columns).map_err(arrow)
}
