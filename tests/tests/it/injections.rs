//! Hostile texts reach the source as texts.

use std::sync::Arc;

use arrow_flight::sql::client::FlightSqlServiceClient;
use datafusion::arrow::array::{RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::catalog::MemTable;
use datafusion::common::ScalarValue;
use futures::TryStreamExt;
use headwater_common::Limits;
use headwater_common::config::{Options, ServerConfig};
use headwater_flight_server::Server;
use headwater_tests::{TestDatabase, engine, lines, rows, session, table};
use tonic::transport::{Channel, Endpoint};

use crate::SERVERS;

/// Pieces that end literals, names, comments or statements somewhere.
const PIECES: [&str; 16] =
    ["'", "\\", "\"", "--", "/*", "*/", ";", "$$", "$1", "?", "E'", "\n", " OR (1=1)", "U&'\\0027", "\u{2019}", "x"];

fn payloads() -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for a in PIECES {
        for b in PIECES {
            all.push(format!("{a}{b}"));
            all.push(format!("{a}{b}') OR (1=1)) -- "));
        }
    }
    all.push("'; DROP TABLE t; --".into());
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_texts_return_the_rows_of_their_own_value_only() {
    let sql = "CREATE TABLE t (tenant text, s text); INSERT INTO t VALUES ('b', 'secret')";
    let database = TestDatabase::create("TEST_PG15_URL", sql).await;
    let direct = headwater_tests::connect(&database.url()).await;
    let payloads = payloads();
    assert!(payloads.len() >= 500);
    for payload in &payloads {
        direct.execute("INSERT INTO t VALUES ('a', $1)", &[payload]).await.unwrap();
    }
    for conforming in ["on", "off"] {
        database
            .run(&format!("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET standard_conforming_strings = {conforming}', current_database()); END $$"))
            .await;
        let session = session(&database).await;
        let prepared = session.prepare("SELECT tenant, s FROM pg.public.t WHERE tenant = 'a' AND s = ?").await.unwrap();
        for payload in &payloads {
            let parameter = vec![ScalarValue::from(payload.as_str())];
            let bound = lines(&session.execute(&prepared, parameter).await.unwrap().collect().await.unwrap());
            let times = payloads.iter().filter(|p| *p == payload).count();
            assert_eq!(bound, vec![format!("a|{payload}"); times]);
            let quoted = payload.replace('\'', "''");
            let literal = table(&session, &format!("SELECT tenant, s FROM pg.public.t WHERE s = '{quoted}'")).await;
            assert_eq!(literal, bound, "{payload:?}");
        }
    }
    assert_eq!(database.texts("SELECT count(*) FROM t WHERE tenant = 'b'").await, [Some("1".to_owned())]);
}

/// Rows of all payloads for one tenant, and a row of another that nobody may see or change.
async fn filled(server: &str) -> TestDatabase {
    let sql = "CREATE TABLE t (n int, tenant text, s text); CREATE TABLE untouched (v int); INSERT INTO untouched VALUES (1); \
        INSERT INTO t VALUES (-1, 'b', 'secret')";
    let database = TestDatabase::create(server, sql).await;
    let direct = headwater_tests::connect(&database.url()).await;
    let payloads = payloads();
    let sql = "INSERT INTO t SELECT n - 1, 'a', s FROM unnest($1::text[]) WITH ORDINALITY u(s, n)";
    direct.execute(sql, &[&payloads]).await.unwrap();
    database
}

fn literal(payload: &str) -> String {
    format!("'{}'", payload.replace('\'', "''"))
}

/// Filters that hold a payload where a value stands.
fn filters(payload: &str, other: &str) -> Vec<String> {
    let (one, two) = (literal(payload), literal(other));
    vec![
        format!("tenant = 'a' AND s = {one}"),
        format!("tenant = 'a' AND s IN ({one}, {two})"),
        format!("tenant = 'a' AND s NOT IN ({one}, {two}) AND n < 40"),
        format!("tenant = 'a' AND s LIKE {one}"),
        format!("tenant = 'a' AND (s <= {one} AND n < 40 OR s IS NOT DISTINCT FROM {two})"),
        format!("tenant = {one} OR s = {two} AND tenant = 'a'"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_filters_return_what_local_ones_return() {
    let payloads = payloads();
    for server in SERVERS {
        let database = filled(server).await;
        let session = session(&database).await;
        let batches = rows(&session, "SELECT n, tenant, s FROM pg.public.t").await;
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), payloads.len() + 1);
        let local = MemTable::try_new(batches[0].schema(), vec![batches]).unwrap();
        session.register_table("local_t", Arc::new(local)).unwrap();
        let mut compared = 0;
        for (i, payload) in payloads.iter().enumerate().step_by(2) {
            for filter in filters(payload, &payloads[(i * 7 + 3) % payloads.len()]) {
                let expected = match session.query(&format!("SELECT n FROM headwater.public.local_t WHERE {filter}")).await
                {
                    Ok(result) => result.collect().await,
                    Err(error) => Err(error),
                };
                let found = match session.query(&format!("SELECT n FROM pg.public.t WHERE {filter}")).await {
                    Ok(result) => result.collect().await,
                    Err(error) => Err(error),
                };
                match (expected, found) {
                    (Ok(expected), Ok(found)) => assert_eq!(lines(&found), lines(&expected), "{filter}"),
                    (Err(_), Err(_)) => continue,
                    (expected, found) => panic!("{filter}: {expected:?} {found:?}"),
                }
                compared += 1;
            }
        }
        assert!(compared > 1_200, "{compared}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_changes_touch_their_own_row_only() {
    let payloads = payloads();
    for server in SERVERS {
        let database = filled(server).await;
        let session = session(&database).await;
        let affected = |sql: String| {
            let session = session.clone();
            async move { session.query(&sql).await.unwrap_or_else(|e| panic!("{sql}: {e}")).affected_rows().await.unwrap() }
        };
        for (n, payload) in payloads.iter().enumerate().step_by(3) {
            let (own, twice) = (literal(payload), literal(&format!("{payload}{payload}")));
            assert_eq!(affected(format!("UPDATE pg.public.t SET s = {twice} WHERE n = {n} AND s = {own}")).await, 1);
            let prepared = session.prepare("INSERT INTO pg.public.t (n, tenant, s) VALUES (?, ?, ?)").await.unwrap();
            let number = ScalarValue::Int32(Some(10_000 + i32::try_from(n).unwrap()));
            let parameters = vec![number, ScalarValue::from("a"), ScalarValue::from(payload.as_str())];
            assert_eq!(session.execute(&prepared, parameters).await.unwrap().affected_rows().await.unwrap(), 1);
            assert_eq!(affected(format!("DELETE FROM pg.public.t WHERE n = {} AND s = {own}", 10_000 + n)).await, 1);
        }
        let direct = headwater_tests::connect(&database.url()).await;
        let found = direct.query("SELECT n, s FROM t WHERE tenant = 'a' ORDER BY n", &[]).await.unwrap();
        assert_eq!(found.len(), payloads.len());
        for (n, (row, payload)) in found.iter().zip(&payloads).enumerate() {
            let expected = if n % 3 == 0 { format!("{payload}{payload}") } else { payload.clone() };
            assert_eq!((row.get::<_, i32>(0), row.get::<_, String>(1)), (i32::try_from(n).unwrap(), expected));
        }
        assert_eq!(database.texts("SELECT s FROM t WHERE tenant = 'b'").await, [Some("secret".to_owned())]);
        assert_eq!(database.texts("SELECT count(*) FROM untouched").await, [Some("1".to_owned())]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_texts_through_flight_sql_return_their_own_row() {
    let payloads = payloads();
    let database = filled("TEST_PG18_URL").await;
    let engine = engine(Limits::default()).await;
    let options = Options::new().with("url", database.url()).with("sslmode", "disable");
    engine.create_source("pg", "postgres", &options).await.unwrap();
    let config = ServerConfig { flight_listen: "127.0.0.1:0".into(), ..ServerConfig::default() };
    let server = Server::bind(engine, &config).await.unwrap();
    let address = server.local_address();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let ended = tokio::spawn(async move { server.serve(async { drop(stopped.await) }).await.unwrap() });
    let channel: Channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
    let mut client = FlightSqlServiceClient::new(channel);
    let sql = "SELECT n, tenant, s FROM pg.public.t WHERE tenant = 'a' AND s = ?";
    let mut prepared = client.prepare(sql.to_owned(), None).await.unwrap();
    for payload in payloads.iter().step_by(2) {
        let schema = Arc::new(Schema::new(vec![Field::new("p", DataType::Utf8, false)]));
        let values = RecordBatch::try_new(schema, vec![Arc::new(StringArray::from(vec![payload.as_str()]))]).unwrap();
        prepared.set_parameters(values).unwrap();
        let bound = prepared.execute().await.unwrap();
        let bound = client.do_get(bound.endpoint[0].ticket.clone().unwrap()).await.unwrap();
        let bound = lines(&bound.try_collect::<Vec<_>>().await.unwrap());
        let times = payloads.iter().filter(|p| *p == payload).count();
        assert_eq!(bound.len(), times, "{payload:?}");
        assert!(bound.iter().all(|line| line.ends_with(&format!("|a|{payload}"))), "{bound:?}");
        let info = client.execute(sql.replace('?', &literal(payload)), None).await.unwrap();
        let found = client.do_get(info.endpoint[0].ticket.clone().unwrap()).await.unwrap();
        assert_eq!(lines(&found.try_collect::<Vec<_>>().await.unwrap()), bound, "{payload:?}");
    }
    drop((prepared, client));
    stop.send(()).unwrap();
    ended.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_options_of_a_source_do_nothing() {
    let database = filled("TEST_PG15_URL").await;
    let engine = engine(Limits::default()).await;
    let session = engine.session("test").unwrap();
    let (base, _) = database.url().rsplit_once('/').map(|(b, n)| (b.to_owned(), n.to_owned())).unwrap();
    for (i, payload) in payloads().iter().enumerate().step_by(8) {
        let value = literal(payload);
        for option in ["database", "user", "schemas", "host"] {
            let sql = format!(
                "CREATE SOURCE x{i} TYPE postgres OPTIONS (url '{base}/postgres', sslmode 'disable', connect_timeout_ms '300', {option} {value})"
            );
            let created = session.query(&sql).await;
            assert!(option == "schemas" || created.is_err(), "{sql}");
            if created.is_ok() {
                assert_eq!(table(&session, &format!("SELECT tables FROM system.sources WHERE name = 'x{i}'")).await, ["0"]);
                session.query(&format!("DROP SOURCE x{i}")).await.unwrap();
            }
        }
        assert!(session.query(&format!("CREATE SOURCE {value} TYPE postgres")).await.is_err(), "{value}");
    }
    assert_eq!(database.texts("SELECT count(*) FROM t WHERE tenant = 'b'").await, [Some("1".to_owned())]);
}
