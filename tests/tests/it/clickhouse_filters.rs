//! A filter that ClickHouse computes returns the rows that it returns here.

use std::sync::Arc;

use datafusion::catalog::MemTable;
use headwater_tests::clickhouse::ClickHouseDatabase;
use headwater_tests::{lines, rows, table};

const TABLE: &str = r"CREATE TABLE f (i8 Nullable(Int8), i64 Nullable(Int64), u64 Nullable(UInt64), n Int32,
  f4 Nullable(Float32), f8 Nullable(Float64), dec Nullable(Decimal(20, 4)), wide Nullable(Decimal(60, 5)),
  d Nullable(Date), d32 Nullable(Date32), ts Nullable(DateTime('Asia/Tokyo')), t3 Nullable(DateTime64(3)),
  t9 Nullable(DateTime64(9, 'UTC')), b Nullable(Bool), s Nullable(String), lc LowCardinality(Nullable(String)),
  u Nullable(UUID), e Nullable(Enum8('sad' = -1, 'ok' = 5, 'it\'s' = 2)), ip Nullable(IPv4), ip6 Nullable(IPv6),
  fs Nullable(FixedString(3)), a Array(Nullable(UInt8)), j Nullable(String)) ENGINE = MergeTree ORDER BY tuple();
INSERT INTO f SELECT
  [NULL, 0, -1, 1, 127, -128][1 + number % 6], [NULL, 0, -1, 1, 9223372036854775807, -9223372036854775808][1 + number % 6],
  [NULL, 0, 1, 9223372036854775808, 18446744073709551615][1 + number % 5], number % 7 - 3,
  [NULL, 0, -0.0, 1.5, nan, inf, -inf, -1.5][1 + number % 8], [NULL, 0, -0.0, 1.5, nan, inf, -inf, -1.5][1 + number % 8],
  [NULL, '0', '1.5', '-1.5', '1234567890123456.7891', '-0.0001'][1 + number % 6],
  [NULL, '0', '1.5', '-1.5', '1234567890123456789012345678901234567890.00001'][1 + number % 5],
  [NULL, '1970-01-01', '2024-02-29', '2149-06-06'][1 + number % 4], [NULL, '1900-01-01', '2024-02-29', '2299-12-31'][1 + number % 4],
  [NULL, 0, 1709251199, 4294967295][1 + number % 4],
  [NULL, '1970-01-01 00:00:00.000', '2024-02-29 23:59:59.999', '1900-01-01 00:00:00.000'][1 + number % 4],
  [NULL, '1970-01-01 00:00:00', '2024-02-29 23:59:59.999999999', '1900-01-01 00:00:00'][1 + number % 4],
  [NULL, true, false][1 + number % 3],
  [NULL, '', 'a', 'B', 'b', 'é', 'Z', 'a\'b', 'a\\b', 'ß', '日本', ' a', 'a%', 'a_b', 'a\nb', 'a\0', '\\'][1 + number % 17],
  [NULL, '', 'a', 'B', 'b', 'é', 'Z'][1 + number % 7],
  [NULL, '550e8400-e29b-41d4-a716-446655440000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'][1 + number % 3],
  [NULL, 'sad', 'ok', 'it\'s'][1 + number % 4], [NULL, '0.0.0.0', '1.2.3.4'][1 + number % 3],
  [NULL, '::1', '::ffff:1.2.3.4', '2001:db8::1'][1 + number % 4], [NULL, 'a', 'abc'][1 + number % 3],
  [[], [1], [NULL]][1 + number % 3], NULL
  FROM numbers(840);
";

