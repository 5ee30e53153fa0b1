//! What discovery found: plain data, without handles.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, Constraint, Constraints, Statistics};

/// Attribute of a table whose columns were found by looking at some of its rows: their number.
pub const SAMPLED: &str = "sampled";
/// Attribute of a table whose number of rows follows from its size, because the source has not counted them.
pub const BY_SIZE: &str = "rows by size";
/// Begin of the attributes of such a table that name a field whose values have several types; the value is what they are.
pub const CONFLICT: &str = "conflict.";

/// Schema and table name inside a source.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableName {
    /// Schema (database, namespace).
    pub schema: String,
    /// Table.
    pub table: String,
}

impl TableName {
    /// A name from its parts.
    pub fn new(schema: impl Into<String>, table: impl Into<String>) -> Self {
        Self { schema: schema.into(), table: table.into() }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.table)
    }
}

/// Everything one discovery found.
#[derive(Debug, Clone, Default)]
pub struct Discovery {
    /// Schemas by name, empty ones too.
    pub schemas: BTreeMap<String, SchemaMeta>,
    /// The source's fingerprint at that moment, when it has one.
    pub fingerprint: Option<u64>,
}

/// Tables of one schema.
#[derive(Debug, Clone, Default)]
pub struct SchemaMeta {
    /// Tables by name.
    pub tables: BTreeMap<String, Arc<TableMeta>>,
    /// Tables that are there but cannot be read, with the reason.
    pub unavailable: BTreeMap<String, String>,
}

impl Discovery {
    /// A table by its name.
    pub fn table(&self, name: &TableName) -> Option<&Arc<TableMeta>> {
        self.schemas.get(&name.schema)?.tables.get(&name.table)
    }

    /// Why a table cannot be read, if it is there and cannot.
    pub fn unavailable(&self, name: &TableName) -> Option<&str> {
        self.schemas.get(&name.schema)?.unavailable.get(&name.table).map(String::as_str)
    }
}

/// What kind of relation a table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TableKind {
    /// Ordinary table.
    Table,
    /// View.
    View,
    /// Materialized view.
    MaterializedView,
    /// Table that lives in another server.
    ForeignTable,
    /// Table made of partitions.
    PartitionedTable,
    /// Table read from files.
    File,
}

impl TableKind {
    /// The name metadata clients expect.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Table | Self::File => "TABLE",
            Self::View => "VIEW",
            Self::MaterializedView => "MATERIALIZED VIEW",
            Self::ForeignTable => "FOREIGN TABLE",
            Self::PartitionedTable => "PARTITIONED TABLE",
        }
    }
}

/// A foreign key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignKey {
    /// Name of the constraint.
    pub name: String,
    /// Columns of this table.
    pub columns: Vec<String>,
    /// The table referred to.
    pub references: TableName,
    /// Its columns, in the same order.
    pub referenced_columns: Vec<String>,
    /// Update rule, as in `information_schema` (`NO ACTION`, `CASCADE`, ...).
    pub on_update: String,
    /// Delete rule.
    pub on_delete: String,
    /// Whether the source says that every row of this table that can be read, in whose columns there is no null, has its row in
    /// the other table, and that this row can be read too: the key is enforced, was checked for rows that are older than it, and
    /// compares by `=`; no row is hidden or added by row security or inheritance.
    pub holds: bool,
}

/// One column.
#[derive(Debug, Clone)]
pub struct ColumnMeta {
    /// Name, Arrow type and nullability.
    pub field: FieldRef,
    /// The source's own name of the type.
    pub remote_type: String,
    /// Attributes that the connector knows, such as a type number or a collation.
    pub attributes: BTreeMap<String, String>,
    /// The source's text of the default, if any.
    pub default: Option<String>,
    /// Statistics as the source knows them.
    pub statistics: ColumnStatistics,
}

