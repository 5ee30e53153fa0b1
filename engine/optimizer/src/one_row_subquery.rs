//! EXISTS and IN over a correlated sub-query that has exactly one row, such as an aggregate without GROUP BY.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Column, Result, Spans};
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, SkipType, Subquery, lit};
use datafusion::optimizer::AnalyzerRule;
use datafusion::prelude::Expr;
use headwater_common::Error;
use headwater_source::ErrorExt;

/// Rewrites, for a correlated sub-query `q` of exactly one row:
///
/// | from | to |
/// |---|---|
/// | `EXISTS (q)` | `true` |
/// | `EXISTS (q HAVING h)` | `(SELECT h FROM q) IS TRUE` |
/// | `x IN (q)` | `x = (q)` |
///
/// DataFusion makes groups by the correlated columns of such a sub-query, and a group of no rows is no row then: EXISTS would be
/// false, and `0 IN (SELECT count(*) ...)` as well. Its joins for scalar sub-queries give such groups their value.
#[derive(Debug, Default)]
pub struct OneRowSubquery;

impl AnalyzerRule for OneRowSubquery {
    fn name(&self) -> &str {
        "one_row_subquery"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|plan| {
            if !plan.expressions().iter().any(|expr| expr.exists(|e| Ok(is_candidate(e))).unwrap_or(false)) {
                return Ok(Transformed::no(plan));
            }
            let names = NamePreserver::new(&plan);
            plan.map_expressions(|expr| {
                let name = names.save(&expr);
                Ok(expr.transform_up(rewrite)?.update_data(|expr| name.restore(expr)))
            })
        })
        .data()
    }
}

fn is_candidate(expr: &Expr) -> bool {
    matches!(expr, Expr::Exists(_) | Expr::InSubquery(_))
}

fn rewrite(expr: Expr) -> Result<Transformed<Expr>> {
    match expr {
        Expr::Exists(Exists { subquery, .. })
            if !subquery.outer_ref_columns.is_empty() && has_offset(&subquery.subquery) =>
        {
            let message = "EXISTS with a sub-query that has OFFSET and refers to the query around it is not supported; compare a count of \
                its rows instead, as in (SELECT count(*) ...) > 5";
            Err(Error::unsupported(message).into_datafusion())
        }
        Expr::Exists(Exists { subquery, negated }) if !subquery.outer_ref_columns.is_empty() => {
            if has_one_row(&subquery.subquery) {
                return Ok(Transformed::yes(lit(!negated)));
            }
            let Some(condition) = condition_on_one_row(&subquery.subquery)? else {
                return Ok(Transformed::no(Expr::Exists(Exists { subquery, negated })));
            };
            let holds = Expr::IsTrue(Box::new(scalar(condition)));
            Ok(Transformed::yes(if negated { Expr::Not(Box::new(holds)) } else { holds }))
        }
        Expr::InSubquery(InSubquery { expr, subquery, negated })
            if !subquery.outer_ref_columns.is_empty() && has_one_row(&subquery.subquery) =>
        {
            let (expr, value) = (*expr, Expr::ScalarSubquery(subquery));
            Ok(Transformed::yes(if negated { expr.not_eq(value) } else { expr.eq(value) }))
        }
        other => Ok(Transformed::no(other)),
    }
}

fn scalar(plan: LogicalPlan) -> Expr {
    let outer_ref_columns = plan.all_out_ref_exprs();
    Expr::ScalarSubquery(Subquery { subquery: Arc::new(plan), outer_ref_columns, spans: Spans::new() })
}

/// Whether a plan has exactly one row, whatever its tables hold.
pub(crate) fn has_one_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => has_one_row(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => has_one_row(&alias.input),
        LogicalPlan::Sort(sort) => sort.fetch.is_none() && has_one_row(&sort.input),
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        LogicalPlan::EmptyRelation(empty) => empty.produce_one_row,
        _ => false,
    }
}

/// The condition of a filter over exactly one row, as a plan of that row.
pub(crate) fn condition_on_one_row(plan: &LogicalPlan) -> Result<Option<LogicalPlan>> {
    match plan {
        LogicalPlan::Projection(projection) => condition_on_one_row(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => condition_on_one_row(&alias.input),
        LogicalPlan::Filter(filter) if has_one_row(&filter.input) => {
            let condition = filter.predicate.clone().alias("condition");
            LogicalPlanBuilder::from(Arc::clone(&filter.input)).project([condition])?.build().map(Some)
        }
        _ => Ok(None),
    }
}

/// Whether rows are skipped, or may be. DataFusion would forget it of a correlated EXISTS.
fn has_offset(plan: &LogicalPlan) -> bool {
    let skips = |plan: &LogicalPlan| match plan {
        LogicalPlan::Limit(limit) => !matches!(limit.get_skip_type(), Ok(SkipType::Literal(0))),
        _ => false,
    };
    plan.exists(|node| Ok(skips(node))).unwrap_or(true)
}

/// Whether a correlated sub-query has a limit on its rows, for each row of the query around it.
pub(crate) fn is_limited(subquery: &Subquery) -> bool {
    let limits = |plan: &LogicalPlan| matches!(plan, LogicalPlan::Limit(_));
    !subquery.outer_ref_columns.is_empty() && subquery.subquery.exists(|node| Ok(limits(node))).unwrap_or(true)
}

/// The first column of a sub-query.
pub(crate) fn first_column(subquery: &Subquery) -> Column {
    let (qualifier, field) = subquery.subquery.schema().qualified_field(0);
    Column::new(qualifier.cloned(), field.name())
}
