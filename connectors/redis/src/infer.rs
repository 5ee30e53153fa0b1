//! Types of columns from a sample of their values.

use datafusion::arrow::datatypes::DataType;

use crate::json::{Json, members};

/// Most columns that are inferred for a table.
const FIELDS_MAX: usize = 256;

/// What the values of a column have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Whole,
    Number,
    Boolean,
    Text,
    Bytes,
}

impl Shape {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (a, b) if a == b => a,
            (Self::Bytes, _) | (_, Self::Bytes) => Self::Bytes,
            (Self::Whole, Self::Number) | (Self::Number, Self::Whole) => Self::Number,
            _ => Self::Text,
        }
    }

    /// Of the text of a hash field or string. Only how this server itself writes numbers is a number: `007` is a text.
    fn of_text(value: &[u8]) -> Self {
        let Ok(text) = std::str::from_utf8(value) else { return Self::Bytes };
        if text.parse::<i64>().is_ok_and(|n| n.to_string() == text) {
            return Self::Whole;
        }
        if is_number(text) { Self::Number } else { Self::Text }
    }

    /// Of a JSON value as sent; `None` when it is null.
    fn of_json(raw: &str) -> Option<Self> {
        Some(match Json::of(raw)? {
            Json::Null => return None,
            Json::Text(_) => Self::Text,
            Json::Other("true" | "false") => Self::Boolean,
            Json::Other(raw) if raw.parse::<i64>().is_ok() => Self::Whole,
            Json::Other(raw) if raw.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => Self::Number,
            Json::Other(_) => Self::Text,
        })
    }

    fn data_type(self, text: &DataType) -> DataType {
        match self {
            Self::Whole => DataType::Int64,
            Self::Number => DataType::Float64,
            Self::Boolean => DataType::Boolean,
            Self::Text => text.clone(),
            Self::Bytes => DataType::Binary,
        }
    }
}

/// Whether a text is digits with one point between them.
fn is_number(text: &str) -> bool {
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    unsigned
        .split_once('.')
        .is_some_and(|(whole, fraction)| digits(whole) && digits(fraction) && (whole == "0" || !whole.starts_with('0')))
}

/// Names and shapes of fields, in the order in which they were first seen.
#[derive(Debug, Default)]
pub(crate) struct Fields(Vec<(String, Option<Shape>)>);

impl Fields {
    /// Takes a field of a hash or stream entry.
    pub(crate) fn add(&mut self, name: &[u8], value: &[u8]) {
        if let Ok(name) = std::str::from_utf8(name) {
            self.merge(name, Some(Shape::of_text(value)));
        }
    }

    /// Takes the members of a JSON document; false when it is no object.
    pub(crate) fn add_json(&mut self, document: &str) -> bool {
        let Some(members) = members(document) else { return false };
        members.iter().for_each(|(name, raw)| self.merge(name, Shape::of_json(raw)));
        true
    }

    /// Takes a value whose place is its name.
    pub(crate) fn add_at(&mut self, place: usize, value: &[u8]) {
        let shape = (!value.is_empty()).then(|| Shape::of_text(value));
        self.merge(&format!("column{place}"), shape);
    }

    fn merge(&mut self, name: &str, shape: Option<Shape>) {
        if let Some((_, known)) = self.0.iter_mut().find(|(n, _)| n == name) {
            *known = known.zip(shape).map(|(a, b)| a.and(b)).or(*known).or(shape);
        } else if self.0.len() < FIELDS_MAX {
            self.0.push((name.to_owned(), shape));
        }
    }

    /// Names and types.
    pub(crate) fn types(&self, text: &DataType) -> Vec<(String, DataType)> {
        let data_type = |shape: &Option<Shape>| shape.map_or_else(|| text.clone(), |s| s.data_type(text));
        self.0.iter().map(|(name, shape)| (name.clone(), data_type(shape))).collect()
    }
}

/// The type that all values have.
pub(crate) fn type_of<'a>(values: impl Iterator<Item = &'a [u8]>, text: &DataType) -> DataType {
    let shape = values.map(Shape::of_text).reduce(Shape::and);
    shape.map_or_else(|| text.clone(), |s| s.data_type(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_written_as_a_number_is_one() {
        let found = |values: &[&str]| type_of(values.iter().map(|v| v.as_bytes()), &DataType::Utf8);
        assert_eq!(found(&["1", "-20"]), DataType::Int64);
        assert_eq!(found(&["1", "2.50"]), DataType::Float64);
        for text in ["007", "+1", "1.", "01.5", "1e5", " 1", "", "nan", "9223372036854775808"] {
            assert_eq!(found(&["1", text]), DataType::Utf8, "{text}");
        }
        assert_eq!(type_of([&b"\xff"[..]].into_iter(), &DataType::Utf8), DataType::Binary);
    }

    #[test]
    fn members_of_documents_are_columns() {
        let mut fields = Fields::default();
        assert!(fields.add_json(r#"{"a":1,"b":null,"c":true,"d":[1],"e":"1"}"#));
        assert!(fields.add_json(r#"{"a":1.5,"b":2,"c":false,"d":null}"#));
        assert!(!fields.add_json("[1]"));
        let types: Vec<String> = fields.types(&DataType::Utf8).iter().map(|(n, t)| format!("{n} {t}")).collect();
        assert_eq!(types, ["a Float64", "b Int64", "c Boolean", "d Utf8", "e Utf8"]);
    }
}
