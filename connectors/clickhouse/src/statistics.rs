//! What the system tables say of a column's values, as DataFusion's statistics. Every figure is an estimate.

use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue};

use crate::types::{ChKind, ChType};

/// First and last value of a table's partition key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PartRange {
    pub(crate) days: (i32, i32),
    pub(crate) seconds: (i64, i64),
}

/// Statistics of a column; `range` is that of the table's parts when the column alone is what they are partitioned by.
pub(crate) fn column(t: &ChType, range: Option<&PartRange>) -> ColumnStatistics {
    let mut found = ColumnStatistics::new_unknown();
    if !t.nullable {
        found.null_count = Precision::Inexact(0);
    }
    found.distinct_count = match &t.kind {
        ChKind::Enum(labels) => Precision::Inexact(labels.len()),
        ChKind::Native(datafusion::arrow::datatypes::DataType::Boolean) => Precision::Inexact(2),
        _ => Precision::Absent,
    };
    let bounds = match (&t.kind, range) {
        (ChKind::Date, Some(range)) if range.days.1 > 0 => {
            Some((ScalarValue::Date32(Some(range.days.0)), ScalarValue::Date32(Some(range.days.1))))
        }
        (ChKind::DateTime, Some(range)) if range.seconds.1 > 0 => {
            let at = |seconds| ScalarValue::TimestampSecond(Some(seconds), Some("UTC".into()));
            Some((at(range.seconds.0), at(range.seconds.1)))
        }
        _ => None,
    };
    if let Some((least, greatest)) = bounds {
        found.min_value = Precision::Inexact(least);
        found.max_value = Precision::Inexact(greatest);
    }
    found
}
