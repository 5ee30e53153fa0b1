//! Recursive queries whose rows would not stay what they are.
//!
//! DataFusion casts the rows of the part that repeats to the types of the first part, so that `SELECT 1 UNION ALL SELECT n + 0.1` would
//! count 1, 1, 1 and never end. As in Postgres, the first part has to be of the type of both.

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::expr::{Alias, Cast};
use datafusion::logical_expr::{ExprSchemable, LogicalPlan, Projection, RecursiveQuery};
use datafusion::prelude::Expr;
use headwater_common::{Error, Result};
use headwater_source::exact_cast::changes;

use crate::error::classify;

/// Refuses a recursive query with a column whose values the first part's type would change. Casts that the statement itself has are
/// written twice by [`crate::syntax`], so that the outer one, which looks as DataFusion's does, changes nothing.
pub(crate) fn check(plan: &LogicalPlan) -> Result<()> {
    let mut refused = None;
    let looked = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::RecursiveQuery(query) = node {
            refused = refused.take().or(changed_column(query)?);
        }
        Ok(TreeNodeRecursion::Continue)
    });
    looked.map_err(classify)?;
    refused.map_or(Ok(()), Err)
}

fn changed_column(query: &RecursiveQuery) -> datafusion::error::Result<Option<Error>> {
    let LogicalPlan::Projection(Projection { expr, input, .. }) = query.recursive_term.as_ref() else { return Ok(None) };
    for (expr, field) in expr.iter().zip(query.static_term.schema().fields()) {
        let Some(Cast { expr: value, field: to }) = cast(expr) else { continue };
        let (from, to) = (value.get_type(input.schema())?, to.data_type());
        if !from.is_null() && changes(&from, to) {
            let (column, name) = (field.name(), &query.name);
            return Ok(Some(Error::invalid(format!(
                "column \"{column}\" of the recursive query \"{name}\" is {to} in its first part and {from} in the part that \
                 repeats; cast it in the first part"
            ))));
        }
    }
    Ok(None)
}

fn cast(expr: &Expr) -> Option<&Cast> {
    match expr {
        Expr::Alias(Alias { expr, .. }) => cast(expr),
        Expr::Cast(found) => Some(found),
        _ => None,
    }
}
