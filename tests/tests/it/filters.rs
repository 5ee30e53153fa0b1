//! A filter that the source computes returns the rows that it returns here.

use std::sync::Arc;

use datafusion::catalog::MemTable;
use headwater_tests::{TestDatabase, rows, session, table};

use crate::SERVERS;

const TABLE: &str = r"
CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE f (i2 smallint, i4 int, i8 bigint, f4 real, f8 double precision, n numeric(20,4), d date, ts timestamp,
  tz timestamptz, tm time, b bool, t text, v varchar(20), c char(5), u uuid, y bytea, m mood, j jsonb, a int[]);
INSERT INTO f SELECT
  (ARRAY[NULL, 0, -1, 1, 32767, -32768])[1 + i % 6], (ARRAY[NULL, 0, -1, 1, 2147483647, -2147483648])[1 + i % 6],
  (ARRAY[NULL, 0, -1, 1, 9223372036854775807, -9223372036854775808])[1 + i % 6],
  (ARRAY[NULL, 0, '-0', 1.5, 'NaN', 'Infinity', '-Infinity', -1.5]::real[])[1 + i % 8],
  (ARRAY[NULL, 0, '-0', 1.5, 'NaN', 'Infinity', '-Infinity', -1.5]::float8[])[1 + i % 8],
  (ARRAY[NULL, 0, 1.5, -1.5, 1234567890123456.7891, -0.0001])[1 + i % 6],
  (ARRAY[NULL, '1970-01-01', '2024-02-29', '0044-03-15 BC', '9999-12-31']::date[])[1 + i % 5],
  (ARRAY[NULL, '1970-01-01', '2024-02-29 23:59:59.999999', '1582-10-10']::timestamp[])[1 + i % 4],
  (ARRAY[NULL, '1970-01-01 00:00+00', '2024-02-29 23:59:59.999999+05', '1582-10-10 00:00+00']::timestamptz[])[1 + i % 4],
  (ARRAY[NULL, '00:00', '12:34:56.789', '23:59:59.999999']::time[])[1 + i % 4],
  (ARRAY[NULL, true, false])[1 + i % 3],
  (ARRAY[NULL, '', 'a', 'B', 'b', 'é', 'Z', 'a''b', 'a\b', 'ß', '日本', ' a', 'a%', 'a_b'])[1 + i % 14],
  (ARRAY[NULL, '', 'a', 'B', 'b', 'é', 'Z'])[1 + i % 7], (ARRAY[NULL, 'a', 'b'])[1 + i % 3],
  (ARRAY[NULL, '550e8400-e29b-41d4-a716-446655440000', 'ffffffff-ffff-ffff-ffff-ffffffffffff']::uuid[])[1 + i % 3],
  (ARRAY[NULL, '', '\x00', '\x00ff', '\xff']::bytea[])[1 + i % 5],
  (ARRAY[NULL, 'sad', 'ok', 'happy']::mood[])[1 + i % 4], (ARRAY[NULL, '1', 'null', '{}']::jsonb[])[1 + i % 4],
  CASE i % 3 WHEN 0 THEN NULL WHEN 1 THEN '{}'::int[] ELSE ARRAY[1, NULL] END
FROM generate_series(0, 839) i;";

/// Values for each column, as SQL texts.
const VALUES: &[(&str, &[&str])] = &[
    ("i2", &["0", "1", "-32768", "CAST(NULL AS smallint)", "40000"]),
    ("i4", &["0", "1", "-2147483648", "NULL", "3000000000"]),
    ("i8", &["0", "-1", "9223372036854775807"]),
    ("f4", &["CAST(1.5 AS real)", "CAST(0 AS real)"]),
    ("f8", &["CAST(1.5 AS double)", "CAST(0 AS double)", "CAST('NaN' AS double)", "CAST('-Infinity' AS double)"]),
    ("n", &["1.5", "0", "CAST(1234567890123456.7891 AS decimal(20,4))", "-0.0001"]),
    ("d", &["DATE '1970-01-01'", "DATE '2024-02-29'", "DATE '9999-12-31'"]),
    ("ts", &["TIMESTAMP '1970-01-01 00:00:00'", "TIMESTAMP '2024-02-29 23:59:59.999999'"]),
    ("tz", &["CAST('2024-02-29 18:59:59.999999Z' AS timestamptz)", "CAST('1970-01-01T00:00:00Z' AS timestamptz)"]),
    ("tm", &["TIME '12:34:56.789'", "TIME '00:00:00'"]),
    ("b", &["true", "false"]),
    ("t", &["'a'", "'B'", "''", "'é'", "'a''b'", "'a\\b'", "'~'", "NULL"]),
    ("v", &["'a'", "'Z'", "'é'"]),
    ("c", &["'a'", "'a    '"]),
    ("u", &["'550e8400-e29b-41d4-a716-446655440000'", "'550E8400-e29b-41d4-a716-446655440000'", "'x'"]),
    ("y", &["X'00'", "X'ff'", "X''"]),
    ("m", &["'ok'", "'sad'", "'none'"]),
];

