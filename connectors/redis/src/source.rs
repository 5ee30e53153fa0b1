//! The connector and its sources.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::Expr;
use headwater_common::clock::Stopwatch;
use headwater_common::config::{OptionSpec, Options};
use headwater_common::{Error, Result};
use headwater_source::{
    ColumnMeta, ConnectContext, Connector, Discovery, Kept, OpenQuery, OpenScan, PartitionBounds, RemoteQuery,
    RemoteSource, RemoteTable, RemoteText, ScanCommand, SortKey, Source, Support, TableKind, TableMeta, TableName,
};
use parking_lot::RwLock;
use redis::Value;

use crate::commands::{Command, Template, to_text};
use crate::config::{OPTIONS, RedisConfig};
use crate::connect::Connections;
use crate::declared::DeclaredTable;
use crate::error::refused;
use crate::program::Program;
use crate::pushdown::{descends, translate};
use crate::request::{Keys, Limit, Request};
use crate::scan::{Reading, stream};
use crate::search::condition::condition;
use crate::table::{Role, SCHEMA, Table, TableRef};
use crate::{cursor, discover, statistics, value};

/// So many look-ups are shown in full.
const SHOWN_MAX: usize = 10;

/// Makes Redis sources.
#[derive(Debug, Default, Clone, Copy)]
pub struct RedisConnector;

#[async_trait]
impl Connector for RedisConnector {
    fn kind(&self) -> &'static str {
        "redis"
    }

    fn options(&self) -> &'static [OptionSpec] {
        OPTIONS
    }

    async fn connect(&self, name: &str, options: &Options, _context: &ConnectContext) -> Result<Arc<dyn Source>> {
        let config = RedisConfig::read(options)?;
        let connections = Connections::new(name, &config)?;
        let source = RedisSource {
            name: name.to_owned(),
            config,
            connections,
            tables: RwLock::default(),
            stale: AtomicBool::new(false),
            since: Stopwatch::start(),
        };
        Ok(Arc::new(source))
    }
}

/// One Redis server, cluster or group of servers with sentinels.
#[derive(Debug)]
pub(crate) struct RedisSource {
    pub(crate) name: String,
    pub(crate) config: RedisConfig,
    pub(crate) connections: Connections,
    tables: RwLock<HashMap<TableName, TableRef>>,
    /// A reader found a value that does not fit what the sample said.
    stale: AtomicBool,
    since: Stopwatch,
}

impl RedisSource {
    /// A table as discovery found it.
    pub(crate) fn table(&self, name: &TableName) -> Result<TableRef> {
        let found = self.tables.read().get(name).cloned();
        found.ok_or_else(|| Error::not_found(format!("source {} has no table {name}; run REFRESH SOURCE", self.name)))
    }

    /// The last discovery no longer holds.
    pub(crate) fn mark_stale(&self) {
        self.stale.store(true, Ordering::Release);
    }

    /// Nothing is inferred, so that tables never change.
    fn is_fixed(&self) -> bool {
        !self.config.reading.discover && !self.config.tables.iter().any(DeclaredTable::is_open)
    }

    /// The number of the interval in which a sample is trusted.
    fn interval(&self) -> u64 {
        if self.is_fixed() { 0 } else { self.since.elapsed_ms() / self.config.reading.discover_interval_ms }
    }

    fn request(&self, command: &ScanCommand) -> Result<Request> {
        let table = self.table(&command.table)?;
        let (mut tests, mut conditions) = (Vec::new(), Vec::new());
        for filter in &command.filters {
            match (translate(&table, filter), condition(&table, filter)) {
                (Ok(found), _) => tests.extend(found),
                (Err(_), Some(found)) => conditions.push(found),
                (Err(reason), None) => return Err(Error::unsupported(reason)),
            }
        }
        let column = |name: &String| {
            let found = table.column(name).cloned();
            found.ok_or_else(|| Error::not_found(format!("{} has no column {name}; run REFRESH SOURCE", command.table)))
        };
        let columns = command.columns.iter().map(column).collect::<Result<Vec<_>>>()?;
        let descending = match command.order.as_slice() {
            [] => None,
            keys => Some(descends(&table, keys).map_err(Error::unsupported)?),
        };
        let limit = Limit { fetch: command.fetch, descending };
        Ok(Request::new(table, columns, tests, limit, command.count).searched(conditions))
    }
}

/// What discovery says of a table.
fn meta(table: &Table) -> TableMeta {
    let columns = table.columns.iter().map(|column| {
        let mut meta = ColumnMeta::new(Arc::new(column.field()), column.role.word());
        meta.statistics = statistics::column(table, column);
        meta
    });
    let mut meta = TableMeta::new(table.name.clone(), TableKind::Table, columns.collect());
    let places = |wanted: fn(&Role) -> bool| {
        let places = table.columns.iter().enumerate().filter(|(_, c)| wanted(&c.role));
        places.map(|(i, _)| i).collect::<Vec<usize>>()
    };
    if table.kind.is_scalar() {
        let (parts, key) = (places(|r| matches!(r, Role::Part(_))), places(|r| *r == Role::Key));
        meta.primary_key = Some(("key".to_owned(), if parts.is_empty() { key.clone() } else { parts }));
        meta.unique_keys = vec![key];
    }
    meta.row_count = table.row_count;
    meta.comment = Some(format!("{} {}", table.kind.word(), table.pattern));
    meta.attributes =
        BTreeMap::from([("key".to_owned(), table.pattern.to_string()), ("type".to_owned(), table.kind.word().to_owned())]);
    meta
}

