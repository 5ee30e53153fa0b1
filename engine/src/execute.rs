//! Runs prepared statements.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use datafusion::arrow::array::{Array, RecordBatch, UInt64Array};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::ScalarValue;
use datafusion::error::DataFusionError;
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, SessionState};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{FutureExt, Stream, StreamExt, TryStreamExt};
use headwater_common::clock::Stopwatch;
use headwater_common::{Error, Limits, Result};
use headwater_source::{ErrorExt, QueryContext};
use tokio::sync::OwnedSemaphorePermit;

use crate::constant_row;
use crate::error::{classify, of_statement};
use crate::guard::planning;
use crate::plan_guard::{Statement, Timed};
use crate::prepared::{Prepared, Work, count_schema};
use crate::run::{Run, optimize};
use crate::session::Session;
use crate::{explain, explain_rewrites};

/// A running query. Dropping it stops the work, also at the sources.
pub struct QueryResult {
    id: String,
    schema: SchemaRef,
    update: bool,
    stream: SendableRecordBatchStream,
}

impl fmt::Debug for QueryResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryResult").field("id", &self.id).field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl QueryResult {
    /// Identifier of the query, unique in this process.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Schema of every batch.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Whether the statement changed something; its result is then one row with the number of rows.
    pub fn is_update(&self) -> bool {
        self.update
    }

    /// The batches as they come. Errors are DataFusion's; [`crate::error::classify`] makes them Headwater's.
    pub fn into_stream(self) -> SendableRecordBatchStream {
        self.stream
    }

    /// The same, with errors in the words of the statement.
    fn of_statement(mut self, sql: &str) -> Self {
        let sql = sql.to_owned();
        let stream = self.stream.map_err(move |e| of_statement(classify(e), &sql).into_datafusion());
        self.stream = Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream));
        self
    }

    /// All batches.
    pub async fn collect(mut self) -> Result<Vec<RecordBatch>> {
        let mut batches = Vec::new();
        while let Some(batch) = self.stream.next().await {
            batches.push(batch.map_err(classify)?);
        }
        Ok(batches)
    }

    /// Number of rows that the statement changed.
    pub async fn affected_rows(self) -> Result<u64> {
        let batches = self.collect().await?;
        let counts = batches.iter().filter_map(|b| b.columns().first()?.as_any().downcast_ref::<UInt64Array>().cloned());
        Ok(counts.flat_map(|c| (0..c.len()).map(|i| c.value(i)).collect::<Vec<_>>()).sum())
    }
}

impl Session {
    /// Prepares and runs a statement without parameters.
    pub async fn query(&self, sql: &str) -> Result<QueryResult> {
        let prepared = self.prepare(sql).await?;
        self.execute(&prepared, Vec::new()).await
    }

    /// Runs a prepared statement; `parameters` are the values of `$1`, `$2`, ... in order.
    pub async fn execute(&self, prepared: &Prepared, parameters: Vec<ScalarValue>) -> Result<QueryResult> {
        let expected = prepared.parameter_schema().fields().len();
        if expected != parameters.len() {
            let given = parameters.len();
            return Err(Error::invalid(format!("the statement has {expected} parameters but {given} were given")));
        }
        let id = uuid::Uuid::new_v4().to_string();
        match &prepared.inner.work {
            Work::Plan(plan) => {
                let run = self.run_plan(id, plan, prepared.inner.tokens, parameters, Some(prepared)).await;
                run.map(|result| result.of_statement(prepared.sql())).map_err(|e| of_statement(e, prepared.sql()))
            }
            Work::PushDown(plan) => self.explain_push_down(id, plan, prepared, parameters).await,
            Work::Rewrites(plan) => self.explain_rewrites(id, plan, prepared, parameters).await,
            Work::Source(statement) => {
                let count = self.run_source_statement(statement).await?;
                counted(id, count)
            }
            Work::Model(statement) => {
                let count = self.run_model_statement(statement).await?;
                counted(id, count)
            }
            Work::Set(key, value) => {
                match value {
                    Some(value) => self.set(key, value)?,
                    None => self.reset(key)?,
                }
                counted(id, 0)
            }
        }
    }

