//! The service over a real socket.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "tokio::test starts a runtime")]

use std::time::Duration;

use arrow::array::{AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::sql::{CommandGetDbSchemas, CommandGetTables, SqlInfo};
use arrow_flight::{FlightInfo, Ticket};
use futures::{StreamExt, TryStreamExt};
use headwater_common::Secret;
use headwater_common::config::{Config, ServerConfig};
use headwater_engine::Engine;
use headwater_flight_server::Server;
use tokio::sync::oneshot;
use tonic::transport::{Channel, Endpoint};

struct Running {
    address: std::net::SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    ended: tokio::task::JoinHandle<()>,
    engine: Engine,
}

async fn start(mut config: Config) -> Running {
    config.server.flight_listen = "127.0.0.1:0".into();
    let engine = Engine::builder().config(config.clone()).build().await.unwrap();
    let server = Server::bind(engine.clone(), &config.server).await.unwrap();
    let address = server.local_address();
    let (stop, stopped) = oneshot::channel::<()>();
    let ended = tokio::spawn(async move {
        server.serve(async { drop(stopped.await) }).await.unwrap();
    });
    Running { address, stop: Some(stop), ended, engine }
}

async fn channel(running: &Running) -> Channel {
    Endpoint::from_shared(format!("http://{}", running.address)).unwrap().connect().await.unwrap()
}

async fn client(running: &Running) -> FlightSqlServiceClient<Channel> {
    FlightSqlServiceClient::new(channel(running).await)
}

async fn fetch(client: &mut FlightSqlServiceClient<Channel>, info: FlightInfo) -> Vec<RecordBatch> {
    let announced = info.clone().try_decode_schema().unwrap();
    let ticket: Ticket = info.endpoint[0].ticket.clone().unwrap();
    let stream = client.do_get(ticket).await.unwrap();
    let batches: Vec<RecordBatch> = stream.try_collect().await.unwrap();
    for batch in &batches {
        assert_eq!(batch.schema().fields(), announced.fields(), "the stream has the announced schema");
    }
    batches
}

async fn query(client: &mut FlightSqlServiceClient<Channel>, sql: &str) -> Vec<RecordBatch> {
    let info = client.execute(sql.to_owned(), None).await.unwrap();
    fetch(client, info).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_returns_its_rows_with_the_announced_schema() {
    let running = start(Config::default()).await;
    let mut client = client(&running).await;
    let batches = query(&mut client, "SELECT x FROM (VALUES (1), (2)) t(x) ORDER BY x").await;
    assert_eq!(batches[0].column(0).as_primitive::<Int64Type>().values(), &[1, 2]);
    for sql in [
        "SELECT arrow_cast('a', 'Utf8View') v, arrow_cast('b', 'Dictionary(Int32, Utf8)') d, arrow_cast('c', 'LargeUtf8') l",
        "SELECT arrow_cast([1, 2], 'LargeList(Int64)') l, [arrow_cast('x', 'Utf8View')] n, struct(1, 'a') s",
        "SELECT CAST(1.5 AS decimal(10,2)), DATE '2024-01-01', TIMESTAMP '2024-01-01 00:00:00', INTERVAL '1 day', X'00', NULL",
        "SELECT 1 WHERE false",
        "SELECT count(*), max(value) FROM generate_series(1, 100000)",
        "EXPLAIN SELECT 1",
        "SHOW SOURCES",
        "SELECT * FROM system.settings",
    ] {
        query(&mut client, sql).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_are_bound_row_by_row() {
    let running = start(Config::default()).await;
    let mut client = client(&running).await;
    let sql = "SELECT x FROM (VALUES (1), (2), (3)) t(x) WHERE x >= ?".to_owned();
    let mut prepared = client.prepare(sql, None).await.unwrap();
    assert_eq!(prepared.parameter_schema().unwrap().field(0).data_type(), &DataType::Int64);
    let schema = Schema::new(vec![Field::new("p", DataType::Utf8, true)]);
    let values = RecordBatch::try_new(schema.into(), vec![std::sync::Arc::new(StringArray::from(vec!["2", "3"]))]).unwrap();
    prepared.set_parameters(values).unwrap();
    let info = prepared.execute().await.unwrap();
    let batches = fetch(&mut client, info).await;
    let found: Vec<i64> = batches.iter().flat_map(|b| b.column(0).as_primitive::<Int64Type>().values().to_vec()).collect();
    assert_eq!(found, [2, 3, 3]);
    prepared.close().await.unwrap();
    let mut wrong = client.prepare("SELECT ? + 1".to_owned(), None).await.unwrap();
    let schema = Schema::new(vec![Field::new("a", DataType::Int64, true), Field::new("b", DataType::Int64, true)]);
    let two = [1, 2].map(|n| std::sync::Arc::new(Int64Array::from(vec![n])) as _);
    wrong.set_parameters(RecordBatch::try_new(schema.into(), two.to_vec()).unwrap()).unwrap();
    let error = wrong.execute().await.unwrap_err().to_string();
    assert!(error.contains("1 parameters but 2"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_have_the_code_of_their_cause() {
    let running = start(Config::default()).await;
    let mut client = client(&running).await;
    for (sql, code) in [
        ("SELEC 1", "invalid argument"),
        ("SELECT * FROM nowhere", "not found"),
        ("SELECT nothing", "invalid argument"),
        ("CREATE TABLE t (a int)", "not implemented"),
        ("SELECT 1; SELECT 2", "invalid argument"),
    ] {
        let error = client.execute(sql.to_owned(), None).await.unwrap_err().to_string();
        assert!(error.to_lowercase().contains(code), "{sql}: {error}");
        assert!(!error.contains("Plan(") && !error.contains("backtrace"), "{sql}: {error}");
    }
    let info = client.execute("SELECT 10 / (value - 5) FROM generate_series(1, 9)".into(), None).await.unwrap();
    let stream = client.do_get(info.endpoint[0].ticket.clone().unwrap()).await.unwrap();
    let error = stream.try_collect::<Vec<_>>().await.unwrap_err().to_string();
    assert!(error.to_lowercase().contains("divide by zero"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_message_stays_below_four_mebibytes() {
    let running = start(Config::default()).await;
    let sql = "SELECT value, repeat('x', CAST(value % 1000 AS int)) s, [repeat('y', CAST(value % 700 AS int))] l, \
        repeat('z', CASE WHEN value = 777 THEN 3000000 ELSE 1 END) wide FROM generate_series(1, 20000)";
    let mut client = client(&running).await;
    let info = client.execute(sql.into(), None).await.unwrap();
    let ticket = info.endpoint[0].ticket.clone().unwrap();
    let mut raw = arrow_flight::flight_service_client::FlightServiceClient::new(channel(&running).await)
        .max_decoding_message_size(64 << 20);
    // Without users, a session belongs to its connection.
    let foreign = raw.do_get(ticket).await.unwrap_err();
    assert_eq!(foreign.code(), tonic::Code::NotFound, "another connection's ticket: {foreign}");
    let info = client.execute(sql.into(), None).await.unwrap();
    let mut stream = client.do_get(info.endpoint[0].ticket.clone().unwrap()).await.unwrap().into_inner();
    let (mut rows, mut largest) = (0, 0);
    while let Some(item) = stream.next().await {
        let decoded = item.unwrap();
        largest = largest.max(prost::Message::encoded_len(&decoded.inner));
        if let arrow_flight::decode::DecodedPayload::RecordBatch(batch) = decoded.payload {
            rows += batch.num_rows();
        }
    }
    assert_eq!(rows, 20_000);
    assert!((1 << 20..=4 << 20).contains(&largest), "{largest}");
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_answers_with_the_specified_schemas() {
    let running = start(Config::default()).await;
    let mut client = client(&running).await;
    let info = client.get_catalogs().await.unwrap();
    let catalogs = fetch(&mut client, info).await;
    assert!(catalogs[0].column(0).as_string::<i32>().iter().flatten().any(|c| c == "headwater"));
    let schemas = CommandGetDbSchemas { catalog: None, db_schema_filter_pattern: None };
    let info = client.get_db_schemas(schemas).await.unwrap();
    fetch(&mut client, info).await;
    for include_schema in [false, true] {
        for pattern in [None, Some("sett%".to_owned()), Some("SELECT '%' FROM x".to_owned())] {
            let command = CommandGetTables {
                catalog: None,
                db_schema_filter_pattern: None,
                table_name_filter_pattern: pattern.clone(),
                table_types: vec![],
                include_schema,
            };
            let info = client.get_tables(command).await.unwrap();
            let found: usize = fetch(&mut client, info).await.iter().map(|b| b.num_rows()).sum();
            assert_eq!(found, pattern.map_or(3, |p| usize::from(p == "sett%")));
        }
    }
    let info = client.get_table_types().await.unwrap();
    fetch(&mut client, info).await;
    let info = client.get_sql_info(vec![SqlInfo::FlightSqlServerName]).await.unwrap();
    assert_eq!(fetch(&mut client, info).await[0].num_rows(), 1);
    let info = client.get_sql_info(vec![]).await.unwrap();
    assert!(fetch(&mut client, info).await[0].num_rows() > 40);
    let info = client.get_xdbc_type_info(arrow_flight::sql::CommandGetXdbcTypeInfo { data_type: None }).await.unwrap();
    assert!(fetch(&mut client, info).await[0].num_rows() > 10);
    let keys = arrow_flight::sql::CommandGetPrimaryKeys { catalog: None, db_schema: None, table: "t".into() };
    let info = client.get_primary_keys(keys).await.unwrap();
    fetch(&mut client, info).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_stream_stops_its_query() {
    let mut config = Config::default();
    config.limits.concurrent_queries = 1;
    let running = start(config).await;
    let mut client = client(&running).await;
    let endless = "SELECT a.value + b.value FROM generate_series(1, 100000) a CROSS JOIN generate_series(1, 1000000) b";
    let info = client.execute(endless.into(), None).await.unwrap();
    let mut stream = client.do_get(info.endpoint[0].ticket.clone().unwrap()).await.unwrap();
    stream.next().await.unwrap().unwrap();
    drop(stream);
    // Only one query may run, so this one waits for the end of the other.
    let next = tokio::time::timeout(Duration::from_secs(10), query(&mut client, "SELECT 1")).await;
    assert_eq!(next.expect("the dropped query still runs")[0].num_rows(), 1);
    drop(running.engine);
}

#[tokio::test(flavor = "multi_thread")]
async fn users_and_tokens_are_asked_for() {
    let server = ServerConfig {
        users: vec![("ann".into(), Secret::new("pw"))],
        tokens: vec![("ci".into(), Secret::new("t0ken"))],
        ..ServerConfig::default()
    };
    let running = start(Config { server, ..Config::default() }).await;
    let mut anonymous = client(&running).await;
    assert!(anonymous.execute("SELECT 1".into(), None).await.is_err());
    assert!(anonymous.handshake("ann", "wrong").await.is_err());
    anonymous.handshake("ann", "pw").await.unwrap();
    assert_eq!(query(&mut anonymous, "SELECT 1").await[0].num_rows(), 1);
    let mut with_token = client(&running).await;
    with_token.set_token("t0ken".into());
    assert_eq!(query(&mut with_token, "SELECT 1").await[0].num_rows(), 1);
    let mut forged = client(&running).await;
    forged.set_token("t0ken2".into());
    assert!(forged.execute("SELECT 1".into(), None).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_address_needs_tls_and_users() {
    let engine = Engine::builder().build().await.unwrap();
    let config = ServerConfig { flight_listen: "0.0.0.0:0".into(), ..ServerConfig::default() };
    let error = Server::bind(engine, &config).await.unwrap_err().to_string();
    assert!(error.contains("server.tls.certificate"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_lets_running_streams_end() {
    let mut running = start(Config::default()).await;
    let mut client = client(&running).await;
    let info = client.execute("SELECT value, repeat('x', 100) FROM generate_series(1, 300000)".into(), None).await.unwrap();
    let mut stream = client.do_get(info.endpoint[0].ticket.clone().unwrap()).await.unwrap();
    let mut rows = stream.next().await.unwrap().unwrap().num_rows();
    running.stop.take().unwrap().send(()).unwrap();
    while let Some(batch) = stream.next().await {
        rows += batch.unwrap().num_rows();
    }
    assert_eq!(rows, 300_000);
    drop((stream, client));
    tokio::time::timeout(Duration::from_secs(20), running.ended).await.unwrap().unwrap();
}
