//! What goes wrong with MongoDB is an error that names it, and never a short result.

use std::time::Duration;

use bson::{Document, doc};
use futures::StreamExt;
use headwater_common::config::Options;
use headwater_common::{ErrorKind, Limits};
use headwater_tests::mongodb::{MongoDatabase, address};
use headwater_tests::{engine, proxy};

const ROWS: i64 = 20_000;
/// Queries whose connection is cut, and the documents that they read.
const CUTS: u64 = 100;
const CUT_ROWS: i64 = 6_000;
/// More queries than all tests together have cursors at a time.
const DROPPED: i64 = 40;

fn big(rows: i64) -> Vec<Document> {
    (0..rows).map(|i| doc! { "_id": i, "pad": format!("pad {i:0>60}") }).collect()
}

/// Other tests open cursors too, so at some moment there must be fewer than so many broken queries would leave.
async fn cursors_are_closed(database: &MongoDatabase) {
    let open = async || {
        let status = database.run(doc! { "serverStatus": 1 }).await;
        let open = status.get_document("metrics").ok().and_then(|m| m.get_document("cursor").ok().cloned());
        let total = open.as_ref().and_then(|c| c.get_document("open").ok()).and_then(|o| o.get("total").cloned());
        total.and_then(|n| n.as_i64().or(n.as_i32().map(i64::from))).expect("the server counts its open cursors")
    };
    for _ in 0..100 {
        if open().await < DROPPED {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{} cursors stay open", open().await);
}

/// Options of a source behind a port.
fn behind(database: &MongoDatabase, port: u16) -> Options {
    let options = database.options().with("url", format!("mongodb://127.0.0.1:{port}/?directConnection=true"));
    options.with("server_selection_timeout_ms", "300").with("connect_timeout_ms", "1000").with("sample_size", "10")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_connection_is_an_error_and_never_a_short_result() {
    let database = MongoDatabase::create(&[("big", big(CUT_ROWS))]).await;
    let name = database.name();
    let (mut errors, mut complete) = (0, 0);
    // Each is cut twice: while rows come, and while groups do.
    for limit in (0..CUTS / 2).map(|i| 3_000 + i * 2_531).chain([1_000_000_000]) {
        let port = proxy::cutting(address(), limit).await;
        let engine = engine(Limits::default()).await;
        // A cursor is closed over a new connection, which the driver makes half a second after one broke.
        let options = behind(&database, port).with("server_selection_timeout_ms", "2000");
        if engine.create_source("mg", "mongodb", &options).await.is_err() {
            errors += 1;
            continue;
        }
        let session = engine.session("test").unwrap();
        for sql in ["SELECT _id, pad FROM mg.{}.big", "SELECT pad, count(*) FROM mg.{}.big GROUP BY pad"] {
            let sql = sql.replace("{}", name);
            let outcome = match session.query(&sql).await {
                Ok(result) => result.collect().await,
                Err(e) => Err(e),
            };
            match outcome {
                Ok(batches) => {
                    let rows = batches.iter().map(|b| b.num_rows()).sum::<usize>();
                    assert_eq!(rows, CUT_ROWS as usize, "{sql}: cut after {limit} bytes");
                    complete += 1;
                }
                Err(error) => {
                    assert!(matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::SourceFailed), "{error}");
                    errors += 1;
                }
            }
        }
    }
    assert!(errors >= 80 && complete >= 2, "{errors} errors, {complete} complete");
    cursors_are_closed(&database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_comes_back_is_read_again() {
    let database = MongoDatabase::create(&[("t", vec![doc! { "_id": 1, "x": 1 }])]).await;
    let (port, open) = proxy::gate(address()).await;
    let engine = engine(Limits::default()).await;
    engine.create_source("mg", "mongodb", &behind(&database, port)).await.unwrap();
    let session = engine.session("test").unwrap();
    let sql = format!("SELECT x FROM mg.{}.t", database.name());
    assert_eq!(headwater_tests::table(&session, &sql).await, ["1"]);
    open.store(false, std::sync::atomic::Ordering::Release);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let outcome = match session.query(&sql).await {
        Ok(result) => result.collect().await,
        Err(e) => Err(e),
    };
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Unavailable);
    open.store(true, std::sync::atomic::Ordering::Release);
    let mut found = Vec::new();
    for _ in 0..50 {
        if let Ok(result) = session.query(&sql).await
            && let Ok(batches) = result.collect().await
        {
            found = headwater_tests::lines(&batches);
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(found, ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_source_is_named_without_its_password() {
    let engine = engine(Limits::default()).await;
    // The second has its hosts in a record of DNS that nobody has.
    for url in ["mongodb://ann:hunter2@127.0.0.1:1/", "mongodb+srv://ann:hunter2@no.such.host.invalid/"] {
        let options = Options::new().with("url", url).with("server_selection_timeout_ms", "200");
        let error = engine.create_source("shop", "mongodb", &options).await.unwrap_err();
        let text = format!("{error} {error:?}");
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{text}");
        assert!(text.contains("shop") && !text.contains("hunter2"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_query_leaves_no_cursor_open() {
    let database = MongoDatabase::create(&[("big", big(ROWS))]).await;
    let (session, name) = (database.session().await, database.name());
    for _ in 0..DROPPED {
        let mut stream = session.query(&format!("SELECT pad FROM mg.{name}.big")).await.unwrap().into_stream();
        assert!(stream.next().await.unwrap().unwrap().num_rows() > 0);
        drop(stream);
    }
    cursors_are_closed(&database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_limit_ends_the_query() {
    let database = MongoDatabase::create(&[("big", big(ROWS))]).await;
    let (session, name) = (database.session().await, database.name());
    session.query("SET limits.source_rows = 1000").await.unwrap();
    let error = session.query(&format!("SELECT pad FROM mg.{name}.big")).await.unwrap().collect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{error}");
}
