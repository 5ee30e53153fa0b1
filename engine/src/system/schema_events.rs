//! `system.schema_events`: how the tables of the sources have changed since they were first looked at.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use datafusion::catalog::Session;
use datafusion::error::Result;

use crate::engine::Sources;

pub(super) const COLUMNS: &[(&str, DataType)] = &[
    ("source", DataType::Utf8),
    ("version", DataType::Int64),
    ("at", DataType::Timestamp(TimeUnit::Microsecond, None)),
    ("schema", DataType::Utf8),
    ("name", DataType::Utf8),
    ("change", DataType::Utf8),
    ("path", DataType::Utf8),
    ("before", DataType::Utf8),
    ("after", DataType::Utf8),
];

pub(super) fn rows(_session: &dyn Session, sources: &Sources, schema: SchemaRef) -> Result<RecordBatch> {
    let (mut names, mut versions, mut times) = (Vec::new(), Vec::new(), Vec::new());
    let mut texts: [Vec<Option<String>>; 6] = Default::default();
    for catalog in sources.all() {
        for event in catalog.schema_log().events() {
            names.push(catalog.source().name().to_owned());
            versions.push(i64::try_from(event.version).unwrap_or(i64::MAX));
            times.push(event.at_us);
            let row = [
                Some(event.table.schema.clone()),
                Some(event.table.table.clone()),
                Some(event.change.as_str().to_owned()),
                event.path.clone(),
                event.before.clone(),
                event.after.clone(),
            ];
            texts.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
        }
    }
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(names)),
        Arc::new(Int64Array::from(versions)),
        Arc::new(TimestampMicrosecondArray::from(times)),
    ];
    columns.extend(texts.into_iter().map(|t| Arc::new(StringArray::from(t)) as ArrayRef));
    Ok(RecordBatch::try_new(schema, columns)?)
}
