//! The row that a training returns.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use headwater_common::Result;
use headwater_registry::{ModelName, Version};

use crate::error::arrow;

/// Its columns.
pub(super) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("name", DataType::Utf8, false),
        Field::new("version", DataType::Int64, false),
        Field::new("algorithm", DataType::Utf8, true),
        Field::new("parameters", DataType::Utf8, true),
        Field::new("metrics", DataType::Utf8, false),
        Field::new("score", DataType::Float64, true),
        Field::new("rows", DataType::Int64, false),
        Field::new("seconds", DataType::Float64, true),
        Field::new("status", DataType::Utf8, false),
    ]))
}

/// What is known of a version; `seconds` is missing when nothing was trained.
pub(super) fn row(name: &ModelName, version: &Version, seconds: Option<f64>, status: &str) -> Result<RecordBatch> {
    let about = &version.about;
    let option = |name: &str| about.options.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let metrics: Vec<String> = about.metrics.iter().map(|(name, value)| format!("{name}={value:.6}")).collect();
    let text = |value: Option<&str>| -> ArrayRef { Arc::new(StringArray::from(vec![value])) };
    let whole = |value: u64| -> ArrayRef { Arc::new(Int64Array::from(vec![i64::try_from(value).unwrap_or(i64::MAX)])) };
    let columns: Vec<ArrayRef> = vec![
        text(Some(&name.to_string())),
        whole(version.number),
        text(option("algorithm")),
        text(option("parameters")),
        text(Some(&metrics.join(", "))),
        Arc::new(Float64Array::from(vec![about.score])),
        whole(about.rows),
        Arc::new(Float64Array::from(vec![seconds])),
        text(Some(status)),
    ];
    RecordBatch::try_new(schema(), columns).map_err(arrow)
}
