//! From `pg_stats` to DataFusion's statistics. Every figure is an estimate.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue};
use headwater_source::TableMeta;
use headwater_source::scan::width;

use crate::types::{PgType, parse_array_literal};

/// Bytes of a block, without its head.
const BLOCK_BYTES: f64 = 8_192.0 - 24.0;
/// What a row takes beside its values.
const ROW_BYTES: f64 = 28.0;
/// Smaller tables, in blocks, are read as fast as they are estimated.
const BLOCKS_MIN: u64 = 128;

/// Rows of a large table that was never analysed, as Postgres itself estimates them: as many as fit into its blocks.
pub(crate) fn rows_by_size(blocks: u64, table: &TableMeta) -> Option<u64> {
    let width: f64 = table.columns.iter().map(|c| width(c.field.data_type())).sum();
    (blocks >= BLOCKS_MIN).then(|| (blocks as f64 * BLOCK_BYTES / (width + ROW_BYTES)).max(1.0) as u64)
}

/// One row of `pg_stats`.
#[derive(Debug, Clone)]
pub(crate) struct StatisticsRow {
    pub(crate) null_share: f32,
    /// Negative: distinct values as a share of the rows.
    pub(crate) distinct: f32,
    pub(crate) common: Option<String>,
    pub(crate) histogram: Option<String>,
    /// Bytes of a value that is not null, on the average.
    pub(crate) width: i32,
}

/// Statistics of a column of a table with `rows` rows.
pub(crate) fn column(row: &StatisticsRow, pg_type: &PgType, rows: Option<u64>) -> ColumnStatistics {
    let mut found = ColumnStatistics::new_unknown();
    let rows = rows.map(|n| n as f64);
    let count = |n: f64| Precision::Inexact(n.max(0.0).round() as usize);
    if let Some(rows) = rows {
        found.null_count = count(rows * f64::from(row.null_share));
        found.byte_size = count(rows * (1.0 - f64::from(row.null_share)) * f64::from(row.width));
    }
    let distinct = f64::from(row.distinct);
    found.distinct_count = match (distinct < 0.0, rows) {
        (true, Some(rows)) => count(-distinct * rows),
        (true, None) => Precision::Absent,
        (false, _) if distinct > 0.0 => count(distinct),
        (false, _) => Precision::Absent,
    };
    if bounds_survive_casts(&pg_type.arrow_type())
        && let Some((least, greatest)) = range(row, pg_type)
    {
        found.min_value = Precision::Inexact(least);
        found.max_value = Precision::Inexact(greatest);
    }
    found
}

/// Whether least and greatest value help DataFusion's estimates. It takes bounds through casts and back; where a cast rounds (a
/// timestamp to its day), they come back wider than they were, and planning ends in an error.
fn bounds_survive_casts(data_type: &DataType) -> bool {
    data_type.is_integer() || *data_type == DataType::Date32
}

fn range(row: &StatisticsRow, pg_type: &PgType) -> Option<(ScalarValue, ScalarValue)> {
    let mut values: Vec<ScalarValue> = Vec::new();
    for text in [&row.common, &row.histogram].into_iter().flatten() {
        let parsed = parse_array_literal(text)?;
        values.extend(parsed.iter().flatten().filter_map(|v| pg_type.parse_scalar(v)));
    }
    let mut bounds: Option<(ScalarValue, ScalarValue)> = None;
    for value in values {
        bounds = Some(match bounds {
            None => (value.clone(), value),
            Some((least, greatest)) => {
                let least = if value.partial_cmp(&least)?.is_lt() { value.clone() } else { least };
                let greatest = if value.partial_cmp(&greatest)?.is_gt() { value } else { greatest };
                (least, greatest)
            }
        });
    }
    bounds
}
