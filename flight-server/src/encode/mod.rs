//! Record batches as Flight messages.
//!
//! Every message stays below the limit as encoded; a batch that is too large is split by rows until it fits. [`types`] says
//! what types clients see.

#[cfg(test)]
mod tests;
pub(crate) mod types;

use std::time::Duration;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::ipc::CompressionType;
use arrow::ipc::writer::{DictionaryTracker, IpcDataGenerator, IpcWriteContext, IpcWriteOptions};
use arrow_flight::{FlightData, SchemaAsIpc};
use datafusion::execution::SendableRecordBatchStream;
use futures::{Stream, StreamExt};
use tokio::sync::mpsc::Sender;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::status::{defect, late, stream_status, unsendable};
use types::output_batch;

/// Batches that are encoded ahead of the client.
const AHEAD: usize = 4;
/// One row may be this much larger than the limit of a message.
const ROW_FACTOR: usize = 4;
/// After this time without rows an empty batch is sent, so that nothing on the way takes the stream for dead.
const SILENCE: Duration = Duration::from_secs(5);

/// How a result is sent.
#[derive(Debug, Clone)]
pub(crate) struct Sending {
    /// The schema that was announced.
    pub(crate) schema: SchemaRef,
    /// Largest message, in bytes.
    pub(crate) message_bytes: u64,
    /// Compression of the buffers, if any.
    pub(crate) compression: Option<CompressionType>,
    /// The client's own time limit.
    pub(crate) deadline: Option<Duration>,
}

/// The schema message.
pub(crate) fn schema_message(schema: &Schema) -> FlightData {
    SchemaAsIpc::new(schema, &IpcWriteOptions::default()).into()
}

/// Encodes batches one after the other.
struct Encoder {
    generator: IpcDataGenerator,
    options: IpcWriteOptions,
    /// Remembers how large the last message was, so that the next one does not grow step by step.
    context: IpcWriteContext,
    schema: SchemaRef,
    bytes_max: usize,
}

impl Encoder {
    fn new(sending: &Sending) -> Result<Self, Status> {
        // Room for the message's own frame.
        let bytes_max = usize::try_from(sending.message_bytes).unwrap_or(usize::MAX >> 8).saturating_sub(1_024).max(1_024);
        let options = IpcWriteOptions::default().try_with_compression(sending.compression);
        let options = options.map_err(|e| defect("a compressed result", e))?;
        let mut context = IpcWriteContext::default();
        context.set_reserve_scratch(true);
        let schema = SchemaRef::clone(&sending.schema);
        Ok(Self { generator: IpcDataGenerator::default(), options, context, schema, bytes_max })
    }

    fn encode(&mut self, batch: &RecordBatch) -> Result<Vec<FlightData>, Status> {
        let batch = output_batch(batch, &self.schema).map_err(unsendable)?;
        let (mut done, mut rest) = (Vec::new(), vec![batch]);
        while let Some(batch) = rest.pop() {
            let rows = batch.num_rows();
            // A first guess avoids encoding what is far too large.
            let guess = batch.get_array_memory_size();
            if guess > self.bytes_max * 2 && rows > 1 && self.sliced_bytes(&batch) > self.bytes_max {
                split(&batch, &mut rest);
                continue;
            }
            let message = self.message(&batch)?;
            let bytes = message.data_header.len() + message.data_body.len();
            if bytes <= self.bytes_max || (rows <= 1 && bytes <= self.bytes_max * ROW_FACTOR) {
                done.push(message);
            } else if rows > 1 {
                split(&batch, &mut rest);
            } else {
                let limit = self.bytes_max * ROW_FACTOR;
                return Err(Status::resource_exhausted(format!(
                    "one row takes {bytes} bytes, over the {limit} that a message may have; select fewer or shorter columns"
                )));
            }
        }
        Ok(done)
    }

    fn sliced_bytes(&self, batch: &RecordBatch) -> usize {
        batch.columns().iter().map(|c| c.to_data().get_slice_memory_size().unwrap_or(0)).sum()
    }

    fn message(&mut self, batch: &RecordBatch) -> Result<FlightData, Status> {
        let mut tracker = DictionaryTracker::new(false);
        let encoded = self.generator.encode(batch, &mut tracker, &self.options, &mut self.context);
        let (_, data) = encoded.map_err(|e| defect("a message of the result", e))?;
        Ok(data.into())
    }
}

/// Pushes the second half first, so that the first half is next.
fn split(batch: &RecordBatch, rest: &mut Vec<RecordBatch>) {
    let half = batch.num_rows() / 2;
    rest.push(batch.slice(half, batch.num_rows() - half));
    rest.push(batch.slice(0, half));
}

/// Results one after the other as one stream of messages, the schema first. Work runs ahead by a few messages only, and stops
/// when the client goes away or its time is up.
pub(crate) fn messages(
    streams: impl Stream<Item = Result<SendableRecordBatchStream, Status>> + Send + 'static,
    sending: Sending,
) -> impl Stream<Item = Result<FlightData, Status>> + Send + 'static {
    let (sender, receiver) = tokio::sync::mpsc::channel(AHEAD);
    let deadline = sending.deadline;
    tokio::spawn(async move {
        let (closed, ending) = (sender.clone(), sender.clone());
        let work = async move {
            if let Err(status) = send_all(streams, &sending, &sender).await {
                // The client may be gone; then nobody needs the status.
                let _ = sender.send(Err(status)).await;
            }
        };
        let time_up = async {
            match deadline {
                Some(time) => tokio::time::sleep(time).await,
                None => futures::future::pending().await,
            }
        };
        // Dropping the work drops the query.
        tokio::select! {
            () = work => {}
            () = closed.closed() => {}
            () = time_up => drop(ending.send(Err(late())).await),
        }
    });
    ReceiverStream::new(receiver)
}

/// Ends early and without an error when the client is gone.
async fn send_all(
    streams: impl Stream<Item = Result<SendableRecordBatchStream, Status>> + Send + 'static,
    sending: &Sending,
    sender: &Sender<Result<FlightData, Status>>,
) -> Result<(), Status> {
    let mut encoder = Encoder::new(sending)?;
    if sender.send(Ok(schema_message(&encoder.schema))).await.is_err() {
        return Ok(());
    }
    let mut streams = Box::pin(streams);
    while let Some(stream) = streams.next().await {
        let mut stream = stream?;
        loop {
            let batch = match tokio::time::timeout(SILENCE, stream.next()).await {
                Ok(None) => break,
                Ok(Some(batch)) => batch.map_err(stream_status)?,
                Err(_) => RecordBatch::new_empty(stream.schema()),
            };
            for message in encoder.encode(&batch)? {
                if sender.send(Ok(message)).await.is_err() {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}
