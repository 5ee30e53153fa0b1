//! The connector and its sources.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use bson::{Bson, Document, doc};
use datafusion::catalog::TableProvider;
use datafusion::common::Column;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::Expr;
use headwater_common::config::{OptionSpec, Options};
use headwater_common::{Error, Result};
use headwater_source::metadata::CONFLICT;
use headwater_source::{
    ConnectContext, Connector, Discovery, Finding, Kept, OpenQuery, OpenScan, PartitionBounds, RemoteQuery, RemoteSource,
    RemoteTable, RemoteText, ScanCommand, SortKey, Source, Support, TableMeta, TableName,
};
use parking_lot::RwLock;

use crate::command::{aggregate, otherwise, scan};
use crate::config::{Misfit, MongoConfig, OPTIONS};
use crate::connect::Connections;
use crate::discover::{Table, discover, fingerprint};
use crate::estimate::finds_few;
use crate::expression::{Otherwise, sort_key};
use crate::pushdown::field::{Field, addressable};
use crate::pushdown::{Scope, translate};
use crate::scan::{Reading, stream};
use crate::types::Kind;
use crate::types::extended_json::text_of;
use crate::types::infer::alias;

/// Values of `_id` that are drawn for each range.
const DRAWN_PER_RANGE: usize = 64;

/// Makes MongoDB sources.
#[derive(Debug, Default, Clone, Copy)]
pub struct MongoConnector;

#[async_trait]
impl Connector for MongoConnector {
    fn kind(&self) -> &'static str {
        "mongodb"
    }

    fn options(&self) -> &'static [OptionSpec] {
        OPTIONS
    }

    async fn connect(&self, name: &str, options: &Options, _context: &ConnectContext) -> Result<Arc<dyn Source>> {
        let config = MongoConfig::read(options)?;
        let connections = Connections::new(name, &config);
        Ok(Arc::new(MongoSource { name: name.to_owned(), config, connections, tables: RwLock::default() }))
    }
}

/// One deployment of MongoDB.
#[derive(Debug)]
pub(crate) struct MongoSource {
    pub(crate) name: String,
    pub(crate) config: MongoConfig,
    pub(crate) connections: Connections,
    tables: RwLock<HashMap<TableName, Arc<Table>>>,
}

/// What filters and commands know of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TableScope<'a> {
    pub(crate) table: &'a Table,
    pub(crate) misfit: Misfit,
}

impl TableScope<'_> {
    /// The field of a column.
    pub(crate) fn field(&self, name: &str) -> Result<Field, String> {
        let kind = self.table.kind(name).cloned().ok_or_else(|| format!("`{name}` is not a column of the table"))?;
        if kind == Kind::Document {
            return Err(format!("`{name}` is the whole document, as a text that is made here"));
        }
        if !addressable(name) {
            return Err(format!("the field \"{name}\" cannot be named in a path: it is empty or holds a dot or a dollar"));
        }
        Ok(Field::new(vec![name.to_owned()], kind))
    }

    /// A column as a key of an order.
    pub(crate) fn sort_key(&self, name: &str) -> Result<Bson, String> {
        let field = self.field(name)?;
        self.ordered(&field)?;
        sort_key(&field, self.otherwise())
    }

    /// Whether the server orders and groups the values of a field as Headwater does.
    pub(crate) fn ordered(&self, field: &Field) -> Result<(), String> {
        match field.kind {
            Kind::String if !self.compares_bytes() => {
                Err(format!("`{}`: the view compares texts by the rules of a language", field.path()))
            }
            _ => Ok(()),
        }
    }

    /// What a value that does not fit becomes at the server.
    pub(crate) fn otherwise(&self) -> Otherwise {
        otherwise(self.misfit)
    }

    /// The command, with texts compared byte by byte.
    pub(crate) fn collated(&self, mut command: Document) -> Document {
        if self.table.collated && !self.table.view {
            command.insert("collation", doc! { "locale": "simple" });
        }
        command
    }
}

