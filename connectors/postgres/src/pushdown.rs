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
use datafusion::logical_expr::Operator;
use datafusion::prelude::Expr;
use headwater_source::arithmetic;
use headwater_sqlgen as sql;
use headwater_sqlgen::filter::{self, Filter, Filters, Outcome, exact, is_uuid};

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
    filter::translate(columns, filter)
}

impl Filters for Columns<'_> {
    fn is_bool(&self, column: &str) -> Result<bool, String> {
        Ok(self.family(column)? == Family::Bool)
    }

    fn null_is_a_condition(&self) -> bool {
        true
    }

    fn null_test(&self, column: &str) -> Result<(), String> {
        self.family(column)?;
        let pg_type = self.find(column)?;
        if matches!(pg_type.kind(), PgKind::Composite(_) | PgKind::Other) {
            let name = pg_type.name();
            return Err(format!("`{column}`: a value of type {name} whose fields are all null is null at the server"));
        }
        Ok(())
    }

    fn compare(&self, column: &str, operator: sql::Operator, value: &ScalarValue) -> Outcome {
        compare(self, column, operator, value)
    }

    fn element(&self, column: &str, value: &ScalarValue, negated: bool) -> Result<(sql::Expr, sql::Expr), String> {
        let family = self.family(column)?;
        if family == Family::Float && negated {
            return Err(format!("`{column}`: zeros and NaN differ from themselves otherwise at the server"));
        }
        sides(self, column, family, value)
    }

    fn pattern(&self, column: &str) -> Result<sql::Expr, String> {
        if self.family(column)? != Family::Text || !self.utf8 || !(self.deterministic)(column) {
            return Err(format!("`{column}` is not a text with byte equality in UTF-8"));
        }
        Ok(sql::Expr::column(column).byte_order())
    }
}

fn compare(columns: &Columns<'_>, name: &str, operator: sql::Operator, value: &ScalarValue) -> Outcome {
    let family = columns.family(name)?;
    let (column, value) = sides(columns, name, family, value)?;
    match family {
        Family::Text if operator.is_order() => {
            if !columns.utf8 {
                return Err(format!("`{name}`: the database's encoding is not UTF-8"));
            }
            exact(sql::Expr::compare(column.byte_order(), operator, value))
        }
        Family::Enum if operator.is_order() => {
            Err(format!("`{name}`: an enum is ordered by its declaration at the server"))
        }
        Family::Float if operator != sql::Operator::Eq => {
            if !operator.is_order() {
                return Err(format!("`{name}`: zeros and NaN differ from themselves otherwise at the server"));
            }
            let nan = sql::Expr::Typed("NaN".into(), "float8".into());
            let or_nan = sql::Expr::compare(column.clone(), sql::Operator::Eq, nan);
            let expr = sql::Expr::Any(vec![sql::Expr::compare(column, operator, value), or_nan]);
            Ok(Filter { expr, exact: false })
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
            let Some(text) = value.try_as_str() else { return refuse() };
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

/// A new value of a column in UPDATE: a value, a column, or a column and a whole number joined by `+`, `-` or `*`.
pub(crate) fn assignment(columns: &Columns<'_>, target: &str, value: &Expr) -> Result<sql::Expr, String> {
    let target_type = columns.find(target)?.arrow_type();
    let refuse =
        || format!("`{value}` cannot be computed by the server; use a value, a column, or a column + a whole number");
    match value {
        Expr::Alias(alias) => assignment(columns, target, &alias.expr),
        Expr::Literal(value, _) => {
            let text = value.try_as_str().is_some();
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
