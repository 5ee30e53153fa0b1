//! The same rows in every source and oracle, and the engines that read them.

use std::sync::Arc;
use std::time::Duration;

use headwater_clickhouse::ClickHouseConnector;
use headwater_common::Limits;
use headwater_common::config::Config;
use headwater_engine::{Engine, Session};
use headwater_files::FilesConnector;
use headwater_mongodb::MongoConnector;
use headwater_postgres::PostgresConnector;
use headwater_redis::RedisConnector;
use headwater_tests::TestDatabase;
use headwater_tests::clickhouse::ClickHouseDatabase;
use headwater_tests::mongodb::MongoDatabase;
use headwater_tests::redis::RedisDatabase;
use tempfile::TempDir;

use crate::ast::Query;
use crate::oracles::{DuckDb, Postgres};
use crate::print::{Dialect, print};
use crate::routes::{Route, Setup, Sources};
use crate::rows::{Outcome, from_batches};
use crate::schema::Table;
use crate::sources::{Databases, clickhouse, memory, mongodb, parquet, postgres, redis};

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
    loaded: Loaded,
    _folder: TempDir,
}

/// What is loaded beside Postgres and the files, by the sources of the run.
enum Loaded {
    Sql(ClickHouseDatabase),
    Stores(RedisDatabase, MongoDatabase),
}

impl Loaded {
    async fn load(sources: Sources, folder: &TempDir, tables: &[Table]) -> Self {
        match sources {
            Sources::Sql => Self::Sql(clickhouse::load(folder.path(), tables).await),
            Sources::Stores => Self::Stores(redis::load(tables), mongodb::load(tables).await),
        }
    }

    async fn add(&self, engine: &Engine, tables: &[Table]) {
        match self {
            Self::Sql(database) => clickhouse::add(engine, database).await,
            Self::Stores(redis, mongodb) => {
                redis::add(engine, redis).await;
                mongodb::add(engine, mongodb, tables).await;
            }
        }
    }

    fn sources(&self) -> Sources {
        match self {
            Self::Sql(_) => Sources::Sql,
            Self::Stores(..) => Sources::Stores,
        }
    }
}

impl Universe {
    /// Loads the rows everywhere and makes an engine of each setup.
    pub(crate) async fn new(tables: Vec<Table>, server: &'static str, setups: &[Setup], sources: Sources) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        parquet::load(folder.path(), &tables);
        let database = postgres::load(server, &tables).await;
        let loaded = Loaded::load(sources, &folder, &tables).await;
        let duckdb = DuckDb::start(folder.path()).await;
        let oracle = Postgres::connect(&database.url()).await;
        let mut sessions = Vec::new();
        for &setup in setups {
            let engine = engine(setup, &folder).await;
            parquet::add(&engine, folder.path()).await;
            postgres::add(&engine, &database).await;
            loaded.add(&engine, &tables).await;
            let session = engine.session("differential").expect("a session");
            session.set("time zone", "UTC").expect("a time zone");
            memory::add(&session, &tables);
            sessions.push((setup, session));
        }
        Self { tables, server, sessions, duckdb, postgres: oracle, _database: database, loaded, _folder: folder }
    }

    /// Fewer rows in the same places.
    pub(crate) async fn smaller(&self, tables: Vec<Table>, setups: &[Setup]) -> Self {
        Self::new(tables, self.server, setups, self.loaded.sources()).await
    }

    /// A query's text on a route.
    pub(crate) fn text(&self, query: &Query, route: Route) -> String {
        let printed = |name: &dyn Fn(&str) -> String| {
            print(query, Dialect::Headwater, name).expect("Headwater's dialect has everything")
        };
        let plain = printed(&str::to_owned);
        let (clickhouse, mongodb) = match &self.loaded {
            Loaded::Sql(database) => (database.name(), ""),
            Loaded::Stores(_, database) => ("", database.name()),
        };
        let databases = Databases { clickhouse, mongodb, plain: &plain };
        printed(&|table| route.placement.name(table, &databases))
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
    config.optimizer.join_order = true;
    config.optimizer.share_reads = true;
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
    let connectors = connectors.connector(Arc::new(MongoConnector)).connector(Arc::new(RedisConnector));
    let connectors = connectors.connector(Arc::new(FilesConnector));
    connectors.config(config).build().await.expect("an engine")
}
