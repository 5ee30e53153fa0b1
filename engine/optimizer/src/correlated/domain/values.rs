//! The domain of a sub-query.

use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Column, Result};
use datafusion::logical_expr::{Distinct, ExprSchemable, LogicalPlan, Projection};
use datafusion::prelude::Expr;

use super::{Flattener, refused};

/// The distinct values that a sub-query is asked for.
pub(super) struct Domain {
    distinct: LogicalPlan,
    /// The columns of the query around that a sub-query names; the first columns of the domain have their values.
    pub(super) outer: Vec<Column>,
    /// What the rows of the query around are joined with the domain by.
    pub(super) keys: Vec<Expr>,
}

impl Domain {
    /// The values of columns of the query around, and of one more expression over it.
    pub(super) fn new(around: &LogicalPlan, outer: Vec<Column>, more: Option<Expr>) -> Result<Self> {
        if outer.is_empty() && more.is_none() {
            return Err(refused("nothing from outside"));
        }
        let keys: Vec<Expr> = outer.iter().cloned().map(Expr::Column).chain(more).collect();
        if !repeats(around, &keys)? {
            return Err(refused("values that may be others when they are computed again"));
        }
        let named = keys.iter().enumerate().map(|(i, key)| key.clone().alias(format!("k{i}")));
        let projection = Projection::try_new(named.collect(), Arc::new(around.clone()))?;
        let distinct = LogicalPlan::Distinct(Distinct::All(Arc::new(LogicalPlan::Projection(projection))));
        Ok(Self { distinct, outer, keys })
    }

    /// The domain with names of its own.
    pub(super) fn fresh(&self, flattener: &mut Flattener) -> Result<(LogicalPlan, Vec<Column>)> {
        let columns = self.distinct.schema().columns();
        let names: Vec<String> = columns.iter().map(|_| flattener.name("domain")).collect();
        let named = columns.into_iter().zip(&names).map(|(column, name)| Expr::Column(column).alias(name));
        let plan = Projection::try_new(named.collect(), Arc::new(self.distinct.clone()))?;
        Ok((LogicalPlan::Projection(plan), names.into_iter().map(Column::from_name).collect()))
    }
}

/// Whether a plan has the same values in these expressions each time that it runs.
fn repeats(plan: &LogicalPlan, keys: &[Expr]) -> Result<bool> {
    let schema = plan.schema();
    let mut floats = false;
    for key in keys {
        let data_type = key.get_type(schema)?;
        floats |= data_type.is_floating() || data_type.is_nested();
    }
    let mut repeats = !keys.iter().any(Expr::is_volatile);
    plan.apply_with_subqueries(|node| {
        match node {
            LogicalPlan::Limit(_) | LogicalPlan::Window(_) | LogicalPlan::Distinct(Distinct::On(_)) => repeats = false,
            LogicalPlan::Extension(_) | LogicalPlan::RecursiveQuery(_) => repeats = false,
            // The last digits of sums, and the order of lists.
            LogicalPlan::Aggregate(aggregate) => {
                let of = aggregate.input.schema();
                let fixed = |expr: &Expr| is_fixed(expr) && !expr.get_type(of).is_ok_and(|t| t.is_floating());
                repeats &= !floats && aggregate.aggr_expr.iter().all(fixed);
            }
            LogicalPlan::TableScan(scan) => repeats &= scan.fetch.is_none(),
            _ => {}
        }
        node.apply_expressions(|expr| {
            repeats &= !expr.is_volatile();
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(if repeats { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    })?;
    Ok(repeats)
}

/// Whether an aggregate has one value whatever the order of its rows.
fn is_fixed(expr: &Expr) -> bool {
    match expr {
        Expr::Alias(alias) => is_fixed(&alias.expr),
        Expr::AggregateFunction(aggregate) => {
            matches!(aggregate.func.name(), "count" | "min" | "max" | "sum" | "avg" | "bool_and" | "bool_or")
        }
        _ => false,
    }
}
