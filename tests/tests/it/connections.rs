//! Connections that are lost, exhausted, limited in time or pooled by PgBouncer.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::StreamExt;
use headwater_common::config::Options;
use headwater_common::{Error, ErrorKind, Limits};
use headwater_engine::Session;
use headwater_tests::{TestDatabase, engine, proxy, server, session, table};

use crate::SERVERS;

const BIG: &str = "CREATE TABLE big AS SELECT i AS id, repeat('x', 100) AS pad FROM generate_series(1, 300000) i; \
    ANALYZE big; CREATE TABLE small (id int, name text); INSERT INTO small VALUES (1, 'a'), (2, 'b');";

const END_ALL: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
    WHERE application_name = 'headwater' AND datname = current_database()";

/// A session whose source `pg` is the database with more options.
async fn with(database: &TestDatabase, options: &[(&str, &str)]) -> Session {
    let engine = engine(Limits::default()).await;
    let base = Options::new().with("url", database.url()).with("sslmode", "disable");
    let options = options.iter().fold(base, |o, (name, value)| o.with(name, *value));
    engine.create_source("pg", "postgres", &options).await.unwrap();
    engine.session("test").unwrap()
}

async fn failure(session: &Session, sql: &str) -> Error {
    match session.query(sql).await {
        Ok(result) => result.collect().await.expect_err(sql),
        Err(error) => error,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_the_server_ended_are_replaced_before_the_first_row() {
    for server in SERVERS {
        let database = TestDatabase::create(server, BIG).await;
        let session = session(&database).await;
        for round in 0..8u64 {
            assert_eq!(table(&session, "SELECT count(pad), sum(id) FROM pg.public.big").await, ["300000|45000150000"]);
            let ended = database.texts(END_ALL).await;
            assert_ne!(ended, [Some("0".to_owned())], "the pool keeps its connections");
            // At once, when nobody can have noticed yet, and later; reading and writing.
            tokio::time::sleep(Duration::from_millis(round * 20)).await;
            let change = format!("UPDATE pg.public.small SET name = 'n{round}' WHERE id = 1");
            assert_eq!(session.query(&change).await.unwrap().affected_rows().await.unwrap(), 1);
            database.texts(END_ALL).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_ended_in_mid_stream_is_an_error() {
    for server in SERVERS {
        let long = "CREATE VIEW long AS SELECT i AS id, repeat('x', 1000) AS pad FROM generate_series(1, 300000) i";
        let database = TestDatabase::create(server, &format!("{BIG} {long}")).await;
        let session = session(&database).await;
        for round in 0..6 {
            let name = if round % 2 == 0 { "long" } else { "big" };
            let mut stream = session.query(&format!("SELECT id, pad FROM pg.public.{name}")).await.unwrap().into_stream();
            let first = stream.next().await.unwrap().unwrap();
            database.texts(END_ALL).await;
            let (mut rows, mut error) = (first.num_rows(), None);
            while let Some(batch) = stream.next().await {
                match batch {
                    Ok(batch) => rows += batch.num_rows(),
                    Err(e) => error = Some(headwater_engine::error::classify(e)),
                }
            }
            // A table of this size may be on the way in whole.
            let Some(error) = error else {
                assert_eq!((name, rows), ("big", 300_000), "a short result");
                continue;
            };
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
            assert!(error.is_retryable(), "{error}");
        }
        assert_eq!(table(&session, "SELECT count(*) FROM pg.public.big").await, ["300000"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_away_between_two_queries_is_used_again() {
    let database = TestDatabase::create("TEST_PG15_URL", BIG).await;
    let url = database.url();
    let target = url.rsplit_once('@').unwrap().1.split_once('/').unwrap().0.to_owned();
    let (port, open) = proxy::gate(target).await;
    let port = port.to_string();
    let session = with(&database, &[("port", port.as_str())]).await;
    for _ in 0..3 {
        assert_eq!(table(&session, "SELECT count(pad) FROM pg.public.big").await, ["300000"]);
        open.store(false, Ordering::Release);
        tokio::time::sleep(Duration::from_millis(30)).await;
        let started = std::time::Instant::now();
        let error = failure(&session, "SELECT count(pad) FROM pg.public.big").await;
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        open.store(true, Ordering::Release);
    }
    // A server that is back soon is waited for.
    open.store(false, Ordering::Release);
    tokio::time::sleep(Duration::from_millis(30)).await;
    open.store(true, Ordering::Release);
    assert_eq!(table(&session, "SELECT count(pad) FROM pg.public.big").await, ["300000"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_in_time_end_a_statement_and_say_which() {
    let sql = format!("{BIG} CREATE VIEW slow AS SELECT pg_sleep(20)::text AS s");
    for server in SERVERS {
        let database = TestDatabase::create(server, &sql).await;
        for pooled in ["false", "true"] {
            let session = with(&database, &[("statement_timeout_ms", "1500"), ("pgbouncer", pooled)]).await;
            let error = failure(&session, "SELECT s FROM pg.public.slow").await;
            assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
            assert!(error.to_string().contains("statement_timeout_ms"), "{error}");
            assert_eq!(table(&session, "SELECT count(*) FROM pg.public.small").await, ["2"]);
        }
        let set = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET lock_timeout = 200', current_database()); END $$";
        database.run(set).await;
        let session = session(&database).await;
        let locker = headwater_tests::connect(&database.url()).await;
        locker.batch_execute("BEGIN; LOCK TABLE small IN ACCESS EXCLUSIVE MODE").await.unwrap();
        for sql in ["SELECT id FROM pg.public.small", "DELETE FROM pg.public.small"] {
            let error = failure(&session, sql).await;
            assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
            assert!(error.is_retryable() && error.to_string().contains("lock timeout"), "{error}");
        }
        locker.batch_execute("ROLLBACK").await.unwrap();
        assert_eq!(table(&session, "SELECT count(*) FROM pg.public.small").await, ["2"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timeout_is_known_by_its_code_in_every_language() {
    let sql = "CREATE FUNCTION late(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '%', $1 \
            USING ERRCODE = '57014'; END $$; \
        CREATE VIEW german AS SELECT late('storniere Anfrage wegen Zeitüberschreitung der Anweisung') AS s; \
        CREATE VIEW by_hand AS SELECT late('canceling statement due to user request') AS s;";
    for server in SERVERS {
        let database = TestDatabase::create(server, sql).await;
        let session = session(&database).await;
        let error = failure(&session, "SELECT s FROM pg.public.german").await;
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        assert!(error.to_string().contains("statement_timeout_ms"), "{error}");
        assert_eq!(failure(&session, "SELECT s FROM pg.public.by_hand").await.kind(), ErrorKind::Cancelled);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exhausted_pool_names_its_options() {
    let database = TestDatabase::create("TEST_PG15_URL", BIG).await;
    let session = with(&database, &[("pool_size", "1"), ("pool_wait_ms", "200")]).await;
    let mut stream = session.query("SELECT id, pad FROM pg.public.big").await.unwrap().into_stream();
    stream.next().await.unwrap().unwrap();
    let error = failure(&session, "SELECT id FROM pg.public.small").await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("pool_size") && error.to_string().contains("pool_wait_ms"), "{error}");
    drop(stream);
    for _ in 0..50 {
        if let Ok(result) = session.query("SELECT count(*) FROM pg.public.small").await
            && result.collect().await.is_ok()
        {
            return;
        }
    }
    panic!("the connection never came back");
}

#[tokio::test(flavor = "multi_thread")]
async fn transaction_pooling_by_pgbouncer_is_safe() {
    let sql = format!(
        "{BIG} CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TYPE pair AS (a int, b text); \
         CREATE TABLE odd (id int, m mood, p pair, r int4range, l mood[]); \
         INSERT INTO odd VALUES (1, 'ok', (1, 'x'), '[1,3)', '{{sad,ok}}'); CREATE TABLE log (n int, s text, v tsvector);"
    );
    let database = TestDatabase::create("TEST_PG15_URL", &sql).await;
    let (pgbouncer, direct) = (server("TEST_PGBOUNCER_URL"), database.url());
    let url = format!("{}/{}", pgbouncer.rsplit_once('/').unwrap().0, direct.rsplit_once('/').unwrap().1);
    let mut all = Vec::new();
    for i in 0..12 {
        let options = Options::new().with("url", &url).with("sslmode", "disable").with("pgbouncer", "true");
        all.push(tokio::spawn(async move {
            let engine = engine(Limits::default()).await;
            engine.create_source("pg", "postgres", &options).await.unwrap();
            let session = engine.session("test").unwrap();
            for round in 0..6 {
                let n = i * 100 + round;
                let sum = "SELECT count(a.pad), sum(b.id) FROM pg.public.big a JOIN pg.public.big b ON a.id = b.id \
                    WHERE a.id <= 2000 AND b.id <= 2000";
                assert_eq!(table(&session, sum).await, ["2000|2001000"]);
                let odd = "SELECT id, m, l FROM pg.public.odd WHERE m = 'ok'";
                assert_eq!(table(&session, odd).await, ["1|ok|[sad, ok]"]);
                let insert = format!("INSERT INTO pg.public.log (n, s, v) VALUES ({n}, 'a', 'fat cat')");
                assert_eq!(session.query(&insert).await.unwrap().affected_rows().await.unwrap(), 1);
                let update = format!("UPDATE pg.public.log SET s = 'b' WHERE n = {n}");
                assert_eq!(session.query(&update).await.unwrap().affected_rows().await.unwrap(), 1);
                engine.refresh_source("pg").await.unwrap();
            }
        }));
    }
    for one in all {
        one.await.unwrap();
    }
    assert_eq!(database.texts("SELECT count(*) FROM log WHERE s = 'b'").await, [Some("72".to_owned())]);
    let idle = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'";
    assert_eq!(database.texts(idle).await, [Some("0".to_owned())], "no transaction stays open");
}
