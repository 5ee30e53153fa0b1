//! A database of its own on a real ClickHouse server.

use headwater_common::config::Options;
use headwater_engine::Session;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{engine, server};

/// A database of its own on the ClickHouse server, dropped at the end.
#[derive(Debug)]
pub struct ClickHouseDatabase {
    name: String,
}

impl ClickHouseDatabase {
    /// A new database, filled by statements that are separated by semicolons at the ends of lines.
    pub async fn create(sql: &str) -> Self {
        let name = format!("hw_test_{:016x}", rand::random::<u64>());
        text(&address(), "", &format!("CREATE DATABASE {name}")).await.expect("a ClickHouse server");
        let database = Self { name };
        for statement in sql.split(";\n").map(str::trim).filter(|s| !s.is_empty()) {
            database.run(statement).await;
        }
        database
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Inserts data of a format into a table, directly.
    pub async fn insert(&self, table: &str, format: &str, data: &[u8]) {
        let parameters = format!("database={}&query=INSERT%20INTO%20{table}%20FORMAT%20{format}", self.name);
        post(&address(), &parameters, data).await.unwrap_or_else(|e| panic!("{table}: {e}"));
    }

    /// Runs a statement directly.
    pub async fn run(&self, sql: &str) {
        self.text(sql).await;
    }

    /// The answer to a statement, directly.
    pub async fn text(&self, sql: &str) -> String {
        text(&address(), &self.name, sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"))
    }

    /// The lines of the answer.
    pub async fn lines(&self, sql: &str) -> Vec<String> {
        self.text(sql).await.lines().map(str::to_owned).collect()
    }

    /// Options of a source that shows this database only.
    pub fn options(&self) -> Options {
        let options = Options::new().with("url", format!("http://{}", address())).with("databases", &self.name);
        options.with("user", "app").with("password", "secret").with("database", &self.name)
    }

    /// A session in which it is the source `ch`.
    pub async fn session(&self) -> Session {
        self.session_with(&self.options()).await
    }

    /// The same with other options.
    pub async fn session_with(&self, options: &Options) -> Session {
        let engine = engine(headwater_common::Limits::default()).await;
        engine.create_source("ch", "clickhouse", options).await.expect("a source");
        engine.session("test").expect("a session")
    }
}

impl Drop for ClickHouseDatabase {
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE IF EXISTS {} SYNC", self.name);
        let dropper = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            #[allow(clippy::disallowed_methods, reason = "a thread of its own, outside any runtime")]
            let _ = runtime.block_on(text(&address(), "", &sql));
        });
        let _ = dropper.join();
    }
}

/// Host and port of the server.
pub fn address() -> String {
    let url = server("TEST_CLICKHOUSE_URL");
    let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    rest.trim_end_matches('/').to_owned()
}

/// Asks the server directly.
pub async fn text(address: &str, database: &str, sql: &str) -> Result<String, String> {
    post(address, &format!("database={database}"), sql.as_bytes()).await
}

/// One request over HTTP 1.0, which ends an answer by closing the connection.
async fn post(address: &str, parameters: &str, body: &[u8]) -> Result<String, String> {
    let mut stream = TcpStream::connect(address).await.map_err(|e| e.to_string())?;
    let head = format!(
        "POST /?{parameters}&wait_end_of_query=1 HTTP/1.0\r\nX-ClickHouse-User: app\r\nX-ClickHouse-Key: secret\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.map_err(|e| e.to_string())?;
    stream.write_all(body).await.map_err(|e| e.to_string())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.map_err(|e| e.to_string())?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
    if head.lines().next().is_some_and(|line| line.contains(" 200 ")) { Ok(body.to_owned()) } else { Err(body.to_owned()) }
}
