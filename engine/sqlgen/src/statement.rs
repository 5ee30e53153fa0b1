//! Statements around blocks.

use crate::expr::Expr;
use crate::select::Select;

/// A statement for a PostgreSQL-like database.
#[derive(Debug, Clone, PartialEq)]
pub enum Statement {
    /// A query.
    Select(Select),
    /// `COPY (select) TO STDOUT (FORMAT binary)`; takes no parameters.
    CopyOut(Select),
    /// The same for the text of a query that was written before.
    CopyText(String),
    /// `COPY schema.table (columns) FROM STDIN (FORMAT binary)`. No schema is the session's temporary one.
    CopyIn {
        /// Schema.
        schema: Option<String>,
        /// Table.
        table: String,
        /// Columns in the order of the data.
        columns: Vec<String>,
    },
    /// A temporary table that is dropped at the end of the transaction.
    CreateStaging {
        /// Table.
        table: String,
        /// Columns with their types, as the database's catalog writes them.
        columns: Vec<(String, String)>,
    },
    /// `INSERT INTO schema.table (columns) SELECT CAST(column AS type of the target) FROM staging`.
    InsertFromStaging {
        /// Schema of the target.
        schema: String,
        /// Target.
        table: String,
        /// Columns with the type each text is read as, as the database's catalog writes it.
        columns: Vec<(String, String)>,
        /// Staging table.
        staging: String,
    },
    /// `DELETE FROM schema.table WHERE filters`.
    Delete {
        /// Schema.
        schema: String,
        /// Table.
        table: String,
        /// Filters, combined with AND.
        filters: Vec<Expr>,
    },
    /// `UPDATE schema.table SET assignments WHERE filters`.
    Update {
        /// Schema.
        schema: String,
        /// Table.
        table: String,
        /// Column and its new value.
        assignments: Vec<(String, Expr)>,
        /// Filters, combined with AND.
        filters: Vec<Expr>,
    },
    /// One row with the number of each output column's type, computed without reading the table; it locks the table as a read
    /// does. All output columns must be plain columns.
    ColumnTypes(Select),
    /// `EXPLAIN (FORMAT JSON) select`.
    Explain(Select),
    /// `SET TRANSACTION SNAPSHOT 'id'`.
    SetSnapshot(String),
    /// `SET LOCAL name = 'value'` for a name that is a constant of the connector.
    SetLocal(&'static str, String),
}
