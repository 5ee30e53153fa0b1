//! Joins on floating point, for which both zeros are equal.

use std::sync::Arc;

use datafusion::common::tree_node::TreeNode;
use datafusion::error::Result;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::prelude::SessionConfig;

/// Keeps rows with the other zero when a hash join of the plan has keys of floating point.
///
/// DataFusion sends the keys of a small side of a hash join to the readers of the other side as a list, which it compares by
/// bits: 0.0 would not find -0.0, although the join takes them for equal. Without lists it sends the table of the join's hashes, which has one
/// hash for both zeros, beside the least and the greatest key.
pub(crate) fn keep_both_zeros(plan: &Arc<dyn ExecutionPlan>, config: &mut SessionConfig) -> Result<()> {
    let has_floats = plan.exists(|plan| {
        let Some(join) = plan.downcast_ref::<HashJoinExec>() else { return Ok(false) };
        let schema = join.left().schema();
        for (left, _) in join.on() {
            let data_type = left.data_type(&schema)?;
            if data_type.is_floating() || data_type.is_nested() {
                return Ok(true);
            }
        }
        Ok(false)
    })?;
    if has_floats {
        config.options_mut().optimizer.hash_join_inlist_pushdown_max_distinct_values = 0;
    }
    Ok(())
}
