//! Filters stay above groups that there are without rows.

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::expr::GroupingSet;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Aggregate, LogicalPlan};
use datafusion::optimizer::push_down_filter::PushDownFilter;
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use datafusion::prelude::Expr;

/// DataFusion's `push_down_filter`, except for conditions without columns above an aggregate that has a row for no rows.
///
/// That rule sends a condition below an aggregate when all of its columns are keys, which holds for a condition that has none.
/// An aggregate without GROUP BY, or with a grouping set of no key, then makes a row of the rows that are left out, where the
/// condition would have left out that row.
#[derive(Debug, Default)]
pub struct GuardedFilter(PushDownFilter);

impl OptimizerRule for GuardedFilter {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        if stays(&plan) { Ok(Transformed::no(plan)) } else { self.0.rewrite(plan, config) }
    }
}

/// Whether filters, of which one has no columns, stand above groups that there are without rows.
fn stays(plan: &LogicalPlan) -> bool {
    let (mut below, mut constant) = (plan, false);
    while let LogicalPlan::Filter(filter) = below {
        constant |= split_conjunction(&filter.predicate).iter().any(|condition| condition.column_refs().is_empty());
        below = &filter.input;
    }
    constant && matches!(below, LogicalPlan::Aggregate(aggregate) if has_row_of_no_rows(aggregate))
}

fn has_row_of_no_rows(aggregate: &Aggregate) -> bool {
    let of_no_key = |expr: &Expr| match expr {
        Expr::GroupingSet(GroupingSet::GroupingSets(sets)) => sets.iter().any(Vec::is_empty),
        Expr::GroupingSet(GroupingSet::Rollup(_) | GroupingSet::Cube(_)) => true,
        _ => false,
    };
    aggregate.group_expr.is_empty() || aggregate.group_expr.iter().any(of_no_key)
}
