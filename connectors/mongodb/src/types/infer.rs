//! The kind of each field of a collection, found from some of its documents.

use std::collections::{BTreeMap, HashMap};

use bson::raw::{RawArray, RawBsonRef, RawDocument};
use bson::spec::BinarySubtype;

use super::decimal::Number;
use super::kind::{DEPTH_MAX, EXACT_MAX, Kind};

/// A document with more names than this holds data in its names, such as a map by user; it is read as text.
const FIELDS_MAX: usize = 400;
/// Longest precision of a decimal column.
const DIGITS_MAX: i32 = 38;
/// Most values that are told apart when distinct values are counted.
const DISTINCT_MAX: usize = 4096;

/// What was seen of one field.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    /// How many values of each type, by its alias.
    pub(crate) types: BTreeMap<&'static str, u64>,
    /// Values that are null.
    pub(crate) nulls: u64,
    /// A whole number that floating point does not hold exactly.
    beyond_exact: bool,
    digits: i32,
    places: i32,
    /// A decimal number that is not finite.
    not_finite: bool,
    /// A binary value that is no UUID.
    not_uuid: bool,
    fields: Fields,
    elements: Option<Box<Evidence>>,
    /// Least and greatest whole number or point in time.
    pub(crate) range: Option<(i64, i64)>,
    /// Hashes of values, to count the distinct ones.
    pub(crate) distinct: HashMap<u64, u32>,
}

/// Fields in the order in which they were first seen.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    names: Vec<String>,
    places: HashMap<String, usize>,
    evidence: Vec<Evidence>,
}

impl Fields {
    fn of(&mut self, name: &str) -> Option<&mut Evidence> {
        let place = match self.places.get(name) {
            Some(place) => *place,
            None if self.names.len() > FIELDS_MAX => return None,
            None => {
                self.places.insert(name.to_owned(), self.names.len());
                self.names.push(name.to_owned());
                self.evidence.push(Evidence::default());
                self.names.len() - 1
            }
        };
        self.evidence.get_mut(place)
    }

    /// Names and what was seen of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Evidence)> {
        self.names.iter().map(String::as_str).zip(&self.evidence)
    }

    /// Takes a document into account.
    pub(crate) fn see(&mut self, document: &RawDocument, depth: usize) -> bson::error::Result<()> {
        for element in document.iter_elements() {
            let element = element?;
            if let Some(evidence) = self.of(element.key().as_str()) {
                evidence.see(element.value()?, depth)?;
            }
        }
        Ok(())
    }

    fn is_map(&self) -> bool {
        self.names.len() > FIELDS_MAX
    }
}

/// A field whose values have several types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Conflict {
    /// Path of the field.
    pub(crate) path: String,
    /// Values of each type, by its alias.
    pub(crate) types: BTreeMap<&'static str, u64>,
}

impl Evidence {
    fn see(&mut self, value: RawBsonRef<'_>, depth: usize) -> bson::error::Result<()> {
        let Some(alias) = alias(value) else {
            self.nulls += 1;
            return Ok(());
        };
        *self.types.entry(alias).or_default() += 1;
        match value {
            RawBsonRef::Int32(v) => self.whole(i64::from(v)),
            RawBsonRef::Int64(v) => self.whole(v),
            RawBsonRef::DateTime(v) => self.ranged(v.timestamp_millis()),
            RawBsonRef::Double(v) => self.remember(v.to_bits()),
            RawBsonRef::Decimal128(v) => match Number::of(v) {
                Some(number) => {
                    let (digits, places) = number.shape();
                    self.digits = self.digits.max(digits);
                    self.places = self.places.max(places);
                }
                None => self.not_finite = true,
            },
            RawBsonRef::Binary(v) => self.not_uuid |= v.subtype != BinarySubtype::Uuid || v.bytes.len() != 16,
            RawBsonRef::String(v) => self.remember(hash(v.as_bytes())),
            RawBsonRef::ObjectId(v) => self.remember(hash(&v.bytes())),
            RawBsonRef::Boolean(v) => self.remember(u64::from(v)),
            RawBsonRef::Document(v) if depth < DEPTH_MAX => self.fields.see(v, depth + 1)?,
            RawBsonRef::Array(v) if depth < DEPTH_MAX => self.see_elements(v, depth + 1)?,
            _ => {}
        }
        Ok(())
    }

    fn see_elements(&mut self, array: &RawArray, depth: usize) -> bson::error::Result<()> {
        let elements = self.elements.get_or_insert_default();
        for element in array.iter_elements() {
            elements.see(element?.value()?, depth)?;
        }
        Ok(())
    }

    fn whole(&mut self, value: i64) {
        self.beyond_exact |= !(-EXACT_MAX..=EXACT_MAX).contains(&value);
        let digits = i32::try_from(value.unsigned_abs().to_string().len()).unwrap_or(i32::MAX);
        self.digits = self.digits.max(digits);
        self.ranged(value);
    }

    fn ranged(&mut self, value: i64) {
        let (least, greatest) = self.range.unwrap_or((value, value));
        self.range = Some((least.min(value), greatest.max(value)));
        self.remember(hash(&value.to_le_bytes()));
    }

    fn remember(&mut self, hash: u64) {
        if self.distinct.len() < DISTINCT_MAX || self.distinct.contains_key(&hash) {
            *self.distinct.entry(hash).or_default() += 1;
        }
    }

    /// Values that are not null.
    pub(crate) fn seen(&self) -> u64 {
        self.types.values().sum()
    }

