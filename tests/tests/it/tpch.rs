//! TPC-H over three sources: lineitem in ClickHouse, orders and customer in Postgres, the rest in Parquet files.
//!
//! `tests/tpch/data.py` makes the tables and says what is right: at scale factor 0.01 the published answers, at others those of
//! DuckDB. `cargo xtask tpch --sf N` runs it at another one than 0.1.

use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::pin::pin;
use std::process::Command;

use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use futures::SinkExt;
use headwater_common::clock::Stopwatch;
use headwater_common::config::{Config, Options};
use headwater_common::{Error, environment};
use headwater_engine::Session;
use headwater_flight_server::wire;
use headwater_tests::clickhouse::ClickHouseDatabase;
use headwater_tests::{TestDatabase, connect, server};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tpch");

/// What a query must answer.
struct Answer {
    query: u64,
    /// DuckDB's types of the columns.
    types: Vec<String>,
    rows: Vec<Vec<Option<String>>>,
}

impl Answer {
    fn read(value: &serde_json::Value) -> Self {
        let texts = |row: &serde_json::Value| -> Vec<Option<String>> {
            row.as_array().unwrap().iter().map(|cell| cell.as_str().map(str::to_owned)).collect()
        };
        Self {
            query: value["query"].as_u64().unwrap(),
            types: texts(&value["types"]).into_iter().flatten().collect(),
            rows: value["rows"].as_array().unwrap().iter().map(texts).collect(),
        }
    }

    fn sql(&self, clickhouse: &ClickHouseDatabase) -> String {
        let sql = fs::read_to_string(format!("{FOLDER}/queries/q{:02}.sql", self.query)).unwrap();
        sql.replace("ch.tpch.", &format!("ch.{}.", clickhouse.name()))
    }

    /// What is wrong with a result.
    fn wrong(&self, result: Result<Vec<RecordBatch>, Error>) -> Option<String> {
        let batches = match result {
            Ok(batches) => batches,
            Err(e) => return Some(e.to_string()),
        };
        let count: usize = batches.iter().map(RecordBatch::num_rows).sum();
        if count != self.rows.len() {
            return Some(format!("{count} rows instead of {}", self.rows.len()));
        }
        let found = batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |row| (batch, row)));
        for (number, ((batch, row), expected)) in found.zip(&self.rows).enumerate() {
            assert_eq!((batch.num_columns(), expected.len()), (self.types.len(), self.types.len()));
            for (column, expected) in expected.iter().enumerate() {
                let (array, expected) = (batch.column(column), expected.as_deref());
                if !self.same(array, row, expected, column) {
                    let found = text(array, row);
                    return Some(format!("row {number}, column {column}: {found} instead of {expected:?}"));
                }
            }
        }
        None
    }

    /// Whether a value is the expected one: exactly, or as near as its digits allow where DuckDB's answer is a float.
    fn same(&self, array: &dyn Array, row: usize, expected: Option<&str>, column: usize) -> bool {
        let Some(expected) = expected else { return array.is_null(row) };
        if array.is_null(row) {
            return false;
        }
        let found = text(array, row);
        match self.types[column].as_str() {
            "VARCHAR" | "DATE" => found == expected,
            "DOUBLE" => {
                let digits = match array.data_type() {
                    DataType::Decimal128(_, scale) => 10f64.powi(-i32::from(*scale)),
                    _ => 0.0,
                };
                let (found, expected): (f64, f64) = (found.parse().unwrap(), expected.parse().unwrap());
                (found - expected).abs() <= digits + expected.abs() * 1e-12
            }
            _ => number(&found) == number(expected),
        }
    }
}

fn text(array: &dyn Array, row: usize) -> String {
    ArrayFormatter::try_new(array, &FormatOptions::new().with_null("NULL")).unwrap().value(row).to_string()
}

/// A number's text without zeros at the end of its fraction.
fn number(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// The tables in their sources.
struct Tables {
    postgres: TestDatabase,
    clickhouse: ClickHouseDatabase,
}

async fn load(folder: &Path) -> Tables {
    let tables = |source: &str| fs::read_to_string(format!("{FOLDER}/{source}.sql")).unwrap();
    let postgres = TestDatabase::create("TEST_PG15_URL", &tables("postgres")).await;
    let client = connect(&postgres.url()).await;
    for table in ["orders", "customer"] {
        let mut sink = pin!(client.copy_in(&format!("COPY {table} FROM STDIN (FORMAT csv)")).await.unwrap());
        sink.send(Cursor::new(fs::read(folder.join(format!("{table}.csv"))).unwrap())).await.unwrap();
        sink.close().await.unwrap();
    }
    postgres.run("ANALYZE").await;
    let clickhouse = ClickHouseDatabase::create(&tables("clickhouse")).await;
    let lineitem = fs::read(folder.join("lineitem.parquet")).unwrap();
    clickhouse.insert("lineitem", "Parquet", &lineitem).await;
    Tables { postgres, clickhouse }
}

async fn session(folder: &Path, tables: &Tables, ordered: bool) -> Session {
    let mut config = Config::default();
    config.optimizer.join_order = ordered;
    config.engine.target_partitions = 2;
    config.engine.file_roots = vec![folder.to_path_buf()];
    let engine = wire::engine(config).await.unwrap();
    let options = Options::new().with("url", tables.postgres.url()).with("sslmode", "disable");
    engine.create_source("pg", "postgres", &options).await.unwrap();
    engine.create_source("ch", "clickhouse", &tables.clickhouse.options()).await.unwrap();
    let options = Options::new().with("root", folder.join("files").display().to_string());
    engine.create_source("files", "files", &options).await.unwrap();
    engine.session("tpch").unwrap()
}

async fn run(session: &Session, sql: &str) -> Result<Vec<RecordBatch>, Error> {
    session.query(sql).await?.collect().await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_tpch_query_over_three_sources_gives_the_published_answer() {
    check("0.01").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_tpch_query_over_three_sources_gives_the_answer_of_duckdb() {
    check(&environment::variable("TEST_TPCH_SF").unwrap_or_else(|| "0.1".to_owned())).await;
}

async fn check(scale_factor: &str) {
    let folder = tempfile::tempdir().unwrap();
    let made =
        Command::new(server("TEST_PYTHON")).arg(format!("{FOLDER}/data.py")).arg(scale_factor).arg(folder.path()).status();
    assert!(made.unwrap().success(), "the tables could not be made");
    let answers = fs::read_to_string(folder.path().join("answers.json")).unwrap();
    let answers: Vec<serde_json::Value> = serde_json::from_str(&answers).unwrap();
    assert_eq!(answers.len(), 22);

    let tables = load(folder.path()).await;
    let mut failures = Vec::new();
    for ordered in [false, true] {
        let session = session(folder.path(), &tables, ordered).await;
        for answer in answers.iter().map(Answer::read) {
            let watch = Stopwatch::start();
            let result = run(&session, &answer.sql(&tables.clickhouse)).await;
            println!("query {}, join_order {ordered}: {} ms", answer.query, watch.elapsed().as_millis());
            failures.extend(answer.wrong(result).map(|wrong| format!("query {}, {ordered}: {wrong}", answer.query)));
        }
        session.engine().shutdown().await;
    }
    assert!(failures.is_empty(), "scale factor {scale_factor}:\n{}", failures.join("\n"));
}
