//! Aggregates over the rows of a sub-query that belong to a row around it.

use std::sync::Arc;

use datafusion::arrow::datatypes::FieldRef;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, JoinType, Result};
use datafusion::functions_aggregate::first_last::first_value_udaf;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::utils::{conjunction, split_conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Aggregate, BinaryExpr, Filter, LogicalPlan, Operator, Projection, Subquery, and};
use datafusion::optimizer::AnalyzerRule;
use datafusion::prelude::Expr;

use super::block::{Block, Joined, inline, is_plain, recomputed};
use crate::ungroup_by_key::keeps_values;

/// Rewrites `(SELECT count(*) FROM t WHERE t.y < o.y)` and the like, whose rows are found by other conditions than `=` or whose
/// aggregates name columns of the query around, to groups of a join:
///
/// ```text
/// SELECT o.*, (SELECT agg(x) FROM t WHERE p(t, o)) FROM o
/// SELECT first_value(o.*), agg(x) FILTER (WHERE t is there) FROM (SELECT *, row_number() OVER () AS n FROM o) LEFT JOIN t ON p GROUP BY n
/// ```
///
/// The number is different in every row around, so a group is one of these rows with the rows of the sub-query that belong to it;
/// rows that are alike stay apart. When none belongs to it, the filter lets no row reach the aggregate, which then is what it is
/// of no rows: zero for `count`, null for others. The columns of the row are the same in all rows of the group. Rows around are read
/// once. DataFusion makes a join of sub-queries with conditions on `=` by itself, and refuses the others.
#[derive(Debug, Default)]
pub struct JoinCorrelatedAggregates;

impl AnalyzerRule for JoinCorrelatedAggregates {
    fn name(&self) -> &str {
        "join_correlated_aggregates"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        recomputed(plan.transform_up_with_subqueries(rewrite)?)
    }
}

