//! Finds every database and collection, and the columns of each from a sample of its documents.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use bson::{Bson, Document, RawDocumentBuf, doc};
use futures::StreamExt;
use headwater_common::{Error, Result};
use headwater_source::metadata::{CONFLICT, SAMPLED};
use headwater_source::{ColumnMeta, Discovery, TableKind, TableMeta, TableName};

use crate::config::{Misfit, MongoConfig};
use crate::connect::Connections;
use crate::statistics;
use crate::types::Kind;
use crate::types::infer::{Conflict, Fields};

/// Collections that are sampled at the same time.
const SAMPLES: usize = 8;
/// The column with the whole document.
pub(crate) const DOCUMENT: &str = "_doc";

/// What only this connector knows of a collection.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    /// Name and kind of each column.
    pub(crate) columns: Vec<(String, Kind)>,
    pub(crate) view: bool,
    /// Whether ranges of `_id` can be read one by one.
    pub(crate) splits: bool,
    /// Its texts are compared by the rules of a language unless a command says otherwise.
    pub(crate) collated: bool,
    /// No document was there when it was looked at.
    empty: bool,
}

impl Table {
    /// A column's kind.
    pub(crate) fn kind(&self, column: &str) -> Option<&Kind> {
        self.columns.iter().find(|(name, _)| name == column).map(|(_, kind)| kind)
    }
}

/// What one discovery found, with what only this connector reads.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) discovery: Discovery,
    pub(crate) tables: HashMap<TableName, Arc<Table>>,
}

/// A collection as the server lists it.
#[derive(Debug, Clone)]
struct Listed {
    name: TableName,
    kind: String,
    options: Document,
    uuid: Option<Bson>,
}

impl Listed {
    fn is_view(&self) -> bool {
        self.kind == "view"
    }

    fn hash_into(&self, hasher: &mut DefaultHasher) {
        self.name.hash(hasher);
        self.kind.hash(hasher);
        self.options.to_string().hash(hasher);
        self.uuid.as_ref().map(ToString::to_string).hash(hasher);
    }
}

/// The number that changes when a collection is made or dropped, or gets its first document.
pub(crate) async fn fingerprint(
    connections: &Connections,
    config: &MongoConfig,
    known: &HashMap<TableName, Arc<Table>>,
) -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    for listed in collections(connections, config).await? {
        listed.hash_into(&mut hasher);
        if known.get(&listed.name).is_some_and(|t| t.empty) {
            first(connections, &listed.name, 1).await?.is_empty().hash(&mut hasher);
        }
    }
    Ok(hasher.finish())
}

/// Lists and samples.
pub(crate) async fn discover(connections: &Connections, config: &MongoConfig) -> Result<Found> {
    let listed = collections(connections, config).await?;
    let mut found = Found::default();
    for database in &config.databases {
        found.discovery.schemas.entry(database.clone()).or_default();
    }
    let sampled = futures::stream::iter(listed.clone().into_iter().map(|listed| async move {
        let table = table(connections, config, &listed).await;
        (listed, table)
    }));
    let sampled: Vec<_> = sampled.buffered(SAMPLES).collect().await;
    let mut hasher = DefaultHasher::new();
    for (listed, table) in sampled {
        listed.hash_into(&mut hasher);
        let schema = found.discovery.schemas.entry(listed.name.schema.clone()).or_default();
        match table {
            Ok((meta, table)) => {
                if table.empty {
                    true.hash(&mut hasher);
                }
                schema.tables.insert(listed.name.table.clone(), Arc::new(meta));
                found.tables.insert(listed.name, Arc::new(table));
            }
            Err(e) if e.kind() == headwater_common::ErrorKind::Unavailable => return Err(e),
            Err(e) => {
                schema.unavailable.insert(listed.name.table, e.message().to_owned());
            }
        }
    }
    found.discovery.fingerprint = Some(hasher.finish());
    Ok(found)
}

