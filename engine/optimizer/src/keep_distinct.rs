//! DISTINCT is left out only where rows are known to be distinct.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::{Distinct, LogicalPlan, SortExpr};
use datafusion::optimizer::replace_distinct_aggregate::ReplaceDistinctWithAggregate;
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use crate::KeepGroupKeys;

/// DataFusion's `replace_distinct_aggregate` over plans that have forgotten what [`KeepGroupKeys`] forgets.
///
/// That rule makes groups of a DISTINCT and leaves out another one above it when a column is said to be unique. It makes
/// `first_value(x ORDER BY ...)` of DISTINCT ON, which DataFusion cannot compute with a key that is there twice.
#[derive(Debug, Default)]
pub struct KeepDistinct(ReplaceDistinctWithAggregate);

impl OptimizerRule for KeepDistinct {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let input = match plan {
            LogicalPlan::Distinct(Distinct::All(input)) => input,
            LogicalPlan::Distinct(Distinct::On(mut on)) => {
                on.sort_expr = on.sort_expr.map(without_repetition);
                return self.0.rewrite(LogicalPlan::Distinct(Distinct::On(on)), config);
            }
            other => return self.0.rewrite(other, config),
        };
        let input = KeepGroupKeys.rewrite(Arc::unwrap_or_clone(input), config)?.data;
        self.0.rewrite(LogicalPlan::Distinct(Distinct::All(Arc::new(input))), config)
    }
}

/// Keys without those that stand before; they decide nothing.
pub(crate) fn without_repetition(keys: Vec<SortExpr>) -> Vec<SortExpr> {
    let mut kept: Vec<SortExpr> = Vec::with_capacity(keys.len());
    for key in keys {
        if !kept.iter().any(|before| before.expr == key.expr) {
            kept.push(key);
        }
    }
    kept
}
