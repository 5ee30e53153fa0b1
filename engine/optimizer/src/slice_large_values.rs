//! Large values in a plan are repeated for a few rows at a time.

use std::fmt;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::{StreamExt, stream};

/// A value below this many bytes is not large.
const LARGE_BYTES: usize = 64 << 10;
/// What the copies of a value in one batch may take, in bytes.
const BATCH_BYTES: usize = 64 << 20;

/// The most rows that a batch of this plan may have so that copies of its largest value stay small; `None` without a large one.
pub fn rows_of_large_values(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<usize>> {
    let mut largest = 0;
    plan.apply(|node| {
        largest = largest.max(largest_value(node.as_ref())?);
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(rows_of(largest))
}

fn rows_of(bytes: usize) -> Option<usize> {
    (bytes > LARGE_BYTES).then(|| (BATCH_BYTES / bytes).max(1))
}

/// The bytes of the largest value that an operator's own expressions hold.
fn largest_value(node: &dyn ExecutionPlan) -> Result<usize> {
    let mut largest = 0;
    node.apply_expressions(&mut |expr: &Arc<dyn PhysicalExpr>| {
        expr.apply(|part| {
            if let Some(literal) = part.downcast_ref::<Literal>() {
                largest = largest.max(literal.value().size());
            }
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(largest)
}

/// Puts a step that cuts batches into slices above each source of rows, and below each operator that repeats a large value.
///
/// `unnest(range(1000000))` over a batch of 8,192 rows would copy the list that often, 65 GB, before the first row leaves the
/// operator; the memory pool does not count what an expression builds. With slices a batch of copies stays below 64 MiB. A plan
/// without a large value stays as it is.
#[derive(Debug, Default)]
pub struct SliceLargeValues;

impl PhysicalOptimizerRule for SliceLargeValues {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(rows) = rows_of_large_values(&plan)? else { return Ok(plan) };
        plan.transform_up(|plan| {
            if plan.children().is_empty() {
                return Ok(Transformed::yes(SliceExec::over(plan, rows)));
            }
            if rows_of(largest_value(plan.as_ref())?).is_none() {
                return Ok(Transformed::no(plan));
            }
            let children = plan.children().into_iter().map(|child| SliceExec::over(Arc::clone(child), rows)).collect();
            replace_children_if_necessary(plan, children).map(Transformed::yes)
        })
        .data()
    }

    fn name(&self) -> &str {
        "slice_large_values"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Passes rows on in batches of at most so many.
#[derive(Debug)]
struct SliceExec {
    input: Arc<dyn ExecutionPlan>,
    rows: usize,
    properties: Arc<PlanProperties>,
}

impl SliceExec {
    fn over(input: Arc<dyn ExecutionPlan>, rows: usize) -> Arc<dyn ExecutionPlan> {
        let properties = Arc::clone(input.properties());
        Arc::new(Self { input, rows, properties })
    }
}

impl DisplayAs for SliceExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SliceExec: rows={}", self.rows)
    }
}

impl ExecutionPlan for SliceExec {
    fn name(&self) -> &str {
        "SliceExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match children.pop() {
            Some(input) => Ok(Self::over(input, self.rows)),
            None => Ok(self),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let rows = self.rows;
        let slices = self.input.execute(partition, context)?.flat_map(move |batch| {
            let slices: Vec<_> = match batch {
                Ok(batch) => {
                    let starts = (0..batch.num_rows()).step_by(rows);
                    starts.map(|start| Ok(batch.slice(start, rows.min(batch.num_rows() - start)))).collect()
                }
                Err(e) => vec![Err(e)],
            };
            stream::iter(slices)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), slices)))
    }
}
