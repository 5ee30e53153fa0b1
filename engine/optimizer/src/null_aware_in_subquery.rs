//! `x IN (sub-query)` that is not a filter by itself keeps its third truth value; `x < ANY (sub-query)` and ALL are computed.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Column, DFSchema, ExprSchema, Result, ScalarValue, Spans};
use datafusion::logical_expr::expr::{Exists, InSubquery, SetComparison, SetQuantifier};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Filter, LogicalPlan, LogicalPlanBuilder, Operator, Subquery, and, binary_expr, or};
use datafusion::optimizer::AnalyzerRule;
use datafusion::prelude::Expr;
use headwater_common::Error;
use headwater_source::ErrorExt;

use crate::one_row_subquery::{condition_on_one_row, first_column, has_one_row, is_limited};

/// What the name of a column begins with that gets another name.
const APART: &str = "__in_";

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
///
/// `x < ANY (SELECT c ...)` is the same with `x < c` for `c = x`, and `x < ALL (...)` is `NOT (x >= ANY (...))`. Alone in a filter they are
/// one EXISTS or NOT EXISTS.
///
/// A column of the sub-query that the query around has too gets another name, since DataFusion's joins would take both for one.
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
    let is_one = |e: &Expr| matches!(e, Expr::InSubquery(_) | Expr::SetComparison(_));
    let is_in = |expr: &Expr| expr.exists(|e| Ok(is_one(e))).unwrap_or(false);
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
            Expr::SetComparison(alone) => {
                changed = true;
                filtered(&alone, &schema)?
            }
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
    let (compared, operator, negated) = match &expr {
        Expr::InSubquery(InSubquery { expr: value, subquery, negated }) => {
            let compared = Comparison::new(value, subquery, schema)?;
            // As EXISTS one with a limit would lose it.
            if is_limited(subquery) || (place == Place::Filter && !compared.left_nulls && !compared.right_nulls) {
                return Ok(Transformed::no(expr));
            }
            (compared, Operator::Eq, *negated)
        }
        Expr::SetComparison(comparison) => {
            if let Some(with_value) = with_one_row(comparison) {
                return Ok(Transformed::yes(with_value));
            }
            let (operator, negated) = as_any(comparison)?;
            (Comparison::new(&comparison.expr, &comparison.subquery, schema)?, operator, negated)
        }
        _ => return Ok(Transformed::no(expr)),
    };
    let found = compared.exists(Some(compared.condition(operator)))?;
    let mut unknown = Vec::new();
    if compared.left_nulls {
        unknown.push(and(compared.value.clone().is_null(), compared.exists(None)?));
    }
    if compared.right_nulls {
        unknown.push(compared.exists(Some(compared.column.clone().is_null()))?);
    }
    let null = Expr::Literal(ScalarValue::Boolean(None), None);
    let is_in = match unknown.into_iter().reduce(or) {
        Some(unknown) => or(found, and(unknown, null)),
        None => found,
    };
    Ok(Transformed::yes(if negated { Expr::Not(Box::new(is_in)) } else { is_in }))
}

/// A comparison that stands alone in a filter, where unknown is as good as false.
fn filtered(comparison: &SetComparison, schema: &DFSchema) -> Result<Expr> {
    if let Some(with_value) = with_one_row(comparison) {
        return Ok(with_value);
    }
    let (operator, negated) = as_any(comparison)?;
    let compared = Comparison::new(&comparison.expr, &comparison.subquery, schema)?;
    let mut condition = compared.condition(operator);
    if negated && compared.left_nulls {
        condition = or(condition, compared.outer.clone().is_null());
    }
    if negated && compared.right_nulls {
        condition = or(condition, compared.column.clone().is_null());
    }
    let found = compared.exists(Some(condition))?;
    Ok(if negated { Expr::Not(Box::new(found)) } else { found })
}

/// The comparison with the value of a sub-query of exactly one row.
fn with_one_row(comparison: &SetComparison) -> Option<Expr> {
    let SetComparison { expr, subquery, op, .. } = comparison;
    let one = has_one_row(&subquery.subquery);
    one.then(|| binary_expr(expr.as_ref().clone(), *op, Expr::ScalarSubquery(subquery.clone())))
}

/// The comparison as one with ANY, by its operator and whether it is negated.
fn as_any(comparison: &SetComparison) -> Result<(Operator, bool)> {
    let subquery = &comparison.subquery;
    let correlated = !subquery.outer_ref_columns.is_empty();
    if correlated && (is_limited(subquery) || condition_on_one_row(&subquery.subquery)?.is_some()) {
        let message = "ANY and ALL with a sub-query that refers to the query around it are not supported with LIMIT, and with HAVING \
            without GROUP BY";
        return Err(Error::unsupported(message).into_datafusion());
    }
    match comparison.quantifier {
        SetQuantifier::Any => Ok((comparison.op, false)),
        SetQuantifier::All => {
            let negation = comparison.op.negate();
            let unsupported = || Error::unsupported("ALL with a sub-query takes =, <>, <, <=, > or >=").into_datafusion();
            Ok((negation.ok_or_else(unsupported)?, true))
        }
    }
}

/// A value and the column of a sub-query that it is compared with.
struct Comparison {
    value: Expr,
    /// The value as one inside the sub-query.
    outer: Expr,
    /// The sub-query, in which the column has a name that the query around has not.
    inner: Arc<LogicalPlan>,
    column: Expr,
    left_nulls: bool,
    right_nulls: bool,
}

impl Comparison {
    fn new(value: &Expr, subquery: &Subquery, schema: &DFSchema) -> Result<Self> {
        let outer = outer_reference(value.clone(), schema)?;
        let mut column = first_column(subquery);
        let mut inner = Arc::clone(&subquery.subquery);
        if schema.has_column(&column) {
            let name = [APART, &column.name].concat();
            let apart = LogicalPlanBuilder::from(inner).project([Expr::Column(column).alias(&name)])?;
            (column, inner) = (Column::new_unqualified(name), Arc::new(apart.build()?));
        }
        Ok(Self {
            value: value.clone(),
            outer,
            inner,
            column: Expr::Column(column),
            left_nulls: nullable(value, schema),
            right_nulls: subquery.subquery.schema().field(0).is_nullable(),
        })
    }

    fn condition(&self, operator: Operator) -> Expr {
        binary_expr(self.outer.clone(), operator, self.column.clone())
    }

    /// `EXISTS (sub-query WHERE filter)`.
    fn exists(&self, filter: Option<Expr>) -> Result<Expr> {
        let mut subquery = Arc::clone(&self.inner);
        if let Some(filter) = filter {
            subquery = Arc::new(LogicalPlan::Filter(Filter::try_new(filter, subquery)?));
        }
        let outer_ref_columns = subquery.all_out_ref_exprs();
        let subquery = Subquery { subquery, outer_ref_columns, spans: Spans::new() };
        Ok(Expr::Exists(Exists { subquery, negated: false }))
    }
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

/// The expression as one inside a sub-query.
fn outer_reference(expr: Expr, schema: &DFSchema) -> Result<Expr> {
    let outer = expr.transform_up(|expr| {
        let Expr::Column(column) = expr else { return Ok(Transformed::no(expr)) };
        let field = Arc::clone(schema.field_from_column(&column)?);
        Ok(Transformed::yes(Expr::OuterReferenceColumn(field, column)))
    });
    outer.data()
}
