//! A sub-query that is a value is NULL when it has no row.

use std::cell::Cell;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Column, Result};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, Subquery};
use datafusion::optimizer::AnalyzerRule;
use datafusion::prelude::Expr;
use headwater_source::transparent::nullable;

/// Makes the column of every scalar sub-query nullable that may have no row.
///
/// DataFusion takes it for one without nulls when the sub-query selects a column without nulls, and then finds that
/// `(SELECT id ... WHERE false) IS NULL` is false. Only a sub-query that has exactly one row whatever its tables hold keeps its
/// column as it is: a `SELECT` without FROM, and groups without GROUP BY and HAVING.
#[derive(Debug, Default)]
pub struct NullableSubqueries;

impl AnalyzerRule for NullableSubqueries {
    fn name(&self) -> &str {
        "nullable_subqueries"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        // What a node says of nulls depends on all below it.
        let changed = Cell::new(false);
        let rewritten = plan.transform_up_with_subqueries(|plan| {
            let names = NamePreserver::new(&plan);
            let rewritten = plan.map_expressions(|expr| {
                let name = names.save(&expr);
                Ok(expr.transform_up(rewrite)?.update_data(|expr| name.restore(expr)))
            })?;
            changed.set(changed.get() || rewritten.transformed);
            if !changed.get() {
                return Ok(rewritten);
            }
            Ok(Transformed::yes(rewritten.data.recompute_schema()?))
        });
        rewritten.data()
    }
}

fn rewrite(expr: Expr) -> Result<Transformed<Expr>> {
    let Expr::ScalarSubquery(query) = expr else { return Ok(Transformed::no(expr)) };
    let plan = query.subquery.as_ref();
    let one = plan.schema().fields().len() == 1 && !plan.schema().field(0).is_nullable();
    if !one || has_a_row(plan) {
        return Ok(Transformed::no(Expr::ScalarSubquery(query)));
    }
    let column = Column::from(plan.schema().qualified_field(0));
    // A name that none of its tables has: columns that a condition needs are put beside it.
    let value = nullable(Expr::Column(column)).alias("__value");
    let plan = LogicalPlanBuilder::from(Arc::clone(&query.subquery)).project([value])?.build()?;
    Ok(Transformed::yes(Expr::ScalarSubquery(Subquery { subquery: Arc::new(plan), ..query })))
}

fn has_a_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => has_a_row(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => has_a_row(&alias.input),
        LogicalPlan::Sort(sort) => sort.fetch.is_none() && has_a_row(&sort.input),
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        LogicalPlan::EmptyRelation(empty) => empty.produce_one_row,
        _ => false,
    }
}
