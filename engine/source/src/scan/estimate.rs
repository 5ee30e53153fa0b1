//! Estimated statistics of a filtered scan.

use datafusion::common::stats::Precision;
use datafusion::common::{ScalarValue, Statistics};
use datafusion::logical_expr::{BinaryExpr, Operator};
use datafusion::prelude::Expr;

use super::command::ScanCommand;
use crate::metadata::TableMeta;

/// Share of rows that a filter keeps when nothing better is known (Selinger et al., "Access Path Selection in a Relational
/// Database Management System", SIGMOD 1979: 1/10 for equality, 1/3 for ranges).
const EQUAL_DEFAULT: f64 = 0.1;
const RANGE_DEFAULT: f64 = 1.0 / 3.0;

/// Statistics of the rows that `command` returns, all estimates.
pub fn estimate(table: &TableMeta, command: &ScanCommand) -> Statistics {
    let whole = table.statistics();
    let share: f64 = command.filters.iter().map(|f| selectivity(table, f)).product();
    let mut rows = match whole.num_rows {
        Precision::Absent => None,
        Precision::Exact(n) | Precision::Inexact(n) => Some((n as f64 * share).ceil() as usize),
    };
    if let Some(fetch) = command.fetch.and_then(|n| usize::try_from(n).ok()) {
        rows = Some(rows.map_or(fetch, |r| r.min(fetch)));
    }
    if command.count {
        return Statistics { num_rows: Precision::Exact(1), ..Statistics::new_unknown(&count_schema()) };
    }
    let column_statistics = command
        .columns
        .iter()
        .map(|name| table.column(name).map(|c| c.statistics.clone().to_inexact()).unwrap_or_default())
        .collect();
    let num_rows = rows.map_or(Precision::Absent, Precision::Inexact);
    Statistics { num_rows, total_byte_size: Precision::Absent, column_statistics }
}

/// Schema of a counting scan: one `Int64` column named `count`.
pub(super) fn count_schema() -> datafusion::arrow::datatypes::Schema {
    use datafusion::arrow::datatypes::{DataType, Field, Schema};
    Schema::new(vec![Field::new("count", DataType::Int64, false)])
}

fn selectivity(table: &TableMeta, filter: &Expr) -> f64 {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            selectivity(table, left) * selectivity(table, right)
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            let (a, b) = (selectivity(table, left), selectivity(table, right));
            (a + b - a * b).clamp(0.0, 1.0)
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => equality(table, left, right, 1),
        Expr::BinaryExpr(BinaryExpr { op: Operator::NotEq, .. }) => 1.0 - EQUAL_DEFAULT,
        Expr::InList(list) if !list.negated => equality(table, &list.expr, &list.expr, list.list.len()),
        Expr::IsNull(inner) => null_share(table, inner),
        Expr::IsNotNull(inner) => 1.0 - null_share(table, inner),
        Expr::Not(inner) => 1.0 - selectivity(table, inner),
        Expr::Literal(ScalarValue::Boolean(Some(false)), _) => 0.0,
        Expr::Literal(ScalarValue::Boolean(Some(true)), _) => 1.0,
        _ => RANGE_DEFAULT,
    }
}

fn equality(table: &TableMeta, left: &Expr, right: &Expr, values: usize) -> f64 {
    let column = [left, right].into_iter().find_map(|e| match e {
        Expr::Column(c) => table.column(&c.name),
        _ => None,
    });
    let distinct = column.and_then(|c| c.statistics.distinct_count.get_value().copied());
    let each = distinct.map_or(EQUAL_DEFAULT, |n| 1.0 / n.max(1) as f64);
    (each * values as f64).clamp(0.0, 1.0)
}

fn null_share(table: &TableMeta, inner: &Expr) -> f64 {
    let Expr::Column(column) = inner else { return EQUAL_DEFAULT };
    let nulls = table.column(&column.name).and_then(|c| c.statistics.null_count.get_value().copied());
    match (nulls, table.row_count) {
        (Some(nulls), Some(rows)) if rows > 0 => (nulls as f64 / rows as f64).clamp(0.0, 1.0),
        _ => EQUAL_DEFAULT,
    }
}
