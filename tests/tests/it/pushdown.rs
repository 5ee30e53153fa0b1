//! Parts of a query that Postgres computes: one statement where one source has all tables, the same rows as without.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array, AsArray};
use datafusion::catalog::MemTable;
use futures::StreamExt;
use headwater_common::config::{Config, Options};
use headwater_common::{ErrorKind, Limits};
use headwater_engine::{Engine, Session};
use headwater_postgres::PostgresConnector;
use headwater_tests::{TestDatabase, rows, table};

use crate::SERVERS;
use crate::pushdown_queries::QUERIES;

const SHOP: &str = "
CREATE TABLE customer (id int PRIMARY KEY, region text COLLATE \"C\", name text, since date, score float8);
INSERT INTO customer SELECT i, (ARRAY['north', 'south', 'Ost', 'é', NULL])[1 + i % 5], 'n' || i % 50,
    DATE '2020-01-01' + i, CASE WHEN i % 9 = 0 THEN NULL WHEN i % 13 = 0 THEN 'NaN' ELSE i / 7.0 END
    FROM generate_series(1, 300) i;
CREATE TABLE orders (id int PRIMARY KEY, customer int REFERENCES customer, amount numeric(10,2), quantity smallint,
    placed timestamptz, note varchar(20) COLLATE \"C\", big bigint);
INSERT INTO orders SELECT i, CASE WHEN i % 11 = 0 THEN NULL ELSE 1 + i % 250 END, (i * 37 % 1000) / 7.0 - 20, i % 5 - 2,
    TIMESTAMPTZ '2024-01-01 00:00:00Z' + i * INTERVAL '7 hours', CASE WHEN i % 3 = 0 THEN NULL ELSE 'x' || i % 17 END,
    i::bigint * 3000000 FROM generate_series(1, 5000) i;
CREATE TABLE hit (customer int, kind int, at timestamp);
INSERT INTO hit SELECT 1 + i % 20, i % 3, TIMESTAMP '2024-01-01' + i * INTERVAL '1 minute' FROM generate_series(1, 4000) i;
CREATE TABLE nothing (id int PRIMARY KEY, customer int, amount numeric(10,2));
CREATE TABLE fresh (customer int, kind int);
INSERT INTO fresh VALUES (1, 1), (1, 2), (2, NULL);
ANALYZE customer, orders, hit, nothing;
";

async fn session_with(database: &TestDatabase, config: Config, without: &[&str]) -> Session {
    let builder = Engine::builder().config(config).connector(Arc::new(PostgresConnector));
    let builder = without.iter().fold(builder, |builder, rule| builder.without_rule(rule));
    let engine = builder.build().await.unwrap();
    for name in ["pg", "again"] {
        let options = Options::new().with("url", database.url()).with("sslmode", "disable").with("pool_size", "4");
        engine.create_source(name, "postgres", &options).await.unwrap();
    }
    let session = engine.session("test").unwrap();
    session.set_default(Some("pg"), Some("public")).unwrap();
    session
}

fn config() -> Config {
    let mut config = Config::default();
    config.engine.target_partitions = 4;
    config.engine.allow_native_queries = true;
    config
}

async fn shop(server: &str) -> (TestDatabase, Session) {
    let database = TestDatabase::create(server, SHOP).await;
    let session = session_with(&database, config(), &[]).await;
    (database, session)
}

/// What the sources receive, and what stays here with its reason.
async fn explain(session: &Session, sql: &str) -> (Vec<String>, Vec<String>) {
    let (mut texts, mut kept) = (Vec::new(), Vec::new());
    for batch in rows(session, &format!("EXPLAIN (PUSHDOWN) {sql}")).await {
        let value = |column: usize, row: usize| {
            let values = batch.column(column).as_string::<i32>();
            values.is_valid(row).then(|| values.value(row).to_owned())
        };
        for row in 0..batch.num_rows() {
            match value(1, row) {
                Some(text) => texts.push(text),
                None => kept.push(format!("{}: {}", value(4, row).unwrap(), value(5, row).unwrap())),
            }
        }
    }
    (texts, kept)
}

#[tokio::test(flavor = "multi_thread")]
async fn join_aggregate_having_and_top_n_are_one_statement() {
    let sql = "SELECT c.id, count(*) AS n, sum(o.amount) AS total FROM customer c JOIN orders o ON o.customer = c.id \
               WHERE o.quantity > 0 AND c.since > DATE '2020-02-01' GROUP BY c.id HAVING count(*) > 2 \
               ORDER BY total DESC, c.id LIMIT 5";
    for server in SERVERS {
        let (database, session) = shop(server).await;
        let (texts, kept) = explain(&session, sql).await;
        assert_eq!((texts.len(), kept), (1, vec![]), "{texts:?}");
        for word in ["JOIN", "GROUP BY", "ORDER BY", "LIMIT"] {
            assert!(texts[0].contains(word), "{word}: {}", texts[0]);
        }
        let without = session_with(&database, config(), &["push_down_plan"]).await;
        assert_eq!(explain(&without, sql).await.0.len(), 2);
        assert_eq!(table(&session, sql).await, table(&without, sql).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_that_multiplies_its_rows_is_not_pushed() {
    let (_database, session) = shop(SERVERS[0]).await;
    let join = "FROM hit a JOIN hit b ON a.kind = b.kind";
    let (texts, kept) = explain(&session, &format!("SELECT a.at, b.customer {join}")).await;
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(kept.iter().any(|k| k.contains("the source would send about")), "{kept:?}");
    assert_eq!(explain(&session, &format!("SELECT count(*) {join}")).await.0.len(), 1);
    // Without statistics a join of many with many is not pushed, and one on a key is.
    let (texts, kept) = explain(&session, "SELECT a.kind FROM fresh a JOIN fresh b ON a.kind = b.kind").await;
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(kept.iter().any(|k| k.contains("does not know how many rows")), "{kept:?}");
    assert_eq!(explain(&session, "SELECT c.id, f.kind FROM fresh f JOIN customer c ON f.customer = c.id").await.0.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_of_two_sources_pushes_the_largest_part_of_each() {
    let (_database, session) = shop(SERVERS[0]).await;
    let sql = "SELECT x.customer, x.n, y.hits FROM \
               (SELECT customer, count(*) AS n FROM pg.public.orders GROUP BY customer) x JOIN \
               (SELECT customer, count(*) AS hits FROM again.public.hit GROUP BY customer) y ON x.customer = y.customer \
               ORDER BY 1 LIMIT 2";
    let (texts, kept) = explain(&session, sql).await;
    assert_eq!(texts.iter().filter(|t| t.contains("GROUP BY")).count(), 2, "{texts:?}");
    assert!(kept.iter().any(|k| k.contains("its inputs are in several places: again, pg")), "{kept:?}");
    assert_eq!(table(&session, sql).await, ["1|19|200", "2|18|200"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_source_computes_otherwise_stays_here_with_its_reason() {
    let (_database, session) = shop(SERVERS[0]).await;
    let sql =
        "SELECT count(*) FROM orders o JOIN customer c ON o.customer = c.id WHERE lower(c.name) = 'n7' OR o.quantity = 9";
    let (texts, kept) = explain(&session, sql).await;
    assert!(!texts.iter().any(|t| t.contains("lower")), "{texts:?}");
    assert!(kept.iter().any(|k| k.contains("lower")), "{kept:?}");
    assert_eq!(table(&session, sql).await, ["91"]);
    let (texts, kept) =
        explain(&session, "SELECT c.id, avg(o.amount) FROM orders o JOIN customer c ON o.customer = c.id GROUP BY 1").await;
    assert_eq!(texts.len(), 1, "{texts:?} {kept:?}");
    assert!(texts[0].contains("GROUP BY") && kept.iter().any(|k| k.contains("avg")), "{texts:?} {kept:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_shape_is_one_statement_that_returns_the_rows_of_here() {
    // A query, a word of its statement, and a part that stays here, if one does.
    let cases = [
        ("SELECT customer, sum(amount) FROM orders GROUP BY customer HAVING sum(amount) > 300", "HAVING", ""),
        ("SELECT DISTINCT ON (customer) customer, id FROM orders ORDER BY customer, amount, id", "row_number", "Sort"),
        ("SELECT id FROM customer UNION SELECT customer FROM orders", "UNION ALL", ""),
        ("SELECT id FROM customer INTERSECT SELECT customer FROM orders", "EXISTS", ""),
        ("SELECT id FROM customer EXCEPT SELECT customer FROM orders", "NOT EXISTS", ""),
        (
            "SELECT quantity, customer, grouping(customer) FROM orders GROUP BY CUBE (quantity, customer)",
            "GROUPING SETS",
            "",
        ),
        ("SELECT id FROM customer WHERE id > (SELECT max(kind) FROM hit) AND id < 5", "SELECT", ""),
        ("SELECT CASE WHEN quantity > 0 THEN 1 ELSE 0 END AS c, count(*) FROM orders GROUP BY 1", "CASE", ""),
        ("SELECT customer, avg(quantity) FROM orders GROUP BY customer", "count", "avg"),
        ("SELECT upper(note) AS u, count(*), sum(quantity) FROM orders GROUP BY 1", "GROUP BY", "upper"),
        ("SELECT date_trunc('month', placed) AS m, count(*) FROM orders GROUP BY 1", "date_trunc", ""),
    ];
    let (database, session) = shop(SERVERS[0]).await;
    let without = session_with(&database, config(), headwater_engine::RULES).await;
    for (sql, word, part) in cases {
        let (texts, kept) = explain(&session, sql).await;
        assert!(texts.iter().any(|t| t.contains(word)), "{sql}: {texts:?} {kept:?}");
        assert!(part.is_empty() || kept.iter().any(|k| k.contains(part)), "{sql}: {kept:?}");
        let (off, kept) = explain(&without, sql).await;
        assert!(!off.iter().any(|t| t.contains("GROUP BY") || t.contains("JOIN")), "{sql}: {off:?}");
        assert!(kept.iter().any(|k| k.contains("optimizer.push_down_plan is switched off")), "{sql}: {kept:?}");
        let (mut there, mut here) = (table(&session, sql).await, table(&without, sql).await);
        there.sort();
        here.sort();
        assert_eq!(there, here, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_gives_the_rows_that_it_gives_without_the_rule() {
    assert!(QUERIES.len() >= 60);
    for server in SERVERS {
        let (database, session) = shop(server).await;
        let without = session_with(&database, config(), headwater_engine::RULES).await;
        let mut pushed = 0;
        for sql in QUERIES {
            assert_eq!(table(&session, sql).await, table(&without, sql).await, "{sql}");
            let plan = table(&session, &format!("EXPLAIN {sql}")).await.concat();
            pushed += usize::from(plan.contains("RemoteQueryExec"));
        }
        assert!(pushed * 3 > QUERIES.len() * 2, "only {pushed} of {} queries were pushed down", QUERIES.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_subquery_over_other_rows_is_another_one() {
    let (_database, session) = shop(SERVERS[0]).await;
    let sql = "SELECT (SELECT count(*) FROM orders WHERE id < 5), (SELECT count(*) FROM orders), \
               (SELECT max(id) AS m FROM orders WHERE id < 5), (SELECT max(id) AS m FROM orders)";
    assert_eq!(table(&session, sql).await, ["4|5000|4|5000"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_query_ends_its_statement_at_the_source() {
    let (database, session) = shop(SERVERS[0]).await;
    // A hundred million pairs.
    let sql =
        "SELECT a.kind, count(*) AS n FROM hit a JOIN hit b ON a.kind = b.kind JOIN hit c ON b.kind = c.kind GROUP BY 1";
    assert_eq!(explain(&session, sql).await.0.len(), 1);
    let running = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' \
                   AND query LIKE '%GROUP BY%' AND pid <> pg_backend_pid()";
    let mut stream = session.query(sql).await.unwrap().into_stream();
    let _ = tokio::time::timeout(Duration::from_millis(700), stream.next()).await;
    assert_eq!(database.texts(running).await, [Some("1".to_owned())]);
    drop(stream);
    for _ in 0..50 {
        if database.texts(running).await == [Some("0".to_owned())] {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the statement still runs");
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_of_a_scan_hold_for_statements_too() {
    let database = TestDatabase::create(SERVERS[0], SHOP).await;
    let limits = Limits { source_rows: 10, ..Limits::default() };
    let session = session_with(&database, Config { limits, ..config() }, &[]).await;
    let sql = "SELECT o.id, c.id FROM orders o JOIN customer c ON o.customer = c.id WHERE c.id < 10";
    assert_eq!(explain(&session, sql).await.0.len(), 1);
    let error = session.query(sql).await.unwrap().collect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    assert!(error.message().contains("limits.source_rows"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_over_a_changed_table_is_an_error_and_right_the_next_time() {
    let (database, session) = shop(SERVERS[0]).await;
    let sql = "SELECT o.id, c.id FROM orders o JOIN customer c ON o.customer = c.id WHERE c.id < 3";
    let prepared = session.prepare(sql).await.unwrap();
    database.run("ALTER TABLE customer RENAME COLUMN id TO number").await;
    let error = match session.execute(&prepared, vec![]).await {
        Ok(result) => result.collect().await.unwrap_err(),
        Err(error) => error,
    };
    assert_eq!(error.kind(), ErrorKind::SourceFailed, "{error}");
    let sql = sql.replace("c.id", "c.number");
    assert_eq!(table(&session, &sql).await.len(), 37);
}

#[tokio::test(flavor = "multi_thread")]
async fn native_queries_return_what_the_source_says() {
    let (_database, session) = shop(SERVERS[0]).await;
    let count = "query('pg', 'SELECT count(*) AS n, 7 AS n FROM orders')";
    assert_eq!(table(&session, &format!("SELECT * FROM {count}")).await, ["5000|7"]);
    let joined = "SELECT q.s, c.id FROM query('pg', 'SELECT generate_series(1, 3) AS s') q JOIN customer c ON c.id = q.s \
                  WHERE q.s > 1";
    assert_eq!(table(&session, joined).await, ["2|2", "3|3"]);
    let (texts, _) = explain(&session, joined).await;
    assert!(texts.iter().any(|t| t.contains("generate_series(1, 3) AS s")), "{texts:?}");
    let batch = rows(&session, "SELECT 1 AS one").await;
    let memory = MemTable::try_new(batch[0].schema(), vec![batch]).unwrap();
    session.register_table("one", Arc::new(memory)).unwrap();
    let mixed = "SELECT count(*) FROM query('pg', 'SELECT id FROM customer') q, headwater.public.one o WHERE q.id > o.one";
    assert_eq!(table(&session, mixed).await, ["299"]);
    for (text, word) in [
        ("DELETE FROM orders", "must be a SELECT"),
        ("DELETE FROM orders RETURNING id", "must be a SELECT"),
        ("SELECT 1; SELECT 2", "multiple commands"),
        ("SELECT nothing_there FROM orders", "nothing_there"),
        ("WITH d AS (DELETE FROM orders RETURNING id) SELECT * FROM d", "WITH clause"),
    ] {
        let error = match session.query(&format!("SELECT * FROM query('pg', '{text}')")).await {
            Ok(result) => result.collect().await.unwrap_err(),
            Err(error) => error,
        };
        assert!(error.message().contains(word), "{text}: {error}");
    }
    assert_eq!(table(&session, "SELECT count(*) FROM orders").await, ["5000"]);
}
