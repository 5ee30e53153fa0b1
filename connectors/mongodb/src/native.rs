//! `query('source', '{"aggregate": "orders", "$db": "shop", "pipeline": [...]}')`: a command of the server's own language.
//!
//! The text is one `find` or `aggregate` command as extended JSON, with the database as `$db`. Its columns come from a sample of
//! its answer, as those of a collection do. Stages that write, and JavaScript, are refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use bson::{Bson, Document, doc};
use headwater_common::{Error, Result};
use headwater_source::{RemoteColumn, RemoteQuery, RemoteText, TableName};

use crate::config::Misfit;
use crate::discover::DOCUMENT;
use crate::source::MongoSource;
use crate::translate::KIND;
use crate::types::Kind;
use crate::types::extended_json::text_of;
use crate::types::infer::Fields;

/// The database of a command.
const DATABASE: &str = "$db";
/// What a command may have beside its name.
const FIND: &[&str] = &["filter", "projection", "sort", "skip", "limit", "hint", "collation", "let"];
const AGGREGATE: &[&str] = &["pipeline", "hint", "collation", "let", "allowDiskUse"];
/// Stages that only read.
const STAGES: &[&str] = &[
    "$addFields",
    "$bucket",
    "$bucketAuto",
    "$count",
    "$densify",
    "$facet",
    "$fill",
    "$geoNear",
    "$graphLookup",
    "$group",
    "$limit",
    "$lookup",
    "$match",
    "$project",
    "$redact",
    "$replaceRoot",
    "$replaceWith",
    "$sample",
    "$set",
    "$setWindowFields",
    "$skip",
    "$sort",
    "$sortByCount",
    "$unionWith",
    "$unset",
    "$unwind",
];
/// What writes or runs programs, wherever it stands.
const REFUSED: &[&str] = &["$out", "$merge", "$where", "$function", "$accumulator"];
/// Documents inside documents that are looked at.
const DEPTH_MAX: usize = 100;

/// A command with the collection that it reads.
#[derive(Debug)]
pub(crate) struct Native {
    pub(crate) table: TableName,
    /// Without the database.
    pub(crate) command: Document,
}

/// A command from its text, or what is wrong with it.
pub(crate) fn parse(text: &str) -> Result<Native> {
    let wrong = |reason: &str| Error::invalid(format!("the text given to query() {reason}"));
    let command: Result<Document, _> = serde_json::from_str(text);
    let mut command = command.map_err(|e| wrong(&format!("is no command in extended JSON: {e}")))?;
    let Some(Bson::String(database)) = command.remove(DATABASE) else {
        return Err(wrong("must name its database, such as {\"find\": \"orders\", \"$db\": \"shop\"}"));
    };
    let Some((name, Bson::String(collection))) = command.iter().next() else {
        return Err(wrong("must begin with \"find\" or \"aggregate\" and the name of a collection"));
    };
    let allowed = match name.as_str() {
        "find" => FIND,
        "aggregate" => AGGREGATE,
        _ => return Err(wrong("must begin with \"find\" or \"aggregate\"")),
    };
    if let Some(other) = command.keys().skip(1).find(|key| !allowed.contains(&key.as_str())) {
        return Err(wrong(&format!("has \"{other}\", which is not passed on")));
    }
    let table = TableName::new(database, collection.clone());
    if name == "aggregate" {
        let stages = command.get_array("pipeline").map_err(|_| wrong("has no array \"pipeline\""))?;
        stages_only_read(stages).map_err(|reason| wrong(&reason))?;
    }
    command.values().try_for_each(|value| only_reads(value, 0)).map_err(|reason| wrong(&reason))?;
    Ok(Native { table, command })
}