    /// The kind that every value seen fits, and the fields that have none but text.
    pub(crate) fn kind(&self, path: &str, depth: usize, conflicts: &mut Vec<Conflict>) -> Kind {
        let only = |aliases: &[&str]| !self.types.is_empty() && self.types.keys().all(|t| aliases.contains(t));
        let has = |alias: &str| self.types.contains_key(alias);
        match () {
            () if self.types.is_empty() => Kind::Json,
            () if only(&["int", "long"]) => Kind::Long,
            () if only(&["double", "int", "long"]) && !self.beyond_exact => Kind::Double,
            () if only(&["decimal", "int", "long"]) && !self.not_finite && self.digits + self.places <= DIGITS_MAX => {
                i8::try_from(self.places).map_or(Kind::Json, |places| Kind::Decimal(38, places))
            }
            () if only(&["string", "symbol"]) => Kind::String,
            () if only(&["bool"]) => Kind::Bool,
            () if only(&["objectId"]) => Kind::ObjectId,
            () if only(&["date"]) => Kind::Date,
            () if only(&["binData"]) && self.not_uuid => Kind::BinData,
            () if only(&["binData"]) => Kind::Uuid,
            () if only(&["object"]) && depth < DEPTH_MAX && !self.fields.is_map() => {
                let fields = self.fields.iter();
                let field = |(name, evidence): (&str, &Self)| {
                    (name.to_owned(), evidence.kind(&format!("{path}.{name}"), depth + 1, conflicts))
                };
                let fields: Vec<_> = fields.map(field).collect();
                // A struct needs a field.
                if fields.is_empty() { Kind::Json } else { Kind::Object(fields) }
            }
            () if only(&["array"]) && depth < DEPTH_MAX => {
                let inner = self.elements.as_ref().map(|e| e.kind(&format!("{path}[]"), depth + 1, conflicts));
                Kind::Array(Box::new(inner.unwrap_or(Kind::Json)))
            }
            () => {
                if self.types.len() > 1 || has("decimal") {
                    conflicts.push(Conflict { path: path.to_owned(), types: self.types.clone() });
                }
                Kind::Json
            }
        }
    }
}

/// The alias of a value's type, as `$type` takes it; `None` for null.
pub(crate) fn alias(value: RawBsonRef<'_>) -> Option<&'static str> {
    Some(match value {
        RawBsonRef::Null | RawBsonRef::Undefined => return None,
        RawBsonRef::Double(_) => "double",
        RawBsonRef::String(_) => "string",
        RawBsonRef::Array(_) => "array",
        RawBsonRef::Document(_) => "object",
        RawBsonRef::Boolean(_) => "bool",
        RawBsonRef::RegularExpression(_) => "regex",
        RawBsonRef::JavaScriptCode(_) => "javascript",
        RawBsonRef::JavaScriptCodeWithScope(_) => "javascriptWithScope",
        RawBsonRef::Int32(_) => "int",
        RawBsonRef::Int64(_) => "long",
        RawBsonRef::Timestamp(_) => "timestamp",
        RawBsonRef::Binary(_) => "binData",
        RawBsonRef::ObjectId(_) => "objectId",
        RawBsonRef::DateTime(_) => "date",
        RawBsonRef::Symbol(_) => "symbol",
        RawBsonRef::Decimal128(_) => "decimal",
        RawBsonRef::MaxKey => "maxKey",
        RawBsonRef::MinKey => "minKey",
        RawBsonRef::DbPointer(_) => "dbPointer",
    })
}

fn hash(bytes: &[u8]) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use bson::{Bson, Document, RawDocumentBuf, doc};

    use super::*;

    fn kinds(documents: &[Document]) -> (String, Vec<Conflict>) {
        let mut fields = Fields::default();
        for document in documents {
            fields.see(&RawDocumentBuf::try_from(document).unwrap(), 0).unwrap();
        }
        let mut conflicts = Vec::new();
        let found: Vec<_> = fields.iter().map(|(n, e)| (n.to_owned(), e.kind(n, 0, &mut conflicts))).collect();
        (Kind::Object(found).to_string(), conflicts)
    }

    #[test]
    fn every_value_seen_fits_its_kind() {
        let decimal = |text: &str| Bson::Decimal128(text.parse().unwrap());
        let (found, conflicts) = kinds(&[
            doc! { "a": 1, "b": 1, "c": 1, "d": "x", "e": { "x": 1, "y": "t" }, "f": [1, 2.5], "g": Bson::Null },
            doc! { "a": 2_i64, "b": 2.5, "c": decimal("1.25"), "d": Bson::Null, "e": { "z": true }, "f": [] },
        ]);
        let expected = "object<a long, b double, c decimal(38, 2), d string, e object<x long, y string, z bool>, \
                        f array<double>, g json>";
        assert_eq!(found, expected);
        assert_eq!(conflicts, []);
    }

    #[test]
    fn what_fits_nothing_but_text_is_a_conflict() {
        let (found, conflicts) = kinds(&[
            doc! { "a": 1, "o": { "x": [1] }, "n": (1_i64 << 53) + 1, "p": "s" },
            doc! { "a": "1", "o": { "x": ["y"] }, "n": 0.5, "p": ["s"] },
        ]);
        assert_eq!(found, "object<a json, o object<x array<json>>, n json, p json>");
        let paths: Vec<_> = conflicts.iter().map(|c| c.path.as_str()).collect();
        assert_eq!(paths, ["a", "o.x[]", "n", "p"]);
        assert_eq!(conflicts[0].types, BTreeMap::from([("int", 1), ("string", 1)]));
    }
}
