//! VALUES with decimals and floating point, or with dates and times, in one column.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::{Cast, LogicalPlan, Values};
use datafusion::prelude::Expr;

use super::columns::is_date;
use super::float::{as_float, is_float};
use super::meet::type_of;
use super::origin::Origins;
use super::rewrite_expr;

/// A column with a floating-point value holds floating point. DataFusion would make decimals of 15 digits after the point.
/// One of dates and times holds microseconds; DataFusion would make nanoseconds.
/// VALUES that are `typed` keep the types of the table that they are inserted into.
pub(super) fn rewrite(values: Values, typed: bool, settled: bool) -> Result<LogicalPlan> {
    let Values { schema, values } = values;
    let nothing = DFSchema::empty();
    // Casts to the type of a column stay until all of its rows are known.
    let origins = Origins::new(Vec::new()).settled(true);
    let rewritten = |value: Expr| value.transform_up(|e| rewrite_expr(e, &nothing, &origins)).map(|found| found.data);
    let rows = values.into_iter().map(|row| row.into_iter().map(&rewritten).collect::<Result<Vec<_>>>());
    let mut rows = rows.collect::<Result<Vec<_>>>()?;
    let mut fields: Vec<_> = schema.iter().map(|(q, f)| (q.cloned(), Arc::clone(f))).collect();
    for (index, (_, field)) in fields.iter_mut().enumerate() {
        let column = field.data_type();
        if !typed
            && !settled
            && let Some(coarse) = micros(column, &rows, index)
        {
            for value in rows.iter_mut().filter_map(|row| row.get_mut(index)) {
                let plain = match std::mem::take(value) {
                    Expr::Cast(Cast { expr, field }) if field.data_type() == column => *expr,
                    other => other,
                };
                *value = match type_of(&plain, &nothing) == coarse {
                    true => plain,
                    false => Expr::Cast(Cast::new(Box::new(plain), coarse.clone())),
                };
            }
            *field = Arc::new(Field::new(field.name(), coarse, field.is_nullable()));
            continue;
        }
        let is_double = |value: &Expr| is_float(&type_of(inner(value, column).unwrap_or(value), &nothing));
        if typed || !column.is_decimal() || !rows.iter().filter_map(|row| row.get(index)).any(is_double) {
            continue;
        }
        for value in rows.iter_mut().filter_map(|row| row.get_mut(index)) {
            *value = without(std::mem::take(value), field.data_type());
        }
        *field = Arc::new(Field::new(field.name(), DataType::Float64, field.is_nullable()));
    }
    let metadata: HashMap<String, String> = schema.metadata().clone();
    let schema = Arc::new(DFSchema::new_with_metadata(fields, metadata)?);
    Ok(LogicalPlan::Values(Values { schema, values: rows }))
}

/// The type of microseconds for a column of nanoseconds that no row needs.
fn micros(column: &DataType, rows: &[Vec<Expr>], index: usize) -> Option<DataType> {
    let DataType::Timestamp(TimeUnit::Nanosecond, zone) = column else { return None };
    let nothing = DFSchema::empty();
    let coarse = |value: &Expr| match type_of(value, &nothing) {
        DataType::Timestamp(unit, _) => unit < TimeUnit::Nanosecond,
        other => other.is_null() || is_date(&other),
    };
    let mut values = rows.iter().filter_map(|row| row.get(index)).map(|value| inner(value, column).unwrap_or(value));
    values.all(coarse).then(|| DataType::Timestamp(TimeUnit::Microsecond, zone.clone()))
}

/// What was cast to the type of the column.
fn inner<'a>(value: &'a Expr, column: &DataType) -> Option<&'a Expr> {
    match value {
        Expr::Cast(Cast { expr, field }) if field.data_type() == column => Some(expr.as_ref()),
        _ => None,
    }
}

/// The value as floating point, without the cast to the type of its column.
fn without(value: Expr, column: &DataType) -> Expr {
    match value {
        Expr::Cast(Cast { expr, field }) if field.data_type() == column => as_float(*expr),
        other => as_float(other),
    }
}
