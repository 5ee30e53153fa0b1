//! `system.source_statistics`: what sources have said of their tables and columns. Every figure is an estimate.

use std::fmt::Display;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::stats::Precision;
use datafusion::error::Result;

use crate::engine::Sources;

pub(super) const COLUMNS: &[(&str, DataType)] = &[
    ("source", DataType::Utf8),
    ("schema", DataType::Utf8),
    ("name", DataType::Utf8),
    ("column", DataType::Utf8),
    ("rows", DataType::Int64),
    ("bytes", DataType::Int64),
    ("distinct_values", DataType::Int64),
    ("null_share", DataType::Float64),
    ("least", DataType::Utf8),
    ("greatest", DataType::Utf8),
    ("age_ms", DataType::Int64),
    ("origin", DataType::Utf8),
];

#[derive(Default)]
struct Found {
    texts: [Vec<Option<String>>; 7],
    numbers: [Vec<Option<i64>>; 4],
    null_shares: Vec<Option<f64>>,
}

pub(super) fn rows(_session: &dyn Session, sources: &Sources, schema: SchemaRef) -> Result<RecordBatch> {
    let mut found = Found::default();
    for catalog in sources.all() {
        let age = catalog.age_ms().and_then(|ms| i64::try_from(ms).ok());
        for table in catalog.discovery().schemas.values().flat_map(|s| s.tables.values()) {
            let whole = |n: Option<u64>| n.and_then(|n| i64::try_from(n).ok());
            for column in &table.columns {
                let known = &column.statistics;
                let nulls = known.null_count.get_value().map(|n| *n as f64);
                let share = nulls.zip(table.row_count).filter(|(_, rows)| *rows > 0).map(|(n, rows)| n / rows as f64);
                let texts = [
                    Some(catalog.source().name().to_owned()),
                    Some(table.name.schema.clone()),
                    Some(table.name.table.clone()),
                    Some(column.name().to_owned()),
                    text(&known.min_value),
                    text(&known.max_value),
                    table.origin_of_statistics().map(str::to_owned),
                ];
                let distinct = known.distinct_count.get_value().and_then(|n| i64::try_from(*n).ok());
                let numbers = [whole(table.row_count), whole(table.bytes), distinct, age];
                found.texts.iter_mut().zip(texts).for_each(|(column, value)| column.push(value));
                found.numbers.iter_mut().zip(numbers).for_each(|(column, value)| column.push(value));
                found.null_shares.push(share.map(|share| share.clamp(0.0, 1.0)));
            }
        }
    }
    let [source, table_schema, name, column, least, greatest, origin] =
        found.texts.map(|t| Arc::new(StringArray::from(t)) as ArrayRef);
    let [rows, bytes, distinct, age] = found.numbers.map(|n| Arc::new(Int64Array::from(n)) as ArrayRef);
    let shares = Arc::new(Float64Array::from(found.null_shares));
    let columns = vec![source, table_schema, name, column, rows, bytes, distinct, shares, least, greatest, age, origin];
    Ok(RecordBatch::try_new(schema, columns)?)
}

fn text<T: Display + Clone + std::fmt::Debug + PartialEq + Eq + PartialOrd>(value: &Precision<T>) -> Option<String> {
    value.get_value().map(ToString::to_string)
}
