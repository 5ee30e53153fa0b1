//! LATERAL sub-queries with LIMIT, or with an aggregate over rows that other conditions than `=` find.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{JoinType, Result, ScalarValue};
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{FetchType, Filter, Join, Limit, LogicalPlan, Projection, SkipType, SortExpr, and, when};
use datafusion::optimizer::AnalyzerRule;
use datafusion::prelude::{Expr, lit};

use super::block::{Block, Joined, inline, is_plain, names_outer, recomputed};
use super::join_correlated_aggregates::{aggregated, is_refused};

/// Rewrites `FROM o, LATERAL (SELECT x FROM t WHERE p(t, o) ORDER BY y LIMIT n)` to a join whose rows are numbered:
///
/// ```text
/// SELECT o.*, x FROM (SELECT *, row_number() OVER (PARTITION BY o.n ORDER BY y) AS r
///                     FROM (SELECT *, row_number() OVER () AS n FROM o) JOIN t ON p) WHERE r <= n
/// ```
///
/// The number of a row of `o` is its own, so a partition holds the rows that the sub-query has for it, in the sub-query's order; rows
/// with equal keys may come in any order there and here. `LEFT JOIN LATERAL ... ON true` is a left join: a row of `o` without a match is a
/// partition of one row, whose number is 1; what is computed of missing rows is null. OFFSET, and a condition other than true, are
/// rewritten for inner joins only. Conditions of WHERE on columns of `o` alone are tested before `o` is numbered. An aggregate
/// without GROUP BY is rewritten as in [`super::JoinCorrelatedAggregates`].
#[derive(Debug, Default)]
pub struct NumberLateralRows;

impl AnalyzerRule for NumberLateralRows {
    fn name(&self) -> &str {
        "number_lateral_rows"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        recomputed(plan.transform_down_with_subqueries(rewrite)?)
    }
}

fn rewrite(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    match plan {
        LogicalPlan::Filter(filter) => {
            let LogicalPlan::Join(join) = filter.input.as_ref() else {
                return Ok(Transformed::no(LogicalPlan::Filter(filter)));
            };
            if lateral(join)?.is_none() {
                return Ok(Transformed::no(LogicalPlan::Filter(filter)));
            }
            let left = join.left.schema();
            let parts = split_conjunction_owned(filter.predicate.clone());
            let of_left = |e: &Expr| {
                is_plain(e).unwrap_or(false)
                    && !e.contains_outer()
                    && e.column_refs().iter().all(|c| left.maybe_index_of_column(c).is_some())
            };
            let (early, late): (Vec<Expr>, Vec<Expr>) = parts.into_iter().partition(of_left);
            let mut join = join.clone();
            if let Some(early) = conjunction(early) {
                join.left = Arc::new(LogicalPlan::Filter(Filter::try_new(early, Arc::clone(&join.left))?));
            }
            let Some(numbered) = numbered(&join)? else { return Ok(Transformed::no(LogicalPlan::Filter(filter))) };
            Ok(Transformed::yes(match conjunction(late) {
                Some(late) => LogicalPlan::Filter(Filter::try_new(late, Arc::new(numbered))?),
                None => numbered,
            }))
        }
        LogicalPlan::Join(join) => match numbered(&join)? {
            Some(numbered) => Ok(Transformed::yes(numbered)),
            None => Ok(Transformed::no(LogicalPlan::Join(join))),
        },
        other => Ok(Transformed::no(other)),
    }
}

/// The sub-query of a lateral join that names columns of the left side.
fn lateral(join: &Join) -> Result<Option<&LogicalPlan>> {
    let right = match join.right.as_ref() {
        LogicalPlan::SubqueryAlias(alias) => alias.input.as_ref(),
        other => other,
    };
    let LogicalPlan::Subquery(subquery) = right else { return Ok(None) };
    let possible = matches!(join.join_type, JoinType::Inner | JoinType::Left) && join.on.is_empty();
    Ok((possible && names_outer(&subquery.subquery)?).then_some(subquery.subquery.as_ref()))
}

