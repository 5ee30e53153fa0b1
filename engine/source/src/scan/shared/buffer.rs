//! The rows of one partition on their way to several readers.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::runtime::SpawnedTask;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, SpillFile, TaskContext};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, SpillMetrics};
use datafusion::physical_plan::spill::SpillManager;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt, stream};
use headwater_common::Error;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::error::ErrorExt;

/// Batches that are read ahead of the fastest reader.
const AHEAD: usize = 16;

/// Batches of one partition, each kept until all readers have had it.
pub(super) struct Buffer {
    state: Mutex<State>,
    /// Changes when a batch has come, or the end.
    come: watch::Sender<usize>,
    /// How many batches the fastest reader has asked for.
    wanted: watch::Sender<usize>,
    readers: usize,
}

#[derive(Default)]
struct State {
    entries: Vec<Entry>,
    ended: bool,
    error: Option<Arc<DataFusionError>>,
    admitted: BTreeSet<usize>,
    reservation: Option<MemoryReservation>,
    spill: Option<SpillManager>,
    task: Option<SpawnedTask<()>>,
}

struct Entry {
    batch: Kept,
    bytes: usize,
    /// Readers that have not had it.
    readers: usize,
}

#[derive(Clone)]
enum Kept {
    Memory(RecordBatch),
    Spilled(Arc<dyn SpillFile>),
    Gone,
}

/// What a reader finds.
enum Found {
    Batch(RecordBatch),
    Spilled(SpillManager, Arc<dyn SpillFile>),
    NotYet,
    End,
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffer").field("readers", &self.readers).finish_non_exhaustive()
    }
}

impl Buffer {
    pub(super) fn new(readers: usize) -> Self {
        Self { state: Mutex::default(), come: watch::Sender::new(0), wanted: watch::Sender::new(0), readers }
    }

    /// Whether this reader has not read before.
    pub(super) fn admit(&self, reader: usize) -> bool {
        self.state.lock().admitted.insert(reader)
    }

    fn keep(&self, batch: RecordBatch) -> Result<()> {
        let mut state = self.state.lock();
        let bytes = batch.get_array_memory_size();
        let fits = state.reservation.as_ref().is_none_or(|reservation| reservation.try_grow(bytes).is_ok());
        let entry = match (&state.spill, fits) {
            (_, true) => Entry { batch: Kept::Memory(batch), bytes, readers: self.readers },
            (Some(spill), false) => {
                let file = spill.spill_record_batch_and_finish(&[batch], "rows for several readers")?;
                let batch = file.map_or(Kept::Gone, Kept::Spilled);
                Entry { batch, bytes: 0, readers: self.readers }
            }
            (None, false) => return datafusion::common::internal_err!("rows are kept before their reader has started"),
        };
        state.entries.push(entry);
        Ok(())
    }

    /// The batch with this number for one more reader.
    fn find(&self, number: usize) -> Result<Found> {
        let mut state = self.state.lock();
        let Some(entry) = state.entries.get_mut(number) else {
            return match (&state.error, state.ended) {
                (Some(error), _) => Err(DataFusionError::Shared(Arc::clone(error))),
                (None, true) => Ok(Found::End),
                (None, false) => Ok(Found::NotYet),
            };
        };
        entry.readers = entry.readers.saturating_sub(1);
        let last = entry.readers == 0;
        let kept = if last { std::mem::replace(&mut entry.batch, Kept::Gone) } else { entry.batch.clone() };
        let bytes = if last { std::mem::take(&mut entry.bytes) } else { 0 };
        if let Some(reservation) = &state.reservation {
            reservation.shrink(bytes);
        }
        match (kept, &state.spill) {
            (Kept::Memory(batch), _) => Ok(Found::Batch(batch)),
            (Kept::Spilled(file), Some(spill)) => Ok(Found::Spilled(spill.clone(), file)),
            _ => datafusion::common::internal_err!("rows are gone before their reader had them"),
        }
    }

