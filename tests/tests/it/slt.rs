//! Runs `tests/sql/**/*.slt`: statements with the rows or the error that they must give.
//!
//! Every file gets a database of its own as the source `pg` and an empty folder `$FILES` that `CREATE SOURCE ... TYPE files` may
//! read. A statement may start with one of these lines:
//!
//! | first line | meaning |
//! |---|---|
//! | `-- at the database` | runs at the Postgres server itself, for preparing and for looking behind the engine |
//! | `-- file NAME` | the following lines become the file `NAME` in `$FILES` |
//! | `-- with VALUES` | the values are bound as parameters |
//!
//! `UPDATE_SLT=1` writes what the engine answers into the files; read every change before it is kept.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::ScalarValue;
use headwater_common::config::{Config, Options};
use headwater_common::{Error, Result, environment};
use headwater_engine::Session;
use headwater_tests::{TestDatabase, server};
use sqllogictest::{AsyncDB, ColumnType, DBOutput, Runner, strict_column_validator};

/// Fewer records than this mean that files were not found.
const RECORDS_MIN: usize = 300;

/// A column's type as one letter.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Letter {
    Boolean,
    Integer,
    Real,
    Text,
    Time,
    Other,
}

const LETTERS: [(Letter, char); 6] = [
    (Letter::Boolean, 'B'),
    (Letter::Integer, 'I'),
    (Letter::Real, 'R'),
    (Letter::Text, 'T'),
    (Letter::Time, 'D'),
    (Letter::Other, '?'),
];

impl ColumnType for Letter {
    fn from_char(value: char) -> Option<Self> {
        LETTERS.iter().find(|(_, c)| *c == value).map(|(letter, _)| letter.clone())
    }

    fn to_char(&self) -> char {
        LETTERS.iter().find(|(letter, _)| letter == self).map_or('?', |(_, c)| *c)
    }
}

impl Letter {
    fn of(data_type: &DataType) -> Self {
        match data_type {
            DataType::Boolean => Self::Boolean,
            t if t.is_integer() => Self::Integer,
            t if t.is_numeric() => Self::Real,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Text,
            t if t.is_temporal() => Self::Time,
            _ => Self::Other,
        }
    }
}

/// One session and what its statements refer to.
struct Database {
    session: Session,
    database: Arc<TestDatabase>,
    files: PathBuf,
}

impl Database {
    /// Replaces what differs from run to run by its name.
    fn named(&self, text: &str) -> String {
        let url = self.database.url();
        let (server, name) = url.rsplit_once('@').unwrap().1.split_once('/').unwrap();
        text.replace(&self.files.display().to_string(), "$FILES").replace(server, "$SERVER").replace(name, "$DATABASE")
    }

    async fn rows(&self, sql: &str) -> Result<DBOutput<Letter>> {
        let (first, rest) = sql.split_once('\n').unwrap_or((sql, ""));
        if first == "-- at the database" {
            return self.at_the_database(rest).await;
        }
        if let Some(name) = first.strip_prefix("-- file ") {
            std::fs::write(self.files.join(name.trim()), format!("{rest}\n")).unwrap();
            return Ok(DBOutput::StatementComplete(0));
        }
        let prepared = self.session.prepare(sql).await?;
        let result = match first.strip_prefix("-- with ") {
            Some(values) => self.session.execute(&prepared, self.values(values).await?).await?,
            None => self.session.execute(&prepared, vec![]).await?,
        };
        if prepared.is_update() {
            return result.affected_rows().await.map(DBOutput::StatementComplete);
        }
        let types = result.schema().fields().iter().map(|f| Letter::of(f.data_type())).collect();
        let rows = result.collect().await?.iter().flat_map(texts).map(|row| self.all_named(row)).collect();
        Ok(DBOutput::Rows { types, rows })
    }

    fn all_named(&self, row: Vec<String>) -> Vec<String> {
        row.iter().map(|value| self.named(value)).collect()
    }

