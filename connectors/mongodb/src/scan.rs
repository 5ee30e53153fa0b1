//! Reads the documents of a cursor.

use std::sync::Arc;

use bson::Document;
use bson::raw::RawDocument;
use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, new_null_array};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use headwater_common::{Error, Result};
use headwater_source::{BatchReader, OpenQuery, OpenScan, RemoteColumn, TableName, read_batches};
use mongodb::raw_batch_cursor::{RawBatch, RawBatchCursor};

use crate::command::scan;
use crate::config::Misfit;
use crate::native::{Native, parse};
use crate::source::MongoSource;
use crate::translate::{EMPTY, KIND};
use crate::types::Kind;
use crate::types::decode::{Columns, Fault};
use crate::types::extended_json::{Form, command_of, text_of, write_value};
use crate::types::kind::parse_kind;

/// One range or statement, ready to be read.
pub(crate) struct Reading {
    source: Arc<MongoSource>,
    table: TableName,
    command: Document,
    /// Names in the documents, and kinds; more than the schema has when some are only checked.
    columns: Vec<(String, Kind)>,
    /// Schema of the batches.
    schema: SchemaRef,
    batch_rows: usize,
    /// The one row of an answer without documents: a number for each column, or null.
    when_empty: Option<Vec<Option<i64>>>,
}

impl Reading {
    /// A range of a table.
    pub(crate) fn of_scan(source: Arc<MongoSource>, open: OpenScan) -> Result<Self> {
        let table = source.table(&open.command.table)?;
        let found = scan(&source.scope(&table), &open.command, &open.bounds)?;
        let mut columns = found.columns;
        columns.extend(found.checks);
        Ok(Self {
            table: open.command.table.clone(),
            // What is sent is what is shown.
            command: command_of(&text_of(&found.document)?)?,
            columns,
            schema: open.schema,
            batch_rows: open.batch_rows.max(1),
            when_empty: open.command.count.then(|| vec![Some(0)]),
            source,
        })
    }

    /// A text of a sub-plan.
    pub(crate) fn of_query(source: Arc<MongoSource>, open: OpenQuery) -> Result<Self> {
        let text = open.command.texts.get(open.partition);
        let text = text.ok_or_else(|| Error::internal(format!("no text {}", open.partition)))?;
        let Some((table, _)) = open.command.tables.first() else { return Self::of_native(source, &text.text, &open) };
        for (table, used) in &open.command.tables {
            let known = source.table(table)?;
            if used.iter().any(|(column, mark)| known.kind(column).is_none_or(|kind| kind.to_string() != *mark)) {
                let message = format!("{table} has changed since it was looked at; run the query again");
                return Err(Error::source_failed(&source.name, message).retryable(true));
            }
        }
        let mut columns = Vec::with_capacity(open.command.columns.len());
        let mut when_empty = Some(Vec::new());
        for (i, column) in open.command.columns.iter().enumerate() {
            let kind = column.attributes.get(KIND).map(|text| parse_kind(text));
            let kind = kind.and_then(Result::ok).ok_or_else(|| Error::internal("a column without a kind"))?;
            columns.push((format!("c{i}"), kind));
            when_empty = match (when_empty, column.attributes.get(EMPTY)) {
                (Some(mut row), Some(text)) => {
                    row.push(text.parse().ok());
                    Some(row)
                }
                _ => None,
            };
        }
        Ok(Self {
            table: table.clone(),
            command: command_of(&text.text)?,
            columns,
            schema: open.schema,
            batch_rows: open.batch_rows.max(1),
            when_empty: when_empty.filter(|row| !row.is_empty()),
            source,
        })
    }

    /// A command of the server's own language, whose columns have the names of fields.
    fn of_native(source: Arc<MongoSource>, text: &str, open: &OpenQuery) -> Result<Self> {
        let Native { table, command } = parse(text)?;
        let kind = |column: &RemoteColumn| {
            let kind = match column.attributes.get(KIND).map(String::as_str) {
                Some(text) if text == Kind::Document.to_string() => Ok(Kind::Document),
                text => parse_kind(text.unwrap_or_default()),
            };
            let kind = kind.map_err(|_| Error::internal("a column without a kind"))?;
            Ok((column.field.name().clone(), kind))
        };
        let columns = open.command.columns.iter().map(kind).collect::<Result<Vec<_>>>()?;
        let (schema, batch_rows) = (Arc::clone(&open.schema), open.batch_rows.max(1));
        Ok(Self { table, command, columns, schema, batch_rows, when_empty: None, source })
    }
}

/// Starts reading when it is first polled.
pub(crate) fn stream(reading: Reading) -> SendableRecordBatchStream {
    read_batches(Arc::clone(&reading.schema), start(reading))
}

