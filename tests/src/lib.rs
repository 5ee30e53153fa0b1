//! What the tests share: real servers, temporary databases, engines.
//!
//! A test whose server is missing fails and says how to start it; it is never skipped.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

pub mod clickhouse;
pub mod fault;
pub mod mongodb;
pub mod proxy;
pub mod redis;

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use headwater_clickhouse::ClickHouseConnector;
use headwater_common::config::{Config, Options};
use headwater_common::{Limits, environment};
use headwater_engine::{Engine, EngineBuilder, Session};
use headwater_mongodb::MongoConnector;
use headwater_postgres::PostgresConnector;
use headwater_redis::RedisConnector;

/// Address of a test server, from the environment.
pub fn server(variable: &str) -> String {
    environment::variable(variable)
        .unwrap_or_else(|| panic!("{variable} is not set; run `make test`, which starts the servers"))
}

/// A database of its own on a real Postgres server, dropped at the end.
#[derive(Debug)]
pub struct TestDatabase {
    server: String,
    name: String,
}

impl TestDatabase {
    /// A new database on the server whose address is in `variable`, filled by `sql`.
    pub async fn create(variable: &str, sql: &str) -> Self {
        let server = server(variable);
        let name = format!("hw_test_{:016x}", rand::random::<u64>());
        run(&server, &format!("CREATE DATABASE {name}")).await;
        let database = Self { server, name };
        database.run(sql).await;
        database
    }

    /// Its URL.
    pub fn url(&self) -> String {
        let (base, _) = self.server.rsplit_once('/').expect("a URL with a database");
        format!("{base}/{}", self.name)
    }

    /// Runs statements directly.
    pub async fn run(&self, sql: &str) {
        run(&self.url(), sql).await;
    }

    /// The first column of a query's rows, as text, directly.
    pub async fn texts(&self, sql: &str) -> Vec<Option<String>> {
        let client = connect(&self.url()).await;
        let messages = client.simple_query(sql).await.expect("a query");
        let rows = messages.iter().filter_map(|m| match m {
            tokio_postgres::SimpleQueryMessage::Row(row) => Some(row.get(0).map(str::to_owned)),
            _ => None,
        });
        rows.collect()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        let dropper = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            #[allow(clippy::disallowed_methods, reason = "a thread of its own, outside any runtime")]
            runtime.block_on(run(&server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")));
        });
        let _ = dropper.join();
    }
}

/// A direct connection, without TLS.
pub async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("a Postgres server");
    tokio::spawn(connection);
    client
}

async fn run(url: &str, sql: &str) {
    connect(url).await.batch_execute(sql).await.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
}

/// An engine with every connector and these limits.
pub async fn engine(limits: Limits) -> Engine {
    let mut config = Config { limits, ..Config::default() };
    config.engine.target_partitions = 4;
    let builder = Engine::builder().config(config).connector(Arc::new(PostgresConnector));
    let builder = builder.connector(Arc::new(ClickHouseConnector)).connector(Arc::new(MongoConnector));
    let builder = builder.connector(Arc::new(RedisConnector));
    let builder = builder.functions(headwater_udfs::register).resolver(headwater_udfs::resolve);
    let builder = headwater_udfs::extension_planners().into_iter().fold(builder, EngineBuilder::extension_planner);
    builder.build().await.expect("an engine")
}

/// A session in which `database` is the source `pg`.
pub async fn session(database: &TestDatabase) -> Session {
    let engine = engine(Limits::default()).await;
    let options = Options::new().with("url", database.url()).with("sslmode", "disable");
    engine.create_source("pg", "postgres", &options).await.expect("a source");
    engine.session("test").expect("a session")
}

/// All rows of a query.
pub async fn rows(session: &Session, sql: &str) -> Vec<RecordBatch> {
    let result = session.query(sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    result.collect().await.unwrap_or_else(|e| panic!("{sql}: {e}"))
}

/// The rows as sorted lines of text, each value by Arrow's display.
pub fn lines(batches: &[RecordBatch]) -> Vec<String> {
    use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
    let options = FormatOptions::new().with_null("NULL");
    let mut lines = Vec::new();
    for batch in batches {
        let columns: Vec<_> = batch.columns().iter().map(|c| ArrayFormatter::try_new(c, &options).unwrap()).collect();
        for row in 0..batch.num_rows() {
            let values: Vec<String> = columns.iter().map(|c| c.value(row).to_string()).collect();
            lines.push(values.join("|"));
        }
    }
    lines.sort();
    lines
}

/// The rows of a query as sorted lines of text.
pub async fn table(session: &Session, sql: &str) -> Vec<String> {
    lines(&rows(session, sql).await)
}
