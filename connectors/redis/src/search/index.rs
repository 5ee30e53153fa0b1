//! Indexes of RediSearch over hashes, and when one has every key.

use headwater_common::Result;
use redis::Value;

use crate::commands::Command;
use crate::config::Mode;
use crate::source::RedisSource;
use crate::table::{Kind, Table};
use crate::value::{bytes, float, list, pairs, text, whole};

/// An index that may cover a table: all hashes whose keys begin with one of its prefixes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Index {
    pub(crate) name: String,
    pub(crate) prefixes: Vec<Vec<u8>>,
    pub(crate) fields: Vec<IndexedField>,
}

/// A field that an index can be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IndexedField {
    /// Name in the hash.
    pub(crate) field: String,
    /// Name in the index.
    pub(crate) attribute: String,
    pub(crate) kind: FieldKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FieldKind {
    /// Words between separators, mostly without their case.
    Tag { separator: String },
    /// A number as floating point.
    Numeric,
}

impl Index {
    /// Whether every hash of a table is in it.
    fn covers(&self, table: &Table) -> bool {
        table.kind == Kind::Hash && self.prefixes.iter().any(|prefix| table.pattern.prefix().starts_with(prefix))
    }

    /// The field of this name in the hash.
    pub(crate) fn field(&self, name: &str) -> Option<&IndexedField> {
        self.fields.iter().find(|f| f.field == name)
    }
}

/// All indexes that can be used; none when the option does not say so or the server has no RediSearch. Only database 0 is indexed, and each node of a cluster
/// answers for itself only when it is asked in other ways.
pub(crate) async fn indexes(source: &RedisSource) -> Result<Vec<Index>> {
    if !source.config.reading.search || source.config.db != 0 || source.config.mode == Mode::Cluster {
        return Ok(Vec::new());
    }
    let topology = source.connections.topology().await?;
    let [node] = topology.nodes.as_slice() else { return Ok(Vec::new()) };
    let answers = source.connections.ask(&node.address, 0, &[Command::words(["FT._LIST"])], true).await?;
    let names = answers.into_iter().next().and_then(list).unwrap_or_default();
    let infos: Vec<Command> =
        names.into_iter().filter_map(bytes).map(|name| Command::words(["FT.INFO"]).with(name)).collect();
    if infos.is_empty() {
        return Ok(Vec::new());
    }
    let answers = source.connections.ask(&node.address, 0, &infos, true).await?;
    Ok(answers.into_iter().filter_map(read).map(|(_, index)| index).collect())
}

/// The index of a table, the one with most fields when there are several.
pub(crate) fn of_table(table: &Table, indexes: &[Index]) -> Option<Index> {
    indexes.iter().filter(|index| index.covers(table)).max_by_key(|index| index.fields.len()).cloned()
}

/// An index that has every key of its prefixes now.
pub(crate) fn complete(answer: Value) -> Option<Index> {
    read(answer).filter(|(complete, _)| *complete).map(|(_, index)| index)
}

/// An answer to FT.INFO: whether the index has every key, and the index. `None` when it leaves keys out on purpose or is made in a
/// way that is not known.
fn read(answer: Value) -> Option<(bool, Index)> {
    let (mut name, mut prefixes, mut fields) = (None, Vec::new(), Vec::new());
    let (mut failures, mut indexing, mut percent) = (None, None, None);
    for (member, value) in pairs(answer)? {
        match text(member)?.as_str() {
            "index_name" => name = text(value),
            "index_definition" => prefixes = definition(value)?,
            "attributes" => fields = list(value)?.into_iter().filter_map(field).collect(),
            "hash_indexing_failures" => failures = whole(&value),
            "indexing" => indexing = whole(&value),
            "percent_indexed" => percent = float(&value),
            _ => {}
        }
    }
    let complete = failures? == 0 && indexing? == 0 && percent? >= 1.0;
    Some((complete, Index { name: name?, prefixes, fields }))
}