impl Scope for TableScope<'_> {
    fn column(&self, column: &Column) -> Result<Field, String> {
        self.field(&column.name)
    }

    fn compares_bytes(&self) -> bool {
        !(self.table.view && self.table.collated)
    }

    fn misfit_is_null(&self) -> bool {
        self.misfit == Misfit::Null
    }
}

impl MongoSource {
    /// What is known of a table.
    pub(crate) fn table(&self, table: &TableName) -> Result<Arc<Table>> {
        let found = self.tables.read().get(table).map(Arc::clone);
        found.ok_or_else(|| Error::not_found(format!("source {} has no table {table}; run REFRESH SOURCE", self.name)))
    }

    /// What filters and commands know of a table.
    pub(crate) fn scope<'a>(&self, table: &'a Table) -> TableScope<'a> {
        TableScope { table, misfit: self.config.misfit }
    }

    /// Edges between ranges of `_id`, all of one type: values are compared within their type.
    async fn edges(&self, table: &TableName, parts: usize) -> Result<Vec<Bson>> {
        let size = i64::try_from(parts * DRAWN_PER_RANGE).unwrap_or(i64::MAX);
        let draw =
            vec![doc! { "$sample": { "size": size } }, doc! { "$project": { "_id": 1 } }, doc! { "$sort": { "_id": 1 } }];
        let drawn = self.connections.documents(&table.schema, &aggregate(&table.table, draw)).await?;
        let ids = drawn.iter().map(|d| d.get("_id").ok().flatten());
        let ids: Option<Vec<_>> = ids.collect();
        let Some(ids) = ids else { return Ok(Vec::new()) };
        let group = |v| match alias(v) {
            Some("int" | "long") => Some("number"),
            Some(found @ ("objectId" | "string" | "date")) => Some(found),
            _ => None,
        };
        let Some(first) = ids.first().and_then(|v| group(*v)) else { return Ok(Vec::new()) };
        if ids.iter().any(|v| group(*v) != Some(first)) {
            return Ok(Vec::new());
        }
        let edge = |i: usize| ids.get(i * ids.len() / parts).and_then(|v| Bson::try_from(*v).ok());
        let mut edges: Vec<Bson> = (1..parts).filter_map(edge).collect();
        edges.dedup();
        Ok(edges)
    }
}

#[async_trait]
impl Source for MongoSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "mongodb"
    }

    fn location(&self) -> String {
        self.config.location.clone()
    }

    async fn check(&self) -> Result<String> {
        let answer = self.connections.command("admin", doc! { "buildInfo": 1 }).await?;
        Ok(format!("MongoDB {}", answer.get_str("version").unwrap_or_default()))
    }

    async fn discover(&self) -> Result<Discovery> {
        let found = discover(&self.connections, &self.config).await?;
        *self.tables.write() = found.tables;
        Ok(found.discovery)
    }

    async fn fingerprint(&self) -> Result<Option<u64>> {
        let known = self.tables.read().clone();
        fingerprint(&self.connections, &self.config, &known).await.map(Some)
    }

    async fn diagnose(&self) -> Result<Vec<Finding>> {
        let found = discover(&self.connections, &self.config).await?;
        let mut findings = Vec::new();
        for table in found.discovery.schemas.values().flat_map(|s| s.tables.values()) {
            let conflicts = table.attributes.iter().filter_map(|(name, types)| Some((name.strip_prefix(CONFLICT)?, types)));
            let conflicts: Vec<_> = conflicts.map(|(path, types)| format!("{path} ({types})")).collect();
            if !conflicts.is_empty() {
                findings.push(Finding::note(
                    format!(
                        "{}: fields with values of several types are read as text: {}",
                        table.name,
                        conflicts.join(", ")
                    ),
                    format!("declare them with option \"columns.{}\"", table.name),
                ));
            }
        }
        if findings.is_empty() {
            findings.push(Finding::ok("every field that was sampled has values of one type"));
        }
        Ok(findings)
    }

    async fn provider(self: Arc<Self>, table: Arc<TableMeta>) -> Result<Arc<dyn TableProvider>> {
        Ok(Arc::new(RemoteTable::new(self, table)))
    }

    fn remote(self: Arc<Self>) -> Option<Arc<dyn RemoteSource>> {
        Some(self)
    }

    async fn close(&self) {
        self.connections.close().await;
    }
}

