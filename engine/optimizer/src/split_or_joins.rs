//! A join on one key or another becomes a join on each.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, JoinType, NullEquality, Result};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::utils::{can_hash, conjunction, split_conjunction};
use datafusion::logical_expr::{BinaryExpr, ExprSchemable, Join, LogicalPlan, Operator, Projection, Union};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use datafusion::prelude::Expr;
use headwater_source::RemoteTable;

use crate::join_order::is_total;
use crate::push_down_plan::{Estimate, Node, STATEMENT_BYTES, is_fickle};

/// Most arms of an OR.
const ARMS_MAX: usize = 4;
/// A look-up reads at most this share of the values of a key.
const SHARE_MAX: f64 = 1.0 / 3.0;

/// Splits an inner join on `p1 OR p2 OR ...` into one join for each arm, when each of them is a look-up of few keys in a large remote
/// table:
///
/// ```text
/// a JOIN b ON a.x = b.k OR a.y = b.l
/// (a JOIN b ON a.x = b.k) UNION ALL (a JOIN b ON a.y = b.l AND (a.x = b.k) IS NOT TRUE)
/// ```
///
/// The rows stay the same, each as often. An OR is true exactly when one of its arms is; each pair of rows for which it is true is
/// in the join of the first arm that is true for it, and in no other, because each join leaves out the pairs for which an earlier arm
/// is true. So no rows are compared with each other, and no key is needed to know what is there twice. Arms compare values and cannot
/// fail. The two sides are read once for each arm, so they are only tables with filters and choices of columns, without LIMIT
/// and without functions that change.
///
/// Without the rule the join has no key, so both sides are read as a whole and every pair of rows is looked at.
#[derive(Debug, Default)]
pub struct SplitOrJoins;

impl SplitOrJoins {
    /// Name of the rule.
    pub const NAME: &'static str = "split_or_joins";
}

impl OptimizerRule for SplitOrJoins {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Join(join) = &plan else { return Ok(Transformed::no(plan)) };
        let split = split(join)?;
        Ok(split.map_or_else(|| Transformed::no(plan), Transformed::yes))
    }
}

/// The keys of one arm: pairs of the left and the right side.
type Keys = Vec<(Expr, Expr)>;

fn split(join: &Join) -> Result<Option<LogicalPlan>> {
    let Some(filter) = join.filter.as_ref().filter(|_| may_split(join)) else { return Ok(None) };
    let terms = split_conjunction(filter);
    let arms = terms.iter().enumerate().find_map(|(place, term)| {
        let arms = disjunction(term);
        let keys: Option<Vec<Keys>> = arms.iter().map(|arm| keys(arm, join)).collect();
        (arms.len() > 1 && arms.len() <= ARMS_MAX).then_some((place, arms, keys?))
    });
    let Some((place, arms, keys)) = arms else { return Ok(None) };
    let (left, right) = (Node::survey(&join.left)?, Node::survey(&join.right)?);
    let one_source = left.place.single().zip(right.place.single()).is_some_and(|(l, r)| l.name() == r.name());
    let of_left: Vec<Vec<&Expr>> = keys.iter().map(|k| k.iter().map(|(l, _)| l).collect()).collect();
    let of_right: Vec<Vec<&Expr>> = keys.iter().map(|k| k.iter().map(|(_, r)| r).collect()).collect();
    let pays = saves(&left.estimate, (&join.right, &right.estimate), &of_right)
        || saves(&right.estimate, (&join.left, &left.estimate), &of_left);
    if one_source || !pays {
        return Ok(None);
    }
    let others: Vec<Expr> = terms.iter().enumerate().filter(|(i, _)| *i != place).map(|(_, t)| (*t).clone()).collect();
    let mut joins = Vec::new();
    for (number, (arm, on)) in arms.iter().zip(keys).enumerate() {
        let rest = split_conjunction(arm).into_iter().filter(|term| key(term, join).is_none()).cloned();
        let earlier = arms.iter().take(number).map(|arm| Expr::IsNotTrue(Box::new((*arm).clone())));
        let filter = conjunction(rest.chain(others.iter().cloned()).chain(earlier));
        let (left, right, equality) = (Arc::clone(&join.left), Arc::clone(&join.right), join.null_equality);
        let arm = Join::try_new(left, right, on, filter, JoinType::Inner, join.join_constraint, equality, false)?;
        joins.push(Arc::new(LogicalPlan::Join(arm)));
    }
    let union = Union::try_new(joins)?;
    let columns = union.schema.columns().into_iter().zip(join.schema.iter());
    let named =
        columns.map(|(column, (qualifier, field))| Expr::Column(column).alias_qualified(qualifier.cloned(), field.name()));
    let restored = Projection::try_new(named.collect(), Arc::new(LogicalPlan::Union(union)))?;
    let same = restored.schema.has_equivalent_names_and_types(&join.schema).is_ok();
    Ok(same.then_some(LogicalPlan::Projection(restored)))
}

