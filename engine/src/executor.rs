//! The threads that plan and run queries: apart from those that serve clients, with stacks that deep plans fit into.
//!
//! A plan is walked by recursion: to make its streams, to poll them and to drop them. The stack of an ordinary thread holds
//! some tens of nested joins, and an overflow ends the process. So all of that happens on threads of this module; clients'
//! threads only receive batches, and stay free while a query computes. There is one set of threads in a process.

use std::any::Any;
use std::future::Future;
use std::num::NonZeroUsize;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::runtime::{JoinSetTracer, set_join_set_tracer};
use datafusion::error::DataFusionError;
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, Stream, StreamExt, TryStreamExt, stream};
use headwater_common::{Error, Result, stop};
use headwater_source::{ErrorExt, QueryContext};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};

/// Stack of a thread. Only the part that is used takes memory.
const STACK_BYTES: usize = 64 << 20;
/// Most threads that plan or wait for files at the same time.
const BLOCKING_THREADS_MAX: usize = 128;

static RUNTIME: LazyLock<std::io::Result<Runtime>> = LazyLock::new(|| {
    // Set by this alone; where another one is set already, parts of a query do not see that it was stopped.
    let _ = set_join_set_tracer(&InheritFlag);
    let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    tokio::runtime::Builder::new_multi_thread()
        // More than processors: a function that computes for long in one call must not keep all others waiting.
        .worker_threads(processors.max(2) * 2)
        .enable_all()
        .thread_name("query")
        .thread_stack_size(STACK_BYTES)
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .build()
});

/// Parts of a query that DataFusion starts as tasks of their own see that the query was stopped.
struct InheritFlag;

type Erased = Box<dyn Any + Send>;

impl JoinSetTracer for InheritFlag {
    fn trace_future(&self, future: BoxFuture<'static, Erased>) -> BoxFuture<'static, Erased> {
        match stop::current() {
            Some(flag) => Box::pin(stop::Within::new(flag, future)),
            None => future,
        }
    }

    fn trace_block(&self, block: Box<dyn FnOnce() -> Erased + Send>) -> Box<dyn FnOnce() -> Erased + Send> {
        match stop::current() {
            Some(flag) => Box::new(move || stop::within(flag, block)),
            None => block,
        }
    }
}

/// The threads.
pub(crate) fn handle() -> Result<&'static Handle> {
    let runtime = RUNTIME.as_ref();
    runtime.map(Runtime::handle).map_err(|e| Error::internal(format!("cannot start the query threads: {e}")))
}

/// A task that ends when nobody waits for it any more.
struct Owned<T>(JoinHandle<T>);

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<T> Future for Owned<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_unpin(cx)
    }
}

/// Runs a future on the query threads; dropping the returned future stops it.
pub(crate) async fn run<T, F>(work: F) -> Result<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    Owned(handle()?.spawn(work)).await.map_err(failed)?
}

/// Runs a future on the query threads to its end, also when nobody waits for it any more.
pub(crate) async fn run_to_end<T, F>(work: F) -> Result<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    handle()?.spawn(work).await.map_err(failed)?
}

/// Runs a future on the caller's thread; what it starts belongs to the query threads all the same. For work that is too small
/// to be worth the way to another thread and back.
pub(crate) async fn run_here<T, F>(work: F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let handle = handle()?;
    let mut work = std::pin::pin!(AssertUnwindSafe(work).catch_unwind());
    let done = std::future::poll_fn(|cx| {
        let _entered = handle.enter();
        work.as_mut().poll(cx)
    });
    done.await.unwrap_or_else(|_| Err(unexpected()))
}

/// Runs a future that computes for long without a pause on a thread of its own. It cannot be stopped.
pub(crate) async fn run_blocking<T, F>(work: F) -> Result<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let handle = handle()?;
    #[allow(clippy::disallowed_methods, reason = "a blocking thread of the query threads, which runs nothing else")]
    let task = handle.spawn_blocking(|| handle.block_on(work));
    task.await.map_err(failed)?
}

