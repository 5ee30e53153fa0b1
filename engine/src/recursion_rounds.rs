//! A recursive query ends after so many rounds.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::recursive_query::RecursiveQueryExec;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use headwater_common::Error;
use headwater_source::ErrorExt;

/// The plan, whose recursive queries fail in a round beyond the limit. Their rows need little memory in each round, so that one
/// that never ends would meet no other limit.
pub(crate) fn bound(plan: Arc<dyn ExecutionPlan>, most: u64) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|plan| {
        let Some(query) = plan.downcast_ref::<RecursiveQueryExec>() else { return Ok(Transformed::no(plan)) };
        let counted = RoundExec { input: Arc::clone(query.recursive_term()), most, rounds: Arc::default() };
        let children: Vec<Arc<dyn ExecutionPlan>> = vec![Arc::clone(query.static_term()), Arc::new(counted)];
        replace_children_if_necessary(plan, children).map(Transformed::yes)
    })
    .data()
}

/// The part of a recursive query that repeats. It is run anew in each round.
#[derive(Debug)]
struct RoundExec {
    input: Arc<dyn ExecutionPlan>,
    most: u64,
    rounds: Arc<AtomicU64>,
}

impl DisplayAs for RoundExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoundExec: most={}", self.most)
    }
}

impl ExecutionPlan for RoundExec {
    fn name(&self) -> &str {
        "RoundExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
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
            Some(input) => Ok(Arc::new(Self { input, most: self.most, rounds: Arc::clone(&self.rounds) })),
            None => Ok(self),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let round = self.rounds.fetch_add(1, Ordering::Relaxed) + 1;
        if self.most != 0 && round > self.most {
            let message = format!("a recursive query has not ended after {} rounds", self.most);
            return Err(Error::limit(message, "limits.recursion_rounds").into_datafusion());
        }
        self.input.execute(partition, context)
    }
}
