//! Window functions over the rows of a correlated sub-query.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result};
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Filter, LogicalPlan, Operator, Projection, Window};
use datafusion::optimizer::AnalyzerRule;
use datafusion::prelude::Expr;
use headwater_common::Error;
use headwater_source::ErrorExt;

use super::block::recomputed;

/// Rewrites `(SELECT sum(x) OVER () FROM t WHERE t.k = o.k)` to `(SELECT sum(x) OVER (PARTITION BY t.k) FROM t WHERE t.k = o.k)`.
///
/// DataFusion makes a join of the sub-query and compares `k` above the window, which then runs over the rows of all rows around.
/// Those that a row around finds are all rows with one value of `t.k`, and no others with that value, because what else the
/// sub-query asks for stays below: with that value as one more key, the partitions are those of the sub-query. A condition on
/// the row around alone decides about all rows together. Windows over rows that are found otherwise are refused.
#[derive(Debug, Default)]
pub struct PartitionWindows;

impl AnalyzerRule for PartitionWindows {
    fn name(&self) -> &str {
        "partition_windows"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        recomputed(plan.transform_up_with_subqueries(|plan| match plan {
            LogicalPlan::Window(window) if names_outside(&window.input)? => match with_keys(&window.input)? {
                Some((input, keys)) => partitioned(&window, input, &keys).map(Transformed::yes),
                None => {
                    let message = "a window function over rows that are found by a column from outside cannot be computed, unless the \
                                   WHERE of the same SELECT finds them by =; write the sub-query as a join";
                    Err(Error::unsupported(message).into_datafusion())
                }
            },
            other => Ok(Transformed::no(other)),
        })?)
    }
}

/// Whether a plan names columns of a query around it; what LATERAL in it names is in it too.
fn names_outside(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply(|node| {
        if matches!(node, LogicalPlan::Subquery(_)) {
            return Ok(TreeNodeRecursion::Jump);
        }
        found |= node.contains_outer_reference();
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

/// The window with more keys of partitions, and the names it had.
fn partitioned(window: &Window, input: LogicalPlan, keys: &[Expr]) -> Result<LogicalPlan> {
    let more = |expr: Expr| match expr {
        Expr::WindowFunction(mut function) => {
            let WindowFunction { params, .. } = function.as_mut();
            params.partition_by.splice(0..0, keys.iter().cloned());
            Ok(Transformed::yes(Expr::WindowFunction(function)))
        }
        other => Ok(Transformed::no(other)),
    };
    let functions = window.window_expr.iter().map(|expr| expr.clone().transform_up(more).data());
    let functions = functions.collect::<Result<Vec<_>>>()?;
    let names = window.schema.columns().into_iter().skip(window.input.schema().fields().len());
    let columns = input.schema().columns();
    let window = Window::try_new(functions, Arc::new(input))?;
    let computed = window.schema.columns().into_iter().skip(columns.len());
    let named = computed.zip(names).map(|(column, name)| Expr::Column(column).alias_qualified(name.relation, name.name));
    let columns = columns.into_iter().map(Expr::Column).chain(named).collect();
    Projection::try_new(columns, Arc::new(LogicalPlan::Window(window))).map(LogicalPlan::Projection)
}

/// The rows with what must be equal to a value from outside, which may be one more column; `None` when rows are found otherwise.
fn with_keys(plan: &LogicalPlan) -> Result<Option<(LogicalPlan, Vec<Expr>)>> {
    if !names_outside(plan)? {
        return Ok(Some((plan.clone(), Vec::new())));
    }
    match plan {
        LogicalPlan::Filter(filter) => {
            let Some((input, mut keys)) = with_keys(&filter.input)? else { return Ok(None) };
            for condition in split_conjunction(&filter.predicate) {
                match key(condition) {
                    Condition::Inside | Condition::Outside => {}
                    Condition::Equal(key) => keys.push(key.clone()),
                    Condition::Other => return Ok(None),
                }
            }
            let filter = Filter::try_new(filter.predicate.clone(), Arc::new(input))?;
            Ok(Some((LogicalPlan::Filter(filter), keys)))
        }
        LogicalPlan::Projection(projection) if !projection.expr.iter().any(Expr::contains_outer) => {
            let Some((input, keys)) = with_keys(&projection.input)? else { return Ok(None) };
            let mut columns = projection.expr.clone();
            let width = input.schema().fields().len();
            let named = keys.into_iter().enumerate().map(|(i, key)| (format!("__correlated_{width}_{i}"), key));
            let (names, keys): (Vec<String>, Vec<Expr>) = named.unzip();
            columns.extend(keys.into_iter().zip(&names).map(|(key, name)| key.alias(name)));
            let projection = Projection::try_new(columns, Arc::new(input))?;
            let keys = names.into_iter().map(|name| Expr::Column(Column::from_name(name))).collect();
            Ok(Some((LogicalPlan::Projection(projection), keys)))
        }
        LogicalPlan::Window(window) => {
            let Some((input, keys)) = with_keys(&window.input)? else { return Ok(None) };
            let window = Window::try_new(window.window_expr.clone(), Arc::new(input))?;
            Ok(Some((LogicalPlan::Window(window), keys)))
        }
        _ => Ok(None),
    }
}

/// What a condition says of the row around.
enum Condition<'a> {
    Inside,
    Outside,
    /// This is equal to something of the row around.
    Equal(&'a Expr),
    Other,
}

fn key(condition: &Expr) -> Condition<'_> {
    let names_columns = |expr: &Expr| !expr.column_refs().is_empty();
    let is_plain = |expr: &Expr| super::block::is_plain(expr).unwrap_or(false);
    if !condition.contains_outer() {
        return if is_plain(condition) { Condition::Inside } else { Condition::Other };
    }
    if !is_plain(condition) {
        return Condition::Other;
    }
    if !names_columns(condition) {
        return Condition::Outside;
    }
    match condition {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            for (one, other) in [(left, right), (right, left)] {
                if !one.contains_outer() && other.contains_outer() && !names_columns(other) {
                    return Condition::Equal(one);
                }
            }
            Condition::Other
        }
        _ => Condition::Other,
    }
}
