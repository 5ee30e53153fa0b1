//! Groups of intervals of the same length.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema, Result};
use datafusion::logical_expr::expr::GroupingSet;
use datafusion::logical_expr::utils::grouping_set_to_exprlist;
use datafusion::logical_expr::{Aggregate, LogicalPlan, Projection, when};
use datafusion::prelude::Expr;

use super::{Functions, of_interval};
use crate::total_order;

/// `SELECT DISTINCT` as groups by all columns.
pub(super) fn distinct(functions: &Functions, input: Arc<LogicalPlan>) -> Result<Transformed<LogicalPlan>> {
    let columns = input.schema().columns().into_iter().map(Expr::Column).collect();
    rewrite(functions, Aggregate::try_new(input, columns, Vec::new())?)
}

/// Groups by the length of intervals, and shows the smallest interval of that length in their place.
pub(super) fn rewrite(functions: &Functions, aggregate: Aggregate) -> Result<Transformed<LogicalPlan>> {
    let schema = Arc::clone(aggregate.input.schema());
    let keys: Vec<Expr> = grouping_set_to_exprlist(&aggregate.group_expr)?.into_iter().cloned().collect();
    if !keys.iter().any(|key| of_interval(key, &schema)) {
        return Ok(Transformed::no(LogicalPlan::Aggregate(aggregate)));
    }
    let mut groups = Vec::with_capacity(aggregate.group_expr.len());
    let mut sets = false;
    for group in aggregate.group_expr {
        groups.push(match group {
            Expr::GroupingSet(set) => {
                sets = true;
                Expr::GroupingSet(lengths_of_set(functions, set, &schema)?)
            }
            key => functions.key(key, &schema)?.data,
        });
    }
    let [min, _] = total_order::functions();
    let mut aggregates = aggregate.aggr_expr;
    let outputs = aggregate.schema.fields().len();
    let mut shown = Vec::new();
    for (i, key) in keys.iter().enumerate().filter(|(_, key)| of_interval(key, &schema)) {
        shown.push((i, aggregates.len()));
        aggregates.push(min.call(vec![key.clone().unalias()]).alias(format!("__interval_{i}")));
    }
    let first = outputs - (aggregates.len() - shown.len());
    let grouped = Aggregate::try_new(aggregate.input, groups, aggregates)?;
    let column = |i: usize| Expr::Column(Column::from(grouped.schema.qualified_field(i)));
    let mut exprs = Vec::with_capacity(outputs);
    for i in 0..outputs {
        let (qualifier, field) = aggregate.schema.qualified_field(i);
        let value = match shown.iter().find(|(key, _)| *key == i) {
            // A key that is left out of a grouping set is null.
            Some((_, place)) if sets => when(column(i).is_not_null(), column(first + place)).end()?,
            Some((_, place)) => column(first + place),
            None if grouped.schema.qualified_field(i) == (qualifier, field) => {
                exprs.push(column(i));
                continue;
            }
            None => column(i),
        };
        exprs.push(value.alias_qualified(qualifier.cloned(), field.name()));
    }
    let input = Arc::new(LogicalPlan::Aggregate(grouped));
    Ok(Transformed::yes(LogicalPlan::Projection(Projection::try_new(exprs, input)?)))
}

fn lengths_of_set(functions: &Functions, set: GroupingSet, schema: &DFSchema) -> Result<GroupingSet> {
    Ok(match set {
        GroupingSet::Rollup(keys) => GroupingSet::Rollup(functions.keys(keys, schema)?),
        GroupingSet::Cube(keys) => GroupingSet::Cube(functions.keys(keys, schema)?),
        GroupingSet::GroupingSets(sets) => {
            let sets = sets.into_iter().map(|keys| functions.keys(keys, schema));
            GroupingSet::GroupingSets(sets.collect::<Result<_>>()?)
        }
    })
}
