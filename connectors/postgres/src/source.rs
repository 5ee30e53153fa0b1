//! The connector and its sources.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::Expr;
use headwater_common::config::{OptionSpec, Options};
use headwater_common::{Error, Result};
use headwater_source::{
    ConnectContext, Connector, Discovery, Finding, OpenScan, PartitionBounds, RemoteSource, RemoteTable, RemoteText,
    ScanCommand, SortKey, Source, Support, TableKind, TableMeta, TableName,
};
use headwater_sqlgen as sql;
use parking_lot::RwLock;

use crate::catalog_queries as queries;
use crate::config::{OPTIONS, PostgresConfig};
use crate::connect::Connections;
use crate::diagnose::diagnose;
use crate::discover::{TableTypes, discover, fingerprint};
use crate::error::classify;
use crate::pushdown::{Columns, translate};
use crate::scan::{Reading, stream};
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
            types: RwLock::default(),
            blocks: RwLock::default(),
            server: RwLock::default(),
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
    types: RwLock<HashMap<TableName, TableTypes>>,
    /// Blocks of each table that has its own.
    blocks: RwLock<HashMap<TableName, u64>>,
    server: RwLock<Server>,
    /// A reader found a table that is not what discovery found.
    stale: Arc<AtomicBool>,
}

impl PostgresSource {
    /// Types of a table's columns.
    pub(crate) fn types_of(&self, table: &TableName) -> Result<TableTypes> {
        let found = self.types.read().get(table).map(Arc::clone);
        found.ok_or_else(|| Error::not_found(format!("source {} has no table {table}; run REFRESH SOURCE", self.name)))
    }

    /// Runs `use_columns` with what the push-down knows of a table.
    pub(crate) fn with_columns<T>(&self, table: &TableMeta, use_columns: impl FnOnce(&Columns<'_>) -> T) -> Result<T> {
        let types = self.types_of(&table.name)?;
        let deterministic = |name: &str| {
            let found = table.column(name).and_then(|c| c.attributes.get("deterministic"));
            found.is_some_and(|v| v == "true")
        };
        let columns = Columns {
            types: types.as_slice(),
            deterministic: &deterministic,
            utf8: self.server.read().utf8,
            infinity: self.config.types.infinity,
        };
        Ok(use_columns(&columns))
    }

    fn select(&self, command: &ScanCommand, bounds: &PartitionBounds) -> Result<(sql::Select, Vec<(String, PgType)>)> {
        let types = self.types_of(&command.table)?;
        let mut select = sql::Select::from_table(&command.table.schema, &command.table.table);
        let mut output = Vec::new();
        if command.count {
            select.columns.push(sql::Expr::CountRows);
            output.push(("count".to_owned(), bigint()));
        }
        for name in &command.columns {
            let pg_type = types.iter().find(|(n, _)| n == name).map(|(_, t)| t.clone());
            let pg_type = pg_type.ok_or_else(|| Error::not_found(format!("{} has no column {name}", command.table)))?;
            let column = sql::Expr::column(name);
            select.columns.push(match pg_type.wire().cast() {
                Some(cast) => column.cast(cast),
                None => column,
            });
            output.push((name.clone(), pg_type));
        }
        let table = TableMeta::new(command.table.clone(), TableKind::Table, Vec::new());
        select.filters = self.filters(&command.filters, &table)?;
        match bounds {
            PartitionBounds::Whole => {}
            PartitionBounds::Blocks { from, to } => select.filters.push(sql::Expr::Blocks(*from, *to)),
            PartitionBounds::Key { .. } => return Err(Error::internal("Postgres tables are split by blocks")),
        }
        for key in &command.order {
            let expr = self.with_columns(&table, |c| c.sort_key(&key.column))?.map_err(Error::unsupported)?;
            select.order.push(sql::Order { expr, descending: key.descending, nulls_first: key.nulls_first });
        }
        select.limit = command.fetch;
        Ok((select, output))
    }

    /// Filters that were accepted before, as the server's; the collation was checked when they were accepted.
    fn filters(&self, filters: &[Expr], table: &TableMeta) -> Result<Vec<sql::Expr>> {
        let types = self.types_of(&table.name)?;
        let columns = Columns {
            types: types.as_slice(),
            deterministic: &|_| true,
            utf8: self.server.read().utf8,
            infinity: self.config.types.infinity,
        };
        let translated = filters.iter().map(|f| translate(&columns, f).map(|t| t.expr).map_err(Error::unsupported));
        translated.collect()
    }

    async fn learn_server(&self) -> Result<String> {
        let client = self.connections.get().await?;
        let row = client.query_one(queries::SERVER, &[]).await.map_err(|e| classify(&self.name, e))?;
        let failed = |e| classify(&self.name, e);
        let version: i32 = row.try_get(0).map_err(failed)?;
        let encoding: String = row.try_get(1).map_err(failed)?;
        *self.server.write() = Server { version, utf8: encoding == "UTF8" };
        row.try_get(2).map_err(failed)
    }
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
        let client = self.connections.get().await?;
        let found = discover(&client, &self.name, &self.config).await?;
        let tables = found.discovery.schemas.values().flat_map(|s| s.tables.values());
        let blocks = tables.filter_map(|t| Some((t.name.clone(), t.attributes.get("pages")?.parse().ok()?)));
        *self.blocks.write() = blocks.collect();
        *self.types.write() = found.types;
        Ok(found.discovery)
    }

