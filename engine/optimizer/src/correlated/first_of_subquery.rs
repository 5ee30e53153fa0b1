//! A correlated sub-query that is a value of its first row.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result};
use datafusion::functions_aggregate::first_last::first_value_udaf;
use datafusion::functions_aggregate::nth_value::nth_value_udaf;
use datafusion::logical_expr::{
    Aggregate, ExprFunctionExt, FetchType, Limit, LogicalPlan, Projection, SkipType, SortExpr, Subquery, lit,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::prelude::Expr;

use super::block::{is_plain, recomputed};
use crate::keep_distinct::without_repetition;

/// Rewrites `(SELECT x ... WHERE t.k = o.k ORDER BY y LIMIT 1)`, which names columns of the query around, to
/// `(SELECT first_value(x ORDER BY y) ... WHERE t.k = o.k)`.
///
/// Both are the value of `x` in a first row by `y`, nulls of `x` included, and null when there is no row. With `OFFSET n` it is
/// `nth_value(x, n + 1 ORDER BY y)`. DataFusion refuses the former, and makes a join of the latter. Sub-queries that name no column
/// of the query around are left alone.
#[derive(Debug, Default)]
pub struct FirstOfSubquery;

impl AnalyzerRule for FirstOfSubquery {
    fn name(&self) -> &str {
        "first_of_subquery"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        recomputed(plan.transform_up_with_subqueries(|node| node.map_expressions(|expr| expr.transform_up(rewrite)))?)
    }
}

fn rewrite(expr: Expr) -> Result<Transformed<Expr>> {
    let Expr::ScalarSubquery(subquery) = expr else { return Ok(Transformed::no(expr)) };
    if subquery.outer_ref_columns.is_empty() {
        return Ok(Transformed::no(Expr::ScalarSubquery(subquery)));
    }
    match first(&subquery.subquery)? {
        Some(plan) => {
            let subquery = Subquery { subquery: Arc::new(plan), ..subquery };
            Ok(Transformed::yes(Expr::ScalarSubquery(subquery)))
        }
        None => Ok(Transformed::no(Expr::ScalarSubquery(subquery))),
    }
}

/// The sub-query as an aggregate.
fn first(plan: &LogicalPlan) -> Result<Option<LogicalPlan>> {
    let LogicalPlan::Limit(limit) = plan else { return Ok(None) };
    let Some(skip) = skip_of_one(limit)? else { return Ok(None) };
    let (qualifier, field) = plan.schema().qualified_field(0);
    let column = |plan: &LogicalPlan| plan.schema().columns().into_iter().next().map(Expr::Column);
    let (input, value, order) = match limit.input.as_ref() {
        LogicalPlan::Sort(sort) => (&sort.input, column(&sort.input), sort.expr.clone()),
        LogicalPlan::Projection(projection) => match projection.input.as_ref() {
            LogicalPlan::Sort(sort) => (&sort.input, projection.expr.first().cloned(), sort.expr.clone()),
            _ => (&limit.input, column(&limit.input), Vec::new()),
        },
        other => (&limit.input, column(other), Vec::new()),
    };
    let Some(value) = value.map(Expr::unalias) else { return Ok(None) };
    if !is_plain(&value)? || order.iter().any(|key| !is_plain(&key.expr).unwrap_or(false)) {
        return Ok(None);
    }
    let call = call(value, skip, order)?;
    let aggregate = Aggregate::try_new(Arc::clone(input), Vec::new(), vec![call])?;
    let (made_qualifier, made) = aggregate.schema.qualified_field(0);
    let value = Expr::Column(Column::new(made_qualifier.cloned(), made.name()));
    let named = value.alias_qualified(qualifier.cloned(), field.name());
    let projection = Projection::try_new(vec![named], Arc::new(LogicalPlan::Aggregate(aggregate)))?;
    Ok(Some(LogicalPlan::Projection(projection)))
}

/// The value of the row after `skip` ones.
fn call(value: Expr, skip: usize, order: Vec<SortExpr>) -> Result<Expr> {
    let call = match i64::try_from(skip) {
        Ok(skip) if skip > 0 => nth_value_udaf().call(vec![value, lit(skip.saturating_add(1))]),
        _ => first_value_udaf().call(vec![value]),
    };
    if order.is_empty() { Ok(call) } else { call.order_by(without_repetition(order)).build() }
}

/// How many rows are skipped before the one that is returned.
fn skip_of_one(limit: &Limit) -> Result<Option<usize>> {
    let (SkipType::Literal(skip), FetchType::Literal(Some(1))) = (limit.get_skip_type()?, limit.get_fetch_type()?) else {
        return Ok(None);
    };
    Ok(Some(skip))
}
