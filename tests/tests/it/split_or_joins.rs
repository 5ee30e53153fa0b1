//! A join on one key or another gives the same rows, each as often, as two look-ups.

use std::sync::Arc;

use headwater_common::config::{Config, Options};
use headwater_engine::{Engine, Session};
use headwater_postgres::PostgresConnector;
use headwater_tests::{TestDatabase, table};

use crate::SERVERS;

/// Rows of `pick` repeat, have nulls, and find rows of `large` by one key, by the other and by both.
const SHOP: &str = "
CREATE TABLE pick (x int, y int, code text COLLATE \"C\", note text COLLATE \"C\");
INSERT INTO pick SELECT nullif(i % 9, 0) * 100, nullif(i % 7, 0) * 100, 'c' || i % 5, 'n' || i % 4 FROM generate_series(1, 40) i;
CREATE TABLE large (id int PRIMARY KEY, other int, code text COLLATE \"C\", v int);
INSERT INTO large SELECT i, nullif(i % 20000, 3), 'c' || i, i % 11 FROM generate_series(1, 40000) i;
CREATE INDEX ON large (other);
CREATE INDEX ON large (code);
ANALYZE;
";

async fn session(database: &TestDatabase, rule: bool) -> Session {
    let mut config = Config::default();
    config.engine.target_partitions = 2;
    if !rule {
        config.optimizer.rules_off.push("split_or_joins".to_owned());
    }
    let engine = Engine::builder().config(config).connector(Arc::new(PostgresConnector)).build().await.unwrap();
    for name in ["a", "b"] {
        let options = Options::new().with("url", database.url()).with("sslmode", "disable");
        engine.create_source(name, "postgres", &options).await.unwrap();
    }
    engine.session("test").unwrap()
}

async fn fires(session: &Session, sql: &str) -> bool {
    let told = table(session, &format!("EXPLAIN (REWRITES) {sql}")).await;
    told.iter().any(|line| line.split('|').nth(2) == Some("split_or_joins"))
}

#[tokio::test(flavor = "multi_thread")]
async fn joins_on_one_key_or_another_are_look_ups_with_the_same_rows() {
    let select = "SELECT p.x, p.y, p.note, l.id, l.v FROM a.public.pick p JOIN b.public.large l ON";
    let all = "ORDER BY 1, 2, 3, 4, 5";
    let split = [
        format!("{select} p.x = l.id OR p.y = l.other {all}"),
        format!("{select} p.x = l.id OR p.y = l.id {all}"),
        format!("{select} p.x = l.id OR (p.y = l.other AND l.v > 3) OR p.code = l.code {all}"),
        format!("{select} (l.id = p.x OR l.other = p.y) AND l.v < 9 AND p.note <> l.code WHERE p.code <> 'c1' {all}"),
        format!("{select} (p.x = l.id AND p.y < l.v) OR (p.x = l.other AND (p.y IS NULL OR l.v = 2)) {all}"),
        "SELECT count(*), count(p.x), sum(l.v) FROM b.public.large l, a.public.pick p WHERE p.x = l.id OR p.y = l.other"
            .to_owned(),
        format!(
            "SELECT DISTINCT l.* FROM a.public.pick p JOIN b.public.large l ON p.x = l.id OR p.y = l.other {}",
            "ORDER BY 1"
        ),
    ];
    let kept = [
        format!("{select} p.x = l.id OR p.y < l.other AND l.id < 3 {all}"),
        format!("{} p.x = l.id OR p.y = l.other {all}", select.replace("JOIN", "LEFT JOIN")),
        format!("{} p.x = l.id OR p.y = l.other {all}", select.replace("a.public", "b.public")),
        format!("{select} p.x = l.v OR p.y = l.other {all}"),
        format!("{select} p.x = l.id AND (p.x = l.id OR p.y = l.other) {all}"),
        format!(
            "{} p.x = l.id OR p.y = l.other {all}",
            select.replace("a.public.pick", "(SELECT * FROM a.public.pick LIMIT 9)")
        ),
    ];
    for server in SERVERS {
        let database = TestDatabase::create(server, SHOP).await;
        let (with, without) = (session(&database, true).await, session(&database, false).await);
        for sql in &split {
            let rows = table(&with, sql).await;
            assert_eq!(rows, table(&without, sql).await, "{sql}");
            assert!(!rows.is_empty(), "{sql}");
            assert!(fires(&with, sql).await && !fires(&without, sql).await, "{sql}");
        }
        for sql in &kept {
            assert!(!fires(&with, sql).await, "{sql}");
        }
        for sql in &kept[..5] {
            assert_eq!(table(&with, sql).await, table(&without, sql).await, "{sql}");
        }
        let plan = table(&with, &format!("EXPLAIN {}", split[0])).await.join("\n");
        assert_eq!(plan.matches("keys=[").count(), 2, "{plan}");
        assert!(!plan.contains("NestedLoopJoin"), "{plan}");
    }
}

/// A small generator, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        all[(self.0 % all.len() as u64) as usize]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn random_arms_give_the_same_rows() {
    let database = TestDatabase::create(SERVERS[0], SHOP).await;
    let (with, without) = (session(&database, true).await, session(&database, false).await);
    let mut random = Random(7);
    let keys = ["p.x = l.id", "l.id = p.y", "p.x = l.other", "l.other = p.y", "p.code = l.code"];
    let more = [
        "",
        " AND l.v > 4",
        " AND p.y < l.id",
        " AND (p.y IS NULL OR l.v = 2)",
        " AND p.note <> l.code",
        " AND p.x IS NOT NULL",
    ];
    let mut fired = 0;
    for _ in 0..40 {
        let arms: Vec<String> =
            (0..2 + random.0 as usize % 3).map(|_| format!("({}{})", random.of(&keys), random.of(&more))).collect();
        let also = random.of(&["", " AND l.v < 9", " AND (p.x > 100 OR l.v = 1)"]);
        let sql = format!(
            "SELECT count(*), count(p.x), sum(p.y), sum(l.id), sum(l.v) FROM a.public.pick p JOIN b.public.large l ON ({}){also}",
            arms.join(" OR ")
        );
        assert_eq!(table(&with, &sql).await, table(&without, &sql).await, "{sql}");
        fired += usize::from(fires(&with, &sql).await);
    }
    assert!(fired > 20, "{fired} of 40");
}
