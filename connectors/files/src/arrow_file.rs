//! Arrow IPC files and streams, read front to back. Lengths are checked before memory is taken for them.

use arrow::ipc::reader::StreamDecoder;
use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use datafusion::arrow::buffer::Buffer;
use datafusion::arrow::datatypes::SchemaRef;
use headwater_common::{Error, Limits, Result};

const MAGIC: &[u8] = b"ARROW1\0\0";
/// Largest header of a message.
const HEADER_BYTES_MAX: usize = 64 << 20;
/// Decoded bytes of one buffer that are always allowed.
const FREE: u64 = 64 << 20;

/// Decodes one file. A file is a stream between a magic word and a footer, so both are read as streams.
#[derive(Debug)]
pub(crate) struct ArrowDecoder {
    /// The wanted columns; all of the file's own when it is `None`.
    wanted: Option<SchemaRef>,
    ratio: u64,
    decoder: StreamDecoder,
    buffer: Vec<u8>,
    started: bool,
    /// Whether zeros that pad the magic word may follow.
    padded: bool,
    ended: bool,
    ready: Vec<RecordBatch>,
}

impl ArrowDecoder {
    pub(crate) fn new(wanted: SchemaRef, ratio: u64) -> Self {
        Self { wanted: Some(wanted), ..Self::schema_only(ratio) }
    }

    fn schema_only(ratio: u64) -> Self {
        let decoder = StreamDecoder::new();
        Self {
            wanted: None,
            ratio,
            decoder,
            buffer: Vec::new(),
            started: false,
            padded: false,
            ended: false,
            ready: Vec::new(),
        }
    }

    /// The schema at the start of a file.
    pub(crate) fn schema(bytes: &[u8]) -> Result<Option<SchemaRef>> {
        let mut decoder = Self::schema_only(0);
        decoder.buffer.extend_from_slice(bytes);
        if !decoder.begin(true) {
            return Ok(None);
        }
        while decoder.decoder.schema().is_none() && decoder.message()? {}
        Ok(decoder.decoder.schema())
    }

    /// Reads bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<()> {
        if self.ended {
            return Ok(());
        }
        self.buffer.extend_from_slice(bytes);
        if !self.begin(false) {
            return Ok(());
        }
        while self.message()? {}
        Ok(())
    }

    /// A stream that stops inside of a message, or a file without its end mark, is an error.
    pub(crate) fn finish(&mut self) -> Result<()> {
        if self.ended || (self.buffer.is_empty() && self.started) {
            return Ok(());
        }
        Err(Error::invalid("the Arrow data is cut off"))
    }

    /// The batches that are whole.
    pub(crate) fn take_ready(&mut self) -> Vec<RecordBatch> {
        std::mem::take(&mut self.ready)
    }

    fn begin(&mut self, end: bool) -> bool {
        if !self.started {
            if self.buffer.len() < MAGIC.len() && !end {
                return false;
            }
            self.padded = self.buffer.starts_with(MAGIC);
            if self.padded {
                self.buffer.drain(..MAGIC.len());
            }
            self.started = true;
        }
        // Writers pad the magic word to 8 or to 64 bytes.
        while self.padded {
            match self.buffer.get(..8) {
                Some([0, 0, 0, 0, 0, 0, 0, 0]) => drop(self.buffer.drain(..8)),
                Some(_) => self.padded = false,
                None => return end,
            }
        }
        true
    }

    /// Takes one whole message off the buffer; `false` when it is not whole yet, or at the end.
    fn message(&mut self) -> Result<bool> {
        let Some((start, header)) = header(&self.buffer)? else { return Ok(false) };
        if header == 0 {
            self.ended = true;
            self.buffer.clear();
            return Ok(false);
        }
        let Some(message) = self.buffer.get(start..start + header) else { return Ok(false) };
        let message = arrow::ipc::root_as_message(message).map_err(|_| broken())?;
        let body = usize::try_from(message.bodyLength()).map_err(|_| broken())?;
        let body_start = start + header;
        let total = body_start.checked_add(body).ok_or_else(broken)?;
        if self.buffer.len() < total {
            return Ok(false);
        }
        check_buffers(&message, &self.buffer[body_start..total], self.ratio)?;
        let rest = self.buffer.split_off(total);
        let mut whole = Buffer::from_vec(std::mem::replace(&mut self.buffer, rest));
        while !whole.is_empty() {
            if let Some(batch) = self.decoder.decode(&mut whole).map_err(|e| failed(&e))? {
                let batch = self.project(&batch)?;
                self.ready.push(batch);
            }
        }
        // A batch without a body is whole with its header.
        if let Some(batch) = self.decoder.decode(&mut whole).map_err(|e| failed(&e))? {
            let batch = self.project(&batch)?;
            self.ready.push(batch);
        }
        Ok(true)
    }

    fn project(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let Some(wanted) = &self.wanted else { return Ok(batch.clone()) };
        let column = |field: &datafusion::arrow::datatypes::FieldRef| -> Result<ArrayRef> {
            match batch.column_by_name(field.name()) {
                None => Ok(new_null_array(field.data_type(), batch.num_rows())),
                Some(array) if array.data_type() == field.data_type() => Ok(ArrayRef::clone(array)),
                Some(_) => {
                    let message = format!("column \"{}\" changed its type; run REFRESH SOURCE and try again", field.name());
                    Err(Error::invalid(message).retryable(true))
                }
            }
        };
        let columns = wanted.fields().iter().map(column).collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(SchemaRef::clone(wanted), columns, &options).map_err(|e| failed(&e))
    }
}

