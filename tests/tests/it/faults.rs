//! Sources that are away, slow or cut off.

use std::time::Duration;

use futures::StreamExt;
use headwater_common::config::Options;
use headwater_common::{ErrorKind, Limits};
use headwater_tests::fault::{Fault, Outcomes, faulty, places, read};
use headwater_tests::{TestDatabase, engine, proxy, rows, server, session, table};

const BIG: &str =
    "CREATE TABLE big AS SELECT i AS id, repeat('x', 100) AS pad FROM generate_series(1, 200000) i; ANALYZE big;";

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_query_is_stopped_at_the_source() {
    let database = TestDatabase::create("TEST_PG15_URL", BIG).await;
    let session = session(&database).await;
    let sql = "SELECT a.id FROM pg.public.big a JOIN pg.public.big b ON a.pad = b.pad";
    let mut stream = session.query(sql).await.unwrap().into_stream();
    let waited = tokio::time::timeout(Duration::from_millis(300), stream.next()).await;
    drop((waited, stream));
    let mut active = Vec::new();
    for _ in 0..40 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let sql = "SELECT pid FROM pg_stat_activity WHERE application_name = 'headwater' AND datname = current_database() \
            AND (state <> 'idle')";
        active = database.texts(sql).await;
        if active.is_empty() {
            break;
        }
    }
    assert!(active.is_empty(), "still active: {active:?}");
    assert_eq!(table(&session, "SELECT count(*) FROM pg.public.big").await, ["200000"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_query_does_not_disturb_the_next_one_on_its_connection() {
    let database = TestDatabase::create("TEST_PG15_URL", BIG).await;
    let engine = engine(Limits::default()).await;
    let options = Options::new().with("url", database.url()).with("sslmode", "disable").with("pool_size", "1");
    engine.create_source("pg", "postgres", &options).await.unwrap();
    let session = engine.session("test").unwrap();
    for round in 0..60u64 {
        let mut stream = session.query("SELECT id, pad FROM pg.public.big").await.unwrap().into_stream();
        let wait = Duration::from_millis(round % 20);
        // Dropped before, while and after it sends.
        let _ = tokio::time::timeout(wait, async { while stream.next().await.is_some() {} }).await;
        drop(stream);
        assert_eq!(table(&session, "SELECT count(*) FROM pg.public.big").await, ["200000"], "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_early_limit_leaves_the_connections_usable() {
    let database = TestDatabase::create("TEST_PG15_URL", BIG).await;
    let session = session(&database).await;
    for _ in 0..30 {
        let sql = "SELECT id FROM pg.public.big WHERE abs(id) > 5 LIMIT 3";
        assert_eq!(rows(&session, sql).await.iter().map(|b| b.num_rows()).sum::<usize>(), 3);
    }
    assert_eq!(table(&session, "SELECT count(*), max(id) FROM pg.public.big WHERE abs(id) > 0").await, ["200000|200000"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_queries_share_a_small_pool_without_blocking_each_other() {
    let database = TestDatabase::create("TEST_PG15_URL", BIG).await;
    let engine = engine(Limits::default()).await;
    let options = Options::new().with("url", database.url()).with("sslmode", "disable").with("pool_size", "2");
    engine.create_source("pg", "postgres", &options).await.unwrap();
    let session = engine.session("test").unwrap();
    let sql = "SELECT count(a.pad) FROM pg.public.big a JOIN pg.public.big b ON a.id = b.id WHERE abs(a.id) <= 1000";
    let queries = (0..8).map(|_| table(&session, sql));
    let all = tokio::time::timeout(Duration::from_secs(120), futures::future::join_all(queries)).await.unwrap();
    assert!(all.iter().all(|found| found == &["1000"]), "{all:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_connection_is_an_error_and_never_a_short_result() {
    let database = TestDatabase::create("TEST_PG15_URL", BIG).await;
    let url = database.url();
    let target = url.rsplit_once('@').unwrap().1.split_once('/').unwrap().0.to_owned();
    let (mut errors, mut complete) = (0, 0);
    for limit in (0..24).map(|i| 20_000 + i * 37_531).chain([100_000_000]) {
        let port = proxy::cutting(target.clone(), limit).await;
        let engine = engine(Limits::default()).await;
        let options =
            Options::new().with("url", url.replace(&target, &format!("127.0.0.1:{port}"))).with("sslmode", "disable");
        if engine.create_source("pg", "postgres", &options).await.is_err() {
            errors += 1;
            continue;
        }
        let session = engine.session("test").unwrap();
        let sql = "SELECT id, pad FROM pg.public.big";
        match session.query(sql).await {
            Err(_) => errors += 1,
            Ok(result) => match result.collect().await {
                Err(error) => {
                    assert!(matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::SourceFailed), "{error}");
                    errors += 1;
                }
                Ok(batches) => {
                    assert_eq!(batches.iter().map(|b| b.num_rows()).sum::<usize>(), 200_000, "cut after {limit} bytes");
                    complete += 1;
                }
            },
        }
    }
    assert!(errors >= 20 && complete >= 1, "{errors} errors, {complete} complete");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_source_is_named_with_its_remedy_and_without_its_password() {
    let engine = engine(Limits::default()).await;
    let options = Options::new().with("url", "postgres://ann:hunter2@127.0.0.1:1/shop");
    let error = engine.create_source("shop", "postgres", &options).await.unwrap_err();
    let text = format!("{error} {error:?}");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{text}");
    assert!(text.contains("shop") && !text.contains("hunter2"), "{text}");
    let server = server("TEST_PG15_URL").replace(":secret@", ":hunter2@");
    let options = Options::new().with("url", server).with("sslmode", "disable");
    let error = engine.create_source("shop", "postgres", &options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    assert!(!format!("{error:?}").contains("hunter2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_limit_ends_the_query_and_names_its_setting() {
    let database = TestDatabase::create("TEST_PG15_URL", BIG).await;
    let session = session(&database).await;
    session.query("SET limits.source_rows = 1000").await.unwrap();
    let error = session.query("SELECT id FROM pg.public.big").await.unwrap().collect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    assert!(error.to_string().contains("limits.source_rows"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_modes_verify_what_they_say() {
    let url = server("TEST_PG15_URL");
    let pem = |name: &str| server(name);
    let base = |mode: &str| Options::new().with("url", url.replace(":secret@", "@")).with("sslmode", mode);
    let with_client =
        |o: Options| o.with("ssl_certificate", pem("TEST_CLIENT_CERT")).with("ssl_key", pem("TEST_CLIENT_KEY"));
    let with_ca = |o: Options| o.with("ssl_root_certificate", pem("TEST_CA"));
    let engine = engine(Limits::default()).await;
    let tries = [
        (true, with_ca(with_client(base("verify-full")))),
        (true, with_ca(with_client(base("verify-full"))).with("host", "localhost")),
        (true, with_ca(with_client(base("verify-ca")))),
        (true, with_client(base("require"))),
        (false, with_client(base("verify-full"))),
        (false, with_ca(base("verify-full"))),
        (false, with_ca(with_client(base("verify-full"))).with("host", "127.0.0.2")),
        (true, with_ca(with_client(base("verify-ca"))).with("host", "127.0.0.1")),
        (false, base("maybe")),
    ];
    for (i, (good, options)) in tries.into_iter().enumerate() {
        let made = engine.create_source(&format!("s{i}"), "postgres", &options).await;
        assert_eq!(made.is_ok(), good, "try {i}: {made:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_are_checked_by_scram_inside_tls() {
    for variable in crate::SERVERS {
        let database = TestDatabase::create(variable, "CREATE TABLE one AS SELECT 1 AS id").await;
        let stored = "SELECT rolpassword LIKE 'SCRAM-SHA-256$%' FROM pg_authid WHERE rolname = 'scram'";
        assert_eq!(database.texts(stored).await, [Some("t".to_owned())]);
        let encrypted = variable == "TEST_PG15_URL";
        let modes: &[&str] = if encrypted { &["prefer", "require", "verify-ca", "verify-full"] } else { &["prefer"] };
        for mode in modes {
            let engine = engine(Limits::default()).await;
            let base =
                Options::new().with("url", database.url().replace("//app:secret@", "//scram@")).with("sslmode", *mode);
            let base = match *mode {
                "prefer" | "require" => base,
                _ => base.with("ssl_root_certificate", server("TEST_CA")),
            };
            let wrong = engine.create_source("wrong", "postgres", &base.clone().with("password", "hunter2")).await;
            assert_eq!(wrong.unwrap_err().kind(), ErrorKind::PermissionDenied, "{variable} {mode}");
            engine.create_source("pg", "postgres", &base.with("password", "secret")).await.unwrap();
            let session = engine.session("test").unwrap();
            assert_eq!(table(&session, "SELECT id FROM pg.public.one").await, ["1"]);
            let sql = "SELECT DISTINCT s.ssl FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE a.usename = 'scram' \
                AND a.datname = current_database()";
            let seen = if encrypted { "t" } else { "f" };
            assert_eq!(database.texts(sql).await, [Some(seen.to_owned())], "{variable} {mode}");
            engine.shutdown().await;
        }
    }
}

const SMALL: &str =
    "CREATE TABLE small AS SELECT i AS id, repeat('x', 60) AS pad FROM generate_series(1, 3000) i; ANALYZE small;";
const READ_SMALL: &str = "SELECT id, pad FROM s.public.small";

/// Host and port in a URL.
fn target(url: &str) -> String {
    url.rsplit_once('@').unwrap().1.split_once('/').unwrap().0.to_owned()
}

/// Options by way of a port, with waits of a second.
fn through(database: &TestDatabase, port: u16, mode: &str) -> Options {
    let url = database.url();
    let options = Options::new().with("url", url.replace(&target(&url), &format!("127.0.0.1:{port}")));
    options.with("sslmode", mode).with("connect_timeout_ms", "1000").with("response_timeout_ms", "1000")
}

async fn none_is_left(database: &TestDatabase) {
    let sql = "SELECT pid FROM pg_stat_activity WHERE application_name = 'headwater' AND datname = current_database()";
    let mut left = Vec::new();
    for _ in 0..200 {
        left = database.texts(sql).await;
        if left.is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("connections are left: {left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_cuts_are_errors_or_the_whole_result_and_leave_no_connection() {
    let database = TestDatabase::create("TEST_PG18_URL", SMALL).await;
    let address = target(&database.url());
    let direct = Options::new().with("url", database.url()).with("sslmode", "disable");
    let expected = read("postgres", &direct, READ_SMALL).await.unwrap();
    assert_eq!(expected.len(), 3_000);
    let mut outcomes = Outcomes::default();
    for at in places(100, 1_000_000) {
        let port = faulty(address.clone(), Fault::Cut(at)).await;
        let found = read("postgres", &through(&database, port, "disable"), READ_SMALL).await;
        outcomes.take(Fault::Cut(at), found, &expected);
    }
    assert!(outcomes.errors >= 30 && outcomes.whole >= 1, "{outcomes:?}");
    none_is_left(&database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_silent_and_half_closed_ways_give_the_whole_result_or_an_error() {
    let database = TestDatabase::create("TEST_PG18_URL", SMALL).await;
    let address = target(&database.url());
    let direct = Options::new().with("url", database.url()).with("sslmode", "disable");
    let expected = read("postgres", &direct, READ_SMALL).await.unwrap();
    let mut outcomes = Outcomes::default();
    for fault in [Fault::Delay(Duration::from_millis(5)), Fault::Throttle(2_000)] {
        let port = faulty(address.clone(), fault).await;
        let options = through(&database, port, "disable").with("response_timeout_ms", "60000");
        let options = options.with("connect_timeout_ms", "60000");
        outcomes.take(fault, read("postgres", &options, READ_SMALL).await, &expected);
    }
    for at in [20, 300, 1_500, 3_000, 5_000, 12_345, 60_000, 150_000] {
        for fault in [Fault::BlackHole(at), Fault::HalfClose(at)] {
            let port = faulty(address.clone(), fault).await;
            let found = read("postgres", &through(&database, port, "disable"), READ_SMALL).await;
            outcomes.take(fault, found, &expected);
        }
    }
    assert!(outcomes.errors >= 6 && outcomes.whole >= 2, "{outcomes:?}");
    none_is_left(&database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_change_on_the_way_over_tls_are_an_error() {
    let database = TestDatabase::create("TEST_PG15_URL", SMALL).await;
    let address = target(&database.url());
    let direct = Options::new().with("url", database.url()).with("sslmode", "require");
    let direct = direct.with("ssl_certificate", server("TEST_CLIENT_CERT")).with("ssl_key", server("TEST_CLIENT_KEY"));
    let expected = read("postgres", &direct, READ_SMALL).await.unwrap();
    let mut outcomes = Outcomes::default();
    for at in [40, 1_500, 5_000, 12_345, 60_000, 90_000, 150_000, 100_000_000] {
        let port = faulty(address.clone(), Fault::Corrupt(at)).await;
        let options = through(&database, port, "require");
        let options =
            options.with("ssl_certificate", server("TEST_CLIENT_CERT")).with("ssl_key", server("TEST_CLIENT_KEY"));
        outcomes.take(Fault::Corrupt(at), read("postgres", &options, READ_SMALL).await, &expected);
    }
    assert!(outcomes.errors >= 5 && outcomes.whole >= 1, "{outcomes:?}");
    none_is_left(&database).await;
}