/// One table.
#[derive(Debug, Clone)]
pub struct TableMeta {
    /// Schema and name.
    pub name: TableName,
    /// Kind of relation.
    pub kind: TableKind,
    /// Columns in order.
    pub columns: Vec<ColumnMeta>,
    /// Arrow schema of the columns.
    pub schema: SchemaRef,
    /// Name of the primary key constraint, if any, and its columns by position.
    pub primary_key: Option<(String, Vec<usize>)>,
    /// Unique keys whose columns are all NOT NULL or that treat nulls as distinct, by position.
    pub unique_keys: Vec<Vec<usize>>,
    /// Foreign keys.
    pub foreign_keys: Vec<ForeignKey>,
    /// Rows, as the source estimates them.
    pub row_count: Option<u64>,
    /// Bytes at the source, as it estimates them.
    pub bytes: Option<u64>,
    /// Comment.
    pub comment: Option<String>,
    /// Attributes only the connector reads.
    pub attributes: BTreeMap<String, String>,
}

impl TableMeta {
    /// A table without keys and statistics.
    pub fn new(name: TableName, kind: TableKind, columns: Vec<ColumnMeta>) -> Self {
        let schema = Arc::new(Schema::new(columns.iter().map(|c| Arc::clone(&c.field)).collect::<Vec<_>>()));
        Self {
            name,
            kind,
            columns,
            schema,
            primary_key: None,
            unique_keys: Vec::new(),
            foreign_keys: Vec::new(),
            row_count: None,
            bytes: None,
            comment: None,
            attributes: BTreeMap::new(),
        }
    }

    /// A column by name.
    pub fn column(&self, name: &str) -> Option<&ColumnMeta> {
        self.columns.iter().find(|c| c.field.name() == name)
    }

    /// Where its statistics come from; `None` when there are none.
    pub fn origin_of_statistics(&self) -> Option<&'static str> {
        let known = |c: &ColumnMeta| c.statistics != ColumnStatistics::new_unknown();
        match self.row_count.is_some() || self.columns.iter().any(known) {
            false => None,
            true if self.attributes.contains_key(BY_SIZE) => Some("size"),
            true if self.attributes.contains_key(SAMPLED) => Some("sample"),
            true => Some("source"),
        }
    }

    /// The same table with the statistics that another look at it found.
    #[must_use]
    pub fn with_statistics_of(&self, other: &Self) -> Self {
        let mut table = Self { row_count: other.row_count, bytes: other.bytes, ..self.clone() };
        for column in &mut table.columns {
            let known = other.column(column.name()).map(|c| c.statistics.clone());
            column.statistics = known.unwrap_or_else(ColumnStatistics::new_unknown);
        }
        table
    }

    /// Whether no two rows have the same values, none of them null, in the columns at these places.
    pub fn is_unique(&self, places: &[usize]) -> bool {
        let mut keys = self.primary_key.iter().map(|(_, columns)| columns).chain(&self.unique_keys);
        keys.any(|key| !key.is_empty() && key.iter().all(|column| places.contains(column)))
    }

    /// Primary and unique keys as DataFusion's constraints.
    pub fn constraints(&self) -> Constraints {
        let primary = self.primary_key.iter().map(|(_, columns)| Constraint::PrimaryKey(columns.clone()));
        let unique = self.unique_keys.iter().map(|columns| Constraint::Unique(columns.clone()));
        Constraints::new_unverified(primary.chain(unique).collect())
    }

    /// Statistics of the whole table; every figure is an estimate.
    pub fn statistics(&self) -> Statistics {
        let rows = |n: Option<u64>| match n.and_then(|n| usize::try_from(n).ok()) {
            Some(n) => Precision::Inexact(n),
            None => Precision::Absent,
        };
        Statistics {
            num_rows: rows(self.row_count),
            total_byte_size: rows(self.bytes),
            column_statistics: self.columns.iter().map(|c| c.statistics.clone().to_inexact()).collect(),
        }
    }
}

impl ColumnMeta {
    /// A column without statistics.
    pub fn new(field: FieldRef, remote_type: impl Into<String>) -> Self {
        Self {
            field,
            remote_type: remote_type.into(),
            attributes: BTreeMap::new(),
            default: None,
            statistics: ColumnStatistics::new_unknown(),
        }
    }

    /// Whether the source computes its values from other columns.
    pub fn is_generated(&self) -> bool {
        self.attributes.get("generated").is_some_and(|v| v == "true")
    }

    /// Whether the source counts its values up.
    pub fn is_identity(&self) -> bool {
        self.attributes.get("identity").is_some_and(|v| v == "true")
    }

    /// The column's name.
    pub fn name(&self) -> &str {
        self.field.name()
    }
}
