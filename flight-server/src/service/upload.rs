//! Record batches that a client sends. Every message is checked before it is decoded: what it says about itself decides how
//! much memory is taken for it.

use std::panic::AssertUnwindSafe;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::ipc::{self, MessageHeader};
use arrow_flight::FlightData;
use arrow_flight::decode::{DecodedPayload, FlightDataDecoder};
use arrow_flight::error::FlightError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use headwater_common::{Error, ErrorKind, Origin, Result};
use headwater_source::ErrorExt;
use tonic::{Code, Status};

/// Most rows of one message.
const ROWS_MAX: i64 = 1 << 24;
/// A message may hold this many times the largest message when its buffers are decompressed.
const DECOMPRESSED_FACTOR: u64 = 16;

/// Record batches on their way from a client.
pub(super) struct Upload {
    decoder: FlightDataDecoder,
}

impl Upload {
    /// The batches of a call whose first message is known already.
    pub(super) fn new(
        first: FlightData,
        rest: impl Stream<Item = Result<FlightData, Status>> + Send + 'static,
        message_bytes: u64,
    ) -> Self {
        Self::from_messages(futures::stream::once(futures::future::ready(Ok(first))).chain(rest), message_bytes)
    }

    fn from_messages(
        messages: impl Stream<Item = Result<FlightData, Status>> + Send + 'static,
        message_bytes: u64,
    ) -> Self {
        let decompressed = message_bytes.saturating_mul(DECOMPRESSED_FACTOR);
        let checked = messages.map(move |message| {
            let message = message.map_err(|s| FlightError::Tonic(Box::new(s)))?;
            check(&message, decompressed).map_err(|what| FlightError::DecodeError(what.to_owned()))?;
            Ok(message)
        });
        // Messages without data carry metadata only, which nothing here reads.
        let checked = checked.filter(|m| {
            let empty = m.as_ref().is_ok_and(|m| m.data_header.is_empty());
            futures::future::ready(!empty)
        });
        Self { decoder: FlightDataDecoder::new(checked) }
    }

    /// The next batch.
    pub(super) async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            match self.payload().await? {
                None => return Ok(None),
                Some(DecodedPayload::RecordBatch(batch)) => return Ok(Some(batch)),
                Some(_) => {}
            }
        }
    }

    /// Decoding is guarded: a message that breaks the decoder is the client's fault and must not end the connection's task.
    async fn payload(&mut self) -> Result<Option<DecodedPayload>> {
        let next = futures::FutureExt::catch_unwind(AssertUnwindSafe(self.decoder.next())).await;
        match next {
            Err(_) => Err(Error::invalid("the data cannot be read: a message contradicts itself")),
            Ok(None) => Ok(None),
            Ok(Some(Ok(decoded))) => Ok(Some(decoded.payload)),
            Ok(Some(Err(e))) => Err(failed(e)),
        }
    }

    /// All batches as one stream, after its schema has arrived.
    pub(super) async fn into_stream(mut self) -> Result<SendableRecordBatchStream> {
        let schema: SchemaRef = loop {
            match self.payload().await? {
                Some(DecodedPayload::Schema(schema)) => break schema,
                Some(DecodedPayload::None) => {}
                _ => return Err(Error::invalid("the data must begin with its schema")),
            }
        };
        let expected = SchemaRef::clone(&schema);
        let batches: BoxStream<'static, _> = Box::pin(futures::stream::try_unfold(self, move |mut upload| {
            let expected = SchemaRef::clone(&expected);
            async move {
                let batch = upload.next().await.map_err(ErrorExt::into_datafusion)?;
                let Some(batch) = batch else { return Ok(None) };
                if batch.schema() != expected {
                    return Err(Error::invalid("the data changes its schema on the way").into_datafusion());
                }
                Ok(Some((batch, upload)))
            }
        }));
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }
}

fn failed(error: FlightError) -> Error {
    match error {
        FlightError::Tonic(status) if status.code() == Code::OutOfRange || status.code() == Code::ResourceExhausted => {
            Error::limit(status.message(), "limits.message_receive_bytes")
        }
        FlightError::Tonic(status) => {
            Error::new(ErrorKind::Cancelled, Origin::Client, format!("the data broke off: {}", status.message()))
        }
        FlightError::Arrow(e) => Error::invalid(format!("the data cannot be read: {e}")),
        FlightError::DecodeError(e) => Error::invalid(format!("the data cannot be read: {e}")),
        other => Error::invalid(format!("the data cannot be read: {other}")),
    }
}

