//! What a database says about its columns and about what it computes exactly as Headwater does.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Debug;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::prelude::Expr as PlanExpr;
use headwater_source::{TableMeta, TableName};

use crate::expr::{Expr, Frame, Operator};
use crate::select::Table;

/// The order and equality of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collation {
    /// Name, as a user knows it.
    pub name: String,
    /// Whether only equal bytes are equal.
    pub deterministic: bool,
}

/// How values behave; values of one class compare with each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Class {
    /// True or false.
    Bool,
    /// Whole numbers.
    Integer,
    /// Numbers with a fixed number of decimal places.
    Decimal,
    /// Floating point: zeros and NaN compare otherwise at the source.
    Float,
    /// Floating point that is neither NaN nor minus zero nor infinite: it compares as here.
    Finite,
    /// Texts.
    Text(Collation),
    /// Texts here, values of a type of its own at the source, whose order and equality are those of the texts.
    Uuid,
    /// Texts here, labels with a number at the source.
    Label,
    /// Bytes.
    Bytes,
    /// Days.
    Date,
    /// Times of day.
    Time,
    /// Points in time; `true` when they are of UTC.
    Timestamp(bool),
    /// Lengths of time.
    Interval,
    /// Only passed on, counted and tested for null; why.
    Opaque(String),
    /// Only passed on; why.
    Foreign(String),
    /// Not even passed on; why.
    Missing(String),
}

/// What is known of the values that an expression has at the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// How they behave.
    pub class: Class,
    /// Arrow type they arrive as.
    pub arrow: DataType,
    /// The source's name of the type it sends.
    pub remote_type: String,
    /// What the connector needs to read them.
    pub attributes: BTreeMap<String, String>,
}

/// A typed expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// Expression, valid inside its block.
    pub expr: Expr,
    /// What is known of its values.
    pub fact: Fact,
    /// What it is cast to when it leaves its block, so that it has exactly the type that `fact` says.
    pub cast: Option<Cow<'static, str>>,
    /// Its value when it is a literal.
    pub constant: Option<ScalarValue>,
    /// Whether it is a literal, or a column that was one in a block below.
    pub fixed: bool,
    /// The column it is, as a user names it.
    pub origin: Option<String>,
}

impl Value {
    /// The expression as it leaves its block.
    pub fn output(&self) -> Expr {
        match &self.cast {
            Some(cast) => self.expr.clone().cast(cast.clone()),
            None => self.expr.clone(),
        }
    }

    /// Whether writing it twice costs nothing.
    pub fn is_plain(&self) -> bool {
        matches!(self.expr, Expr::Field(..) | Expr::Output(..) | Expr::Value(_))
    }

    /// The column, as a user names it, or what stands for it.
    pub fn name(&self) -> &str {
        self.origin.as_deref().unwrap_or("the value")
    }

    /// An error for values that may only be passed on.
    pub fn usable(&self) -> Result<(), String> {
        match &self.fact.class {
            Class::Opaque(reason) | Class::Foreign(reason) | Class::Missing(reason) => Err(reason.clone()),
            _ => Ok(()),
        }
    }
}

/// The decimal places of a type, when it is a decimal.
pub fn scale(arrow: &DataType) -> Option<i8> {
    match arrow {
        DataType::Decimal128(_, s) | DataType::Decimal256(_, s) => Some(*s),
        _ => None,
    }
}

/// A column as the database describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnFact {
    /// What is known of its values.
    pub fact: Fact,
    /// What it is cast to when it is sent.
    pub cast: Option<Cow<'static, str>>,
    /// The source's mark of its type, for noticing changes.
    pub mark: String,
}

/// Parts of a query that not every database has, or has with another meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Joins that keep rows without a match.
    OuterJoin,
    /// FULL JOIN.
    FullJoin,
    /// EXISTS of a query that sees the columns around it; else joins are sent as SEMI and ANTI JOIN.
    CorrelatedExists,
    /// A join as the right side of a join.
    NestedJoin,
    /// Joins on computed values; else they become columns of a block below.
    ComputedJoinKey,
    /// Joins without `=`; else they are pairs with a filter, or compare [`Database::constant_key`] of both sides.
    UnequalJoin,
    /// Joins on `IS NOT DISTINCT FROM`.
    NullEqualJoin,
    /// GROUPING SETS.
    GroupingSets,
    /// Keys that are null in the rows of a grouping set that leaves them out, and a row for the set of no keys whatever else is
    /// asked for; else `grouping` tells these rows apart, and something is counted.
    NullsOfGroupingSets,
    /// Groups by a constant.
    ConstantGroup,
    /// Functions over windows.
    Window,
    /// A query as a value.
    ScalarQuery,
    /// IN with a query.
    InQuery,
}

/// A database that computes sub-plans.
pub trait Database: Debug {
    /// Name of the source.
    fn source(&self) -> &str;

    /// A table as FROM item.
    fn table(&self, table: &TableName) -> Result<Table, String>;

