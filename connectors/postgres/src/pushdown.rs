//! Which filters and orders the server computes exactly as Headwater does, and their text.
//!
//! One function, [`translate`], both decides and translates, so what is promised and what is sent cannot differ. It is an
//! allow-list: whatever it does not know stays here.
//!
//! | types | operators | why exact |
//! |---|---|---|
//! | integers, decimals, dates, times, timestamps, bool, bytea, uuid | all comparisons, IN | same order and equality on both sides |
//! | text, varchar, name | `=`, `<>`, IN | a deterministic collation has byte equality |
//! | text, varchar, name | `<`, `>=`, ..., LIKE without escapes | compared with `COLLATE "C"`: UTF-8 bytes, as here |
//! | float4, float8 | `=` and IN with values that are neither zero nor NaN | only zeros and NaN compare differently |
//! | float4, float8 | ranges | as a superset: NaN is added and checked again here |
//! | every type but those that are or may be composite | IS NULL, IS NOT NULL | |
//!
//! A column whose values an option changes (infinity as null, say) is left alone: the server would see other values.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{Between, BinaryExpr, Like, Operator};
use datafusion::prelude::Expr;
use headwater_source::arithmetic;
use headwater_sqlgen as sql;

use crate::types::{NumericForm, PgKind, PgType, Unrepresentable};

/// What is known of a table's columns.
pub(crate) struct Columns<'a> {
    /// Name and type.
    pub(crate) types: &'a [(String, PgType)],
    /// Whether a column's collation is deterministic.
    pub(crate) deterministic: &'a dyn Fn(&str) -> bool,
    /// Whether the database's encoding is UTF-8.
    pub(crate) utf8: bool,
    /// What infinite dates and times become.
    pub(crate) infinity: Unrepresentable,
}

/// A translated filter.
#[derive(Debug)]
pub(crate) struct Translated {
    pub(crate) expr: sql::Expr,
    /// Same rows as here; otherwise at least the rows from here.
    pub(crate) exact: bool,
}

type Outcome = Result<Translated, String>;

fn exact(expr: sql::Expr) -> Outcome {
    Ok(Translated { expr, exact: true })
}

/// How values of a column compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Plain,
    Bool,
    Text,
    Float,
    Uuid,
    Enum,
    Opaque,
}

impl Columns<'_> {
    fn find(&self, name: &str) -> Result<&PgType, String> {
        let found = self.types.iter().find(|(n, _)| n == name).map(|(_, t)| t);
        found.ok_or_else(|| format!("`{name}` is not a column of the table"))
    }

    fn family(&self, name: &str) -> Result<Family, String> {
        let pg_type = self.find(name)?;
        let temporal = matches!(pg_type.kind(), PgKind::Date | PgKind::Time | PgKind::Timestamp | PgKind::TimestampTz);
        if pg_type.may_become_null() || (temporal && self.infinity != Unrepresentable::Error) {
            return Err(format!("`{name}`: an option of the source changes values of type {}", pg_type.name()));
        }
        Ok(match pg_type.kind() {
            PgKind::Bool => Family::Bool,
            PgKind::Int2 | PgKind::Int4 | PgKind::Int8 | PgKind::Bytea => Family::Plain,
            PgKind::Date | PgKind::Time | PgKind::Timestamp | PgKind::TimestampTz => Family::Plain,
            PgKind::Numeric(NumericForm::Decimal128(..) | NumericForm::Decimal256(..)) => Family::Plain,
            PgKind::Text | PgKind::Varchar | PgKind::Name => Family::Text,
            PgKind::Float4 | PgKind::Float8 => Family::Float,
            PgKind::Uuid => Family::Uuid,
            PgKind::Enum(_) => Family::Enum,
            _ => Family::Opaque,
        })
    }

    /// The column as a key of ORDER BY, when the server's order is the same as here.
    pub(crate) fn sort_key(&self, name: &str) -> Result<sql::Expr, String> {
        match self.family(name)? {
            Family::Plain | Family::Bool | Family::Uuid => Ok(sql::Expr::column(name)),
            Family::Text if self.utf8 => Ok(sql::Expr::column(name).byte_order()),
            Family::Float => Err(format!("`{name}`: the server orders zeros and NaN otherwise")),
            _ => Err(format!("`{name}`: values of type {} have another order here", self.find(name)?.name())),
        }
    }
}

