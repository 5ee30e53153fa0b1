//! Everything that can go wrong on the way from MongoDB and Redis is an error, or the whole result.

use std::time::Duration;

use bson::doc;
use headwater_common::config::Options;
use headwater_common::{ErrorKind, Limits};
use headwater_tests::fault::{Fault, Outcomes, faulty, read};
use headwater_tests::mongodb::MongoDatabase;
use headwater_tests::redis::{Answer, RedisClient, RedisDatabase, session_with};
use headwater_tests::{mongodb, proxy, redis, server, table};

const ROWS: i64 = 3_000;
/// Places from within the greeting to within the rows.
const PLACES: [usize; 5] = [40, 2_000, 12_345, 60_000, 150_000];
/// Faults that leave the bytes as they are.
const HARMLESS: [Fault; 2] = [Fault::Delay(Duration::from_millis(5)), Fault::Throttle(2_000)];

fn broken() -> impl Iterator<Item = Fault> {
    PLACES.into_iter().flat_map(|at| [Fault::Cut(at), Fault::BlackHole(at), Fault::HalfClose(at)])
}

fn hashes(options: Options, prefix: &str) -> Options {
    let options = options.with("discover", "false").with("tables.h.key", format!("{prefix}:{{id}}"));
    let options = options.with("tables.h.type", "hash").with("tables.h.columns", "id BIGINT, pad TEXT");
    options.with("connect_timeout_ms", "1000").with("response_timeout_ms", "1000")
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_gives_the_whole_result_or_an_error() {
    let database = RedisDatabase::create("");
    let fill = session_with(&hashes(database.options(), "h")).await;
    let sql = format!(
        "INSERT INTO r.public.h (id, pad) SELECT value, repeat('x', 60) FROM generate_series(1, {ROWS}) AS g(value)"
    );
    assert_eq!(fill.query(&sql).await.unwrap().affected_rows().await.unwrap(), ROWS as u64);
    drop(fill);
    let sql = "SELECT id, pad FROM s.public.h";
    let expected = read("redis", &hashes(database.options(), "h"), sql).await.unwrap();
    assert_eq!(expected.len(), ROWS as usize);
    let mut outcomes = Outcomes::default();
    for fault in HARMLESS.into_iter().chain(broken()) {
        let port = faulty(redis::address(), fault).await;
        let options = hashes(database.options_at(&format!("127.0.0.1:{port}")), "h");
        outcomes.take(fault, read("redis", &options, sql).await, &expected);
    }
    assert!(outcomes.errors >= 10 && outcomes.whole >= 2, "{outcomes:?}");
    none_is_left(&database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_change_on_the_way_over_tls_are_an_error() {
    let (url, prefix) = (server("TEST_REDIS_TLS_URL"), format!("fault{:08x}", rand::random::<u32>()));
    let options = |port: &str| {
        let options = hashes(Options::new().with("url", format!("rediss://localhost:{port}")), &prefix);
        let options = options.with("ssl_root_certificate", server("TEST_CA"));
        options.with("ssl_certificate", server("TEST_CLIENT_CERT")).with("ssl_key", server("TEST_CLIENT_KEY"))
    };
    let target = url.trim_start_matches("rediss://").trim_end_matches('/');
    let direct = options(target.rsplit_once(':').unwrap().1);
    let session = session_with(&direct).await;
    let sql = format!(
        "INSERT INTO r.public.h (id, pad, _ttl) SELECT value, repeat('x', 60), 600000 FROM generate_series(1, {ROWS}) AS g(value)"
    );
    assert_eq!(session.query(&sql).await.unwrap().affected_rows().await.unwrap(), ROWS as u64);
    let sql = "SELECT id, pad FROM s.public.h";
    let expected = read("redis", &direct, sql).await.unwrap();
    let mut outcomes = Outcomes::default();
    for at in PLACES.into_iter().chain([1_500, 5_000, 90_000, 100_000_000]) {
        let port = faulty(target.replace("localhost", "127.0.0.1"), Fault::Corrupt(at)).await;
        outcomes.take(Fault::Corrupt(at), read("redis", &options(&port.to_string()), sql).await, &expected);
    }
    assert!(outcomes.errors >= 6 && outcomes.whole >= 1, "{outcomes:?}");
    session.query("DELETE FROM r.public.h").await.unwrap().affected_rows().await.unwrap();
    let database =
        MongoDatabase::create(&[("t", (0..ROWS).map(|i| doc! { "_id": i, "pad": "x".repeat(60) }).collect())]).await;
    let sql = format!("SELECT _id, pad FROM s.{}.t", database.name());
    let expected = read("mongodb", &database.options(), &sql).await.unwrap();
    let end = proxy::Tls { address: "127.0.0.1", certificate: "TEST_SERVER_CERT", key: "TEST_SERVER_KEY", clients: None };
    let secure = proxy::tls(mongodb::address(), end).await;
    let mut outcomes = Outcomes::default();
    for at in PLACES.into_iter().chain([1_500, 5_000, 90_000, 100_000_000]) {
        let port = faulty(format!("127.0.0.1:{secure}"), Fault::Corrupt(at)).await;
        let options = documents(&database, port, "&tls=true").with("ssl_root_certificate", server("TEST_CA"));
        outcomes.take(Fault::Corrupt(at), read("mongodb", &options, &sql).await, &expected);
    }
    assert!(outcomes.errors >= 5 && outcomes.whole >= 1, "{outcomes:?}");
}

/// Connections of the engine to a database.
fn open(client: &mut RedisClient, database: &RedisDatabase) -> usize {
    let Answer::Bytes(list) = client.run(&["CLIENT", "LIST"]) else { panic!("CLIENT LIST") };
    let (db, list) = (format!(" db={} ", database.number()), String::from_utf8(list).unwrap());
    list.lines().filter(|line| line.contains(&db) && line.contains(" lib-name=headwater")).count()
}

/// Waits until no connection is left.
async fn none_is_left(database: &RedisDatabase) {
    let mut client = RedisClient::connect(&redis::address());
    let mut left = 0;
    for _ in 0..200 {
        left = open(&mut client, database);
        if left == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{left} connections are left");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_dropped_leaves_no_connection() {
    let database = RedisDatabase::create("HSET h:1 pad x\nHSET h:2 pad y\n");
    let engine = headwater_tests::engine(Limits::default()).await;
    engine.create_source("s", "redis", &hashes(database.options(), "h")).await.unwrap();
    let session = engine.session("test").unwrap();
    assert_eq!(table(&session, "SELECT count(pad) FROM s.public.h").await, ["2"]);
    assert!(!table(&session, "SELECT * FROM system.sources").await.is_empty());
    assert!(open(&mut database.client(), &database) > 0);
    // Rows that are still read need the source, an engine that is gone does not.
    let rows = session.query("SELECT pad FROM s.public.h").await.unwrap();
    drop((session, engine));
    assert_eq!(rows.collect().await.unwrap().iter().map(|b| b.num_rows()).sum::<usize>(), 2);
    none_is_left(&database).await;
}

fn documents(database: &MongoDatabase, port: u16, parameters: &str) -> Options {
    let url = format!("mongodb://127.0.0.1:{port}/?directConnection=true{parameters}");
    let options = database.options().with("url", url).with("sample_size", "10").with("response_timeout_ms", "1500");
    options.with("server_selection_timeout_ms", "1500").with("connect_timeout_ms", "1000")
}

#[tokio::test(flavor = "multi_thread")]
async fn mongodb_gives_the_whole_result_or_an_error() {
    let database =
        MongoDatabase::create(&[("t", (0..ROWS).map(|i| doc! { "_id": i, "pad": "x".repeat(60) }).collect())]).await;
    let sql = format!("SELECT _id, pad FROM s.{}.t", database.name());
    let expected = read("mongodb", &database.options(), &sql).await.unwrap();
    assert_eq!(expected.len(), ROWS as usize);
    let mut outcomes = Outcomes::default();
    for fault in HARMLESS.into_iter().chain(broken()) {
        let port = faulty(mongodb::address(), fault).await;
        let options = documents(&database, port, "");
        let options = if fault.is_harmless() { options.with("response_timeout_ms", "60000") } else { options };
        outcomes.take(fault, read("mongodb", &options, &sql).await, &expected);
    }
    assert!(outcomes.errors >= 8 && outcomes.whole >= 2, "{outcomes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_come_names_its_option() {
    let database =
        MongoDatabase::create(&[("t", (0..ROWS).map(|i| doc! { "_id": i, "pad": "x".repeat(60) }).collect())]).await;
    let name = database.name();
    let port = faulty(mongodb::address(), Fault::BlackHole(40_000)).await;
    // Other connections stay whole, so that nothing but the time says that this one is dead.
    let options = documents(&database, port, "").with(&format!("columns.{name}.t"), "_id long, pad string");
    let error = read("mongodb", &options, &format!("SELECT _id, pad FROM s.{name}.t")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert!(error.to_string().contains("response_timeout_ms"), "{error}");
}
