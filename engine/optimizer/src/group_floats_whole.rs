//! GROUP BY and aggregates of floating point with ORDER BY and LIMIT.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;

/// Groups whole where keys or values are floating point, and takes the first rows then.
///
/// With ORDER BY and LIMIT, DataFusion's `TopKAggregation` keeps only the first groups while it reads, and finds the group of
/// a row, and its largest or smallest value, by `==` and `<`. NaN is never equal to itself so: it would become a group for each of its
/// rows, and a group whose largest value it is would be lost. The rule runs after that one; the sort above takes the first rows in any
/// case.
#[derive(Debug, Default)]
pub struct GroupFloatsWhole;

impl PhysicalOptimizerRule for GroupFloatsWhole {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| {
            let Some(aggregate) = plan.downcast_ref::<AggregateExec>() else { return Ok(Transformed::no(plan)) };
            if aggregate.limit_options().is_none_or(|limit| limit.descending().is_none()) {
                return Ok(Transformed::no(plan));
            }
            let floats = aggregate.schema().fields().iter().any(|field| field.data_type().is_floating());
            Ok(match floats {
                true => Transformed::yes(Arc::new(aggregate.with_new_limit_options(None))),
                false => Transformed::no(plan),
            })
        })
        .data()
    }

    fn name(&self) -> &str {
        "group_floats_whole"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