fn rewrite(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    match plan {
        LogicalPlan::Filter(filter) => {
            let Some(first) = refused(&[&filter.predicate])? else {
                return Ok(Transformed::no(LogicalPlan::Filter(filter)));
            };
            let columns: Vec<Expr> = filter.input.schema().columns().into_iter().map(Expr::Column).collect();
            // What can be decided without a sub-query is decided before it.
            let parts = split_conjunction_owned(filter.predicate.clone());
            let (early, late): (Vec<Expr>, Vec<Expr>) = parts.into_iter().partition(|e| is_plain(e).unwrap_or(false));
            let input = match conjunction(early) {
                Some(early) => Arc::new(LogicalPlan::Filter(Filter::try_new(early, Arc::clone(&filter.input))?)),
                None => Arc::clone(&filter.input),
            };
            let late = conjunction(late).into_iter().collect();
            let Some((input, late)) = joined(input, late, first)? else {
                return Ok(Transformed::no(LogicalPlan::Filter(filter)));
            };
            let input = match conjunction(late) {
                Some(late) => Arc::new(LogicalPlan::Filter(Filter::try_new(late, input)?)),
                None => input,
            };
            Projection::try_new(columns, input).map(|p| Transformed::yes(LogicalPlan::Projection(p)))
        }
        LogicalPlan::Projection(projection) => {
            let exprs: Vec<&Expr> = projection.expr.iter().collect();
            let Some(first) = refused(&exprs)? else { return Ok(Transformed::no(LogicalPlan::Projection(projection))) };
            let Some((input, exprs)) = joined(Arc::clone(&projection.input), projection.expr.clone(), first)? else {
                return Ok(Transformed::no(LogicalPlan::Projection(projection)));
            };
            let named = exprs.into_iter().zip(projection.schema.iter()).map(|(expr, (qualifier, field))| match &expr {
                Expr::Column(c) if c.relation.as_ref() == qualifier && c.name == *field.name() => expr,
                _ => expr.unalias().alias_qualified(qualifier.cloned(), field.name()),
            });
            Projection::try_new(named.collect(), input).map(|p| Transformed::yes(LogicalPlan::Projection(p)))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// The input with the values of every such sub-query as columns, which stand in the expressions now.
fn joined(
    mut input: Arc<LogicalPlan>,
    mut exprs: Vec<Expr>,
    first: Subquery,
) -> Result<Option<(Arc<LogicalPlan>, Vec<Expr>)>> {
    let mut next = Some(first);
    let mut results = 0_usize;
    while let Some(subquery) = next {
        let name = format!("__correlated_{results}");
        let Some((plan, mut values)) = aggregated(&input, &subquery.subquery)? else { return Ok(None) };
        let Some(value) = values.pop() else { return Ok(None) };
        let mut columns: Vec<Expr> = input.schema().columns().into_iter().map(Expr::Column).collect();
        columns.push(value.alias(name.clone()));
        input = Arc::new(LogicalPlan::Projection(Projection::try_new(columns, Arc::new(plan))?));
        let replace = |expr: Expr| {
            let replaced = expr.transform_up(|e| match &e {
                Expr::ScalarSubquery(found) if *found == subquery => {
                    Ok(Transformed::yes(Expr::Column(Column::from_name(&name))))
                }
                _ => Ok(Transformed::no(e)),
            });
            replaced.data()
        };
        exprs = exprs.into_iter().map(replace).collect::<Result<Vec<Expr>>>()?;
        next = refused(&exprs.iter().collect::<Vec<_>>())?;
        results += 1;
    }
    Ok(Some((input, exprs)))
}

/// The first sub-query in some expressions that DataFusion would refuse.
fn refused(exprs: &[&Expr]) -> Result<Option<Subquery>> {
    let mut found = None;
    for expr in exprs {
        expr.apply(|e| {
            if let Expr::ScalarSubquery(subquery) = e
                && !subquery.outer_ref_columns.is_empty()
                && is_refused(&subquery.subquery)?
            {
                found = Some(subquery.clone());
                return Ok(TreeNodeRecursion::Stop);
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        if found.is_some() {
            break;
        }
    }
    Ok(found)
}

/// Whether a sub-query is an aggregate of rows that other conditions than `=` find, or one that names columns of the query around.
pub(super) fn is_refused(plan: &LogicalPlan) -> Result<bool> {
    let Some((aggregate, _)) = aggregate_of(plan)? else { return Ok(false) };
    let Some(block) = Block::of(&aggregate.input)? else { return Ok(false) };
    let mut conditions = block.filters.iter().flat_map(split_conjunction);
    let strange = |e: &Expr| e.contains_outer() && !is_equality(e);
    Ok(aggregate.aggr_expr.iter().any(Expr::contains_outer) || conditions.any(strange))
}

/// A condition that DataFusion takes out of an aggregate: a column of the sub-query equal to something of the query around.
fn is_equality(expr: &Expr) -> bool {
    let column = |e: &Expr| match e {
        Expr::Cast(cast) => matches!(cast.expr.as_ref(), Expr::Column(_)),
        other => matches!(other, Expr::Column(_)),
    };
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            (column(left) && !right.any_column_refs()) || (column(right) && !left.any_column_refs())
        }
        _ => false,
    }
}

/// An aggregate without GROUP BY and what is made of its values, in terms of its columns.
fn aggregate_of(plan: &LogicalPlan) -> Result<Option<(&Aggregate, Vec<Expr>)>> {
    match plan {
        LogicalPlan::SubqueryAlias(alias) => aggregate_of(&alias.input),
        LogicalPlan::Projection(projection) => {
            let Some((aggregate, below)) = aggregate_of(&projection.input)? else { return Ok(None) };
            let mut values = Vec::new();
            for expr in &projection.expr {
                if !is_plain(expr)? {
                    return Ok(None);
                }
                values.push(inline(expr.clone().unalias(), projection.input.schema(), &below)?);
            }
            Ok(Some((aggregate, values)))
        }
        LogicalPlan::Aggregate(aggregate) if aggregate.group_expr.is_empty() && !aggregate.aggr_expr.is_empty() => {
            Ok(Some((aggregate, aggregate.schema.columns().into_iter().map(Expr::Column).collect())))
        }
        _ => Ok(None),
    }
}

/// The rows around with the columns of the sub-query's aggregate for each, and the sub-query's values over them.
pub(super) fn aggregated(outer: &Arc<LogicalPlan>, plan: &LogicalPlan) -> Result<Option<(LogicalPlan, Vec<Expr>)>> {
    let Some((aggregate, values)) = aggregate_of(plan)? else { return Ok(None) };
    let Some(block) = Block::of(&aggregate.input)? else { return Ok(None) };
    let Some(calls) = block.inlined(&aggregate.aggr_expr, aggregate.input.schema())? else { return Ok(None) };
    let Some(joined) = block.join(outer, JoinType::Left)? else { return Ok(None) };
    let mut own = Own::of(outer, &joined.outer_columns());
    let firsts = own.values.len();
    for call in calls {
        let Some(Expr::AggregateFunction(mut call)) = joined.expression(call)? else { return Ok(None) };
        only_matched(&mut call);
        let call = Expr::AggregateFunction(call);
        if own.values.iter().skip(firsts).any(|known| *known == call) {
            return Ok(None);
        }
        own.values.push(call);
    }
    let width = own.keys.len() + firsts;
    let grouped = Aggregate::try_new(Arc::new(joined.plan), own.keys, own.values)?;
    let result = |i: usize| {
        let (qualifier, field) = grouped.schema.qualified_field(i);
        Expr::Column(Column::new(qualifier.cloned(), field.name()))
    };
    let named = outer.schema().columns().into_iter().zip(own.places);
    let mut named: Vec<Expr> = named.map(|(c, place)| result(place).alias_qualified(c.relation, c.name)).collect();
    let made: Vec<String> = (0..aggregate.aggr_expr.len()).map(|i| format!("__aggregate_{i}")).collect();
    named.extend(made.iter().enumerate().map(|(i, name)| result(width + i).alias(name)));
    let plan = LogicalPlan::Projection(Projection::try_new(named, Arc::new(LogicalPlan::Aggregate(grouped)))?);
    let made: Vec<Expr> = made.iter().map(|name| Expr::Column(Column::from_name(name))).collect();
    let mut found = Vec::new();
    for value in values {
        let value = inline(value, &aggregate.schema, &made)?;
        let Some(value) = outer_columns(value, outer)? else { return Ok(None) };
        found.push(value);
    }
    Ok(Some((plan, found)))
}

/// The columns of a row around in its group: keys when they are never null, so that this stays known, and first values otherwise.
struct Own {
    keys: Vec<Expr>,
    values: Vec<Expr>,
    /// Where each column is in the groups.
    places: Vec<usize>,
}

impl Own {
    fn of(outer: &LogicalPlan, columns: &[Column]) -> Self {
        let is_key = |field: &FieldRef| !field.is_nullable() && keeps_values(&vec![Arc::clone(field)].into());
        let as_keys: Vec<bool> = outer.schema().fields().iter().map(is_key).collect();
        let all_keys = 1 + as_keys.iter().filter(|key| **key).count();
        let mut own = Self { keys: vec![Joined::row()], values: Vec::new(), places: Vec::new() };
        for (column, key) in columns.iter().zip(as_keys) {
            let column = Expr::Column(column.clone());
            if key {
                own.places.push(own.keys.len());
                own.keys.push(column);
            } else {
                own.places.push(all_keys + own.values.len());
                own.values.push(first_value_udaf().call(vec![column]));
            }
        }
        own
    }
}

/// Lets an aggregate see no row that stands for a missing match.
fn only_matched(call: &mut AggregateFunction) {
    let matched = Joined::is_matched();
    call.params.filter = Some(Box::new(match call.params.filter.take() {
        Some(filter) => and(*filter, matched),
        None => matched,
    }));
}

/// The columns of the query around by their own names; `None` when one is of a query further out.
fn outer_columns(expr: Expr, outer: &LogicalPlan) -> Result<Option<Expr>> {
    let mut known = true;
    let replaced = expr.transform_up(|e| match &e {
        Expr::OuterReferenceColumn(_, column) => {
            known &= outer.schema().maybe_index_of_column(column).is_some();
            Ok(Transformed::yes(Expr::Column(column.clone())))
        }
        _ => Ok(Transformed::no(e)),
    })?;
    Ok(known.then_some(replaced.data))
}
