//! EXISTS as a value: in the SELECT list, in CASE, in GROUP BY and below aggregates.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use datafusion::common::alias::AliasGenerator;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Column, Result, Spans};
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::expr::Exists;
use datafusion::logical_expr::expr_rewriter::{NamePreserver, replace_col};
use datafusion::logical_expr::utils::{conjunction, expr_to_columns};
use datafusion::logical_expr::{JoinType, LogicalPlan, LogicalPlanBuilder, Subquery, lit, not};
use datafusion::optimizer::decorrelate::PullUpCorrelatedExpr;
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use datafusion::prelude::Expr;

/// Computes EXISTS outside of filters, where DataFusion has no plan for it.
///
/// One that names nothing of the query around becomes `(SELECT count(*) FROM (sub-query LIMIT 1)) > 0`, which is computed once.
/// A correlated one becomes the mark of a mark join, as DataFusion makes it of EXISTS below OR in a filter. Groups get the mark from
/// a projection below them, and so do they get correlated sub-queries of one value. What cannot be computed so is left, and refused
/// later.
#[derive(Debug, Default)]
pub struct MarkSubqueryValues;

impl OptimizerRule for MarkSubqueryValues {
    fn name(&self) -> &str {
        "mark_subquery_values"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let plan = plan.map_subqueries(|subquery| subquery.transform_down(|p| self.rewrite(p, config)))?.data;
        let grouped = matches!(plan, LogicalPlan::Aggregate(_));
        let wanted = |expr: &Expr| if grouped { has(expr, is_computed_below) } else { has(expr, is_exists) };
        let in_grouping_set = |expr: &Expr| matches!(expr, Expr::GroupingSet(_)) && wanted(expr);
        if !plan.expressions().iter().any(wanted) || plan.expressions().iter().any(in_grouping_set) {
            return Ok(Transformed::no(plan));
        }
        if matches!(plan, LogicalPlan::Filter(_)) {
            return Ok(Transformed::no(plan));
        }
        let plan = counted(plan)?;
        if !plan.expressions().iter().any(wanted) {
            return Ok(Transformed::yes(plan));
        }
        match plan {
            LogicalPlan::Projection(_) => marked(plan, config.alias_generator()),
            LogicalPlan::Aggregate(_) => computed_below(plan, config.alias_generator()),
            other => Ok(Transformed::yes(other)),
        }
    }
}

fn has(expr: &Expr, wanted: fn(&Expr) -> bool) -> bool {
    expr.exists(|e| Ok(wanted(e))).unwrap_or(false)
}

fn is_exists(expr: &Expr) -> bool {
    matches!(expr, Expr::Exists(_))
}

/// Whether groups get a value from a projection below them.
fn is_computed_below(expr: &Expr) -> bool {
    is_exists(expr) || matches!(expr, Expr::ScalarSubquery(subquery) if !subquery.outer_ref_columns.is_empty())
}

/// The plan with a scalar sub-query in the place of each EXISTS that is not correlated.
fn counted(plan: LogicalPlan) -> Result<LogicalPlan> {
    let names = NamePreserver::new(&plan);
    plan.map_expressions(|expr| {
        let name = names.save(&expr);
        let counted = expr.transform_up(|e| match e {
            Expr::Exists(Exists { subquery, negated }) if subquery.outer_ref_columns.is_empty() => {
                let first = LogicalPlanBuilder::from(Arc::clone(&subquery.subquery)).limit(0, Some(1))?;
                let number = count(lit(1i64)).alias("rows");
                let plan = first.aggregate(Vec::<Expr>::new(), [number])?.build()?;
                let subquery = Subquery { subquery: Arc::new(plan), outer_ref_columns: Vec::new(), spans: Spans::new() };
                let found = Expr::ScalarSubquery(subquery).gt(lit(0i64));
                Ok(Transformed::yes(if negated { not(found) } else { found }))
            }
            other => Ok(Transformed::no(other)),
        })?;
        Ok(counted.update_data(|expr| name.restore(expr)))
    })
    .data()
}

