//! `system.source_costs`: what statements of each source take, learned from those that ran.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::catalog::Session;
use datafusion::error::Result;
use headwater_source::SourceCost;

use crate::engine::Sources;

pub(super) const COLUMNS: &[(&str, DataType)] = &[
    ("source", DataType::Utf8),
    ("statements", DataType::Int64),
    ("statement_us", DataType::Float64),
    ("row_us", DataType::Float64),
    ("byte_us", DataType::Float64),
    ("median_error", DataType::Float64),
    ("used", DataType::Boolean),
    ("age_ms", DataType::Int64),
];

pub(super) fn rows(_session: &dyn Session, sources: &Sources, schema: SchemaRef) -> Result<RecordBatch> {
    let found = sources.registry.costs().all();
    let whole = |of: fn(&SourceCost) -> u64| -> ArrayRef {
        Arc::new(found.iter().map(|(_, cost)| i64::try_from(of(cost)).ok()).collect::<Int64Array>())
    };
    let real = |of: fn(&SourceCost) -> f64| -> ArrayRef {
        Arc::new(found.iter().map(|(_, cost)| Some(of(cost))).collect::<Float64Array>())
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(found.iter().map(|(name, _)| Some(name.as_str())).collect::<StringArray>()),
        whole(|c| c.statements),
        real(|c| c.statement),
        real(|c| c.row),
        real(|c| c.byte),
        real(|c| c.error),
        Arc::new(found.iter().map(|(_, cost)| Some(cost.is_used())).collect::<BooleanArray>()),
        whole(|c| c.age_ms),
    ];
    Ok(RecordBatch::try_new(schema, columns)?)
}
