//! The sources that hold the tables; one source, one file.
//!
//! Each has `load` or `add`, which puts the rows into it, and `name`, the table's name in a session of Headwater's.

pub(crate) mod memory;
pub(crate) mod parquet;
pub(crate) mod postgres;

use headwater_common::config::Options;
use headwater_engine::Engine;

/// Where each table of a query is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placement {
    /// In memory: nothing is pushed down.
    Memory,
    /// Postgres: everything that can be is pushed down.
    Postgres,
    /// Parquet files: filters reach the files' readers.
    Parquet,
    /// Tables of one query in Postgres and in Parquet files.
    PostgresAndParquet,
}

impl Placement {
    /// The table's name in a session.
    pub(crate) fn name(self, table: &str) -> String {
        match self {
            Placement::Memory => memory::name(table),
            Placement::Postgres => postgres::name(table),
            Placement::Parquet => parquet::name(table),
            Placement::PostgresAndParquet if matches!(table, "t1" | "t3") => postgres::name(table),
            Placement::PostgresAndParquet => parquet::name(table),
        }
    }
}

/// Adds a source to an engine.
async fn create(engine: &Engine, name: &str, kind: &str, options: &Options) {
    engine.create_source(name, kind, options).await.expect("a source");
}
