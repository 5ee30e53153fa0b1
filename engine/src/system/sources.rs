//! `system.sources`: one row a source.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::catalog::Session;
use datafusion::error::Result;

use crate::engine::Sources;

pub(super) const COLUMNS: &[(&str, DataType)] = &[
    ("name", DataType::Utf8),
    ("kind", DataType::Utf8),
    ("location", DataType::Utf8),
    ("state", DataType::Utf8),
    ("schemas", DataType::Int64),
    ("tables", DataType::Int64),
    ("error", DataType::Utf8),
];

pub(super) fn rows(_session: &dyn Session, sources: &Sources, schema: SchemaRef) -> Result<RecordBatch> {
    let all = sources.all();
    let text = |f: &dyn Fn(&headwater_source::SourceCatalog) -> Option<String>| {
        Arc::new(all.iter().map(|c| f(c)).collect::<StringArray>()) as ArrayRef
    };
    let number = |f: &dyn Fn(&headwater_source::Discovery) -> usize| {
        let values = all.iter().map(|c| i64::try_from(f(&c.discovery())).unwrap_or(i64::MAX));
        Arc::new(Int64Array::from_iter_values(values)) as ArrayRef
    };
    let state = |c: &headwater_source::SourceCatalog| {
        let state = if c.error().is_some() { "unavailable" } else { "ready" };
        Some(state.to_owned())
    };
    let columns = vec![
        text(&|c| Some(c.source().name().to_owned())),
        text(&|c| Some(c.source().kind().to_owned())),
        text(&|c| Some(c.source().location())),
        text(&state),
        number(&|d| d.schemas.len()),
        number(&|d| d.schemas.values().map(|s| s.tables.len()).sum()),
        text(&|c| c.error()),
    ];
    Ok(RecordBatch::try_new(schema, columns)?)
}
