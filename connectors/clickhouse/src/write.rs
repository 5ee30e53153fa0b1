//! INSERT as one Arrow stream in one request, and DELETE.

use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::arrow::ipc::writer::StreamWriter;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::Expr;
use futures::StreamExt;
use headwater_common::{Error, Result};
use headwater_source::TableMeta;
use headwater_source::error::rows_failed;
use headwater_sqlgen::{ClickHouse, ClickHouseStatement, Mode, Select, Statement, Writer};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::connect::Query;
use crate::discover::number;
use crate::error::broken;
use crate::pushdown::translate;
use crate::source::ClickHouseSource;
use crate::types::{ChType, sent, sent_type};

/// The server writes so many rows as one block, and a block to one partition as one part: all of it or nothing.
const BLOCK_ROWS: &str = "1048576";
const BLOCK_BYTES: &str = "1073741824";
/// Pieces on their way to the server.
const PIECES: usize = 4;

/// Settings of every INSERT.
const INSERTING: [(&str, &str); 9] = [
    ("async_insert", "0"),
    ("insert_deduplicate", "0"),
    ("input_format_null_as_default", "0"),
    ("input_format_arrow_allow_missing_columns", "0"),
    ("date_time_overflow_behavior", "throw"),
    ("min_insert_block_size_rows", BLOCK_ROWS),
    ("min_insert_block_size_bytes", BLOCK_BYTES),
    ("max_insert_block_size", BLOCK_ROWS),
    ("insert_null_as_default", "0"),
];

/// Settings of every DELETE: it returns when all replicas are done.
const DELETING: [(&str, &str); 2] = [("mutations_sync", "2"), ("lightweight_deletes_sync", "2")];

/// Writes all rows.
pub(crate) async fn insert(
    source: &ClickHouseSource,
    table: &TableMeta,
    mut rows: SendableRecordBatchStream,
) -> Result<u64> {
    writable(source)?;
    let types = source.types_of(&table.name)?;
    let Some(first) = next(&mut rows).await? else { return Ok(0) };
    let columns = written_columns(table, types.as_slice(), &first)?;
    let target = Target { source, table, columns };
    let _place = source.connections.place().await?;
    let statement = ClickHouseStatement::InsertArrow {
        schema: table.name.schema.clone(),
        table: table.name.table.clone(),
        columns: target.columns.iter().map(|(_, name, _)| name.clone()).collect(),
    };
    let text = statement.text()?;
    let (pieces, body) = mpsc::channel::<Result<Frame<Bytes>>>(PIECES);
    let body = futures::stream::unfold(body, |mut body| async move { Some((body.recv().await?, body)) });
    let settings = with(source, &INSERTING);
    let query = Query { sql: &text, settings: &settings, ..Query::default() };
    let request = source.connections.write(&query, StreamBody::new(body).boxed_unsync());
    let (answer, told) = futures::join!(request, target.encode(first, &mut rows, pieces));
    // An error of ours broke the request off, so it comes first.
    let count = told?;
    let mut answer = answer?;
    while let Some(frame) = source.connections.frame(&mut answer.body).await? {
        frame.map_err(|e| broken(&source.name, &e))?;
    }
    match answer.headers.get("x-clickhouse-summary").and_then(|v| v.to_str().ok()).and_then(written_rows) {
        Some(written) if written < count => Err(Error::source_failed(
            &source.name,
            format!("the server wrote {written} of {count} rows into {}", table.name),
        )),
        _ => Ok(count),
    }
}

/// A user that may only read cannot have the settings that make writing safe.
fn writable(source: &ClickHouseSource) -> Result<()> {
    if source.settings().restricted {
        return Err(Error::denied("the user may only read (readonly = 1)").from_source(&source.name));
    }
    Ok(())
}

fn with(source: &ClickHouseSource, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut settings: Vec<_> = source.settings().for_writing().cloned().collect();
    settings.retain(|(name, _)| !more.iter().any(|(n, _)| n == name));
    settings.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    settings
}

fn written_rows(summary: &str) -> Option<u64> {
    let summary: Value = serde_json::from_str(summary).ok()?;
    summary.get("written_rows").and_then(number).and_then(|n| u64::try_from(n).ok())
}

struct Target<'a> {
    source: &'a ClickHouseSource,
    table: &'a TableMeta,
    /// Columns that are sent: place in the rows, name and type.
    columns: Vec<(usize, String, ChType)>,
}

