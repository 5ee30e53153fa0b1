//! Arrow to binary COPY: record batches as the bytes of `COPY ... FROM STDIN (FORMAT binary)`.
//!
//! Besides a type's stated Arrow type, those are taken that hold its values exactly: narrower integers, other text and binary
//! layouts, dictionaries, other time units and decimal scales as long as no digit is lost, texts for uuid, inet and the like.
//! A value that does not fit exactly is an error; nothing is rounded.

mod column;
mod nested;
mod prepare;

use arrow::array::RecordBatch;
use bytes::{BufMut, Bytes, BytesMut};
use headwater_common::{Error, Result};

use super::decode::SIGNATURE;
use super::pg_type::PgType;

/// A piece of the stream ends after the row that reaches this size.
const PIECE_BYTES: usize = 256 << 10;

/// Encodes record batches as one binary COPY stream.
///
/// Columns are matched by position. Those with [`crate::types::CopyIn::ViaText`] are written as text (or text[]) for a staging
/// table.
#[derive(Debug)]
pub struct CopyEncoder {
    columns: Vec<(String, PgType)>,
    started: bool,
}

impl CopyEncoder {
    /// An encoder for `COPY t (columns) FROM STDIN (FORMAT binary)`.
    pub fn new(columns: Vec<(String, PgType)>) -> Self {
        Self { columns, started: false }
    }

    /// The rows as pieces of the stream; the first one starts with its header. An error leaves the stream unusable.
    pub fn encode(&mut self, batch: &RecordBatch) -> Result<Vec<Bytes>> {
        let count = i16::try_from(self.columns.len()).ok().filter(|_| batch.num_columns() == self.columns.len());
        let count =
            count.ok_or_else(|| Error::internal("a batch to write has another number of columns than its table"))?;
        let mut writers = Vec::with_capacity(self.columns.len());
        for ((name, pg_type), array) in self.columns.iter().zip(batch.columns()) {
            let writer = prepare::writer(pg_type, array).map_err(|fault| {
                Error::invalid(format!(
                    "column \"{name}\" of type {} cannot be written from {}: {fault}",
                    pg_type.name(),
                    array.data_type()
                ))
            })?;
            writers.push(writer);
        }
        let mut pieces = Vec::new();
        let mut out = self.start();
        for row in 0..batch.num_rows() {
            out.extend_from_slice(&count.to_be_bytes());
            for (writer, (name, _)) in writers.iter().zip(&self.columns) {
                writer.write(row, &mut out).map_err(|fault| Error::invalid(format!("column \"{name}\": {fault}")))?;
            }
            if out.len() >= PIECE_BYTES {
                pieces.push(Bytes::from(std::mem::take(&mut out)));
            }
        }
        if !out.is_empty() {
            pieces.push(Bytes::from(out));
        }
        Ok(pieces)
    }

    /// The end of the stream (with its header when nothing was written).
    pub fn finish(mut self) -> Bytes {
        let mut out = BytesMut::from(self.start().as_slice());
        out.put_i16(-1);
        out.freeze()
    }

    fn start(&mut self) -> Vec<u8> {
        if std::mem::replace(&mut self.started, true) {
            return Vec::new();
        }
        // No flags, no header extension.
        [&SIGNATURE[..], &[0; 8]].concat()
    }
}

#[cfg(test)]
mod tests;

/// Writes a length and what `write` appends, patching the length afterwards.
fn framed(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> std::result::Result<(), super::fault::Fault>,
) -> std::result::Result<(), super::fault::Fault> {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out)?;
    let length = i32::try_from(out.len() - start - 4).map_err(|_| super::fault::Fault::TooLarge)?;
    match out.get_mut(start..start + 4) {
        Some(place) => place.copy_from_slice(&length.to_be_bytes()),
        None => return Err(super::fault::Fault::TooLarge),
    }
    Ok(())
}
