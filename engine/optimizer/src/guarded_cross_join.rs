//! Joins on `=` and on `IS NOT DISTINCT FROM` are not mixed.

use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::common::{JoinType, NullEquality, Result};
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::eliminate_cross_join::EliminateCrossJoin;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

/// DataFusion's `eliminate_cross_join`, except for queries with an inner join in which nulls equal nulls.
///
/// That rule makes one list of all inner joins' keys and gives every new join the null equality of the outermost one. With
/// `a JOIN b ON a.x = b.x JOIN c ON b.y IS NOT DISTINCT FROM c.y`, rows whose `x` is null would be joined.
#[derive(Debug, Default)]
pub struct GuardedCrossJoin(EliminateCrossJoin);

impl OptimizerRule for GuardedCrossJoin {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        if joins_nulls(&plan)? { Ok(Transformed::no(plan)) } else { self.0.rewrite(plan, config) }
    }
}

fn joins_nulls(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        found |= matches!(node, LogicalPlan::Join(join)
            if join.join_type == JoinType::Inner && join.null_equality == NullEquality::NullEqualsNull);
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}
