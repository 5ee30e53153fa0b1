//! Expressions that the server computes exactly as Headwater does.

use bson::{Bson, doc};
use datafusion::arrow::datatypes::DataType;
use datafusion::prelude::Expr;

use super::relation::Columns;
use crate::expression::value;
use crate::pushdown::field_of;
use crate::types::Kind;

/// A value that the server computes with.
pub(super) struct Value {
    pub(super) value: Bson,
    pub(super) kind: Kind,
}

/// An expression as a value, or why it stays here.
pub(super) fn computed(scope: &Columns<'_>, expr: &Expr) -> Result<Value, String> {
    match expr {
        Expr::Alias(alias) => computed(scope, &alias.expr),
        // Values of a kind are cast to its own type without a change.
        Expr::Cast(cast) => {
            let inner = computed(scope, &cast.expr)?;
            match (&inner.kind, cast.field.data_type()) {
                (Kind::Int, DataType::Int64) => Ok(Value { kind: Kind::Long, ..inner }),
                (kind, to) if kind.arrow() == *to => Ok(inner),
                (_, to) => Err(format!("`{expr}`: a cast to {to} is computed here")),
            }
        }
        Expr::ScalarFunction(function) if matches!(function.name(), "date_trunc" | "date_part") => {
            let [Expr::Literal(unit, _), date] = function.args.as_slice() else {
                return Err(format!("`{expr}` is computed here"));
            };
            let unit = match unit {
                datafusion::common::ScalarValue::Utf8(Some(unit)) => unit.to_ascii_lowercase(),
                datafusion::common::ScalarValue::Utf8View(Some(unit)) => unit.to_ascii_lowercase(),
                _ => return Err(format!("`{expr}` is computed here")),
            };
            let date = computed(scope, date)?;
            if date.kind != Kind::Date {
                return Err(format!("`{expr}` is computed here"));
            }
            of_date(function.name(), &unit, date.value).ok_or_else(|| format!("`{expr}`: the unit {unit} is computed here"))
        }
        other => {
            let field = field_of(scope, other).map_err(|_| format!("`{other}` is computed here"))?;
            scope.table.ordered(&field)?;
            let value = value(&field, scope.table.otherwise()).map_err(|reason| format!("`{other}`: {reason}"))?;
            Ok(Value { value, kind: field.kind })
        }
    }
}

/// A part of a date, in UTC.
fn of_date(name: &str, unit: &str, date: Bson) -> Option<Value> {
    if name == "date_trunc" {
        let known = ["year", "quarter", "month", "week", "day", "hour", "minute", "second"].contains(&unit);
        let value = doc! { "$dateTrunc": { "date": date, "unit": unit, "timezone": "UTC", "startOfWeek": "monday" } };
        return known.then_some(Value { value: Bson::Document(value), kind: Kind::Date });
    }
    let operator = match unit {
        "year" => "$year",
        "month" => "$month",
        "day" => "$dayOfMonth",
        "hour" => "$hour",
        "minute" => "$minute",
        "doy" => "$dayOfYear",
        _ => return None,
    };
    Some(Value { value: Bson::Document(doc! { operator: date }), kind: Kind::Int })
}

/// Whether the server groups the values of a kind exactly as Headwater does.
pub(super) fn groups(kind: &Kind) -> Result<(), String> {
    match kind {
        Kind::Double => Err("the server takes zeros of either sign for one, and so NaN".into()),
        Kind::BinData => Err("the server tells binary values of several subtypes apart".into()),
        _ => Ok(()),
    }
}
