//! ORDER BY keeps all its keys.

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::eliminate_duplicated_expr::EliminateDuplicatedExpr;
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

/// DataFusion's `eliminate_duplicated_expr`, except for ORDER BY.
///
/// That rule leaves out keys that others determine. After GROUP BY or DISTINCT over a join, a unique column of one side is taken
/// to determine those of the other side too: `SELECT DISTINCT b.n, a.id FROM t AS a CROSS JOIN t AS b ORDER BY a.id, b.n` would be
/// ordered by `a.id` alone.
#[derive(Debug, Default)]
pub struct KeepSortKeys(EliminateDuplicatedExpr);

impl OptimizerRule for KeepSortKeys {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        if matches!(plan, LogicalPlan::Sort(_)) { Ok(Transformed::no(plan)) } else { self.0.rewrite(plan, config) }
    }
}
