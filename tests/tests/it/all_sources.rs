//! One query over Postgres, ClickHouse, MongoDB, Redis and a Parquet file.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bson::doc;
use datafusion::arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray};
use datafusion::parquet::arrow::ArrowWriter;
use headwater_common::config::{Config, Options};
use headwater_engine::Session;
use headwater_tests::clickhouse::ClickHouseDatabase;
use headwater_tests::mongodb::MongoDatabase;
use headwater_tests::redis::RedisDatabase;
use headwater_tests::{TestDatabase, clickhouse, lines, mongodb, proxy, redis, rows, table};
use tempfile::TempDir;

const CUSTOMERS: i32 = 60;
const TIERS: [&str; 3] = ["bronze", "silver", "gold"];

/// The databases, each behind a port that can be closed, and a session over all of them.
struct Stores {
    session: Session,
    gates: Vec<(&'static str, Arc<AtomicBool>)>,
    clickhouse: ClickHouseDatabase,
    mongodb: MongoDatabase,
    _postgres: TestDatabase,
    _redis: RedisDatabase,
    _folder: TempDir,
}

/// Customer `i` has `i % 5` orders of `i`, `i % 4` visits, `i % 3` open tickets and the tier `i % 3`.
async fn stores() -> Stores {
    let postgres = TestDatabase::create(
        "TEST_PG18_URL",
        &format!(
            "CREATE TABLE customers (id int PRIMARY KEY, name text);
             CREATE TABLE orders (customer int, amount numeric(10,2));
             INSERT INTO customers SELECT i, 'c' || i FROM generate_series(1, {CUSTOMERS}) i;
             INSERT INTO orders SELECT i, i FROM generate_series(1, {CUSTOMERS}) i, generate_series(1, i % 5) n; ANALYZE;"
        ),
    )
    .await;
    let clickhouse = ClickHouseDatabase::create(&format!(
        "CREATE TABLE visits (customer Int32, page String) ENGINE = MergeTree ORDER BY customer;\n\
         INSERT INTO visits SELECT 1 + number % {CUSTOMERS}, if(number < 1000, 'cart', 'home') FROM numbers(6000)\n\
         WHERE number >= 1000 OR intDiv(number, {CUSTOMERS}) < (1 + number % {CUSTOMERS}) % 4;\n"
    ))
    .await;
    let ticket = |(i, n): (i32, i32)| doc! { "customer": i, "state": if n < i % 3 { "open" } else { "closed" } };
    let tickets = (1..=CUSTOMERS).flat_map(|i| (0..4).map(move |n| (i, n))).map(ticket).collect();
    let mongodb = MongoDatabase::create(&[("tickets", tickets)]).await;
    let loyalty: Vec<String> =
        (1..=CUSTOMERS).map(|i| format!("HSET loyalty:{i} tier {} points {i}", TIERS[(i % 3) as usize])).collect();
    let redis = RedisDatabase::create(&loyalty.join("\n"));
    let folder = tempfile::tempdir().unwrap();
    let percents: [(&str, ArrayRef); 2] =
        [("tier", Arc::new(StringArray::from(TIERS.to_vec()))), ("percent", Arc::new(Int32Array::from(vec![1, 2, 5])))];
    let batch = RecordBatch::try_from_iter(percents).unwrap();
    let file = std::fs::File::create(folder.path().join("tiers.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let (session, gates) = session(&postgres, &clickhouse, &mongodb, &redis, &folder).await;
    Stores { session, gates, clickhouse, mongodb, _postgres: postgres, _redis: redis, _folder: folder }
}

async fn session(
    postgres: &TestDatabase,
    clickhouse: &ClickHouseDatabase,
    mongodb: &MongoDatabase,
    redis: &RedisDatabase,
    folder: &TempDir,
) -> (Session, Vec<(&'static str, Arc<AtomicBool>)>) {
    let mut config = Config::default();
    config.engine.file_roots = vec![folder.path().to_path_buf()];
    let engine = headwater_flight_server::wire::engine(config).await.unwrap();
    let url = postgres.url();
    let server = url.split_once('@').unwrap().1.split_once('/').unwrap().0.to_owned();
    let (pg, pg_open) = proxy::gate(server.clone()).await;
    let (ch, ch_open) = proxy::gate(clickhouse::address()).await;
    let (mg, mg_open) = proxy::gate(mongodb::address()).await;
    let (r, r_open) = proxy::gate(redis::address()).await;
    let of_postgres =
        Options::new().with("url", url.replace(&server, &format!("127.0.0.1:{pg}"))).with("sslmode", "disable");
    let of_clickhouse = clickhouse.options().with("url", format!("http://127.0.0.1:{ch}"));
    let of_mongodb = mongodb.options().with("url", format!("mongodb://127.0.0.1:{mg}/?directConnection=true"));
    let of_mongodb = of_mongodb.with("server_selection_timeout_ms", "1000");
    let of_redis = redis.options_at(&format!("127.0.0.1:{r}")).with("tables.loyalty.key", "loyalty:{customer}");
    let of_redis = of_redis.with("tables.loyalty.type", "hash").with("discover", "false");
    let of_redis = of_redis.with("tables.loyalty.columns", "customer INT, tier TEXT, points BIGINT");
    let of_files = Options::new().with("root", folder.path().display().to_string());
    for (name, kind, options) in [
        ("pg", "postgres", of_postgres),
        ("ch", "clickhouse", of_clickhouse),
        ("mg", "mongodb", of_mongodb),
        ("r", "redis", of_redis),
        ("f", "files", of_files),
    ] {
        engine.create_source(name, kind, &options).await.unwrap();
    }
    let gates = vec![("pg", pg_open), ("ch", ch_open), ("mg", mg_open), ("r", r_open)];
    (engine.session("test").unwrap(), gates)
}

impl Stores {
    fn query(&self, filter: &str) -> String {
        format!(
            "SELECT c.id, o.spent, coalesce(v.visits, 0), coalesce(t.open, 0), l.points, d.percent
             FROM pg.public.customers c
             JOIN (SELECT customer, sum(amount) AS spent FROM pg.public.orders GROUP BY 1) o ON o.customer = c.id
             LEFT JOIN (SELECT customer, count(*) AS visits FROM ch.{}.visits WHERE page = 'cart' GROUP BY 1) v
               ON v.customer = c.id
             LEFT JOIN (SELECT customer, count(*) AS open FROM mg.{}.tickets WHERE state = 'open' GROUP BY 1) t
               ON t.customer = c.id
             JOIN r.public.loyalty l ON l.customer = c.id
             JOIN f.public.tiers d ON d.tier = l.tier
             WHERE {filter}",
            self.clickhouse.name(),
            self.mongodb.name()
        )
    }

    async fn try_rows(&self, sql: &str) -> Result<Vec<String>, headwater_common::Error> {
        self.session.query(sql).await?.collect().await.map(|batches| lines(&batches))
    }
}

fn expected(chosen: impl Fn(i32) -> bool) -> Vec<String> {
    let row = |i: i32| {
        let percent = [1, 2, 5][(i % 3) as usize];
        format!("{i}|{}.00|{}|{}|{i}|{percent}", (i % 5) * i, i % 4, i % 3)
    };
    let mut rows: Vec<String> = (1..=CUSTOMERS).filter(|i| i % 5 > 0 && chosen(*i)).map(row).collect();
    rows.sort();
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn one_query_joins_every_source_and_each_computes_its_part() {
    let stores = stores().await;
    assert_eq!(table(&stores.session, &stores.query("true")).await, expected(|_| true));
    let gold = stores.query("l.tier = 'gold' AND c.id > 10");
    assert_eq!(table(&stores.session, &gold).await, expected(|i| i % 3 == 2 && i > 10));
    let few = stores.query("c.id IN (7, 8, 9, 10)");
    assert_eq!(table(&stores.session, &few).await, expected(|i| (7..=10).contains(&i)));
    // Groups are made where the rows are.
    let shown = lines(&rows(&stores.session, &format!("EXPLAIN {}", stores.query("true"))).await).join("\n");
    for part in ["GROUP BY", "$group", "\"HMGET\"", "tiers.parquet", "FROM \"public\".\"customers\""] {
        assert!(shown.contains(part), "{part} in\n{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_rows_than_a_source_counts_are_no_limit() {
    let stores = stores().await;
    let (ch, mg) = (stores.clickhouse.name(), stores.mongodb.name());
    for (table, key) in [
        ("pg.public.customers".to_owned(), "id"),
        (format!("ch.{ch}.visits"), "customer"),
        (format!("mg.{mg}.tickets"), "customer"),
        ("r.public.loyalty".to_owned(), "customer"),
        ("f.public.tiers".to_owned(), "tier"),
    ] {
        let count = async |below: &str| {
            let sql = format!("SELECT count(*) FROM (SELECT {key} FROM {table} {below}) x");
            stores.try_rows(&sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"))[0].parse::<i64>().unwrap()
        };
        let all = count("").await;
        assert!(all > 2, "{table}: {all}");
        let most = i64::MAX;
        assert_eq!(count(&format!("LIMIT {most} OFFSET 2")).await, all - 2, "{table}");
        assert_eq!(count(&format!("ORDER BY {key} LIMIT {most} OFFSET 2")).await, all - 2, "{table}");
        assert_eq!(count(&format!("ORDER BY {key} LIMIT {most} OFFSET {most}")).await, 0, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_away_fails_the_query_and_is_named() {
    let stores = stores().await;
    let sql = stores.query("true");
    assert_eq!(stores.try_rows(&sql).await.unwrap(), expected(|_| true));
    for (name, open) in &stores.gates {
        open.store(false, Ordering::Release);
        tokio::time::sleep(Duration::from_millis(50)).await;
        let error = stores.try_rows(&sql).await.unwrap_err();
        assert!(error.is_retryable() && error.to_string().contains(&format!("source {name}")), "{name}: {error}");
        open.store(true, Ordering::Release);
        let mut found = stores.try_rows(&sql).await;
        for _ in 0..50 {
            if found.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            found = stores.try_rows(&sql).await;
        }
        assert_eq!(found.unwrap(), expected(|_| true), "{name}");
    }
}