#[async_trait]
impl Source for RedisSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "redis"
    }

    fn location(&self) -> String {
        self.config.location()
    }

    async fn check(&self) -> Result<String> {
        let topology = self.connections.topology().await?;
        let Some(node) = topology.nodes.first() else { return Err(Error::unavailable(&self.name, "there is no node")) };
        let commands = [Command::words(["PING"]), Command::words(["INFO", "server"])];
        let mut answers = self.connections.ask(&node.address, 0, &commands, true).await?.into_iter();
        if let Some(Value::ServerError(e)) = answers.next() {
            return Err(refused(&self.name, &e));
        }
        // A user without the right to ask for it still uses the server.
        let info = answers.next().and_then(value::text).unwrap_or_default();
        let version = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        Ok(match (version("valkey_version:"), version("redis_version:")) {
            (Some(version), _) => format!("Valkey {version}"),
            (None, Some(version)) => format!("Redis {version}"),
            (None, None) => "Redis".to_owned(),
        })
    }

    async fn discover(&self) -> Result<Discovery> {
        let interval = self.interval();
        self.stale.store(false, Ordering::Release);
        // Declared tables need no look at the keys, but a source that cannot be reached should say so.
        self.check().await?;
        let found = discover::discover(self).await?;
        let mut discovery = Discovery { fingerprint: Some(interval), ..Discovery::default() };
        let schema = discovery.schemas.entry(SCHEMA.to_owned()).or_default();
        for table in &found {
            schema.tables.insert(table.name.table.clone(), Arc::new(meta(table)));
        }
        *self.tables.write() = found.into_iter().map(|table| (table.name.clone(), table)).collect();
        Ok(discovery)
    }

    async fn fingerprint(&self) -> Result<Option<u64>> {
        Ok(Some(self.interval()).filter(|_| !self.is_stale()))
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
impl RemoteSource for RedisSource {
    fn filter_support(&self, table: &TableMeta, filter: &Expr) -> Support {
        let table = match self.table(&table.name) {
            Ok(table) => table,
            Err(e) => return Support::No(e.message().to_owned()),
        };
        match translate(&table, filter) {
            Ok(_) => Support::Exact,
            Err(_) if condition(&table, filter).is_some() => Support::Superset,
            Err(reason) => Support::No(reason),
        }
    }

    fn sort_support(&self, table: &TableMeta, keys: &[SortKey]) -> Support {
        match self.table(&table.name).map(|table| descends(&table, keys)) {
            Ok(Ok(_)) => Support::Exact,
            Ok(Err(reason)) => Support::No(reason),
            Err(e) => Support::No(e.message().to_owned()),
        }
    }

    fn counts(&self) -> bool {
        true
    }

    /// One range for each node of a cluster.
    async fn partitions(&self, command: &ScanCommand, target: usize) -> Result<Vec<PartitionBounds>> {
        let nodes = self.connections.topology().await?.nodes.len();
        if nodes < 2 || nodes > target || matches!(self.request(command)?.keys, Keys::Listed(_)) {
            return Ok(vec![PartitionBounds::Whole]);
        }
        let node = |i: usize| PartitionBounds::Blocks { from: i as u64, to: Some(i as u64 + 1) };
        Ok((0..nodes).map(node).collect())
    }

    fn render(&self, command: &ScanCommand, _bounds: &PartitionBounds) -> Result<RemoteText> {
        let request = self.request(command)?;
        let program = Program::new(&request, !self.config.reading.wrong_type_fails);
        let text = match &request.keys {
            Keys::Scan(_) => {
                let mut shown = vec![cursor::template(&request, &self.config)];
                shown.extend_from_slice(program.templates());
                to_text(&shown)
            }
            Keys::Search(search, _) => {
                let mut shown = vec![Template::of_command(&search.command())];
                shown.extend_from_slice(program.templates());
                to_text(&shown)
            }
            Keys::Listed(keys) if keys.len() <= SHOWN_MAX => {
                let mut commands = Vec::new();
                keys.iter().for_each(|key| program.commands(key, &mut commands));
                to_text(&commands.iter().map(Template::of_command).collect::<Vec<_>>())
            }
            Keys::Listed(keys) => format!("{} for {} keys", to_text(program.templates()), keys.len()),
        };
        Ok(RemoteText { text, parameters: 0 })
    }

    fn open(self: Arc<Self>, scan: OpenScan) -> Result<SendableRecordBatchStream> {
        let request = self.request(&scan.command)?;
        let node = match scan.bounds {
            PartitionBounds::Whole => None,
            PartitionBounds::Blocks { from, .. } => {
                let node = usize::try_from(from).map_err(|_| Error::internal("no such node"))?;
                Some((node, scan.partition_count))
            }
            PartitionBounds::Key { .. } | PartitionBounds::Text { .. } => {
                return Err(Error::internal("Redis tables are split by node"));
            }
        };
        let (schema, batch_rows, query) = (scan.schema, scan.batch_rows, scan.query);
        Ok(stream(Reading { source: self, request, node, schema, batch_rows, query }))
    }

    fn translate(&self, plan: &LogicalPlan, _target: usize) -> Result<RemoteQuery, Vec<Kept>> {
        crate::translate::translate(self, plan)
    }

    fn open_query(self: Arc<Self>, query: OpenQuery) -> Result<SendableRecordBatchStream> {
        crate::series::stream(self, query)
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
