//! Which filters and orders the connector and the server compute exactly as Headwater does.
//!
//! One function, [`translate`], both decides and translates. It is an allow-list: whatever it does not know stays here.
//!
//! | column | filters | how |
//! |---|---|---|
//! | `_key`, parts of the key | `=`, IN, `LIKE 'text%'` | look-ups by key, or SCAN with a glob; every key is checked here before its value is read |
//! | `score` | ranges | `ZRANGE ... BYSCORE` |
//! | `timestamp` of streams and time series | ranges | `XRANGE`, `TS.RANGE` |
//! | `id` of streams | `=` | `XRANGE` |

use std::collections::BTreeSet;

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{Between, BinaryExpr, Like, Operator};
use datafusion::prelude::Expr;
use headwater_source::SortKey;

use crate::table::{Column, Kind, Role, Table};

/// What a filter asks of a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Test {
    /// The key or a part of it is one of these texts.
    In(Place, BTreeSet<Vec<u8>>),
    /// The key or a part of it begins with a text.
    Prefix(Place, Vec<u8>),
    Score(Scores),
    /// Milliseconds, both ends included.
    Time(Times),
    /// The identifier of a stream entry.
    Entry(String),
}

/// The whole key, or a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Key,
    Part(usize),
}

impl Test {
    /// Whether a key passes; tests of elements pass here.
    pub(crate) fn passes(&self, key: &[u8], parts: &[&[u8]]) -> bool {
        let at = |place: &Place| match place {
            Place::Key => Some(key),
            Place::Part(i) => parts.get(*i).copied(),
        };
        match self {
            Self::In(place, texts) => at(place).is_some_and(|text| texts.contains(text)),
            Self::Prefix(place, prefix) => at(place).is_some_and(|text| text.starts_with(prefix)),
            _ => true,
        }
    }
}

/// A range of scores; `None` is open.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Scores {
    pub(crate) low: Option<End>,
    pub(crate) high: Option<End>,
}

/// An end of a range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct End {
    pub(crate) value: f64,
    pub(crate) included: bool,
}

impl Scores {
    /// Whether a score is in the range. Both zeros are equal, and neither scores nor ends are NaN.
    pub(crate) fn holds(&self, score: f64) -> bool {
        let above = |end: End| score > end.value || (end.included && score == end.value);
        let below = |end: End| score < end.value || (end.included && score == end.value);
        self.low.is_none_or(above) && self.high.is_none_or(below)
    }

    /// The scores in both ranges.
    pub(crate) fn and(self, other: Self) -> Self {
        let tighter = |a: Option<End>, b: Option<End>, lower: bool| match (a, b) {
            (Some(a), Some(b)) if a.value == b.value => Some(End { included: a.included && b.included, ..a }),
            (Some(a), Some(b)) => Some(if (a.value > b.value) == lower { a } else { b }),
            (a, b) => a.or(b),
        };
        Self { low: tighter(self.low, other.low, true), high: tighter(self.high, other.high, false) }
    }
}

/// A range of points in time in milliseconds, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) low: i64,
    pub(crate) high: i64,
}

impl Times {
    pub(crate) const ALL: Self = Self { low: i64::MIN, high: i64::MAX };

    pub(crate) fn and(self, other: Self) -> Self {
        Self { low: self.low.max(other.low), high: self.high.min(other.high) }
    }
}

type Outcome = Result<Vec<Test>, String>;

/// Translates a filter into tests that must all pass, or says why it stays here.
pub(crate) fn translate(table: &Table, filter: &Expr) -> Outcome {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            let mut tests = translate(table, left)?;
            tests.extend(translate(table, right)?);
            Ok(tests)
        }
        Expr::BinaryExpr(BinaryExpr { op: Operator::Or, .. }) => either(table, filter),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => comparison(table, left, *op, right),
        Expr::Between(Between { expr, negated: false, low, high }) => {
            let mut tests = comparison(table, expr, Operator::GtEq, low)?;
            tests.extend(comparison(table, expr, Operator::LtEq, high)?);
            Ok(tests)
        }
        Expr::InList(InList { expr, list, negated: false }) => {
            let (column, _) = column_of(table, expr)?;
            let place = place(column)?;
            let text = |element: &Expr| match element {
                Expr::Literal(value, _) => key_text(column, value),
                other => Err(format!("`{other}` is not a value")),
            };
            Ok(vec![Test::In(place, list.iter().map(text).collect::<Result<_, _>>()?)])
        }
        Expr::Like(like) => prefix(table, like),
        other => Err(format!("`{other}` is computed here")),
    }
}