/// A projection over mark joins.
fn marked(plan: LogicalPlan, aliases: &Arc<AliasGenerator>) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Projection(projection) = plan else { return Ok(Transformed::no(plan)) };
    let names = NamePreserver::new_for_projection();
    let mut input = projection.input.as_ref().clone();
    let mut values = Vec::with_capacity(projection.expr.len());
    for expr in projection.expr {
        let name = names.save(&expr);
        let value = expr.transform_down(|e| {
            let Expr::Exists(Exists { subquery, negated }) = e else { return Ok(Transformed::no(e)) };
            match mark_join(&input, &subquery, &aliases.next("__subquery_mark"))? {
                Some((joined, mark)) => {
                    input = joined;
                    Ok(Transformed::yes(if negated { not(mark) } else { mark }))
                }
                None => Ok(Transformed::no(Expr::Exists(Exists { subquery, negated }))),
            }
        })?;
        values.push(name.restore(value.data));
    }
    Ok(Transformed::yes(LogicalPlanBuilder::from(input).project(values)?.build()?))
}

/// The node over a projection that computes its sub-queries.
fn computed_below(plan: LogicalPlan, aliases: &Arc<AliasGenerator>) -> Result<Transformed<LogicalPlan>> {
    let names = NamePreserver::new(&plan);
    let Some(input) = plan.inputs().first().map(|input| (*input).clone()) else { return Ok(Transformed::no(plan)) };
    let mut below: Vec<Expr> = input.schema().columns().into_iter().map(Expr::Column).collect();
    let mut known: Vec<(Expr, Expr)> = Vec::new();
    let exprs = plan.expressions().into_iter().map(|expr| {
        let name = names.save(&expr);
        let replaced = expr.transform_down(|e| {
            if !is_computed_below(&e) {
                return Ok(Transformed::no(e));
            }
            if let Some((_, column)) = known.iter().find(|(exists, _)| *exists == e) {
                return Ok(Transformed::yes(column.clone()));
            }
            let name = aliases.next("__subquery_value");
            let column = Expr::Column(Column::new_unqualified(name.clone()));
            known.push((e.clone(), column.clone()));
            below.push(e.alias(name));
            Ok(Transformed::yes(column))
        })?;
        Ok(name.restore(replaced.data))
    });
    let exprs = exprs.collect::<Result<Vec<_>>>()?;
    let columns = plan.schema().columns();
    let input = LogicalPlanBuilder::from(input).project(below)?.build()?;
    let plan = plan.with_new_exprs(exprs, vec![input])?;
    if plan.schema().columns() == columns {
        return Ok(Transformed::yes(plan));
    }
    let columns = columns.into_iter().map(Expr::Column);
    Ok(Transformed::yes(LogicalPlanBuilder::from(plan).project(columns)?.build()?))
}

/// The rows of a plan with a mark that is true where the sub-query has rows; `None` when the sub-query is none that a join computes.
fn mark_join(left: &LogicalPlan, subquery: &Subquery, alias: &str) -> Result<Option<(LogicalPlan, Expr)>> {
    let mut pull_up = PullUpCorrelatedExpr::new().with_exists_sub_query(true);
    let plan = subquery.subquery.as_ref().clone().rewrite(&mut pull_up).data()?;
    if !pull_up.can_pull_up || pull_up.pulled_up_scalar_agg || pull_up.pull_up_having_expr.is_some() {
        return Ok(None);
    }
    let right = LogicalPlanBuilder::from(plan).alias(alias)?.build()?;
    let inner: BTreeSet<Column> = pull_up.correlated_subquery_cols_map.into_values().flatten().collect();
    let named: Vec<Column> = inner.iter().map(|c| Column::new(Some(alias), &c.name)).collect();
    let renamed: HashMap<&Column, &Column> = inner.iter().zip(&named).collect();
    let filter = match conjunction(pull_up.join_filters) {
        Some(filter) => replace_col(filter, &renamed)?,
        None => lit(true),
    };
    let mut needed = HashSet::new();
    expr_to_columns(&filter, &mut needed)?;
    let kept: Vec<Expr> = right.schema().columns().into_iter().filter(|c| needed.contains(c)).map(Expr::Column).collect();
    let right = match kept.is_empty() {
        true => right,
        false => LogicalPlanBuilder::from(right).project(kept)?.build()?,
    };
    let joined = LogicalPlanBuilder::from(left.clone()).join_on(right, JoinType::LeftMark, [filter])?.build()?;
    Ok(Some((joined, Expr::Column(Column::new(Some(alias), "mark")))))
}
