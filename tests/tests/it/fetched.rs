//! What rewrites of the plan save: rows that a Postgres source sends with a rule and without it, for the same answer.

use std::sync::Arc;

use headwater_common::config::{Config, Options, REWRITES};
use headwater_engine::{Engine, RULES, Session};
use headwater_files::FilesConnector;
use headwater_postgres::PostgresConnector;
use headwater_tests::{TestDatabase, table};

use crate::SERVERS;

const SHOP: &str = "
CREATE TABLE shop (id int PRIMARY KEY, region text COLLATE \"C\");
INSERT INTO shop SELECT i, 'r' || i % 7 FROM generate_series(1, 40) i;
CREATE TABLE sale (id int PRIMARY KEY, shop int REFERENCES shop, amount numeric(8,2) NOT NULL, pieces int, note text COLLATE \"C\");
INSERT INTO sale SELECT i, CASE WHEN i % 41 = 0 THEN NULL ELSE i % 41 END, i / 4.0, i % 9, 'n' || i % 100 FROM generate_series(1, 20000) i;
ANALYZE shop, sale;
";

/// A session with every rule but these.
async fn session(database: &TestDatabase, files: &tempfile::TempDir, off: &[&str]) -> Session {
    let mut config = Config::default();
    config.engine.target_partitions = 4;
    config.optimizer.bind_join = false;
    config.engine.file_roots = vec![files.path().canonicalize().unwrap()];
    config.optimizer.rules_off = off.iter().map(|name| (*name).to_owned()).collect();
    let builder = Engine::builder().config(config);
    let builder = builder.connector(Arc::new(PostgresConnector)).connector(Arc::new(FilesConnector));
    let engine = builder.build().await.unwrap();
    let options = Options::new().with("url", database.url()).with("sslmode", "disable");
    engine.create_source("pg", "postgres", &options).await.unwrap();
    let root = files.path().canonicalize().unwrap().display().to_string();
    engine.create_source("f", "files", &Options::new().with("root", root)).await.unwrap();
    engine.session("test").unwrap()
}

/// Rows that all scans and statements of Postgres returned.
async fn fetched(session: &Session, sql: &str) -> usize {
    let plan = table(session, &format!("EXPLAIN ANALYZE {sql}")).await.join("\n");
    let scans = plan.lines().filter(|l| l.contains("source=pg,"));
    let rows = scans.map(|scan| {
        let text = scan.split("output_rows=").nth(1).unwrap_or_else(|| panic!("no rows: {scan}"));
        let text = text.split([',', ']']).next().unwrap().trim();
        let (number, times) = text.strip_suffix(" K").map_or((text, 1.0), |number| (number, 1_000.0));
        (number.parse::<f64>().unwrap() * times).round() as usize
    });
    rows.sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_fetch_fewer_rows_for_the_same_answer() {
    let cases = [
        (
            "aggregate_below_joins",
            "SELECT t.name, sum(s.amount), count(*), avg(s.amount), max(s.note) FROM pg.public.sale s JOIN f.public.town t ON t.shop = s.shop GROUP BY t.name",
            (40, 41),
            19_000,
        ),
        (
            "copy_top_n",
            "SELECT s.id, t.name FROM pg.public.sale s LEFT JOIN f.public.town t ON t.shop = s.shop ORDER BY s.id DESC LIMIT 5",
            (5, 5),
            20_000,
        ),
    ];
    for server in SERVERS {
        let database = TestDatabase::create(server, SHOP).await;
        let files = tempfile::tempdir().unwrap();
        let towns: String = (1..=40).map(|i| format!("{i},t{}\n", i % 5)).collect();
        std::fs::write(files.path().join("town.csv"), format!("shop,name\n{towns}")).unwrap();
        let with = session(&database, &files, &[]).await;
        for (rule, sql, (least, most), without_rule) in cases {
            let without = session(&database, &files, &[rule]).await;
            assert_eq!(table(&with, sql).await, table(&without, sql).await, "{sql}");
            let (few, many) = (fetched(&with, sql).await, fetched(&without, sql).await);
            assert!((least..=most).contains(&few), "{rule}: {few} rows with the rule");
            assert!(many >= without_rule, "{rule}: {many} rows without the rule");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_referenced_table_is_not_read() {
    for server in SERVERS {
        let database = TestDatabase::create(server, SHOP).await;
        let files = tempfile::tempdir().unwrap();
        let with = session(&database, &files, &[]).await;
        let without = session(&database, &files, &["drop_referenced_joins"]).await;
        let sql = "SELECT count(*), sum(s.amount) FROM pg.public.sale s JOIN pg.public.shop p ON p.id = s.shop";
        let texts = |told: Vec<String>| told.join("\n").matches("\"public\".\"shop\"").count();
        assert_eq!(texts(table(&with, &format!("EXPLAIN (PUSHDOWN) {sql}")).await), 0);
        assert!(texts(table(&without, &format!("EXPLAIN (PUSHDOWN) {sql}")).await) > 0);
        assert_eq!(table(&with, sql).await, table(&without, sql).await);
        database.run("ALTER TABLE sale DROP CONSTRAINT sale_shop_fkey; INSERT INTO sale VALUES (0, 99, 1, 1, 'x')").await;
        table(&with, "REFRESH SOURCE pg").await;
        assert!(texts(table(&with, &format!("EXPLAIN (PUSHDOWN) {sql}")).await) > 0, "the key is gone");
        assert_eq!(table(&with, sql).await, table(&without, sql).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_is_switched_off_is_listed_as_off() {
    let database = TestDatabase::create(SERVERS[0], SHOP).await;
    let files = tempfile::tempdir().unwrap();
    for rule in REWRITES {
        assert!(RULES.contains(&rule), "{rule} is no rule");
        let session = session(&database, &files, &[rule]).await;
        let sql = format!("SELECT phase FROM system.optimizer_rules WHERE name = '{rule}'");
        assert_eq!(table(&session, &sql).await, ["off"], "{rule}");
    }
}