/// Equalities of one column that are combined with OR, without recursion along the chain.
fn either(table: &Table, filter: &Expr) -> Outcome {
    let (mut stack, mut found) = (vec![filter], None::<(Place, BTreeSet<Vec<u8>>)>);
    while let Some(expr) = stack.pop() {
        if let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) = expr {
            stack.extend([right.as_ref(), left.as_ref()]);
            continue;
        }
        let Some(Test::In(place, texts)) = only(translate(table, expr)?) else {
            return Err("alternatives of anything but values of one part of the key are computed here".into());
        };
        match &mut found {
            None => found = Some((place, texts)),
            Some((known, all)) if *known == place => all.extend(texts),
            Some(_) => return Err("alternatives of several columns are computed here".into()),
        }
    }
    found.map(|(place, texts)| vec![Test::In(place, texts)]).ok_or_else(|| "an empty filter".into())
}

fn only(tests: Vec<Test>) -> Option<Test> {
    let mut tests = tests.into_iter();
    tests.next().filter(|_| tests.len() == 0)
}

/// The column of an expression, and whether it is cast to microseconds, which changes no point in time.
fn column_of<'t>(table: &'t Table, expr: &Expr) -> Result<(&'t Column, bool), String> {
    let (inner, cast) = match expr {
        Expr::Cast(cast)
            if matches!(
                cast.field.data_type(),
                DataType::Timestamp(TimeUnit::Microsecond | TimeUnit::Millisecond, Some(_))
            ) =>
        {
            (cast.expr.as_ref(), true)
        }
        other => (other, false),
    };
    let Expr::Column(column) = inner else { return Err(format!("`{expr}` is not a plain column")) };
    let found = table.column(&column.name).ok_or_else(|| format!("`{}` is not a column of the table", column.name))?;
    if cast && found.role != Role::Timestamp {
        return Err(format!("`{expr}` is computed here"));
    }
    Ok((found, cast))
}

fn place(column: &Column) -> Result<Place, String> {
    match column.role {
        Role::Key => Ok(Place::Key),
        Role::Part(i) => Ok(Place::Part(i)),
        _ => Err(format!("`{}` is not part of the key; such filters are computed here", column.name)),
    }
}

/// The text of a value in a key.
fn key_text(column: &Column, value: &ScalarValue) -> Result<Vec<u8>, String> {
    use ScalarValue::{Binary, BinaryView, Int16, Int32, Int64, LargeBinary, LargeUtf8, Utf8, Utf8View};
    match (&column.data_type, value) {
        (_, value) if value.is_null() => Err(format!("`{}` is compared with NULL", column.name)),
        (DataType::Utf8, Utf8(Some(text)) | LargeUtf8(Some(text)) | Utf8View(Some(text))) => Ok(text.as_bytes().to_vec()),
        (DataType::Binary, Binary(Some(bytes)) | LargeBinary(Some(bytes)) | BinaryView(Some(bytes))) => Ok(bytes.clone()),
        (DataType::Int64, Int64(Some(number))) => Ok(number.to_string().into_bytes()),
        (DataType::Int32, Int32(Some(number))) => Ok(number.to_string().into_bytes()),
        (DataType::Int16, Int16(Some(number))) => Ok(number.to_string().into_bytes()),
        (own, other) => Err(format!("`{}` of type {own} is compared with a {}", column.name, other.data_type())),
    }
}

fn comparison(table: &Table, left: &Expr, op: Operator, right: &Expr) -> Outcome {
    let (expr, op, value) = match (left, right) {
        (column, Expr::Literal(value, _)) => (column, op, value),
        (Expr::Literal(value, _), column) => {
            (column, op.swap().ok_or_else(|| format!("the operator {op} is computed here"))?, value)
        }
        _ => return Err(format!("`{left} {op} {right}` is not a column compared with a value")),
    };
    let (column, _) = column_of(table, expr)?;
    match (&column.role, op) {
        (Role::Key | Role::Part(_), Operator::Eq) => {
            Ok(vec![Test::In(place(column)?, BTreeSet::from([key_text(column, value)?]))])
        }
        (Role::Score, _) => scores(column, op, value).map(|s| vec![Test::Score(s)]),
        (Role::Timestamp, _) => times(column, op, value).map(|t| vec![Test::Time(t)]),
        (Role::EntryId, Operator::Eq) => {
            let text = key_text(column, value)?;
            let text = String::from_utf8(text).ok().filter(|t| is_entry_id(t));
            text.map(|t| vec![Test::Entry(t)])
                .ok_or_else(|| format!("`{}` is compared with what is no identifier", column.name))
        }
        _ => Err(format!("`{expr} {op} {value}` is computed here")),
    }
}

