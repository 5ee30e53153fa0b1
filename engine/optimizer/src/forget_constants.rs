//! Grouping sets do not inherit what is constant below them.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::union::UnionExec;

/// Puts a union with nothing below each aggregate with grouping sets.
///
/// `WHERE d = 1` makes `d` constant, and an aggregate passes that on to its groups. CUBE, ROLLUP and GROUPING SETS put NULL in
/// the place of `d`, so it is constant no longer: an `ORDER BY d` above would be left out, and groups that are taken for sorted
/// would end too early. A union forgets what only one of its sides promises. The rule runs before those that use the promises.
#[derive(Debug, Default)]
pub struct ForgetConstants;

impl PhysicalOptimizerRule for ForgetConstants {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| {
            let Some(aggregate) = plan.downcast_ref::<AggregateExec>() else { return Ok(Transformed::no(plan)) };
            let input = aggregate.input();
            // Later phases read the groups that the first one makes.
            if !aggregate.group_expr().has_grouping_set() || input.downcast_ref::<AggregateExec>().is_some() {
                return Ok(Transformed::no(plan));
            }
            let nothing = Arc::new(EmptyExec::new(input.schema()));
            let both = UnionExec::try_new(vec![Arc::clone(input), nothing])?;
            replace_children_if_necessary(plan, vec![both]).map(Transformed::yes)
        })
        .data()
    }

    fn name(&self) -> &str {
        "forget_constants"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