/// Position and length of the header of the message at the front; a length of 0 ends the stream.
fn header(buffer: &[u8]) -> Result<Option<(usize, usize)>> {
    let word = |at: usize| buffer.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
    let Some(first) = word(0) else { return Ok(None) };
    let (start, length) = match first {
        u32::MAX => match word(4) {
            Some(length) => (8, length),
            None => return Ok(None),
        },
        length => (4, length),
    };
    let length = usize::try_from(length).map_err(|_| broken())?;
    if length > HEADER_BYTES_MAX {
        return Err(broken());
    }
    Ok(Some((start, length)))
}

/// Compressed buffers say how large they become; one that says too much is refused before memory is taken.
fn check_buffers(message: &arrow::ipc::Message<'_>, body: &[u8], ratio: u64) -> Result<()> {
    let batch = match message.header_type() {
        arrow::ipc::MessageHeader::RecordBatch => message.header_as_record_batch(),
        arrow::ipc::MessageHeader::DictionaryBatch => message.header_as_dictionary_batch().and_then(|d| d.data()),
        _ => None,
    };
    let Some(batch) = batch.filter(|b| b.compression().is_some()) else { return Ok(()) };
    for buffer in batch.buffers().iter().flatten() {
        let start = usize::try_from(buffer.offset()).map_err(|_| broken())?;
        let length = usize::try_from(buffer.length()).map_err(|_| broken())?;
        let bytes = start.checked_add(length).and_then(|end| body.get(start..end)).ok_or_else(broken)?;
        let Some(prefix) = bytes.get(..8).and_then(|b| b.try_into().ok()).map(i64::from_le_bytes) else { continue };
        // -1 stands for a buffer that is not compressed.
        let Ok(decoded) = u64::try_from(prefix) else { continue };
        let most = (length as u64).saturating_mul(if ratio == 0 { 10_000 } else { ratio }).max(FREE);
        Limits::check("bytes decompressed from a buffer", decoded, most, "decompression_ratio")?;
    }
    Ok(())
}

fn broken() -> Error {
    Error::invalid("the Arrow data is broken")
}

fn failed(error: &dyn std::fmt::Display) -> Error {
    Error::invalid(format!("the Arrow data cannot be read: {error}"))
}
