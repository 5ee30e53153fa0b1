//! Table functions of forecasting over every kind of source: right values, and the input query goes to the source.

use std::time::{Duration, Instant};

use bson::{Document, doc};
use headwater_common::config::{Config, Options};
use headwater_common::{ErrorKind, Limits};
use headwater_engine::Session;
use headwater_flight_server::wire;
use headwater_tests::clickhouse::ClickHouseDatabase;
use headwater_tests::mongodb::MongoDatabase;
use headwater_tests::redis::{RedisDatabase, session_with};
use headwater_tests::{TestDatabase, session, table};

/// What the seasonal naive method forecasts for the series of these tests: the values of a week ago.
const WANT: [&str; 6] = ["a|1|100", "a|2|101", "a|3|102", "b|1|200", "b|2|201", "b|3|202"];

/// A call over a table with the columns store, day and units, of which the stores a and b are asked for.
fn call(from: &str) -> String {
    format!(
        "SELECT store, step, CAST(forecast AS BIGINT) FROM FORECAST((SELECT store, day, units FROM {from} WHERE units < 1000), \
         timestamp_col => 'day', data_col => 'units', id_cols => ['store'], horizon => 3, model => 'seasonal_naive', \
         frequency => '1d', seasonality => 7) WHERE store IN ('a', 'b')"
    )
}

async fn holds(session: &Session, from: &str, pushed: &[&str]) {
    let sql = call(from);
    assert_eq!(table(session, &sql).await, WANT, "{from}");
    let told = table(session, &format!("EXPLAIN (PUSHDOWN) {sql}")).await.join("\n");
    for part in pushed {
        assert!(told.contains(part), "{part} is not in {told}");
    }
}

