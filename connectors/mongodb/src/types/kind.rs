//! What a column holds: the kinds of BSON values that fit it, and its Arrow type.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Fields, TimeUnit};
use headwater_source::declare::split;

/// Whole numbers up to this are the same as floating point numbers.
pub(crate) const EXACT_MAX: i64 = 1 << 53;

/// Most levels of a column inside another.
pub(crate) const DEPTH_MAX: usize = 16;

/// The kind of a column. Its text, such as `array<decimal(38, 2)>`, is how a column is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// `true` and `false`.
    Bool,
    /// Whole numbers of 32 bits.
    Int,
    /// Whole numbers of 32 and 64 bits.
    Long,
    /// Floating point numbers, and whole numbers that are exact as such.
    Double,
    /// Decimal numbers with so many digits and decimal places, and whole numbers.
    Decimal(u8, i8),
    /// Texts.
    String,
    /// Object ids, as 24 hexadecimal digits.
    ObjectId,
    /// UUIDs (binary values of subtype 4), as text.
    Uuid,
    /// Points in time, in milliseconds.
    Date,
    /// Binary values of every subtype.
    BinData,
    /// Lists of one kind.
    Array(Box<Kind>),
    /// Documents with these fields.
    Object(Vec<(String, Kind)>),
    /// Values of any kind as text: a text as it is, anything else as relaxed extended JSON.
    Json,
    /// The whole document as relaxed extended JSON.
    Document,
}

impl Kind {
    /// The Arrow type.
    pub fn arrow(&self) -> DataType {
        match self {
            Self::Bool => DataType::Boolean,
            Self::Int => DataType::Int32,
            Self::Long => DataType::Int64,
            Self::Double => DataType::Float64,
            Self::Decimal(precision, scale) => DataType::Decimal128(*precision, *scale),
            Self::String | Self::ObjectId | Self::Uuid | Self::Json | Self::Document => DataType::Utf8,
            Self::Date => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
            Self::BinData => DataType::Binary,
            Self::Array(element) => DataType::List(Arc::new(Field::new("item", element.arrow(), true))),
            Self::Object(fields) => {
                DataType::Struct(fields.iter().map(|(name, kind)| kind.field(name)).collect::<Fields>())
            }
        }
    }

    /// A column of this kind. Every field may be missing.
    pub(crate) fn field(&self, name: &str) -> Field {
        Field::new(name, self.arrow(), !matches!(self, Self::Document))
    }

    /// Whether the server orders values of this kind as Headwater does, or why not. Kinds that it does not compute with are not
    /// asked here.
    pub(crate) fn is_ordered_as_here(&self) -> Result<(), &'static str> {
        match self {
            Self::Double => Err("the server orders zeros and NaN otherwise"),
            Self::BinData => Err("the server orders binary values by their length first"),
            _ => Ok(()),
        }
    }

    /// The aliases of the BSON types whose values fit, as `$type` takes them.
    pub(crate) fn aliases(&self) -> &'static [&'static str] {
        match self {
            Self::Bool => &["bool"],
            Self::Int => &["int"],
            Self::Long => &["int", "long"],
            Self::Double => &["double", "int", "long"],
            Self::Decimal(..) => &["decimal", "int", "long"],
            Self::String => &["string", "symbol"],
            Self::ObjectId => &["objectId"],
            Self::Uuid | Self::BinData => &["binData"],
            Self::Date => &["date"],
            Self::Array(_) => &["array"],
            Self::Object(_) => &["object"],
            Self::Json | Self::Document => ALL_ALIASES,
        }
    }
}

/// Every type of a value that is not null.
pub(crate) const ALL_ALIASES: &[&str] = &[
    "double",
    "string",
    "object",
    "array",
    "binData",
    "objectId",
    "bool",
    "date",
    "regex",
    "dbPointer",
    "javascript",
    "symbol",
    "javascriptWithScope",
    "int",
    "timestamp",
    "long",
    "decimal",
    "minKey",
    "maxKey",
];

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Int => f.write_str("int"),
            Self::Long => f.write_str("long"),
            Self::Double => f.write_str("double"),
            Self::Decimal(precision, scale) => write!(f, "decimal({precision}, {scale})"),
            Self::String => f.write_str("string"),
            Self::ObjectId => f.write_str("objectId"),
            Self::Uuid => f.write_str("uuid"),
            Self::Date => f.write_str("date"),
            Self::BinData => f.write_str("binData"),
            Self::Array(element) => write!(f, "array<{element}>"),
            Self::Object(fields) => {
                f.write_str("object<")?;
                write_fields(f, fields)?;
                f.write_str(">")
            }
            Self::Json => f.write_str("json"),
            Self::Document => f.write_str("document"),
        }
    }
}

