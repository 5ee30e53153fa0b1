//! A field of a document that a filter names: where it is, and which of its values fit.

use bson::spec::BinarySubtype;
use bson::{Binary, Bson, Document, doc};

use crate::types::Kind;
use crate::types::kind::{ALL_ALIASES, EXACT_MAX};

/// A field with its kind.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    /// Names on the way to it.
    pub(crate) names: Vec<String>,
    pub(crate) kind: Kind,
    /// The server has computed it: it is there in every document, and it is null or fits.
    pub(crate) computed: bool,
}

/// Whether a server finds a field by this name in a path: dots and dollars have a meaning of their own there.
pub(crate) fn addressable(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('$') && !name.contains(['.', '\0'])
}

/// Conditions that must all hold.
pub(crate) fn all(mut conditions: Vec<Document>) -> Document {
    if conditions.len() == 1 {
        return conditions.pop().unwrap_or_default();
    }
    if conditions.is_empty() {
        return Document::new();
    }
    doc! { "$and": conditions }
}

/// Conditions of which one must hold.
pub(crate) fn any(mut conditions: Vec<Document>) -> Document {
    match conditions.len() {
        0 => never(),
        1 => conditions.pop().unwrap_or_default(),
        _ => doc! { "$or": conditions },
    }
}

/// A condition that holds for no document.
pub(crate) fn never() -> Document {
    doc! { "_id": { "$in": [] } }
}

/// A condition that holds where another does not.
pub(crate) fn not(condition: Document) -> Document {
    doc! { "$nor": [condition] }
}

impl Field {
    /// A field of a table.
    pub(crate) fn new(names: Vec<String>, kind: Kind) -> Self {
        Self { names, kind, computed: false }
    }

    /// Its path.
    pub(crate) fn path(&self) -> String {
        self.names.join(".")
    }

    /// Paths of the documents that it is in.
    fn parents(&self) -> impl Iterator<Item = String> {
        (1..self.names.len()).map(|n| self.names.iter().take(n).cloned().collect::<Vec<_>>().join("."))
    }

    /// Conditions that no array stands where a document or a single value should: the server looks into arrays.
    fn no_arrays(&self) -> Vec<Document> {
        self.parents().map(|parent| doc! { parent: { "$not": { "$type": "array" } } }).collect()
    }

    /// The field itself passes `operators`, is of one of its types, and is no array.
    pub(crate) fn passes(&self, operators: Document) -> Document {
        let mut operators = operators;
        if !self.computed {
            let numeric = matches!(self.kind, Kind::Int | Kind::Long | Kind::Double | Kind::Decimal(..));
            // The server compares numbers of all types with each other, and every other type only with itself.
            if numeric {
                operators.insert("$type", aliases(self.kind.aliases()));
            }
            if !matches!(self.kind, Kind::Array(_) | Kind::Json) {
                operators.insert("$not", doc! { "$type": "array" });
            }
        }
        let mut conditions = vec![doc! { self.path(): operators }];
        if !self.computed {
            conditions.extend(self.no_arrays());
            if self.kind == Kind::Double {
                conditions.push(not(any(self.beyond_exact())));
            }
        }
        all(conditions)
    }

    /// Whole numbers that a column of floating point does not hold.
    fn beyond_exact(&self) -> Vec<Document> {
        let path = self.path();
        vec![doc! { &path: { "$type": "long", "$gt": EXACT_MAX } }, doc! { &path: { "$type": "long", "$lt": -EXACT_MAX } }]
    }

    /// Values that fit. For decimal numbers also some that do not.
    pub(crate) fn fits(&self) -> Document {
        if self.computed {
            return doc! { self.path(): { "$ne": Bson::Null } };
        }
        match self.kind {
            Kind::Uuid => {
                let (first, last) = uuids();
                self.passes(doc! { "$gte": first, "$lte": last })
            }
            Kind::Json => self.passes(doc! { "$type": aliases(ALL_ALIASES) }),
            _ => self.passes(doc! { "$type": aliases(self.kind.aliases()) }),
        }
    }

    /// Values that are null or missing.
    pub(crate) fn is_null(&self) -> Document {
        if self.computed {
            return doc! { self.path(): { "$eq": Bson::Null } };
        }
        let mut conditions = vec![doc! { self.path(): { "$eq": Bson::Null, "$not": { "$type": "array" } } }];
        conditions.extend(self.no_arrays());
        all(conditions)
    }

    /// Values that do not fit, as conditions of which one holds. Decimal numbers are judged by their type alone.
    pub(crate) fn misfits(&self) -> Vec<Document> {
        if self.computed || matches!(self.kind, Kind::Json | Kind::Document) {
            return Vec::new();
        }
        let others = |fitting: &[&'static str]| -> Vec<Bson> {
            ALL_ALIASES.iter().filter(|a| !fitting.contains(a)).map(|a| Bson::from(*a)).collect()
        };
        let mut found: Vec<Document> =
            self.parents().map(|parent| doc! { parent: { "$type": others(&["object"]) } }).collect();
        let path = self.path();
        let others = others(self.kind.aliases());
        found.push(match self.kind {
            // Elements are of any type.
            Kind::Array(_) => doc! { &path: { "$type": others, "$not": { "$type": "array" } } },
            _ => doc! { &path: { "$type": others } },
        });
        match self.kind {
            Kind::Double => found.extend(self.beyond_exact()),
            Kind::Uuid => {
                let (first, last) = uuids();
                found.push(doc! { &path: { "$type": "binData", "$not": { "$gte": first, "$lte": last } } });
            }
            _ => {}
        }
        found
    }
}

fn aliases(aliases: &[&'static str]) -> Vec<Bson> {
    aliases.iter().map(|a| Bson::from(*a)).collect()
}

/// The first and the last UUID in the server's order: by length, subtype and bytes.
pub(crate) fn uuids() -> (Bson, Bson) {
    let of = |byte: u8| Bson::Binary(Binary { subtype: BinarySubtype::Uuid, bytes: vec![byte; 16] });
    (of(0), of(0xff))
}
