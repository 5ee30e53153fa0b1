//! Joins over several sources: the keys of the small side are all that is asked of the large one, and the rows are those of a
//! join that reads everything.

mod limits;
mod sources;
mod tuples;
mod values;

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use bson::{Document, doc};
use headwater_clickhouse::ClickHouseConnector;
use headwater_common::config::{Config, Options};
use headwater_engine::{Engine, Session};
use headwater_files::FilesConnector;
use headwater_mongodb::MongoConnector;
use headwater_postgres::PostgresConnector;
use headwater_redis::RedisConnector;
use headwater_tests::clickhouse::ClickHouseDatabase;
use headwater_tests::mongodb::MongoDatabase;
use headwater_tests::redis::RedisDatabase;
use headwater_tests::{TestDatabase, table};

/// Rows of each large table.
const LARGE: usize = 6_000;

const POSTGRES: &str = "
CREATE TABLE customer (id int PRIMARY KEY, region text COLLATE \"C\", score numeric(8,2));
INSERT INTO customer SELECT i, (ARRAY['north', 'south', 'ost', NULL])[1 + i % 4], i / 4.0 FROM generate_series(1, 6000) i;
CREATE TABLE orders (id bigint PRIMARY KEY, customer int, code text, amount numeric(10,2), placed date);
INSERT INTO orders SELECT i, CASE WHEN i % 50 = 0 THEN NULL ELSE 1 + i % 3000 END, 'c' || i % 1500, i / 7.0,
    DATE '2024-01-01' + i % 700 FROM generate_series(1, 6000) i;
CREATE TABLE pick (id int, customer int, code text, big bigint);
INSERT INTO pick VALUES (1, 7, 'c7', 7), (2, 8, 'c8', 30000000000), (3, NULL, NULL, NULL), (4, 7, 'c9', 2999), (5, 999999, 'zz', 1);
CREATE INDEX ON orders (customer);
ANALYZE customer, orders, pick;
";

const CLICKHOUSE: &str = "
CREATE TABLE visit (customer Int64, page String, at DateTime, kind LowCardinality(String), weight Float64)
    ENGINE = MergeTree ORDER BY customer;
INSERT INTO visit SELECT 1 + number % 3000, concat('c', toString(number % 1500)), toDateTime('2024-01-01 00:00:00', 'UTC') + number,
    concat('k', toString(number % 20)), number / 8 FROM numbers(6000);
CREATE TABLE pick (customer Int64, code String) ENGINE = MergeTree ORDER BY customer;
INSERT INTO pick VALUES (7, 'c7'), (8, 'c8'), (2999, 'c9'), (999999, 'zz')
";

/// One engine over all kinds of sources, with the rule and without it.
struct World {
    with: Session,
    without: Session,
    postgres: TestDatabase,
    clickhouse: ClickHouseDatabase,
    mongodb: MongoDatabase,
    redis: RedisDatabase,
    _files: tempfile::TempDir,
}

fn reviews() -> Vec<Document> {
    let review =
        |i: i64| doc! { "_id": i, "customer": 1 + i % 3000, "code": format!("c{}", i % 1500), "stars": (i % 5) as i32 };
    (0..LARGE as i64).map(review).collect()
}

fn picks_of_files() -> RecordBatch {
    let customers: ArrayRef = Arc::new(Int64Array::from(vec![7, 8, 2999]));
    let texts = |values: [&str; 3]| Arc::new(StringArray::from(values.to_vec())) as ArrayRef;
    let columns = [("customer", customers), ("code", texts(["c7", "c8", "c9"])), ("name", texts(["7", "8", "77777"]))];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn users() -> String {
    (1..=1_500).map(|i| format!("HSET user:{i} name n{i} age {}\n", i % 90)).collect()
}

impl World {
    async fn create() -> Self {
        let postgres = TestDatabase::create(crate::SERVERS[0], POSTGRES).await;
        let clickhouse = ClickHouseDatabase::create(CLICKHOUSE).await;
        let picks =
            [(7, "c7"), (8, "c8"), (2999, "c9")].map(|(customer, code)| doc! { "customer": customer, "code": code });
        let mongodb = MongoDatabase::create(&[("review", reviews()), ("pick", picks.to_vec())]).await;
        let redis = RedisDatabase::create(&users());
        let files = tempfile::tempdir().unwrap();
        std::fs::write(files.path().join("pick.parquet"), crate::files::parquet(&picks_of_files(), 10)).unwrap();
        std::fs::write(files.path().join("listed.csv"), "customer,code\n7,c7\n8,c8\n2999,c9\n").unwrap();
        let numbers = crate::files::parquet(&crate::files::numbers(0, 40_000), 1_000);
        std::fs::write(files.path().join("numbers.parquet"), numbers).unwrap();
        let mut world = Vec::new();
        for rule in [true, false] {
            let mut config = Config::default();
            config.engine.target_partitions = 4;
            config.optimizer.bind_join = rule;
            config.engine.file_roots = vec![files.path().canonicalize().unwrap()];
            let builder = Engine::builder().config(config).connector(Arc::new(PostgresConnector));
            let builder = builder.connector(Arc::new(ClickHouseConnector)).connector(Arc::new(MongoConnector));
            let builder = builder.connector(Arc::new(RedisConnector)).connector(Arc::new(FilesConnector));
            let engine = builder.build().await.unwrap();
            let url = Options::new().with("url", postgres.url()).with("sslmode", "disable");
            let root = files.path().canonicalize().unwrap().display().to_string();
            for (name, kind, options) in [
                ("pg", "postgres", url),
                ("ch", "clickhouse", clickhouse.options()),
                ("mg", "mongodb", mongodb.options()),
                ("r", "redis", redis.options()),
                ("f", "files", Options::new().with("root", root)),
            ] {
                engine.create_source(name, kind, &options).await.unwrap_or_else(|e| panic!("{name}: {e}"));
            }
            world.push(engine.session("test").unwrap());
        }
        let (without, with) = (world.pop().unwrap(), world.pop().unwrap());
        Self { with, without, postgres, clickhouse, mongodb, redis, _files: files }
    }

    /// The names of databases in a text.
    fn named(&self, sql: &str) -> String {
        sql.replace("ch.db", &format!("ch.{}", self.clickhouse.name()))
            .replace("mg.db", &format!("mg.{}", self.mongodb.name()))
    }

    /// The rows with the rule, which are those without it.
    async fn same(&self, sql: &str) -> Vec<String> {
        let sql = self.named(sql);
        let (with, without) = (table(&self.with, &sql).await, table(&self.without, &sql).await);
        assert_eq!(with, without, "{sql}");
        with
    }

    /// What the scan of a source with keys did when the query ran.
    async fn fetched(&self, source: &str, sql: &str) -> Fetched {
        let plan = table(&self.with, &format!("EXPLAIN ANALYZE {}", self.named(sql))).await.join("\n");
        let scan = plan.lines().find(|l| l.contains(&format!("source={source},")) && l.contains("keys=["));
        let scan = scan.unwrap_or_else(|| panic!("no scan of {source} takes keys: {plan}"));
        // A scan that nobody asked has no metrics.
        let number = |name: &str| {
            let Some(text) = scan.split(&format!("{name}=")).nth(1) else { return 0 };
            let text = text.split([',', ']']).next().unwrap().trim();
            let (number, thousands) = text.strip_suffix(" K").map_or((text, 1.0), |number| (number, 1_000.0));
            let number: f64 = number.parse().unwrap_or_else(|_| panic!("{name}: {scan}"));
            (number * thousands).round() as usize
        };
        Fetched { rows: number("output_rows"), keys: number("keys_sent"), statements: number("round_trips") }
    }

    /// Whether a plan has a scan that takes keys.
    async fn binds(&self, sql: &str) -> bool {
        table(&self.with, &format!("EXPLAIN {}", self.named(sql))).await.join("\n").contains("CollectKeysExec: keys from")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fetched {
    rows: usize,
    keys: usize,
    statements: usize,
}
