//! An Arrow stream that arrives in pieces, and how it ends.

use std::collections::VecDeque;

use bytes::Bytes;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::buffer::Buffer;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::reader::StreamDecoder;

/// An exception stands in the last bytes of a stream that broke off; the server keeps it shorter than this.
const TAIL_BYTES: usize = 32 << 10;

/// Decodes the body of an answer.
///
/// Every piece is decoded to its end, so no batch is lost however the network cuts the stream. A stream is whole only when it
/// ends with Arrow's end-of-stream mark.
#[derive(Debug, Default)]
pub struct ArrowBody {
    decoder: StreamDecoder,
    /// What the server puts around an exception in mid-stream: a random word that no data holds.
    tag: Option<String>,
    tail: Vec<u8>,
}

impl ArrowBody {
    /// A body whose exceptions are marked with this tag (the answer's `X-ClickHouse-Exception-Tag`).
    pub fn new(tag: Option<String>) -> Self {
        Self { tag, ..Self::default() }
    }

    /// Decodes a piece and appends the batches that it completes.
    pub fn push(&mut self, piece: &Bytes, batches: &mut VecDeque<RecordBatch>) -> Result<(), ArrowError> {
        self.remember(piece);
        let mut buffer = Buffer::from(Bytes::clone(piece));
        while !buffer.is_empty() {
            if let Some(batch) = self.decoder.decode(&mut buffer)? {
                batches.push_back(batch);
            }
        }
        Ok(())
    }

    /// Keeps a piece that follows a broken stream, for the exception in it.
    pub fn remember(&mut self, piece: &[u8]) {
        if piece.len() >= TAIL_BYTES {
            self.tail.clear();
        } else if self.tail.len() + piece.len() > 2 * TAIL_BYTES {
            self.tail.drain(..self.tail.len() - TAIL_BYTES);
        }
        let last = piece.len().saturating_sub(TAIL_BYTES);
        self.tail.extend_from_slice(piece.get(last..).unwrap_or(piece));
    }

    /// Whether the stream ended as a whole.
    pub fn finish(&mut self) -> bool {
        // After the mark every further byte is an error; before it one byte is the start of the next message.
        self.decoder.finish().is_ok() && self.decoder.decode(&mut Buffer::from(vec![0u8])).is_err()
    }

    /// The server's exception in the last bytes, if there is one.
    pub fn exception(&self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.tail);
        let start = match &self.tag {
            Some(tag) => {
                let mark = format!("__exception__\r\n{tag}\r\n");
                text.rfind(&mark)? + mark.len()
            }
            // Servers before 25.11 write the bare text.
            None => text.rfind("Code: ").filter(|at| text.get(*at..).is_some_and(|t| t.contains("DB::Exception")))?,
        };
        let told = text.get(start..)?;
        let told = told.split("\r\n__exception__").next().unwrap_or(told);
        let end = told.rfind("\n").filter(|_| self.tag.is_some()).unwrap_or(told.len());
        Some(told.get(..end).unwrap_or(told).trim().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Int32Array, StringArray};
    use datafusion::arrow::datatypes::{DataType, Field, Schema};
    use datafusion::arrow::ipc::writer::StreamWriter;
    use proptest::prelude::*;

    use super::*;

    const BATCHES: usize = 5;

    fn stream() -> (Vec<u8>, Vec<RecordBatch>) {
        let schema = Schema::new(vec![Field::new("i", DataType::Int32, true), Field::new("s", DataType::Utf8, false)]);
        let schema = Arc::new(schema);
        let batch = |n: i32| {
            let numbers: ArrayRef = Arc::new((0..n * 7).map(|i| (i % 3 != 0).then_some(i)).collect::<Int32Array>());
            let texts: ArrayRef = Arc::new((0..n * 7).map(|i| Some(format!("text {i}"))).collect::<StringArray>());
            RecordBatch::try_new(Arc::clone(&schema), vec![numbers, texts]).unwrap()
        };
        let batches: Vec<_> = (0..BATCHES as i32).map(batch).collect();
        let mut writer = StreamWriter::try_new(Vec::new(), &schema).unwrap();
        batches.iter().for_each(|b| writer.write(b).unwrap());
        writer.finish().unwrap();
        (writer.into_inner().unwrap(), batches)
    }

    fn decode(pieces: &[&[u8]]) -> (Vec<RecordBatch>, bool) {
        let (mut body, mut batches) = (ArrowBody::new(None), VecDeque::new());
        for piece in pieces {
            if body.push(&Bytes::copy_from_slice(piece), &mut batches).is_err() {
                return (batches.into(), false);
            }
        }
        let whole = body.finish();
        (batches.into(), whole)
    }

    #[test]
    fn a_stream_cut_in_two_at_any_byte_keeps_every_batch() {
        let (bytes, want) = stream();
        for at in 0..=bytes.len() {
            let (first, second) = bytes.split_at(at);
            assert_eq!(decode(&[first, second]), (want.clone(), true), "cut at {at}");
        }
    }

    #[test]
    fn a_stream_that_ends_at_any_byte_too_early_is_not_whole() {
        let (bytes, _) = stream();
        for end in 0..bytes.len() {
            assert!(!decode(&[&bytes[..end]]).1, "ended at {end} of {}", bytes.len());
        }
        let more = [bytes.as_slice(), b"x"].concat();
        assert!(!decode(&[&more]).1);
    }

    proptest! {
        #[test]
        fn a_stream_in_pieces_of_any_size_keeps_every_batch(sizes in prop::collection::vec(1usize..700, 1..400)) {
            let (bytes, want) = stream();
            let (mut rest, mut pieces) = (bytes.as_slice(), Vec::new());
            for size in sizes.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, more) = rest.split_at((*size).min(rest.len()));
                pieces.push(piece);
                rest = more;
            }
            prop_assert_eq!(decode(&pieces), (want, true));
        }
    }

    #[test]
    fn the_exception_is_what_stands_behind_its_tag() {
        let told = "Code: 395. DB::Exception: x. (NAME) (version 1)";
        let mut body = ArrowBody::new(Some("abcdefgh".into()));
        body.remember(b"\x00\x01 __exception__\r\nother\r\nCode: 1. DB::Exception: data\r\n");
        assert_eq!(body.exception(), None, "data cannot pass for an exception");
        let block = format!("\r\n__exception__\r\nabcdefgh\r\n{told}\n{} abcdefgh\r\n__exception__\r\n", told.len());
        block.as_bytes().chunks(3).for_each(|piece| body.remember(piece));
        assert_eq!(body.exception().as_deref(), Some(told));
        let mut old = ArrowBody::new(None);
        old.remember(&[0; 100_000]);
        old.remember(told.as_bytes());
        assert_eq!(old.exception().as_deref(), Some(told));
    }
}
