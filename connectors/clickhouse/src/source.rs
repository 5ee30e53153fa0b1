//! The connector and its sources.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use datafusion::arrow::datatypes::DataType;
use datafusion::catalog::TableProvider;
use datafusion::common::ScalarValue;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::Expr;
use headwater_common::config::{OptionSpec, Options};
use headwater_common::{Error, Result};
use headwater_source::{
    ConnectContext, Connector, Discovery, Kept, OpenQuery, OpenScan, PartitionBounds, RemoteQuery, RemoteSource,
    RemoteTable, RemoteText, ScanCommand, SortKey, Source, Support, TableMeta, TableName,
};
use headwater_sqlgen as sql;
use parking_lot::RwLock;

use crate::config::{ClickHouseConfig, OPTIONS};
use crate::connect::Connections;
use crate::discover::{TableTypes, discover, fingerprint, server};
use crate::pushdown::{Columns, translate};
use crate::ranges::{self, Edges, KnownEdges, SplitKey};
use crate::scan::{Reading, stream};
use crate::settings::ServerSettings;
use crate::types::{ChKind, ChType};

/// More values, or longer ones, are written into the text: an address has a greatest length.
const PARAMETERS_MAX: usize = 64;
const PARAMETER_BYTES_MAX: usize = 16 << 10;

/// Makes ClickHouse sources.
#[derive(Debug, Default, Clone, Copy)]
pub struct ClickHouseConnector;

#[async_trait]
impl Connector for ClickHouseConnector {
    fn kind(&self) -> &'static str {
        "clickhouse"
    }

    fn options(&self) -> &'static [OptionSpec] {
        OPTIONS
    }

    async fn connect(&self, name: &str, options: &Options, _context: &ConnectContext) -> Result<Arc<dyn Source>> {
        let config = ClickHouseConfig::read(options)?;
        let connections = Connections::new(name, &config)?;
        let source = ClickHouseSource {
            name: name.to_owned(),
            config,
            connections,
            tables: RwLock::default(),
            settings: RwLock::default(),
            edges: KnownEdges::default(),
            stale: AtomicBool::new(false),
        };
        Ok(Arc::new(source))
    }
}

/// What only this connector knows of a table.
#[derive(Debug, Clone)]
struct Table {
    types: TableTypes,
    /// What is read in parallel ranges.
    split_key: Option<SplitKey>,
    /// Whether its engine changes rows when it merges them, as `ReplacingMergeTree` does.
    merges: bool,
    /// Whether its engine asks other servers or tables.
    distributed: bool,
    /// Rows, as the server counts them.
    rows: u64,
}

/// One ClickHouse server.
#[derive(Debug)]
pub(crate) struct ClickHouseSource {
    pub(crate) name: String,
    pub(crate) config: ClickHouseConfig,
    pub(crate) connections: Connections,
    tables: RwLock<HashMap<TableName, Table>>,
    settings: RwLock<ServerSettings>,
    edges: KnownEdges,
    /// A reader found a table that is not what discovery found.
    stale: AtomicBool,
}

impl ClickHouseSource {
    fn table(&self, table: &TableName) -> Result<Table> {
        let found = self.tables.read().get(table).cloned();
        found.ok_or_else(|| Error::not_found(format!("source {} has no table {table}; run REFRESH SOURCE", self.name)))
    }

    /// Whether sub-plans over a table are computed here or there.
    pub(crate) fn computes_sub_plans(&self, table: &TableName) -> Result<(), String> {
        if !self.settings().analyzer {
            return Err("a server before version 25.4, or one without its analyzer, computes no sub-plans".into());
        }
        match self.table(table).map_err(|e| e.message().to_owned())?.distributed {
            true => Err("a table that asks other servers or tables computes no sub-plans".into()),
            false => Ok(()),
        }
    }

    /// Rows of a table and the ranges of its key that `target` readers share; no ranges when it has none that are known.
    pub(crate) fn split(&self, table: &TableName, target: usize) -> (u64, Vec<PartitionBounds>) {
        let Ok(known) = self.table(table) else { return (0, Vec::new()) };
        (known.rows, self.edges.ranges(table, target.min(self.connections.size())))
    }

    /// Edges of `parts` ranges of a table; `None` when it is not split.
    async fn edges(&self, table: &TableName, parts: usize) -> Result<Option<Edges>> {
        let Table { split_key: Some(key), types, .. } = self.table(table)? else { return Ok(None) };
        // Rows of one key that are in several partitions are merged when they are read.
        if parts < 2 || (key == SplitKey::Partitions && self.is_final(table)?) {
            return Ok(None);
        }
        let settings = self.settings();
        ranges::edges(&self.connections, &settings, table, (&key, types.as_slice()), parts).await.map(Some)
    }

