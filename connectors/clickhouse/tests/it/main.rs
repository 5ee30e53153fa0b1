//! Types against a real server: what arrives is what ClickHouse says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "tokio::test starts a runtime")]

mod cases;
mod render;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use headwater_tests::clickhouse::ClickHouseDatabase;
use headwater_tests::rows;

/// A table `every_type` with a column per case and a row per value.
async fn every_type(cases: &[cases::Case]) -> ClickHouseDatabase {
    let columns: Vec<String> = cases.iter().enumerate().map(|(i, c)| format!("c{i} {}", c.sql_type)).collect();
    let create = format!("CREATE TABLE every_type (n UInt16, {}) ENGINE = MergeTree ORDER BY n", columns.join(", "));
    let database = ClickHouseDatabase::create(&create).await;
    let longest = cases.iter().map(|c| c.values.len()).max().unwrap();
    for row in 0..longest {
        let values: Vec<&str> = cases.iter().map(|c| c.values[row % c.values.len()]).collect();
        database.run(&format!("INSERT INTO every_type SELECT {row}, {}", values.join(", "))).await;
    }
    database
}

async fn read(database: &ClickHouseDatabase, options: &[(&str, &str)], table: &str) -> RecordBatch {
    let mut all = database.options();
    options.iter().for_each(|(name, value)| all.set(name, *value));
    let session = database.session_with(&all).await;
    let sql = format!("SELECT * FROM ch.{}.{table} ORDER BY n", database.name());
    let batches = rows(&session, &sql).await;
    concat_batches(&batches[0].schema(), &batches).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_arrives_as_the_server_says() {
    let cases = cases::all();
    let database = every_type(&cases).await;
    let batch = read(&database, &[], "every_type").await;
    for (i, case) in cases.iter().enumerate() {
        let array = batch.column(i + 1);
        assert_eq!(array.data_type().to_string(), case.arrow, "Arrow type of {}", case.sql_type);
        let says = case.says.replace('$', &format!("c{i}"));
        let lines = database.lines(&format!("SELECT {says} FROM every_type ORDER BY n FORMAT TSVRaw")).await;
        assert_eq!(lines.len(), batch.num_rows(), "{}", case.sql_type);
        for (row, says) in lines.iter().enumerate() {
            assert_eq!(&render::render(array, row, case.json), says, "{} in row {row}", case.sql_type);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn options_decide_what_inconvenient_values_become() {
    let sql = "CREATE TABLE big (n UInt8, i Int256, u UInt128) ENGINE = Memory;\n\
        INSERT INTO big VALUES (1, '-57896044618658097711785492504343953926634992332820282019728792003956564819968', 5);\n\
        CREATE TABLE f (n UInt8, v FixedString(4)) ENGINE = Memory;\nINSERT INTO f VALUES (1, 'ab'), (2, 'a\\0b'), (3, '');\n\
        CREATE TABLE far (n UInt8, v DateTime64(8, 'UTC')) ENGINE = Memory;\nINSERT INTO far VALUES (1, '2290-01-01 00:00:00.12345678');\n\
        CREATE TABLE tm (n UInt8, v Time64(3), w Array(Time)) ENGINE = Memory;\nINSERT INTO tm VALUES (1, '-100:00:00.5', ['30:00:00']);\n";
    let database = ClickHouseDatabase::create(sql).await;
    let text = async |options: &[(&str, &str)], table: &str, column: usize| {
        let batch = read(&database, options, table).await;
        (0..batch.num_rows()).map(|row| render::render(batch.column(column), row, false)).collect::<Vec<_>>()
    };
    let least = "-57896044618658097711785492504343953926634992332820282019728792003956564819968";
    assert_eq!(text(&[], "big", 1).await, [hex(least)]);
    assert_eq!(text(&[], "big", 2).await, ["5"]);
    assert_eq!(text(&[("big_integers", "text")], "big", 2).await, [hex("5")]);
    assert_eq!(text(&[("fixed_strings", "text")], "f", 1).await, [hex("ab"), hex("a\0b"), hex("")]);
    assert_eq!(text(&[("nanoseconds", "text")], "far", 1).await, [hex("2290-01-01 00:00:00.12345678")]);
    assert_eq!(text(&[("time", "text")], "tm", 1).await, [hex("-100:00:00.500")]);
    assert_eq!(text(&[("time", "text")], "tm", 2).await, [hex("['30:00:00']")]);
    for (options, table, hint) in [
        (("big_integers", "decimal"), "big", "big_integers"),
        (("time", "time"), "tm", "\"time\""),
        (("nanoseconds", "timestamp"), "far", "\"nanoseconds\""),
    ] {
        let session = database.session_with(&database.options().with(options.0, options.1)).await;
        let result = session.query(&format!("SELECT * FROM ch.{}.{table}", database.name())).await.unwrap();
        let error = result.collect().await.unwrap_err();
        assert!(error.to_string().contains(hint), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn types_of_views_arrive_too() {
    let sql = "CREATE VIEW v AS SELECT 1 AS n, INTERVAL 3 QUARTER AS q, INTERVAL -5 SECOND AS s, INTERVAL 2 WEEK AS w, NULL AS x, \
        toIntervalNanosecond(-1) AS ns, toStartOfDay(toDateTime('2024-01-01 10:00:00', 'UTC')) AS d";
    let database = ClickHouseDatabase::create(sql).await;
    let batch = read(&database, &[], "v").await;
    let found: Vec<String> = batch.columns().iter().map(|c| render::render(c, 0, false)).collect();
    assert_eq!(found, ["1", "9 0 0", "0 0 -5000000000", "0 14 0", "\\N", "0 0 -1", "1704067200"]);
}

fn hex(text: &str) -> String {
    text.bytes().map(|b| format!("{b:02X}")).collect()
}
