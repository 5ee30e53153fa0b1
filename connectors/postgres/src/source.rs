//! The connector and its sources.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::Expr;
use headwater_common::config::{OptionSpec, Options};
use headwater_common::{Error, Result};
use headwater_source::{
    ConnectContext, Connector, Discovery, Finding, Kept, OpenQuery, OpenScan, PartitionBounds, QueryContext, RemoteQuery,
    RemoteSource, RemoteTable, RemoteText, ScanCommand, SortKey, Source, Support, TableMeta, TableName,
};
use headwater_sqlgen as sql;
use parking_lot::RwLock;
use tokio_postgres::SimpleQueryMessage;

use crate::catalog_queries as queries;
use crate::config::{OPTIONS, PostgresConfig};
use crate::connect::{Connections, Lease};
use crate::diagnose::diagnose;
use crate::discover::{KnownTable, discover};
use crate::error::classify;
use crate::pushdown::{Columns, translate};
use crate::scan::{Check, Reading, stream};
use crate::snapshot::Readers;
use crate::types::{PgType, TypeCatalog, TypeOptions, TypeRow};

/// The first version whose blocks can be read by range (`ctid` ranges).
const BLOCK_RANGES_VERSION: i32 = 140_000;
/// Tables with fewer blocks are read over one connection.
const BLOCKS_MIN: u64 = 256;

/// Makes Postgres sources.
#[derive(Debug, Default, Clone, Copy)]
pub struct PostgresConnector;

#[async_trait]
impl Connector for PostgresConnector {
    fn kind(&self) -> &'static str {
        "postgres"
    }

    fn options(&self) -> &'static [OptionSpec] {
        OPTIONS
    }

    async fn connect(&self, name: &str, options: &Options, _context: &ConnectContext) -> Result<Arc<dyn Source>> {
        let config = PostgresConfig::read(options)?;
        let connections = Connections::new(name, &config)?;
        let source = PostgresSource {
            name: name.to_owned(),
            config,
            connections,
            tables: RwLock::default(),
            server: RwLock::default(),
            types: RwLock::default(),
            stale: Arc::new(AtomicBool::new(false)),
        };
        Ok(Arc::new(source))
    }
}

/// What is known of the server.
#[derive(Debug, Clone, Default)]
struct Server {
    version: i32,
    utf8: bool,
}

/// One Postgres database.
#[derive(Debug)]
pub(crate) struct PostgresSource {
    pub(crate) name: String,
    pub(crate) config: PostgresConfig,
    pub(crate) connections: Connections,
    tables: RwLock<HashMap<TableName, Arc<KnownTable>>>,
    server: RwLock<Server>,
    types: RwLock<TypeCatalog>,
    /// A reader found a table that is not what discovery found.
    stale: Arc<AtomicBool>,
}

impl PostgresSource {
    /// What discovery found of a table.
    pub(crate) fn known(&self, table: &TableName) -> Result<Arc<KnownTable>> {
        let found = self.tables.read().get(table).map(Arc::clone);
        found.ok_or_else(|| Error::not_found(format!("source {} has no table {table}; run REFRESH SOURCE", self.name)))
    }

