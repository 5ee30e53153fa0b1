//! `x IN (sub-query)` that is not a filter by itself keeps its third truth value.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, ExprSchema, Result, ScalarValue, Spans};
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Filter, LogicalPlan, Subquery, and, or};
use datafusion::optimizer::AnalyzerRule;
use datafusion::prelude::Expr;

use crate::one_row_subquery::{first_column, is_limited};

/// Rewrites `x IN (SELECT c ...)` below OR, NOT, IS NULL, CASE and the like to
///
/// ```text
/// EXISTS (... WHERE c = x) OR ((x IS NULL AND EXISTS (...) OR EXISTS (... WHERE c IS NULL)) AND NULL)
/// ```
///
/// which is IN's definition: true when a row equals `x`, else unknown when `x` or a row is null and there are rows, else false.
/// DataFusion computes such an IN by a mark join whose mark is true or false but never unknown, so `NOT` and `IS NULL` of it
/// would return wrong rows. EXISTS has no third value, so a mark join is right for it.
///
/// An IN that stands alone among the parts of a WHERE joined by AND is left to DataFusion's semi and null-aware anti joins,
/// which are right; only a correlated NOT IN, which those refuse, and one of a value without columns, of which they make a
/// filter that forgets nulls, are rewritten there too. When neither side can be null, nothing is rewritten in filters. Outside of
/// filters every IN becomes EXISTS, of which [`MarkSubqueryValues`](crate::MarkSubqueryValues) makes joins.
#[derive(Debug, Default)]
pub struct NullAwareInSubquery;

impl AnalyzerRule for NullAwareInSubquery {
    fn name(&self) -> &str {
        "null_aware_in_subquery"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|plan| match plan {
            LogicalPlan::Filter(_) => rewrite_filter(plan),
            other => rewrite_values(other),
        })
        .data()
    }
}

/// Outside of filters IN is a value, of which only the EXISTS in it have a plan.
fn rewrite_values(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let is_in = |expr: &Expr| expr.exists(|e| Ok(matches!(e, Expr::InSubquery(_)))).unwrap_or(false);
    if !plan.expressions().iter().any(is_in) {
        return Ok(Transformed::no(plan));
    }
    let mut schema = DFSchema::empty();
    for input in plan.inputs() {
        schema.merge(input.schema());
    }
    let names = NamePreserver::new(&plan);
    plan.map_expressions(|expr| {
        // Grouping sets are no values.
        if matches!(expr, Expr::GroupingSet(_)) {
            return Ok(Transformed::no(expr));
        }
        let name = names.save(&expr);
        let rewritten = expr.transform_up(|expr| rewrite_in(expr, &schema, Place::Value))?;
        Ok(rewritten.update_data(|expr| name.restore(expr)))
    })
}

/// Where an IN stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In a filter, where DataFusion makes mark joins of it.
    Filter,
    /// Anywhere else.
    Value,
}

fn rewrite_filter(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Filter(filter) = plan else { return Ok(Transformed::no(plan)) };
    let schema = Arc::clone(filter.input.schema());
    let mut changed = false;
    let mut parts = Vec::new();
    for part in split_conjunction_owned(filter.predicate.clone()) {
        let part = match part {
            Expr::InSubquery(alone) if !alone.negated || null_aware_join(&alone) => Expr::InSubquery(alone),
            part => {
                let rewritten = part.transform_up(|expr| rewrite_in(expr, &schema, Place::Filter))?;
                changed |= rewritten.transformed;
                rewritten.data
            }
        };
        parts.push(part);
    }
    match conjunction(parts) {
        Some(predicate) if changed => Ok(Transformed::yes(LogicalPlan::Filter(Filter::try_new(predicate, filter.input)?))),
        _ => Ok(Transformed::no(LogicalPlan::Filter(filter))),
    }
}

/// Whether DataFusion's null-aware anti join computes this NOT IN.
fn null_aware_join(alone: &InSubquery) -> bool {
    alone.subquery.outer_ref_columns.is_empty() && alone.expr.any_column_refs()
}

fn rewrite_in(expr: Expr, schema: &DFSchema, place: Place) -> Result<Transformed<Expr>> {
    let Expr::InSubquery(InSubquery { expr, subquery, negated }) = expr else { return Ok(Transformed::no(expr)) };
    if is_limited(&subquery) {
        // As EXISTS it would lose its limit.
        return Ok(Transformed::no(Expr::InSubquery(InSubquery { expr, subquery, negated })));
    }
    let column = Expr::Column(first_column(&subquery));
    let left_nulls = nullable(&expr, schema);
    let right_nulls = subquery.subquery.schema().field(0).is_nullable();
    if !left_nulls && !right_nulls && place == Place::Filter {
        return Ok(Transformed::no(Expr::InSubquery(InSubquery { expr, subquery, negated })));
    }
    let (outer, outer_columns) = outer_reference(expr.as_ref().clone(), schema)?;
    let found = exists(&subquery, Some(column.clone().eq(outer)), outer_columns)?;
    let mut unknown = Vec::new();
    if left_nulls {
        unknown.push(and(expr.is_null(), exists(&subquery, None, Vec::new())?));
    }
    if right_nulls {
        unknown.push(exists(&subquery, Some(column.is_null()), Vec::new())?);
    }
    let null = Expr::Literal(ScalarValue::Boolean(None), None);
    let is_in = match unknown.into_iter().reduce(or) {
        Some(unknown) => or(found, and(unknown, null)),
        None => found,
    };
    Ok(Transformed::yes(if negated { Expr::Not(Box::new(is_in)) } else { is_in }))
}

/// Whether a value can be null; what is no plain column or literal may be.
fn nullable(expr: &Expr, schema: &DFSchema) -> bool {
    match expr {
        Expr::Column(column) => schema.nullable(column).unwrap_or(true),
        Expr::Literal(value, _) => value.is_null(),
        Expr::Cast(cast) => nullable(&cast.expr, schema),
        _ => true,
    }
}

/// `EXISTS (sub-query WHERE filter)`; `references` are the columns of the query around that the filter names.
fn exists(subquery: &Subquery, filter: Option<Expr>, references: Vec<Expr>) -> Result<Expr> {
    let mut inner = Arc::clone(&subquery.subquery);
    if let Some(filter) = filter {
        inner = Arc::new(LogicalPlan::Filter(Filter::try_new(filter, inner)?));
    }
    let mut outer_ref_columns = subquery.outer_ref_columns.clone();
    outer_ref_columns.extend(references);
    let subquery = Subquery { subquery: inner, outer_ref_columns, spans: Spans::new() };
    Ok(Expr::Exists(Exists { subquery, negated: false }))
}

/// The expression as one inside a sub-query, and the columns it names there.
fn outer_reference(expr: Expr, schema: &DFSchema) -> Result<(Expr, Vec<Expr>)> {
    let mut references = Vec::new();
    let outer = expr.transform_up(|expr| {
        let Expr::Column(column) = expr else { return Ok(Transformed::no(expr)) };
        let field = Arc::clone(schema.field_from_column(&column)?);
        let reference = Expr::OuterReferenceColumn(field, column);
        references.push(reference.clone());
        Ok(Transformed::yes(reference))
    })?;
    Ok((outer.data, references))
}
