//! The Arrow type of each ClickHouse type, and its values from the server's Arrow stream and back.
//!
//! | ClickHouse | Arrow | notes |
//! |---|---|---|
//! | `Bool`, `Int8` .. `Int64`, `UInt8` .. `UInt64`, `Float32`, `Float64` | the same | |
//! | `BFloat16` | `Float32` | |
//! | `Int128`, `UInt128` | `Decimal256(39, 0)` | option `big_integers` |
//! | `Int256`, `UInt256` | `Utf8` | option `big_integers` |
//! | `Decimal(P, S)` | `Decimal128(P, S)` up to 38 digits, else `Decimal256(P, S)` | |
//! | `String` | `Utf8` | option `strings`, for bytes that are not UTF-8 |
//! | `FixedString(N)` | `FixedSizeBinary(N)` | option `fixed_strings` |
//! | `UUID`, `IPv4`, `IPv6` | `Utf8` | |
//! | `Date`, `Date32` | `Date32` | |
//! | `DateTime` | `Timestamp(Second, "UTC")` | the column's zone is how the server prints it, not what it holds |
//! | `DateTime64(S)` | `Timestamp(s, ms, us or ns, "UTC")` | option `nanoseconds` for S of 7 to 9 |
//! | `Time`, `Time64(S)` | `Time32` or `Time64` | option `time` |
//! | `Enum8`, `Enum16` | `Dictionary(Int32, Utf8)` | |
//! | `Interval...` | `Interval(MonthDayNano)` | |
//! | `Nullable(T)`, `LowCardinality(T)`, `SimpleAggregateFunction(f, T)` | as T | |
//! | `Array(T)`, `Tuple(...)`, `Map(K, V)`, `Nested(...)` | `List`, `Struct`, `Map`, `List<Struct>` | |
//! | `Point`, `Ring`, `LineString`, `Polygon`, ... | `Struct<1: Float64, 2: Float64>` and lists of it | |
//! | `JSON`, `Object`, `Variant`, `Dynamic`, every other type | `Utf8`, as the server prints it | with all types around it |
//! | `Nothing` | `Null` | |
//! | `AggregateFunction` | left out | its state means nothing outside the server |

mod big;
mod convert;
mod options;
mod parse;
mod sent;

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, IntervalUnit, TimeUnit};

use parse::{Argument, TypeName};

pub use convert::{Fault, convert};
pub use options::{BigIntegerMode, StringMode, TypeOptions};
pub use sent::{sent, sent_type};

/// A column's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChType {
    /// What it is.
    pub kind: ChKind,
    /// Whether values may be NULL.
    pub nullable: bool,
    /// The server's name of it.
    pub name: String,
}

/// What a type is, and what it becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChKind {
    /// Same type on both sides.
    Native(DataType),
    /// `BFloat16`.
    BFloat16,
    /// An integer of 128 or 256 bits.
    Big {
        /// 16 or 32.
        bytes: i32,
        /// Whether it has a sign.
        signed: bool,
        /// Digits of the decimal it becomes; `None` is a text.
        digits: Option<u8>,
    },
    /// `Decimal(P, S)`.
    Decimal(u8, i8),
    /// `String`.
    String,
    /// `FixedString(N)`.
    FixedString(i32),
    /// `UUID`.
    Uuid,
    /// `IPv4`.
    Ipv4,
    /// `IPv6`.
    Ipv6,
    /// `Date`.
    Date,
    /// `Date32`.
    Date32,
    /// `DateTime`.
    DateTime,
    /// `DateTime64(S)`.
    DateTime64(u8),
    /// `Time` (0) and `Time64(S)`.
    Time(u8),
    /// `Enum8` and `Enum16`: labels with their numbers.
    Enum(Vec<(String, i16)>),
    /// `IntervalSecond` and the like, by the last part of the name.
    Interval(String),
    /// `Array(T)`.
    Array(Box<ChType>),
    /// `Tuple(...)`.
    Tuple(Vec<(String, ChType)>),
    /// `Map(K, V)`.
    Map(Box<ChType>, Box<ChType>),
    /// `Nothing`.
    Nothing,
    /// A text made by the server.
    Text,
}

/// What a type's name resolves to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    /// A type that is read.
    Type(ChType),
    /// A type that cannot be read, and why.
    LeftOut(String),
}

impl ChType {
    /// The type with this name. It never fails: what is not known is read as the text that the server prints.
    pub fn resolve(name: &str, options: &TypeOptions) -> Resolved {
        if name.starts_with("AggregateFunction(")
            || name.contains("(AggregateFunction(")
            || name.contains(" AggregateFunction(")
        {
            let reason = format!("{name}: the state of an aggregate function has no value outside the server");
            return Resolved::LeftOut(reason);
        }
        let found = parse::parse(name).and_then(|parsed| resolve(&parsed, options));
        Resolved::Type(
            found.unwrap_or_else(|| ChType { kind: ChKind::Text, nullable: true, name: String::new() }).named(name),
        )
    }

