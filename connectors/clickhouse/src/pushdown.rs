//! Which filters and orders the server computes exactly as Headwater does, and their text.
//!
//! One function, [`translate`], both decides and translates, so what is promised and what is sent cannot differ. It is an
//! allow-list: whatever it does not know stays here.
//!
//! | types | operators | why exact |
//! |---|---|---|
//! | integers up to 64 bits, decimals, dates, points in time, bool | all comparisons, IN | same order and equality on both sides |
//! | String | all comparisons, IN, LIKE without escapes | both sides compare bytes |
//! | Enum | `=`, `<>`, IN | by label; the server orders by number |
//! | UUID, IPv4, IPv6 | `=`, `<>`, IN | by value; the server orders otherwise |
//! | Float32, Float64 | `=` and IN with values that are neither zero nor NaN | only zeros and NaN compare differently |
//! | Float32, Float64 | ranges | as a superset: NaN is added and checked again here |
//! | every type but texts made by the server | IS NULL, IS NOT NULL | |
//!
//! A NULL in an IN list stays here: the server answers false where the answer is unknown. Columns whose values an option
//! changes (`strings = replace`) are left alone: the server would see other values.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::prelude::Expr;
use headwater_sqlgen::filter::{self, Filter, Filters, Outcome, exact, is_uuid};
use headwater_sqlgen::{self as sql, Dialect as _};

use crate::types::{ChKind, ChType, StringMode, TypeOptions};

/// What is known of a table's columns.
pub(crate) struct Columns<'a> {
    /// Name and type.
    pub(crate) types: &'a [(String, ChType)],
    /// How values are read.
    pub(crate) options: TypeOptions,
}

/// How values of a column compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    /// All comparisons are the same.
    Plain,
    Bool,
    Text,
    Float,
    /// Equal when the texts are equal; the order differs.
    Equal,
    Opaque,
}

