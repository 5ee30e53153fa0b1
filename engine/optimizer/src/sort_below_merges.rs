//! A merge has inputs in the order that it merges by.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

/// Sorts below a merge whose input is not known to be in its order.
///
/// DataFusion sorts the inputs of a UNION ALL and merges them. Where a column equals another one in an input, the sort of that
/// input leaves it out, and of the union it is no longer known that it is in order: in `a JOIN b ON a.x = b.k UNION ALL a JOIN b ON
/// a.y = b.k ORDER BY x, y, k`, the column `k` is x in one input and y in the other. Such a plan would be refused. Sorting what is in
/// order already changes no row.
#[derive(Debug, Default)]
pub struct SortBelowMerges;

impl PhysicalOptimizerRule for SortBelowMerges {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| {
            let Some(merge) = plan.downcast_ref::<SortPreservingMergeExec>() else { return Ok(Transformed::no(plan)) };
            if merge.input().equivalence_properties().ordering_satisfy(merge.expr().clone())? {
                return Ok(Transformed::no(plan));
            }
            let sort = SortExec::new(merge.expr().clone(), Arc::clone(merge.input())).with_preserve_partitioning(true);
            let merge = SortPreservingMergeExec::new(merge.expr().clone(), Arc::new(sort)).with_fetch(merge.fetch());
            Ok(Transformed::yes(Arc::new(merge)))
        })
        .data()
    }

    fn name(&self) -> &str {
        "sort_below_merges"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