    /// Types of a table's columns.
    pub(crate) fn types_of(&self, table: &TableName) -> Result<TableTypes> {
        Ok(self.table(table)?.types)
    }

    /// Whether a table is read with FINAL.
    pub(crate) fn is_final(&self, table: &TableName) -> Result<bool> {
        let merges = self.table(table)?.merges;
        Ok(self.config.is_final(&table.schema, &table.table, merges))
    }

    /// Runs `use_columns` with what the push-down knows of a table.
    pub(crate) fn with_columns<T>(&self, table: &TableName, use_columns: impl FnOnce(&Columns<'_>) -> T) -> Result<T> {
        let types = self.types_of(table)?;
        Ok(use_columns(&Columns { types: types.as_slice(), options: self.config.types }))
    }

    /// The settings that are sent.
    pub(crate) fn settings(&self) -> ServerSettings {
        self.settings.read().clone()
    }

    /// The last discovery no longer holds.
    pub(crate) fn mark_stale(&self) {
        self.stale.store(true, Ordering::Release);
    }

    fn select(&self, command: &ScanCommand, bounds: &PartitionBounds) -> Result<(sql::Select, Vec<(String, ChType)>)> {
        let types = self.types_of(&command.table)?;
        let select = sql::Select::from_table(&command.table.schema, &command.table.table);
        let mut select = select.merged(self.is_final(&command.table)?);
        let mut output = Vec::new();
        if command.count {
            select.columns.push(sql::Expr::CountRows);
            output.push(("count".to_owned(), ChType::new(ChKind::Native(DataType::UInt64))));
        }
        for name in &command.columns {
            let t = types.iter().find(|(n, _)| n == name).map(|(_, t)| t.clone());
            let t = t.ok_or_else(|| Error::not_found(format!("{} has no column {name}", command.table)))?;
            let column = sql::Expr::column(name);
            select.columns.push(match t.cast() {
                Some(cast) => column.cast(cast),
                None => column,
            });
            output.push((name.clone(), t));
        }
        if select.columns.is_empty() {
            select.columns.push(sql::Expr::Value(ScalarValue::UInt8(Some(1))));
        }
        select.filters = self.filters(&command.table, &command.filters)?;
        if let Some(column) = ranges::column(bounds) {
            select.filters.extend(ranges::filter(types.as_slice(), bounds, &sql::Expr::column(column))?);
        }
        for key in &command.order {
            let expr = self.with_columns(&command.table, |c| c.sort_key(&key.column))?.map_err(Error::unsupported)?;
            select.order.push(sql::Order { expr, descending: key.descending, nulls_first: key.nulls_first });
        }
        select.limit = command.fetch;
        Ok((select, output))
    }

    /// Filters that were accepted before, as the server's.
    fn filters(&self, table: &TableName, filters: &[Expr]) -> Result<Vec<sql::Expr>> {
        self.with_columns(table, |columns| {
            let translated = filters.iter().map(|f| translate(columns, f).map(|t| t.expr).map_err(Error::unsupported));
            translated.collect()
        })?
    }

    async fn learn_server(&self) -> Result<String> {
        let (version, settings) = server(&self.connections, &self.config).await?;
        *self.settings.write() = settings;
        Ok(version)
    }
}

/// The text with its values as parameters where an address has room for them.
pub(crate) fn bound(select: &sql::Select) -> Result<sql::Sql> {
    let write = |mode| sql::Writer::new(&sql::ClickHouse, mode).select(select).map(sql::Writer::finish);
    if let Ok(found) = write(sql::Mode::Bind) {
        let bytes: usize = found.parameters.iter().flatten().map(String::len).sum();
        if found.parameters.len() <= PARAMETERS_MAX && bytes <= PARAMETER_BYTES_MAX {
            return Ok(found);
        }
    }
    write(sql::Mode::Inline)
}

#[async_trait]
impl Source for ClickHouseSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "clickhouse"
    }

    fn location(&self) -> String {
        self.config.location()
    }

    async fn check(&self) -> Result<String> {
        self.learn_server().await
    }

    async fn discover(&self) -> Result<Discovery> {
        self.learn_server().await?;
        self.stale.store(false, Ordering::Release);
        let mut found = discover(&self.connections, &self.config).await?;
        let mut tables = HashMap::new();
        for table in found.discovery.schemas.values().flat_map(|s| s.tables.values()) {
            let Some(types) = found.types.remove(&table.name) else { continue };
            let attribute = |name: &str| table.attributes.get(name).map_or("", String::as_str);
            let engine = attribute("engine");
            let splits = engine.ends_with("MergeTree")
                && (self.config.parallel_replicated || !(engine.starts_with("Replicated") || engine.starts_with("Shared")));
            let split_key = match (attribute("split_key"), attribute("partition_key")) {
                _ if !splits => None,
                ("", "") => None,
                ("", _) => Some(SplitKey::Partitions),
                (column, _) => Some(SplitKey::Column(column.to_owned())),
            };
            let merges =
                engine.ends_with("MergeTree") && !matches!(engine, "MergeTree" | "ReplicatedMergeTree" | "SharedMergeTree");
            let rows = table.row_count.unwrap_or(0);
            let distributed = matches!(engine, "Distributed" | "Merge");
            tables.insert(table.name.clone(), Table { types, split_key, merges, distributed, rows });
        }
        *self.tables.write() = tables;
        self.edges.clear();
        Ok(found.discovery)
    }

    async fn fingerprint(&self) -> Result<Option<u64>> {
        if self.is_stale() {
            return Ok(None);
        }
        fingerprint(&self.connections).await.map(Some)
    }

    fn is_stale(&self) -> bool {
        self.stale.load(Ordering::Acquire)
    }

    async fn provider(self: Arc<Self>, table: Arc<TableMeta>) -> Result<Arc<dyn TableProvider>> {
        Ok(Arc::new(RemoteTable::new(self, table)))
    }

    fn remote(self: Arc<Self>) -> Option<Arc<dyn RemoteSource>> {
        Some(self)
    }

    async fn close(&self) {
        self.connections.close();
    }
}

