//! GROUP BY a key of a table leaves its other columns out.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result};
use datafusion::functions_aggregate::first_last::first_value_udaf;
use datafusion::logical_expr::{Aggregate, LogicalPlan, Projection};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use datafusion::prelude::Expr;

use crate::keys::{Origin, origin, plain, unique_keys};
use crate::push_down_plan::source_of_all;
use crate::ungroup_by_key::keeps_values;

/// Groups by a key of a table instead of the key and other columns of the same rows of it:
///
/// ```text
/// SELECT c.id, c.name, sum(o.x) ... GROUP BY c.id, c.name   =   SELECT c.id, first_value(c.name), sum(o.x) ... GROUP BY c.id
/// ```
///
/// Rows with the same values of a key that is never null come from one row of the table, on whatever way through filters, joins and
/// groups, so the other columns are the same in all rows of a group. An outer join may make all columns of the row null together;
/// these rows are the group of the null key, and only these. Columns whose grouping changes a value (the sign of a zero) stay keys.
/// Only keys that a source keeps count, see [`crate::UngroupByKey`]; dependencies that DataFusion derives above joins do not.
///
/// Where one source has all tables, it groups by itself and knows its keys.
#[derive(Debug, Default)]
pub struct ReduceGroupKeys;

impl ReduceGroupKeys {
    /// Name of the rule.
    pub const NAME: &'static str = "reduce_group_keys";
}

impl OptimizerRule for ReduceGroupKeys {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Aggregate(aggregate) = &plan else { return Ok(Transformed::no(plan)) };
        let reduced = reduced(aggregate)?;
        Ok(reduced.map_or_else(|| Transformed::no(plan), Transformed::yes))
    }
}

fn reduced(aggregate: &Aggregate) -> Result<Option<LogicalPlan>> {
    let groups = aggregate.group_expr.len();
    // Without values it is a DISTINCT, of which other rules and sources know more.
    if groups < 2 || aggregate.aggr_expr.is_empty() || source_of_all(&aggregate.input).is_some() {
        return Ok(None);
    }
    let schema = aggregate.input.schema();
    let place = |expr: &Expr| schema.maybe_index_of_column(plain(expr)?);
    let origins: Vec<Option<Origin<'_>>> =
        aggregate.group_expr.iter().map(|expr| place(expr).and_then(|i| origin(&aggregate.input, i))).collect();
    let fields = aggregate.schema.fields();
    let dependent: Vec<bool> = (0..groups).map(|i| is_dependent(&origins, i)).collect();
    let kept = |i: &usize| fields.get(*i).is_some_and(|field| !keeps_values(&vec![Arc::clone(field)].into()));
    let dependent: Vec<usize> = (0..groups).filter(|i| dependent.get(*i) == Some(&true) && !kept(i)).collect();
    if dependent.is_empty() {
        return Ok(None);
    }
    let expr = |i: &usize| aggregate.group_expr.get(*i).cloned().map(Expr::unalias);
    let first: Vec<Expr> = dependent.iter().filter_map(expr).map(|e| first_value_udaf().call(vec![e])).collect();
    let keys: Vec<usize> = (0..groups).filter(|i| !dependent.contains(i)).collect();
    let key_exprs = keys.iter().filter_map(|i| aggregate.group_expr.get(*i).cloned()).collect();
    let values = first.into_iter().chain(aggregate.aggr_expr.iter().cloned()).collect();
    let below = Aggregate::try_new(Arc::clone(&aggregate.input), key_exprs, values)?;
    let from = |i: usize| match (keys.iter().position(|k| *k == i), dependent.iter().position(|d| *d == i)) {
        (Some(place), _) => place,
        (None, Some(place)) => keys.len() + place,
        (None, None) => i,
    };
    let columns = (0..fields.len()).map(|i| {
        let (qualifier, field) = below.schema.qualified_field(from(i));
        let (own, name) = aggregate.schema.qualified_field(i);
        Expr::Column(Column::new(qualifier.cloned(), field.name())).alias_qualified(own.cloned(), name.name())
    });
    let columns = columns.collect();
    let projection = Projection::try_new(columns, Arc::new(LogicalPlan::Aggregate(below)))?;
    let same = projection.schema.has_equivalent_names_and_types(&aggregate.schema).is_ok();
    Ok(same.then_some(LogicalPlan::Projection(projection)))
}

/// Whether a column is of a row whose key is among the groups, and no part of the first such key.
fn is_dependent(origins: &[Option<Origin<'_>>], place: usize) -> bool {
    let Some(Some(own)) = origins.get(place) else { return false };
    let same_row: Vec<usize> = origins
        .iter()
        .flatten()
        .filter(|other| std::ptr::eq(other.scan, own.scan) && other.path == own.path)
        .map(|other| other.column)
        .collect();
    let key = unique_keys(own.scan).into_iter().find(|key| key.iter().all(|column| same_row.contains(column)));
    key.is_some_and(|key| !key.contains(&own.column))
}