/// Whether a text is the identifier of an entry as the server writes it.
fn is_entry_id(text: &str) -> bool {
    let number = |t: &str| t.parse::<u64>().is_ok_and(|n| n.to_string() == t);
    text.split_once('-').is_some_and(|(time, sequence)| number(time) && number(sequence))
}

fn scores(column: &Column, op: Operator, value: &ScalarValue) -> Result<Scores, String> {
    let ScalarValue::Float64(Some(value)) = value else {
        return Err(format!("`{}` is compared with a {}", column.name, value.data_type()));
    };
    if value.is_nan() {
        return Err(format!("`{}` is compared with NaN", column.name));
    }
    let end = |included| Some(End { value: *value, included });
    Ok(match op {
        Operator::Eq => Scores { low: end(true), high: end(true) },
        Operator::Lt => Scores { low: None, high: end(false) },
        Operator::LtEq => Scores { low: None, high: end(true) },
        Operator::Gt => Scores { low: end(false), high: None },
        Operator::GtEq => Scores { low: end(true), high: None },
        other => return Err(format!("the operator {other} is computed here")),
    })
}

fn times(column: &Column, op: Operator, value: &ScalarValue) -> Result<Times, String> {
    let refuse = || format!("`{}` is compared with a {}", column.name, value.data_type());
    let (number, unit) = match value {
        ScalarValue::TimestampSecond(Some(n), Some(_)) => (i128::from(*n) * 1_000, 1),
        ScalarValue::TimestampMillisecond(Some(n), Some(_)) => (i128::from(*n), 1),
        ScalarValue::TimestampMicrosecond(Some(n), Some(_)) => (i128::from(*n), 1_000),
        ScalarValue::TimestampNanosecond(Some(n), Some(_)) => (i128::from(*n), 1_000_000),
        _ => return Err(refuse()),
    };
    // The first millisecond that is not before the value, and the last that is not after it.
    let (floor, whole) = (number.div_euclid(unit), number.rem_euclid(unit) == 0);
    let ceiling = if whole { floor } else { floor + 1 };
    let clamped = |n: i128| i64::try_from(n.clamp(i128::from(i64::MIN), i128::from(i64::MAX))).unwrap_or_default();
    let below = |n: i128| Times { high: clamped(n), ..Times::ALL };
    let above = |n: i128| Times { low: clamped(n), ..Times::ALL };
    Ok(match op {
        Operator::Eq => below(floor).and(above(ceiling)),
        Operator::Lt => below(ceiling - 1),
        Operator::LtEq => below(floor),
        Operator::Gt => above(floor + 1),
        Operator::GtEq => above(ceiling),
        other => return Err(format!("the operator {other} is computed here")),
    })
}

fn prefix(table: &Table, like: &Like) -> Outcome {
    let Expr::Literal(pattern, _) = like.pattern.as_ref() else {
        return Err(format!("`{}` is not compared with a fixed pattern", like.expr));
    };
    let (column, _) = column_of(table, &like.expr)?;
    if like.negated || like.case_insensitive || like.escape_char.is_some() || column.data_type != DataType::Utf8 {
        return Err(format!("`{}`: this pattern is computed here", column.name));
    }
    let text = key_text(column, pattern)?;
    match text.split_last() {
        Some((b'%', prefix)) if !prefix.iter().any(|b| matches!(b, b'%' | b'_' | b'\\')) => {
            Ok(vec![Test::Prefix(place(column)?, prefix.to_vec())])
        }
        _ => Err(format!("`{}`: only patterns that are a text before one % are computed by the source", column.name)),
    }
}

/// Whether the first rows in an order are read in this order, and whether it is the largest that come first.
pub(crate) fn descends(table: &Table, keys: &[SortKey]) -> Result<bool, String> {
    let role = |key: &SortKey| table.column(&key.column).map(|c| &c.role);
    let [first, rest @ ..] = keys else { return Err("no order".into()) };
    let sorted = match (table.kind, role(first), rest) {
        (Kind::SortedSet, Some(Role::Score), []) => true,
        (Kind::SortedSet, Some(Role::Rank), []) => !first.descending,
        (Kind::SortedSet, Some(Role::Score), [second]) => {
            // Members of one score are in the order of their bytes.
            let bytes = |c: &Column| matches!(c.data_type, DataType::Utf8 | DataType::Binary);
            role(second) == Some(&Role::Member)
                && table.column(&second.column).is_some_and(bytes)
                && second.descending == first.descending
        }
        (Kind::Stream | Kind::TimeSeries, Some(Role::Timestamp), []) => true,
        _ => false,
    };
    match sorted {
        true => Ok(first.descending),
        false => Err("only scores, ranks and timestamps are read in their order".into()),
    }
}