/// Rows (store, day, units) of three stores over 28 days: a and b repeat weekly, c is asked for by nobody.
fn rows() -> impl Iterator<Item = (&'static str, i64, i64)> {
    [("a", 100), ("b", 200), ("c", 300)]
        .into_iter()
        .flat_map(|(store, level)| (0..28).map(move |day| (store, day, level + day % 7)))
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_tables_are_forecast() {
    for server in super::SERVERS {
        let sql = "CREATE TABLE sales (store text, day date, units int); \
            INSERT INTO sales SELECT s, date '2024-01-01' + d, (ascii(s) - 96) * 100 + d % 7 \
            FROM unnest(ARRAY['a', 'b', 'c']) s, generate_series(0, 27) d; ANALYZE";
        let database = TestDatabase::create(server, sql).await;
        let session = session(&database).await;
        holds(&session, "pg.public.sales", &["\"units\" < ", "'a'"]).await;
        let plan = table(&session, &format!("EXPLAIN {}", call("pg.public.sales"))).await.join("\n");
        assert!(plan.contains("FORECAST: timestamp_col => 'day'"), "{plan}");
        assert!(plan.contains("GroupExec: FORECAST"), "{plan}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clickhouse_tables_are_forecast() {
    let sql = "CREATE TABLE sales (store String, day DateTime64(3, 'UTC'), units UInt32) ENGINE = MergeTree ORDER BY (store, day);\n\
        INSERT INTO sales SELECT arrayJoin(['a', 'b', 'c']) AS s, toDateTime64('2024-01-01', 3, 'UTC') + number * 86400, \
        (ascii(s) - 96) * 100 + number % 7 FROM numbers(28)";
    let database = ClickHouseDatabase::create(sql).await;
    let session = database.session().await;
    holds(&session, &format!("ch.{}.sales", database.name()), &["`units` < ", "'a'"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mongodb_collections_are_forecast() {
    let document = |(store, day, units): (&str, i64, i64)| {
        doc! { "store": store, "day": bson::DateTime::from_millis(1_704_067_200_000 + day * 86_400_000), "units": units }
    };
    let documents: Vec<Document> = rows().map(document).collect();
    let database = MongoDatabase::create(&[("sales", documents)]).await;
    let session = database.session().await;
    holds(&session, &format!("mg.{}.sales", database.name()), &["\"units\":{\"$lt\"", "\"$eq\":\"a\""]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_time_series_are_forecast() {
    let add = |(store, day, units): (&str, i64, i64)| {
        format!("TS.ADD sales:{store} {} {units}\n", 1_704_067_200_000 + day * 86_400_000)
    };
    let database = RedisDatabase::create(&rows().map(add).collect::<String>());
    let session = session_with(&database.options()).await;
    let columns = "SELECT id AS store, timestamp AS day, value AS units FROM r.public.sales";
    holds(&session, &format!("({columns}) s"), &["sales:"]).await;
}

/// The numbers of a list.
fn numbers(text: &str) -> Vec<f64> {
    let texts = text.trim().trim_matches(['[', ']']).split(',').map(str::trim);
    texts.map(|t| t.parse().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn outliers_of_series_are_those_of_clickhouse() {
    let database = ClickHouseDatabase::create("").await;
    let session = database.session().await;
    for n in [4_i64, 5, 8, 21, 100, 999] {
        let value = |i: i64| ((i * i * 7 + i * 3) % 23 + if i % 17 == 5 { 90 } else { i % 6 * 4 }) as f64;
        let list = (0..n).map(|i| format!("{:.1}", value(i))).collect::<Vec<_>>().join(", ");
        for more in ["", ", 0.1, 0.9, 1.0", ", 0.3, 0.7, 0.5"] {
            let found = table(&session, &format!("SELECT series_outliers_tukey([{list}]{more})")).await.remove(0);
            let want = database.text(&format!("SELECT seriesOutliersDetectTukey([{list}]{more})")).await;
            let (found, want) = (numbers(&found), numbers(&want));
            assert_eq!(found.len(), want.len());
            let same = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-9;
            assert!(found.iter().zip(&want).all(same), "{n}{more}: {found:?}\n{want:?}");
        }
    }
}

/// A database of thousands of short series, one of which is infinite.
async fn thousands() -> TestDatabase {
    let sql = "CREATE TABLE many (id int, day date, y float8); \
        INSERT INTO many SELECT i, date '2024-01-01' + d, CASE WHEN i = 1234 AND d = 5 THEN float8 'Infinity' ELSE i + d END \
        FROM generate_series(1, 3000) i, generate_series(0, 11) d ORDER BY random(); ANALYZE";
    TestDatabase::create("TEST_PG18_URL", sql).await
}

async fn session_of(database: &TestDatabase, partitions: u64, limits: Limits) -> Session {
    let mut config = Config { limits, ..Config::default() };
    config.engine.target_partitions = partitions;
    let engine = wire::engine(config).await.unwrap();
    let options = Options::new().with("url", database.url()).with("sslmode", "disable");
    engine.create_source("pg", "postgres", &options).await.unwrap();
    engine.session("test").unwrap()
}

fn over_many(model: &str) -> String {
    format!(
        "SELECT * FROM FORECAST(TABLE pg.public.many, timestamp_col => 'day', data_col => 'y', id_cols => ['id'], horizon => 1, \
         model => '{model}')"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_series_among_thousands_is_one_row_and_partitions_change_nothing() {
    let database = thousands().await;
    let mut answers = Vec::new();
    for partitions in [1, 3] {
        let session = session_of(&database, partitions, Limits::default()).await;
        let lines = table(&session, &over_many("theta")).await;
        assert_eq!(lines.len(), 3_000);
        let bad: Vec<&String> = lines.iter().filter(|line| line.contains("infinite")).collect();
        assert!(bad.len() == 1 && bad[0].starts_with("1234|NULL|NULL|NULL"), "{bad:?}");
        answers.push(lines);
    }
    assert!(answers[0] == answers[1], "the forecasts differ with the partitions");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_fits_for_long_stops_at_its_limits() {
    let database = thousands().await;
    let session = session_of(&database, 2, Limits::default()).await;
    session.set("limits.query_time_ms", "500").unwrap();
    let started = Instant::now();
    let result = session.query(&over_many("auto")).await;
    let error = match result {
        Ok(result) => result.collect().await.unwrap_err(),
        Err(e) => e,
    };
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn series_count_for_the_memory_of_their_query() {
    let database = thousands().await;
    let limits = Limits { query_memory_bytes: 2 << 20, ..Limits::default() };
    let session = session_of(&database, 2, limits).await;
    // All rows are one series.
    let sql = "SELECT * FROM DETECT_ANOMALIES(TABLE pg.public.many, timestamp_col => 'day', data_col => 'y')";
    let error = match session.query(sql).await {
        Ok(result) => result.collect().await.unwrap_err(),
        Err(e) => e,
    };
    assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{error}");
}

/// Queries that compute for minutes in a single call, more of them than there are threads for queries.
#[tokio::test(flavor = "multi_thread")]
async fn dropped_queries_free_their_threads() {
    let database = thousands().await;
    let session = session_of(&database, 2, Limits::default()).await;
    let threads = 2 * std::thread::available_parallelism().map_or(2, std::num::NonZeroUsize::get) + 1;
    let numbers = "(SELECT value AS n, value * 7919 % 1013 AS v FROM generate_series(1, 60000) AS g(value))";
    for sql in [
        "SELECT id, forecast_agg(day, y, 3) FROM (SELECT id, day + CAST(k AS INT) * 12 AS day, y * k AS y FROM pg.public.many \
         CROSS JOIN generate_series(0, 40) AS g(k)) GROUP BY id"
            .to_owned(),
        format!("SELECT anomaly_score(v, 'matrix_profile') OVER (ORDER BY n) FROM {numbers}"),
        format!("SELECT anomaly_score(v) OVER (ORDER BY n ROWS 20000 PRECEDING) FROM {numbers}"),
        format!("SELECT * FROM DETECT_ANOMALIES({numbers}, timestamp_col => 'n', data_col => 'v', method => 'matrix_profile')"),
        format!("SELECT * FROM DETECT_CHANGEPOINTS({numbers}, timestamp_col => 'n', data_col => 'v', penalty => 1e12)"),
    ] {
        for _ in 0..threads {
            let result = session.query(&sql).await.unwrap();
            let ended = tokio::time::timeout(Duration::from_millis(700), result.collect()).await;
            assert!(!matches!(ended, Ok(Err(_))), "{sql}: {ended:?}");
        }
        let next = table(&session, "SELECT count(*) FROM pg.public.many");
        let counted = tokio::time::timeout(Duration::from_secs(30), next).await;
        assert_eq!(counted.expect("threads are free again"), ["36000"], "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn aggregated_series_count_for_the_memory_of_their_query() {
    let database = thousands().await;
    let limits = Limits { query_memory_bytes: 8 << 20, ..Limits::default() };
    let session = session_of(&database, 2, limits).await;
    let sql = "SELECT forecast_agg(n, n, 3, 'theta') FROM (SELECT value AS n FROM generate_series(1, 3000000) AS g(value))";
    let error = match session.query(sql).await {
        Ok(result) => result.collect().await.unwrap_err(),
        Err(e) => e,
    };
    assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{error}");
    assert!(error.to_string().contains("limits.query_memory_bytes"), "{error}");
}
