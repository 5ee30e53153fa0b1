//! A check of DELETE and UPDATE plans before they run.
//!
//! DataFusion hands a table the filters it finds anywhere below the statement. That is right only for plain
//! `DELETE FROM t WHERE filters`; a join, a sub-query, a LIMIT or a filter that was folded away would be lost, and more rows
//! would change than were asked for. Such plans are refused here, and one that was proven empty changes nothing.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{DmlStatement, ExprSchemable, LogicalPlan, WriteOp};
use datafusion::prelude::Expr;
use headwater_common::{Error, Result};

/// What a plan changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Not a DELETE or UPDATE.
    None,
    /// The optimizer has proven that no row passes the filters.
    Empty,
    /// Plain filters over the table.
    Plain,
}

/// Refuses a DELETE or UPDATE with a sub-query before rules make other rows or filters of it, and an INSERT or UPDATE of structures
/// with fields that the column does not have: a cast would leave them out.
pub(crate) fn check_asked(plan: &LogicalPlan) -> Result<()> {
    let LogicalPlan::Dml(DmlStatement { table_name, op, input, .. }) = plan else { return Ok(()) };
    let verb = match op {
        WriteOp::Delete => "DELETE",
        WriteOp::Update => {
            check_fields(input)?;
            "UPDATE"
        }
        WriteOp::Insert(_) => return check_fields(input),
        _ => return Ok(()),
    };
    let mut found = None;
    // Looking does not fail.
    let _ = input.apply(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|e| {
                found = match e {
                    Expr::ScalarSubquery(_) => Some("a sub-query"),
                    Expr::InSubquery(_) | Expr::Exists(_) | Expr::SetComparison(_) => Some("a join or a sub-query"),
                    _ => found,
                };
                Ok(TreeNodeRecursion::Continue)
            })
        })
    });
    found.map_or(Ok(()), |what| Err(refused(verb, &table_name.to_string(), what)))
}

fn check_fields(input: &LogicalPlan) -> Result<()> {
    let LogicalPlan::Projection(projection) = input else { return Ok(()) };
    for (expr, column) in projection.expr.iter().zip(projection.schema.fields()) {
        if let Expr::Cast(cast) = expr.clone().unalias()
            && let Ok(given) = cast.expr.get_type(projection.input.schema())
            && let Some(field) = lost_field(&given, cast.field.data_type())
        {
            return Err(Error::invalid(format!(
                "column {} has no field {field}; it is {}",
                column.name(),
                cast.field.data_type()
            )));
        }
    }
    Ok(())
}

/// A field of structures that others do not have, however deep.
fn lost_field(given: &DataType, wanted: &DataType) -> Option<String> {
    match (given, wanted) {
        // Structures without a name in common are taken by the order of their fields.
        (DataType::Struct(given), DataType::Struct(wanted)) if given.iter().any(|f| wanted.find(f.name()).is_some()) => {
            given.iter().find_map(|field| match wanted.iter().find(|w| w.name() == field.name()) {
                Some(wanted) => lost_field(field.data_type(), wanted.data_type()),
                None => Some(field.name().clone()),
            })
        }
        (
            DataType::List(given)
            | DataType::LargeList(given)
            | DataType::FixedSizeList(given, _)
            | DataType::ListView(given),
            DataType::List(wanted)
            | DataType::LargeList(wanted)
            | DataType::FixedSizeList(wanted, _)
            | DataType::ListView(wanted),
        ) => lost_field(given.data_type(), wanted.data_type()),
        _ => None,
    }
}

/// Checks an optimized plan.
pub(crate) fn check(plan: &LogicalPlan) -> Result<Change> {
    let LogicalPlan::Dml(DmlStatement { table_name, op, input, .. }) = plan else { return Ok(Change::None) };
    let verb = match op {
        WriteOp::Delete => "DELETE",
        WriteOp::Update => "UPDATE",
        WriteOp::Insert(_) => return Ok(Change::None),
        _ => return Err(Error::unsupported(format!("{op} is not supported; use INSERT, UPDATE or DELETE"))),
    };
    let mut node = input.as_ref();
    loop {
        node = match node {
            LogicalPlan::Filter(filter) => {
                if has_subquery(&filter.predicate) {
                    return Err(refused(verb, &table_name.to_string(), "a sub-query"));
                }
                filter.input.as_ref()
            }
            LogicalPlan::SubqueryAlias(alias) => alias.input.as_ref(),
            LogicalPlan::Projection(projection) => {
                if projection.expr.iter().any(has_subquery) {
                    return Err(refused(verb, &table_name.to_string(), "a sub-query"));
                }
                projection.input.as_ref()
            }
            LogicalPlan::TableScan(scan) if scan.fetch.is_some() => {
                return Err(refused(verb, &table_name.to_string(), "a LIMIT"));
            }
            LogicalPlan::TableScan(scan) if scan.table_name.resolved_eq(table_name) => return Ok(Change::Plain),
            LogicalPlan::EmptyRelation(empty) if !empty.produce_one_row => return Ok(Change::Empty),
            LogicalPlan::Limit(_) => return Err(refused(verb, &table_name.to_string(), "a LIMIT")),
            LogicalPlan::Join(_) => return Err(refused(verb, &table_name.to_string(), "a join or a sub-query")),
            other => {
                return Err(refused(verb, &table_name.to_string(), &format!("a {} step", other.display())));
            }
        }
    }
}

fn has_subquery(expr: &Expr) -> bool {
    expr.exists(|e| {
        Ok(matches!(e, Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_) | Expr::SetComparison(_)))
    })
    .unwrap_or(true)
}

fn refused(verb: &str, table: &str, what: &str) -> Error {
    Error::unsupported(format!(
        "{verb} on {table} with {what} is not supported; use filters with values, such as WHERE id IN (1, 2)"
    ))
}
