//! The first rows of each partition are found by all keys of the merge above.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;

/// Gives a sort with LIMIT below a merge the keys of the merge.
///
/// In `(SELECT 1 AS c, a FROM t) UNION ALL (SELECT 2, b FROM u) ORDER BY a, c DESC LIMIT 1` the key `c` is constant in each
/// partition, so DataFusion sorts the partitions by `a` alone. They share a filter that leaves out rows which cannot be among the
/// first ones; made of `a` alone it leaves out rows of one partition that are equal in `a` and come first by `c`. The rule runs
/// before these filters are made.
#[derive(Debug, Default)]
pub struct KeepMergeKeys;

impl PhysicalOptimizerRule for KeepMergeKeys {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| {
            let Some(merge) = plan.downcast_ref::<SortPreservingMergeExec>() else { return Ok(Transformed::no(plan)) };
            let Some(sort) = merge.input().downcast_ref::<SortExec>() else { return Ok(Transformed::no(plan)) };
            if sort.fetch().is_none() || sort.expr() == merge.expr() {
                return Ok(Transformed::no(plan));
            }
            let sort = SortExec::new(merge.expr().clone(), Arc::clone(sort.input()))
                .with_fetch(sort.fetch())
                .with_preserve_partitioning(sort.preserve_partitioning());
            let merge = SortPreservingMergeExec::new(merge.expr().clone(), Arc::new(sort)).with_fetch(merge.fetch());
            Ok(Transformed::yes(Arc::new(merge)))
        })
        .data()
    }

    fn name(&self) -> &str {
        "keep_merge_keys"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