#[async_trait]
impl RemoteSource for MongoSource {
    fn filter_support(&self, table: &TableMeta, filter: &Expr) -> Support {
        let known = match self.table(&table.name) {
            Ok(known) => known,
            Err(e) => return Support::No(e.message().to_owned()),
        };
        match translate(&self.scope(&known), filter) {
            Ok(translated) if translated.exact => Support::Exact,
            Ok(_) => Support::Superset,
            Err(reason) => Support::No(reason),
        }
    }

    fn sort_support(&self, table: &TableMeta, keys: &[SortKey]) -> Support {
        let known = match self.table(&table.name) {
            Ok(known) => known,
            Err(e) => return Support::No(e.message().to_owned()),
        };
        let scope = self.scope(&known);
        match keys.iter().try_for_each(|key| scope.sort_key(&key.column).map(drop)) {
            Ok(()) => Support::Exact,
            Err(reason) => Support::No(reason),
        }
    }

    fn counts(&self) -> bool {
        true
    }

    /// Ranges of `_id`, which never changes: a document is in one range for as long as it is there.
    async fn partitions(&self, command: &ScanCommand, target: usize) -> Result<Vec<PartitionBounds>> {
        let whole = vec![PartitionBounds::Whole];
        let table = self.table(&command.table)?;
        if !table.splits || target < 2 {
            return Ok(whole);
        }
        if let Ok(read) = scan(&self.scope(&table), command, &PartitionBounds::Whole)
            && finds_few(&self.connections, &command.table.schema, &read.document).await
        {
            return Ok(whole);
        }
        let edges = match self.edges(&command.table, target).await {
            Ok(edges) => edges,
            Err(e) => {
                tracing::debug!(source = self.name, error = %e, "the ids cannot be drawn; one reader reads the table");
                return Ok(whole);
            }
        };
        let (mut bounds, mut from) = (Vec::new(), None);
        for edge in edges {
            let to = Some(text_of(&doc! { "v": edge })?);
            bounds.push(PartitionBounds::Text { column: "_id".to_owned(), from, to: to.clone() });
            from = to;
        }
        bounds.push(PartitionBounds::Text { column: "_id".to_owned(), from, to: None });
        Ok(if bounds.len() > 1 { bounds } else { whole })
    }

    fn render(&self, command: &ScanCommand, bounds: &PartitionBounds) -> Result<RemoteText> {
        let table = self.table(&command.table)?;
        let found = scan(&self.scope(&table), command, bounds)?;
        Ok(RemoteText { text: text_of(&found.document)?, parameters: 0 })
    }

    fn open(self: Arc<Self>, scan: OpenScan) -> Result<SendableRecordBatchStream> {
        Reading::of_scan(self, scan).map(stream)
    }

    fn translate(&self, plan: &LogicalPlan, _target: usize) -> Result<RemoteQuery, Vec<Kept>> {
        crate::translate::translate(self, plan)
    }

    fn open_query(self: Arc<Self>, query: OpenQuery) -> Result<SendableRecordBatchStream> {
        Reading::of_query(self, query).map(stream)
    }

    async fn describe(&self, text: &str) -> Result<RemoteQuery> {
        crate::native::describe(self, text).await
    }

    async fn insert(&self, table: &TableMeta, rows: SendableRecordBatchStream) -> Result<u64> {
        crate::write::insert(self, table, rows).await
    }

    async fn delete(&self, table: &TableMeta, filters: &[Expr]) -> Result<u64> {
        crate::write::delete(self, table, filters).await
    }

    async fn update(&self, table: &TableMeta, assignments: &[(String, Expr)], filters: &[Expr]) -> Result<u64> {
        crate::write::update(self, table, assignments, filters).await
    }
}