impl Target<'_> {
    /// Sends all rows and returns their number; an error is sent too, so that the request breaks off.
    async fn encode(
        &self,
        first: RecordBatch,
        rows: &mut SendableRecordBatchStream,
        pieces: mpsc::Sender<Result<Frame<Bytes>>>,
    ) -> Result<u64> {
        let told = self.encode_into(first, rows, &pieces).await;
        if told.is_err() {
            // The server has given up when nobody listens any more.
            let _ = pieces.send(Err(Error::cancelled("the rows to insert failed"))).await;
        }
        told
    }

    async fn encode_into(
        &self,
        first: RecordBatch,
        rows: &mut SendableRecordBatchStream,
        pieces: &mpsc::Sender<Result<Frame<Bytes>>>,
    ) -> Result<u64> {
        let schema = self.schema()?;
        let failed = |e: datafusion::arrow::error::ArrowError| Error::internal(format!("Arrow stream: {e}"));
        let mut writer = StreamWriter::try_new(Vec::new(), &schema).map_err(failed)?;
        let (mut count, mut batch) = (0, Some(first));
        while let Some(rows_now) = batch {
            writer.write(&self.sent(&rows_now, &schema)?).map_err(failed)?;
            count += rows_now.num_rows() as u64;
            let piece = std::mem::take(writer.get_mut());
            if pieces.send(Ok(Frame::data(piece.into()))).await.is_err() {
                // The server answered before all rows were sent: its error follows.
                return Ok(u64::MAX);
            }
            batch = next(rows).await?;
        }
        writer.finish().map_err(failed)?;
        let last = std::mem::take(writer.get_mut());
        match pieces.send(Ok(Frame::data(last.into()))).await {
            Ok(()) => Ok(count),
            Err(_) => Ok(u64::MAX),
        }
    }

    fn schema(&self) -> Result<SchemaRef> {
        let field = |(_, name, t): &(usize, String, ChType)| {
            let sent = sent_type(t, &self.source.config.types);
            let sent =
                sent.map_err(|reason| Error::unsupported(format!("INSERT into {}: {name}: {reason}", self.table.name)));
            Ok(Field::new(name, sent?, t.nullable))
        };
        Ok(Arc::new(Schema::new(self.columns.iter().map(field).collect::<Result<Vec<_>>>()?)))
    }

    fn sent(&self, batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
        for (i, column) in batch.columns().iter().enumerate() {
            let left_out = !self.columns.iter().any(|(sent, ..)| *sent == i) && column.null_count() < column.len();
            if left_out {
                let rows = batch.schema();
                let name = rows.fields().get(i).map_or("", |field| field.name().as_str());
                return Err(Error::invalid(format!(
                    "column \"{name}\" of {} takes its values from the server, at least for some rows of this statement; \
                     give a value in every row or in none",
                    self.table.name
                )));
            }
        }
        let column = |(i, name, t): &(usize, String, ChType)| {
            let column = batch.columns().get(*i).ok_or_else(|| Error::internal("a batch with too few columns"))?;
            if !t.nullable && column.null_count() > 0 {
                return Err(Error::invalid(format!("column \"{name}\" of {} does not take NULL", self.table.name)));
            }
            sent(t, column, &self.source.config.types)
                .map_err(|reason| Error::invalid(format!("column \"{name}\" of {}: {reason}", self.table.name)))
        };
        let columns = self.columns.iter().map(column).collect::<Result<Vec<_>>>()?;
        RecordBatch::try_new(Arc::clone(schema), columns).map_err(|e| Error::internal(e.to_string()))
    }
}

/// The columns that are sent: those that the statement gives, but no computed one. The server fills the others.
fn written_columns(
    table: &TableMeta,
    types: &[(String, ChType)],
    first: &RecordBatch,
) -> Result<Vec<(usize, String, ChType)>> {
    let mut written = Vec::new();
    for (i, field) in first.schema().fields().iter().enumerate() {
        let known = table.columns.iter().zip(types).find(|(column, _)| column.name() == field.name());
        let Some((column, (_, t))) = known else {
            return Err(Error::internal(format!("{} has no column {}", table.name, field.name())));
        };
        let kind = column.attributes.get("default_kind").map_or("", String::as_str);
        if !matches!(kind, "MATERIALIZED" | "ALIAS") {
            written.push((i, field.name().clone(), t.clone()));
        }
    }
    match written.is_empty() {
        true => Err(Error::invalid(format!("INSERT into {} gives no column a value of its own", table.name))),
        false => Ok(written),
    }
}

async fn next(rows: &mut SendableRecordBatchStream) -> Result<Option<RecordBatch>> {
    match rows.next().await {
        None => Ok(None),
        Some(Ok(batch)) => Ok(Some(batch)),
        Some(Err(e)) => Err(rows_failed(&e)),
    }
}

/// Deletes the rows that pass all filters. Their number is counted just before.
pub(crate) async fn delete(source: &ClickHouseSource, table: &TableMeta, filters: &[Expr]) -> Result<u64> {
    writable(source)?;
    let engine = table.attributes.get("engine").map_or("", String::as_str);
    if !engine.ends_with("MergeTree") || source.is_final(&table.name)? {
        let message = format!("DELETE from {}: only tables of a MergeTree engine without FINAL", table.name);
        return Err(Error::unsupported(message));
    }
    let mut translated = Vec::new();
    for filter in filters {
        let found = source.with_columns(&table.name, |columns| translate(columns, filter))?;
        let found = found.map_err(|reason| Error::unsupported(format!("the filter {filter}: {reason}")))?;
        if !found.exact {
            return Err(Error::unsupported(format!("the filter {filter} is not computed exactly by the server")));
        }
        translated.push(found.expr);
    }
    let (schema, name) = (table.name.schema.clone(), table.name.table.clone());
    let mut count = Select::from_table(&schema, &name);
    count.columns.push(headwater_sqlgen::Expr::CountRows);
    count.filters.clone_from(&translated);
    let count = Writer::new(&ClickHouse, Mode::Inline).select(&count)?.finish().text;
    let settings = source.settings();
    settings.check(&source.name)?;
    let rows = source.connections.rows(&format!("{count} FORMAT JSONCompactEachRow"), &settings.sent).await?;
    let count = rows.first().and_then(|row| row.first()).and_then(number).and_then(|n| u64::try_from(n).ok());
    let count = count.ok_or_else(|| Error::source_failed(&source.name, "the server did not count the rows"))?;
    if translated.is_empty() {
        // The server wants a filter.
        translated.push(headwater_sqlgen::Expr::All(Vec::new()));
    }
    let statement = Statement::Delete { schema, table: name, filters: translated };
    let text = Writer::new(&ClickHouse, Mode::Inline).statement(&statement)?.finish().text;
    source.connections.run(&text, &with(source, &DELETING)).await?;
    Ok(count)
}