    async fn at_the_database(&self, sql: &str) -> Result<DBOutput<Letter>> {
        if !sql.trim_start().to_ascii_uppercase().starts_with("SELECT") {
            self.database.run(sql).await;
            return Ok(DBOutput::StatementComplete(0));
        }
        let found = self.database.texts(sql).await;
        let rows = found.into_iter().map(|v| vec![v.map_or("NULL".into(), |v| shown(&v))]).collect();
        Ok(DBOutput::Rows { types: vec![Letter::Text], rows })
    }

    /// The values of parameters, as the engine reads them.
    async fn values(&self, list: &str) -> Result<Vec<ScalarValue>> {
        let batches = self.session.query(&format!("SELECT {list}")).await?.collect().await?;
        let columns = batches[0].columns().iter();
        Ok(columns.map(|c| ScalarValue::try_from_array(c, 0).unwrap()).collect())
    }
}

/// The rows as texts; lines of one value are joined by `\n`, so that a row stays on one line.
fn texts(batch: &RecordBatch) -> Vec<Vec<String>> {
    let options = FormatOptions::new().with_null("NULL");
    let columns: Vec<_> = batch.columns().iter().map(|c| ArrayFormatter::try_new(c, &options).unwrap()).collect();
    (0..batch.num_rows()).map(|row| columns.iter().map(|c| shown(&c.value(row).to_string())).collect()).collect()
}

fn shown(value: &str) -> String {
    if value.is_empty() { "(empty)".into() } else { value.trim_end().replace('\n', "\\n") }
}

#[async_trait]
impl AsyncDB for Database {
    type Error = Error;
    type ColumnType = Letter;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<Letter>> {
        let sql = sql.replace("$FILES", &self.files.display().to_string()).replace("$URL", &self.database.url());
        self.rows(&sql).await.map_err(|e| Error::invalid(self.named(&e.to_string())))
    }

    async fn shutdown(&mut self) {
        self.session.engine().shutdown().await;
    }
}

async fn connect(database: Arc<TestDatabase>, files: PathBuf) -> Result<Database> {
    let mut config = Config::default();
    config.engine.target_partitions = 4;
    config.optimizer.rules_off.clear();
    config.engine.file_roots = vec![files.clone()];
    let engine = headwater_flight_server::wire::engine(config).await?;
    let options = Options::new().with("url", database.url()).with("sslmode", "disable");
    engine.create_source("pg", "postgres", &options).await?;
    Ok(Database { session: engine.session("test")?, database, files })
}

fn slt_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(slt_files(&path));
        } else if path.extension().is_some_and(|e| e == "slt") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Runs one file; returns what was wrong.
async fn run(file: &Path, variable: &str) -> Option<String> {
    let database = Arc::new(TestDatabase::create(variable, "SELECT 1").await);
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().canonicalize().unwrap();
    let mut runner = Runner::new(|| connect(Arc::clone(&database), files.clone()));
    runner.with_column_validator(strict_column_validator);
    runner.with_hash_threshold(0);
    let failure = if environment::variable("UPDATE_SLT").is_some() {
        let normalizer = sqllogictest::default_normalizer;
        let written = runner.update_test_file(
            file,
            " ",
            sqllogictest::default_validator,
            normalizer,
            sqllogictest::strict_column_validator,
        );
        written.await.err().map(|e| e.to_string())
    } else {
        runner.run_file_async(file).await.err().map(|e| e.to_string())
    };
    runner.shutdown_async().await;
    failure.map(|text| format!("{}: {text}", file.display()))
}

async fn run_all(variable: &str) {
    let files = slt_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("sql"));
    let mut records = 0;
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap();
        assert!(text.starts_with("# "), "{} does not start with its promise", file.display());
        records += text.lines().filter(|l| l.starts_with("statement ") || l.starts_with("query ")).count();
    }
    assert!(records >= RECORDS_MIN, "only {records} records in {} files", files.len());
    server(variable);
    let mut failures = Vec::new();
    for file in &files {
        failures.extend(run(file, variable).await);
    }
    assert!(failures.is_empty(), "{} of {} files:\n{}", failures.len(), files.len(), failures.join("\n\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_of_the_sql_files_answers_as_written_on_postgres_15() {
    run_all("TEST_PG15_URL").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_of_the_sql_files_answers_as_written_on_postgres_18() {
    run_all("TEST_PG18_URL").await;
}
