//! What earlier queries have shown is used by later ones, and never changes rows.

use std::sync::Arc;

use headwater_common::ErrorKind;
use headwater_common::config::{Config, Options};
use headwater_engine::{Engine, Session};
use headwater_postgres::PostgresConnector;
use headwater_tests::{TestDatabase, table};

use crate::SERVERS;

/// `a` and `b` are always equal, which statistics of single columns do not tell.
const SKEWED: &str = "
CREATE TABLE t (id int PRIMARY KEY, a int, b int, c int);
INSERT INTO t SELECT i, i % 60, i % 60, i % 7 FROM generate_series(1, 60000) i;
CREATE TABLE u (id int PRIMARY KEY, note int);
INSERT INTO u SELECT i, i % 11 FROM generate_series(1, 60000) i;
ANALYZE;
";

async fn session(database: &TestDatabase) -> Session {
    let mut config = Config::default();
    config.engine.target_partitions = 2;
    let engine = Engine::builder().config(config).connector(Arc::new(PostgresConnector)).build().await.unwrap();
    for name in ["pg", "other"] {
        let options = Options::new().with("url", database.url()).with("sslmode", "disable");
        engine.create_source(name, "postgres", &options).await.unwrap();
    }
    engine.session("test").unwrap()
}

async fn one(session: &Session, sql: &str) -> f64 {
    let lines = table(session, sql).await;
    assert_eq!(lines.len(), 1, "{sql}: {lines:?}");
    lines[0].parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_estimates_halve_with_repeats() {
    for server in SERVERS {
        let database = TestDatabase::create(server, SKEWED).await;
        let session = session(&database).await;
        let queries = [
            "SELECT id FROM pg.public.t WHERE a = 3 AND b = 3",
            "SELECT id, c FROM pg.public.t WHERE a = 3 AND b = 4",
            "SELECT id FROM pg.public.t WHERE a < 6 AND b < 6 AND c = 1",
        ];
        let median = "SELECT median(q_error) FROM system.estimate_corrections WHERE name = 't'";
        let (mut first, mut rows) = (0.0, Vec::new());
        for round in 0..5 {
            for (place, sql) in queries.iter().enumerate() {
                let found = table(&session, sql).await;
                match rows.get(place) {
                    None => rows.push(found),
                    Some(before) => assert_eq!(before, &found, "{sql}"),
                }
            }
            if round == 0 {
                first = one(&session, median).await;
            }
        }
        let last = one(&session, median).await;
        assert!(first > 5.0 && last <= first / 2.0 && last < 1.5, "q-errors: {first} at first, {last} after five runs");
        let estimated = "EXPLAIN (PUSHDOWN) SELECT id FROM pg.public.t WHERE a = 3 AND b = 3";
        let learned = table(&session, estimated).await;
        session.set("optimizer.learning", "off").unwrap();
        let plain = table(&session, estimated).await;
        assert_ne!(learned, plain, "the estimate without learning is that of the statistics");
        let runs = "SELECT sum(runs) FROM system.estimate_corrections";
        let before = one(&session, runs).await;
        table(&session, queries[0]).await;
        assert_eq!(one(&session, runs).await, before, "nothing is recorded");
        session.reset("optimizer.learning").unwrap();
        assert_eq!(session.get("optimizer.learning").unwrap(), "true");
        let error = session.set("optimizer.learning", "perhaps").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        session.engine().drop_source("pg").await.unwrap();
        assert_eq!(table(&session, "SELECT 1 FROM system.estimate_corrections WHERE source = 'pg'").await, [""; 0]);
    }
}
