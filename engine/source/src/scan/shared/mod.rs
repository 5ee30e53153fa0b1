//! One reading of a source that several places of a plan use.
//!
//! | file | answers |
//! |---|---|
//! | `buffer` | where are the rows until the last reader has them? |
//! | `mod` | how does a reader stand in a plan? |

mod buffer;

use std::fmt;
use std::sync::Arc;

use datafusion::common::Statistics;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties};
use headwater_common::Error;

use super::exec::RemoteScanExec;
use super::query_exec::RemoteQueryExec;
use crate::error::ErrorExt;
use buffer::Buffer;

/// One of several readers of a scan or statement that runs once.
///
/// The first reader that is polled starts it. Rows are kept, in memory or in spill files, until every reader has had them; no reader
/// waits for another. All readers see the same rows, as two readings of a source that changes in between would not.
#[derive(Debug, Clone)]
pub struct SharedReadExec {
    /// What runs; no child, so that no rule changes it for one reader only.
    read: Arc<dyn ExecutionPlan>,
    /// One for each partition.
    buffers: Arc<[Arc<Buffer>]>,
    /// From 0.
    reader: usize,
    readers: usize,
}

impl SharedReadExec {
    /// As many readers of `read` as are asked for.
    pub fn readers(read: &Arc<dyn ExecutionPlan>, readers: usize) -> Vec<Self> {
        let partitions = read.output_partitioning().partition_count();
        let buffers: Arc<[Arc<Buffer>]> = (0..partitions).map(|_| Arc::new(Buffer::new(readers))).collect();
        let reader = |reader| Self { read: Arc::clone(read), buffers: Arc::clone(&buffers), reader, readers };
        (0..readers).map(reader).collect()
    }

    /// What runs once for all readers.
    pub fn read(&self) -> &Arc<dyn ExecutionPlan> {
        &self.read
    }

    /// Whether this is the reader that stands for all of them in reports.
    pub fn is_first(&self) -> bool {
        self.reader == 0
    }
}

/// Whether two leaves read the same rows of a source, so that one reading serves both. Scans that take keys do not.
pub fn reads_the_same(one: &dyn ExecutionPlan, other: &dyn ExecutionPlan) -> bool {
    if let (Some(a), Some(b)) = (one.downcast_ref::<RemoteScanExec>(), other.downcast_ref::<RemoteScanExec>()) {
        return a.is_same(b);
    }
    match (one.downcast_ref::<RemoteQueryExec>(), other.downcast_ref::<RemoteQueryExec>()) {
        (Some(a), Some(b)) => a.is_same(b),
        _ => false,
    }
}

impl DisplayAs for SharedReadExec {
    fn fmt_as(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match t {
            DisplayFormatType::TreeRender => write!(f, "reader={} of {}", self.reader + 1, self.readers),
            _ if self.is_first() => {
                write!(f, "SharedReadExec: reader=1 of {}, ", self.readers)?;
                self.read.fmt_as(t, f)
            }
            _ => write!(f, "SharedReadExec: reader={} of {}", self.reader + 1, self.readers),
        }
    }
}

impl ExecutionPlan for SharedReadExec {
    fn name(&self) -> &str {
        "SharedReadExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.read.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        if children.is_empty() {
            return Ok(self);
        }
        Err(Error::internal("SharedReadExec has no children").into_datafusion())
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let buffer = self.buffers.get(partition);
        let buffer = buffer.ok_or_else(|| Error::internal(format!("no partition {partition}")).into_datafusion())?;
        // A reader that runs a second time finds rows gone that all have had.
        if !buffer.admit(self.reader) {
            return self.read.execute(partition, context);
        }
        Ok(buffer::stream(Arc::clone(buffer), Arc::clone(&self.read), partition, context))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        self.read.metrics().filter(|_| self.is_first())
    }

    fn statistics_from_inputs(&self, _inputs: &[Arc<Statistics>], args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        StatisticsContext::new().compute(self.read.as_ref(), args)
    }
}
