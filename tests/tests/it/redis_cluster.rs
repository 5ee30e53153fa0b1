//! Redis clusters and masters behind sentinels.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use headwater_common::ErrorKind;
use headwater_common::config::Options;
use headwater_engine::Session;
use headwater_tests::redis::{RedisClient, RedisDatabase, address, session_with, try_rows};
use headwater_tests::{proxy, server, table};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

/// Commands for keys of several nodes, each sent to the node that takes it.
fn run_anywhere(nodes: &[String], words: &[&str]) {
    let command: Vec<Vec<u8>> = words.iter().map(|w| w.as_bytes().to_vec()).collect();
    let is_done = nodes.iter().any(|node| {
        let answer = RedisClient::connect(node).ask(std::slice::from_ref(&command)).remove(0);
        !matches!(answer, headwater_tests::redis::Answer::Error(_))
    });
    assert!(is_done, "{words:?}");
}

fn nodes() -> Vec<String> {
    server("TEST_REDIS_CLUSTER").split(',').map(str::to_owned).collect()
}

fn options(prefix: &str) -> Options {
    let nodes = nodes();
    let options = Options::new().with("url", format!("redis://{}", nodes[0])).with("nodes", nodes[1..].join(","));
    let options = options.with("mode", "cluster").with("discover", "false");
    let options = options.with("tables.h.key", format!("{prefix}:{{id}}")).with("tables.h.type", "hash");
    options.with("tables.h.columns", "n BIGINT")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_node_of_a_cluster_is_read() {
    let (prefix, nodes) = (format!("c{:08x}", rand::random::<u32>()), nodes());
    for i in 0..300 {
        run_anywhere(&nodes, &["HSET", &format!("{prefix}:{i}"), "n", &i.to_string()]);
    }
    let session = session_with(&options(&prefix)).await;
    let sql = "SELECT count(n), sum(n), count(DISTINCT id) FROM r.public.h";
    assert_eq!(table(&session, sql).await, ["300|44850|300"]);
    assert_eq!(table(&session, "SELECT count(*) FROM r.public.h").await, ["300"]);
    let keys: Vec<String> = (0..50).map(|i| format!("'{}'", i * 7)).collect();
    let sql = format!("SELECT count(n) FROM r.public.h WHERE id IN ({})", keys.join(", "));
    assert_eq!(table(&session, &sql).await, ["43"]);
    assert_eq!(table(&session, "SELECT n FROM r.public.h LIMIT 7").await.len(), 7);
    let sql = "DELETE FROM r.public.h";
    assert_eq!(session.query(sql).await.unwrap().affected_rows().await.unwrap(), 300);
    assert_eq!(table(&session, "SELECT count(*) FROM r.public.h").await, ["0"]);
}

async fn refused(session: &Session, sql: &str) -> ErrorKind {
    match session.query(sql).await {
        Ok(result) => result.affected_rows().await.expect_err(sql).kind(),
        Err(e) => e.kind(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_writes_rows_of_one_slot_together() {
    let prefix = format!("c{:08x}", rand::random::<u32>());
    let session = session_with(&options(&prefix)).await;
    let sql = "INSERT INTO r.public.h (id, n, _ttl) VALUES ('{t}1', 1, 60000), ('{t}2', 2, 60000)";
    assert_eq!(session.query(sql).await.unwrap().affected_rows().await.unwrap(), 2);
    assert_eq!(table(&session, "SELECT sum(n) FROM r.public.h").await, ["3"]);
    let sql = "INSERT INTO r.public.h (id, n) VALUES ('a', 1), ('b', 2), ('c', 3), ('d', 4)";
    assert_eq!(refused(&session, sql).await, ErrorKind::Unsupported);
    assert_eq!(table(&session, "SELECT count(*) FROM r.public.h").await, ["2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_master_is_found_through_sentinels() {
    let prefix = format!("s{:08x}", rand::random::<u32>());
    let options = Options::new().with("url", format!("redis://{}", server("TEST_REDIS_SENTINEL"))).with("mode", "sentinel");
    let options = options.with("sentinel_master", "headwater").with("discover", "false");
    let options = options.with("tables.s.key", format!("{prefix}:{{id}}")).with("tables.s.type", "string");
    let options = options.with("tables.s.columns", "value TEXT");
    let session = session_with(&options).await;
    let insert = session.query("INSERT INTO r.public.s (id, value, _ttl) VALUES ('1', 'a', 60000)").await.unwrap();
    assert_eq!(insert.affected_rows().await.unwrap(), 1);
    assert_eq!(table(&session, "SELECT value FROM r.public.s").await, ["a"]);
    let wrong = options.with("sentinel_master", "nobody");
    let error = try_rows(&wrong, "SELECT value FROM r.public.s").await.unwrap_err();
    assert!(error.to_string().contains("sentinel_master"), "{error}");
}

/// A sentinel that names this port of this host as the master, whatever it is at the moment.
async fn sentinel(master: Arc<AtomicU16>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let master = Arc::clone(&master);
            tokio::spawn(async move {
                let mut client = BufReader::new(client);
                while let Some(words) = command(&mut client).await {
                    let answer = match words.first().map(String::as_str) {
                        Some("SENTINEL") => {
                            let port = master.load(Ordering::Acquire).to_string();
                            format!("*2\r\n$9\r\n127.0.0.1\r\n${}\r\n{port}\r\n", port.len())
                        }
                        _ => "+OK\r\n".to_owned(),
                    };
                    if client.get_mut().write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    port
}

/// The words of a command; `None` at the end.
async fn command(client: &mut BufReader<tokio::net::TcpStream>) -> Option<Vec<String>> {
    let number = async |kind: char, client: &mut BufReader<tokio::net::TcpStream>| {
        let mut line = String::new();
        client.read_line(&mut line).await.ok()?;
        line.trim_end().strip_prefix(kind)?.parse::<usize>().ok()
    };
    let mut words = Vec::new();
    for _ in 0..number('*', client).await? {
        let mut word = vec![0; number('$', client).await? + 2];
        client.read_exact(&mut word).await.ok()?;
        words.push(String::from_utf8_lossy(&word[..word.len() - 2]).into_owned());
    }
    Some(words)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_is_an_error_once_and_then_the_new_master_is_read() {
    let database = RedisDatabase::create("SET k:1 a\nSET k:2 b\n");
    let (first, is_up) = proxy::gate(address()).await;
    let (second, _) = proxy::gate(address()).await;
    let master = Arc::new(AtomicU16::new(first));
    let options = database.options_at(&format!("127.0.0.1:{}", sentinel(Arc::clone(&master)).await));
    let options = options.with("mode", "sentinel").with("sentinel_master", "m").with("protocol", "resp2");
    let options = options.with("discover", "false").with("tables.k.key", "k:{id}").with("tables.k.type", "string");
    let options = options.with("tables.k.columns", "value TEXT").with("connect_timeout_ms", "500");
    let session = session_with(&options).await;
    let (scan, look_up) = ("SELECT value FROM r.public.k", "SELECT value FROM r.public.k WHERE id = '2'");
    assert_eq!(table(&session, scan).await, ["a", "b"]);
    // The master is gone before the sentinels agree on another.
    is_up.store(false, Ordering::Release);
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    for sql in [scan, look_up] {
        let error = session.query(sql).await.unwrap().collect().await.unwrap_err();
        assert!(error.kind() == ErrorKind::Unavailable && error.is_retryable(), "{sql}: {error}");
    }
    master.store(second, Ordering::Release);
    for sql in [look_up, scan] {
        let expected: &[&str] = if sql == scan { &["a", "b"] } else { &["b"] };
        assert_eq!(table(&session, sql).await, expected, "{sql}");
    }
    let change = session.query("UPDATE r.public.k SET value = 'c' WHERE id = '1'").await.unwrap();
    assert_eq!(change.affected_rows().await.unwrap(), 1);
    assert_eq!(table(&session, scan).await, ["b", "c"]);
}
