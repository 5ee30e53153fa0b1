//! The sources that hold the tables; one source, one file.
//!
//! Each has `load` or `add`, which puts the rows into it, and `name`, the table's name in a session of Headwater's.

pub(crate) mod clickhouse;
pub(crate) mod memory;
pub(crate) mod mongodb;
pub(crate) mod parquet;
pub(crate) mod postgres;
pub(crate) mod redis;

use headwater_common::config::Options;
use headwater_engine::Engine;

/// Where each table of a query is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placement {
    /// In memory: nothing is pushed down.
    Memory,
    /// Postgres: everything that can be is pushed down.
    Postgres,
    /// ClickHouse: everything that can be is pushed down.
    ClickHouse,
    /// Redis: a hash for each row; look-ups by key.
    Redis,
    /// MongoDB: everything that can be is pushed down.
    MongoDb,
    /// Parquet files: filters reach the files' readers.
    Parquet,
    /// Tables of one query in Postgres and in Parquet files.
    PostgresAndParquet,
    /// Tables of one query in ClickHouse, in Postgres and in Parquet files.
    AllThree,
    /// Tables of one query in MongoDB and in Parquet files.
    MongoDbAndParquet,
    /// Tables of one query in MongoDB, in Redis, in Postgres and in Parquet files.
    StoresAndOthers,
}

impl Placement {
    /// The table's name in a session.
    pub(crate) fn name(self, table: &str, databases: &Databases<'_>) -> String {
        let place = match (self, table) {
            (Placement::PostgresAndParquet, "t1" | "t3") | (Placement::AllThree, "t2") => Placement::Postgres,
            (Placement::PostgresAndParquet, _) | (Placement::AllThree, "t3") => Placement::Parquet,
            (Placement::AllThree, _) => Placement::ClickHouse,
            (Placement::MongoDbAndParquet, "t1" | "t3") | (Placement::StoresAndOthers, "t1") => Placement::MongoDb,
            (Placement::StoresAndOthers, "t2") => Placement::Redis,
            (Placement::StoresAndOthers, "t4") => Placement::Postgres,
            (Placement::MongoDbAndParquet | Placement::StoresAndOthers, _) => Placement::Parquet,
            (other, _) => other,
        };
        match place {
            Placement::Memory => memory::name(table),
            Placement::Postgres => postgres::name(table),
            Placement::Redis => redis::name(table),
            Placement::ClickHouse => clickhouse::name(table, databases.clickhouse),
            Placement::MongoDb => mongodb::name(table, databases.mongodb, databases.plain),
            _ => parquet::name(table),
        }
    }

    /// Its name in reports.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Placement::Memory => "memory",
            Placement::Postgres => "postgres",
            Placement::ClickHouse => "clickhouse",
            Placement::Redis => "redis",
            Placement::MongoDb => "mongodb",
            Placement::Parquet => "parquet",
            Placement::PostgresAndParquet => "postgres and parquet",
            Placement::AllThree => "clickhouse, postgres and parquet",
            Placement::MongoDbAndParquet => "mongodb and parquet",
            Placement::StoresAndOthers => "mongodb, redis, postgres and parquet",
        }
    }

    /// Whether it has every column.
    pub(crate) fn has_all_columns(self) -> bool {
        !matches!(self, Placement::ClickHouse | Placement::Redis | Placement::AllThree | Placement::StoresAndOthers)
    }
}

/// What the names of tables depend on: databases that have a name of their own for each set of rows, and the query.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Databases<'a> {
    pub(crate) clickhouse: &'a str,
    pub(crate) mongodb: &'a str,
    /// The query's text with plain names of tables.
    pub(crate) plain: &'a str,
}

/// Adds a source to an engine.
async fn create(engine: &Engine, name: &str, kind: &str, options: &Options) {
    engine.create_source(name, kind, options).await.expect("a source");
}
