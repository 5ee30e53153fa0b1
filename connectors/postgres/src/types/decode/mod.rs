//! Binary COPY to Arrow: one pass from the bytes of `COPY ... TO STDOUT (FORMAT binary)` into growing buffers.
//!
//! The stream is a signature, flags and a header extension; then per row a field count and per field a length (-1 is NULL) and
//! that many bytes; then a field count of -1 (<https://www.postgresql.org/docs/current/sql-copy.html>, "Binary Format").

mod buffers;
mod column;
pub(super) mod nested;

use std::collections::VecDeque;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use headwater_common::{Error, Result};

use super::fault::Fault;
use super::pg_type::PgType;
use super::reader::Reader;
use column::Column;

/// First bytes of every stream.
pub(super) const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";
/// Flags that a reader must understand; we understand none of them (bit 16 is "rows have type numbers", Postgres 11 and before).
const FLAGS_CRITICAL: u32 = 0xffff_0000;
/// Longest header extension.
const EXTENSION_BYTES_MAX: usize = 1 << 20;
/// Longest field or row (MaxAllocSize).
const ROW_BYTES_MAX: usize = 0x3fff_ffff;
/// A batch ends when its rows took this many bytes, however few they are.
const BATCH_BYTES: usize = 2 << 20;
/// A buffer for a split row that grew larger than this is given back.
const PENDING_BYTES_KEPT: usize = 1 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Header,
    Rows,
    Done,
    Failed,
}

/// What stands next in the stream.
enum Next {
    /// A row of this many bytes.
    Row(usize),
    Trailer,
    /// More bytes are needed.
    Partial,
}

#[derive(Debug)]
struct Named {
    name: String,
    nullable: bool,
    column: Column,
}

/// Decodes one binary COPY stream into record batches of exactly the given schema.
///
/// Feed it every chunk with [`Self::push`], take batches with [`Self::take_batch`], and call [`Self::finish`] at the end of the
/// stream: it is an error unless the stream was complete. Chunks may be split anywhere. After an error every call fails.
#[derive(Debug)]
pub struct CopyDecoder {
    source: String,
    schema: SchemaRef,
    columns: Vec<Named>,
    /// Columns whose values grow while they are decoded.
    expanding: Vec<usize>,
    batch_rows: usize,
    state: State,
    pending: Vec<u8>,
    rows: usize,
    row_bytes: usize,
    ready: VecDeque<RecordBatch>,
}

impl CopyDecoder {
    /// A decoder for a stream of these columns. `schema` has their names and [`PgType::arrow_type`]s. A batch has at most
    /// `batch_rows` rows, and fewer when they are wide (about 2 MiB).
    pub fn new(columns: Vec<(String, PgType)>, schema: SchemaRef, batch_rows: usize) -> Result<Self> {
        if columns.len() != schema.fields().len() {
            return Err(Error::internal("the columns of a COPY stream do not match its schema in number"));
        }
        for ((name, pg_type), field) in columns.iter().zip(schema.fields()) {
            if *field.data_type() != pg_type.arrow_type() {
                return Err(Error::internal(format!(
                    "column \"{name}\" of type {} is read as {}, but the schema says {}",
                    pg_type.name(),
                    pg_type.arrow_type(),
                    field.data_type()
                )));
            }
        }
        let named = |((name, pg_type), nullable): ((String, PgType), bool)| {
            let column = Column::new(&pg_type);
            Named { name, nullable, column }
        };
        let nullable: Vec<bool> = schema.fields().iter().map(|f| f.is_nullable()).collect();
        let columns: Vec<Named> = columns.into_iter().zip(nullable).map(named).collect();
        let expanding = (0..columns.len()).filter(|i| columns[*i].column.expands()).collect();
        Ok(Self {
            source: "postgres".to_owned(),
            schema,
            columns,
            expanding,
            batch_rows: batch_rows.max(1),
            state: State::Header,
            pending: Vec::new(),
            rows: 0,
            row_bytes: 0,
            ready: VecDeque::new(),
        })
    }

    /// Names the source in errors.
    #[must_use]
    pub fn for_source(mut self, source: impl Into<String>) -> Self {
        self.source = source.into();
        self
    }

    /// The schema of every batch.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Decodes a chunk of the stream.
    pub fn push(&mut self, chunk: &[u8]) -> Result<()> {
        self.check_usable()?;
        let pushed = self.consume(chunk);
        if pushed.is_err() {
            self.state = State::Failed;
            self.ready.clear();
        }
        pushed
    }

    /// A full batch, if there is one. Call it until `None` after each [`Self::push`].
    pub fn take_batch(&mut self) -> Option<RecordBatch> {
        self.ready.pop_front()
    }

    /// Ends the stream and returns what is left, one batch a call, then `None`. It is an error, which a retry may help, when the
    /// stream broke off before its end.
    pub fn finish(&mut self) -> Result<Option<RecordBatch>> {
        self.check_usable()?;
        if self.state != State::Done {
            self.state = State::Failed;
            self.ready.clear();
            return Err(Error::unavailable(&self.source, "the COPY stream broke off before its end"));
        }
        if self.rows > 0
            && let Err(error) = self.complete_batch()
        {
            self.state = State::Failed;
            self.ready.clear();
            return Err(error);
        }
        Ok(self.ready.pop_front())
    }

    fn check_usable(&self) -> Result<()> {
        match self.state {
            State::Failed => Err(Error::source_failed(&self.source, "the COPY stream failed before")),
            _ => Ok(()),
        }
    }