/// Whether a join has no key, a condition that cannot fail, and sides that are the same each time they are read.
fn may_split(join: &Join) -> bool {
    let Ok(both) = join.left.schema().join(join.right.schema()) else { return false };
    join.join_type == JoinType::Inner
        && join.on.is_empty()
        && join.null_equality == NullEquality::NullEqualsNothing
        && join.filter.as_ref().is_some_and(|filter| is_total(filter, &both))
        && is_repeatable(&join.left)
        && is_repeatable(&join.right)
}

fn is_repeatable(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::TableScan(scan) => scan.fetch.is_none() && !scan.filters.iter().any(is_fickle),
        LogicalPlan::Filter(filter) => !is_fickle(&filter.predicate) && is_repeatable(&filter.input),
        LogicalPlan::SubqueryAlias(alias) => is_repeatable(&alias.input),
        LogicalPlan::Projection(projection) => !projection.expr.iter().any(is_fickle) && is_repeatable(&projection.input),
        _ => false,
    }
}

/// The arms of an OR.
fn disjunction(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            disjunction(left).into_iter().chain(disjunction(right)).collect()
        }
        other => vec![other],
    }
}

/// The keys of an arm; `None` when it has none.
fn keys(arm: &Expr, join: &Join) -> Option<Keys> {
    let keys: Keys = split_conjunction(arm).into_iter().filter_map(|term| key(term, join)).collect();
    (!keys.is_empty()).then_some(keys)
}

/// A term as a key: a column of each side, of one type whose equal values are the same.
fn key(term: &Expr, join: &Join) -> Option<(Expr, Expr)> {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = term else { return None };
    let (Expr::Column(one), Expr::Column(other)) = (left.as_ref(), right.as_ref()) else { return None };
    let (schema_left, schema_right) = (join.left.schema(), join.right.schema());
    let has = |column: &Column, left: bool| {
        let schema = if left { schema_left } else { schema_right };
        schema.maybe_index_of_column(column).is_some()
    };
    let (of_left, of_right) = match (has(one, true) && has(other, false), has(other, true) && has(one, false)) {
        (true, _) => (left, right),
        (_, true) => (right, left),
        _ => return None,
    };
    let types = (of_left.get_type(schema_left).ok()?, of_right.get_type(schema_right).ok()?);
    // Of floating point numbers several are equal that are not the same.
    let exact = types.0 == types.1 && can_hash(&types.0) && !types.0.is_floating();
    exact.then(|| (of_left.as_ref().clone(), of_right.as_ref().clone()))
}

/// Whether the keys of a small side, one list for each arm, find so few rows of a large remote table that reading both
/// sides for each arm moves fewer bytes than reading the large one as a whole.
fn saves(small: &Estimate, (plan, large): (&LogicalPlan, &Estimate), arms: &[Vec<&Expr>]) -> bool {
    let Some((rows, all)) = small.rows.zip(large.rows) else { return false };
    let Some((small_bytes, large_bytes)) = small.bytes().zip(large.bytes()) else { return false };
    let mut bytes = 0.0;
    for keys in arms {
        let lookup = keys.iter().filter_map(|key| distinct(plan, large, key)).reduce(f64::max);
        let Some(values) = lookup.filter(|values| rows <= values * SHARE_MAX) else { return false };
        bytes += small_bytes + rows * large_bytes / values.max(1.0).min(all.max(1.0)) + 2.0 * STATEMENT_BYTES;
    }
    bytes <= small_bytes + large_bytes + 2.0 * STATEMENT_BYTES
}

/// The distinct values of a key whose table takes keys.
fn distinct(plan: &LogicalPlan, estimate: &Estimate, key: &Expr) -> Option<f64> {
    let Expr::Column(column) = key else { return None };
    takes_keys(plan, column)?;
    let place = plan.schema().maybe_index_of_column(column)?;
    estimate.columns.get(place)?.facts.distinct
}

/// Whether the column is one of a remote table whose source finds rows by it.
fn takes_keys(plan: &LogicalPlan, column: &Column) -> Option<()> {
    match plan {
        LogicalPlan::TableScan(scan) => {
            let provider = source_as_provider(&scan.source).ok()?;
            let table = provider.downcast_ref::<RemoteTable>()?;
            table.takes_keys(&column.name).then_some(())
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let place = alias.schema.maybe_index_of_column(column)?;
            takes_keys(&alias.input, &Column::from(alias.input.schema().qualified_field(place)))
        }
        LogicalPlan::Projection(projection) => {
            let place = projection.schema.maybe_index_of_column(column)?;
            let Expr::Column(below) = projection.expr.get(place)? else { return None };
            takes_keys(&projection.input, below)
        }
        LogicalPlan::Filter(filter) => takes_keys(&filter.input, column),
        _ => None,
    }
}
