//! Expressions that a remote database computes.

use datafusion::common::ScalarValue;

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
            Self::Plus | Self::Minus | Self::Multiply => None,
        }
    }
}

/// An expression. Connectors build it from an allow-list; the writer only writes it down.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// A column, by the name discovery found.
    Column(String),
    /// A value with its type.
    Value(ScalarValue),
    /// A text that the database reads as a value of one of its own types, such as `uuid`.
    Typed(String, &'static str),
    /// A cast to one of the database's types; the name is a constant of the connector.
    Cast(Box<Expr>, &'static str),
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
    /// Rows whose physical place is in blocks `[from, to)`; open at the end when `None` (PostgreSQL's `ctid`).
    Blocks(u64, Option<u64>),
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
    pub fn cast(self, type_name: &'static str) -> Self {
        Self::Cast(Box::new(self), type_name)
    }

    /// The same text, compared by bytes.
    pub fn byte_order(self) -> Self {
        Self::ByteOrder(Box::new(self))
    }
}
