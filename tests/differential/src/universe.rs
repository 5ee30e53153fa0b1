//! The same rows in every source and oracle, and the engines that read them.

use std::sync::Arc;
use std::time::Duration;

use headwater_clickhouse::ClickHouseConnector;
use headwater_common::Limits;
use headwater_common::config::Config;
use headwater_engine::{Engine, Session};
use headwater_files::FilesConnector;
use headwater_postgres::PostgresConnector;
use headwater_tests::TestDatabase;
use headwater_tests::clickhouse::ClickHouseDatabase;
use tempfile::TempDir;

use crate::ast::Query;
use crate::oracles::{DuckDb, Postgres};
use crate::print::{Dialect, print};
use crate::routes::{Route, Setup};
use crate::rows::{Outcome, from_batches};
use crate::schema::Table;
use crate::sources::{clickhouse, memory, parquet, postgres};

/// A query that runs longer is left out.
const QUERY_TIME: Duration = Duration::from_secs(60);
/// The error of a query that was left out.
pub(crate) const TOO_LONG: &str = "the query took too long to compare";

/// One set of rows, everywhere.
pub(crate) struct Universe {
    pub(crate) tables: Vec<Table>,
    pub(crate) server: &'static str,
    sessions: Vec<(Setup, Session)>,
    pub(crate) duckdb: DuckDb,
    pub(crate) postgres: Postgres,
    _database: TestDatabase,
    clickhouse: ClickHouseDatabase,
    _folder: TempDir,
}

impl Universe {
    /// Loads the rows everywhere and makes an engine of each setup.
    pub(crate) async fn new(tables: Vec<Table>, server: &'static str, setups: &[Setup]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        parquet::load(folder.path(), &tables);
        let database = postgres::load(server, &tables).await;
        let clickhouse = clickhouse::load(folder.path(), &tables).await;
        let duckdb = DuckDb::start(folder.path()).await;
        let oracle = Postgres::connect(&database.url()).await;
        let mut sessions = Vec::new();
        for &setup in setups {
            let engine = engine(setup, &folder).await;
            parquet::add(&engine, folder.path()).await;
            postgres::add(&engine, &database).await;
            clickhouse::add(&engine, &clickhouse).await;
            let session = engine.session("differential").expect("a session");
            session.set("time zone", "UTC").expect("a time zone");
            memory::add(&session, &tables);
            sessions.push((setup, session));
        }
        Self { tables, server, sessions, duckdb, postgres: oracle, _database: database, clickhouse, _folder: folder }
    }

    /// A query's text on a route.
    pub(crate) fn text(&self, query: &Query, route: Route) -> String {
        let name = |table: &str| route.placement.name(table, self.clickhouse.name());
        print(query, Dialect::Headwater, &name).expect("Headwater's dialect has everything")
    }

    /// Runs a query on a route.
    pub(crate) async fn run(&self, query: &Query, route: Route) -> Outcome {
        let found = self.sessions.iter().find(|(setup, _)| *setup == route.setup);
        let session = &found.expect("every setup has a session").1;
        let text = self.text(query, route);
        let work = async {
            let result = session.query(&text).await.map_err(|e| e.to_string())?;
            result.collect().await.map_err(|e| e.to_string())
        };
        let batches = tokio::time::timeout(QUERY_TIME, work).await.unwrap_or_else(|_| Err(TOO_LONG.to_owned()))?;
        from_batches(&batches, &query.types())
    }
}

async fn engine(setup: Setup, folder: &TempDir) -> Engine {
    let mut config = Config { limits: Limits { plan_time_ms: 60_000, ..Limits::default() }, ..Config::default() };
    config.engine.file_roots = vec![folder.path().to_path_buf()];
    config.engine.target_partitions = 1;
    let mut builder = Engine::builder();
    match setup {
        Setup::Plain => {}
        Setup::EightPartitions => config.engine.target_partitions = 8,
        Setup::BatchesOfOneRow => {
            config.engine.target_partitions = 2;
            config.engine.batch_rows = 1;
        }
        Setup::LittleMemory => {
            config.engine.target_partitions = 2;
            config.engine.batch_rows = 32;
            config.limits.memory_bytes = 1 << 20;
        }
        Setup::Without(rule) => builder = builder.without_rule(rule),
    }
    let connectors = builder.connector(Arc::new(PostgresConnector)).connector(Arc::new(ClickHouseConnector));
    connectors.connector(Arc::new(FilesConnector)).config(config).build().await.expect("an engine")
}
