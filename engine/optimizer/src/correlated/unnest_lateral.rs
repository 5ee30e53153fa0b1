//! `FROM t, unnest(t.list)` and `FROM t, LATERAL (SELECT t.a + 1)`: lists and values of each row around.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, JoinType, NullHandling, Result, ScalarValue, UnnestOptions};
use datafusion::functions_nested::expr_fn::cardinality;
use datafusion::logical_expr::{Filter, Join, LogicalPlan, Projection, SubqueryAlias, Unnest, when};
use datafusion::optimizer::AnalyzerRule;
use datafusion::prelude::{Expr, lit};

use super::block::recomputed;

/// Rewrites a lateral join of which the right side reads no table to what it computes, over the left side.
///
/// `LEFT JOIN LATERAL unnest(...) ON true` keeps rows without elements: an empty list is a null there, which unnest keeps as a row.
#[derive(Debug, Default)]
pub struct UnnestLateral;

impl AnalyzerRule for UnnestLateral {
    fn name(&self) -> &str {
        "unnest_lateral"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        recomputed(plan.transform_up_with_subqueries(|plan| match plan {
            LogicalPlan::Join(join) => Ok(match unnested(&join)? {
                Some(unnested) => Transformed::yes(unnested),
                None => Transformed::no(LogicalPlan::Join(join)),
            }),
            other => Ok(Transformed::no(other)),
        })?)
    }
}

/// The join without LATERAL; `None` for any other join.
fn unnested(join: &Join) -> Result<Option<LogicalPlan>> {
    let right = match join.right.as_ref() {
        LogicalPlan::SubqueryAlias(alias) => alias.input.as_ref(),
        other => other,
    };
    let LogicalPlan::Subquery(subquery) = right else { return Ok(None) };
    let is_true = |e: &Expr| matches!(e, Expr::Literal(ScalarValue::Boolean(Some(true)), _));
    let condition = join.filter.as_ref().filter(|e| !is_true(e));
    let keeps_left = match join.join_type {
        JoinType::Inner => false,
        JoinType::Left if condition.is_none() => true,
        _ => return Ok(None),
    };
    if !join.on.is_empty() {
        return Ok(None);
    }
    let left = join.left.schema();
    let named = |(i, column): (usize, Column)| Expr::Column(column).alias(around(i));
    let base: Vec<Expr> = left.columns().into_iter().enumerate().map(named).collect();
    let base = LogicalPlan::Projection(Projection::try_new(base, Arc::clone(&join.left))?);
    let over = Over { left, base, keeps_left };
    let Some(plan) = over.plan(&subquery.subquery)? else { return Ok(None) };
    let mut columns = Vec::with_capacity(join.schema.fields().len());
    for (i, (qualifier, field)) in left.iter().enumerate() {
        let Some(column) = carried_column(&plan, i) else { return Ok(None) };
        columns.push(Expr::Column(column).alias_qualified(qualifier.cloned(), field.name()));
    }
    // The columns of the sub-query, in their order.
    let own = plan.schema().columns().into_iter().filter(|column| !column.name.starts_with(AROUND));
    for (column, (qualifier, field)) in own.zip(join.right.schema().iter()) {
        columns.push(Expr::Column(column).alias_qualified(qualifier.cloned(), field.name()));
    }
    let plan = LogicalPlan::Projection(Projection::try_new(columns, Arc::new(plan))?);
    Ok(Some(match condition {
        Some(condition) => LogicalPlan::Filter(Filter::try_new(condition.clone(), Arc::new(plan))?),
        None => plan,
    }))
}

/// What the names of the columns of the left side begin with.
const AROUND: &str = "__around_";

fn around(index: usize) -> String {
    format!("{AROUND}{index}")
}

fn has_unnest(plan: &LogicalPlan) -> bool {
    plan.exists(|node| Ok(matches!(node, LogicalPlan::Unnest(_)))).unwrap_or(false)
}

struct Over<'a> {
    left: &'a DFSchema,
    /// The left side, with names of its columns that are no others.
    base: LogicalPlan,
    keeps_left: bool,
}

