//! A scan that waits for its keys.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::prelude::Expr;
use futures::{StreamExt, TryStreamExt, stream};
use headwater_common::Error;
use tokio::sync::OnceCell;

use super::super::command::{OpenScan, PartitionBounds, ScanCommand};
use super::super::guarded::{Lesson, open_guarded};
use super::super::remote_query::{OpenQuery, RemoteQuery};
use super::{KeyFilter, Restriction};
use crate::error::ErrorExt;
use crate::query::QueryContext;
use crate::registry::SourceRegistry;
use crate::source::RemoteSource;

/// Statements of one partition that run at the same time: one is read while the next begins.
const AHEAD: usize = 2;

/// One statement of a scan.
#[derive(Debug, Clone)]
pub(in crate::scan) enum Reading {
    /// A range of a table, and the number of its ranges.
    Scan(Arc<ScanCommand>, PartitionBounds, usize),
    /// A text of a sub-plan.
    Query(Arc<RemoteQuery>, usize),
}

/// What a scan reads once its keys are known. All of its partitions share one.
#[derive(Debug)]
enum Statements {
    /// What it would read without keys.
    Everything,
    /// These, dealt out to the partitions.
    Some(Vec<Reading>),
}

/// A leaf whose rows keys may restrict.
#[async_trait]
pub(in crate::scan) trait KeyedLeaf: Clone + Send + Sync + 'static {
    /// Name of its source.
    fn source(&self) -> &str;
    /// Schema of its batches.
    fn schema(&self) -> &SchemaRef;
    /// Its metrics.
    fn metrics(&self) -> &ExecutionPlanMetricsSet;
    /// Its filters, of which there is at least one.
    fn filters(&self) -> &Arc<[KeyFilter]>;
    /// Number of its partitions.
    fn partitions(&self) -> usize;
    /// Estimated rows of the whole table, when it reads one.
    fn table_rows(&self) -> Option<u64>;
    /// Waits for the keys and decides what they are worth.
    async fn restriction(&self, source: &Arc<dyn RemoteSource>) -> Result<Restriction>;
    /// What to read for filters; `None` when the source does not compute them after all.
    async fn readings(&self, source: &Arc<dyn RemoteSource>, statements: &[Vec<Expr>]) -> Result<Option<Vec<Reading>>>;
    /// A partition without keys.
    fn read_all(&self, partition: usize, context: &TaskContext) -> Result<SendableRecordBatchStream>;
}

/// One partition of a leaf with keys; it waits for them when it is first polled.
pub(in crate::scan) fn keyed_stream<L: KeyedLeaf>(
    leaf: L,
    partition: usize,
    context: Arc<TaskContext>,
) -> SendableRecordBatchStream {
    let schema = Arc::clone(leaf.schema());
    let opened = stream::once(async move { open(&leaf, partition, &context).await });
    Box::pin(RecordBatchStreamAdapter::new(schema, opened.try_flatten().boxed()))
}

async fn open<L: KeyedLeaf>(leaf: &L, partition: usize, context: &TaskContext) -> Result<SendableRecordBatchStream> {
    // Without a context the partitions could not agree on the statements.
    let Some(query) = context.session_config().get_extension::<QueryContext>() else {
        return leaf.read_all(partition, context);
    };
    let source = SourceRegistry::of_task(context, leaf.source()).map_err(ErrorExt::into_datafusion)?;
    let key = format!("keys of {:p}", Arc::as_ptr(leaf.filters()));
    let shared = query.state(&key, || Arc::new(OnceCell::<Statements>::new()));
    match shared.get_or_try_init(|| statements(leaf, &source, partition)).await? {
        Statements::Everything => leaf.read_all(partition, context),
        Statements::Some(readings) => {
            let own = readings.iter().skip(partition).step_by(leaf.partitions().max(1)).cloned().collect();
            read(leaf, own, partition, context)
        }
    }
}

async fn statements<L: KeyedLeaf>(leaf: &L, source: &Arc<dyn RemoteSource>, partition: usize) -> Result<Statements> {
    let count = |name: &'static str, n: usize| MetricBuilder::new(leaf.metrics()).counter(name, partition).add(n);
    if let Some(rows) = leaf.table_rows().and_then(|rows| usize::try_from(rows).ok()) {
        count("table_rows", rows);
    }
    let (readings, keys) = match leaf.restriction(source).await? {
        Restriction::Everything => (None, 0),
        Restriction::Nothing => (Some(Vec::new()), 0),
        Restriction::Filters { statements, keys } => (leaf.readings(source, &statements).await?, keys),
    };
    count("keys_sent", if readings.is_some() { keys } else { 0 });
    count("round_trips", readings.as_ref().map_or(leaf.partitions(), Vec::len));
    Ok(readings.map_or(Statements::Everything, Statements::Some))
}

/// The rows of statements, as one scan with its limits.
fn read<L: KeyedLeaf>(
    leaf: &L,
    readings: Vec<Reading>,
    partition: usize,
    context: &TaskContext,
) -> Result<SendableRecordBatchStream> {
    let (schema, batch_rows) = (Arc::clone(leaf.schema()), context.session_config().batch_size());
    let (name, metrics, lesson) = (leaf.source(), leaf.metrics(), Lesson::of_statements(readings.len()));
    open_guarded(context, name, leaf.schema(), metrics, partition, lesson, move |source, query| {
        let own = Arc::clone(&schema);
        let opened = readings.into_iter().map(move |reading| {
            let (source, query, schema) = (Arc::clone(&source), Arc::clone(&query), Arc::clone(&schema));
            let opened = match reading {
                Reading::Scan(command, bounds, partition_count) => {
                    source.open(OpenScan { command, bounds, partition_count, schema, batch_rows, query })
                }
                Reading::Query(command, partition) => {
                    source.open_query(OpenQuery { command, partition, schema, batch_rows, query })
                }
            };
            opened.map_err(ErrorExt::into_datafusion)
        });
        let rows = stream::iter(opened).try_flatten_unordered(AHEAD);
        Ok::<SendableRecordBatchStream, Error>(Box::pin(RecordBatchStreamAdapter::new(own, rows)))
    })
}