    /// Runs `use_columns` with what the push-down knows of a table.
    pub(crate) fn with_columns<T>(&self, table: &TableName, use_columns: impl FnOnce(&Columns<'_>) -> T) -> Result<T> {
        let known = self.known(table)?;
        let columns = Columns {
            types: known.types.as_slice(),
            deterministic: &|name| !known.nondeterministic.contains(name),
            utf8: self.server.read().utf8,
            infinity: self.config.types.infinity,
        };
        Ok(use_columns(&columns))
    }

    fn select(&self, command: &ScanCommand, bounds: &PartitionBounds) -> Result<(sql::Select, Vec<(String, PgType)>)> {
        let known = self.known(&command.table)?;
        let mut select = sql::Select::from_table(&command.table.schema, &command.table.table);
        let mut output = Vec::new();
        if command.count {
            select.columns.push(sql::Expr::CountRows);
            output.push(("count".to_owned(), bigint()));
        }
        for name in &command.columns {
            let pg_type = known.types.iter().find(|(n, _)| n == name).map(|(_, t)| t.clone());
            let pg_type = pg_type.ok_or_else(|| self.changed(&command.table, &format!("it has no column {name}")))?;
            let column = sql::Expr::column(name);
            select.columns.push(match pg_type.wire().cast() {
                Some(cast) => column.cast(cast),
                None => column,
            });
            output.push((name.clone(), pg_type));
        }
        for filter in &command.filters {
            // It was translated when it was accepted; if it no longer can be, the table has changed.
            let translated = self.with_columns(&command.table, |c| translate(c, filter))?;
            select.filters.push(translated.map_err(|reason| self.changed(&command.table, &reason))?.expr);
        }
        match bounds {
            PartitionBounds::Whole => {}
            PartitionBounds::Blocks { from, to } => {
                select.filters.push(sql::Expr::Blocks { item: None, from: *from, to: *to })
            }
            PartitionBounds::Key { .. } | PartitionBounds::Text { .. } => {
                return Err(Error::internal("Postgres tables are split by blocks"));
            }
        }
        for key in &command.order {
            let expr = self.with_columns(&command.table, |c| c.sort_key(&key.column))?;
            let expr = expr.map_err(|reason| self.changed(&command.table, &reason))?;
            select.order.push(sql::Order { expr, descending: key.descending, nulls_first: key.nulls_first });
        }
        select.limit = command.fetch;
        Ok((select, output))
    }

    fn changed(&self, table: &TableName, reason: &str) -> Error {
        let message = format!("{table} has changed since the query was planned; run it again ({reason})");
        Error::source_failed(&self.name, message).retryable(true)
    }

    /// Whether the server reads all of `select` for no more than the first of several ranges of blocks would cost it, as with
    /// an index that finds few rows. Its own planner says so; when no connection is free, nobody is asked.
    async fn cheap_as_a_whole(&self, command: &ScanCommand, first: &PartitionBounds) -> Result<bool> {
        let explain = |bounds| {
            let (select, _) = self.select(command, bounds)?;
            text(&sql::Statement::Explain(select))
        };
        let both = format!("{}; {}", explain(&PartitionBounds::Whole)?, explain(first)?);
        let Some((lease, messages)) = self.connections.try_begin(&both).await? else { return Ok(false) };
        drop(lease.into_object()?);
        let costs: Vec<f64> = messages.iter().filter_map(total_cost).collect();
        Ok(matches!(costs.as_slice(), [whole, range] if whole <= range))
    }

    /// Ranges of blocks that together hold a table of so many blocks; at most as many as there are connections.
    pub(crate) fn ranges(&self, blocks: u64, target: usize) -> Vec<(u64, Option<u64>)> {
        let ranges = target.min(self.connections.size()) as u64;
        let splits = blocks >= BLOCKS_MIN && self.server.read().version >= BLOCK_RANGES_VERSION;
        if !splits || ranges < 2 || self.config.pgbouncer {
            return Vec::new();
        }
        let step = blocks.div_ceil(ranges);
        // The last range is open: rows may have been added behind the blocks that discovery saw.
        (0..ranges).map(|i| (i * step, (i + 1 < ranges).then_some((i + 1) * step))).collect()
    }

    /// Whether texts are stored as UTF-8.
    pub(crate) fn is_utf8(&self) -> bool {
        self.server.read().utf8
    }

    /// The types that are known.
    pub(crate) fn type_catalog(&self) -> TypeCatalog {
        self.types.read().clone()
    }

    /// Adds types to those that are known.
    pub(crate) fn learn_types(&self, types: TypeCatalog) {
        self.types.write().extend(types);
    }

    /// The connections of a query.
    pub(crate) fn readers(&self, query: &QueryContext) -> Result<Arc<Readers>> {
        let (connections, timeout) = (self.connections.clone(), self.statement_timeout()?);
        let make = || Arc::new(Readers::new(&self.name, connections, self.config.pgbouncer, timeout));
        Ok(query.state(&self.name, make))
    }

    /// What a reader calls that finds a table changed.
    pub(crate) fn changed_marker(&self) -> Box<dyn Fn() + Send + Sync> {
        let stale = Arc::clone(&self.stale);
        Box::new(move || stale.store(true, Ordering::Release))
    }

    /// The text that limits a statement's time in a transaction, for connections that cannot have a setting of their own.
    fn statement_timeout(&self) -> Result<Option<String>> {
        let ms = self.config.statement_timeout_ms;
        if ms == 0 || !self.config.pgbouncer {
            return Ok(None);
        }
        text(&sql::Statement::SetLocal("statement_timeout", ms.to_string())).map(Some)
    }

    /// A connection in a transaction that changes rows.
    pub(crate) async fn begin_change(&self) -> Result<Lease> {
        let (lease, _) = self.connections.begin(queries::BEGIN).await?;
        if let Some(limit) = self.statement_timeout()? {
            lease.object()?.batch_execute(&limit).await.map_err(|e| classify(&self.name, e))?;
        }
        Ok(lease)
    }

    async fn learn_server(&self) -> Result<String> {
        let (lease, messages) = self.connections.begin(queries::SERVER).await?;
        drop(lease.into_object()?);
        let [version, encoding, product] = fields(&messages).ok_or_else(|| self.unreadable("its version"))?;
        let version = version.parse().map_err(|_| self.unreadable("its version"))?;
        *self.server.write() = Server { version, utf8: encoding == "UTF8" };
        Ok(product.to_owned())
    }

    fn unreadable(&self, what: &str) -> Error {
        Error::source_failed(&self.name, format!("the server does not say {what}"))
    }
}

/// The text of a statement whose values are literals.
pub(crate) fn text(statement: &sql::Statement) -> Result<String> {
    Ok(sql::Writer::new(&sql::Postgres, sql::Mode::Inline).statement(statement)?.finish().text)
}

/// The fields of the only row.
fn fields<const N: usize>(messages: &[SimpleQueryMessage]) -> Option<[&str; N]> {
    let row = messages.iter().find_map(|m| match m {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    })?;
    let fields: Vec<&str> = (0..N).map(|i| row.get(i)).collect::<Option<_>>()?;
    fields.try_into().ok()
}

/// The cost that an answer of EXPLAIN (FORMAT JSON) states for the whole plan.
fn total_cost(message: &SimpleQueryMessage) -> Option<f64> {
    let SimpleQueryMessage::Row(row) = message else { return None };
    let plan: serde_json::Value = serde_json::from_str(row.get(0)?).ok()?;
    plan.get(0)?.get("Plan")?.get("Total Cost")?.as_f64()
}

fn bigint() -> PgType {
    let row = TypeRow {
        oid: 20,
        name: "bigint".into(),
        typtype: "b".into(),
        send: "int8send".into(),
        base_typmod: -1,
        ..TypeRow::default()
    };
    TypeCatalog::new([row]).resolve(20, -1, 0, &TypeOptions::default())
}

#[async_trait]
impl Source for PostgresSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "postgres"
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
        let (lease, _) = self.connections.begin(queries::BEGIN_READ).await?;
        let found = discover(lease.object()?, &self.name, &self.config).await?;
        self.learn_types(found.types);
        *self.tables.write() = found.tables;
        Ok(found.discovery)
    }

    async fn fingerprint(&self) -> Result<Option<u64>> {
        if self.is_stale() {
            return Ok(None);
        }
        let (lease, messages) = self.connections.begin(queries::FINGERPRINT).await?;
        drop(lease.into_object()?);
        let [number] = fields(&messages).ok_or_else(|| self.unreadable("whether its tables have changed"))?;
        Ok(number.parse().ok().map(i64::cast_unsigned))
    }

    fn is_stale(&self) -> bool {
        self.stale.load(Ordering::Acquire)
    }

    async fn diagnose(&self) -> Result<Vec<Finding>> {
        diagnose(self).await
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
impl RemoteSource for PostgresSource {
    fn filter_support(&self, table: &TableMeta, filter: &Expr) -> Support {
        match self.with_columns(&table.name, |columns| translate(columns, filter)) {
            Ok(Ok(translated)) if translated.exact => Support::Exact,
            Ok(Ok(_)) => Support::Superset,
            Ok(Err(reason)) => Support::No(reason),
            Err(e) => Support::No(e.message().to_owned()),
        }
    }

    fn sort_support(&self, table: &TableMeta, keys: &[SortKey]) -> Support {
        let name = &table.name;
        let sortable =
            self.with_columns(name, |columns| keys.iter().try_for_each(|key| columns.sort_key(&key.column).map(drop)));
        match sortable {
            Ok(Ok(())) => Support::Exact,
            Ok(Err(reason)) => Support::No(reason),
            Err(e) => Support::No(e.message().to_owned()),
        }
    }

    fn counts(&self) -> bool {
        true
    }

    async fn partitions(&self, command: &ScanCommand, target: usize) -> Result<Vec<PartitionBounds>> {
        let whole = vec![PartitionBounds::Whole];
        let blocks = self.known(&command.table)?.blocks;
        let ranges = self.ranges(blocks, target);
        let bounds: Vec<_> = ranges.into_iter().map(|(from, to)| PartitionBounds::Blocks { from, to }).collect();
        let Some(first) = bounds.first() else { return Ok(whole) };
        if !command.filters.is_empty() && self.cheap_as_a_whole(command, first).await? {
            return Ok(whole);
        }
        Ok(bounds)
    }

    fn render(&self, command: &ScanCommand, bounds: &PartitionBounds) -> Result<RemoteText> {
        let (select, _) = self.select(command, bounds)?;
        let text = sql::Writer::new(&sql::Postgres, sql::Mode::Inline).select(&select)?.finish().text;
        Ok(RemoteText { text, parameters: 0 })
    }

    fn open(self: Arc<Self>, scan: OpenScan) -> Result<SendableRecordBatchStream> {
        let (select, columns) = self.select(&scan.command, &scan.bounds)?;
        let mut checks = Vec::new();
        if !scan.command.columns.is_empty() {
            let table = &scan.command.table;
            let mut probe = sql::Select::from_table(&table.schema, &table.table);
            probe.columns = scan.command.columns.iter().map(sql::Expr::column).collect();
            probe.limit = Some(0);
            let types = text(&sql::Statement::ColumnTypes(probe))?;
            checks.push(Check { table: table.clone(), types, oids: columns.iter().map(|(_, t)| t.oid()).collect() });
        }
        Ok(stream(Reading {
            source: self.name.clone(),
            readers: self.readers(&scan.query)?,
            checks,
            copy: text(&sql::Statement::CopyOut(select))?,
            columns,
            sent: Arc::clone(&scan.schema),
            schema: scan.schema,
            batch_rows: scan.batch_rows,
            changed: self.changed_marker(),
        }))
    }

    fn translate(&self, plan: &LogicalPlan, target: usize) -> Result<RemoteQuery, Vec<Kept>> {
        crate::translate::translate(self, plan, target)
    }

    fn open_query(self: Arc<Self>, query: OpenQuery) -> Result<SendableRecordBatchStream> {
        crate::translate::reading(&self, query).map(stream)
    }

    async fn describe(&self, text: &str) -> Result<RemoteQuery> {
        crate::translate::describe(self, text).await
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

    async fn update(&self, table: &TableMeta, assignments: &[(String, Expr)], filters: &[Expr]) -> Result<u64> {
        crate::write::update(self, table, assignments, filters).await
    }
}
