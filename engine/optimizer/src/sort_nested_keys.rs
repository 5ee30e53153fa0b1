//! ORDER BY of lists and records with LIMIT.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::limit::{GlobalLimitExec, LocalLimitExec};
use datafusion::physical_plan::sorts::sort::SortExec;

/// Sorts by nested keys whole and takes the first rows then.
///
/// A sort with LIMIT leaves out rows by a filter `key > threshold`. In the order that sorts, a null in a list or record is the
/// smallest or the largest value, as NULLS FIRST and LAST say; for the operator it is always the same. So `ORDER BY list DESC
/// LIMIT 3` would lose `[NULL]`. The rule runs before these filters are pushed down.
#[derive(Debug, Default)]
pub struct SortNestedKeys;

impl PhysicalOptimizerRule for SortNestedKeys {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| {
            let Some(sort) = plan.downcast_ref::<SortExec>() else { return Ok(Transformed::no(plan)) };
            let Some(rows) = sort.fetch() else { return Ok(Transformed::no(plan)) };
            let schema = sort.input().schema();
            let nested = sort.expr().iter().map(|key| Ok(key.expr.data_type(&schema)?.is_nested()));
            if !nested.collect::<Result<Vec<_>>>()?.contains(&true) {
                return Ok(Transformed::no(plan));
            }
            let whole: Arc<dyn ExecutionPlan> = Arc::new(sort.with_fetch(None));
            Ok(Transformed::yes(match sort.preserve_partitioning() {
                true => Arc::new(LocalLimitExec::new(whole, rows)),
                false => Arc::new(GlobalLimitExec::new(whole, 0, Some(rows))),
            }))
        })
        .data()
    }

    fn name(&self) -> &str {
        "sort_nested_keys"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
