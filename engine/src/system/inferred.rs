//! `system.inferred_schemas`: columns that a source found by looking at some of a table's rows, and fields whose values have
//! several types, with their shares.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::catalog::Session;
use datafusion::error::Result;
use headwater_source::metadata::{CONFLICT, SAMPLED};

use crate::engine::Sources;

pub(super) const COLUMNS: &[(&str, DataType)] = &[
    ("source", DataType::Utf8),
    ("schema", DataType::Utf8),
    ("name", DataType::Utf8),
    ("path", DataType::Utf8),
    ("type", DataType::Utf8),
    ("conflict", DataType::Utf8),
    ("sampled_rows", DataType::Int64),
];

pub(super) fn rows(_session: &dyn Session, sources: &Sources, schema: SchemaRef) -> Result<RecordBatch> {
    let mut texts: [Vec<Option<String>>; 6] = Default::default();
    let mut counts: Vec<Option<i64>> = Vec::new();
    for catalog in sources.all() {
        let found = catalog.discovery();
        for table in found.schemas.values().flat_map(|s| s.tables.values()) {
            let Some(sampled) = table.attributes.get(SAMPLED) else { continue };
            let conflict = |path: &str| table.attributes.get(&format!("{CONFLICT}{path}")).cloned();
            let columns = table.columns.iter().map(|c| (c.name(), Some(c.remote_type.clone()), conflict(c.name())));
            let inner = table.attributes.iter().filter_map(|(name, types)| Some((name.strip_prefix(CONFLICT)?, types)));
            let inner = inner.filter(|(path, _)| table.column(path).is_none());
            for (path, kind, conflict) in columns.chain(inner.map(|(path, types)| (path, None, Some(types.clone())))) {
                let name = &table.name;
                let row = [
                    Some(catalog.source().name().to_owned()),
                    Some(name.schema.clone()),
                    Some(name.table.clone()),
                    Some(path.to_owned()),
                    kind,
                    conflict,
                ];
                texts.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
                counts.push(sampled.parse().ok());
            }
        }
    }
    let mut columns: Vec<ArrayRef> = texts.into_iter().map(|t| Arc::new(StringArray::from(t)) as ArrayRef).collect();
    columns.push(Arc::new(Int64Array::from(counts)));
    Ok(RecordBatch::try_new(schema, columns)?)
}
