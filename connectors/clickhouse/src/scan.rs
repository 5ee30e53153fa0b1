//! Reads an Arrow stream.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use headwater_common::{Error, Result};
use headwater_source::{BatchReader, QueryContext, TableName, read_batches};
use headwater_sqlgen::{ClickHouseStatement, Sql};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;

use crate::body::ArrowBody;
use crate::connect::{Connections, Query};
use crate::error::{broken, code_of, exception, is_stale};
use crate::settings::ServerSettings;
use crate::source::ClickHouseSource;
use crate::types::{ChType, Fault, convert};

/// Bytes that are read behind a broken stream, to find the server's exception.
const AFTER_BYTES: usize = 1 << 20;

/// One range or statement, ready to be read.
pub(crate) struct Reading {
    pub(crate) source: Arc<ClickHouseSource>,
    /// What is read, for messages.
    pub(crate) table: String,
    /// What is asked before anything is read.
    pub(crate) checks: Vec<Check>,
    pub(crate) sql: Sql,
    /// Types of the output, in order.
    pub(crate) columns: Vec<(String, ChType)>,
    /// Schema of the batches, whose types may be others that hold the same values.
    pub(crate) schema: SchemaRef,
    /// Rows per batch.
    pub(crate) batch_rows: usize,
    /// What the scans of the query share.
    pub(crate) query: Arc<QueryContext>,
    pub(crate) settings: ServerSettings,
}

/// Asks for the types of a table's columns, which are compared with those that the statement was made for.
pub(crate) struct Check {
    pub(crate) table: TableName,
    /// Returns a row with the name and the type of each column.
    pub(crate) text: String,
    /// Names of the types.
    pub(crate) types: Vec<String>,
}

/// Starts reading when it is first polled.
pub(crate) fn stream(reading: Reading) -> SendableRecordBatchStream {
    read_batches(Arc::clone(&reading.schema), start(reading))
}

async fn start(reading: Reading) -> Result<Running> {
    let source = &reading.source;
    reading.settings.check(&source.name)?;
    for check in &reading.checks {
        unchanged(&reading, check).await?;
    }
    let place = Place::take(&reading).await?;
    let id = format!("headwater-{}-{:016x}", reading.query.id, rand::random::<u64>());
    let kill =
        Kill { connections: source.connections.clone(), settings: reading.settings.clone(), id: id.clone(), armed: true };
    let mut settings = reading.settings.sent.clone();
    if !reading.settings.restricted && !settings.iter().any(|(name, _)| name == "max_block_size") {
        settings.push(("max_block_size".to_owned(), reading.batch_rows.max(1).to_string()));
    }
    settings.push(("default_format".to_owned(), "ArrowStream".to_owned()));
    let query = Query { sql: &reading.sql.text, settings: &settings, parameters: &reading.sql.parameters, id: Some(&id) };
    let answer = match source.connections.read(&query).await {
        Ok(answer) => answer,
        Err(e) => {
            if code_of_message(&e).is_some_and(is_stale) {
                source.mark_stale();
            }
            kill.disarm();
            return Err(e);
        }
    };
    let tag = answer.headers.get("x-clickhouse-exception-tag").and_then(|v| v.to_str().ok()).map(str::to_owned);
    Ok(Running {
        reading,
        body: answer.body,
        arrow: ArrowBody::new(tag),
        batches: VecDeque::new(),
        kill: Some(kill),
        _place: place,
    })
}

/// An error when a table no longer has the types that the statement was made for.
async fn unchanged(reading: &Reading, check: &Check) -> Result<()> {
    let source = &reading.source;
    let rows = source.connections.rows(&check.text, &reading.settings.sent).await.inspect_err(|e| {
        if code_of_message(e).is_some_and(is_stale) {
            source.mark_stale();
        }
    })?;
    // The server prints long types over several lines here and in one line elsewhere.
    let plain = |text: &str| text.split_whitespace().collect::<String>();
    let types = rows.iter().map(|row| row.get(1).and_then(|v| v.as_str()).map(plain));
    if types.eq(check.types.iter().map(|t| Some(plain(t)))) {
        return Ok(());
    }
    source.mark_stale();
    Err(changed(&source.name, &check.table.to_string()))
}

fn changed(source: &str, table: &str) -> Error {
    let message = format!("{table} has changed since it was looked at; run the query again");
    Error::source_failed(source, message).retryable(true)
}

/// The number that our own message of an exception ends with.
fn code_of_message(error: &Error) -> Option<i32> {
    let (_, rest) = error.message().rsplit_once("(code ")?;
    rest.split(')').next()?.parse().ok()
}

