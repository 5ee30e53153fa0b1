//! The stream of a remote scan with its limits, its metrics and a check of every batch's schema.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::error::Result;
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::{BaselineMetrics, Count, ExecutionPlanMetricsSet, MetricBuilder, Time};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{FutureExt, Stream, StreamExt, TryStreamExt};
use headwater_common::clock::Stopwatch;
use headwater_common::{Error, Limits};

use crate::costs::Observation;
use crate::error::ErrorExt;
use crate::feedback::Learning;
use crate::query::QueryContext;
use crate::registry::SourceRegistry;
use crate::source::RemoteSource;

/// What is learned from a stream that ran to its end.
pub(super) struct Lesson {
    /// Statements that it consists of.
    pub(super) statements: usize,
    /// Is told its rows.
    pub(super) rows: Option<Box<dyn FnOnce(u64) + Send>>,
}

impl Lesson {
    /// Only what so many statements took.
    pub(super) fn of_statements(statements: usize) -> Self {
        Self { statements, rows: None }
    }
}

/// One partition of a node that reads from the source `name`: `open` starts it at the first poll.
pub(super) fn open_guarded(
    context: &TaskContext,
    name: &str,
    schema: &SchemaRef,
    metrics: &ExecutionPlanMetricsSet,
    partition: usize,
    lesson: Lesson,
    open: impl FnOnce(Arc<dyn RemoteSource>, Arc<QueryContext>) -> Result<SendableRecordBatchStream, Error> + Send + 'static,
) -> Result<SendableRecordBatchStream> {
    let sources = SourceRegistry::all_of_task(context).map_err(ErrorExt::into_datafusion)?;
    let source = sources.remote(name).map_err(ErrorExt::into_datafusion)?;
    let query = context.session_config().get_extension::<QueryContext>();
    let query = query.unwrap_or_else(|| Arc::new(QueryContext::new("", Arc::new(Limits::default()))));
    let limits = Arc::clone(&query.limits);
    let opened = futures::stream::once(async move { open(source, query).map_err(ErrorExt::into_datafusion) });
    let inner = Box::pin(RecordBatchStreamAdapter::new(Arc::clone(schema), opened.try_flatten()));
    let mut stream = GuardedStream::new(inner, sources, name.to_owned(), limits, metrics, partition);
    let learning = context.session_config().get_extension::<Learning>();
    stream.lesson = Some(lesson).filter(|_| learning.is_none_or(|learning| learning.0));
    Ok(Box::pin(stream))
}

/// Passes batches on until a limit of the source is reached, which is an error, never a short result.
struct GuardedStream {
    inner: SendableRecordBatchStream,
    schema: SchemaRef,
    sources: Arc<SourceRegistry>,
    source: String,
    /// What is learned; nothing when learning is off.
    lesson: Option<Lesson>,
    limits: Arc<Limits>,
    rows: u64,
    bytes: u64,
    deadline: Option<Pin<Box<tokio::time::Sleep>>>,
    baseline: BaselineMetrics,
    output_bytes: Count,
    /// From the first poll to the end.
    remote_time: Time,
    started: Option<Stopwatch>,
    /// Since the reader asked for a batch that has not come.
    waiting: Option<Stopwatch>,
    /// What the reader has waited in all.
    waited: Duration,
    ended: bool,
}

impl GuardedStream {
    fn new(
        inner: SendableRecordBatchStream,
        sources: Arc<SourceRegistry>,
        source: String,
        limits: Arc<Limits>,
        metrics: &ExecutionPlanMetricsSet,
        partition: usize,
    ) -> Self {
        let (time, schema) = (limits.source_time_ms, inner.schema());
        let deadline = (time > 0).then(|| Box::pin(tokio::time::sleep(Duration::from_millis(time))));
        let baseline = BaselineMetrics::new(metrics, partition);
        let output_bytes = MetricBuilder::new(metrics).counter("remote_bytes", partition);
        let remote_time = MetricBuilder::new(metrics).subset_time("remote_time", partition);
        Self {
            inner,
            schema,
            sources,
            source,
            lesson: None,
            limits,
            rows: 0,
            bytes: 0,
            deadline,
            baseline,
            output_bytes,
            remote_time,
            started: None,
            waiting: None,
            waited: Duration::ZERO,
            ended: false,
        }
    }

    fn admit(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let bytes = batch.get_array_memory_size() as u64;
        self.rows += batch.num_rows() as u64;
        self.bytes += bytes;
        self.output_bytes.add(usize::try_from(bytes).unwrap_or(usize::MAX));
        Limits::check("rows read in one scan", self.rows, self.limits.source_rows, "source_rows")
            .and_then(|()| Limits::check("bytes read in one scan", self.bytes, self.limits.source_bytes, "source_bytes"))
            .map_err(|e| e.from_source(self.source.clone()))?;
        if batch.schema_ref().fields() != self.schema.fields() {
            let message = "a batch does not have the schema that was planned; run REFRESH SOURCE and try again";
            return Err(Error::source_failed(self.source.clone(), message).retryable(true));
        }
        Ok(())
    }

    /// All rows have come: their number, and what those of one statement took.
    fn learn(&mut self) {
        let Some(lesson) = self.lesson.take() else { return };
        if let Some(tell) = lesson.rows {
            tell(self.rows);
        }
        if lesson.statements != 1 {
            return;
        }
        let (rows, bytes, micros) = (self.rows as f64, self.bytes as f64, self.waited.as_secs_f64() * 1e6);
        self.sources.costs().record(&self.source, Observation { rows, bytes, micros });
    }

    fn stop_time(&mut self) {
        if let Some(started) = self.started.take() {
            self.remote_time.add_duration(started.elapsed());
        }
    }
}

impl Stream for GuardedStream {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        self.started.get_or_insert_with(Stopwatch::start);
        self.waiting.get_or_insert_with(Stopwatch::start);
        if let Some(deadline) = &mut self.deadline
            && deadline.poll_unpin(cx).is_ready()
        {
            self.ended = true;
            let time = self.limits.source_time_ms;
            let error = Error::timeout(format!("reading took longer than {time} ms"), "limits.source_time_ms");
            return Poll::Ready(Some(Err(error.from_source(self.source.clone()).into_datafusion())));
        }
        let polled = self.inner.poll_next_unpin(cx).map(|item| match item {
            Some(Ok(batch)) => Some(self.admit(&batch).map(|()| batch).map_err(ErrorExt::into_datafusion)),
            other => other,
        });
        if polled.is_ready()
            && let Some(waiting) = self.waiting.take()
        {
            self.waited += waiting.elapsed();
        }
        if matches!(polled, Poll::Ready(None)) {
            self.learn();
        }
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.ended = true;
            self.stop_time();
        }
        self.baseline.record_poll(polled)
    }
}

impl Drop for GuardedStream {
    fn drop(&mut self) {
        self.stop_time();
    }
}

impl RecordBatchStream for GuardedStream {
    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }
}
