//! Fields of records are taken where that can be planned.

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::extract_leaf_expressions::PushDownLeafProjections;
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

/// DataFusion's `push_down_leaf_projections`, which leaves a plan as it is when it cannot change it.
///
/// That rule takes fields of records, such as `x.item.a`, as near to the table as it can. Over a projection `item AS x.item` it
/// would make one with both columns, which is no plan, and fail.
#[derive(Debug, Default)]
pub struct GuardedLeafProjections(PushDownLeafProjections);

impl OptimizerRule for GuardedLeafProjections {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        if !matches!(plan, LogicalPlan::Projection(_)) {
            return self.0.rewrite(plan, config);
        }
        let pushed = self.0.rewrite(plan.clone(), config);
        Ok(pushed.unwrap_or_else(|_| Transformed::no(plan)))
    }
}
