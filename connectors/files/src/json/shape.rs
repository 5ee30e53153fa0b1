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
}

impl Shape {
    /// The shape that holds both; the path of the field that cannot hold both otherwise.
    pub(crate) fn merge(self, other: Self) -> Result<Self, String> {
        use Shape::{Float, Int, List, Null, Object, Text};
        match (self, other) {
            (Null, x) | (x, Null) => Ok(x),
            (Int | Float, Float) | (Float, Int) => Ok(Float),
            (List(a), List(b)) => Ok(List(Box::new(a.merge(*b).map_err(|path| format!("[]{path}"))?))),
            (Object(mut a), Object(b)) => {
                for (name, shape) in b {
                    match a.iter_mut().find(|(n, _)| *n == name) {
                        Some((_, known)) => {
                            let merged = std::mem::take(known).merge(shape);
                            *known = merged.map_err(|path| format!(".{name}{path}"))?;
                        }
                        None => a.push((name, shape)),
                    }
                }
                Ok(Object(a))
            }
            (a, b) if a.is_nested() || b.is_nested() => Err(String::new()),
            (a, b) if a == b => Ok(a),
            _ => Ok(Text),
        }
    }

    fn is_nested(&self) -> bool {
        matches!(self, Self::List(_) | Self::Object(_))
    }

    /// The Arrow type; an object without fields has none.
    pub(crate) fn data_type(&self) -> Option<DataType> {
        Some(match self {
            Self::Null | Self::Text => DataType::Utf8,
            Self::Bool => DataType::Boolean,
            Self::Int => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::List(element) => DataType::List(Field::new("item", element.data_type()?, true).into()),
            Self::Object(fields) if fields.is_empty() => return None,
            Self::Object(fields) => {
                let fields = fields.iter().map(|(name, shape)| Some(Field::new(name, shape.data_type()?, true)));
                DataType::Struct(fields.collect::<Option<Fields>>()?)
            }
        })
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
            element =
                element.merge(next).map_err(|_| A::Error::custom("a list holds both scalars and lists or objects"))?;
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

    fn shape(texts: &[&str]) -> Result<Shape, String> {
        texts.iter().try_fold(Shape::Null, |all, t| all.merge(serde_json::from_str(t).unwrap()))
    }

    #[test]
    fn shapes_merge_without_loss() {
        let found = shape(&["{\"z\":1,\"a\":null}", "{\"z\":2.5,\"b\":[{\"x\":1}]}", "{\"b\":[{\"y\":\"t\"}]}"]).unwrap();
        let text = found.data_type().unwrap().to_string();
        assert!(text.starts_with("Struct(\"z\": Float64, \"a\": Utf8, \"b\": List("), "{text}");
        assert_eq!(shape(&["1", "\"x\""]).unwrap(), Shape::Text);
        assert_eq!(shape(&["18446744073709551615"]).unwrap(), Shape::Text);
        assert_eq!(shape(&["123456789012345678901234567890"]).unwrap(), Shape::Text);
        assert_eq!(shape(&["{\"a\":{\"b\":1}}", "{\"a\":{\"b\":[1]}}"]).unwrap_err(), ".a.b");
        assert!(serde_json::from_str::<Shape>("{\"a\":1,\"a\":2}").is_err());
    }
}
