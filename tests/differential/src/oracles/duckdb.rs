//! DuckDB, in a Python process that lives as long as this one needs it.

use std::path::Path;
use std::process::Stdio;

use headwater_tests::server;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::ast::Query;
use crate::oracles::text;
use crate::print::{Dialect, quoted};
use crate::rows::{Outcome, Rows, from_text};
use crate::schema::TABLES;
use crate::value::Type;

const PROGRAM: &str = include_str!("../oracle.py");

/// A DuckDB of its own.
#[derive(Debug)]
pub(crate) struct DuckDb {
    /// Killed when this is dropped.
    _child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl DuckDb {
    /// Starts it and loads the tables from Parquet files `NAME.parquet` of a folder.
    pub(crate) async fn start(folder: &Path) -> Self {
        let mut child = Command::new(server("TEST_PYTHON"))
            .args(["-u", "-c", PROGRAM])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("Python starts");
        let input = child.stdin.take().expect("an input");
        let output = BufReader::new(child.stdout.take().expect("an output")).lines();
        let mut started = Self { _child: child, input, output };
        for table in TABLES {
            let path = folder.join(format!("{table}.parquet"));
            let path = path.display().to_string().replace('\'', "''");
            let sql = format!("CREATE TABLE {} AS SELECT * FROM read_parquet('{path}')", quoted(table));
            started.raw(&sql).await.expect("DuckDB reads the Parquet files");
        }
        started
    }

    /// The rows of a query; `Err` inside when DuckDB refuses it, `None` when it computes something else by design.
    pub(crate) async fn run(&mut self, query: &Query) -> Result<Outcome, &'static str> {
        let sql = text(query, Dialect::DuckDb)?;
        let types = query.types();
        Ok(self.raw(&sql).await.and_then(|rows| typed(&rows, &types)))
    }

    async fn raw(&mut self, sql: &str) -> Result<Vec<Vec<Option<String>>>, String> {
        let line = format!("{}\n", serde_json::json!({ "sql": sql }));
        self.input.write_all(line.as_bytes()).await.expect("DuckDB's process lives");
        let line = self.output.next_line().await.expect("DuckDB's process answers").expect("DuckDB's process lives");
        let answer: serde_json::Value = serde_json::from_str(&line).expect("an answer in JSON");
        if let Some(error) = answer["error"].as_str() {
            return Err(error.to_owned());
        }
        let cells = |row: &serde_json::Value| {
            let cells = row.as_array().into_iter().flatten();
            cells.map(|c| c.as_str().map(str::to_owned)).collect()
        };
        Ok(answer["rows"].as_array().into_iter().flatten().map(cells).collect())
    }
}

/// Texts in the one form of their types.
pub(super) fn typed(rows: &[Vec<Option<String>>], types: &[Type]) -> Outcome {
    let row = |row: &Vec<Option<String>>| {
        let cells = row.iter().zip(types).map(|(c, ty)| c.as_ref().map(|t| from_text(t, *ty)).transpose());
        cells.collect::<Result<Vec<_>, String>>()
    };
    rows.iter().map(row).collect::<Result<Vec<_>, String>>().map(Rows)
}
