//! A projection over one with the same expressions computes them twice.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{LogicalPlan, Projection};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use datafusion::prelude::Expr;

/// Merges a projection with one below it that has the same expressions among its own.
///
/// DataFusion's `optimize_projections` takes the second of two equal projections for a repetition and drops it. That is right
/// for columns only: `SELECT x + x AS x FROM (SELECT x + x AS x FROM (SELECT 3 AS x))` is 12, and would be 6. Here the columns
/// of the upper projection are replaced by the expressions of the lower one, which is what a projection of a projection means;
/// the names of the output stay. The rule stands before `optimize_projections`, which drops columns that nobody reads and
/// projections that only pass columns on, so it looks through these.
#[derive(Debug, Default)]
pub struct MergeEqualProjections;

impl OptimizerRule for MergeEqualProjections {
    fn name(&self) -> &str {
        "merge_equal_projections"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Projection(upper) = &plan else { return Ok(Transformed::no(plan)) };
        let (mut exprs, mut input) = (upper.expr.clone(), &upper.input);
        while let LogicalPlan::Projection(lower) = input.as_ref() {
            let passes_on = lower.expr.iter().all(is_column);
            let repeats = exprs.iter().all(|e| lower.expr.contains(e)) && !exprs.iter().all(is_column);
            if !passes_on && !repeats {
                break;
            }
            exprs = over(&exprs, lower)?;
            input = &lower.input;
            if repeats {
                let merged = Projection::try_new_with_schema(exprs, Arc::clone(input), Arc::clone(&upper.schema))?;
                return Ok(Transformed::yes(LogicalPlan::Projection(merged)));
            }
        }
        Ok(Transformed::no(plan))
    }
}

fn is_column(expr: &Expr) -> bool {
    matches!(expr, Expr::Column(_))
}

/// The expressions over the input of `lower` instead of its output.
fn over(exprs: &[Expr], lower: &Projection) -> Result<Vec<Expr>> {
    let names = NamePreserver::new_for_projection();
    let below: HashMap<_, _> = lower.schema.columns().into_iter().map(|c| c.flat_name()).zip(&lower.expr).collect();
    let replace = |e: Expr| match &e {
        Expr::Column(column) => match below.get(&column.flat_name()) {
            Some(found) => Ok(Transformed::yes((*found).clone().unalias_nested().data)),
            None => Ok(Transformed::no(e)),
        },
        _ => Ok(Transformed::no(e)),
    };
    exprs.iter().map(|expr| Ok(names.save(expr).restore(expr.clone().transform_up(replace)?.data))).collect()
}
