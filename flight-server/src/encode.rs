//! Record batches as Flight messages.
//!
//! Old clients do not know view types, and dictionaries would be sent again and again, so both are widened: [`output_schema`]
//! says to what, and the same function makes the schema of FlightInfo, of prepared statements and of the stream. Every message
//! stays below the limit as encoded; a batch that is too large is split by rows until it fits.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::writer::{DictionaryTracker, IpcDataGenerator, IpcWriteContext, IpcWriteOptions};
use arrow_flight::{FlightData, SchemaAsIpc};
use datafusion::execution::SendableRecordBatchStream;
use futures::{Stream, StreamExt};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::status::stream_status;

/// Batches that are encoded ahead of the client.
const AHEAD: usize = 4;
/// One row may be this much larger than the limit of a message.
const ROW_FACTOR: usize = 4;

/// The schema that clients see.
pub(crate) fn output_schema(schema: &Schema) -> SchemaRef {
    let fields: Vec<FieldRef> = schema.fields().iter().map(output_field).collect();
    Arc::new(Schema::new(fields))
}

fn output_field(field: &FieldRef) -> FieldRef {
    Arc::new(Field::new(field.name(), output_type(field.data_type()), field.is_nullable()))
}

fn output_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::Dictionary(_, value) => output_type(value),
        DataType::List(item) => DataType::List(output_field(item)),
        DataType::ListView(item) => DataType::List(output_field(item)),
        DataType::LargeList(item) | DataType::LargeListView(item) => DataType::LargeList(output_field(item)),
        DataType::FixedSizeList(item, n) => DataType::FixedSizeList(output_field(item), *n),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(output_field).collect()),
        DataType::Map(entries, sorted) => DataType::Map(output_field(entries), *sorted),
        DataType::RunEndEncoded(_, values) => output_type(values.data_type()),
        other => other.clone(),
    }
}

/// The batch with exactly the output schema.
pub(crate) fn output_batch(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().zip(schema.fields()).map(|(column, field)| {
        if column.data_type() == field.data_type() { Ok(Arc::clone(column)) } else { cast(column, field.data_type()) }
    });
    let columns: Vec<ArrayRef> = columns.collect::<Result<_, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
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
    fn new(schema: SchemaRef, bytes_max: usize) -> Self {
        let (generator, options) = (IpcDataGenerator::default(), IpcWriteOptions::default());
        let mut context = IpcWriteContext::default();
        context.set_reserve_scratch(true);
        Self { generator, options, context, schema, bytes_max }
    }

    fn encode(&mut self, batch: &RecordBatch) -> Result<Vec<FlightData>, Status> {
        let batch = output_batch(batch, &self.schema).map_err(|e| Status::internal(format!("output: {e}")))?;
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
        let (_, data) = encoded.map_err(|e| Status::internal(format!("encoding: {e}")))?;
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
/// when the client goes away.
pub(crate) fn messages(
    streams: impl Stream<Item = Result<SendableRecordBatchStream, Status>> + Send + 'static,
    schema: SchemaRef,
    bytes_max: u64,
) -> impl Stream<Item = Result<FlightData, Status>> + Send + 'static {
    let (sender, receiver) = tokio::sync::mpsc::channel(AHEAD);
    let schema = output_schema(&schema);
    // Room for the message's own frame.
    let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX >> 8).saturating_sub(1_024).max(1_024);
    let mut encoder = Encoder::new(schema, bytes_max);
    tokio::spawn(async move {
        let closed = sender.clone();
        let work = async move {
            if sender.send(Ok(schema_message(&encoder.schema))).await.is_err() {
                return;
            }
            let mut streams = Box::pin(streams);
            while let Some(stream) = streams.next().await {
                if !send_all(stream, &mut encoder, &sender).await {
                    return;
                }
            }
        };
        // Dropping the work drops the query.
        tokio::select! {
            () = work => {}
            () = closed.closed() => {}
        }
    });
    ReceiverStream::new(receiver)
}

async fn send_all(
    stream: Result<SendableRecordBatchStream, Status>,
    encoder: &mut Encoder,
    sender: &tokio::sync::mpsc::Sender<Result<FlightData, Status>>,
) -> bool {
    let mut stream = match stream {
        Ok(stream) => stream,
        Err(status) => {
            // The client may be gone; then nobody needs the status.
            let _ = sender.send(Err(status)).await;
            return false;
        }
    };
    while let Some(batch) = stream.next().await {
        let encoded = batch.map_err(stream_status).and_then(|batch| encoder.encode(&batch));
        match encoded {
            Ok(messages) => {
                for message in messages {
                    if sender.send(Ok(message)).await.is_err() {
                        return false;
                    }
                }
            }
            Err(status) => {
                let _ = sender.send(Err(status)).await;
                return false;
            }
        }
    }
    true
}