    /// A type by its kind, never NULL.
    pub fn new(kind: ChKind) -> Self {
        Self { kind, nullable: false, name: String::new() }
    }

    fn named(mut self, name: &str) -> Self {
        self.name = name.to_owned();
        self
    }

    /// What the server is asked to cast a column of this type to, if anything: labels and made texts travel as texts.
    pub fn cast(&self) -> Option<&'static str> {
        matches!(self.kind, ChKind::Text | ChKind::Enum(_)).then_some("Nullable(String)")
    }

    /// The Arrow field of a column.
    pub fn field(&self, name: &str, options: &TypeOptions) -> Field {
        Field::new(name, self.arrow(options), self.nullable)
    }

    /// The Arrow type.
    pub fn arrow(&self, options: &TypeOptions) -> DataType {
        let utc = || Some(Arc::from("UTC"));
        match &self.kind {
            ChKind::Native(native) => native.clone(),
            ChKind::BFloat16 => DataType::Float32,
            ChKind::Big { digits: Some(digits), .. } => DataType::Decimal256(*digits, 0),
            ChKind::Decimal(p, s) if *p <= 38 => DataType::Decimal128(*p, *s),
            ChKind::Decimal(p, s) => DataType::Decimal256(*p, *s),
            ChKind::String if options.strings == StringMode::Binary => DataType::Binary,
            ChKind::FixedString(bytes) if !options.fixed_string_text => DataType::FixedSizeBinary(*bytes),
            ChKind::Date | ChKind::Date32 => DataType::Date32,
            ChKind::DateTime => DataType::Timestamp(TimeUnit::Second, utc()),
            ChKind::DateTime64(scale) => DataType::Timestamp(unit(*scale), utc()),
            ChKind::Time(scale) if *scale <= 3 => DataType::Time32(unit(*scale)),
            ChKind::Time(scale) => DataType::Time64(unit(*scale)),
            ChKind::Enum(_) => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
            ChKind::Interval(_) => DataType::Interval(IntervalUnit::MonthDayNano),
            ChKind::Array(item) => DataType::List(Arc::new(item.field("item", options))),
            ChKind::Tuple(fields) => DataType::Struct(struct_fields(fields, options)),
            ChKind::Map(key, value) => DataType::Map(map_field(key, value, options), false),
            ChKind::Nothing => DataType::Null,
            ChKind::Big { .. }
            | ChKind::String
            | ChKind::FixedString(_)
            | ChKind::Uuid
            | ChKind::Ipv4
            | ChKind::Ipv6
            | ChKind::Text => DataType::Utf8,
        }
    }
}

fn struct_fields(fields: &[(String, ChType)], options: &TypeOptions) -> Fields {
    fields.iter().map(|(name, t)| t.field(name, options)).collect()
}

fn map_field(key: &ChType, value: &ChType, options: &TypeOptions) -> FieldRef {
    let entry = Fields::from(vec![key.field("key", options), value.field("value", options)]);
    Arc::new(Field::new("entries", DataType::Struct(entry), false))
}

/// The unit that the server sends for a number of decimal places.
fn unit(scale: u8) -> TimeUnit {
    match scale {
        0 => TimeUnit::Second,
        1..=3 => TimeUnit::Millisecond,
        4..=6 => TimeUnit::Microsecond,
        _ => TimeUnit::Nanosecond,
    }
}

/// `None` is a type that is read as a text as a whole.
fn resolve(parsed: &TypeName, options: &TypeOptions) -> Option<ChType> {
    let inner = |i: usize| match parsed.arguments.get(i)? {
        Argument::Type(t) | Argument::Named(_, t) => resolve(t, options),
        _ => None,
    };
    let number = |i: usize| match parsed.arguments.get(i)? {
        Argument::Number(n) => Some(*n),
        _ => None,
    };
    let kind = match parsed.name.as_str() {
        "Nullable" => return inner(0).map(|t| ChType { nullable: true, ..t }),
        "LowCardinality" => return inner(0),
        "SimpleAggregateFunction" => return inner(1),
        "Array" => ChKind::Array(Box::new(inner(0)?)),
        "Map" => ChKind::Map(Box::new(inner(0)?), Box::new(inner(1)?)),
        "Tuple" => ChKind::Tuple(members(parsed, options)?),
        "Nested" => ChKind::Array(Box::new(ChType::new(ChKind::Tuple(members(parsed, options)?)))),
        "Decimal" => {
            let (p, s) = (u8::try_from(number(0)?).ok()?, i8::try_from(number(1).unwrap_or(0)).ok()?);
            ((1..=76).contains(&p) && s >= 0 && s.unsigned_abs() <= p).then_some(ChKind::Decimal(p, s))?
        }
        "FixedString" => ChKind::FixedString(i32::try_from(number(0)?).ok()?),
        "DateTime64" => match u8::try_from(number(0).unwrap_or(3)).ok()? {
            7..=9 if options.nanoseconds_text => return None,
            scale => ChKind::DateTime64(scale),
        },
        "Time" | "Time64" if options.time_text => return None,
        "Time" => ChKind::Time(0),
        "Time64" => ChKind::Time(u8::try_from(number(0).unwrap_or(3)).ok()?),
        "Enum8" | "Enum16" | "Enum" => ChKind::Enum(labels(parsed)?),
        name => scalar(name, options)?,
    };
    Some(ChType::new(kind))
}