/// Translates a filter, or says why it stays here.
pub(crate) fn translate(columns: &Columns<'_>, filter: &Expr) -> Outcome {
    match filter {
        Expr::BinaryExpr(BinaryExpr { op: op @ (Operator::And | Operator::Or), .. }) => chain(columns, filter, *op),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => comparison(columns, left, *op, right),
        Expr::Not(inner) => {
            let inner = translate(columns, inner)?;
            if !inner.exact {
                return Err("the negation of a filter that is only a superset".into());
            }
            exact(sql::Expr::Not(Box::new(inner.expr)))
        }
        Expr::Column(column) if columns.family(&column.name)? == Family::Bool => exact(sql::Expr::column(&column.name)),
        Expr::Literal(value @ ScalarValue::Boolean(_), _) => exact(sql::Expr::Value(value.clone())),
        Expr::IsNull(inner) => null_test(columns, inner, sql::Expr::IsNull),
        Expr::IsNotNull(inner) => null_test(columns, inner, sql::Expr::IsNotNull),
        Expr::IsTrue(inner) => truth(columns, inner, sql::Expr::IsTrue),
        Expr::IsFalse(inner) => truth(columns, inner, sql::Expr::IsFalse),
        Expr::IsUnknown(inner) => truth(columns, inner, sql::Expr::IsUnknown),
        Expr::Between(Between { expr, negated: false, low, high }) => {
            let low = comparison(columns, expr, Operator::GtEq, low)?;
            let high = comparison(columns, expr, Operator::LtEq, high)?;
            Ok(Translated { expr: sql::Expr::All(vec![low.expr, high.expr]), exact: low.exact && high.exact })
        }
        Expr::InList(list) => in_list(columns, list),
        Expr::Like(like) => pattern(columns, like),
        other => Err(format!("`{other}` is not computed by the server")),
    }
}

/// A chain of AND or OR of any length, without recursion along the chain.
fn chain(columns: &Columns<'_>, filter: &Expr, op: Operator) -> Outcome {
    let (mut stack, mut parts, mut all_exact) = (vec![filter], Vec::new(), true);
    while let Some(expr) = stack.pop() {
        match expr {
            Expr::BinaryExpr(BinaryExpr { left, op: found, right }) if *found == op => {
                stack.push(right);
                stack.push(left);
            }
            part => {
                let part = translate(columns, part)?;
                all_exact &= part.exact;
                parts.push(part.expr);
            }
        }
    }
    let expr = if op == Operator::And { sql::Expr::All(parts) } else { sql::Expr::Any(parts) };
    Ok(Translated { expr, exact: all_exact })
}

fn null_test(columns: &Columns<'_>, inner: &Expr, make: fn(Box<sql::Expr>) -> sql::Expr) -> Outcome {
    let Expr::Column(column) = inner else { return Err(format!("`{inner}` is not a plain column")) };
    columns.family(&column.name)?;
    let pg_type = columns.find(&column.name)?;
    if matches!(pg_type.kind(), PgKind::Composite(_) | PgKind::Other) {
        let reason = format!(
            "`{}`: a value of type {} whose fields are all null is null at the server",
            column.name,
            pg_type.name()
        );
        return Err(reason);
    }
    exact(make(Box::new(sql::Expr::column(&column.name))))
}

fn truth(columns: &Columns<'_>, inner: &Expr, make: fn(Box<sql::Expr>) -> sql::Expr) -> Outcome {
    let inner = translate(columns, inner)?;
    if !inner.exact {
        return Err("the truth of a filter that is only a superset".into());
    }
    exact(make(Box::new(inner.expr)))
}

fn comparison(columns: &Columns<'_>, left: &Expr, op: Operator, right: &Expr) -> Outcome {
    let operator = match op {
        Operator::Eq => sql::Operator::Eq,
        Operator::NotEq => sql::Operator::NotEq,
        Operator::Lt => sql::Operator::Lt,
        Operator::LtEq => sql::Operator::LtEq,
        Operator::Gt => sql::Operator::Gt,
        Operator::GtEq => sql::Operator::GtEq,
        Operator::IsDistinctFrom => sql::Operator::IsDistinctFrom,
        Operator::IsNotDistinctFrom => sql::Operator::IsNotDistinctFrom,
        other => return Err(format!("the operator {other} is not computed by the server")),
    };
    let (column, operator, value) = match (left, right) {
        (Expr::Column(column), Expr::Literal(value, _)) => (column, operator, value),
        (Expr::Literal(value, _), Expr::Column(column)) => {
            (column, operator.mirrored().ok_or("the operator cannot be mirrored")?, value)
        }
        _ => return Err(format!("`{left} {op} {right}` does not compare a plain column with a value")),
    };
    compare(columns, &column.name, operator, value)
}

fn is_order(operator: sql::Operator) -> bool {
    matches!(operator, sql::Operator::Lt | sql::Operator::LtEq | sql::Operator::Gt | sql::Operator::GtEq)
}

