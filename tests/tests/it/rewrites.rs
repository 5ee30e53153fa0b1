//! What rewrites save at the sources: no statement where no row can pass, one where the same is read twice.

use std::sync::Arc;

use headwater_common::config::{Config, Options};
use headwater_engine::{Engine, Session};
use headwater_postgres::PostgresConnector;
use headwater_redis::RedisConnector;
use headwater_tests::redis::RedisDatabase;
use headwater_tests::{TestDatabase, rows, table};

use crate::SERVERS;

const SHOP: &str = "
CREATE TABLE item (id int PRIMARY KEY, kind int NOT NULL, note text COLLATE \"C\");
INSERT INTO item SELECT i, i % 50, repeat('x', 150) || i FROM generate_series(1, 40000) i;
ANALYZE item;
";

/// A session whose source of this name has these options; readings are shared.
async fn session_of(name: &str, kind: &str, options: &Options) -> Session {
    let mut config = Config::default();
    config.engine.target_partitions = 4;
    config.optimizer.share_reads = true;
    let builder = Engine::builder().config(config).connector(Arc::new(PostgresConnector));
    let engine = builder.connector(Arc::new(RedisConnector)).build().await.unwrap();
    engine.create_source(name, kind, options).await.unwrap();
    engine.session("test").unwrap()
}

async fn session(database: &TestDatabase) -> Session {
    session_of("pg", "postgres", &Options::new().with("url", database.url()).with("sslmode", "disable")).await
}

/// Commands that read the keys of a table and their values.
const READS: [&str; 3] = ["scan", "hmget", "hgetall"];

/// How often a query makes the server run some commands. Other tests make it run them too, so the fewest of several times count.
async fn calls(database: &RedisDatabase, session: &Session, commands: &[&str], sql: &str) -> u64 {
    let mut fewest = u64::MAX;
    for _ in 0..20 {
        let before = database.called(commands);
        table(session, sql).await;
        fewest = fewest.min(database.called(commands) - before);
    }
    fewest
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_row_can_pass_asks_no_source() {
    let database = RedisDatabase::create("HSET user:1 age 41\nHSET user:2 age 7");
    let session = session_of("r", "redis", &database.options()).await;
    table(&session, "SELECT * FROM r.public.user").await;
    assert!(calls(&database, &session, &READS, "SELECT u.id FROM r.public.user u WHERE age > 5").await > 0);
    for filter in ["age > 5 AND age < 3", "id = '1' AND id = '2'", "age = NULL", "age IS NULL AND age > 1"] {
        let sql = format!("SELECT u.id FROM r.public.user u WHERE {filter}");
        assert_eq!(table(&session, &sql).await, [""; 0], "{filter}");
        assert_eq!(calls(&database, &session, &READS, &sql).await, 0, "{filter}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_query_is_read_once() {
    let users: String = (0..300).map(|i| format!("HSET user:{i} age {}\n", i % 7)).collect();
    let database = RedisDatabase::create(&users);
    let session = session_of("r", "redis", &database.options()).await;
    let twice =
        "WITH u AS (SELECT id, age FROM r.public.user) SELECT count(*) FROM u a JOIN u b ON a.age = b.age AND a.id <> b.id";
    assert_eq!(table(&session, twice).await, [((43 * 42) * 6 + 42 * 41).to_string()]);
    let single = calls(&database, &session, &READS, "SELECT id, age FROM r.public.user").await;
    assert_eq!(calls(&database, &session, &READS, twice).await, single);
    let plan = table(&session, &format!("EXPLAIN {twice}")).await.join("\n");
    assert!(plan.contains("SharedReadExec: reader=1 of 2") && plan.contains("SharedReadExec: reader=2 of 2"), "{plan}");
    let texts = table(&session, &format!("EXPLAIN (PUSHDOWN) {twice}")).await;
    assert_eq!(texts.iter().filter(|l| l.contains("SCAN")).count(), 1, "{texts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_for_a_later_reader_spill_when_memory_is_short() {
    for server in SERVERS {
        let database = TestDatabase::create(server, SHOP).await;
        let session = session(&database).await;
        let sql = "WITH u AS (SELECT id, note FROM pg.public.item) \
                   SELECT count(*), min(b.note), max(length(b.note)) FROM (SELECT max(length(initcap(note))) AS n FROM u) a \
                   JOIN u b ON length(initcap(b.note)) <= a.n";
        let plan = table(&session, &format!("EXPLAIN {sql}")).await.join("\n");
        assert!(plan.contains("SharedReadExec: reader=2 of 2"), "{plan}");
        let want = [format!("40000|{}1|155", "x".repeat(150))];
        assert_eq!(table(&session, sql).await, want);
        session.set("limits.query_memory_bytes", "4000000").unwrap();
        assert_eq!(table(&session, sql).await, want, "with little memory");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_stops_early_does_not_keep_others() {
    let database = TestDatabase::create(SERVERS[0], SHOP).await;
    let session = session(&database).await;
    let sql = "WITH u AS (SELECT id, upper(note) AS n FROM pg.public.item) \
               SELECT (SELECT count(*) FROM (SELECT id FROM u WHERE n <> 'a' LIMIT 3)), (SELECT count(DISTINCT id) FROM u WHERE n <> 'b')";
    assert_eq!(table(&session, sql).await, ["3|40000"]);
    let union = "WITH u AS (SELECT id, note FROM pg.public.item) SELECT length(note) FROM u UNION ALL SELECT length(note) + id FROM u LIMIT 5";
    assert_eq!(rows(&session, union).await.iter().map(|b| b.num_rows()).sum::<usize>(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_rule_that_fired_is_shown() {
    let database = TestDatabase::create(SERVERS[0], SHOP).await;
    let session = session(&database).await;
    let other = Options::new().with("url", database.url()).with("sslmode", "disable");
    session.engine().create_source("again", "postgres", &other).await.unwrap();
    let sql = "SELECT DISTINCT i.id, i.kind FROM pg.public.item i JOIN \
               (SELECT kind, count(*) AS n FROM again.public.item WHERE id < 40 GROUP BY kind) k ON k.kind = i.id";
    let told = table(&session, &format!("EXPLAIN (REWRITES) {sql}")).await;
    let fired = |phase: &str, rule: &str| {
        told.iter().any(|l| l.split('|').nth(1) == Some(phase) && l.split('|').nth(2) == Some(rule))
    };
    for (phase, rule) in [("logical", "push_down_filter"), ("push-down", "push_down_plan"), ("physical", "bind_join")] {
        assert!(fired(phase, rule), "{rule}: {told:?}");
    }
    let told = table(&session, "EXPLAIN (REWRITES) SELECT DISTINCT id FROM pg.public.item WHERE kind = 1").await;
    assert!(told.iter().any(|l| l.contains("ungroup_by_key")), "{told:?}");
    let ran = rows(&session, "EXPLAIN (REWRITES) SELECT 1 AS one").await;
    assert!(ran.iter().all(|b| b.num_columns() == 5));
}