/// Checks what a message says about its buffers.
fn check(data: &FlightData, decompressed_max: u64) -> Result<(), &'static str> {
    if data.data_header.is_empty() {
        return Ok(());
    }
    let message = ipc::root_as_message(&data.data_header).map_err(|_| "a message has no readable header")?;
    let batch = match message.header_type() {
        MessageHeader::RecordBatch => message.header_as_record_batch(),
        MessageHeader::DictionaryBatch => message.header_as_dictionary_batch().and_then(|d| d.data()),
        _ => return Ok(()),
    };
    let batch = batch.ok_or("a message holds no record batch")?;
    if !(0..=ROWS_MAX).contains(&batch.length()) {
        return Err("a record batch has too many rows");
    }
    for node in batch.nodes().into_iter().flatten() {
        let rows = 0..=i64::from(i32::MAX);
        if !rows.contains(&node.length()) || !(0..=node.length()).contains(&node.null_count()) {
            return Err("an array has an impossible length");
        }
    }
    let body = data.data_body.len();
    let mut decompressed = 0u64;
    for buffer in batch.buffers().into_iter().flatten() {
        let bounds = usize::try_from(buffer.offset()).ok().zip(usize::try_from(buffer.length()).ok());
        let bounds = bounds.and_then(|(start, length)| Some(start..start.checked_add(length)?));
        let bytes = bounds.and_then(|range| data.data_body.get(range)).ok_or("a buffer is outside of its message")?;
        if batch.compression().is_some() && !bytes.is_empty() {
            let length = bytes.first_chunk::<8>().ok_or("a compressed buffer is too short")?;
            let length = i64::from_le_bytes(*length);
            decompressed = match u64::try_from(length) {
                Ok(length) => decompressed.saturating_add(length),
                Err(_) if length == -1 => decompressed.saturating_add(body as u64),
                Err(_) => return Err("a compressed buffer has an impossible length"),
            };
        }
    }
    if decompressed > decompressed_max { Err("a message is too large when it is decompressed") } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "tokio::test starts a runtime")]

    use super::*;
    use arrow::array::{ArrayRef, DictionaryArray, Int32Array, Int64Array, ListArray, StringArray, StructArray};
    use arrow::datatypes::{Int32Type, Int64Type};
    use arrow::ipc::CompressionType;
    use arrow::ipc::writer::IpcWriteOptions;
    use arrow_flight::encode::FlightDataEncoderBuilder;
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};
    use std::sync::Arc;

    fn batch() -> RecordBatch {
        let lists = ListArray::from_iter_primitive::<Int64Type, _, _>((0..50).map(|i| Some(vec![Some(i), None])));
        let texts: StringArray = (0..50).map(|i| (i % 3 > 0).then(|| format!("text {i}"))).collect();
        let dictionary: DictionaryArray<Int32Type> = (0..50).map(|i| ["a", "b", "c"][i % 3]).collect();
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..50));
        let pair = StructArray::try_from(vec![("n", Arc::clone(&numbers)), ("t", Arc::new(texts.clone()) as _)]).unwrap();
        RecordBatch::try_from_iter([
            ("n", numbers),
            ("t", Arc::new(texts) as _),
            ("l", Arc::new(lists) as _),
            ("d", Arc::new(dictionary) as _),
            ("s", Arc::new(pair) as _),
        ])
        .unwrap()
    }

    async fn messages(compression: Option<CompressionType>) -> Vec<FlightData> {
        let options = IpcWriteOptions::default().try_with_compression(compression).unwrap();
        let one = futures::stream::once(futures::future::ready(Ok(batch())));
        let encoder = FlightDataEncoderBuilder::new().with_options(options).build(one);
        encoder.map(|m| m.unwrap()).collect().await
    }

    async fn read(messages: Vec<FlightData>) -> Result<usize> {
        let mut upload = Upload::from_messages(futures::stream::iter(messages.into_iter().map(Ok)), 1 << 20);
        let mut rows = 0;
        while let Some(batch) = upload.next().await? {
            rows += batch.num_rows();
        }
        Ok(rows)
    }

    #[tokio::test]
    async fn damaged_messages_are_errors_and_nothing_breaks() {
        let mut random = StdRng::seed_from_u64(7);
        let mut refused = 0;
        for compression in [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)] {
            let good = messages(compression).await;
            assert_eq!(read(good.clone()).await.unwrap(), 50);
            for _ in 0..1_500 {
                let mut damaged = good.clone();
                let at = random.random_range(0..damaged.len());
                let part = if random.random_bool(0.7) { &mut damaged[at].data_header } else { &mut damaged[at].data_body };
                let mut bytes = part.to_vec();
                for _ in 0..random.random_range(1..4) {
                    if !bytes.is_empty() {
                        let place = random.random_range(0..bytes.len());
                        bytes[place] = random.random();
                    }
                }
                if random.random_bool(0.1) {
                    bytes.truncate(random.random_range(0..=bytes.len()));
                }
                *part = bytes.into();
                refused += usize::from(read(damaged).await.is_err());
            }
        }
        assert!(refused > 500, "{refused}");
    }

    #[tokio::test]
    async fn a_message_that_would_grow_too_large_is_refused() {
        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![0; 8 << 20]));
        let batch = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
        let options = IpcWriteOptions::default().try_with_compression(Some(CompressionType::ZSTD)).unwrap();
        let one = futures::stream::once(futures::future::ready(Ok(batch)));
        let encoder = FlightDataEncoderBuilder::new().with_options(options).with_max_flight_data_size(1 << 30).build(one);
        let messages: Vec<FlightData> = encoder.map(|m| m.unwrap()).collect().await;
        let error = read(messages).await.unwrap_err().to_string();
        assert!(error.contains("too large when it is decompressed"), "{error}");
    }
}