/// Values for each column, as SQL texts.
const VALUES: &[(&str, &[&str])] = &[
    ("i8", &["0", "1", "-128", "CAST(NULL AS tinyint)", "40000"]),
    ("i64", &["0", "-1", "9223372036854775807", "NULL"]),
    ("u64", &["0", "9223372036854775808", "18446744073709551615", "-1"]),
    ("n", &["0", "-3", "3000000000"]),
    ("f4", &["CAST(1.5 AS real)", "CAST(0 AS real)", "CAST('NaN' AS real)"]),
    ("f8", &["CAST(1.5 AS double)", "CAST(0 AS double)", "CAST('NaN' AS double)", "CAST('-Infinity' AS double)"]),
    ("dec", &["1.5", "0", "CAST(1234567890123456.7891 AS decimal(20,4))", "-0.0001", "1.50001"]),
    ("wide", &["1.5", "0", "-1.5"]),
    ("d", &["DATE '1970-01-01'", "DATE '2024-02-29'", "DATE '9999-12-31'", "DATE '1960-01-01'"]),
    ("d32", &["DATE '1900-01-01'", "DATE '2024-02-29'", "DATE '2299-12-31'", "DATE '1899-12-31'"]),
    ("ts", &["CAST('1970-01-01T00:00:00Z' AS timestamptz)", "CAST('2024-02-29T23:59:59Z' AS timestamptz)"]),
    ("ts", &["CAST('2024-02-29T23:59:59.5Z' AS timestamptz)", "CAST('2200-01-01T00:00:00Z' AS timestamptz)"]),
    ("t3", &["CAST('2024-02-29T23:59:59.999Z' AS timestamptz)", "CAST('1970-01-01T00:00:00Z' AS timestamptz)"]),
    ("t9", &["CAST('2024-02-29T23:59:59.999999999Z' AS timestamptz)", "CAST('1900-01-01T00:00:00Z' AS timestamptz)"]),
    ("b", &["true", "false"]),
    ("s", &["'a'", "'B'", "''", "'é'", "'a''b'", "'a\\b'", "'~'", "NULL", "'\\'", "'a\nb'"]),
    ("lc", &["'a'", "'Z'", "'é'", "''"]),
    ("u", &["'550e8400-e29b-41d4-a716-446655440000'", "'550E8400-e29b-41d4-a716-446655440000'", "'x'"]),
    ("e", &["'ok'", "'sad'", "'none'", "'it''s'"]),
    ("ip", &["'1.2.3.4'", "'0.0.0.0'", "'1.2.3'"]),
    ("ip6", &["'::1'", "'::ffff:1.2.3.4'", "'2001:db8::1'", "'2001:DB8::1'"]),
];

