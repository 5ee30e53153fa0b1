//! Reads with binary COPY.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::execution::SendableRecordBatchStream;
use deadpool_postgres::Object;
use futures::StreamExt;
use headwater_common::{Error, ErrorKind, Result};
use headwater_source::{BatchReader, TableName, read_batches};
use tokio_postgres::{CopyOutStream, Error as PgError, SimpleQueryMessage};

use crate::error::classify;
use crate::snapshot::{Left, Readers};
use crate::types::{CopyDecoder, PgType};

/// One range or statement, ready to be read.
pub(crate) struct Reading {
    pub(crate) source: String,
    pub(crate) readers: Arc<Readers>,
    /// What is asked before anything is read.
    pub(crate) checks: Vec<Check>,
    /// The COPY statement.
    pub(crate) copy: String,
    /// Types of the output, in order.
    pub(crate) columns: Vec<(String, PgType)>,
    /// Schema of these types.
    pub(crate) sent: SchemaRef,
    /// Schema of the batches, whose types may be others that hold the same values.
    pub(crate) schema: SchemaRef,
    /// Rows per batch.
    pub(crate) batch_rows: usize,
    /// Called when the table is no longer what discovery found.
    pub(crate) changed: Box<dyn Fn() + Send + Sync>,
}

/// Asks for the types of a table's columns, which are compared with those that the statement was made for.
pub(crate) struct Check {
    pub(crate) table: TableName,
    /// Returns one row with the number of each column's type, and locks the table until the transaction ends.
    pub(crate) types: String,
    /// Numbers of the types.
    pub(crate) oids: Vec<u32>,
}

/// Starts reading when it is first polled.
pub(crate) fn stream(reading: Reading) -> SendableRecordBatchStream {
    read_batches(Arc::clone(&reading.schema), start(reading))
}

async fn start(reading: Reading) -> Result<Running> {
    let decoder = CopyDecoder::new(reading.columns.clone(), Arc::clone(&reading.sent), reading.batch_rows)?;
    let object = reading.readers.take().await?;
    let mut running = Running {
        source: reading.source.clone(),
        readers: Arc::clone(&reading.readers),
        object: Some(object),
        copy: None,
        decoder: decoder.for_source(reading.source.clone()),
        schema: Arc::clone(&reading.schema),
        state: State::Reading,
        starting: true,
    };
    let begun = running.begin(&reading).await;
    running.starting = false;
    begun.map(|()| running)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    Finishing,
    Done,
}

struct Running {
    source: String,
    readers: Arc<Readers>,
    object: Option<Object>,
    copy: Option<Pin<Box<CopyOutStream>>>,
    decoder: CopyDecoder,
    schema: SchemaRef,
    state: State,
    /// A statement was sent whose answer has not arrived.
    starting: bool,
}

impl BatchReader for Running {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        let batch = self.next_sent().await?;
        batch.map(|batch| conform(&self.source, batch, &self.schema)).transpose()
    }
}

impl Running {
    async fn begin(&mut self, reading: &Reading) -> Result<()> {
        let source = &reading.source;
        let object = self.object.as_ref().ok_or_else(|| Error::internal("a reader without its connection"))?;
        for check in &reading.checks {
            // Asking locks the table until the transaction ends, so what is checked now is what COPY sends.
            let answer = object.simple_query(&check.types).await.map_err(|e| {
                let error = classify(source, e);
                // Such as a column that is gone; a lock that was waited for too long says nothing about the table.
                if error.kind() == ErrorKind::SourceFailed {
                    (reading.changed)();
                }
                error
            })?;
            if !same_types(&answer, &check.oids) {
                (reading.changed)();
                let message = format!("{} has changed since it was looked at; run the query again", check.table);
                return Err(Error::source_failed(source, message).retryable(true));
            }
        }
        let copy = object.copy_out(reading.copy.as_str()).await.map_err(|e| classify(source, e))?;
        self.copy = Some(Box::pin(copy));
        Ok(())
    }

    async fn next_sent(&mut self) -> Result<Option<RecordBatch>> {
        while self.state == State::Reading {
            if let Some(batch) = self.decoder.take_batch() {
                return Ok(Some(batch));
            }
            let chunk = match &mut self.copy {
                Some(copy) => copy.next().await,
                None => None,
            };
            self.accept(chunk)?;
        }
        if self.state == State::Finishing {
            if let Some(batch) = self.decoder.take_batch() {
                return Ok(Some(batch));
            }
            if let Some(batch) = self.decoder.finish()? {
                return Ok(Some(batch));
            }
            self.state = State::Done;
            self.copy = None;
            if let Some(object) = self.object.take() {
                self.readers.give_back(object);
            }
        }
        Ok(None)
    }

    fn accept(&mut self, chunk: Option<Result<Bytes, PgError>>) -> Result<()> {
        match chunk {
            Some(Ok(bytes)) => self.decoder.push(&bytes),
            Some(Err(e)) => Err(classify(&self.source, e)),
            None => {
                self.state = State::Finishing;
                Ok(())
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(object) = self.object.take() {
            let left = match self.copy.take() {
                Some(copy) => Left::Copy(copy),
                None if self.starting => Left::Starting,
                None => Left::Nothing,
            };
            Arc::clone(&self.readers).abandon(object, left);
        }
    }
}

/// Whether the server's numbers of the columns' types are the expected ones.
fn same_types(answer: &[SimpleQueryMessage], oids: &[u32]) -> bool {
    let row = answer.iter().find_map(|m| match m {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let number = |i: usize| row.and_then(|r| r.get(i)?.parse::<u32>().ok());
    row.is_some_and(|r| r.len() == oids.len()) && oids.iter().enumerate().all(|(i, oid)| number(i) == Some(*oid))
}

/// The same values in the types of `schema`; one that does not fit is an error.
fn conform(source: &str, batch: RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    if batch.schema_ref() == schema {
        return Ok(batch);
    }
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let failed = |e: ArrowError| Error::source_failed(source, format!("a value does not fit its type: {e}"));
    let arrays = batch.columns().iter().zip(schema.fields()).map(|(array, field)| match field.data_type() {
        same if same == array.data_type() => Ok(Arc::clone(array)),
        other => cast_with_options(array, other, &options).map_err(failed),
    });
    let arrays = arrays.collect::<Result<Vec<_>>>()?;
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &rows).map_err(failed)
}