/// The join without LATERAL; `None` for all that DataFusion does by itself, or that is not rewritten.
fn numbered(join: &Join) -> Result<Option<LogicalPlan>> {
    let Some(subquery) = lateral(join)? else { return Ok(None) };
    let is_true = |e: &Expr| matches!(e, Expr::Literal(ScalarValue::Boolean(Some(true)), _));
    let condition = join.filter.as_ref().filter(|e| !is_true(e));
    if join.join_type == JoinType::Left && condition.is_some() {
        return Ok(None);
    }
    let left: Vec<Expr> = join.left.schema().columns().into_iter().map(Expr::Column).collect();
    let found = match is_refused(subquery)? {
        true => aggregated(&join.left, subquery)?,
        false => first_rows(join, subquery)?,
    };
    let Some((plan, values)) = found else { return Ok(None) };
    let named = values.into_iter().zip(join.right.schema().iter());
    let named = named.map(|(value, (qualifier, field))| value.alias_qualified(qualifier.cloned(), field.name()));
    let columns = left.into_iter().chain(named).collect();
    let plan = LogicalPlan::Projection(Projection::try_new(columns, Arc::new(plan))?);
    Ok(Some(match condition {
        Some(condition) => LogicalPlan::Filter(Filter::try_new(condition.clone(), Arc::new(plan))?),
        None => plan,
    }))
}

/// The join with the first rows of a sub-query for each row around, and the sub-query's values over it.
fn first_rows(join: &Join, subquery: &LogicalPlan) -> Result<Option<(LogicalPlan, Vec<Expr>)>> {
    let LogicalPlan::Limit(limit) = subquery else { return Ok(None) };
    let Some((skip, fetch)) = bounds(limit)? else { return Ok(None) };
    let keeps_left = join.join_type == JoinType::Left;
    if keeps_left && (skip > 0 || fetch == 0) {
        return Ok(None);
    }
    let Some((block, order)) = ordered(&limit.input)? else { return Ok(None) };
    let Some(joined) = block.join(&join.left, join.join_type)? else { return Ok(None) };
    let mut keys = Vec::with_capacity(order.len());
    for key in order {
        let Some(expr) = joined.expression(key.expr)? else { return Ok(None) };
        keys.push(SortExpr { expr, ..key });
    }
    let mut values = Vec::with_capacity(block.outputs.len());
    for output in block.outputs {
        let Some(value) = joined.expression(output)? else { return Ok(None) };
        let value = match keeps_left && !Joined::is_inner_column(&value) {
            true => when(Joined::is_matched(), value).end()?,
            false => value,
        };
        values.push(value);
    }
    let (plan, number) = joined.numbered(keys)?;
    let mut among = number.clone().lt_eq(lit(skip.saturating_add(fetch)));
    if skip > 0 {
        among = and(number.gt(lit(skip)), among);
    }
    Ok(Some((LogicalPlan::Filter(Filter::try_new(among, Arc::new(plan))?), values)))
}

/// Rows that are skipped and returned, when both are known.
fn bounds(limit: &Limit) -> Result<Option<(u64, u64)>> {
    let (SkipType::Literal(skip), FetchType::Literal(Some(fetch))) = (limit.get_skip_type()?, limit.get_fetch_type()?)
    else {
        return Ok(None);
    };
    Ok(u64::try_from(skip).ok().zip(u64::try_from(fetch).ok()))
}

/// The rows below ORDER BY with the values that are returned, and the keys over the rows.
fn ordered(plan: &LogicalPlan) -> Result<Option<(Block, Vec<SortExpr>)>> {
    let (sort, above) = match plan {
        LogicalPlan::Sort(sort) => (Some(sort), None),
        LogicalPlan::Projection(projection) => match projection.input.as_ref() {
            LogicalPlan::Sort(sort) => (Some(sort), Some(projection)),
            _ => (None, None),
        },
        _ => (None, None),
    };
    let Some(sort) = sort else { return Ok(Block::of(plan)?.map(|block| (block, Vec::new()))) };
    let Some(mut block) = Block::of(&sort.input)? else { return Ok(None) };
    let schema = sort.input.schema();
    let mut keys = Vec::with_capacity(sort.expr.len());
    for key in &sort.expr {
        if !is_plain(&key.expr)? {
            return Ok(None);
        }
        keys.push(SortExpr { expr: inline(key.expr.clone(), schema, &block.outputs)?, ..key.clone() });
    }
    if let Some(projection) = above {
        let Some(outputs) = block.inlined(&projection.expr, schema)? else { return Ok(None) };
        block.outputs = outputs;
    }
    Ok(Some((block, keys)))
}
