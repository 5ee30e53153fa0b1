//! One SELECT block.

use crate::expr::Expr;

/// One key of ORDER BY, always written with its direction and the place of nulls.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// Key.
    pub expr: Expr,
    /// Largest first.
    pub descending: bool,
    /// Nulls first.
    pub nulls_first: bool,
}

/// `SELECT columns FROM schema.table WHERE filters ORDER BY order LIMIT limit`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Select {
    /// Output; no columns at all is allowed where the dialect allows it.
    pub columns: Vec<Expr>,
    /// Schema of the table.
    pub schema: String,
    /// Table.
    pub table: String,
    /// Only this table, without the tables that inherit from it.
    pub only: bool,
    /// Rows as they are after all merges of the table's engine (ClickHouse's FINAL).
    pub merged: bool,
    /// Filters, combined with AND.
    pub filters: Vec<Expr>,
    /// Sort order.
    pub order: Vec<Order>,
    /// At most so many rows.
    pub limit: Option<u64>,
}

impl Select {
    /// A block without columns over a table.
    pub fn from_table(schema: impl Into<String>, table: impl Into<String>) -> Self {
        Self { schema: schema.into(), table: table.into(), ..Self::default() }
    }
}