    async fn fingerprint(&self) -> Result<Option<u64>> {
        if self.is_stale() {
            return Ok(None);
        }
        let client = self.connections.get().await?;
        fingerprint(&client, &self.name).await.map(Some)
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
        match self.with_columns(table, |columns| translate(columns, filter)) {
            Ok(Ok(translated)) if translated.exact => Support::Exact,
            Ok(Ok(_)) => Support::Superset,
            Ok(Err(reason)) => Support::No(reason),
            Err(e) => Support::No(e.message().to_owned()),
        }
    }

    fn sort_support(&self, table: &TableMeta, keys: &[SortKey]) -> Support {
        let sortable =
            self.with_columns(table, |columns| keys.iter().try_for_each(|key| columns.sort_key(&key.column).map(drop)));
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
        let table = self.blocks.read().get(&command.table).copied();
        let Some(blocks) = table.filter(|n| *n >= BLOCKS_MIN) else { return Ok(whole) };
        let ranges = target.min(self.connections.size()) as u64;
        if ranges < 2 || self.server.read().version < BLOCK_RANGES_VERSION || self.config.pgbouncer {
            return Ok(whole);
        }
        let step = blocks.div_ceil(ranges);
        let range = |i: u64| PartitionBounds::Blocks {
            from: i * step,
            // The last range is open: rows may have been added behind the blocks that discovery saw.
            to: (i + 1 < ranges).then_some((i + 1) * step),
        };
        Ok((0..ranges).map(range).collect())
    }

    fn render(&self, command: &ScanCommand, bounds: &PartitionBounds) -> Result<RemoteText> {
        let (select, _) = self.select(command, bounds)?;
        let text = sql::Writer::new(&sql::Postgres, sql::Mode::Inline).select(&select)?.finish().text;
        Ok(RemoteText { text, parameters: 0 })
    }

    fn open(self: Arc<Self>, scan: OpenScan) -> Result<SendableRecordBatchStream> {
        let (select, columns) = self.select(&scan.command, &scan.bounds)?;
        let text = sql::Writer::new(&sql::Postgres, sql::Mode::Inline).select(&select)?.finish().text;
        let copy = sql::Statement::CopyOut(select);
        let copy = sql::Writer::new(&sql::Postgres, sql::Mode::Inline).statement(&copy)?.finish().text;
        let connections = self.connections.clone();
        let make = || Arc::new(Readers::new(&self.name, connections, self.config.pgbouncer));
        let readers = scan.query.state(&self.name, make);
        let stale = Arc::clone(&self.stale);
        let changed = Box::new(move || stale.store(true, Ordering::Release));
        Ok(stream(Reading { source: self.name.clone(), scan, readers, select: text, copy, columns, changed }))
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