fn compare(columns: &Columns<'_>, name: &str, operator: sql::Operator, value: &ScalarValue) -> Outcome {
    let family = columns.family(name)?;
    let (column, value) = sides(columns, name, family, value)?;
    match family {
        Family::Text if is_order(operator) => {
            if !columns.utf8 {
                return Err(format!("`{name}`: the database's encoding is not UTF-8"));
            }
            exact(sql::Expr::compare(column.byte_order(), operator, value))
        }
        Family::Enum if is_order(operator) => Err(format!("`{name}`: an enum is ordered by its declaration at the server")),
        Family::Float if operator != sql::Operator::Eq => {
            if !is_order(operator) {
                return Err(format!("`{name}`: zeros and NaN differ from themselves otherwise at the server"));
            }
            let nan = sql::Expr::Typed("NaN".into(), "float8".into());
            let or_nan = sql::Expr::compare(column.clone(), sql::Operator::Eq, nan);
            let expr = sql::Expr::Any(vec![sql::Expr::compare(column, operator, value), or_nan]);
            Ok(Translated { expr, exact: false })
        }
        _ => exact(sql::Expr::compare(column, operator, value)),
    }
}

/// The column and a value as both sides of a comparison; the value has exactly the column's type.
fn sides(columns: &Columns<'_>, name: &str, family: Family, value: &ScalarValue) -> Result<(sql::Expr, sql::Expr), String> {
    let pg_type = columns.find(name)?;
    let column = sql::Expr::column(name);
    let refuse = || Err(format!("`{name}` of type {} is compared with a {}", pg_type.name(), value.data_type()));
    match family {
        Family::Opaque => Err(format!("`{name}`: values of type {} compare otherwise at the server", pg_type.name())),
        Family::Plain | Family::Bool => {
            if !same_type(&pg_type.arrow_type(), &value.data_type()) {
                return refuse();
            }
            let literal = sql::literal(value).map_err(|e| e.message().to_owned())?;
            representable(name, value, &literal)?;
            Ok((column, sql::Expr::Value(value.clone())))
        }
        Family::Text | Family::Uuid | Family::Enum => {
            let Some(text) = text_of(value) else { return refuse() };
            if !(columns.deterministic)(name) {
                return Err(format!("`{name}`: its collation finds different texts equal"));
            }
            let Some(text) = text else {
                let null = sql::Expr::Value(ScalarValue::Utf8(None));
                return Ok(if family == Family::Uuid { (column, null.cast("uuid")) } else { (column.cast("text"), null) });
            };
            if text.contains('\0') {
                return Err(format!("`{name}` is compared with a text that the server cannot hold"));
            }
            match family {
                Family::Uuid if !is_uuid(text) => Err(format!("`{name}` is compared with a text that is not a uuid")),
                Family::Uuid => Ok((column, sql::Expr::Typed(text.to_owned(), "uuid".into()))),
                Family::Enum => Ok((column.cast("text"), sql::Expr::Value(ScalarValue::from(text)))),
                _ => Ok((column, sql::Expr::Value(ScalarValue::from(text)))),
            }
        }
        Family::Float => {
            let number = match value {
                ScalarValue::Float64(Some(v)) => *v,
                ScalarValue::Float32(Some(v)) => f64::from(*v),
                _ => return refuse(),
            };
            if !same_type(&pg_type.arrow_type(), &value.data_type()) {
                return refuse();
            }
            if number == 0.0 || !number.is_finite() {
                return Err(format!("`{name}`: zeros and NaN compare otherwise at the server"));
            }
            Ok((column, sql::Expr::Value(value.clone())))
        }
    }
}

/// The server's dates and timestamps span less than Arrow's.
pub(crate) fn representable(name: &str, value: &ScalarValue, literal: &sql::Literal) -> Result<(), String> {
    const MICROS_MIN: i64 = -211_813_488_000_000_000;
    const MICROS_MAX: i64 = 9_223_371_331_200_000_000;
    const DAYS_MIN: i32 = -2_440_588;
    let inside = match value {
        ScalarValue::TimestampMicrosecond(Some(v), _) => (MICROS_MIN..MICROS_MAX).contains(v),
        ScalarValue::Date32(Some(v)) => (DAYS_MIN..2_145_000_000).contains(v),
        ScalarValue::Time64Microsecond(Some(v)) => (0..=86_400_000_000).contains(v),
        _ => literal.text.as_ref().is_none_or(|t| t.len() < 100_000_000),
    };
    if inside { Ok(()) } else { Err(format!("`{name}` is compared with a time the server cannot hold")) }
}

fn same_type(column: &DataType, value: &DataType) -> bool {
    match (column, value) {
        (DataType::Decimal128(..) | DataType::Decimal256(..), DataType::Decimal128(..) | DataType::Decimal256(..)) => true,
        (DataType::Binary, DataType::Binary | DataType::LargeBinary | DataType::BinaryView) => true,
        (DataType::Timestamp(a, x), DataType::Timestamp(b, y)) => a == b && x.is_some() == y.is_some(),
        (a, b) => a == b,
    }
}

