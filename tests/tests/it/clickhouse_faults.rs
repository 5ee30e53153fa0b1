//! What goes wrong with ClickHouse is an error that names it, and never a short result.

use std::time::Duration;

use futures::StreamExt;
use headwater_common::config::Options;
use headwater_common::{ErrorKind, Limits};
use headwater_tests::clickhouse::{ClickHouseDatabase, address};
use headwater_tests::fault::{Fault, Outcomes, faulty, places, read};
use headwater_tests::{engine, proxy, rows, server, table};

const BIG: &str = "CREATE TABLE big (id UInt64, pad String) ENGINE = MergeTree ORDER BY tuple();\n\
    INSERT INTO big SELECT number, concat('pad ', toString(cityHash64(number))) FROM numbers(200000);\n";

#[tokio::test(flavor = "multi_thread")]
async fn an_exception_in_mid_stream_is_an_error() {
    let views = "CREATE VIEW late AS SELECT id, pad, throwIf(id = 190000) AS t FROM big;\n\
        CREATE VIEW early AS SELECT id, throwIf(id = 0) AS t FROM big;\n\
        CREATE VIEW slow AS SELECT number AS id, sleepEachRow(0.01) AS t FROM numbers(100000);\n";
    let database = ClickHouseDatabase::create(&format!("{BIG}{views}")).await;
    let options = database.options().with("settings", "max_threads=1, max_block_size=1000, max_execution_time=2");
    let (session, name) = (database.session_with(&options).await, database.name());
    for view in ["late", "early"] {
        let result = session.query(&format!("SELECT * FROM ch.{name}.{view}")).await.unwrap();
        let error = result.collect().await.unwrap_err();
        assert!(error.to_string().contains("code 395"), "{view}: {error}");
        assert!(!error.to_string().contains("190000"), "{error}");
    }
    let error = session.query(&format!("SELECT * FROM ch.{name}.slow")).await.unwrap().collect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_query_is_an_error() {
    let view = "CREATE VIEW slow AS SELECT number AS id, sleepEachRow(0.001) AS t FROM numbers(10000000);\n";
    let database = ClickHouseDatabase::create(view).await;
    let options = database.options().with("settings", "max_threads=1, max_block_size=1000");
    let (session, name) = (database.session_with(&options).await, database.name());
    let sql = format!("SELECT * FROM ch.{name}.slow");
    let running = tokio::spawn(async move { session.query(&sql).await.unwrap().collect().await });
    let find =
        format!("SELECT query_id FROM system.processes WHERE query LIKE '%{name}%slow%' AND query NOT LIKE '%processes%'");
    for _ in 0..100 {
        if !database.text(&find).await.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    database.run(&format!("KILL QUERY WHERE query_id IN ({find}) ASYNC")).await;
    let error = tokio::time::timeout(Duration::from_secs(30), running).await.unwrap().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_query_ends_at_the_server() {
    let view = "CREATE VIEW slow AS SELECT number AS id, sleepEachRow(0.001) AS t FROM numbers(10000000);\n";
    let database = ClickHouseDatabase::create(view).await;
    let options = database.options().with("settings", "max_threads=1, max_block_size=1000");
    let (session, name) = (database.session_with(&options).await, database.name());
    let count = format!(
        "SELECT count() FROM system.processes WHERE query LIKE '%{name}%slow%' AND query NOT LIKE '%system.processes%'"
    );
    for after_a_batch in [false, true] {
        let mut stream = session.query(&format!("SELECT * FROM ch.{name}.slow")).await.unwrap().into_stream();
        if after_a_batch {
            assert!(stream.next().await.unwrap().unwrap().num_rows() > 0);
        } else {
            let waited = tokio::time::timeout(Duration::from_millis(300), stream.next()).await;
            assert!(waited.is_err(), "the first rows came too early");
        }
        assert_eq!(database.text(&count).await.trim(), "1");
        drop(stream);
        let mut left = String::new();
        for _ in 0..100 {
            left = database.text(&count).await;
            if left.trim() == "0" {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(left.trim(), "0", "after a batch: {after_a_batch}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_connection_is_an_error_and_never_a_short_result() {
    let database = ClickHouseDatabase::create(BIG).await;
    let name = database.name();
    let (mut errors, mut complete) = (0, 0);
    for limit in (0..24).map(|i| 60_000 + i * 97_531).chain([1_000_000_000]) {
        let port = proxy::cutting(address(), limit).await;
        let engine = engine(Limits::default()).await;
        let options = database.options().with("url", format!("http://127.0.0.1:{port}"));
        if engine.create_source("ch", "clickhouse", &options).await.is_err() {
            errors += 1;
            continue;
        }
        let session = engine.session("test").unwrap();
        match session.query(&format!("SELECT id, pad FROM ch.{name}.big")).await {
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
    assert!(errors >= 10 && complete >= 1, "{errors} errors, {complete} complete");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_source_is_named_without_its_password() {
    let engine = engine(Limits::default()).await;
    let options = Options::new().with("url", "http://ann:hunter2@127.0.0.1:1/shop");
    let error = engine.create_source("shop", "clickhouse", &options).await.unwrap_err();
    let text = format!("{error} {error:?}");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{text}");
    assert!(text.contains("shop") && !text.contains("hunter2"), "{text}");
    for options in [
        Options::new().with("url", format!("http://app:hunter2@{}", address())),
        Options::new().with("url", format!("http://{}", address())).with("access_token", "hunter2"),
    ] {
        let error = engine.create_source("shop", "clickhouse", &options).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_limit_ends_the_query_and_a_profile_that_cuts_results_is_overruled() {
    let database = ClickHouseDatabase::create(BIG).await;
    let (session, name) = (database.session().await, database.name());
    session.query("SET limits.source_rows = 1000").await.unwrap();
    let error = session.query(&format!("SELECT id FROM ch.{name}.big")).await.unwrap().collect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    assert!(error.to_string().contains("limits.source_rows"), "{error}");
    let options = database.options().with("settings", "max_result_rows=10");
    let session = database.session_with(&options).await;
    let error = session.query(&format!("SELECT id FROM ch.{name}.big")).await.unwrap().collect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{error}");
    let sql = format!("SELECT count(*) FROM ch.{name}.big");
    assert_eq!(table(&session, &sql).await, ["200000"]);
    assert_eq!(rows(&session, &format!("SELECT id FROM ch.{name}.big LIMIT 3")).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_verifies_the_server_and_shows_the_client_certificate() {
    let end = proxy::Tls {
        address: "127.0.0.1",
        certificate: "TEST_CLIENT_CERT",
        key: "TEST_CLIENT_KEY",
        clients: Some("TEST_CA"),
    };
    let port = proxy::tls(address(), end).await;
    let pem = |name: &str| server(name);
    let base = |host: &str| {
        let options = Options::new().with("url", format!("https://{host}:{port}"));
        options.with("user", "app").with("password", "secret")
    };
    let with_client =
        |o: Options| o.with("ssl_certificate", pem("TEST_CLIENT_CERT")).with("ssl_key", pem("TEST_CLIENT_KEY"));
    let with_ca = |o: Options| o.with("ssl_root_certificate", pem("TEST_CA"));
    let engine = engine(Limits::default()).await;
    let tries = [
        (true, with_ca(with_client(base("127.0.0.1")))),
        (true, with_ca(with_client(base("localhost")))),
        (false, with_ca(base("127.0.0.1"))),
        (false, with_client(base("127.0.0.1"))),
        (false, with_ca(with_client(base("127.0.0.2")))),
    ];
    for (i, (good, options)) in tries.into_iter().enumerate() {
        let made = engine.create_source(&format!("s{i}"), "clickhouse", &options).await;
        assert_eq!(made.is_ok(), good, "try {i}: {made:?}");
    }
}

const SMALL: &str = "CREATE TABLE small (id UInt64, pad String) ENGINE = MergeTree ORDER BY tuple();\n\
    INSERT INTO small SELECT number, concat('pad ', toString(cityHash64(number))) FROM numbers(3000);\n";

/// Options by way of a port, with waits of a second.
fn through(database: &ClickHouseDatabase, url: String) -> Options {
    database.options().with("url", url).with("connect_timeout_ms", "1000").with("response_timeout_ms", "1000")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_cuts_are_errors_or_the_whole_result() {
    let database = ClickHouseDatabase::create(SMALL).await;
    let sql = format!("SELECT id, pad FROM s.{}.small", database.name());
    let expected = read("clickhouse", &database.options(), &sql).await.unwrap();
    assert_eq!(expected.len(), 3_000);
    let mut outcomes = Outcomes::default();
    for at in places(100, 300_000) {
        let port = faulty(address(), Fault::Cut(at)).await;
        let found = read("clickhouse", &through(&database, format!("http://127.0.0.1:{port}")), &sql).await;
        outcomes.take(Fault::Cut(at), found, &expected);
    }
    assert!(outcomes.errors >= 30 && outcomes.whole >= 1, "{outcomes:?}");
    let left = format!(
        "SELECT count() FROM system.processes WHERE query LIKE '%{}%' AND query NOT LIKE '%system.processes%'",
        database.name()
    );
    let mut running = String::new();
    for _ in 0..100 {
        running = database.text(&left).await;
        if running.trim() == "0" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(running.trim(), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_silent_and_half_closed_ways_give_the_whole_result_or_an_error() {
    let database = ClickHouseDatabase::create(SMALL).await;
    let sql = format!("SELECT id, pad FROM s.{}.small", database.name());
    let expected = read("clickhouse", &database.options(), &sql).await.unwrap();
    let mut outcomes = Outcomes::default();
    for fault in [Fault::Delay(Duration::from_millis(5)), Fault::Throttle(2_000)] {
        let port = faulty(address(), fault).await;
        let options = through(&database, format!("http://127.0.0.1:{port}")).with("response_timeout_ms", "60000");
        outcomes.take(fault, read("clickhouse", &options, &sql).await, &expected);
    }
    for at in [20, 300, 2_000, 12_345, 40_000] {
        for fault in [Fault::BlackHole(at), Fault::HalfClose(at)] {
            let port = faulty(address(), fault).await;
            let found = read("clickhouse", &through(&database, format!("http://127.0.0.1:{port}")), &sql).await;
            outcomes.take(fault, found, &expected);
        }
    }
    assert!(outcomes.errors >= 4 && outcomes.whole >= 2, "{outcomes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_change_on_the_way_over_tls_are_an_error() {
    let database = ClickHouseDatabase::create(SMALL).await;
    let sql = format!("SELECT id, pad FROM s.{}.small", database.name());
    let expected = read("clickhouse", &database.options(), &sql).await.unwrap();
    let end = proxy::Tls { address: "127.0.0.1", certificate: "TEST_SERVER_CERT", key: "TEST_SERVER_KEY", clients: None };
    let secure = proxy::tls(address(), end).await;
    let mut outcomes = Outcomes::default();
    for at in [40, 1_500, 3_000, 5_000, 12_345, 40_000, 100_000_000] {
        let port = faulty(format!("127.0.0.1:{secure}"), Fault::Corrupt(at)).await;
        let options = through(&database, format!("https://localhost:{port}")).with("tls", "true");
        let options = options.with("ssl_root_certificate", server("TEST_CA"));
        outcomes.take(Fault::Corrupt(at), read("clickhouse", &options, &sql).await, &expected);
    }
    assert!(outcomes.errors >= 4 && outcomes.whole >= 1, "{outcomes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_come_names_its_option() {
    let view = "CREATE VIEW slow AS SELECT number AS id, sleepEachRow(1) AS t FROM numbers(20);\n";
    let database = ClickHouseDatabase::create(view).await;
    let options = database.options().with("settings", "max_threads=1, max_block_size=1");
    let session = database.session_with(&options.with("response_timeout_ms", "500")).await;
    let sql = format!("SELECT * FROM ch.{}.slow", database.name());
    let error = match session.query(&sql).await {
        Err(error) => error,
        Ok(result) => result.collect().await.unwrap_err(),
    };
    assert!(error.kind() == ErrorKind::Timeout && error.to_string().contains("response_timeout_ms"), "{error}");
}