impl Columns<'_> {
    fn find(&self, name: &str) -> Result<&ChType, String> {
        let found = self.types.iter().find(|(n, _)| n == name).map(|(_, t)| t);
        found.ok_or_else(|| format!("`{name}` is not a column of the table"))
    }

    fn family(&self, name: &str) -> Result<Family, String> {
        let t = self.find(name)?;
        Ok(match &t.kind {
            ChKind::Native(DataType::Boolean) => Family::Bool,
            ChKind::Native(DataType::Float32 | DataType::Float64) => Family::Float,
            ChKind::Native(_) | ChKind::Decimal(..) | ChKind::Date | ChKind::Date32 => Family::Plain,
            ChKind::DateTime | ChKind::DateTime64(_) => Family::Plain,
            ChKind::String => match self.options.strings {
                StringMode::Error => Family::Text,
                StringMode::Replace => {
                    return Err(format!("`{name}`: the option \"strings\" changes values of type {}", t.name));
                }
                StringMode::Binary => Family::Opaque,
            },
            ChKind::Uuid | ChKind::Ipv4 | ChKind::Ipv6 | ChKind::Enum(_) => Family::Equal,
            _ => Family::Opaque,
        })
    }

    /// The column as a key of ORDER BY, when the server's order is the same as here.
    pub(crate) fn sort_key(&self, name: &str) -> Result<sql::Expr, String> {
        match self.family(name)? {
            Family::Plain | Family::Bool | Family::Text => Ok(sql::Expr::column(name)),
            Family::Float => Err(format!("`{name}`: the server orders zeros and NaN otherwise")),
            _ => Err(format!("`{name}`: values of type {} have another order here", self.find(name)?.name)),
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
        false
    }

    fn null_test(&self, column: &str) -> Result<(), String> {
        let t = self.find(column)?;
        if matches!(t.kind, ChKind::Text | ChKind::Nothing) {
            return Err(format!("`{column}`: values of type {} are texts made by the server", t.name));
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
        if self.family(column)? != Family::Text {
            return Err(format!("`{column}` is not a text"));
        }
        Ok(sql::Expr::column(column))
    }
}

fn compare(columns: &Columns<'_>, name: &str, operator: sql::Operator, value: &ScalarValue) -> Outcome {
    let family = columns.family(name)?;
    let (column, value) = sides(columns, name, family, value)?;
    match family {
        Family::Equal if operator.is_order() => Err(format!("`{name}`: the server orders values of this type otherwise")),
        Family::Float if operator != sql::Operator::Eq => {
            if !operator.is_order() {
                return Err(format!("`{name}`: zeros and NaN differ from themselves otherwise at the server"));
            }
            // Only NaN is not at most infinite.
            let infinite = match columns.find(name)?.kind {
                ChKind::Native(DataType::Float32) => ScalarValue::Float32(Some(f32::INFINITY)),
                _ => ScalarValue::Float64(Some(f64::INFINITY)),
            };
            let number = sql::Expr::compare(column.clone(), sql::Operator::LtEq, sql::Expr::Value(infinite));
            let or_nan = sql::Expr::Not(Box::new(number));
            let expr = sql::Expr::Any(vec![sql::Expr::compare(column, operator, value), or_nan]);
            Ok(Filter { expr, exact: false })
        }
        _ => exact(sql::Expr::compare(column, operator, value)),
    }
}

/// The column and a value as both sides of a comparison; the value has exactly the column's type.
fn sides(columns: &Columns<'_>, name: &str, family: Family, value: &ScalarValue) -> Result<(sql::Expr, sql::Expr), String> {
    let t = columns.find(name)?;
    let column = sql::Expr::column(name);
    let refuse = || format!("`{name}` of type {} is compared with a {}", t.name, value.data_type());
    if value.is_null() {
        return Err(format!("`{name}` is compared with NULL"));
    }
    match family {
        Family::Opaque => Err(format!("`{name}`: values of type {} compare otherwise at the server", t.name)),
        Family::Plain | Family::Bool => Ok((column, plain(t, value, &columns.options).ok_or_else(refuse)?)),
        Family::Text => Ok((column, sql::Expr::Value(ScalarValue::from(value.try_as_str().flatten().ok_or_else(refuse)?)))),
        Family::Equal => {
            let text = value.try_as_str().flatten().ok_or_else(refuse)?;
            equal_sides(column, t, text).ok_or_else(|| format!("`{name}` is compared with a text that is not a {}", t.name))
        }
        Family::Float => {
            let number = match (value, &t.kind) {
                (ScalarValue::Float64(Some(v)), ChKind::Native(DataType::Float64)) => *v,
                (ScalarValue::Float32(Some(v)), ChKind::Native(DataType::Float32)) => f64::from(*v),
                _ => return Err(refuse()),
            };
            if number == 0.0 || !number.is_finite() {
                return Err(format!("`{name}`: zeros and NaN compare otherwise at the server"));
            }
            Ok((column, sql::Expr::Value(value.clone())))
        }
    }
}

/// A value of the column's own type; `None` when the server could not hold it exactly.
fn plain(t: &ChType, value: &ScalarValue, options: &TypeOptions) -> Option<sql::Expr> {
    if let ChKind::Decimal(precision, scale) = t.kind {
        let (digits, from) = match value {
            ScalarValue::Decimal128(Some(v), _, s) => (v.to_string(), *s),
            ScalarValue::Decimal256(Some(v), _, s) => (v.to_string(), *s),
            _ => return None,
        };
        return Some(sql::Expr::Typed(rescaled(&digits, from, precision, scale)?, t_name(precision, scale).into()));
    }
    if t.kind == ChKind::DateTime && !matches!(value, ScalarValue::TimestampSecond(Some(v), _) if u32::try_from(*v).is_ok())
    {
        return None;
    }
    let same = match (t.arrow(options), value.data_type()) {
        (DataType::Timestamp(a, _), DataType::Timestamp(b, zone)) => a == b && zone.is_some(),
        (a, b) => a == b,
    };
    (same && sql::ClickHouse.literal(value).is_ok()).then(|| sql::Expr::Value(value.clone()))
}

fn t_name(precision: u8, scale: i8) -> String {
    format!("Decimal({precision}, {scale})")
}

/// The number `digits * 10^-from` with exactly `scale` decimal places and at most `precision` digits, when there is one.
fn rescaled(digits: &str, from: i8, precision: u8, scale: i8) -> Option<String> {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |d| ("-", d));
    let (from, places) = (usize::try_from(from).ok()?, usize::try_from(scale).ok()?);
    let mut digits = digits.to_owned();
    if from > places {
        let cut = digits.len().saturating_sub(from - places);
        let (kept, dropped) = digits.split_at(cut);
        if dropped.bytes().any(|d| d != b'0') {
            return None;
        }
        digits = if kept.is_empty() { "0".to_owned() } else { kept.to_owned() };
    } else {
        digits.push_str(&"0".repeat(places - from));
    }
    let digits = digits.trim_start_matches('0');
    if digits.len() > usize::from(precision) {
        return None;
    }
    let padded = format!("{digits:0>width$}", width = places + 1);
    let (whole, fraction) = padded.split_at(padded.len() - places);
    Some(if places == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
}

/// Sides of an equality for a type whose values are texts here.
fn equal_sides(column: sql::Expr, t: &ChType, text: &str) -> Option<(sql::Expr, sql::Expr)> {
    match &t.kind {
        ChKind::Enum(labels) => {
            // A label that does not exist equals nothing; the server would refuse it.
            labels.iter().any(|(label, _)| label == text).then(|| {
                let value = sql::Expr::Value(ScalarValue::from(text));
                (column.cast("Nullable(String)"), value)
            })
        }
        _ => equal_literal(t, text).map(|literal| (column, literal)),
    }
}

/// A text as a literal of the server's own type, when it is the text that both sides print.
pub(crate) fn equal_literal(t: &ChType, text: &str) -> Option<sql::Expr> {
    use std::net::{Ipv4Addr, Ipv6Addr};
    let typed = |type_name: &'static str| sql::Expr::Typed(text.to_owned(), type_name.into());
    match &t.kind {
        ChKind::Uuid => is_uuid(text).then(|| typed("UUID")),
        ChKind::Ipv4 => {
            let address: Ipv4Addr = text.parse().ok()?;
            (address.to_string() == text).then(|| typed("IPv4"))
        }
        ChKind::Ipv6 => {
            let address: Ipv6Addr = text.parse().ok()?;
            // Both sides print this form the same way only when no IPv4 address is inside.
            (address.to_string() == text && !text.contains('.')).then(|| typed("IPv6"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::rescaled;

    #[test]
    fn decimals_are_rescaled_exactly_or_not_at_all() {
        assert_eq!(rescaled("150", 2, 10, 2).as_deref(), Some("1.50"));
        assert_eq!(rescaled("-5", 0, 10, 3).as_deref(), Some("-5.000"));
        assert_eq!(rescaled("1500", 3, 10, 1).as_deref(), Some("1.5"));
        assert_eq!(rescaled("1501", 3, 10, 1), None);
        assert_eq!(rescaled("0", 5, 4, 2).as_deref(), Some("0.00"));
        assert_eq!(rescaled("5", 3, 4, 2), None);
        assert_eq!(rescaled("123456", 0, 5, 0), None);
        assert_eq!(rescaled("12345", 0, 5, 0).as_deref(), Some("12345"));
    }
}
