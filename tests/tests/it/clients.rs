//! Real clients of Flight SQL: Python's ADBC driver, pyarrow, pandas, polars, SQLAlchemy and the JDBC driver.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use headwater_common::config::{Config, Options, ServerConfig};
use headwater_common::{Secret, environment};
use headwater_flight_server::{Server, wire};
use headwater_tests::{TestDatabase, server};
use tokio::process::Command;
use tokio::sync::oneshot;

/// A client that takes longer has hung.
const PATIENCE: Duration = Duration::from_secs(240);

const SHOP: &str = "CREATE TABLE customer (id int PRIMARY KEY, name text NOT NULL); \
    INSERT INTO customer SELECT i, 'customer ' || i FROM generate_series(0, 9) i; \
    CREATE TABLE orders (id bigint PRIMARY KEY, customer int NOT NULL REFERENCES customer (id) ON DELETE CASCADE, \
      amount numeric(12,2), note text); \
    INSERT INTO orders SELECT i, i % 10, i * 1.5, 'note ' || i FROM generate_series(1, 100) i; \
    CREATE TABLE kinds (id bigint PRIMARY KEY, amount numeric(12,2), placed timestamptz, naive timestamp, day date, \
      tags text[], flag boolean, bytes bytea, ratio float8, whole int, name varchar(40)); \
    INSERT INTO kinds VALUES (1, 12345678.90, '2024-03-01 12:00:00+02', '2024-03-01 10:00:00.123456', '2024-03-01', \
      ARRAY['a', NULL, 'ü'], true, '\\x00ff', 0.25, 7, 'ünï'); \
    INSERT INTO kinds (id) VALUES (2); \
    CREATE TABLE target (id bigint, name text, amount float8); \
    CREATE TABLE keyed (id bigint PRIMARY KEY); \
    CREATE TABLE a_b (x int); CREATE TABLE \"aXb\" (y text); CREATE SCHEMA empty; ANALYZE;";

/// A running server; it ends with the value.
struct Running {
    address: SocketAddr,
    _stop: oneshot::Sender<()>,
    _database: TestDatabase,
}

async fn start(server: ServerConfig) -> Running {
    let database = TestDatabase::create("TEST_PG15_URL", SHOP).await;
    let server = ServerConfig { flight_listen: "127.0.0.1:0".into(), ..server };
    let engine = wire::engine(Config { server: server.clone(), ..Config::default() }).await.unwrap();
    let options = Options::new().with("url", database.url()).with("sslmode", "disable");
    engine.create_source("shop", "postgres", &options).await.unwrap();
    let bound = Server::bind(engine, &server).await.unwrap();
    let address = bound.local_address();
    let (stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(async move { bound.serve(async { drop(stopped.await) }).await.unwrap() });
    Running { address, _stop: stop, _database: database }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Runs a program to its end; what it said is the failure of the test.
async fn run(mut command: Command) -> String {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn();
    let ended = tokio::time::timeout(PATIENCE, child.expect("the program starts").wait_with_output()).await;
    let output = ended.expect("the client hangs").unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?} failed\n{out}\n{err}");
    out
}

async fn python(script: &str, variables: &[(&str, String)], arguments: &[String]) -> String {
    let mut command = Command::new(server("TEST_PYTHON"));
    command.arg(root().join(script)).args(arguments).envs(variables.iter().map(|(n, v)| (*n, v.as_str())));
    run(command).await
}

#[tokio::test(flavor = "multi_thread")]
async fn adbc_reads_binds_writes_and_describes() {
    let running = start(ServerConfig::default()).await;
    python("tests/clients/adbc_client.py", &[("URI", format!("grpc://{}", running.address))], &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pyarrow_pandas_and_polars_read_and_append() {
    let running = start(ServerConfig::default()).await;
    python("tests/clients/frames_client.py", &[("URI", format!("grpc://{}", running.address))], &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlalchemy_reads_and_inspects() {
    let running = start(ServerConfig::default()).await;
    python("tests/clients/sqlalchemy_client.py", &[("URI", format!("grpc://{}", running.address))], &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_sign_in_over_tls() {
    let server_config = ServerConfig {
        users: [("ann", "pw"), ("eve", "pw1"), ("mia", "pw12")].map(|(u, p)| (u.into(), Secret::new(p))).to_vec(),
        tokens: vec![("ci".into(), Secret::new("t0ken"))],
        tls_certificate: Some(server("TEST_SERVER_CERT").into()),
        tls_key: Some(server("TEST_SERVER_KEY").into()),
        ..ServerConfig::default()
    };
    let running = start(server_config).await;
    let uri = format!("grpc+tls://localhost:{}", running.address.port());
    python("tests/clients/secure_client.py", &[("URI", uri), ("CA", server("TEST_CA"))], &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_jdbc_driver_reads_binds_writes_and_describes() {
    let running = start(ServerConfig::default()).await;
    let home = environment::variable("JAVA_HOME").map(|home| format!("{home}/bin/java"));
    let mut command = Command::new(home.unwrap_or_else(|| "java".into()));
    command
        .args(["--add-opens=java.base/java.nio=ALL-UNNAMED", "-Duser.timezone=UTC", "-Dfile.encoding=UTF-8", "-cp"])
        .arg(server("TEST_JDBC_JAR"))
        .arg(root().join("tests/clients/JdbcClient.java"))
        .arg(running.address.to_string());
    let said = run(command).await;
    assert!(said.contains("done"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_example_runs() {
    let running = start(ServerConfig::default()).await;
    let said = python("examples/python/query.py", &[], &[format!("grpc://{}", running.address)]).await;
    assert!(said.contains("shop") && said.contains("limits.query_time_ms"), "{said}");
}
