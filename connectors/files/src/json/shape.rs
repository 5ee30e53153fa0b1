//! What JSON values look like, with the fields of objects in the order of their first appearance.

use std::fmt;

use datafusion::arrow::datatypes::{DataType, Field, Fields};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// The shape of one value, or of all values seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Shape {
    #[default]
    Null,
    Bool,
    Int,
    Float,
    /// A string, or scalars of several kinds.
    Text,
    List(Box<Shape>),
    Object(Vec<(String, Shape)>),
    /// Scalars, lists and objects, or two of them: texts, of lists and objects their JSON text.
    Json,
}

impl Shape {
    /// The shape that holds both.
    pub(crate) fn merge(self, other: Self) -> Self {
        use Shape::{Float, Int, Json, List, Null, Object, Text};
        match (self, other) {
            (Null, x) | (x, Null) => x,
            (Int | Float, Float) | (Float, Int) => Float,
            (List(a), List(b)) => List(Box::new(a.merge(*b))),
            (Object(mut a), Object(b)) => {
                for (name, shape) in b {
                    match a.iter_mut().find(|(n, _)| *n == name) {
                        Some((_, known)) => *known = std::mem::take(known).merge(shape),
                        None => a.push((name, shape)),
                    }
                }
                Object(a)
            }
            (a, b) if a.is_nested() || b.is_nested() => Json,
            (a, b) if a == b => a,
            _ => Text,
        }
    }

    fn is_nested(&self) -> bool {
        matches!(self, Self::List(_) | Self::Object(_) | Self::Json)
    }

    /// Whether some objects or lists in it are texts.
    pub(crate) fn has_json(&self) -> bool {
        match self {
            Self::Json => true,
            Self::List(element) => element.has_json(),
            Self::Object(fields) => fields.is_empty() || fields.iter().any(|(_, shape)| shape.has_json()),
            _ => false,
        }
    }

    /// The Arrow type; an object without fields is a text.
    pub(crate) fn data_type(&self) -> DataType {
        match self {
            Self::Null | Self::Text | Self::Json => DataType::Utf8,
            Self::Bool => DataType::Boolean,
            Self::Int => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::List(element) => DataType::List(Field::new("item", element.data_type(), true).into()),
            Self::Object(fields) if fields.is_empty() => DataType::Utf8,
            Self::Object(fields) => {
                let fields = fields.iter().map(|(name, shape)| Field::new(name, shape.data_type(), true));
                DataType::Struct(fields.collect::<Fields>())
            }
        }
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShapeVisitor)
    }
}

struct ShapeVisitor;

impl<'de> Visitor<'de> for ShapeVisitor {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
        Ok(Shape::Bool)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape::Int)
    }

    fn visit_u64<E>(self, value: u64) -> Result<Shape, E> {
        Ok(if i64::try_from(value).is_ok() { Shape::Int } else { Shape::Text })
    }

    fn visit_f64<E>(self, value: f64) -> Result<Shape, E> {
        // A whole number of so many digits was written as one, and a float would cut it.
        Ok(if value.fract() == 0.0 && value.abs() >= 9.0e18 { Shape::Text } else { Shape::Float })
    }

    fn visit_str<E>(self, _: &str) -> Result<Shape, E> {
        Ok(Shape::Text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
        let mut element = Shape::Null;
        while let Some(next) = seq.next_element::<Shape>()? {
            element = element.merge(next);
        }
        Ok(Shape::List(Box::new(element)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
        let mut fields: Vec<(String, Shape)> = Vec::new();
        while let Some((name, shape)) = map.next_entry::<String, Shape>()? {
            if fields.iter().any(|(n, _)| *n == name) {
                return Err(A::Error::custom(format!("field \"{name}\" is there twice in one object")));
            }
            fields.push((name, shape));
        }
        Ok(Shape::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(texts: &[&str]) -> Shape {
        texts.iter().fold(Shape::Null, |all, t| all.merge(serde_json::from_str(t).unwrap()))
    }

    #[test]
    fn shapes_merge_without_loss() {
        let found = shape(&["{\"z\":1,\"a\":null}", "{\"z\":2.5,\"b\":[{\"x\":1}]}", "{\"b\":[{\"y\":\"t\"}]}"]);
        let text = found.data_type().to_string();
        assert!(text.starts_with("Struct(\"z\": Float64, \"a\": Utf8, \"b\": List("), "{text}");
        assert_eq!(shape(&["1", "\"x\""]), Shape::Text);
        assert_eq!(shape(&["18446744073709551615"]), Shape::Text);
        assert_eq!(shape(&["123456789012345678901234567890"]), Shape::Text);
        let mixed = shape(&["{\"a\":{\"b\":1}}", "{\"a\":{\"b\":[1]}}"]);
        assert!(mixed.has_json() && mixed.data_type().to_string().contains("\"b\": Utf8"), "{mixed:?}");
        assert_eq!(shape(&["[1, {\"x\": 1}]", "[]"]), Shape::List(Box::new(Shape::Json)));
        assert!(shape(&["{}", "null"]).has_json() && !shape(&["[]", "[1]"]).has_json());
        assert!(serde_json::from_str::<Shape>("{\"a\":1,\"a\":2}").is_err());
    }
}