fn scalar(name: &str, options: &TypeOptions) -> Option<ChKind> {
    let point = || ChType::new(ChKind::Tuple(vec![("1".into(), float()), ("2".into(), float())]));
    let list = |t: ChType| ChType::new(ChKind::Array(Box::new(t)));
    Some(match name {
        "Bool" => ChKind::Native(DataType::Boolean),
        "Int8" => ChKind::Native(DataType::Int8),
        "Int16" => ChKind::Native(DataType::Int16),
        "Int32" => ChKind::Native(DataType::Int32),
        "Int64" => ChKind::Native(DataType::Int64),
        "UInt8" => ChKind::Native(DataType::UInt8),
        "UInt16" => ChKind::Native(DataType::UInt16),
        "UInt32" => ChKind::Native(DataType::UInt32),
        "UInt64" => ChKind::Native(DataType::UInt64),
        "Float32" => ChKind::Native(DataType::Float32),
        "Float64" => ChKind::Native(DataType::Float64),
        "BFloat16" => ChKind::BFloat16,
        "Int128" | "UInt128" => big(16, name.starts_with('I'), options),
        "Int256" | "UInt256" => big(32, name.starts_with('I'), options),
        "String" => ChKind::String,
        "UUID" => ChKind::Uuid,
        "IPv4" => ChKind::Ipv4,
        "IPv6" => ChKind::Ipv6,
        "Date" => ChKind::Date,
        "Date32" => ChKind::Date32,
        "DateTime" => ChKind::DateTime,
        "Nothing" => ChKind::Nothing,
        "Point" => point().kind,
        "Ring" | "LineString" => list(point()).kind,
        "Polygon" | "MultiLineString" => list(list(point())).kind,
        "MultiPolygon" => list(list(list(point()))).kind,
        other => ChKind::Interval(other.strip_prefix("Interval").filter(|u| convert::is_interval(u))?.to_owned()),
    })
}

fn float() -> ChType {
    ChType::new(ChKind::Native(DataType::Float64))
}

fn big(bytes: i32, signed: bool, options: &TypeOptions) -> ChKind {
    let digits = match (options.big_integers, bytes) {
        (BigIntegerMode::Text, _) | (BigIntegerMode::Exact, 32) => None,
        (_, 16) => Some(39),
        _ => Some(76),
    };
    ChKind::Big { bytes, signed, digits }
}

fn members(parsed: &TypeName, options: &TypeOptions) -> Option<Vec<(String, ChType)>> {
    let member = |(i, argument): (usize, &Argument)| match argument {
        Argument::Type(t) => Some(((i + 1).to_string(), resolve(t, options)?)),
        Argument::Named(name, t) => Some((name.clone(), resolve(t, options)?)),
        _ => None,
    };
    parsed.arguments.iter().enumerate().map(member).collect()
}

fn labels(parsed: &TypeName) -> Option<Vec<(String, i16)>> {
    let label = |argument: &Argument| match argument {
        Argument::Label(label, number) => Some((label.clone(), i16::try_from(*number).ok()?)),
        _ => None,
    };
    parsed.arguments.iter().map(label).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrow(name: &str, options: &TypeOptions) -> String {
        match ChType::resolve(name, options) {
            Resolved::Type(t) => t.arrow(options).to_string(),
            Resolved::LeftOut(reason) => reason,
        }
    }

    #[test]
    fn every_name_resolves() {
        let plain = TypeOptions::default();
        let cases = [
            ("LowCardinality(Nullable(String))", "Utf8"),
            ("Decimal(76, 10)", "Decimal256(76, 10)"),
            ("Int128", "Decimal256(39, 0)"),
            ("UInt256", "Utf8"),
            ("DateTime('Asia/Tokyo')", "Timestamp(s, \"UTC\")"),
            ("DateTime64(4)", "Timestamp(µs, \"UTC\")"),
            ("SimpleAggregateFunction(sum, UInt64)", "UInt64"),
            ("Array(JSON)", "Utf8"),
            ("JSON(a.b UInt32, SKIP c)", "Utf8"),
            ("QBit(Float32, 8)", "Utf8"),
            ("Nullable(Nothing)", "Null"),
        ];
        for (name, want) in cases {
            assert_eq!(arrow(name, &plain), want, "{name}");
        }
        assert!(arrow("Array(AggregateFunction(sum, UInt8))", &plain).contains("no value outside the server"));
        let text = TypeOptions { nanoseconds_text: true, ..plain };
        assert_eq!(arrow("Array(DateTime64(9, 'UTC'))", &text), "Utf8");
    }
}
