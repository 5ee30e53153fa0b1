//! Queries that compute for long end when nobody waits for them, and stay within the machine's memory.

use std::time::Duration;

use futures::StreamExt;
use headwater_common::config::Config;
use headwater_common::{ErrorKind, Limits};
use headwater_engine::{Engine, Session};

async fn session() -> Session {
    Engine::builder().build().await.unwrap().session("ann").unwrap()
}

/// Queries that take hours and find nothing: one for each operator that a join without an equality or with one can become.
const ENDLESS: &[&str] = &[
    "SELECT count(*) FROM range(2000000) a, range(2000000) b WHERE a.value + b.value < 0",
    "SELECT count(*) FROM range(2000000) a LEFT JOIN range(2000000) b ON a.value * b.value < 0",
    "SELECT count(*) FROM range(2000000) a FULL JOIN range(2000000) b ON a.value % 2 = 0 AND a.value + b.value < 0",
    "SELECT count(*) FROM range(2000000) a WHERE EXISTS (SELECT 1 FROM range(2000000) b WHERE a.value + b.value < 0)",
    "SELECT count(*) FROM (SELECT 1 AS k, value FROM range(2000000)) a JOIN (SELECT 1 AS k, value FROM range(2000000)) b \
        ON a.k = b.k AND a.value + b.value < 0",
    "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n FROM r) SELECT count(*) FROM r WHERE n < 0",
];

/// A query that nobody waits for must leave its thread: there are only a few.
async fn answers_soon(session: &Session, after: &str) {
    let one = async { session.query("SELECT count(*) FROM range(10)").await.unwrap().collect().await.unwrap() };
    let answered = tokio::time::timeout(Duration::from_secs(20), one).await;
    assert!(answered.is_ok(), "{after}: no thread is free");
}

#[tokio::test(flavor = "multi_thread")]
async fn joins_that_find_nothing_end_with_their_query() {
    let session = session().await;
    for prefer_hash in ["true", "false"] {
        session.set("datafusion.optimizer.prefer_hash_join", prefer_hash).unwrap();
        for sql in ENDLESS {
            let mut running = Vec::new();
            for _ in 0..12 {
                running.push(session.query(sql).await.unwrap().into_stream());
            }
            let first = futures::future::select_all(running.iter_mut().map(StreamExt::next));
            assert!(tokio::time::timeout(Duration::from_millis(500), first).await.is_err(), "{sql} ended by itself");
            drop(running);
            answers_soon(&session, sql).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_of_time_ends_joins_that_find_nothing() {
    let session = session().await;
    session.set("limits.query_time_ms", "300").unwrap();
    for sql in ENDLESS {
        for _ in 0..6 {
            let result = session.query(sql).await.unwrap().collect();
            let error = tokio::time::timeout(Duration::from_secs(20), result).await.unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Timeout, "{sql}: {error}");
        }
    }
    session.reset("limits.query_time_ms").unwrap();
    answers_soon(&session, "limits.query_time_ms").await;
}

/// Largest memory of this process so far, in bytes.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() * 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn large_values_are_not_copied_for_a_whole_batch() {
    let limits = Limits { plan_time_ms: 300_000, ..Limits::default() };
    let config = Config { limits, ..Config::default() };
    let session = Engine::builder().config(config).build().await.unwrap().session("ann").unwrap();
    let before = peak_bytes();
    for (sql, rows) in [
        ("SELECT count(*) FROM (SELECT unnest(range(100000)) FROM range(1000))", Some("100000000")),
        ("SELECT count(r) FROM (SELECT range(100000) AS r FROM range(9000))", Some("9000")),
        ("SELECT count(array_length(r)) FROM (SELECT range(100000) AS r) a, range(9000) b", Some("9000")),
        ("SELECT max(repeat('x', 1000000)) = repeat('x', 1000000) FROM range(9000)", Some("true")),
        ("SELECT count(*) FROM (SELECT unnest(range((SELECT 1000000))) FROM range(10000))", None),
        ("SELECT count(*) FROM (SELECT unnest(range(value * 1000)) FROM range(10000))", None),
    ] {
        let query = async { session.query(sql).await?.collect().await };
        match tokio::time::timeout(Duration::from_secs(120), query).await.unwrap() {
            Ok(batches) => {
                let found = datafusion::common::ScalarValue::try_from_array(batches[0].column(0), 0).unwrap().to_string();
                if let Some(rows) = rows {
                    assert_eq!(found, rows, "{sql}");
                }
            }
            Err(e) => assert!(rows.is_none() && e.kind() == ErrorKind::LimitExceeded, "{sql}: {e}"),
        }
        let grown = peak_bytes() - before;
        assert!(grown < 3 << 30, "{sql}: {grown} bytes more");
    }
}