    fn broken(&self, what: &str) -> Error {
        Error::source_failed(&self.source, format!("the COPY stream is malformed: {what}"))
    }

    fn consume(&mut self, chunk: &[u8]) -> Result<()> {
        if self.pending.is_empty() {
            let used = self.read(chunk)?;
            self.pending.extend_from_slice(chunk.get(used..).unwrap_or_default());
            return Ok(());
        }
        self.pending.extend_from_slice(chunk);
        let mut pending = std::mem::take(&mut self.pending);
        let used = self.read(&pending)?;
        pending.drain(..used);
        if !(pending.is_empty() && pending.capacity() > PENDING_BYTES_KEPT) {
            self.pending = pending;
        }
        Ok(())
    }

    /// Decodes everything that is complete in `data`; returns how much that was.
    fn read(&mut self, data: &[u8]) -> Result<usize> {
        let mut used = 0;
        loop {
            let rest = data.get(used..).unwrap_or_default();
            match self.state {
                State::Header => match self.header(rest)? {
                    Some(length) => {
                        used += length;
                        self.state = State::Rows;
                    }
                    None => return Ok(used),
                },
                State::Rows => match next(rest, self.columns.len()).map_err(|what| self.broken(what))? {
                    Next::Row(length) => {
                        self.row(rest.get(..length).unwrap_or_default())?;
                        used += length;
                    }
                    Next::Trailer => {
                        used += 2;
                        self.state = State::Done;
                    }
                    Next::Partial => return Ok(used),
                },
                State::Done | State::Failed => {
                    return if rest.is_empty() { Ok(used) } else { Err(self.broken("data after the end")) };
                }
            }
        }
    }

    /// Length of the header, when it is complete.
    fn header(&self, data: &[u8]) -> Result<Option<usize>> {
        let compared = data.len().min(SIGNATURE.len());
        if data.get(..compared) != SIGNATURE.get(..compared) {
            return Err(self.broken("no binary COPY signature"));
        }
        let mut reader = Reader::new(data.get(SIGNATURE.len()..).unwrap_or_default());
        let (Ok(flags), Ok(extension)) = (reader.u32(), reader.i32()) else { return Ok(None) };
        if flags & FLAGS_CRITICAL != 0 {
            return Err(self.broken("unknown critical flags"));
        }
        match usize::try_from(extension) {
            Ok(length) if length <= EXTENSION_BYTES_MAX => {
                Ok(reader.take(length).is_ok().then_some(SIGNATURE.len() + 8 + length))
            }
            _ => Err(self.broken("header extension too long")),
        }
    }

    /// Decodes a complete row.
    fn row(&mut self, row: &[u8]) -> Result<()> {
        let mut reader = Reader::new(row.get(2..).unwrap_or_default());
        for named in &mut self.columns {
            if let Err(fault) = reader.field().and_then(|value| named.column.append(value)) {
                return Err(column_error(&self.source, &named.name, fault));
            }
        }
        self.rows += 1;
        self.row_bytes += row.len();
        let expanded = || self.expanding.iter().map(|i| self.columns[*i].column.expanded_bytes()).sum::<usize>();
        if self.rows >= self.batch_rows || self.row_bytes >= BATCH_BYTES || expanded() >= BATCH_BYTES {
            self.complete_batch()?;
        }
        Ok(())
    }

    fn complete_batch(&mut self) -> Result<()> {
        let mut arrays = Vec::with_capacity(self.columns.len());
        for named in &mut self.columns {
            let array = named.column.finish().and_then(|array| match array.null_count() {
                0 => Ok(array),
                _ if named.nullable => Ok(array),
                _ => Err(Fault::Null),
            });
            arrays.push(array.map_err(|fault| column_error(&self.source, &named.name, fault))?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        let batch = RecordBatch::try_new_with_options(SchemaRef::clone(&self.schema), arrays, &options)
            .map_err(|e| Error::internal("decoded columns do not fit their schema").with_cause(e))?;
        self.ready.push_back(batch);
        (self.rows, self.row_bytes) = (0, 0);
        Ok(())
    }
}

fn column_error(source: &str, column: &str, fault: Fault) -> Error {
    Error::source_failed(source, format!("column \"{column}\": {fault}"))
}

/// Finds the end of the row at the start of `data`, checking the length of every field.
#[inline]
fn next(data: &[u8], columns: usize) -> std::result::Result<Next, &'static str> {
    let Some((count, mut rest)) = data.split_first_chunk::<2>() else { return Ok(Next::Partial) };
    let count = i16::from_be_bytes(*count);
    if count == -1 {
        return Ok(Next::Trailer);
    }
    if usize::try_from(count) != Ok(columns) {
        return Err("a row has another number of fields than columns were selected");
    }
    for _ in 0..columns {
        let Some((length, tail)) = rest.split_first_chunk::<4>() else { return Ok(Next::Partial) };
        let length = i32::from_be_bytes(*length);
        let length = match usize::try_from(length) {
            Ok(length) => length,
            Err(_) if length == -1 => 0,
            Err(_) => return Err("negative length of a field"),
        };
        if data.len() - tail.len() + length > ROW_BYTES_MAX {
            return Err("a row is longer than 1 GiB");
        }
        match tail.get(length..) {
            Some(after) => rest = after,
            None => return Ok(Next::Partial),
        }
    }
    Ok(Next::Row(data.len() - rest.len()))
}

#[cfg(test)]
mod tests;
