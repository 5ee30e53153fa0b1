//! Rows on their way into Arrow columns.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, BinaryArray, BinaryBuilder, Float64Builder, Int64Builder, RecordBatch, RecordBatchOptions,
    StringArray, TimestampMillisecondBuilder,
};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use headwater_common::{Error, Result};

use crate::program::Found;
use crate::table::{Column, Kind, Role};

/// A batch ends when its texts have so many bytes: positions in a column are 32 bits wide.
const BATCH_BYTES: usize = 64 << 20;

/// What a key gives to each of its rows.
#[derive(Debug)]
pub(crate) struct KeyCells<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) parts: &'a [&'a [u8]],
    pub(crate) found: &'a Found,
}

/// What an element gives to its row.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Element<'a> {
    /// The row holds nothing of the value.
    Nothing,
    /// The value of a string or an element of a list, with its place.
    Value(&'a [u8], i64),
    /// Values of the columns that hold fields, positions or documents, in their order.
    Fields(&'a [Option<Vec<u8>>]),
    Member(&'a [u8]),
    Scored {
        member: &'a [u8],
        score: f64,
        rank: i64,
    },
    /// Values as for `Fields`.
    Entry {
        id: &'a [u8],
        ms: i64,
        fields: &'a [Option<Vec<u8>>],
    },
    Sample {
        ms: i64,
        value: f64,
    },
    Counted(i64),
}

#[derive(Debug)]
enum Cells {
    Bytes(BinaryBuilder),
    Whole(Int64Builder),
    Float(Float64Builder),
    Time(TimestampMillisecondBuilder),
}

/// The rows of one batch.
#[derive(Debug)]
pub(crate) struct Rows {
    kind: Kind,
    columns: Vec<(Column, Cells)>,
    rows: usize,
    bytes: usize,
    batch_rows: usize,
    /// Values that did not fit and became null.
    pub(crate) replaced: u64,
    mismatch_is_null: bool,
}

impl Rows {
    pub(crate) fn new(kind: Kind, columns: &[Column], batch_rows: usize, mismatch_is_null: bool) -> Self {
        let cells = |column: &Column| match (&column.role, kind) {
            (Role::Score, _) | (Role::Value, Kind::TimeSeries) => Cells::Float(Float64Builder::new()),
            (Role::TimeToLive | Role::Memory | Role::Index | Role::Rank | Role::Count | Role::Length, _) => {
                Cells::Whole(Int64Builder::new())
            }
            (Role::Timestamp, _) => Cells::Time(TimestampMillisecondBuilder::new()),
            _ => Cells::Bytes(BinaryBuilder::new()),
        };
        let columns = columns.iter().map(|c| (c.clone(), cells(c))).collect();
        Self { kind, columns, rows: 0, bytes: 0, batch_rows: batch_rows.max(1), replaced: 0, mismatch_is_null }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// Whether the batch should be taken now.
    pub(crate) fn is_full(&self) -> bool {
        self.rows >= self.batch_rows || self.bytes >= BATCH_BYTES
    }

    /// Appends a row.
    pub(crate) fn append(&mut self, key: &KeyCells<'_>, element: Element<'_>) {
        let kind = self.kind.server_type().as_bytes();
        let (mut fields, mut bytes) = (0, 0);
        for (column, cells) in &mut self.columns {
            match cells {
                Cells::Bytes(builder) => {
                    let text = match &column.role {
                        Role::Key => Some(key.key),
                        Role::Part(i) => key.parts.get(*i).copied(),
                        Role::Type => Some(kind),
                        Role::Label(name) => {
                            key.found.labels.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_slice())
                        }
                        Role::Field(_) | Role::Document | Role::Position(_) => {
                            fields += 1;
                            field(&element, fields - 1)
                        }
                        _ => text_of(&element),
                    };
                    bytes += text.map_or(0, <[u8]>::len);
                    builder.append_option(text);
                }
                Cells::Whole(builder) => builder.append_option(match (&column.role, &element) {
                    (Role::TimeToLive, _) => key.found.time_to_live,
                    (Role::Memory, _) => key.found.memory,
                    (Role::Length, _) => key.found.length,
                    (Role::Index, Element::Value(_, index)) => Some(*index),
                    (Role::Rank, Element::Scored { rank, .. }) => Some(*rank),
                    (Role::Count, Element::Counted(count)) => Some(*count),
                    _ => None,
                }),
                Cells::Float(builder) => builder.append_option(match &element {
                    Element::Scored { score, .. } => Some(*score),
                    Element::Sample { value, .. } => Some(*value),
                    _ => None,
                }),
                Cells::Time(builder) => builder.append_option(match &element {
                    Element::Entry { ms, .. } | Element::Sample { ms, .. } => Some(*ms),
                    _ => None,
                }),
            }
        }
        self.bytes += bytes;
        self.rows += 1;
    }

    /// The rows so far as a batch; what follows is a new one.
    pub(crate) fn take(&mut self, source: &str, schema: &SchemaRef) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        let (mut arrays, mut replaced) = (Vec::with_capacity(self.columns.len()), 0);
        for (column, cells) in &mut self.columns {
            arrays.push(match cells {
                Cells::Bytes(builder) => {
                    let (array, lost) = converted(source, column, builder.finish())?;
                    if lost > 0 && !self.mismatch_is_null {
                        return Err(mismatch(source, column));
                    }
                    replaced += lost as u64;
                    array
                }
                Cells::Whole(builder) => Arc::new(builder.finish()) as ArrayRef,
                Cells::Float(builder) => Arc::new(builder.finish()),
                Cells::Time(builder) => Arc::new(builder.finish().with_timezone("UTC")),
            });
        }
        self.replaced += replaced;
        (self.rows, self.bytes) = (0, 0);
        RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options).map_err(|_| changed(source))
    }
}