/// Whether all stages, also those of inner pipelines, only read.
fn stages_only_read(stages: &[Bson]) -> Result<(), String> {
    for stage in stages {
        let Some((name, value)) = stage.as_document().filter(|s| s.len() == 1).and_then(|s| s.iter().next()) else {
            return Err("has a stage that is not one name with its value".to_owned());
        };
        if !STAGES.contains(&name.as_str()) {
            return Err(format!("has the stage \"{name}\", which is not passed on"));
        }
        let inner = value.as_document();
        match (name.as_str(), inner) {
            ("$facet", Some(facets)) => {
                facets.values().filter_map(Bson::as_array).try_for_each(|stages| stages_only_read(stages))?;
            }
            ("$lookup" | "$unionWith", Some(inner)) => {
                stages_only_read(inner.get_array("pipeline").map(Vec::as_slice).unwrap_or_default())?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn only_reads(value: &Bson, depth: usize) -> Result<(), String> {
    if depth > DEPTH_MAX {
        return Err(format!("is nested deeper than {DEPTH_MAX} levels"));
    }
    match value {
        Bson::Array(values) => values.iter().try_for_each(|v| only_reads(v, depth + 1)),
        Bson::Document(document) => document.iter().try_for_each(|(name, v)| {
            if REFUSED.contains(&name.as_str()) {
                return Err(format!("has \"{name}\", which is not passed on"));
            }
            only_reads(v, depth + 1)
        }),
        Bson::JavaScriptCode(_) | Bson::JavaScriptCodeWithScope(_) => {
            Err("has JavaScript, which is not passed on".to_owned())
        }
        _ => Ok(()),
    }
}

/// The same command for at most so many documents.
fn limited(command: &Document, limit: i64) -> Document {
    let mut command = command.clone();
    if let Ok(stages) = command.get_array_mut("pipeline") {
        stages.push(Bson::Document(doc! { "$limit": limit }));
        command.insert("cursor", doc! {});
        return command;
    }
    let own = match command.get("limit") {
        Some(Bson::Int32(own)) => i64::from(*own),
        Some(Bson::Int64(own)) => *own,
        _ => 0,
    };
    command.insert("limit", if own == 0 { limit } else { own.abs().min(limit) });
    command
}

/// The command as a query with the columns of a sample of its answer.
pub(crate) async fn describe(source: &MongoSource, text: &str) -> Result<RemoteQuery> {
    let native = parse(text)?;
    if !source.config.shows(&native.table.schema) {
        let message = format!("source {} does not show the database {}", source.name, native.table.schema);
        return Err(Error::not_found(message));
    }
    let sample = limited(&native.command, i64::from(source.config.sample_size));
    let mut fields = Fields::default();
    for document in source.connections.documents(&native.table.schema, &sample).await? {
        let seen = fields.see(&document, 0);
        seen.map_err(|_| Error::source_failed(&source.name, "an answer to query() is no valid BSON"))?;
    }
    let mut conflicts = Vec::new();
    let kinds = fields.iter().map(|(name, evidence)| {
        let kind = evidence.kind(name, 0, &mut conflicts);
        (name.to_owned(), if source.config.misfit == Misfit::Text { Kind::Json } else { kind })
    });
    let mut kinds: Vec<(String, Kind)> = kinds.collect();
    if !kinds.iter().any(|(name, _)| name == DOCUMENT) {
        kinds.push((DOCUMENT.to_owned(), Kind::Document));
    }
    let columns = kinds.into_iter().map(|(name, kind)| RemoteColumn {
        field: Arc::new(kind.field(&name)),
        remote_type: kind.to_string(),
        attributes: BTreeMap::from([(KIND.to_owned(), kind.to_string())]),
    });
    let mut shown = native.command;
    shown.insert(DATABASE, native.table.schema);
    let texts = vec![RemoteText { text: text_of(&shown)?, parameters: 0 }];
    Ok(RemoteQuery { source: source.name.clone(), texts, columns: columns.collect(), tables: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_read_are_taken_apart() {
        let text = r#"{"aggregate": "orders", "$db": "shop", "pipeline": [{"$match": {"at": {"$gt": {"$date": "2024-01-01T00:00:00Z"}}}},
            {"$unionWith": {"coll": "old", "pipeline": [{"$limit": 2}]}}]}"#;
        let native = parse(text).unwrap();
        assert_eq!(native.table, TableName::new("shop", "orders"));
        assert_eq!(limited(&native.command, 5).get_array("pipeline").unwrap().len(), 3);
        let native = parse(r#"{"find": "orders", "filter": {"n": 1}, "limit": 3, "$db": "shop"}"#).unwrap();
        assert_eq!(limited(&native.command, 5).get_i64("limit").unwrap(), 3);
        assert_eq!(native.command.keys().next().map(String::as_str), Some("find"));
    }

    #[test]
    fn commands_that_write_or_run_programs_are_refused() {
        let pipeline = |stages: &str| format!(r#"{{"aggregate": "t", "$db": "d", "pipeline": {stages}}}"#);
        for text in [
            "SELECT 1".to_owned(),
            "[]".to_owned(),
            r#"{"find": "t"}"#.to_owned(),
            r#"{"find": 1, "$db": "d"}"#.to_owned(),
            r#"{"delete": "t", "$db": "d"}"#.to_owned(),
            r#"{"drop": "t", "$db": "d"}"#.to_owned(),
            r#"{"find": "t", "$db": "d", "tailable": true}"#.to_owned(),
            r#"{"find": "t", "$db": "d", "filter": {"$where": "sleep(1000)"}}"#.to_owned(),
            r#"{"find": "t", "$db": "d", "filter": {"a": {"$code": "x"}}}"#.to_owned(),
            r#"{"aggregate": 1, "$db": "admin", "pipeline": [{"$currentOp": {}}]}"#.to_owned(),
            pipeline(r#"[{"$out": "u"}]"#),
            pipeline(r#"[{"$merge": {"into": "u"}}]"#),
            pipeline(r#"[{"$changeStream": {}}]"#),
            pipeline(r#"[{"$match": {}, "$limit": 1}]"#),
            pipeline(r#"[{"$lookup": {"from": "u", "pipeline": [{"$out": "v"}], "as": "x"}}]"#),
            pipeline(r#"[{"$facet": {"a": [{"$merge": "v"}]}}]"#),
            pipeline(r#"[{"$project": {"x": {"$function": {"body": "f", "args": [], "lang": "js"}}}}]"#),
        ] {
            assert!(parse(&text).is_err(), "{text}");
        }
    }
}
