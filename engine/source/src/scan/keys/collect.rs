//! The plan node through which a build side flows into its join.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::Statistics;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::{Stream, StreamExt};
use headwater_common::Error;

use super::slot::KeySlot;
use crate::error::ErrorExt;

/// One key of a join whose values are gathered, or several whose values are gathered together.
#[derive(Debug, Clone)]
pub struct CollectedKey {
    /// The key over the columns of the build side; of tuples one for each place.
    pub exprs: Vec<Arc<dyn PhysicalExpr>>,
    /// The columns that it restricts, as a user reads them.
    pub into: String,
    /// Where its values go.
    pub keys: Arc<KeySlot>,
}

/// Passes batches on as they are and gathers the distinct values of keys on the way.
///
/// A join reads its build side to the end before it asks its probe side for a row, so the keys are known when the scans below
/// the probe side need them. Batches are not kept here.
#[derive(Debug, Clone)]
pub struct CollectKeysExec {
    input: Arc<dyn ExecutionPlan>,
    keys: Arc<[CollectedKey]>,
}

impl CollectKeysExec {
    /// Gathers `keys` of `input`.
    pub fn new(input: Arc<dyn ExecutionPlan>, keys: Vec<CollectedKey>) -> Self {
        Self { input, keys: keys.into() }
    }
}

impl DisplayAs for CollectKeysExec {
    fn fmt_as(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |key: &CollectedKey| match key.exprs.as_slice() {
            [expr] => format!("keys from {expr} into {}", key.into),
            exprs => format!("tuples of {}", exprs.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")),
        };
        let keys: Vec<String> = self.keys.iter().map(of).collect();
        if matches!(t, DisplayFormatType::TreeRender) {
            return write!(f, "{}", keys.join("\n"));
        }
        write!(f, "CollectKeysExec: {}", keys.join(", "))
    }
}

impl ExecutionPlan for CollectKeysExec {
    fn name(&self) -> &str {
        "CollectKeysExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        for expr in self.keys.iter().flat_map(|key| &key.exprs) {
            if f(expr)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match children.pop() {
            Some(input) if children.is_empty() => Ok(Arc::new(Self { input, keys: Arc::clone(&self.keys) })),
            _ => Err(Error::internal("CollectKeysExec has one child").into_datafusion()),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let partitions = self.properties().output_partitioning().partition_count();
        for key in self.keys.iter() {
            key.keys.begin(partition, context.memory_pool());
        }
        let input = self.input.execute(partition, context)?;
        Ok(Box::pin(Collecting { input, keys: Arc::clone(&self.keys), partitions, ended: false }))
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(partition)]
    }

    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], _args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        Ok(inputs.first().map_or_else(|| Arc::new(Statistics::new_unknown(&self.schema())), Arc::clone))
    }
}

struct Collecting {
    input: SendableRecordBatchStream,
    keys: Arc<[CollectedKey]>,
    partitions: usize,
    ended: bool,
}

impl Collecting {
    fn add(&self, batch: &RecordBatch) {
        for key in self.keys.iter() {
            let value = |expr: &Arc<dyn PhysicalExpr>| expr.evaluate(batch)?.into_array(batch.num_rows());
            let values = key.exprs.iter().map(value).collect::<Result<Vec<_>>>();
            // An error of the key is the join's to report.
            if values.and_then(|values| key.keys.add(&values)).is_err() {
                key.keys.give_up();
            }
        }
    }
}

impl Stream for Collecting {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = ready!(self.input.poll_next_unpin(cx));
        match &item {
            Some(Ok(batch)) => self.add(batch),
            Some(Err(_)) => self.keys.iter().for_each(|key| key.keys.give_up()),
            None if !self.ended => {
                self.ended = true;
                self.keys.iter().for_each(|key| key.keys.end(self.partitions));
            }
            None => {}
        }
        Poll::Ready(item)
    }
}

impl Drop for Collecting {
    fn drop(&mut self) {
        if !self.ended {
            self.keys.iter().for_each(|key| key.keys.give_up());
        }
    }
}

impl RecordBatchStream for Collecting {
    fn schema(&self) -> SchemaRef {
        self.input.schema()
    }
}
