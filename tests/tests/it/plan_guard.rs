//! A plan that became slower gives way to the one before it, and rows never change by it.

use std::sync::Arc;

use headwater_common::config::{Config, Options};
use headwater_engine::{Engine, Session};
use headwater_postgres::PostgresConnector;
use headwater_source::TableName;
use headwater_tests::{TestDatabase, table};

use crate::SERVERS;

/// Twenty rows of `pick` lead to twenty of `large`.
const SHOP: &str = "
CREATE TABLE pick (id int PRIMARY KEY, kind int NOT NULL, large int NOT NULL) WITH (autovacuum_enabled = off);
INSERT INTO pick SELECT i, i % 100, i * 7 FROM generate_series(1, 2000) i;
CREATE TABLE large (id int PRIMARY KEY, amount int NOT NULL, note text COLLATE \"C\")
    WITH (autovacuum_enabled = off);
INSERT INTO large SELECT i, i % 1000, repeat('n', 60) || i FROM generate_series(1, 200000) i;
ANALYZE;
";
const QUERY: &str = "SELECT p.id, l.amount, l.note FROM other.public.large l JOIN pg.public.pick p ON l.id = p.large WHERE p.kind = 3 ORDER BY 1";
/// What the good plan does.
const KEYS: &str = "into other.public.large.id";

async fn session(database: &TestDatabase) -> Session {
    let mut config = Config::default();
    config.engine.target_partitions = 2;
    // Times of plans are compared here, not those of planning.
    config.limits.plan_time_ms = 120_000;
    let engine = Engine::builder().config(config).connector(Arc::new(PostgresConnector)).build().await.unwrap();
    for name in ["pg", "other"] {
        let options = Options::new().with("url", database.url()).with("sslmode", "disable");
        engine.create_source(name, "postgres", &options).await.unwrap();
    }
    engine.session("test").unwrap()
}

/// Teaches the engine that the twenty rows of `pick` are millions.
async fn mislead(session: &Session) {
    let fragments = "SELECT fragment FROM system.estimate_corrections WHERE source = 'pg' AND name = 'pick'";
    for fragment in table(session, fragments).await {
        let number = u64::from_str_radix(&fragment, 16).unwrap();
        for _ in 0..8 {
            let pick = TableName::new("public", "pick");
            session.engine().sources().feedback().record(number, "pg", &pick, 20.0, 2e8);
        }
    }
}

async fn plan(session: &Session, query: &str) -> String {
    table(session, &format!("EXPLAIN {query}")).await.join("\n")
}

/// What happened to plans, by name.
async fn events(session: &Session) -> Vec<String> {
    table(session, "SELECT event FROM system.plan_events").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_wrong_estimates_made_slow_is_reverted() {
    let database = TestDatabase::create(SERVERS[0], SHOP).await;
    let session = session(&database).await;
    let rows = table(&session, QUERY).await;
    assert_eq!(rows.len(), 20);
    for _ in 0..7 {
        assert_eq!(table(&session, QUERY).await, rows);
    }
    assert!(plan(&session, QUERY).await.contains(KEYS));
    assert_eq!(events(&session).await, [""; 0]);
    mislead(&session).await;
    let slow = plan(&session, QUERY).await;
    assert!(!slow.contains(KEYS), "the wrong estimate makes another plan: {slow}");
    for _ in 0..25 {
        mislead(&session).await;
        assert_eq!(table(&session, QUERY).await, rows, "the slow plan has the same rows");
        if !events(&session).await.is_empty() {
            break;
        }
    }
    assert_eq!(events(&session).await, ["reverted"]);
    mislead(&session).await;
    assert!(plan(&session, QUERY).await.contains(KEYS), "the plan before it is back");
    let other = QUERY.replace("= 3", "= 4");
    assert!(plan(&session, &other).await.contains(KEYS));
    let texts = table(&session, &format!("EXPLAIN (PUSHDOWN) {QUERY}")).await;
    assert!(texts.iter().any(|line| line.contains("keys from")), "{texts:?}");
    let history = table(
        &session,
        "SELECT state, kept, runs > 5, median_ms > 0, choices LIKE '%by keys of id%' FROM system.plan_history \
         WHERE statement LIKE '%p . kind = ?%' ORDER BY state",
    )
    .await;
    assert_eq!(history, ["good|true|true|true|true", "rejected|false|true|true|false"]);
    // Measured again after the slow one, the plan is the faster one indeed.
    for _ in 0..20 {
        mislead(&session).await;
        assert_eq!(table(&session, QUERY).await, rows);
        if events(&session).await.len() > 1 {
            break;
        }
    }
    assert_eq!(events(&session).await, ["confirmed", "reverted"]);
    mislead(&session).await;
    session.set("optimizer.plan_guard", "off").unwrap();
    assert!(!plan(&session, QUERY).await.contains(KEYS), "without the guard the wrong estimate counts");
    session.reset("optimizer.plan_guard").unwrap();
    assert!(plan(&session, QUERY).await.contains(KEYS));
    // A table that changed has no history.
    database.run("ALTER TABLE pick ADD COLUMN more int").await;
    session.engine().refresh_source("pg").await.unwrap();
    mislead(&session).await;
    assert!(!plan(&session, QUERY).await.contains(KEYS));
    assert_eq!(table(&session, QUERY).await, rows);
    assert_eq!(
        table(&session, "SELECT count(*) FROM system.plan_history WHERE statement LIKE '%p . kind = ?%'").await,
        ["1"]
    );
    session.engine().drop_source("other").await.unwrap();
    assert_eq!(table(&session, "SELECT 1 FROM system.plan_history WHERE statement LIKE '%p . kind%'").await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_wrong_statistics_made_slow_is_reverted() {
    let database = TestDatabase::create(SERVERS[0], SHOP).await;
    let session = session(&database).await;
    session.set("optimizer.learning", "off").unwrap();
    let rows = table(&session, QUERY).await;
    for _ in 0..7 {
        assert_eq!(table(&session, QUERY).await, rows);
    }
    // The small table says that it is the large one.
    database.run("UPDATE pg_class SET reltuples = 4e9, relpages = 40000000 WHERE relname = 'pick'").await;
    session.engine().refresh_source("pg").await.unwrap();
    let slow = plan(&session, QUERY).await;
    assert!(!slow.contains(KEYS), "{slow}");
    for _ in 0..25 {
        assert_eq!(table(&session, QUERY).await, rows);
        if !events(&session).await.is_empty() {
            break;
        }
    }
    assert_eq!(events(&session).await, ["reverted"]);
    assert!(plan(&session, QUERY).await.contains(KEYS));
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_that_fail_or_are_left_say_nothing() {
    let database = TestDatabase::create(SERVERS[0], SHOP).await;
    let session = session(&database).await;
    let runs = "SELECT runs FROM system.plan_history WHERE statement LIKE '%amount / %'";
    let query = "SELECT amount / (amount - 5) FROM other.public.large WHERE id < 90000";
    let prepared = session.prepare(query).await.unwrap();
    assert!(session.execute(&prepared, Vec::new()).await.unwrap().collect().await.is_err());
    assert_eq!(table(&session, runs).await, ["0"]);
    drop(session.execute(&prepared, Vec::new()).await.unwrap());
    assert_eq!(table(&session, runs).await, ["0"]);
    table(&session, &query.replace("- 5", "- 5000")).await;
    assert_eq!(table(&session, runs).await, ["1"]);
}