fn filters() -> Vec<String> {
    let mut all = Vec::new();
    for (column, values) in VALUES {
        for value in *values {
            for op in ["=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"] {
                all.push(format!("{column} {op} {value}"));
                all.push(format!("NOT ({column} {op} {value})"));
                if matches!(op, "=" | "<") {
                    all.push(format!("({column} {op} {value} OR n = 1)"));
                    all.push(format!("({column} {op} {value}) IS NOT TRUE"));
                }
            }
        }
        let list = values.join(", ");
        all.push(format!("{column} IN ({list})"));
        all.push(format!("{column} NOT IN ({list})"));
        all.push(format!("NOT ({column} IN ({list}, NULL))"));
        all.push(format!("{column} BETWEEN {} AND {}", values[0], values[values.len() - 1]));
    }
    for column in ["i8", "f8", "dec", "s", "lc", "u", "e", "ip", "fs", "a", "j", "ts", "n"] {
        all.push(format!("{column} IS NULL"));
        all.push(format!("{column} IS NOT NULL AND b"));
    }
    for pattern in ["a%", "%b", "_", "a\\%", "%é%", "", "a_b", "日_", "%\n%", "%", "a\\", "\\\\"] {
        all.push(format!("s LIKE '{pattern}'"));
        all.push(format!("s NOT LIKE '{pattern}'"));
        all.push(format!("lc LIKE '{pattern}'"));
        all.push(format!("s ILIKE '{pattern}'"));
    }
    let truths = ["b", "NOT b", "b IS TRUE", "b IS FALSE", "b IS NOT FALSE", "b IS UNKNOWN", "(b AND i8 > 0) IS NULL"];
    all.extend(truths.map(str::to_owned));
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn pushed_filters_return_what_local_ones_return() {
    let database = ClickHouseDatabase::create(TABLE).await;
    let (session, name) = (database.session().await, database.name());
    let batches = rows(&session, &format!("SELECT * FROM ch.{name}.f")).await;
    assert_eq!(batches.iter().map(|b| b.num_rows()).sum::<usize>(), 840);
    let local = MemTable::try_new(batches[0].schema(), vec![batches]).unwrap();
    session.register_table("local_f", Arc::new(local)).unwrap();
    let (filters, mut pushed) = (filters(), 0);
    assert!(filters.len() > 1_200, "{}", filters.len());
    for filter in &filters {
        let here = format!("SELECT * FROM headwater.public.local_f WHERE {filter}");
        let Ok(expected) = session.query(&here).await else { continue };
        let Ok(expected) = expected.collect().await else { continue };
        let there = format!("SELECT * FROM ch.{name}.f WHERE {filter}");
        assert_eq!(table(&session, &there).await, lines(&expected), "{filter}");
        let plan = table(&session, &format!("EXPLAIN {there}")).await.join("\n");
        pushed += usize::from(plan.contains("WHERE") && !plan.contains("FilterExec"));
    }
    assert!(pushed > 500, "only {pushed} of {} filters were computed by the source", filters.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn pushed_orders_return_what_local_ones_return() {
    let database = ClickHouseDatabase::create(TABLE).await;
    let (session, name) = (database.session().await, database.name());
    let batches = rows(&session, &format!("SELECT * FROM ch.{name}.f")).await;
    let local = MemTable::try_new(batches[0].schema(), vec![batches]).unwrap();
    session.register_table("local_f", Arc::new(local)).unwrap();
    let (mut pushed, mut plan) = (0, String::new());
    for (column, _) in VALUES {
        for direction in ["ASC NULLS FIRST", "ASC NULLS LAST", "DESC NULLS FIRST", "DESC NULLS LAST"] {
            for limit in [1, 100, 500] {
                let sql = |from: &str| format!("SELECT {column} FROM {from} ORDER BY {column} {direction} LIMIT {limit}");
                let there = sql(&format!("ch.{name}.f"));
                let here = table(&session, &sql("headwater.public.local_f")).await;
                assert_eq!(table(&session, &there).await, here, "{there}");
                plan = table(&session, &format!("EXPLAIN {there}")).await.join("\n");
                pushed += usize::from(plan.contains("ORDER BY"));
            }
        }
    }
    assert!(pushed > 100, "only {pushed} orders were computed by the source: {plan}");
}

#[tokio::test(flavor = "multi_thread")]
async fn values_an_option_changes_keep_their_filters_here() {
    let sql = "CREATE TABLE t (id UInt8, s String) ENGINE = Memory;\nINSERT INTO t SELECT 1, 'a\\xff';\nINSERT INTO t SELECT 2, 'a';\n";
    let database = ClickHouseDatabase::create(sql).await;
    let name = database.name();
    let session = database.session_with(&database.options().with("strings", "replace")).await;
    let sql = format!("SELECT id FROM ch.{name}.t WHERE s = 'a\u{fffd}'");
    assert_eq!(table(&session, &sql).await, ["1"]);
    let session = database.session().await;
    let error = session.query(&format!("SELECT s FROM ch.{name}.t")).await.unwrap().collect().await.unwrap_err();
    assert!(error.to_string().contains("\"s\"") && error.to_string().contains("\"strings\""), "{error}");
    let session = database.session_with(&database.options().with("strings", "binary")).await;
    assert_eq!(table(&session, &format!("SELECT s FROM ch.{name}.t WHERE id = 1")).await, ["61ff"]);
}