fn failed(error: JoinError) -> Error {
    if error.is_cancelled() {
        return Error::cancelled("the query was stopped");
    }
    unexpected()
}

fn unexpected() -> Error {
    Error::internal("a part of the query failed unexpectedly; the server's log has the details")
}

/// The batches of a plan that runs on the query threads, at most one batch ahead of its reader. Dropping it stops the plan.
pub(crate) fn stream(plan: Arc<dyn ExecutionPlan>, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
    let schema = plan.schema();
    let (sender, receiver) = mpsc::channel(1);
    let flag = flag_of(&context);
    let batches = async move {
        let mut batches = match execute_stream(plan, context) {
            Ok(batches) => batches,
            Err(e) => {
                // Without a reader nobody needs the error.
                let _ = sender.send(Err(e)).await;
                return;
            }
        };
        while let Some(batch) = batches.next().await {
            let ends = batch.is_err();
            if sender.send(batch).await.is_err() || ends {
                return;
            }
        }
    };
    let task = handle()?.spawn(stop::Within::new(flag, Box::pin(batches)));
    Ok(Box::pin(PlanStream { schema, receiver, task: Some(Owned(task)) }))
}

/// The flag of the query that a plan runs for.
fn flag_of(context: &TaskContext) -> stop::Flag {
    let query = context.session_config().get_extension::<QueryContext>();
    query.map(|query| Arc::clone(query.stopped())).unwrap_or_default()
}

/// The batches of a plan that reads one row: it is run by its reader, to whom the way from another thread would take longer.
pub(crate) fn stream_here(plan: Arc<dyn ExecutionPlan>, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
    let handle = handle()?;
    let schema = plan.schema();
    let flag = flag_of(&context);
    let batches = stream::once(async move { execute_stream(plan, context) }).try_flatten().boxed();
    Ok(Box::pin(HereStream { schema, handle, flag, batches: Some(batches) }))
}

/// See [`stream_here`].
struct HereStream {
    schema: SchemaRef,
    handle: &'static Handle,
    flag: stop::Flag,
    batches: Option<BoxStream<'static, Result<RecordBatch, DataFusionError>>>,
}

impl Stream for HereStream {
    type Item = Result<RecordBatch, DataFusionError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let (handle, flag) = (self.handle, Arc::clone(&self.flag));
        let Some(batches) = &mut self.batches else { return Poll::Ready(None) };
        let _entered = handle.enter();
        let poll = AssertUnwindSafe(|| stop::within(flag, || batches.poll_next_unpin(cx)));
        let polled = std::panic::catch_unwind(poll);
        let polled = polled.unwrap_or_else(|_| Poll::Ready(Some(Err(unexpected().into_datafusion()))));
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.batches = None;
        }
        polled
    }
}

impl Drop for HereStream {
    fn drop(&mut self) {
        // What is given back to a source needs the query threads.
        let _entered = self.handle.enter();
        self.batches = None;
    }
}

impl RecordBatchStream for HereStream {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

/// See [`stream`].
struct PlanStream {
    schema: SchemaRef,
    receiver: mpsc::Receiver<Result<RecordBatch, DataFusionError>>,
    /// Awaited after the last batch: only a task that ended in order has sent everything.
    task: Option<Owned<()>>,
}

impl Stream for PlanStream {
    type Item = Result<RecordBatch, DataFusionError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.receiver.poll_recv(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Some(batch)) => return Poll::Ready(Some(batch)),
            Poll::Ready(None) => {}
        }
        let Some(task) = &mut self.task else { return Poll::Ready(None) };
        let Poll::Ready(ended) = task.poll_unpin(cx) else { return Poll::Pending };
        self.task = None;
        match ended {
            Ok(()) => Poll::Ready(None),
            Err(e) => Poll::Ready(Some(Err(failed(e).into_datafusion()))),
        }
    }
}

impl RecordBatchStream for PlanStream {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
