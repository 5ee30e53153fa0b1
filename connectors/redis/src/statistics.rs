//! What is known of a column's values. Every figure is an estimate.

use datafusion::common::ColumnStatistics;
use datafusion::common::stats::Precision;

use crate::table::{Column, Role, Table};

/// Statistics of a column.
pub(crate) fn column(table: &Table, column: &Column) -> ColumnStatistics {
    let mut found = ColumnStatistics::new_unknown();
    if !column.field().is_nullable() {
        found.null_count = Precision::Inexact(0);
    }
    let rows = table.row_count.and_then(|n| usize::try_from(n).ok());
    let parts = table.pattern.names().count();
    found.distinct_count = match (&column.role, rows) {
        (Role::Type, _) => Precision::Inexact(1),
        (Role::Key, Some(rows)) if table.kind.is_scalar() => Precision::Inexact(rows),
        (Role::Part(_), Some(rows)) if table.kind.is_scalar() && parts == 1 => Precision::Inexact(rows),
        _ => Precision::Absent,
    };
    found
}
