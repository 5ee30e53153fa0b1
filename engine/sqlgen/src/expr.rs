//! Expressions that a remote database computes.

use std::borrow::Cow;

use datafusion::common::ScalarValue;

use crate::select::{Order, Query};

/// A binary operator that means the same in every supported database for the types it is used with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `=`
    Eq,
    /// `<>`
    NotEq,
    /// `<`
    Lt,
    /// `<=`
    LtEq,
    /// `>`
    Gt,
    /// `>=`
    GtEq,
    /// `IS DISTINCT FROM`
    IsDistinctFrom,
    /// `IS NOT DISTINCT FROM`
    IsNotDistinctFrom,
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `*`
    Multiply,
    /// `/` of whole numbers, cut off towards zero.
    Divide,
    /// The remainder of that division, with the sign of the dividend.
    Modulo,
    /// Two texts as one; null when one is.
    Concat,
    /// The bits that both have.
    BitAnd,
    /// The bits that either has.
    BitOr,
    /// The bits moved to the right.
    ShiftRight,
}

impl Operator {
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::NotEq => "<>",
            Self::Lt => "<",
            Self::LtEq => "<=",
            Self::Gt => ">",
            Self::GtEq => ">=",
            Self::IsDistinctFrom => "IS DISTINCT FROM",
            Self::IsNotDistinctFrom => "IS NOT DISTINCT FROM",
            Self::Plus => "+",
            Self::Minus => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
            Self::Concat => "||",
            Self::BitAnd => "&",
            Self::BitOr => "|",
            Self::ShiftRight => ">>",
        }
    }

    /// The operator with its sides exchanged, when it is a comparison.
    pub fn mirrored(self) -> Option<Self> {
        match self {
            Self::Lt => Some(Self::Gt),
            Self::LtEq => Some(Self::GtEq),
            Self::Gt => Some(Self::Lt),
            Self::GtEq => Some(Self::LtEq),
            Self::Eq | Self::NotEq | Self::IsDistinctFrom | Self::IsNotDistinctFrom => Some(self),
            Self::Plus | Self::Minus | Self::Multiply | Self::Divide | Self::Modulo | Self::Concat => None,
            Self::BitAnd | Self::BitOr | Self::ShiftRight => None,
        }
    }

    /// Whether it asks which side is larger.
    pub fn is_order(self) -> bool {
        matches!(self, Self::Lt | Self::LtEq | Self::Gt | Self::GtEq)
    }
}

/// An expression. Connectors build it from an allow-list; the writer only writes it down.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// A column, by the name discovery found.
    Column(String),
    /// A column of the FROM item with this number, by the name discovery found.
    Field(usize, String),
    /// An output column, by its number, of the block that is the FROM item with the first number.
    Output(usize, usize),
    /// A value with its type.
    Value(ScalarValue),
    /// A text that the database reads as a value of one of its own types, such as `uuid`; the type is a constant of the
    /// connector or the catalog's own text for it.
    Typed(String, Cow<'static, str>),
    /// A cast to one of the database's types; the name is made of constants of the connector and numbers.
    Cast(Box<Expr>, Cow<'static, str>),
    /// The same, which refuses a value that does not fit.
    CheckedCast(Box<Expr>, Cow<'static, str>),
    /// A text compared and sorted by its bytes.
    ByteOrder(Box<Expr>),
    /// Two sides and an operator.
    Binary(Box<Expr>, Operator, Box<Expr>),
    /// All of them (AND); true when empty.
    All(Vec<Expr>),
    /// Any of them (OR); false when empty.
    Any(Vec<Expr>),
    /// Not.
    Not(Box<Expr>),
    /// Whether it is null.
    IsNull(Box<Expr>),
    /// Whether it is not null.
    IsNotNull(Box<Expr>),
    /// Whether it is true; never null.
    IsTrue(Box<Expr>),
    /// Whether it is false; never null.
    IsFalse(Box<Expr>),
    /// Whether it is unknown (null); never null.
    IsUnknown(Box<Expr>),
    /// Whether it is one of a list.
    InList {
        /// Left side.
        expr: Box<Expr>,
        /// Elements.
        list: Vec<Expr>,
        /// NOT IN.
        negated: bool,
    },
    /// Whether it matches a pattern.
    Like {
        /// Left side.
        expr: Box<Expr>,
        /// Pattern with `%` and `_`.
        pattern: String,
        /// Escape character.
        escape: char,
        /// NOT LIKE.
        negated: bool,
    },
    /// Number of rows.
    CountRows,
    /// A function; the name is a constant of the connector.
    Call(&'static str, Vec<Expr>),
    /// An aggregate function.
    Aggregate(Box<Aggregate>),
    /// A function over a window.
    Window(Box<Window>),
    /// The value of the first condition that is true.
    Case {
        /// Conditions with their values.
        branches: Vec<(Expr, Expr)>,
        /// Value when none is true.
        otherwise: Option<Box<Expr>>,
    },
    /// Whether a query has rows.
    Exists {
        /// The query; its columns do not matter.
        query: Box<Query>,
        /// NOT EXISTS.
        negated: bool,
    },
    /// Whether some row of a query is equal.
    InQuery {
        /// Left side, as many as the query has columns.
        exprs: Vec<Expr>,
        /// The query.
        query: Box<Query>,
        /// NOT IN.
        negated: bool,
    },
    /// The only value of a query; null when it has no row.
    Scalar(Box<Query>),
    /// Rows whose physical place is in blocks `[from, to)`; open at the end when `None` (PostgreSQL's `ctid`).
    Blocks {
        /// Number of the FROM item, where there are several.
        item: Option<usize>,
        /// First block.
        from: u64,
        /// Block after the last one.
        to: Option<u64>,
    },
}

/// An aggregate function with its clauses.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// Name, a constant of the connector.
    pub function: &'static str,
    /// Arguments; none is `count(*)`.
    pub arguments: Vec<Expr>,
    /// Each value once.
    pub distinct: bool,
    /// Only rows for which this is true.
    pub filter: Option<Expr>,
}

/// A function over a window.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// The function: a call or an aggregate.
    pub function: Expr,
    /// PARTITION BY.
    pub partition: Vec<Expr>,
    /// ORDER BY.
    pub order: Vec<Order>,
    /// Frame, where the function has one.
    pub frame: Option<Frame>,
}

/// The rows of a window that count for a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Whether bounds count rows; otherwise they count groups of equal rows.
    pub rows: bool,
    /// First row.
    pub start: Bound,
    /// Last row.
    pub end: Bound,
}

/// One end of a [`Frame`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// The first row of the partition.
    UnboundedPreceding,
    /// So many rows before; only in frames of rows.
    Preceding(u64),
    /// The row itself.
    CurrentRow,
    /// So many rows after; only in frames of rows.
    Following(u64),
    /// The last row of the partition.
    UnboundedFollowing,
}

impl Expr {
    /// A column.
    pub fn column(name: impl Into<String>) -> Self {
        Self::Column(name.into())
    }

    /// A comparison or an arithmetic operation.
    pub fn compare(left: Expr, operator: Operator, right: Expr) -> Self {
        Self::Binary(Box::new(left), operator, Box::new(right))
    }

    /// A cast.
    pub fn cast(self, type_name: impl Into<Cow<'static, str>>) -> Self {
        Self::Cast(Box::new(self), type_name.into())
    }

    /// The same text, compared by bytes.
    pub fn byte_order(self) -> Self {
        Self::ByteOrder(Box::new(self))
    }
}
