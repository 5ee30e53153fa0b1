//! GROUP BY keeps all its keys.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::common::{FunctionalDependencies, Result};
use datafusion::logical_expr::{Aggregate, LogicalPlan, Projection};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};
use datafusion::prelude::Expr;

/// Forgets that some keys of a GROUP BY determine the others.
///
/// DataFusion lets a unique column of one side of a join determine every column of a GROUP BY or DISTINCT above the join, those
/// of the other side too. Its `optimize_projections` then leaves keys out of a further GROUP BY, and other rules leave out joins
/// and DISTINCT: `SELECT a.id, count(*) FROM (SELECT DISTINCT a.id, b.n FROM (SELECT id FROM t GROUP BY id) AS a CROSS JOIN t AS b)
/// AS a GROUP BY a.id, a.n` would be grouped by `a.id` alone. Only all keys together are known to be unique. The rule stands before
/// each rule that uses what it forgets; dependencies only ever make plans smaller, so forgetting one changes no rows.
#[derive(Debug, Default)]
pub struct KeepGroupKeys;

impl OptimizerRule for KeepGroupKeys {
    fn name(&self) -> &str {
        "keep_group_keys"
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let mut found = false;
        plan.apply_with_subqueries(|node| {
            found |= matches!(node, LogicalPlan::Aggregate(aggregate) if is_loose(aggregate));
            Ok(TreeNodeRecursion::Continue)
        })?;
        if !found {
            return Ok(Transformed::no(plan));
        }
        // Nodes above inherit dependencies, so their schemas are made again.
        plan.transform_up_with_subqueries(|node| match node.recompute_schema()? {
            LogicalPlan::Aggregate(aggregate) if is_loose(&aggregate) => forget(aggregate).map(Transformed::yes),
            other => Ok(Transformed::yes(other)),
        })
    }
}

/// Whether fewer than all keys are said to determine the others.
fn is_loose(aggregate: &Aggregate) -> bool {
    let keys = aggregate.group_expr.len();
    aggregate.schema.functional_dependencies().iter().any(|d| d.source_indices.len() < keys)
}

/// The aggregate below a projection of all its columns, since it states itself what its keys determine.
fn forget(aggregate: Aggregate) -> Result<LogicalPlan> {
    let keys = aggregate.group_expr.len();
    let known = aggregate.schema.functional_dependencies().iter().filter(|d| d.source_indices.len() >= keys);
    let known = FunctionalDependencies::new(known.cloned().collect());
    let schema = aggregate.schema.as_ref().clone().with_functional_dependencies(known)?;
    let columns = schema.columns().into_iter().map(Expr::Column).collect();
    let below = Arc::new(LogicalPlan::Aggregate(aggregate));
    Projection::try_new_with_schema(columns, below, Arc::new(schema)).map(LogicalPlan::Projection)
}