impl Over<'_> {
    /// The sub-query over the rows of the left side, with their columns; `None` when it is more than an unnest of them.
    fn plan(&self, subquery: &LogicalPlan) -> Result<Option<LogicalPlan>> {
        Ok(Some(match subquery {
            LogicalPlan::EmptyRelation(empty) if empty.produce_one_row => self.base.clone(),
            LogicalPlan::SubqueryAlias(alias) => {
                let Some(input) = self.plan(&alias.input)? else { return Ok(None) };
                LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(Arc::new(input), alias.alias.clone())?)
            }
            LogicalPlan::Projection(projection) => {
                let Some(input) = self.plan(&projection.input)? else { return Ok(None) };
                let mut columns: Vec<Expr> = carried(&input);
                for expr in &projection.expr {
                    let name = expr.qualified_name();
                    let Some(value) = self.expression(expr.clone(), &input)? else { return Ok(None) };
                    columns.push(value.unalias().alias_qualified(name.0, name.1));
                }
                LogicalPlan::Projection(Projection::try_new(columns, Arc::new(input))?)
            }
            LogicalPlan::Filter(filter) if !self.keeps_left => {
                let Some(input) = self.plan(&filter.input)? else { return Ok(None) };
                let Some(condition) = self.expression(filter.predicate.clone(), &input)? else { return Ok(None) };
                LogicalPlan::Filter(Filter::try_new(condition, Arc::new(input))?)
            }
            LogicalPlan::Unnest(unnest) if !has_unnest(&unnest.input) => {
                let Some(input) = self.plan(&unnest.input)? else { return Ok(None) };
                let input = if self.keeps_left { filled(input, &unnest.exec_columns)? } else { input };
                let null_handling = if self.keeps_left { NullHandling::Preserve } else { NullHandling::Drop };
                let options = UnnestOptions { null_handling, ..unnest.options.clone() };
                LogicalPlan::Unnest(Unnest::try_new(Arc::new(input), unnest.exec_columns.clone(), options)?)
            }
            _ => return Ok(None),
        }))
    }

    /// An expression of the sub-query; `None` when it names a column that is not of the left side.
    fn expression(&self, expr: Expr, input: &LogicalPlan) -> Result<Option<Expr>> {
        let mut known = true;
        let replaced = expr.transform_up(|e| {
            let Expr::OuterReferenceColumn(_, column) = &e else {
                known &= !matches!(e, Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_));
                return Ok(Transformed::no(e));
            };
            match self.left.maybe_index_of_column(column).and_then(|i| carried_column(input, i)) {
                Some(found) => Ok(Transformed::yes(Expr::Column(found))),
                None => {
                    known = false;
                    Ok(Transformed::no(e))
                }
            }
        })?;
        Ok(known.then_some(replaced.data))
    }
}

/// A column of the left side.
fn carried_column(plan: &LogicalPlan, index: usize) -> Option<Column> {
    plan.schema().columns().into_iter().find(|column| column.name == around(index))
}

/// The columns of the left side.
fn carried(plan: &LogicalPlan) -> Vec<Expr> {
    plan.schema().columns().into_iter().filter(|c| c.name.starts_with(AROUND)).map(Expr::Column).collect()
}

/// The plan with NULL for lists without elements in some columns.
fn filled(plan: LogicalPlan, lists: &[Column]) -> Result<LogicalPlan> {
    let mut columns = Vec::with_capacity(plan.schema().fields().len());
    for (qualifier, field) in plan.schema().iter() {
        let value = Expr::from((qualifier, field));
        let is_list = field.data_type().is_list() && lists.iter().any(|list| list.name == *field.name());
        columns.push(match is_list {
            true => {
                let list = when(cardinality(value.clone()).gt(lit(0_u64)), value).end()?;
                list.alias_qualified(qualifier.cloned(), field.name())
            }
            false => value,
        });
    }
    Projection::try_new(columns, Arc::new(plan)).map(LogicalPlan::Projection)
}
