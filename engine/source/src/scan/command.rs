//! The data a scan carries. Everything here can be sent to another machine.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::prelude::Expr;

use crate::metadata::TableName;
use crate::query::QueryContext;

/// One key of a sort order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortKey {
    /// Column name.
    pub column: String,
    /// Largest first.
    pub descending: bool,
    /// Nulls before values.
    pub nulls_first: bool,
}

/// What is asked of one table of a remote source.
#[derive(Debug, Clone, PartialEq)]
pub struct ScanCommand {
    /// Name of the source.
    pub source: String,
    /// The table.
    pub table: TableName,
    /// Columns to return, in this order; none when only the number of rows matters.
    pub columns: Vec<String>,
    /// Filters, combined with AND; columns carry no qualifier. Each one was found exact or a superset by the source.
    pub filters: Vec<Expr>,
    /// Sort order of the result; only together with `fetch`.
    pub order: Vec<SortKey>,
    /// At most so many rows.
    pub fetch: Option<u64>,
    /// Return one row with the number of rows (one `Int64` column) instead of the rows.
    pub count: bool,
}

/// The rows that a LIMIT lets a source send; `None` when they are more than any source can count, which is no limit.
pub fn limited_rows(limit: usize) -> Option<u64> {
    i64::try_from(limit).ok().map(i64::cast_unsigned)
}

/// One of the ranges a scan is split into.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum PartitionBounds {
    /// Everything.
    #[default]
    Whole,
    /// Physical blocks `[from, to)` of the table; `to` is open when `None`.
    Blocks {
        /// First block.
        from: u64,
        /// Block after the last one.
        to: Option<u64>,
    },
    /// Values `[from, to)` of a whole-number key column; an open end is `None`. The first range also holds the nulls.
    Key {
        /// Key column.
        column: String,
        /// Smallest value.
        from: Option<i64>,
        /// Value after the largest.
        to: Option<i64>,
    },
    /// Values `[from, to)` of a key column, as texts that only the connector reads; an open end is `None`. The first range also
    /// holds every value that has no place between two others.
    Text {
        /// Key column.
        column: String,
        /// Smallest value.
        from: Option<String>,
        /// Value after the largest.
        to: Option<String>,
    },
}

impl fmt::Display for PartitionBounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = |v: &Option<i64>| v.map_or_else(String::new, |v| v.to_string());
        match self {
            Self::Whole => f.write_str("whole"),
            Self::Blocks { from, to } => write!(f, "blocks {from}..{}", to.map_or_else(String::new, |v| v.to_string())),
            Self::Key { column, from, to } => write!(f, "{column} {}..{}", end(from), end(to)),
            Self::Text { column, from, to } => {
                write!(f, "{column} {}..{}", from.as_deref().unwrap_or_default(), to.as_deref().unwrap_or_default())
            }
        }
    }
}

/// The text a source receives, and how many parameters are bound to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteText {
    /// Statement or command.
    pub text: String,
    /// Number of bound parameters.
    pub parameters: usize,
}

/// One range of a scan, ready to run.
#[derive(Debug, Clone)]
pub struct OpenScan {
    /// What to read.
    pub command: Arc<ScanCommand>,
    /// Which range of it.
    pub bounds: PartitionBounds,
    /// Number of ranges of this scan; all run in the same query.
    pub partition_count: usize,
    /// Schema every batch must have.
    pub schema: SchemaRef,
    /// Rows per batch.
    pub batch_rows: usize,
    /// What the scans of this query share.
    pub query: Arc<QueryContext>,
}