/// A place among the requests of a source. A query that holds one already never waits for another: two queries that wait for
/// each other would wait forever.
struct Place {
    running: Arc<AtomicUsize>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Place {
    async fn take(reading: &Reading) -> Result<Self> {
        let connections = &reading.source.connections;
        let running = reading.query.state(&reading.source.name, || Arc::new(AtomicUsize::new(0)));
        let permit = match running.load(Ordering::Acquire) {
            0 => Some(connections.place().await?),
            _ => connections.free_place(),
        };
        running.fetch_add(1, Ordering::AcqRel);
        Ok(Self { running, _permit: permit })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.running.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Ends the query at the server unless it was read to its end.
struct Kill {
    connections: Connections,
    settings: ServerSettings,
    id: String,
    armed: bool,
}

impl Kill {
    fn disarm(mut self) {
        self.armed = false;
    }
}

impl Drop for Kill {
    fn drop(&mut self) {
        // A user that may only read cannot kill; the server then notices the closed connection by itself.
        if !self.armed || self.settings.restricted {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (connections, id) = (self.connections.clone(), std::mem::take(&mut self.id));
        runtime.spawn(async move {
            let Ok(text) = ClickHouseStatement::KillQuery(id).text() else { return };
            if let Err(e) = connections.run(&text, &[]).await {
                tracing::warn!(error = %e, "cannot end a query at the source");
            }
        });
    }
}

struct Running {
    reading: Reading,
    body: Incoming,
    arrow: ArrowBody,
    batches: VecDeque<RecordBatch>,
    kill: Option<Kill>,
    _place: Place,
}

impl BatchReader for Running {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.batches.pop_front() {
                if batch.num_rows() > 0 {
                    return self.converted(&batch).map(Some);
                }
                continue;
            }
            match self.reading.source.connections.frame(&mut self.body).await? {
                Some(Ok(frame)) => {
                    let Ok(piece) = frame.into_data() else { continue };
                    if let Err(e) = self.arrow.push(&piece, &mut self.batches) {
                        return Err(self.broken_off(Some(&e)).await);
                    }
                }
                Some(Err(e)) => return Err(self.broken_off(Some(&e)).await),
                None if self.arrow.finish() => {
                    if let Some(kill) = self.kill.take() {
                        kill.disarm();
                    }
                    return Ok(None);
                }
                None => return Err(self.broken_off(None).await),
            }
        }
    }
}

impl Running {
    /// Why the stream broke off: the server's exception when it wrote one.
    async fn broken_off(&mut self, error: Option<&(dyn std::error::Error + Send + Sync + 'static)>) -> Error {
        let mut after = 0;
        while let Ok(Some(Ok(frame))) = self.reading.source.connections.frame(&mut self.body).await {
            let Ok(piece) = frame.into_data() else { continue };
            self.arrow.remember(&piece);
            after += piece.len();
            if after > AFTER_BYTES {
                break;
            }
        }
        let name = &self.reading.source.name;
        match (self.arrow.exception(), error) {
            (Some(told), _) => {
                if let Some(kill) = self.kill.take() {
                    kill.disarm();
                }
                if code_of(&told).is_some_and(is_stale) {
                    self.reading.source.mark_stale();
                }
                exception(name, None, &told)
            }
            (None, Some(e)) => {
                let cause = broken(name, e);
                Error::unavailable(name, format!("the answer broke off: {}", cause.message()))
            }
            (None, None) => Error::unavailable(name, "the answer broke off before its end"),
        }
    }

    fn converted(&self, wire: &RecordBatch) -> Result<RecordBatch> {
        let schema = &self.reading.schema;
        let source = &self.reading.source;
        let options = RecordBatchOptions::new().with_row_count(Some(wire.num_rows()));
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.reading.columns.len());
        // A scan without columns still asks for one, to count its rows.
        if !self.reading.columns.is_empty() && wire.num_columns() != self.reading.columns.len() {
            return Err(self.changed());
        }
        for ((name, t), array) in self.reading.columns.iter().zip(wire.columns()) {
            let array = convert(t, array, &source.config.types).map_err(|fault| match fault {
                Fault::Value(remedy) => Error::source_failed(&source.name, format!("column \"{name}\" holds {remedy}")),
                Fault::Changed => self.changed(),
            })?;
            columns.push(array);
        }
        let cast = CastOptions { safe: false, ..CastOptions::default() };
        for (array, field) in columns.iter_mut().zip(schema.fields()) {
            if array.data_type() != field.data_type() {
                let made = cast_with_options(array, field.data_type(), &cast);
                *array =
                    made.map_err(|e| Error::source_failed(&source.name, format!("column \"{}\" holds {e}", field.name())))?;
            }
        }
        RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).map_err(|_| self.changed())
    }

    fn changed(&self) -> Error {
        self.reading.source.mark_stale();
        changed(&self.reading.source.name, &self.reading.table)
    }
}