async fn start(mut reading: Reading) -> Result<Running> {
    let batch_rows = u32::try_from(reading.batch_rows).unwrap_or(u32::MAX).min(i32::MAX.unsigned_abs());
    if reading.command.contains_key("find") {
        reading.command.insert("batchSize", i64::from(batch_rows));
    } else {
        reading.command.insert("cursor", bson::doc! { "batchSize": i64::from(batch_rows) });
    }
    let connections = &reading.source.connections;
    let cursor = connections.cursor(&reading.table.schema, &reading.command, batch_rows).await?;
    let config = &reading.source.config;
    let columns = Columns::new(&reading.columns, config.misfit == Misfit::Null, config.documents);
    Ok(Running { reading, cursor, columns, batch: None, is_first: true, ended: false })
}

/// A cursor that is read. Dropping it closes the cursor at the server.
struct Running {
    reading: Reading,
    cursor: RawBatchCursor,
    columns: Columns,
    /// The documents that came last, and how many of them were read.
    batch: Option<(RawBatch, usize)>,
    is_first: bool,
    ended: bool,
}

impl BatchReader for Running {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        while !self.ended {
            if let Some((batch, read)) = self.batch.take() {
                let at = self.append(&batch, read)?;
                self.batch = at.map(|at| (batch, at));
                if self.columns.rows() >= self.reading.batch_rows {
                    return self.finished().map(Some);
                }
                continue;
            }
            match self.reading.source.connections.in_time(self.cursor.next()).await? {
                Some(Ok(batch)) => self.batch = Some((batch, 0)),
                Some(Err(e)) => return Err(self.reading.source.connections.failed(&e)),
                None => self.ended = true,
            }
        }
        if self.columns.rows() > 0 {
            return self.finished().map(Some);
        }
        self.warn();
        match (self.is_first, self.reading.when_empty.take()) {
            (true, Some(row)) => self.only_row(&row).map(Some),
            _ => Ok(None),
        }
    }
}

impl Running {
    /// Reads documents until a batch is full; returns the place of the first one that is left.
    fn append(&mut self, batch: &RawBatch, read: usize) -> Result<Option<usize>> {
        let documents = batch.doc_slices().map_err(|e| self.reading.source.connections.failed(&e))?;
        for (i, document) in documents.into_iter().enumerate().skip(read) {
            let document = document.map_err(|e| self.failed(Fault::from(e), None))?;
            let document = document.as_document();
            let document = document.ok_or_else(|| self.failed(Fault::Malformed("no document".to_owned()), None))?;
            if let Err(fault) = self.columns.append(document) {
                return Err(self.failed(fault, Some(document)));
            }
            if self.columns.rows() >= self.reading.batch_rows {
                return Ok(Some(i + 1));
            }
        }
        Ok(None)
    }

    fn finished(&mut self) -> Result<RecordBatch> {
        self.is_first = false;
        let rows = self.columns.rows();
        let arrays = self.columns.finish().map_err(|_| self.changed())?;
        let arrays = arrays.into_iter().take(self.reading.schema.fields().len()).collect();
        self.batch_of(arrays, rows)
    }

    fn batch_of(&self, arrays: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.reading.schema), arrays, &options);
        batch.map_err(|_| self.changed())
    }

    /// What SQL says of a group that has no rows.
    fn only_row(&mut self, row: &[Option<i64>]) -> Result<RecordBatch> {
        self.is_first = false;
        let fields = self.reading.schema.fields().iter();
        let array = |(field, value): (_, &Option<i64>)| -> ArrayRef {
            let field: &Arc<datafusion::arrow::datatypes::Field> = field;
            match value {
                Some(number) => Arc::new(Int64Array::from(vec![*number])),
                None => new_null_array(field.data_type(), 1),
            }
        };
        self.batch_of(fields.zip(row).map(array).collect(), 1)
    }

    fn warn(&self) {
        let misfits = self.columns.misfits;
        if misfits > 0 {
            let (source, table) = (&self.reading.source.name, self.reading.table.to_string());
            tracing::warn!(source, table, misfits, "values that do not fit their columns were read as null");
        }
    }

    fn failed(&self, fault: Fault, document: Option<&RawDocument>) -> Error {
        let (source, table) = (&self.reading.source.name, &self.reading.table);
        match fault {
            Fault::Misfit { path, kind, found } => {
                let id = document.and_then(|d| d.get("_id").ok().flatten());
                let mut id_text = String::new();
                if let Some(id) = id
                    && write_value(&mut id_text, id, Form::Relaxed).is_err()
                {
                    id_text.clear();
                }
                let document = if id_text.is_empty() { "a document".to_owned() } else { format!("document {id_text}") };
                Error::source_failed(
                    source,
                    format!(
                        "{document} of {table} has a {found} in \"{path}\", which is {kind}; declare the column with option \
                         \"columns.{table}\", or set option \"misfit\" to null"
                    ),
                )
            }
            Fault::Malformed(reason) => {
                Error::source_failed(source, format!("a document of {table} cannot be read: {reason}"))
            }
        }
    }

    fn changed(&self) -> Error {
        let message = format!("{} has changed since it was looked at; run the query again", self.reading.table);
        Error::source_failed(&self.reading.source.name, message).retryable(true)
    }
}