fn write_fields(f: &mut fmt::Formatter<'_>, fields: &[(String, Kind)]) -> fmt::Result {
    for (i, (name, kind)) in fields.iter().enumerate() {
        let comma = if i == 0 { "" } else { ", " };
        let plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
        match plain {
            true => write!(f, "{comma}{name} {kind}")?,
            false => write!(f, "{comma}\"{}\" {kind}", name.replace('"', "\"\""))?,
        }
    }
    Ok(())
}

/// Columns from their declaration, as [`split`] reads it.
pub(crate) fn parse_columns(text: &str) -> Result<Vec<(String, Kind)>, String> {
    fields(text, 0)
}

/// A kind from its text.
pub(crate) fn parse_kind(text: &str) -> Result<Kind, String> {
    kind(text, 0)
}

fn fields(text: &str, depth: usize) -> Result<Vec<(String, Kind)>, String> {
    let field = |(name, text): (String, &str)| kind(text, depth).map(|kind| (name, kind));
    split(text)?.into_iter().map(field).collect()
}

fn kind(text: &str, depth: usize) -> Result<Kind, String> {
    if depth > DEPTH_MAX {
        return Err(format!("columns are nested deeper than {DEPTH_MAX} levels"));
    }
    let text = text.trim();
    let end = text.find(['(', '<']).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let inside = |open: char, close: char| {
        let inner = rest.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
        inner.ok_or_else(|| format!("\"{open}\" or \"{close}\" is missing in \"{text}\""))
    };
    let word = word.trim().to_ascii_lowercase();
    match word.as_str() {
        "decimal" => return decimal(inside('(', ')')?),
        "array" => return Ok(Kind::Array(Box::new(kind(inside('<', '>')?, depth + 1)?))),
        "object" => return Ok(Kind::Object(fields(inside('<', '>')?, depth + 1)?)),
        _ => {}
    }
    Ok(match word.as_str() {
        _ if !rest.is_empty() => return Err(unknown(text)),
        "bool" => Kind::Bool,
        "int" => Kind::Int,
        "long" => Kind::Long,
        "double" => Kind::Double,
        "string" => Kind::String,
        "objectid" => Kind::ObjectId,
        "uuid" => Kind::Uuid,
        "date" => Kind::Date,
        "bindata" => Kind::BinData,
        "json" => Kind::Json,
        _ => return Err(unknown(text)),
    })
}

fn unknown(text: &str) -> String {
    format!(
        "\"{text}\" is no kind of a column; kinds are bool, int, long, double, decimal(p, s), string, objectId, uuid, date, \
         binData, json, array<...> and object<...>"
    )
}

fn decimal(arguments: &str) -> Result<Kind, String> {
    let number = |text: &str| text.trim().parse::<u8>().map_err(|_| format!("\"{}\" is no number", text.trim()));
    let (precision, scale) = arguments.split_once(',').ok_or("decimal has two numbers, such as decimal(12, 2)")?;
    let (precision, scale) = (number(precision)?, number(scale)?);
    match i8::try_from(scale) {
        Ok(places) if (1..=38).contains(&precision) && scale <= precision => Ok(Kind::Decimal(precision, places)),
        _ => Err(format!("decimal({precision}, {scale}) has more than 38 digits, none, or more places than digits")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declaration_is_read_and_printed_as_it_was() {
        let text =
            "_id objectId, amount decimal(12, 2), tags array<string>, address object<city string, \"zip \"\"x\" json>";
        let columns = parse_columns(text).unwrap();
        let printed = Kind::Object(columns.clone()).to_string();
        assert_eq!(printed, format!("object<{text}>"));
        assert_eq!(parse_kind(&printed).unwrap(), Kind::Object(columns));
    }

    #[test]
    fn a_wrong_declaration_says_what_is_wrong() {
        let fails = |text: &str| parse_columns(text).unwrap_err();
        assert!(fails("a number").contains("no kind"));
        assert!(fails("a decimal(40, 2)").contains("38 digits"));
        assert!(fails("a long, a long").contains("twice"));
        assert!(fails("a long b").contains("no kind"));
        assert!(fails("a array<long").contains("\">\" is missing"));
        assert!(fails("a long(3)").contains("no kind"));
        assert!(fails("a decimal").contains("is missing"));
        assert!(fails("a").contains("a name and a type"));
        assert!(fails(&format!("a {}long{}", "array<".repeat(99), ">".repeat(99))).contains("nested deeper"));
    }
}