/// The prefixes of a definition that takes every hash.
fn definition(value: Value) -> Option<Vec<Vec<u8>>> {
    let mut prefixes = None;
    for (member, value) in pairs(value)? {
        match text(member)?.as_str() {
            "key_type" if text(value.clone()).as_deref() == Some("HASH") => {}
            "prefixes" => prefixes = list(value)?.into_iter().map(bytes).collect::<Option<Vec<_>>>(),
            "default_score" | "default_language" => {}
            "indexes_all" if text(value.clone()).as_deref() == Some("false") => {}
            _ => return None,
        }
    }
    prefixes
}

/// A field of an index; `None` for one that it cannot be asked for.
fn field(value: Value) -> Option<IndexedField> {
    // Protocol 2 has flags between the names and the values.
    let words: Vec<String> = match value {
        Value::Map(members) => {
            let mut words = Vec::new();
            for (name, value) in members {
                words.extend(text(name));
                match list(value.clone()) {
                    Some(flags) => words.extend(flags.into_iter().filter_map(text)),
                    None => words.push(text(value).unwrap_or_default()),
                }
            }
            words
        }
        other => list(other)?.into_iter().map(|word| text(word).unwrap_or_default()).collect(),
    };
    let after = |name: &str| words.iter().position(|w| w == name).and_then(|i| words.get(i + 1)).cloned();
    let kind = match after("type")?.as_str() {
        "TAG" => FieldKind::Tag { separator: after("SEPARATOR")? },
        "NUMERIC" => FieldKind::Numeric,
        _ => return None,
    };
    let (field, attribute) = (after("identifier")?, after("attribute")?);
    let is_plain = attribute.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && attribute.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let is_asked = is_plain && !words.iter().any(|word| word == "NOINDEX");
    is_asked.then_some(IndexedField { field, attribute, kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn words(words: &[&str]) -> Value {
        Value::Array(words.iter().map(|w| bulk(w)).collect())
    }

    fn info(definition: Vec<Value>, failures: i64) -> Value {
        let fields = vec![
            words(&["identifier", "city", "attribute", "city", "type", "TAG", "SEPARATOR", ",", "CASESENSITIVE"]),
            words(&["identifier", "n", "attribute", "number", "type", "NUMERIC", "SORTABLE", "UNF"]),
            words(&["identifier", "x", "attribute", "x", "type", "NUMERIC", "NOINDEX"]),
            words(&["identifier", "y", "attribute", "odd name", "type", "NUMERIC"]),
            words(&["identifier", "t", "attribute", "t", "type", "TEXT", "WEIGHT", "1"]),
        ];
        Value::Array(vec![
            bulk("index_name"),
            bulk("i"),
            bulk("index_definition"),
            Value::Array(definition),
            bulk("attributes"),
            Value::Array(fields),
            bulk("hash_indexing_failures"),
            Value::Int(failures),
            bulk("indexing"),
            Value::Int(0),
            bulk("percent_indexed"),
            bulk("1"),
        ])
    }

    #[test]
    fn an_index_is_used_for_what_it_has_and_when_it_has_every_key() {
        let plain =
            || vec![bulk("key_type"), bulk("HASH"), bulk("prefixes"), words(&["user:"]), bulk("default_score"), bulk("1")];
        let (complete, index) = read(info(plain(), 0)).unwrap();
        assert!(complete && !read(info(plain(), 1)).unwrap().0);
        let shown: Vec<_> = index.fields.iter().map(|f| (f.field.as_str(), f.attribute.as_str())).collect();
        assert_eq!(shown, [("city", "city"), ("n", "number")]);
        let filtered = [plain(), vec![bulk("filter"), bulk("@n > 3")]].concat();
        assert_eq!(read(info(filtered, 0)), None);
        let documents = vec![bulk("key_type"), bulk("JSON"), bulk("prefixes"), words(&["user:"])];
        assert_eq!(read(info(documents, 0)), None);
    }
}
