//! Texts into a column, strictly: a text that is not a value of the type is an error, never a null or a cut value.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, BooleanBuilder, Date32Builder, Float64Builder, Int64Builder, StringArray, StringBuilder,
    Time64MicrosecondBuilder, TimestampMicrosecondBuilder,
};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, TimeUnit};

use super::kind;

const STRICT: CastOptions<'static> =
    CastOptions { safe: false, format_options: datafusion::arrow::util::display::FormatOptions::new() };

/// Which numbers a 64-bit float may round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rounding {
    /// None: the type was inferred.
    Never,
    /// Fractions, as every reader of JSON does.
    Fractions,
    /// All: the type was declared.
    Declared,
}

/// A column of one batch in the making.
#[derive(Debug)]
pub(crate) enum ColumnBuilder {
    Bool(BooleanBuilder),
    Int(Int64Builder, Rounding),
    Float(Float64Builder, Rounding),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder, Option<Arc<str>>),
    Time(Time64MicrosecondBuilder),
    Text(StringBuilder),
    /// A declared type that is made from the finished texts.
    Cast(StringBuilder, DataType),
}

impl ColumnBuilder {
    /// A column of this type.
    pub(crate) fn new(data_type: &DataType, rounding: Rounding) -> Self {
        match data_type {
            DataType::Boolean => Self::Bool(BooleanBuilder::new()),
            DataType::Int64 => Self::Int(Int64Builder::new(), rounding),
            DataType::Float64 => Self::Float(Float64Builder::new(), rounding),
            DataType::Date32 => Self::Date(Date32Builder::new()),
            DataType::Timestamp(TimeUnit::Microsecond, None) => Self::Timestamp(TimestampMicrosecondBuilder::new(), None),
            DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) if zone.as_ref() == "UTC" => {
                Self::Timestamp(TimestampMicrosecondBuilder::new(), Some(Arc::clone(zone)))
            }
            DataType::Time64(TimeUnit::Microsecond) => Self::Time(Time64MicrosecondBuilder::new()),
            DataType::Utf8 => Self::Text(StringBuilder::new()),
            other => Self::Cast(StringBuilder::new(), other.clone()),
        }
    }

    /// Appends a text; `false` when it is not a value of the type.
    #[must_use]
    pub(crate) fn append(&mut self, text: &str) -> bool {
        match self {
            Self::Bool(b) => put(kind::boolean(text.trim()), |v| b.append_value(v)),
            Self::Int(b, rounding) => put(whole(text.trim(), *rounding), |v| b.append_value(v)),
            Self::Float(b, rounding) => put(decimal(text.trim(), *rounding), |v| b.append_value(v)),
            Self::Date(b) => put(kind::date(text.trim()), |v| b.append_value(v)),
            Self::Timestamp(b, None) => put(kind::timestamp_or_date(text.trim()), |v| b.append_value(v)),
            Self::Timestamp(b, Some(_)) => put(kind::timestamp_utc(text.trim()), |v| b.append_value(v)),
            Self::Time(b) => put(kind::time(text.trim()), |v| b.append_value(v)),
            Self::Text(b) | Self::Cast(b, _) => {
                b.append_value(text);
                true
            }
        }
    }

    /// Appends a null.
    pub(crate) fn append_null(&mut self) {
        match self {
            Self::Bool(b) => b.append_null(),
            Self::Int(b, _) => b.append_null(),
            Self::Float(b, _) => b.append_null(),
            Self::Date(b) => b.append_null(),
            Self::Timestamp(b, _) => b.append_null(),
            Self::Time(b) => b.append_null(),
            Self::Text(b) | Self::Cast(b, _) => b.append_null(),
        }
    }

    /// Whether an empty text is a value of the type.
    pub(crate) fn holds_empty(&self) -> bool {
        matches!(self, Self::Text(_)) || matches!(self, Self::Cast(_, DataType::LargeUtf8 | DataType::Utf8View))
    }

    /// The finished column; for a declared type the position of the first text that is not a value of it, if any.
    pub(crate) fn finish(&mut self) -> Result<ArrayRef, usize> {
        Ok(match self {
            Self::Bool(b) => Arc::new(b.finish()),
            Self::Int(b, _) => Arc::new(b.finish()),
            Self::Float(b, _) => Arc::new(b.finish()),
            Self::Date(b) => Arc::new(b.finish()),
            Self::Timestamp(b, zone) => Arc::new(b.finish().with_timezone_opt(zone.clone())),
            Self::Time(b) => Arc::new(b.finish()),
            Self::Text(b) => Arc::new(b.finish()),
            Self::Cast(b, to) => return cast(&b.finish(), to),
        })
    }
}

fn put<T>(value: Option<T>, append: impl FnOnce(T)) -> bool {
    match value {
        Some(value) => {
            append(value);
            true
        }
        None => false,
    }
}

/// A whole number; only a declared one may have leading zeros or a plus sign, which its value does not keep.
fn whole(text: &str, rounding: Rounding) -> Option<i64> {
    if rounding == Rounding::Declared { text.parse().ok() } else { kind::integer(text) }
}

fn decimal(text: &str, rounding: Rounding) -> Option<f64> {
    let known = kind::float(text).or_else(|| kind::special(text));
    let is_fraction = text.bytes().any(|b| matches!(b, b'.' | b'e' | b'E'));
    if known.is_some() || rounding == Rounding::Never || (rounding == Rounding::Fractions && !is_fraction) {
        return known;
    }
    let digits = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    if digits { text.parse().ok().filter(|v: &f64| v.is_finite()) } else { None }
}

fn cast(texts: &StringArray, to: &DataType) -> Result<ArrayRef, usize> {
    match cast_with_options(texts, to, &STRICT) {
        Ok(array) => Ok(array),
        Err(_) => {
            let bad = (0..texts.len()).find(|i| cast_with_options(&texts.slice(*i, 1), to, &STRICT).is_err());
            Err(bad.unwrap_or(0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_another_type_is_refused_and_never_a_null() {
        let refused = |t: DataType, text: &str| !ColumnBuilder::new(&t, Rounding::Never).append(text);
        assert!(
            refused(DataType::Int64, "1.5")
                && refused(DataType::Int64, "00123")
                && refused(DataType::Int64, "99999999999999999999")
        );
        assert!(refused(DataType::Float64, "0.12345678901234567891") && refused(DataType::Float64, "x"));
        assert!(refused(DataType::Boolean, "1") && refused(DataType::Date32, "2024-02-30"));
        assert!(ColumnBuilder::new(&DataType::Float64, Rounding::Declared).append("0.12345678901234567891"));
        let mut small = ColumnBuilder::new(&DataType::Int8, Rounding::Declared);
        assert!(small.append("7") && small.append("300"));
        assert_eq!(small.finish().unwrap_err(), 1);
    }
}
