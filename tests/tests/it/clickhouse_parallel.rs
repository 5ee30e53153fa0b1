//! Several readers of one ClickHouse table return every row once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use headwater_tests::clickhouse::ClickHouseDatabase;
use headwater_tests::table;

#[tokio::test(flavor = "multi_thread")]
async fn parallel_readers_return_every_row_once() {
    for (key, make) in [
        ("Int32", "toInt32(number) - 200000"),
        ("UInt64", "number * 46116860184273"),
        ("Nullable(Int64)", "if(number % 10 = 0, NULL, toInt64(number))"),
        ("Date", "toDate(number % 60000)"),
        ("DateTime('Asia/Tokyo')", "toDateTime(number * 10000, 'Asia/Tokyo')"),
    ] {
        let sql = format!(
            "CREATE TABLE t (k {key}, id UInt32, s String) ENGINE = MergeTree ORDER BY k SETTINGS allow_nullable_key = 1;\n\
             INSERT INTO t SELECT {make}, number, toString(number) FROM numbers(400000);\n"
        );
        let database = ClickHouseDatabase::create(&sql).await;
        let (session, name) = (database.session().await, database.name());
        let plan = table(&session, &format!("EXPLAIN SELECT k, id FROM ch.{name}.t")).await.join("\n");
        assert!(plan.contains("partitions=") && !plan.contains("partitions=1"), "{key}: {plan}");
        let sql = format!(
            "SELECT count(*), count(DISTINCT id), sum(id), count(k), max(s), min(k) IS NULL FROM ch.{name}.t WHERE s <> upper('x')"
        );
        let expected = database
            .text("SELECT count(), uniqExact(id), sum(id), count(k), max(s), min(k) IS NULL FROM t")
            .await
            .trim()
            .replace('\t', "|")
            .replace("|0", "|false");
        assert_eq!(table(&session, &sql).await, [expected], "{key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_without_a_number_as_key_are_read_by_partitions() {
    let sql = "CREATE TABLE t (s String, d Date, v UInt32) ENGINE = MergeTree PARTITION BY toYYYYMM(d) ORDER BY s;\n\
        INSERT INTO t SELECT toString(number), toDate('2024-01-01') + number % 300, number FROM numbers(200000);\n\
        CREATE TABLE r (s String, d Date, v UInt32) ENGINE = ReplacingMergeTree PARTITION BY toYYYYMM(d) ORDER BY s;\n\
        INSERT INTO r SELECT toString(number % 100000), toDate('2024-01-01') + number % 300, number FROM numbers(200000)";
    let database = ClickHouseDatabase::create(sql).await;
    let (session, name) = (database.session_with(&database.options().with("final", "true")).await, database.name());
    let plan = table(&session, &format!("EXPLAIN SELECT s, v FROM ch.{name}.t")).await.join("\n");
    assert!(plan.contains("partitions=") && !plan.contains("partitions=1"), "{plan}");
    let sum = format!("SELECT count(*), count(DISTINCT s), sum(v) FROM ch.{name}.t WHERE s <> upper('x')");
    assert_eq!(table(&session, &sum).await, ["200000|200000|19999900000"]);
    // Rows that FINAL merges may be in several partitions.
    let plan = table(&session, &format!("EXPLAIN SELECT s, v FROM ch.{name}.r")).await.join("\n");
    assert!(plan.contains("partitions=1"), "{plan}");
    let sum = format!("SELECT count(*), count(DISTINCT s) FROM ch.{name}.r WHERE s <> upper('x')");
    assert_eq!(table(&session, &sum).await, ["100000|100000"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_neither_lost_nor_doubled_while_merges_run() {
    let sql = "CREATE TABLE t (k UInt32, id UInt64) ENGINE = MergeTree ORDER BY k \
            SETTINGS index_granularity = 512, old_parts_lifetime = 1;\n\
        INSERT INTO t SELECT cityHash64(number) % 1000000, number FROM numbers(300000);\n";
    let database = Arc::new(ClickHouseDatabase::create(sql).await);
    let (session, name) = (database.session().await, database.name().to_owned());
    let done = Arc::new(AtomicBool::new(false));
    let (writer, stop) = (Arc::clone(&database), Arc::clone(&done));
    let changes = tokio::spawn(async move {
        let mut round: u64 = 0;
        while !stop.load(Ordering::Acquire) {
            round += 1;
            let from = 1_000_000 + round * 1_000;
            let insert = format!("INSERT INTO t SELECT cityHash64(number) % 1000000, number FROM numbers({from}, 1000)");
            writer.run(&insert).await;
            if round.is_multiple_of(3) {
                writer.run("OPTIMIZE TABLE t FINAL").await;
            }
        }
        round
    });
    let sql = format!("SELECT count(*), count(DISTINCT id), sum(id) FROM ch.{name}.t WHERE id < 300000 AND abs(k) >= 0");
    for round in 0..25 {
        let found = table(&session, &sql).await;
        assert_eq!(found, ["300000|300000|44999850000"], "round {round}");
        let all = format!("SELECT count(*) - count(DISTINCT id) FROM ch.{name}.t WHERE abs(k) >= 0");
        assert_eq!(table(&session, &all).await, ["0"], "round {round}: a row was doubled");
    }
    done.store(true, Ordering::Release);
    let rounds = changes.await.unwrap();
    assert!(rounds >= 3, "only {rounds} rounds of changes ran");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_queries_share_few_requests_without_blocking_each_other() {
    let sql = "CREATE TABLE t (k UInt32, id UInt64) ENGINE = MergeTree ORDER BY k;\n\
        INSERT INTO t SELECT number, number FROM numbers(300000);\n";
    let database = ClickHouseDatabase::create(sql).await;
    let session = database.session_with(&database.options().with("pool_size", "2")).await;
    let sql = format!(
        "SELECT count(a.id) FROM ch.{0}.t a JOIN ch.{0}.t b ON a.id = b.id WHERE abs(a.id) < 1000",
        database.name()
    );
    let queries = (0..8).map(|_| table(&session, &sql));
    let all = tokio::time::timeout(std::time::Duration::from_secs(120), futures::future::join_all(queries)).await.unwrap();
    assert!(all.iter().all(|found| found == &["1000"]), "{all:?}");
}
