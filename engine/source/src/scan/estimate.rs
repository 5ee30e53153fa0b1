//! Estimated statistics of a filtered scan.

use datafusion::common::stats::Precision;
use datafusion::common::{Column, Statistics};

use super::command::ScanCommand;
use super::selectivity::{ColumnFacts, selectivity};
use crate::metadata::TableMeta;

/// Statistics of the rows that `command` returns, all estimates.
pub fn estimate(table: &TableMeta, command: &ScanCommand) -> Statistics {
    let whole = table.statistics();
    let facts = |column: &Column| table.column(&column.name).map(|c| ColumnFacts::new(&c.statistics, table.row_count));
    let share: f64 = command.filters.iter().map(|f| selectivity(f, &facts)).product();
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