/// The text of a text value; `None` when the value is no text, `Some(None)` for a null.
fn text_of(value: &ScalarValue) -> Option<Option<&str>> {
    match value {
        ScalarValue::Utf8(v) | ScalarValue::LargeUtf8(v) | ScalarValue::Utf8View(v) => Some(v.as_deref()),
        ScalarValue::Dictionary(_, inner) => text_of(inner),
        _ => None,
    }
}

/// Whether a text is a uuid in the form the server prints: only such a text can equal one.
pub(crate) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.char_indices().all(|(i, c)| match i {
            8 | 13 | 18 | 23 => c == '-',
            _ => c.is_ascii_digit() || ('a'..='f').contains(&c),
        })
}

fn in_list(columns: &Columns<'_>, list: &InList) -> Outcome {
    let Expr::Column(column) = list.expr.as_ref() else { return Err(format!("`{}` is not a plain column", list.expr)) };
    let family = columns.family(&column.name)?;
    if family == Family::Float && list.negated {
        return Err(format!("`{}`: zeros and NaN differ from themselves otherwise at the server", column.name));
    }
    let mut left = sql::Expr::column(&column.name);
    let mut values = Vec::with_capacity(list.list.len());
    for element in &list.list {
        let Expr::Literal(value, _) = element else { return Err(format!("`{element}` is not a value")) };
        let (column, value) = sides(columns, &column.name, family, value)?;
        left = column;
        values.push(value);
    }
    exact(sql::Expr::InList { expr: Box::new(left), list: values, negated: list.negated })
}

fn pattern(columns: &Columns<'_>, like: &Like) -> Outcome {
    let (Expr::Column(column), Expr::Literal(value, _)) = (like.expr.as_ref(), like.pattern.as_ref()) else {
        return Err(format!("`{}` is not compared with a fixed pattern", like.expr));
    };
    let name = &column.name;
    if like.case_insensitive {
        return Err(format!("`{name}`: upper and lower case depend on the server's locale"));
    }
    if columns.family(name)? != Family::Text || !columns.utf8 || !(columns.deterministic)(name) {
        return Err(format!("`{name}` is not a text with byte equality in UTF-8"));
    }
    match text_of(value) {
        Some(Some(text)) if !text.contains(['\\', '\0']) && like.escape_char.is_none_or(|c| c == '\\') => {
            let column = sql::Expr::column(name).byte_order();
            exact(sql::Expr::Like { expr: Box::new(column), pattern: text.to_owned(), escape: '\\', negated: like.negated })
        }
        _ => Err(format!("`{name}`: a pattern with escapes stays here")),
    }
}

/// A new value of a column in UPDATE: a value, a column, or a column and a whole number joined by `+`, `-` or `*`.
pub(crate) fn assignment(columns: &Columns<'_>, target: &str, value: &Expr) -> Result<sql::Expr, String> {
    let target_type = columns.find(target)?.arrow_type();
    let refuse =
        || format!("`{value}` cannot be computed by the server; use a value, a column, or a column + a whole number");
    match value {
        Expr::Alias(alias) => assignment(columns, target, &alias.expr),
        Expr::Literal(value, _) => {
            let text = text_of(value).is_some();
            let fits = value.is_null() || text || same_type(&target_type, &value.data_type());
            if fits { Ok(sql::Expr::Value(value.clone())) } else { Err(refuse()) }
        }
        Expr::Column(column) if columns.find(&column.name)?.arrow_type() == target_type => {
            Ok(sql::Expr::column(&column.name))
        }
        other if target_type.is_integer() => integer(columns, other).ok_or_else(refuse),
        _ => Err(refuse()),
    }
}

/// Whole-number arithmetic; the server refuses what overflows.
fn integer(columns: &Columns<'_>, value: &Expr) -> Option<sql::Expr> {
    match value {
        Expr::Cast(cast) if cast.field.data_type().is_integer() => integer(columns, &cast.expr),
        Expr::Literal(value, _) if value.data_type().is_integer() => Some(sql::Expr::Value(value.clone())),
        Expr::Column(column) if columns.find(&column.name).ok()?.arrow_type().is_integer() => {
            Some(sql::Expr::column(&column.name))
        }
        other => {
            let (left, operator, right) = arithmetic::sides(other)?;
            let operator = match operator {
                Operator::Plus => sql::Operator::Plus,
                Operator::Minus => sql::Operator::Minus,
                Operator::Multiply => sql::Operator::Multiply,
                _ => return None,
            };
            Some(sql::Expr::compare(integer(columns, left)?, operator, integer(columns, right)?))
        }
    }
}