    /// Starts the reading once.
    fn start(self: &Arc<Self>, read: &Arc<dyn ExecutionPlan>, partition: usize, context: &Arc<TaskContext>) -> Result<()> {
        let mut state = self.state.lock();
        if state.task.is_some() {
            return Ok(());
        }
        let rows = read.execute(partition, Arc::clone(context))?;
        let metrics = SpillMetrics::new(&ExecutionPlanMetricsSet::new(), partition);
        state.spill = Some(SpillManager::new(context.runtime_env(), metrics, read.schema()));
        let consumer = MemoryConsumer::new("SharedReadExec").with_can_spill(true);
        state.reservation = Some(consumer.register(context.memory_pool()));
        // The task must not keep alive what ends it.
        let buffer = Arc::downgrade(self);
        state.task = Some(SpawnedTask::spawn(async move {
            let wanted = buffer.upgrade().map(|b| b.wanted.subscribe());
            if let Some(wanted) = wanted {
                fill(buffer, rows, wanted).await;
            }
        }));
        Ok(())
    }

    fn end(&self, error: Option<DataFusionError>) {
        {
            let mut state = self.state.lock();
            state.ended = true;
            state.error = error.map(Arc::new);
        }
        self.come.send_modify(|n| *n += 1);
    }
}

/// Ends a buffer whose reading ends unexpectedly, so that no reader waits for it.
struct Ending(std::sync::Weak<Buffer>);

impl Drop for Ending {
    fn drop(&mut self) {
        let Some(buffer) = self.0.upgrade() else { return };
        let ended = buffer.state.lock().ended;
        if !ended {
            buffer.end(Some(Error::internal("a reading that several readers share ended unexpectedly").into_datafusion()));
        }
    }
}

/// Reads until the end, some batches ahead of the fastest reader.
async fn fill(buffer: std::sync::Weak<Buffer>, mut rows: SendableRecordBatchStream, mut wanted: watch::Receiver<usize>) {
    let _ending = Ending(std::sync::Weak::clone(&buffer));
    let mut count = 0;
    loop {
        if wanted.wait_for(|wanted| count < *wanted + AHEAD).await.is_err() {
            return;
        }
        let item = rows.next().await;
        let Some(buffer) = buffer.upgrade() else { return };
        match item {
            Some(Ok(batch)) if batch.num_rows() == 0 => continue,
            Some(batch) => {
                if let Err(e) = batch.and_then(|batch| buffer.keep(batch)) {
                    return buffer.end(Some(e));
                }
                count += 1;
                buffer.come.send_modify(|n| *n += 1);
            }
            None => return buffer.end(None),
        }
    }
}

/// The rows for one reader; the reading starts with the first poll of any.
pub(super) fn stream(
    buffer: Arc<Buffer>,
    read: Arc<dyn ExecutionPlan>,
    partition: usize,
    context: Arc<TaskContext>,
) -> SendableRecordBatchStream {
    let schema: SchemaRef = read.schema();
    let rows = stream::try_unfold((buffer, read, context, 0), move |(buffer, read, context, number)| async move {
        buffer.start(&read, partition, &context)?;
        let mut come = buffer.come.subscribe();
        buffer.wanted.send_if_modified(|wanted| {
            let grows = *wanted <= number;
            *wanted = (*wanted).max(number + 1);
            grows
        });
        let batch = loop {
            match buffer.find(number)? {
                Found::Batch(batch) => break batch,
                Found::Spilled(spill, file) => break spilled(&spill, file).await?,
                Found::End => return Ok(None),
                Found::NotYet => {}
            }
            if come.changed().await.is_err() {
                return Ok(None);
            }
        };
        Ok(Some((batch, (buffer, read, context, number + 1))))
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, rows.boxed()))
}

async fn spilled(spill: &SpillManager, file: Arc<dyn SpillFile>) -> Result<RecordBatch> {
    let mut rows = spill.read_spill_as_stream(file, None)?;
    match rows.next().await {
        Some(batch) => batch,
        None => datafusion::common::internal_err!("a spill file without rows"),
    }
}