#[async_trait]
impl RemoteSource for ClickHouseSource {
    fn filter_support(&self, table: &TableMeta, filter: &Expr) -> Support {
        match self.with_columns(&table.name, |columns| translate(columns, filter)) {
            Ok(Ok(translated)) if translated.exact => Support::Exact,
            Ok(Ok(_)) => Support::Superset,
            Ok(Err(reason)) => Support::No(reason),
            Err(e) => Support::No(e.message().to_owned()),
        }
    }

    fn sort_support(&self, table: &TableMeta, keys: &[SortKey]) -> Support {
        let sortable = self
            .with_columns(&table.name, |columns| keys.iter().try_for_each(|key| columns.sort_key(&key.column).map(drop)));
        match sortable {
            Ok(Ok(())) => Support::Exact,
            Ok(Err(reason)) => Support::No(reason),
            Err(e) => Support::No(e.message().to_owned()),
        }
    }

    fn counts(&self) -> bool {
        true
    }

    /// Ranges of the primary key's first column, or of partitions.
    async fn partitions(&self, command: &ScanCommand, target: usize) -> Result<Vec<PartitionBounds>> {
        let edges = self.edges(&command.table, target.min(self.connections.size())).await?;
        let found = edges.map_or_else(Vec::new, |edges| edges.ranges());
        Ok(if found.is_empty() { vec![PartitionBounds::Whole] } else { found })
    }

    /// Learns the ranges of the tables' keys.
    async fn prepare(&self, tables: &[TableName]) {
        for table in tables {
            if self.edges.lacks(table)
                && let Ok(Some(edges)) = self.edges(table, self.connections.size()).await
            {
                self.edges.keep(table.clone(), edges);
            }
        }
    }

    fn render(&self, command: &ScanCommand, bounds: &PartitionBounds) -> Result<RemoteText> {
        let (select, _) = self.select(command, bounds)?;
        let text = sql::Writer::new(&sql::ClickHouse, sql::Mode::Inline).select(&select)?.finish().text;
        Ok(RemoteText { text, parameters: 0 })
    }

    fn open(self: Arc<Self>, scan: OpenScan) -> Result<SendableRecordBatchStream> {
        let (select, columns) = self.select(&scan.command, &scan.bounds)?;
        let (sql, settings) = (bound(&select)?, self.settings());
        Ok(stream(Reading {
            source: self,
            table: scan.command.table.to_string(),
            checks: Vec::new(),
            sql,
            columns,
            schema: scan.schema,
            batch_rows: scan.batch_rows,
            query: scan.query,
            settings,
        }))
    }

    fn translate(&self, plan: &LogicalPlan, target: usize) -> Result<RemoteQuery, Vec<Kept>> {
        crate::translate::translate(self, plan, target)
    }

    fn open_query(self: Arc<Self>, query: OpenQuery) -> Result<SendableRecordBatchStream> {
        crate::translate::reading(self, query).map(stream)
    }

    async fn describe(&self, text: &str) -> Result<RemoteQuery> {
        crate::translate::describe(self, text).await
    }

    async fn view(&self, schema: &str, view: &str, arguments: &[(String, Option<String>)]) -> Result<RemoteQuery> {
        crate::translate::view(self, schema, view, arguments).await
    }

    fn fills_omitted_columns(&self) -> bool {
        true
    }

    async fn insert(&self, table: &TableMeta, rows: SendableRecordBatchStream) -> Result<u64> {
        crate::write::insert(self, table, rows).await
    }

    async fn delete(&self, table: &TableMeta, filters: &[Expr]) -> Result<u64> {
        crate::write::delete(self, table, filters).await
    }
}
