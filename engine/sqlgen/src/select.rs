//! Query blocks as data.

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

/// A query: one block, or the rows of several.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "a statement has few queries")]
pub enum Query {
    /// One block.
    Block(Select),
    /// All rows of all of them (UNION ALL); columns are matched by position.
    UnionAll(Vec<Query>),
}

/// `SELECT columns FROM from WHERE filters GROUP BY ... HAVING ... ORDER BY order LIMIT limit OFFSET offset`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Select {
    /// Each row once.
    pub distinct: bool,
    /// Output; no columns at all is allowed where the dialect allows it.
    pub columns: Vec<Expr>,
    /// Whether the columns are named `c0`, `c1`, ...
    pub named: bool,
    /// What is read.
    pub from: From,
    /// Filters, combined with AND.
    pub filters: Vec<Expr>,
    /// Groups.
    pub group: Group,
    /// Filters of groups, combined with AND.
    pub having: Vec<Expr>,
    /// Sort order.
    pub order: Vec<Order>,
    /// At most so many rows.
    pub limit: Option<u64>,
    /// Without the first so many rows.
    pub offset: u64,
}

/// GROUP BY.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Group {
    /// No clause: rows, or one group when there are aggregates.
    #[default]
    None,
    /// By these.
    By(Vec<Expr>),
    /// By each of these sets.
    Sets(Vec<Vec<Expr>>),
}

/// A table of the database.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// Schema.
    pub schema: String,
    /// Name.
    pub name: String,
    /// Only this table, without the tables that inherit from it.
    pub only: bool,
    /// Rows as they are after all merges of the table's engine (ClickHouse's FINAL).
    pub merged: bool,
}

/// What a block reads.
#[derive(Debug, Clone, PartialEq)]
pub enum From {
    /// A table, named `t` and the number where it has one.
    Table(Table, Option<usize>),
    /// The rows of a query, named `t` and the number.
    Query(Box<Query>, usize),
    /// A join of two.
    Join(Box<Join>),
    /// The rows of a text in the database's own language, which the database has accepted as one statement.
    Native {
        /// Text.
        text: String,
        /// Number of its columns, which become `c0`, `c1`, ...; 0 when they keep their own names.
        columns: usize,
        /// Its own name is `t` and this number.
        item: usize,
    },
}

impl Default for From {
    fn default() -> Self {
        Self::Table(Table::default(), None)
    }
}

/// A join.
#[derive(Debug, Clone, PartialEq)]
pub struct Join {
    /// Kind.
    pub kind: JoinKind,
    /// Left side.
    pub left: From,
    /// Right side.
    pub right: From,
    /// Conditions, combined with AND.
    pub on: Vec<Expr>,
}

/// Kinds of joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinKind {
    /// All pairs; it has no condition.
    Cross,
    /// Pairs that match.
    Inner,
    /// And left rows without a match.
    Left,
    /// And right rows without a match.
    Right,
    /// And both.
    Full,
    /// Left rows with a match; the right side has no columns outside the condition.
    LeftSemi,
    /// Left rows without a match; likewise.
    LeftAnti,
}

impl Select {
    /// A block without columns over a table.
    pub fn from_table(schema: impl Into<String>, table: impl Into<String>) -> Self {
        let table = Table { schema: schema.into(), name: table.into(), ..Table::default() };
        Self { from: From::Table(table, None), ..Self::default() }
    }

    /// Reads the table as it is after all merges of its engine, when the block reads one table.
    #[must_use]
    pub fn merged(mut self, merged: bool) -> Self {
        if let From::Table(table, _) = &mut self.from {
            table.merged = merged;
        }
        self
    }
}
