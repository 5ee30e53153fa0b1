//! Readers of connectors as streams.

use std::future::Future;
use std::pin::Pin;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{Stream, TryStreamExt, stream};
use headwater_common::Result;

use crate::error::ErrorExt;

/// Reads batches one after the other. Dropping it stops the work at the source.
pub trait BatchReader: Send + 'static {
    /// The next batch; `None` at the end.
    fn next(&mut self) -> impl Future<Output = Result<Option<RecordBatch>>> + Send;
}

/// The batches of a reader, which `start` makes when the stream is first polled.
pub fn read_batches<R: BatchReader>(
    schema: SchemaRef,
    start: impl Future<Output = Result<R>> + Send + 'static,
) -> SendableRecordBatchStream {
    let batches = stream::once(async move {
        let reader = start.await.map_err(ErrorExt::into_datafusion)?;
        Ok::<_, DataFusionError>(stream::try_unfold(reader, |mut reader| async move {
            let batch = reader.next().await.map_err(ErrorExt::into_datafusion)?;
            Ok(batch.map(|batch| (batch, reader)))
        }))
    });
    let flat: Pin<Box<dyn Stream<Item = _> + Send>> = Box::pin(batches.try_flatten());
    Box::pin(RecordBatchStreamAdapter::new(schema, flat))
}
