//! `system.unavailable_tables`: tables that are there but cannot be read, with the reason.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::catalog::Session;
use datafusion::error::Result;

use crate::engine::Sources;

pub(super) const COLUMNS: &[(&str, DataType)] =
    &[("source", DataType::Utf8), ("schema", DataType::Utf8), ("name", DataType::Utf8), ("reason", DataType::Utf8)];

pub(super) fn rows(_session: &dyn Session, sources: &Sources, schema: SchemaRef) -> Result<RecordBatch> {
    let mut rows: Vec<[String; 4]> = Vec::new();
    for catalog in sources.all() {
        for (schema, meta) in &catalog.discovery().schemas {
            for (table, reason) in &meta.unavailable {
                rows.push([catalog.source().name().to_owned(), schema.clone(), table.clone(), reason.clone()]);
            }
        }
    }
    let column = |i: usize| Arc::new(StringArray::from_iter_values(rows.iter().filter_map(|r| r.get(i)))) as ArrayRef;
    Ok(RecordBatch::try_new(schema, (0..COLUMNS.len()).map(column).collect())?)
}