fn filters() -> Vec<String> {
    let mut all = Vec::new();
    for (column, values) in VALUES {
        for value in *values {
            for op in ["=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"] {
                all.push(format!("{column} {op} {value}"));
                all.push(format!("NOT ({column} {op} {value})"));
                all.push(format!("({column} {op} {value} OR i4 = 1)"));
            }
        }
        let list = values.join(", ");
        all.push(format!("{column} IN ({list})"));
        all.push(format!("{column} NOT IN ({list})"));
        all.push(format!("{column} BETWEEN {} AND {}", values[0], values[values.len() - 1]));
    }
    for column in ["i2", "f8", "n", "t", "c", "u", "y", "m", "j", "a"] {
        all.push(format!("{column} IS NULL"));
        all.push(format!("{column} IS NOT NULL AND b"));
    }
    for pattern in ["a%", "%b", "_", "a\\%", "%é%", "", "a_b", "日_"] {
        all.push(format!("t LIKE '{pattern}'"));
        all.push(format!("t NOT LIKE '{pattern}'"));
        all.push(format!("v ILIKE '{pattern}'"));
    }
    all.extend(["b", "NOT b", "b IS TRUE", "b IS NOT FALSE", "b IS UNKNOWN", "(b AND i2 > 0) IS NULL"].map(str::to_owned));
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn pushed_filters_return_what_local_ones_return() {
    for server in SERVERS {
        let with_icu = server == "TEST_PG15_URL";
        let sql = if with_icu {
            TABLE.to_owned()
        } else {
            TABLE.lines().filter(|l| !l.contains("icu")).collect::<Vec<_>>().join("\n")
        };
        let database = TestDatabase::create(server, &format!("{sql}; ANALYZE f")).await;
        let session = session(&database).await;
        let batches = rows(&session, "SELECT * FROM pg.public.f").await;
        let local = MemTable::try_new(batches[0].schema(), vec![batches]).unwrap();
        session.register_table("local_f", Arc::new(local)).unwrap();
        let (filters, mut pushed) = (filters(), 0);
        assert!(filters.len() > 900, "{}", filters.len());
        for filter in &filters {
            let here = format!("SELECT * FROM headwater.public.local_f WHERE {filter}");
            let Ok(expected) = session.query(&here).await else { continue };
            let Ok(expected) = expected.collect().await else { continue };
            let there = format!("SELECT * FROM pg.public.f WHERE {filter}");
            assert_eq!(table(&session, &there).await, headwater_tests::lines(&expected), "{filter}");
            let plan = table(&session, &format!("EXPLAIN {there}")).await.join("\n");
            pushed += usize::from(plan.contains("WHERE") && !plan.contains("FilterExec"));
        }
        assert!(pushed > 500, "only {pushed} of {} filters were computed by the source", filters.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collation_that_equates_texts_keeps_its_filters_here() {
    let sql = "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false); \
        CREATE TABLE t (s text COLLATE ci); INSERT INTO t VALUES ('a'), ('A'), ('b')";
    let database = TestDatabase::create("TEST_PG15_URL", sql).await;
    let session = session(&database).await;
    assert_eq!(table(&session, "SELECT s FROM pg.public.t WHERE s = 'a'").await, ["a"]);
    assert_eq!(table(&session, "SELECT s FROM pg.public.t WHERE s IN ('A', 'x')").await, ["A"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_composite_value_of_nulls_is_not_null() {
    let sql = "CREATE TYPE pair AS (a int, b text); CREATE DOMAIN couple AS pair; CREATE TYPE odd AS (a int, w tsvector); \
        CREATE TABLE t (id int, p pair, d couple, o odd, l pair[]); INSERT INTO t VALUES (1, NULL, NULL, NULL, NULL), \
        (2, (NULL, NULL), (NULL, NULL)::pair, (NULL, NULL), ARRAY[NULL]::pair[]), \
        (3, (1, NULL), (1, NULL)::pair, (1, NULL), '{}'), (4, (1, 'x'), (1, 'x')::pair, (1, 'x'), \
        ARRAY[(NULL, NULL)::pair])";
    for server in SERVERS {
        let database = TestDatabase::create(server, sql).await;
        let session = session(&database).await;
        for column in ["p", "d", "o", "l"] {
            let rows = |filter: String| {
                let (session, sql) = (session.clone(), format!("SELECT id FROM pg.public.t WHERE {filter}"));
                async move { table(&session, &sql).await }
            };
            assert_eq!(rows(format!("{column} IS NULL")).await, ["1"], "{column}");
            assert_eq!(rows(format!("{column} IS NOT NULL")).await, ["2", "3", "4"], "{column}");
            assert_eq!(rows(format!("NOT ({column} IS NULL) AND id < 4")).await, ["2", "3"], "{column}");
            let counted = format!("SELECT count({column}), count(*) FILTER (WHERE {column} IS NULL) FROM pg.public.t");
            assert_eq!(table(&session, &counted).await, ["3|1"], "{column}");
        }
    }
}
