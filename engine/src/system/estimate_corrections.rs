//! `system.estimate_corrections`: how many rows filtered tables were expected to return, and how many they did.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::catalog::Session;
use datafusion::error::Result;
use headwater_source::Correction;

use crate::engine::Sources;

pub(super) const COLUMNS: &[(&str, DataType)] = &[
    ("source", DataType::Utf8),
    ("schema", DataType::Utf8),
    ("name", DataType::Utf8),
    ("fragment", DataType::Utf8),
    ("runs", DataType::Int64),
    ("estimated_rows", DataType::Float64),
    ("actual_rows", DataType::Float64),
    ("factor", DataType::Float64),
    ("q_error", DataType::Float64),
    ("age_ms", DataType::Int64),
];

pub(super) fn rows(_session: &dyn Session, sources: &Sources, schema: SchemaRef) -> Result<RecordBatch> {
    let found = sources.registry.feedback().all();
    let text = |of: fn(&Correction) -> &String| -> ArrayRef {
        Arc::new(found.iter().map(|(_, c)| Some(of(c).as_str())).collect::<StringArray>())
    };
    let whole = |of: fn(&Correction) -> u64| -> ArrayRef {
        Arc::new(found.iter().map(|(_, c)| i64::try_from(of(c)).ok()).collect::<Int64Array>())
    };
    let real = |of: fn(&Correction) -> f64| -> ArrayRef {
        Arc::new(found.iter().map(|(_, c)| Some(of(c))).collect::<Float64Array>())
    };
    let columns: Vec<ArrayRef> = vec![
        text(|c| &c.source),
        text(|c| &c.table.schema),
        text(|c| &c.table.table),
        // The filters themselves may hold values that not every user may see.
        Arc::new(found.iter().map(|(number, _)| Some(format!("{number:016x}"))).collect::<StringArray>()),
        whole(|c| c.runs),
        real(|c| c.estimated),
        real(|c| c.actual),
        real(|c| c.factor),
        real(|c| c.q_error),
        whole(|c| c.age_ms),
    ];
    Ok(RecordBatch::try_new(schema, columns)?)
}