/// Collections and views of all databases that are shown, in order.
async fn collections(connections: &Connections, config: &MongoConfig) -> Result<Vec<Listed>> {
    let mut databases = config.databases.clone();
    if databases.is_empty() {
        let list = doc! { "listDatabases": 1, "nameOnly": true, "authorizedDatabases": true };
        let answer = connections.command("admin", list).await?;
        let names = answer.get_array("databases").map(Vec::as_slice).unwrap_or_default();
        let names = names.iter().filter_map(|d| d.as_document()?.get_str("name").ok());
        databases = names.filter(|n| config.shows(n)).map(str::to_owned).collect();
    }
    databases.sort_unstable();
    let mut found = Vec::new();
    for database in databases {
        for answer in connections.documents(&database, &doc! { "listCollections": 1, "cursor": {} }).await? {
            let answer = Document::try_from(&answer).map_err(|e| Error::internal(e.to_string()))?;
            let Ok(name) = answer.get_str("name") else { continue };
            if name.starts_with("system.") {
                continue;
            }
            found.push(Listed {
                name: TableName::new(&database, name),
                kind: answer.get_str("type").unwrap_or("collection").to_owned(),
                options: answer.get_document("options").cloned().unwrap_or_default(),
                uuid: answer.get_document("info").ok().and_then(|info| info.get("uuid").cloned()),
            });
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

async fn first(connections: &Connections, name: &TableName, limit: i64) -> Result<Vec<RawDocumentBuf>> {
    let find = doc! { "find": &name.table, "filter": {}, "limit": limit };
    connections.documents(&name.schema, &find).await
}

/// Documents drawn at random, and the newest and oldest.
async fn sample(connections: &Connections, listed: &Listed, size: u32, count: Option<u64>) -> Result<Vec<RawDocumentBuf>> {
    let name = &listed.name;
    let size = i64::from(size);
    if listed.is_view() || count.is_none_or(|n| n <= size.unsigned_abs()) {
        return first(connections, name, size).await;
    }
    let draw = doc! { "aggregate": &name.table, "pipeline": [{ "$sample": { "size": size } }], "cursor": {} };
    let mut found = connections.documents(&name.schema, &draw).await?;
    if listed.kind == "collection" {
        let edge = (size / 10).max(1);
        for direction in [-1, 1] {
            let find = doc! { "find": &name.table, "filter": {}, "sort": { "_id": direction }, "limit": edge };
            found.extend(connections.documents(&name.schema, &find).await?);
        }
    }
    Ok(found)
}

async fn table(connections: &Connections, config: &MongoConfig, listed: &Listed) -> Result<(TableMeta, Table)> {
    let name = &listed.name;
    let (count, bytes) = if listed.is_view() { (None, None) } else { size(connections, name).await };
    let documents = sample(connections, listed, config.sample_size, count).await?;
    let mut fields = Fields::default();
    for document in &documents {
        let seen = fields.see(document, 0);
        seen.map_err(|_| Error::source_failed(name.to_string(), "a sampled document is no valid BSON"))?;
    }
    let mut conflicts = Vec::new();
    let sampled = documents.len() as u64;
    let inferred: Vec<(String, Kind)> = fields
        .iter()
        .map(|(name, evidence)| {
            let kind = evidence.kind(name, 0, &mut conflicts);
            (name.to_owned(), if config.misfit == Misfit::Text { Kind::Json } else { kind })
        })
        .collect();
    let declared = config.declared(&name.schema, &name.table);
    let mut columns = declared.map_or(inferred, <[_]>::to_vec);
    if columns.is_empty() {
        columns.push(("_id".to_owned(), Kind::Json));
    }
    let rows = count.or_else(|| (sampled < u64::from(config.sample_size)).then_some(sampled));
    let meta = |(column, kind): &(String, Kind)| {
        let mut meta = ColumnMeta::new(Arc::new(kind.field(column)), kind.to_string());
        if let Some((_, evidence)) = fields.iter().find(|(n, _)| n == column) {
            meta.statistics = statistics::column(kind, evidence, sampled, rows);
        }
        meta
    };
    let mut metas: Vec<ColumnMeta> = columns.iter().map(meta).collect();
    if !columns.iter().any(|(name, _)| name == DOCUMENT) {
        metas.push(ColumnMeta::new(Arc::new(Kind::Document.field(DOCUMENT)), Kind::Document.to_string()));
        columns.push((DOCUMENT.to_owned(), Kind::Document));
    }
    let kind = if listed.is_view() { TableKind::View } else { TableKind::Table };
    let mut table = TableMeta::new(name.clone(), kind, metas);
    (table.row_count, table.bytes) = (rows, bytes);
    let id = columns.iter().position(|(name, kind)| name == "_id" && *kind != Kind::Json);
    // A value that became null is no longer the key of its document.
    if let Some(id) = id.filter(|_| listed.kind == "collection" && config.misfit != Misfit::Null) {
        table.primary_key = Some(("_id_".to_owned(), vec![id]));
    }
    if declared.is_none() {
        table.attributes.insert(SAMPLED.to_owned(), sampled.to_string());
        let named = conflicts.iter().map(|c| (format!("{CONFLICT}{}", c.path), described(c)));
        table.attributes.extend(named);
    }
    let facts = Table {
        columns,
        view: listed.is_view(),
        splits: listed.kind == "collection",
        collated: listed.options.get_document("collation").is_ok_and(|c| c.get_str("locale").ok() != Some("simple")),
        empty: documents.is_empty(),
    };
    Ok((table, facts))
}

/// How many of the values are of which type: `double 98.7 %, string 1.3 %`.
fn described(conflict: &Conflict) -> String {
    let all: u64 = conflict.types.values().sum();
    let share = |n: u64| n as f64 * 100.0 / all.max(1) as f64;
    let types = conflict.types.iter().map(|(alias, n)| format!("{alias} {:.1} %", share(*n)));
    types.collect::<Vec<_>>().join(", ")
}

/// Number of documents and their bytes, as far as the server tells them.
async fn size(connections: &Connections, name: &TableName) -> (Option<u64>, Option<u64>) {
    let number = |document: &Document, key: &str| match document.get(key) {
        Some(Bson::Int32(v)) => u64::try_from(*v).ok(),
        Some(Bson::Int64(v)) => u64::try_from(*v).ok(),
        Some(Bson::Double(v)) if *v >= 0.0 => Some(*v as u64),
        _ => None,
    };
    let counted = connections.command(&name.schema, doc! { "count": &name.table }).await;
    let count = counted.ok().and_then(|answer| number(&answer, "n"));
    let told = doc! { "aggregate": &name.table, "pipeline": [{ "$collStats": { "storageStats": {} } }], "cursor": {} };
    let told = connections.documents(&name.schema, &told).await.unwrap_or_default();
    let stats = told.iter().filter_map(|d| Document::try_from(d).ok());
    let bytes = stats.filter_map(|d| number(d.get_document("storageStats").ok()?, "size")).sum::<u64>();
    (count, (bytes > 0).then_some(bytes))
}