    /// A column of a table.
    fn column(&self, table: &TableName, column: &str) -> Result<ColumnFact, String>;

    /// Whether a filter on a table is known to return at least the right rows, so that another node checks it again.
    fn is_superset(&self, table: &TableMeta, filter: &PlanExpr) -> bool;

    /// The type that computed values of an Arrow type are sent as, and its name.
    fn computed(&self, arrow: &DataType) -> Option<(Fact, Cow<'static, str>)>;

    /// Whether a value can be written exactly.
    fn literal(&self, value: &ScalarValue) -> Result<(), String>;

    /// Whether it has a part of a query, with the same meaning.
    fn supports(&self, part: Part) -> Result<(), String>;

    /// The value as a text, when the source makes the same one.
    fn text(&self, value: &Value) -> Result<Expr, String>;

    /// The text that orders by bytes.
    fn byte_order(&self, text: Expr) -> Result<Expr, String>;

    /// A text as a literal of the type of a [`Class::Uuid`] or [`Class::Label`] value, when the text has the form that the
    /// source prints and there is such a literal.
    fn text_literal(&self, text: &str, of: &Value) -> Option<Expr>;

    /// Whether values that are equal here, and only these, are one group there.
    fn group_key(&self, value: &Value) -> Result<(), String>;

    /// Whether a null there is a null here.
    fn null_test(&self, value: &Value) -> Result<(), String>;

    /// Whether it is null where an outer join finds no match.
    fn null_without_match(&self, _value: &Value) -> Result<(), String> {
        Ok(())
    }

    /// A value that is the same in every row and not null, by which a database joins that needs something to compare; it does
    /// not join by other constants.
    fn constant_key(&self) -> Option<Value> {
        None
    }

    /// The frame that is written for a function over a window that looks at no frame; none where it may have none.
    fn window_frame(&self, _function: &str, frame: Frame) -> Option<Frame> {
        Some(frame)
    }

    /// A text matched with a pattern without escapes.
    fn like(&self, value: &Value, pattern: &str, negated: bool) -> Result<Expr, String>;

    /// Arithmetic on two values; `result` is the type of the result.
    fn arithmetic(&self, left: &Value, operator: Operator, right: &Value, result: &DataType) -> Result<Value, String>;

    /// A cast.
    fn cast(&self, value: &Value, to: &DataType) -> Result<Value, String>;

    /// A scalar function by DataFusion's name.
    fn function(&self, name: &str, arguments: &[Value], result: &DataType) -> Result<Value, String>;

    /// An aggregate function by DataFusion's name; no arguments is `count(*)`.
    fn aggregate(&self, call: &AggregateCall, result: &DataType) -> Result<Value, String>;

    /// A window function by DataFusion's name that is no aggregate function.
    fn window(&self, name: &str, arguments: &[Value], result: &DataType) -> Result<Value, String>;

    /// A computed value, cast to its type when it leaves its block.
    fn value(&self, expr: Expr, arrow: &DataType) -> Result<Value, String> {
        let (fact, name) = self.computed(arrow).ok_or_else(|| format!("the source has no type for {arrow}"))?;
        Ok(Value { expr, fact, cast: Some(name), constant: None, fixed: false, origin: None })
    }
}

/// A call of an aggregate function.
#[derive(Debug, Clone)]
pub struct AggregateCall {
    /// DataFusion's name.
    pub name: String,
    /// Arguments.
    pub arguments: Vec<Value>,
    /// Each value once.
    pub distinct: bool,
    /// Only rows for which this is true.
    pub filter: Option<Expr>,
    /// Whether it is called over a window.
    pub over_window: bool,
}

/// Why a function is computed here that is on no list of what sources compute in the same way.
pub fn why_here(function: &str) -> String {
    let why = match function {
        "avg" => return "an average is computed here, from sum and count".to_owned(),
        "stddev" | "stddev_pop" | "stddev_samp" | "var" | "var_pop" | "var_samp" | "corr" | "covar_pop" | "covar_samp" => {
            "adds floating point, so its last digits depend on the order of the rows"
        }
        name if name.starts_with("regr_") => "adds floating point, so its last digits depend on the order of the rows",
        name if name.starts_with("approx_") => "is an estimate, which is another one at the source",
        "array_agg" | "string_agg" | "first_value" | "last_value" | "nth_value" => "depends on the order of the rows",
        "median" | "percentile_cont" | "quantile_cont" => "divides between two values otherwise at the source",
        name if name.starts_with("regexp_") => "has other regular expressions at the source",
        "to_char" | "date_format" | "to_date" | "to_timestamp" => "has other formats at the source",
        "round" | "exp" | "ln" | "log" | "log10" | "log2" | "power" | "sqrt" | "cbrt" | "sin" | "cos" | "tan" => {
            "rounds otherwise at the source"
        }
        _ => return format!("the function {function} is computed here"),
    };
    format!("the function {function} {why}")
}
