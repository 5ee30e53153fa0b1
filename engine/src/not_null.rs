//! Nulls that an INSERT gives to a column that takes none.

use datafusion::common::Column;
use datafusion::logical_expr::{DmlStatement, Expr, LogicalPlan, Projection, Values, WriteOp};
use headwater_common::{Error, Result};

/// Refuses an INSERT whose VALUES have a null for a NOT NULL column, by the column's own name.
///
/// VALUES take the nullability of the table's columns, and DataFusion would refuse the row itself, as one of `column2`.
pub(crate) fn check(plan: &LogicalPlan) -> Result<()> {
    let LogicalPlan::Dml(DmlStatement { table_name, op: WriteOp::Insert(_), input, .. }) = plan else { return Ok(()) };
    let (values, projection) = match input.as_ref() {
        LogicalPlan::Values(values) => (values, None),
        LogicalPlan::Projection(projection) => match projection.input.as_ref() {
            LogicalPlan::Values(values) => (values, Some(projection)),
            _ => return Ok(()),
        },
        _ => return Ok(()),
    };
    match violated(values) {
        Some(column) => {
            let name = projection.and_then(|p| output_of(p, &column)).unwrap_or(column.name);
            Err(Error::invalid(format!("column \"{name}\" of {table_name} is NOT NULL; give it a value")))
        }
        None => Ok(()),
    }
}

fn violated(values: &Values) -> Option<Column> {
    let is_null = |expr: &Expr| matches!(expr, Expr::Literal(value, _) if value.is_null());
    let taken = |index: &usize| {
        let refuses = !values.schema.field(*index).is_nullable();
        refuses && values.values.iter().any(|row| row.get(*index).is_some_and(is_null))
    };
    let index = (0..values.schema.fields().len()).find(taken)?;
    Some(Column::from(values.schema.qualified_field(index)))
}

/// Name of the column that a projection makes of one of its input.
fn output_of(projection: &Projection, column: &Column) -> Option<String> {
    let uses = |expr: &Expr| expr.column_refs().iter().any(|c| c.name == column.name);
    let index = projection.expr.iter().position(uses)?;
    Some(projection.schema.field(index).name().clone())
}
