//! What goes wrong with Redis is an error that names it, and never a short result.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::StreamExt;
use headwater_common::ErrorKind;
use headwater_common::config::Options;
use headwater_tests::redis::{RedisClient, RedisDatabase, address, session_with, try_rows};
use headwater_tests::{proxy, rows, server, table};
use tokio::net::{TcpListener, TcpStream};

/// Connections that are cut.
const CUTS: u64 = 100;

fn fill(client: &mut RedisClient) {
    let words = |words: &[&str]| words.iter().map(|w| w.as_bytes().to_vec()).collect::<Vec<_>>();
    let row = |i: i32| words(&["HSET", &format!("h:{i}"), "n", &i.to_string(), "pad", &"x".repeat(40)]);
    client.ask(&(0..5_000).map(row).collect::<Vec<_>>());
    for i in 0..3_000 {
        client.ask(&[
            words(&["RPUSH", "l:1", &format!("element {i}")]),
            words(&["XADD", "s:1", &format!("{}-1", i + 1), "n", "1"]),
        ]);
    }
}

fn declared(options: Options) -> Options {
    let tables = [("h", "hash", "n BIGINT, pad TEXT"), ("l", "list", "value TEXT"), ("s", "stream", "n BIGINT")];
    tables.iter().fold(options.with("discover", "false"), |options, (name, kind, columns)| {
        let set = |options: Options, part: &str, value: &str| options.with(&format!("tables.{name}.{part}"), value);
        set(set(set(options, "key", &format!("{name}:{{id}}")), "type", kind), "columns", columns)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_cut_is_an_error() {
    let database = RedisDatabase::create("");
    fill(&mut database.client());
    let (mut errors, mut whole) = (0, 0);
    for cut in 0..CUTS {
        // From within the greeting to behind the end of the rows.
        let limit = 30 + cut * 4_721 + cut * cut * 31;
        let port = proxy::cutting(address(), limit).await;
        let options = declared(database.options_at(&format!("127.0.0.1:{port}")));
        for (sql, expected) in [
            ("SELECT count(n), sum(n), count(pad) FROM r.public.h", "5000|12497500|5000"),
            ("SELECT count(*), count(value), count(index) FROM r.public.l WHERE value >= 'element'", "3000|3000|3000"),
            ("SELECT count(n), sum(n) FROM r.public.s", "3000|3000"),
            ("SELECT count(*) FROM r.public.h", "5000"),
        ] {
            let result = try_rows(&options, sql).await;
            match result {
                Ok(batches) => {
                    assert_eq!(headwater_tests::lines(&batches), [expected], "{sql} after {limit} bytes");
                    whole += 1;
                }
                Err(e) => {
                    assert!(matches!(e.kind(), ErrorKind::Unavailable), "{sql} after {limit} bytes: {e}");
                    assert!(e.to_string().contains("source r"), "{e}");
                    errors += 1;
                }
            }
        }
    }
    assert!(errors > CUTS && whole > 10, "{errors} errors, {whole} whole results");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_falls_silent_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut silent: Vec<TcpStream> = Vec::new();
        while let Ok((client, _)) = listener.accept().await {
            silent.push(client);
        }
    });
    let options = Options::new().with("host", "127.0.0.1").with("port", port.to_string());
    let options = declared(options).with("connect_timeout_ms", "300").with("response_timeout_ms", "300");
    let error = try_rows(&options, "SELECT n FROM r.public.h").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_were_closed_are_replaced_before_the_first_row() {
    let database = RedisDatabase::create("SET k:1 a\n");
    let (port, open) = proxy::gate(address()).await;
    let options = database.options_at(&format!("127.0.0.1:{port}")).with("discover", "false").with("pool_size", "2");
    let options =
        options.with("tables.k.key", "k:{id}").with("tables.k.type", "string").with("tables.k.columns", "value TEXT");
    let session = session_with(&options).await;
    let sql = "SELECT value FROM r.public.k WHERE id = '1'";
    for _ in 0..4 {
        assert_eq!(table(&session, sql).await, ["a"]);
    }
    open.store(false, Ordering::Release);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let error = session.query(sql).await.unwrap().collect().await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    open.store(true, Ordering::Release);
    for sql in [sql, "SELECT value FROM r.public.k"] {
        assert_eq!(table(&session, sql).await, ["a"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_query_stops_reading() {
    let database = RedisDatabase::create("");
    fill(&mut database.client());
    let session = session_with(&declared(database.options()).with("scan_count", "10")).await;
    let mut stream = session.query("SELECT n FROM r.public.h").await.unwrap().into_stream();
    assert!(stream.next().await.unwrap().unwrap().num_rows() > 0);
    drop(stream);
    assert_eq!(table(&session, "SELECT count(*) FROM r.public.h").await, ["5000"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_vanish_are_no_error() {
    let database = RedisDatabase::create("");
    fill(&mut database.client());
    let session = session_with(&declared(database.options()).with("scan_count", "20")).await;
    let mut writer = database.client();
    let words = |words: &[&str]| words.iter().map(|w| w.as_bytes().to_vec()).collect::<Vec<_>>();
    let changes = std::thread::spawn(move || {
        for i in 0..20_000_i32 {
            let key = format!("h:{}", 2_500 + i % 2_500);
            writer.ask(&[words(&["DEL", &key]), words(&["HSET", &key, "n", "1", "pad", "y"])]);
        }
    });
    while !changes.is_finished() {
        let found =
            table(&session, "SELECT count(n), count(*), count(pad) FROM r.public.h WHERE pad LIKE 'x%' AND n < 2500").await;
        assert_eq!(found, ["2500|2500|2500"]);
        let nulls = table(&session, "SELECT count(*) FROM r.public.h WHERE n IS NULL OR pad IS NULL").await;
        assert_eq!(nulls, ["0"], "a key that vanished is no row of nulls");
    }
    changes.join().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn users_see_what_their_rights_allow() {
    let database = RedisDatabase::create("SET k:1 a\nSET other:1 b\n");
    let mut client = database.client();
    let user = format!("hw{:08x}", rand::random::<u32>());
    client.run(&["ACL", "SETUSER", &user, "on", ">canary-secret", "~k:*", "+@read", "+@connection"]);
    let declare = |options: Options, name: &str| {
        let options = options.with(&format!("tables.{name}.key"), format!("{name}:{{id}}"));
        options.with(&format!("tables.{name}.type"), "string").with(&format!("tables.{name}.columns"), "value TEXT")
    };
    let options = declare(declare(database.options().with("discover", "false"), "k"), "other").with("user", &user);
    let session = session_with(&options.clone().with("password", "canary-secret")).await;
    assert_eq!(table(&session, "SELECT value FROM r.public.k").await, ["a"]);
    let error = session.query("SELECT value FROM r.public.other").await.unwrap().collect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    let wrong = options.with("password", "canary-wrong");
    let error = try_rows(&wrong, "SELECT value FROM r.public.k").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    assert!(!error.to_string().contains("canary"), "{error}");
    client.run(&["ACL", "DELUSER", &user]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_verifies_the_server_and_shows_the_client_certificate() {
    let prefix = format!("tls{:08x}", rand::random::<u32>());
    let options = Options::new().with("url", server("TEST_REDIS_TLS_URL")).with("existing", "replace");
    let options = options.with("tables.t.key", format!("{prefix}:{{id}}")).with("tables.t.type", "hash");
    let options = options.with("tables.t.columns", "n BIGINT").with("discover", "false");
    let secure = options
        .clone()
        .with("ssl_root_certificate", server("TEST_CA"))
        .with("ssl_certificate", server("TEST_CLIENT_CERT"))
        .with("ssl_key", server("TEST_CLIENT_KEY"));
    let session = session_with(&secure).await;
    let insert =
        session.query("INSERT INTO r.public.t (id, n, _ttl) VALUES ('a', 1, 60000), ('b', 2, 60000)").await.unwrap();
    assert_eq!(insert.affected_rows().await.unwrap(), 2);
    assert_eq!(table(&session, "SELECT id, n FROM r.public.t").await, ["a|1", "b|2"]);
    assert_eq!(table(&session, "SELECT n FROM r.public.t WHERE id = 'b'").await, ["2"]);
    let other = secure.clone().with("ssl_root_certificate", server("TEST_OTHER_CA"));
    let anonymous = options.with("ssl_root_certificate", server("TEST_CA"));
    for options in [other, anonymous] {
        let error = try_rows(&options, "SELECT n FROM r.public.t").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_protocols_give_the_same_rows() {
    let database = RedisDatabase::create(
        "HSET h:1 a 1\nZADD z:1 1.5 m -inf n\nXADD x:1 1-1 f v\nTS.ADD t:1 5 0.1 LABELS l v\nJSON.SET j:1 $ {\"a\":1}\nSADD s:1 q\n",
    );
    let (new, old) = (database.session().await, session_with(&database.options().with("protocol", "resp2")).await);
    for name in ["h", "z", "x", "t", "j", "s"] {
        let sql = format!("SELECT * FROM r.public.{name}");
        let (new, old) = (rows(&new, &sql).await, rows(&old, &sql).await);
        assert!(!new.is_empty());
        assert_eq!(headwater_tests::lines(&new), headwater_tests::lines(&old), "{name}");
    }
}