    pub(crate) async fn run_plan(
        &self,
        id: String,
        plan: &LogicalPlan,
        tokens: usize,
        parameters: Vec<ScalarValue>,
        prepared: Option<&Prepared>,
    ) -> Result<QueryResult> {
        let shared = &self.engine.shared;
        let permit = Arc::clone(&shared.running).acquire_owned().await;
        let permit = permit.map_err(|_| Error::cancelled("the engine is shutting down"))?;
        let (state, limits) = {
            let inner = self.inner.read();
            (Arc::clone(&inner.state), Arc::clone(&inner.limits))
        };
        let query = Arc::new(QueryContext::new(id.clone(), Arc::clone(&limits)));
        if let Some(row) = constant_row::of(plan) {
            let stream = Box::pin(BoundedStream::new(once(row), limits, query, permit, Arc::default()));
            return Ok(QueryResult { id, schema: stream.schema(), update: false, stream });
        }
        let update = matches!(plan, LogicalPlan::Dml(_));
        let look_up = prepared.filter(|p| p.is_prepared_with(&state) && p.look_up().is_some()).cloned();
        let shape = prepared.filter(|_| look_up.is_none()).and_then(Prepared::shape);
        let (statement, timed) = (shape.and_then(|text| Statement::new(text, &state)), Arc::<Timed>::default());
        let run = Run {
            state,
            plan: plan.clone(),
            parameters,
            tokens,
            limits: Arc::clone(&limits),
            runtime: Arc::clone(&shared.runtime),
            query: Arc::clone(&query),
            guard: Arc::clone(&shared.sources.plans),
            statement,
            timed: Arc::clone(&timed),
            look_up,
            sources: Arc::clone(&shared.sources.registry),
        };
        let Some(inner) = run.rows().await? else { return counted(id, 0) };
        let schema = inner.schema();
        let stream = Box::pin(BoundedStream::new(inner, limits, query, permit, timed));
        Ok(QueryResult { id, schema, update, stream })
    }
}

impl Session {
    /// The state of a statement that is explained, its limits, and its plan as the next run would begin with.
    fn explaining(&self, plan: &LogicalPlan, prepared: &Prepared) -> Result<(SessionState, Arc<Limits>, LogicalPlan)> {
        let (mut state, limits) = {
            let inner = self.inner.read();
            (inner.state.as_ref().clone(), Arc::clone(&inner.limits))
        };
        state.mark_start_execution();
        let statement = prepared.shape().and_then(|text| Statement::new(text, &state));
        let plan = self.engine.shared.sources.plans.assumed(statement.as_ref(), &mut state, plan)?;
        Ok((state, limits, plan))
    }

    /// What each source would receive for a plan, and which parts stay here.
    async fn explain_push_down(
        &self,
        id: String,
        plan: &LogicalPlan,
        prepared: &Prepared,
        parameters: Vec<ScalarValue>,
    ) -> Result<QueryResult> {
        let (state, limits, plan) = self.explaining(plan, prepared)?;
        let (tokens, engine) = (prepared.inner.tokens, self.engine.clone());
        let step = async move {
            let optimized = optimize(&state, &plan, &parameters)?;
            let (physical, kept) = engine.shared.planner.explain(&optimized, &state).await.map_err(classify)?;
            explain::report(&physical, kept, engine.sources())
        };
        let batch = planning::run(tokens, &limits, step).await?;
        Ok(QueryResult { id, schema: explain::schema(), update: false, stream: once(batch) })
    }

