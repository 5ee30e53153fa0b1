//! `system.functions`: every function that a statement may call.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::catalog::Session;
use datafusion::error::Result;
use datafusion::logical_expr::Documentation;

use crate::engine::Sources;

pub(super) const COLUMNS: &[(&str, DataType)] =
    &[("name", DataType::Utf8), ("kind", DataType::Utf8), ("syntax", DataType::Utf8), ("description", DataType::Utf8)];

type Row = (String, &'static str, Option<String>, Option<String>);

fn row(name: &str, kind: &'static str, documentation: Option<&Documentation>) -> Row {
    let syntax = documentation.map(|d| d.syntax_example.clone());
    let description = documentation.map(|d| d.description.trim().to_owned());
    (name.to_owned(), kind, syntax, description)
}

pub(super) fn rows(session: &dyn Session, _sources: &Sources, schema: SchemaRef) -> Result<RecordBatch> {
    let scalar = session.scalar_functions().iter().map(|(n, f)| row(n, "scalar", f.documentation()));
    let aggregate = session.aggregate_functions().iter().map(|(n, f)| row(n, "aggregate", f.documentation()));
    let window = session.window_functions().iter().map(|(n, f)| row(n, "window", f.documentation()));
    let rows: BTreeSet<Row> = scalar.chain(aggregate).chain(window).collect();
    let column = |f: fn(&Row) -> Option<String>| Arc::new(rows.iter().map(f).collect::<StringArray>()) as ArrayRef;
    let columns = vec![
        column(|r| Some(r.0.clone())),
        column(|r| Some(r.1.to_owned())),
        column(|r| r.2.clone()),
        column(|r| r.3.clone()),
    ];
    Ok(RecordBatch::try_new(schema, columns)?)
}
