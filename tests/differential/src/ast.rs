//! Queries as trees: generated, printed in each dialect and made smaller.

use crate::value::{Type, Value};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Eq,
    NotEq,
    Lt,
    LtEq,
    Gt,
    GtEq,
    Distinct,
    NotDistinct,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Truth {
    True,
    NotTrue,
    False,
    NotFalse,
    Unknown,
    NotUnknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Plus,
    Minus,
    Times,
    Divide,
    Modulo,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Abs,
    Negate,
    Length,
    Lower,
    Upper,
    Substring,
    Trim,
    Replace,
    JoinTexts,
    Concat,
    StartsWith,
    Position,
    Coalesce,
    NullIf,
    Greatest,
    Least,
    Left,
    Right,
    TrimStart,
    TrimEnd,
    Reverse,
    Repeat,
    SplitPart,
    Bytes,
    Floor,
    Ceil,
    Round,
    Year,
    Quarter,
    Month,
    Week,
    Day,
    DayOfYear,
    DayOfWeek,
    Hour,
    Minute,
    Second,
    TruncateYear,
    TruncateQuarter,
    TruncateMonth,
    TruncateWeek,
    TruncateDay,
    TruncateHour,
    NextMonth,
    NextDay,
    LaterHours,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AggregateFunction {
    CountRows,
    Count,
    Sum,
    Min,
    Max,
    Average,
    BoolAnd,
    BoolOr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WindowFunction {
    RowNumber,
    Rank,
    DenseRank,
    Lag,
    Lead,
    FirstValue,
    LastValue,
    NthValue,
    Ntile,
    PercentRank,
    CumulativeShare,
    Aggregate(AggregateFunction),
}

/// A key of ORDER BY.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Key {
    pub(crate) expr: Expr,
    pub(crate) descending: bool,
    pub(crate) nulls_first: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expr {
    Column {
        table: String,
        name: String,
        ty: Type,
    },
    Literal(Value, Type),
    Not(Box<Expr>),
    All(Vec<Expr>),
    Any(Vec<Expr>),
    Compare(Comparison, Box<[Expr; 2]>),
    IsNull {
        expr: Box<Expr>,
        negated: bool,
    },
    Truth(Truth, Box<Expr>),
    InList {
        expr: Box<Expr>,
        list: Vec<Expr>,
        negated: bool,
    },
    Between {
        parts: Box<[Expr; 3]>,
        negated: bool,
    },
    Like {
        expr: Box<Expr>,
        pattern: String,
        negated: bool,
        insensitive: bool,
    },
    Case {
        whens: Vec<(Expr, Expr)>,
        otherwise: Option<Box<Expr>>,
        ty: Type,
    },
    Arithmetic(Arithmetic, Box<[Expr; 2]>),
    Call {
        function: Function,
        arguments: Vec<Expr>,
        ty: Type,
    },
    Cast(Box<Expr>, Type),
    Exists {
        query: Box<Query>,
        negated: bool,
    },
    InQuery {
        expr: Box<Expr>,
        query: Box<Query>,
        negated: bool,
    },
    Scalar {
        query: Box<Query>,
        ty: Type,
    },
    Aggregate {
        function: AggregateFunction,
        argument: Option<Box<Expr>>,
        distinct: bool,
        filter: Option<Box<Expr>>,
        ty: Type,
    },
    Window {
        function: WindowFunction,
        arguments: Vec<Expr>,
        partition: Vec<Expr>,
        order: Vec<Key>,
        /// Rows before and after the current one.
        frame: Option<(u32, u32)>,
        ty: Type,
    },
    /// `GROUPING(key)`.
    Grouping(Box<Expr>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Join {
    /// The first table of FROM.
    First,
    Cross,
    Inner,
    Left,
    Right,
    Full,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Relation {
    Base(String),
    Cte(String),
    Derived(Box<Query>),
    /// A query that may name columns of the tables before it.
    Lateral(Box<Query>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct From {
    pub(crate) join: Join,
    pub(crate) relation: Relation,
    pub(crate) alias: String,
    pub(crate) on: Option<Expr>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Grouping {
    None,
    Keys(Vec<Expr>),
    Rollup(Vec<Expr>),
    Cube(Vec<Expr>),
    /// Each set names keys by position.
    Sets(Vec<Expr>, Vec<Vec<usize>>),
}

/// The first row of each group of rows, by a unique order: DISTINCT ON.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct First {
    pub(crate) keys: Vec<Expr>,
    pub(crate) order: Vec<Key>,
}

/// A SELECT block; its columns are named `c0`, `c1`, ...
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Select {
    pub(crate) distinct: bool,
    pub(crate) first: Option<First>,
    pub(crate) items: Vec<Expr>,
    pub(crate) from: Vec<From>,
    pub(crate) filter: Option<Expr>,
    pub(crate) grouping: Grouping,
    pub(crate) having: Option<Expr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SetOperator {
    Union,
    Intersect,
    Except,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Body {
    Select(Box<Select>),
    Set { operator: SetOperator, all: bool, sides: Box<[Body; 2]> },
}

/// A query; `order` names output columns by position.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Query {
    pub(crate) ctes: Vec<(String, Query)>,
    pub(crate) body: Body,
    pub(crate) order: Vec<(usize, bool, bool)>,
    pub(crate) limit: Option<u64>,
    pub(crate) offset: Option<u64>,
}

impl Expr {
    pub(crate) fn ty(&self) -> Type {
        match self {
            Expr::Column { ty, .. }
            | Expr::Literal(_, ty)
            | Expr::Case { ty, .. }
            | Expr::Call { ty, .. }
            | Expr::Cast(_, ty)
            | Expr::Scalar { ty, .. }
            | Expr::Aggregate { ty, .. }
            | Expr::Window { ty, .. } => *ty,
            Expr::Arithmetic(_, sides) => sides[0].ty(),
            Expr::Grouping(_) => Type::Int8,
            _ => Type::Bool,
        }
    }

    pub(crate) fn compare(op: Comparison, left: Expr, right: Expr) -> Expr {
        Expr::Compare(op, Box::new([left, right]))
    }

    /// Direct sub-expressions.
    pub(crate) fn children_mut(&mut self) -> Vec<&mut Expr> {
        match self {
            Expr::Column { .. } | Expr::Literal(..) | Expr::Exists { .. } | Expr::Scalar { .. } => Vec::new(),
            Expr::Not(e)
            | Expr::IsNull { expr: e, .. }
            | Expr::Truth(_, e)
            | Expr::Like { expr: e, .. }
            | Expr::Cast(e, _)
            | Expr::InQuery { expr: e, .. }
            | Expr::Grouping(e) => vec![e.as_mut()],
            Expr::All(list) | Expr::Any(list) | Expr::Call { arguments: list, .. } => list.iter_mut().collect(),
            Expr::Compare(_, sides) | Expr::Arithmetic(_, sides) => sides.iter_mut().collect(),
            Expr::Between { parts, .. } => parts.iter_mut().collect(),
            Expr::InList { expr, list, .. } => std::iter::once(expr.as_mut()).chain(list.iter_mut()).collect(),
            Expr::Case { whens, otherwise, .. } => {
                let whens = whens.iter_mut().flat_map(|(when, then)| [when, then]);
                whens.chain(otherwise.iter_mut().map(Box::as_mut)).collect()
            }
            Expr::Aggregate { argument, filter, .. } => {
                argument.iter_mut().chain(filter.iter_mut()).map(Box::as_mut).collect()
            }
            Expr::Window { arguments, partition, order, .. } => {
                arguments.iter_mut().chain(partition.iter_mut()).chain(order.iter_mut().map(|k| &mut k.expr)).collect()
            }
        }
    }

    /// The sub-query of a sub-query expression.
    pub(crate) fn query_mut(&mut self) -> Option<&mut Query> {
        match self {
            Expr::Exists { query, .. } | Expr::InQuery { query, .. } | Expr::Scalar { query, .. } => Some(query.as_mut()),
            _ => None,
        }
    }
}

impl Select {
    /// Every expression of the block.
    pub(crate) fn expressions_mut(&mut self) -> Vec<&mut Expr> {
        let mut all: Vec<&mut Expr> = self.items.iter_mut().collect();
        all.extend(self.from.iter_mut().filter_map(|f| f.on.as_mut()));
        all.extend(self.filter.iter_mut());
        match &mut self.grouping {
            Grouping::None => {}
            Grouping::Keys(keys) | Grouping::Rollup(keys) | Grouping::Cube(keys) | Grouping::Sets(keys, _) => {
                all.extend(keys.iter_mut());
            }
        }
        all.extend(self.having.iter_mut());
        all
    }
}

impl Body {
    /// The first block: it names the columns and their types.
    pub(crate) fn first(&self) -> &Select {
        match self {
            Body::Select(select) => select,
            Body::Set { sides, .. } => sides[0].first(),
        }
    }
}

impl Query {
    /// A query of one block.
    pub(crate) fn select(select: Select) -> Self {
        Self { ctes: Vec::new(), body: Body::Select(Box::new(select)), order: Vec::new(), limit: None, offset: None }
    }

    /// Types of the columns.
    pub(crate) fn types(&self) -> Vec<Type> {
        self.body.first().items.iter().map(Expr::ty).collect()
    }
}