    /// Which rules change a plan, and how.
    async fn explain_rewrites(
        &self,
        id: String,
        plan: &LogicalPlan,
        prepared: &Prepared,
        parameters: Vec<ScalarValue>,
    ) -> Result<QueryResult> {
        let (state, limits, plan) = self.explaining(plan, prepared)?;
        let (tokens, planner) = (prepared.inner.tokens, self.engine.shared.planner.clone());
        let step = async move { explain_rewrites::report(&state, &plan, &parameters, planner).await };
        let batch = planning::run(tokens, &limits, step).await?;
        Ok(QueryResult { id, schema: explain_rewrites::schema(), update: false, stream: once(batch) })
    }
}

fn counted(id: String, count: u64) -> Result<QueryResult> {
    let schema = count_schema();
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(UInt64Array::from(vec![count]))])
        .map_err(|e| Error::internal(e.to_string()))?;
    Ok(QueryResult { id, schema, update: true, stream: once(batch) })
}

fn once(batch: RecordBatch) -> SendableRecordBatchStream {
    let one = futures::stream::once(futures::future::ready(Ok(batch.clone())));
    Box::pin(RecordBatchStreamAdapter::new(batch.schema(), one))
}

/// Ends a query at its limits of rows and time, and holds what must live as long as the query.
struct BoundedStream {
    inner: Option<SendableRecordBatchStream>,
    schema: SchemaRef,
    limits: Arc<Limits>,
    rows: u64,
    deadline: Option<Pin<Box<tokio::time::Sleep>>>,
    query: Arc<QueryContext>,
    _permit: OwnedSemaphorePermit,
    timed: Arc<Timed>,
    /// Since the reader asked for a batch that has not come.
    waiting: Option<Stopwatch>,
    /// What the reader has waited in all.
    waited: Duration,
}

impl BoundedStream {
    fn new(
        inner: SendableRecordBatchStream,
        limits: Arc<Limits>,
        query: Arc<QueryContext>,
        permit: OwnedSemaphorePermit,
        timed: Arc<Timed>,
    ) -> Self {
        let time = limits.query_time_ms;
        let deadline = (time > 0).then(|| Box::pin(tokio::time::sleep(Duration::from_millis(time))));
        let schema = inner.schema();
        let (inner, waiting, waited) = (Some(inner), None, Duration::ZERO);
        Self { inner, schema, limits, rows: 0, deadline, query, _permit: permit, timed, waiting, waited }
    }

    fn end(&mut self, error: Error) -> Poll<Option<Result<RecordBatch, DataFusionError>>> {
        self.query.stop();
        self.inner = None;
        Poll::Ready(Some(Err(error.into_datafusion())))
    }
}

impl Drop for BoundedStream {
    fn drop(&mut self) {
        self.query.stop();
    }
}

impl Stream for BoundedStream {
    type Item = Result<RecordBatch, DataFusionError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let running = self.inner.is_some();
        if let Some(deadline) = &mut self.deadline
            && running
            && deadline.poll_unpin(cx).is_ready()
        {
            let time = self.limits.query_time_ms;
            return self.end(Error::timeout(format!("the query ran longer than {time} ms"), "limits.query_time_ms"));
        }
        if running {
            self.waiting.get_or_insert_with(Stopwatch::start);
        }
        let Some(inner) = &mut self.inner else { return Poll::Ready(None) };
        let polled = inner.poll_next_unpin(cx);
        if polled.is_ready()
            && let Some(waiting) = self.waiting.take()
        {
            self.waited += waiting.elapsed();
        }
        match polled {
            Poll::Ready(Some(Ok(batch))) => {
                self.rows += batch.num_rows() as u64;
                let limit = self.limits.result_rows;
                match Limits::check("rows of the result", self.rows, limit, "result_rows") {
                    Ok(()) => Poll::Ready(Some(Ok(batch))),
                    Err(e) => self.end(e),
                }
            }
            Poll::Ready(Some(Err(e))) => {
                self.inner = None;
                Poll::Ready(Some(Err(e)))
            }
            Poll::Ready(None) => {
                self.inner = None;
                self.timed.ended(self.waited.as_secs_f64() * 1e6);
                Poll::Ready(None)
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl RecordBatchStream for BoundedStream {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