/// A value that its column's type does not have.
fn mismatch(source: &str, column: &Column) -> Error {
    let message = format!(
        "column \"{}\" holds a value that is no {}; declare another type in tables.NAME.columns, or set option \"mismatch\" to null",
        column.name, column.data_type
    );
    Error::source_failed(source, message).retryable(true)
}

/// The columns are not those that the query was planned with.
pub(crate) fn changed(source: &str) -> Error {
    Error::source_failed(source, "a table has changed since it was looked at; run the query again").retryable(true)
}

/// Texts as values of the column's type, and how many of them are none.
fn converted(source: &str, column: &Column, bytes: BinaryArray) -> Result<(ArrayRef, usize)> {
    if column.data_type == DataType::Binary {
        return Ok((Arc::new(bytes), 0));
    }
    let (offsets, values, nulls) = bytes.into_parts();
    let texts = StringArray::try_new(offsets, values, nulls).map_err(|_| {
        let message = format!(
            "column \"{}\" holds bytes that are not UTF-8; declare it as BYTEA in tables.NAME.columns, or set option \
             \"strings\" to binary",
            column.name
        );
        Error::source_failed(source, message)
    })?;
    if column.data_type == DataType::Utf8 {
        return Ok((Arc::new(texts), 0));
    }
    let cast = CastOptions { safe: true, ..CastOptions::default() };
    let array = cast_with_options(&texts, &column.data_type, &cast).map_err(|_| mismatch(source, column))?;
    let lost = array.null_count().saturating_sub(texts.null_count());
    Ok((array, lost))
}

fn text_of<'a>(element: &Element<'a>) -> Option<&'a [u8]> {
    match element {
        Element::Value(text, _) => Some(text),
        Element::Member(member) | Element::Scored { member, .. } => Some(member),
        Element::Entry { id, .. } => Some(id),
        _ => None,
    }
}

fn field<'a>(element: &Element<'a>, index: usize) -> Option<&'a [u8]> {
    match element {
        Element::Fields(fields) | Element::Entry { fields, .. } => fields.get(index)?.as_deref(),
        _ => None,
    }
}
