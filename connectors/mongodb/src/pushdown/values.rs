//! Values of SQL as values of BSON, when both sides compare them in the same way.

use bson::Bson;
use datafusion::common::ScalarValue;

use crate::types::Kind;
use crate::types::decimal;
use crate::types::encode::{object_id, uuid};

/// A floating point number by how both sides compare it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Number(f64);

impl Number {
    pub(super) fn of(value: f64) -> Self {
        Self(value)
    }

    pub(super) fn is_finite(self) -> bool {
        self.0.is_finite()
    }

    /// Neither a zero, nor NaN, nor infinite.
    pub(super) fn is_plain(self) -> bool {
        self.0.is_finite() && self.0 != 0.0
    }
}

/// A value of a column's own kind, or why it stays here.
pub(super) fn bson(kind: &Kind, value: &ScalarValue) -> Result<Bson, String> {
    let refuse = || format!("a column of kind {kind} is compared with a {}", value.data_type());
    Ok(match (kind, value) {
        (Kind::Bool, ScalarValue::Boolean(Some(v))) => Bson::Boolean(*v),
        (Kind::Int, ScalarValue::Int32(Some(v))) => Bson::Int32(*v),
        (Kind::Long, ScalarValue::Int64(Some(v))) => Bson::Int64(*v),
        (Kind::Double, ScalarValue::Float64(Some(v))) => Bson::Double(*v),
        (Kind::Decimal(..), ScalarValue::Decimal128(Some(v), _, scale)) => {
            let found = decimal::bson(*v, *scale).ok_or("a decimal number has more than 34 digits")?;
            Bson::Decimal128(found)
        }
        (Kind::Date, ScalarValue::TimestampMillisecond(Some(v), Some(_))) => {
            Bson::DateTime(bson::DateTime::from_millis(*v))
        }
        (Kind::String, value) => Bson::String(text_of(value).ok_or_else(refuse)?.to_owned()),
        (Kind::ObjectId, value) => {
            let found = object_id(text_of(value).ok_or_else(refuse)?);
            Bson::ObjectId(found.ok_or("it is compared with a text that is no object id")?)
        }
        (Kind::Uuid, value) => {
            let found = uuid(text_of(value).ok_or_else(refuse)?);
            Bson::Binary(found.ok_or("it is compared with a text that is no UUID")?)
        }
        _ => return Err(refuse()),
    })
}

/// The text of a text value.
pub(super) fn text_of(value: &ScalarValue) -> Option<&str> {
    match value {
        ScalarValue::Utf8(v) | ScalarValue::LargeUtf8(v) | ScalarValue::Utf8View(v) => v.as_deref(),
        ScalarValue::Dictionary(_, inner) => text_of(inner),
        _ => None,
    }
}
