//! Runs a function over groups as they come, away from the threads that move data.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::concat_batches;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt, TryStreamExt, stream};
use headwater_common::{Error, ErrorKind};
use headwater_timeseries::Cancel;

use super::Call;
use super::groups::{Group, Groups};
use crate::error::outward;

/// Stops the fits when nobody waits for them any more.
struct StopOnDrop(Cancel);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

struct Work {
    call: Arc<Call>,
    input: Option<SendableRecordBatchStream>,
    groups: Groups,
    /// Complete groups that are not computed yet.
    ready: VecDeque<Group>,
    /// Rows that are computed and not returned yet.
    done: VecDeque<RecordBatch>,
    reservation: MemoryReservation,
    batch_rows: usize,
    stop: StopOnDrop,
}

/// The rows of a call over a sorted input.
pub(super) fn stream(
    call: Arc<Call>,
    input: SendableRecordBatchStream,
    reservation: MemoryReservation,
    batch_rows: usize,
) -> SendableRecordBatchStream {
    let schema = Arc::clone(&call.schema);
    let groups = Groups::new(call.ids, call.function.bytes_per_row());
    let work = Work {
        call,
        input: Some(input),
        groups,
        ready: VecDeque::new(),
        done: VecDeque::new(),
        reservation,
        batch_rows: batch_rows.max(1),
        stop: StopOnDrop(Cancel::default()),
    };
    let batches = stream::try_unfold(work, |mut work| async move { Ok(work.next().await?.map(|batch| (batch, work))) });
    Box::pin(RecordBatchStreamAdapter::new(schema, batches.into_stream().boxed()))
}

impl Work {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.done.pop_front() {
                return Ok(Some(batch));
            }
            if !self.ready.is_empty() {
                self.compute().await?;
                continue;
            }
            let Some(input) = &mut self.input else { return Ok(None) };
            match input.next().await {
                Some(batch) => {
                    let batch = batch?;
                    self.reservation.try_grow(self.groups.bytes(&batch))?;
                    self.ready.extend(self.groups.push(batch)?);
                }
                None => {
                    self.input = None;
                    self.ready.extend(self.groups.close());
                }
            }
        }
    }

    /// Computes groups until they have given a batch of rows.
    async fn compute(&mut self) -> Result<()> {
        let ready = std::mem::take(&mut self.ready);
        let (call, cancel, enough) = (Arc::clone(&self.call), self.stop.0.clone(), self.batch_rows);
        let task = tokio::task::spawn_blocking(move || compute(&call, ready, &cancel, enough));
        let (rest, batch, freed) = task.await.map_err(|e| DataFusionError::Execution(e.to_string()))??;
        self.ready = rest;
        self.reservation.shrink(freed.min(self.reservation.size()));
        let mut from = 0;
        while from < batch.num_rows() {
            let rows = self.batch_rows.min(batch.num_rows() - from);
            self.done.push_back(batch.slice(from, rows));
            from += rows;
        }
        Ok(())
    }
}

/// The groups that are left, the rows, and the bytes of memory of the groups that are done.
fn compute(
    call: &Call,
    mut ready: VecDeque<Group>,
    cancel: &Cancel,
    enough: usize,
) -> Result<(VecDeque<Group>, RecordBatch, usize)> {
    let (mut batches, mut rows, mut freed) = (Vec::new(), 0, 0);
    while rows < enough
        && let Some(group) = ready.pop_front()
    {
        cancel.check().map_err(outward)?;
        freed += group.bytes;
        let batch = one(call, &group.into_batch()?, cancel).map_err(outward)?;
        rows += batch.num_rows();
        batches.push(batch);
    }
    Ok((ready, concat_batches(&call.schema, &batches)?, freed))
}

/// One group; what fails in it stays in it, a panic too.
fn one(call: &Call, group: &RecordBatch, cancel: &Cancel) -> Result<RecordBatch, Error> {
    let function = &call.function;
    let run = || function.run(group, cancel);
    let result =
        catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Err(Error::internal("the fit failed unexpectedly")));
    match result {
        Ok(batch) => Ok(batch),
        Err(e) if e.kind() == ErrorKind::Cancelled || function.aborts() => Err(e),
        Err(e) => function.failed(group, e.message()),
    }
}
