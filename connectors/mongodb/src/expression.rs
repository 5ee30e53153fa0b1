//! Fields as expressions of a pipeline: null when they are missing, and checked to fit.

use bson::{Bson, Document, doc};

use crate::pushdown::field::{Field, uuids};
use crate::types::Kind;
use crate::types::kind::EXACT_MAX;

/// Types of a value that is null.
const NULLS: [&str; 3] = ["missing", "null", "undefined"];

/// What a value that does not fit becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Otherwise {
    Null,
    /// The server raises an error.
    Error,
}

/// The value of a field that the server is to compute with, or why it stays here.
pub(crate) fn value(field: &Field, otherwise: Otherwise) -> Result<Bson, String> {
    let path = Bson::String(format!("${}", field.path()));
    if field.computed {
        return Ok(path);
    }
    let fits = fits(field)?;
    Ok(Bson::Document(match otherwise {
        Otherwise::Null => doc! { "$cond": [fits, path, Bson::Null] },
        Otherwise::Error => {
            let is_null = type_in(&path, &NULLS);
            doc! { "$switch": { "branches": [
                { "case": fits, "then": path.clone() },
                { "case": is_null, "then": Bson::Null },
            ], "default": raise(&path) } }
        }
    }))
}

/// A condition that raises an error when a field, or a document that it is in, does not fit.
pub(crate) fn check(field: &Field) -> Result<Bson, String> {
    let path = Bson::String(format!("${}", field.path()));
    let mut whole = vec![match &field.kind {
        Kind::Json | Kind::Document => Bson::Boolean(true),
        Kind::Array(_) => checked(&path, type_in(&path, &["array", "missing", "null", "undefined"])),
        Kind::Object(_) => checked(&path, type_in(&path, &["object", "missing", "null", "undefined"])),
        // The places of a decimal number are not looked at: it is compared as it is.
        Kind::Decimal(..) => checked(&path, type_in(&path, &["decimal", "int", "long", "missing", "null", "undefined"])),
        _ => checked(&path, Bson::Document(doc! { "$or": [fits(field)?, type_in(&path, &NULLS)] })),
    }];
    for length in 1..field.names.len() {
        let parent = field.names.iter().take(length).cloned().collect::<Vec<_>>().join(".");
        let parent = Bson::String(format!("${parent}"));
        whole.push(checked(&parent, type_in(&parent, &["object", "missing", "null", "undefined"])));
    }
    whole.reverse();
    Ok(Bson::Document(doc! { "$and": whole }))
}

fn checked(path: &Bson, fits: Bson) -> Bson {
    Bson::Document(doc! { "$cond": [fits, true, raise(path)] })
}

/// Fails for every value: the name of a type is no number. It is no constant, so the server computes it only when it must.
fn raise(path: &Bson) -> Bson {
    Bson::Document(doc! { "$toInt": { "$type": path.clone() } })
}

fn type_of(path: &Bson) -> Bson {
    Bson::Document(doc! { "$type": path.clone() })
}

fn type_in(path: &Bson, aliases: &[&str]) -> Bson {
    let aliases: Vec<Bson> = aliases.iter().map(|a| Bson::from(*a)).collect();
    Bson::Document(doc! { "$in": [type_of(path), aliases] })
}

/// Whether the value fits. An array on the way makes an array, which does not.
fn fits(field: &Field) -> Result<Bson, String> {
    let path = Bson::String(format!("${}", field.path()));
    Ok(match &field.kind {
        Kind::Double => {
            let range = doc! { "$and": [
                { "$eq": [type_of(&path), "long"] },
                { "$gte": [path.clone(), -EXACT_MAX] },
                { "$lte": [path.clone(), EXACT_MAX] },
            ] };
            Bson::Document(doc! { "$or": [type_in(&path, &["double", "int"]), range] })
        }
        Kind::Uuid => {
            let (first, last) = uuids();
            Bson::Document(doc! { "$and": [
                { "$eq": [type_of(&path), "binData"] },
                { "$gte": [path.clone(), first] },
                { "$lte": [path.clone(), last] },
            ] })
        }
        Kind::Decimal(..) => return Err("which decimal numbers fit their column is found out here".into()),
        Kind::Json | Kind::Document => return Err("a value of several types is made a text here".into()),
        Kind::Array(_) | Kind::Object(_) => return Err("arrays and documents are made columns here".into()),
        kind => type_in(&path, kind.aliases()),
    })
}

/// A stage that raises an error for documents in which one of the fields does not fit; `None` when all always do.
pub(crate) fn check_stage(fields: &[Field]) -> Result<Option<Document>, String> {
    let mut conditions: Vec<Bson> = Vec::new();
    for field in fields.iter().filter(|f| !f.computed) {
        let condition = check(field)?;
        if !conditions.contains(&condition) {
            conditions.push(condition);
        }
    }
    Ok((!conditions.is_empty()).then(|| doc! { "$match": { "$expr": { "$and": conditions } } }))
}

/// The key of an order, when the server orders the values of a kind as Headwater does.
pub(crate) fn sort_key(field: &Field, otherwise: Otherwise) -> Result<Bson, String> {
    let ordered = field.kind.is_ordered_as_here().map_err(str::to_owned);
    ordered.and_then(|()| value(field, otherwise)).map_err(|reason| format!("`{}`: {reason}", field.path()))
}
