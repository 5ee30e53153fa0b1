//! Joins in another order give the same rows.

use std::sync::Arc;

use headwater_common::config::{Config, Options};
use headwater_engine::{Engine, Session};
use headwater_postgres::PostgresConnector;
use headwater_tests::{TestDatabase, table};

use crate::SERVERS;

const SHOP: &str = "
CREATE TABLE city (id int PRIMARY KEY, name text COLLATE \"C\", land int);
INSERT INTO city SELECT i, 'c' || i, nullif(i % 6, 0) FROM generate_series(1, 40) i;
CREATE TABLE store (id int PRIMARY KEY, city int);
INSERT INTO store SELECT i, nullif(i % 41, 0) FROM generate_series(1, 200) i;
CREATE TABLE product (id int PRIMARY KEY, brand int, maker int);
INSERT INTO product SELECT i, i % 50, nullif(i % 7, 0) FROM generate_series(1, 2000) i;
CREATE TABLE sale (id bigint PRIMARY KEY, product int, store int, day int);
INSERT INTO sale SELECT i, nullif(i * 7 % 2100, 0), i * 13 % 211, i % 365 FROM generate_series(1, 30000) i;
CREATE TABLE tag (product int, label text COLLATE \"C\");
INSERT INTO tag SELECT i % 500, 't' || i % 9 FROM generate_series(1, 900) i;
ANALYZE;
";

/// A session over the same tables as sources `a` and `b`.
async fn session(database: &TestDatabase, ordered: bool) -> Session {
    let mut config = Config::default();
    config.engine.target_partitions = 2;
    config.optimizer.join_order = ordered;
    let engine = Engine::builder().config(config).connector(Arc::new(PostgresConnector)).build().await.unwrap();
    for name in ["a", "b"] {
        let options = Options::new().with("url", database.url()).with("sslmode", "disable");
        engine.create_source(name, "postgres", &options).await.unwrap();
    }
    engine.session("test").unwrap()
}

async fn fires(session: &Session, sql: &str) -> bool {
    let told = table(session, &format!("EXPLAIN (REWRITES) {sql}")).await;
    told.iter().any(|line| line.split('|').nth(2) == Some("join_order"))
}

#[tokio::test(flavor = "multi_thread")]
async fn joins_over_two_sources_give_the_same_rows_in_another_order() {
    let star = "a.public.sale s JOIN b.public.product p ON s.product = p.id JOIN b.public.store t ON s.store = t.id \
                JOIN b.public.city c ON t.city = c.id";
    let queries = [
        format!("SELECT s.id, p.brand, c.name FROM {star} WHERE c.name = 'c7' AND p.brand < 9 ORDER BY 1"),
        format!("SELECT count(*) FROM {star} WHERE c.name = 'c7'"),
        format!("SELECT s.*, c.* FROM {star} WHERE c.id = 3 ORDER BY s.id"),
        format!("SELECT c.land, sum(s.day), count(p.maker) FROM {star} WHERE t.id < 20 GROUP BY 1 ORDER BY 1"),
        "SELECT s.id, p.brand, c.name FROM a.public.sale s LEFT JOIN b.public.product p ON s.product = p.id \
         JOIN b.public.store t ON s.store = t.id JOIN b.public.city c ON t.city = c.id WHERE c.id = 5 ORDER BY 1, 2, 3"
            .to_owned(),
        "SELECT s.id, g.label FROM a.public.sale s LEFT JOIN b.public.product p ON s.product = p.id \
         LEFT JOIN b.public.tag g ON g.product = p.id JOIN b.public.store t ON s.store = t.id AND t.city <= s.day \
         WHERE t.city = 7 ORDER BY 1, 2"
            .to_owned(),
        "SELECT s.id FROM a.public.sale s JOIN b.public.product p ON s.product = p.id \
         WHERE EXISTS (SELECT 1 FROM b.public.store t WHERE t.id = s.store AND t.city = 9) ORDER BY 1"
            .to_owned(),
        "SELECT s.id FROM a.public.sale s JOIN b.public.product p ON s.product = p.id JOIN b.public.store t ON t.id = s.store \
         WHERE NOT EXISTS (SELECT 1 FROM b.public.tag g WHERE g.product = p.id) AND t.city = 4 ORDER BY 1"
            .to_owned(),
    ];
    for server in SERVERS {
        let database = TestDatabase::create(server, SHOP).await;
        let (with, without) = (session(&database, true).await, session(&database, false).await);
        for sql in &queries {
            assert_eq!(table(&with, sql).await, table(&without, sql).await, "{sql}");
        }
        assert!(fires(&with, &queries[0]).await && fires(&with, &queries[4]).await && fires(&with, &queries[6]).await);
        assert!(!fires(&without, &queries[0]).await);
        // What one source computes as a whole stays as it is.
        assert!(!fires(&with, &queries[0].replace("a.public", "b.public")).await);
        let costs =
            table(&with, "SELECT source, statements > 5, statement_us >= 0, used FROM system.source_costs ORDER BY 1")
                .await;
        assert_eq!(costs.len(), 2, "{costs:?}");
        assert!(costs.iter().all(|line| line.contains("|true|true|")), "{costs:?}");
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

/// A count over joins of five tables in random kinds and sources.
fn random_query(random: &mut Random) -> String {
    let mut source = || random.of(&["a", "b"]).to_owned();
    let [s, p, t, c, g] = [(); 5].map(|()| source());
    let kinds = ["JOIN", "JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "LEFT SEMI JOIN", "LEFT ANTI JOIN"];
    let inner = ["JOIN", "JOIN", "LEFT JOIN"];
    let low = random.of(&["s.day < 40", "s.store = 5", "s.id % 97 = 1"]);
    let [first, second, third, last] = [random.of(&inner), random.of(&inner), random.of(&kinds), random.of(&kinds)];
    let (on_tag, on_city) =
        (random.of(&["g.product = p.id", "g.product = s.store"]), random.of(&["c.id = t.city", "c.land = p.maker"]));
    format!(
        "SELECT count(*), sum(s.id), sum(s.day) FROM {s}.public.sale s {first} {p}.public.product p ON s.product = p.id \
         {second} {t}.public.store t ON s.store = t.id {third} {c}.public.city c ON {on_city} \
         {last} (SELECT product, label FROM {g}.public.tag WHERE label < 't4') g ON {on_tag} WHERE {low}"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn random_joins_give_the_same_rows_in_another_order() {
    let database = TestDatabase::create(SERVERS[0], SHOP).await;
    let (with, without) = (session(&database, true).await, session(&database, false).await);
    let mut random = Random(42);
    let mut fired = 0;
    for _ in 0..60 {
        let sql = random_query(&mut random);
        assert_eq!(table(&with, &sql).await, table(&without, &sql).await, "{sql}");
        fired += usize::from(fires(&with, &sql).await);
    }
    assert!(fired > 10, "{fired} of 60");
}
