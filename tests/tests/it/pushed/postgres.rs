//! Postgres computes sub-plans.

use datafusion::common::JoinType;
use datafusion::logical_expr::LogicalPlan;
use headwater_tests::{TestDatabase, session};

use super::{Both, has};
use crate::SERVERS;

const TABLES: &str = r#"
CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE pair AS (a int, b text);
CREATE TABLE f (id int, i2 smallint, i4 int, i8 bigint, f4 real, f8 double precision, n numeric(20,4), w numeric(50,10),
  d date, ts timestamp, tz timestamptz, tm time, b bool, t text, v varchar(20), c char(5), ic text COLLATE ci,
  icu text COLLATE ci, u uuid, y bytea, m mood, j jsonb, a int[], free numeric, p pair);
INSERT INTO f SELECT i,
  (ARRAY[NULL, 0, -1, 1, 32767, -32768])[1 + i % 6], (ARRAY[NULL, 0, -1, 1, 2147483647, -2147483648])[1 + i % 6],
  (ARRAY[NULL, 0, -1, 1, 9223372036854775807, -9223372036854775808])[1 + i % 6],
  (ARRAY[NULL, 0, '-0', 1.5, 'NaN', 'Infinity', '-Infinity', -1.5]::real[])[1 + i % 8],
  (ARRAY[NULL, 0, '-0', 1.5, 'NaN', 'Infinity', '-Infinity', -1.5]::float8[])[1 + i % 8],
  (ARRAY[NULL, 0, 1.5, -1.5, 1234567890123456.7891, -0.0001])[1 + i % 6],
  (ARRAY[NULL, 0, 1.5, -1.5, 1234567890123456789012345678901234567890.7891, -0.0001])[1 + i % 6],
  (ARRAY[NULL, '1970-01-01', '2024-02-29', '0044-03-15 BC', '9999-12-31', '1969-12-31', '2023-01-31']::date[])[1 + i % 7],
  (ARRAY[NULL, '1970-01-01', '2024-02-29 23:59:59.999999', '1582-10-10', '1969-12-31 23:59:59.5', '2023-01-31 07:08']::timestamp[])[1 + i % 6],
  (ARRAY[NULL, '1970-01-01 00:00+00', '2024-02-29 23:59:59.999999+05', '1582-10-10 00:00+00', '2023-12-31 23:30-05']::timestamptz[])[1 + i % 5],
  (ARRAY[NULL, '00:00', '12:34:56.789', '23:59:59.999999']::time[])[1 + i % 4],
  (ARRAY[NULL, true, false])[1 + i % 3],
  (ARRAY[NULL, '', 'a', 'B', 'b', 'é', 'Z', 'a''b', 'a\b', 'ß', '日本', ' a ', 'a%', 'a_b'])[1 + i % 14],
  (ARRAY[NULL, '', 'a', 'B', 'b', 'é', 'Z'])[1 + i % 7], (ARRAY[NULL, 'a', 'b'])[1 + i % 3],
  (ARRAY[NULL, 'a', 'A', 'b'])[1 + i % 4], (ARRAY['a', 'A', 'b'])[1 + i % 3],
  (ARRAY[NULL, '550e8400-e29b-41d4-a716-446655440000', 'ffffffff-ffff-ffff-ffff-ffffffffffff']::uuid[])[1 + i % 3],
  (ARRAY[NULL, '', '\x00', '\x00ff', '\xff']::bytea[])[1 + i % 5],
  (ARRAY[NULL, 'sad', 'ok', 'happy']::mood[])[1 + i % 4], (ARRAY[NULL, '1', 'null', '{}']::jsonb[])[1 + i % 4],
  CASE i % 3 WHEN 0 THEN NULL WHEN 1 THEN '{}'::int[] ELSE ARRAY[1, NULL] END, i / 7.0,
  CASE i % 3 WHEN 0 THEN NULL WHEN 1 THEN (NULL, NULL)::pair ELSE (i, 'x')::pair END
FROM generate_series(0, 167) i;
CREATE TABLE g (id int NOT NULL, k int, name text, cs text COLLATE "C", price numeric(12,2), tax numeric(4,2), day date);
INSERT INTO g SELECT i, CASE WHEN i % 5 = 0 THEN NULL ELSE i % 7 END, 'n' || i % 6,
  (ARRAY[NULL, '', 'a', 'B', 'b', 'é', 'Z'])[1 + i % 7], i * 1.11, (i % 9) / 100.0, '1995-01-01'::date + i * 37
FROM generate_series(0, 59) i;
CREATE TABLE "we'ird ""t" ("c0" int, "t0" text, "sel""ect" int);
INSERT INTO "we'ird ""t" VALUES (1, 'x', 2), (NULL, NULL, 3);
CREATE TABLE e (id int, x text);
"#;

/// Queries that go as a whole.
const WHOLE: &[&str] = &[
    // Filters and projections.
    "SELECT * FROM f WHERE i4 = 1 OR t LIKE 'a%'",
    "SELECT id, i4 + 1, i2 + i2, i8 - 1, -id, i4 * 2 FROM f WHERE i4 BETWEEN -10 AND 10 AND i2 < 100 AND i8 < 100 AND i8 > -100",
    "SELECT n + CAST(1.25 AS decimal(4,2)), n - n, n * 2, w + n, n * n FROM f WHERE n < 100",
    "SELECT i4 / 3, i4 % 3, i2 / -1 FROM f WHERE i2 > -5",
    "SELECT CASE WHEN i4 > 0 THEN 'pos' WHEN i4 < 0 THEN 'neg' ELSE t END, CASE b WHEN true THEN 1 ELSE 0 END FROM f",
    "SELECT coalesce(t, v, 'none'), nullif(t, 'a'), t || '-' || v, concat(t, v, 'x') FROM f",
    "SELECT substr(t, 2), substr(t, 1, 2), left(t, 1), right(t, 2), character_length(t), octet_length(t) FROM f",
    "SELECT abs(i4), abs(n) FROM f WHERE i4 > -100",
    "SELECT id FROM f WHERE substr(t, 1, 1) IN ('a', 'B') AND NOT (v > t)",
    "SELECT CAST(i2 AS int) AS a, CAST(i4 AS bigint) AS b, CAST(i4 AS decimal(15,3)) AS c, CAST(n AS decimal(25,6)) AS d, CAST(n AS decimal(20,1)) AS e FROM f",
    "SELECT CAST(i4 AS varchar) AS a, CAST(n AS varchar) AS b, CAST(b AS varchar) AS c, CAST(i8 AS double) AS d, CAST(f4 AS double) FROM f",
    "SELECT CAST(u AS varchar), CAST(m AS varchar), CAST(d AS timestamp), CAST(ts AS date), CAST(tz AS date) FROM f WHERE d > '1900-01-01' AND d < '2100-01-01'",
    "SELECT date_part('year', d), date_part('month', d), date_part('day', d), date_part('quarter', d), date_part('doy', d), \
        date_part('week', d), date_part('dow', d) FROM f",
    "SELECT extract(year FROM ts), extract(hour FROM ts), extract(minute FROM tz), extract(day FROM tz), extract(year FROM tz) FROM f",
    "SELECT date_trunc('year', ts), date_trunc('quarter', ts), date_trunc('month', tz), date_trunc('week', ts), \
        date_trunc('day', tz), date_trunc('hour', ts), date_trunc('minute', ts), date_trunc('second', ts) FROM f \
        WHERE ts > '1900-01-01' AND tz > '1900-01-01'",
    "SELECT d + INTERVAL '1 month', d - INTERVAL '10 days', ts + INTERVAL '1 month 2 days 3 hours 5 seconds', tz - INTERVAL '1 day' FROM f \
        WHERE d > '1900-01-01' AND d < '2100-01-01'",
    "SELECT id FROM f WHERE d >= DATE '1994-01-01' AND d < DATE '1994-01-01' + INTERVAL '40' YEAR",
    "SELECT id, f8, f4, j, a, c, free, y, u, m, p, ic FROM f WHERE f8 = 1.5 OR f4 = CAST(-1.5 AS real)",
    "SELECT id FROM f WHERE j IS NULL AND a IS NOT NULL AND c IS NOT NULL",
    "SELECT id FROM f WHERE u = '550e8400-e29b-41d4-a716-446655440000' OR m = 'ok' OR u IN ('x', 'y') OR m > 'ok'",
    "SELECT id FROM f WHERE ic = 'a' OR ic < 'b'",
    "SELECT id FROM f WHERE (b IS TRUE) = (i4 > 0) OR b IS NOT FALSE AND (b AND i2 > 0) IS NULL",
    "SELECT id FROM f WHERE t NOT LIKE '%a_' AND t IS DISTINCT FROM v",
    "SELECT id, t IN ('a', NULL) AS a, t NOT IN ('a', NULL) AS b, u NOT IN ('x', NULL) AS c, u IN ('x', \
        '550e8400-e29b-41d4-a716-446655440000') AS d FROM f",
    "SELECT 1 AS one, 'x' AS x, CAST(NULL AS int) AS n, id FROM g",
    "SELECT \"c0\", \"t0\", \"sel\"\"ect\" + 1 FROM \"we'ird \"\"t\" WHERE \"t0\" = 'x' OR \"c0\" IS NULL",
    "SELECT f.id, n + 1.25, CAST(n AS double), n * 0.1, CAST(price AS double) / 3 FROM f JOIN g ON f.id = g.id \
        WHERE n > 0.5 OR n IN (1.5, -0.0001) OR n <> 0.0",
    "SELECT CAST(i8 AS double), max(CAST(n AS double)), count(*) FROM f WHERE CAST(i4 AS double) < 1e6 GROUP BY CAST(i8 AS double)",
    "SELECT k, sum(price) FROM g GROUP BY k HAVING sum(price) * 0.1 > 25.5",
    "SELECT id FROM f WHERE tz > CAST('1970-01-01T00:00:00Z' AS timestamptz)",
    // Joins.
    "SELECT f.id, g.name FROM f JOIN g ON f.i4 = g.k",
    "SELECT f.id, g.name, g.price FROM f LEFT JOIN g ON f.i4 = g.k AND g.price > 10 WHERE f.id < 100",
    "SELECT f.id, x.one, x.c FROM f LEFT JOIN (SELECT k, 1 AS one, coalesce(name, 'none') AS c FROM g) x ON f.i4 = x.k",
    "SELECT g.id, f.id FROM f RIGHT JOIN g ON f.i4 = g.k AND f.id > 20",
    "SELECT f.id, g.id FROM (SELECT id, i4 FROM f WHERE id < 50) f FULL JOIN (SELECT id, k FROM g WHERE id > 5) g ON f.i4 = g.k",
    "SELECT f.id, g.id FROM f JOIN g ON f.t = g.cs AND f.id < g.id + 100",
    "SELECT f.id, g.id FROM f, g WHERE f.id = 3 AND g.id < 4",
    "SELECT f.id, h.id FROM f JOIN f h ON f.u = h.u AND f.id = h.id + 3",
    "SELECT f.id, g.id, e.x FROM f LEFT JOIN (g JOIN e ON g.id = e.id) ON f.id = g.id",
    "SELECT id FROM f WHERE i4 IN (SELECT k FROM g WHERE price > 5)",
    "SELECT id FROM f WHERE EXISTS (SELECT 1 FROM g WHERE g.k = f.i4 AND g.id > f.id)",
    "SELECT id FROM f WHERE NOT EXISTS (SELECT 1 FROM g WHERE g.k = f.i4)",
    "SELECT id FROM g WHERE id NOT IN (SELECT id FROM g WHERE k = 1)",
    "SELECT id FROM f WHERE id > (SELECT min(id) + 5 FROM g)",
    "SELECT id, price FROM g WHERE price > (SELECT sum(price) FROM g x WHERE x.k = g.k)",
    "SELECT id FROM f WHERE b OR i4 IN (SELECT id FROM g)",
    // Groups.
    "SELECT count(*), count(i4), count(DISTINCT t), sum(i4), sum(i2), min(t), max(t), min(n), max(d), min(ts), max(tz), max(tm) FROM f",
    "SELECT sum(n), sum(w), count(c), count(j), count(DISTINCT n), sum(DISTINCT i2), min(i2), max(i4), min(i8) FROM f",
    "SELECT count(*), sum(id), min(x), max(id) FROM e",
    "SELECT t, b, count(*), sum(n) FILTER (WHERE i4 > 0), count(DISTINCT i4) FROM f GROUP BY t, b",
    "SELECT d, m, u, y, n, count(*) FROM f GROUP BY d, m, u, y, n HAVING count(*) > 1 AND max(id) > 20",
    "SELECT extract(year FROM day) AS year, sum(price * (1 - tax)), count(*) FROM g GROUP BY extract(year FROM day)",
    "SELECT substr(t, 1, 1), max(v) FROM f GROUP BY substr(t, 1, 1)",
    "SELECT bool_and(b), bool_or(b), k FROM f JOIN g ON f.id = g.id GROUP BY k",
    "SELECT k, name, count(*), sum(price) FROM g GROUP BY ROLLUP (k, name)",
    "SELECT k, name, count(*) FROM g GROUP BY CUBE (k, name)",
    "SELECT k, name, count(*) FROM g GROUP BY GROUPING SETS ((k), (name), (k, name))",
    "SELECT coalesce(x, 0) + 1 AS y, k, count(*) AS n FROM (SELECT 5 AS x, k FROM g) s GROUP BY CUBE (x, k)",
    "SELECT DISTINCT b, i4 FROM f",
    "SELECT count(*) FROM (SELECT DISTINCT t FROM f) x",
    "SELECT max(c) FROM (SELECT count(*) AS c FROM f GROUP BY t) x",
    "SELECT sum(CASE WHEN b THEN n ELSE 0 END), sum(i4 * 2) FROM f WHERE i4 < 100 AND i4 > -100",
    // Limits.
    "SELECT id, t FROM f ORDER BY t DESC NULLS LAST, id LIMIT 7",
    "SELECT id, t FROM f ORDER BY t NULLS FIRST, id DESC LIMIT 7 OFFSET 3",
    "SELECT k, sum(price) AS s FROM g GROUP BY k ORDER BY s DESC, k LIMIT 3",
    "SELECT x.id + 1 FROM (SELECT id FROM f ORDER BY id LIMIT 10) x WHERE x.id > 4",
    "SELECT count(*) FROM (SELECT id FROM f LIMIT 10) x",
    "SELECT id FROM f ORDER BY m, d, y, b, u, n, id LIMIT 20",
    // Unions.
    "SELECT id, t FROM f UNION ALL SELECT k, cs FROM g",
    "SELECT id, t FROM f UNION SELECT k, cs FROM g",
    "SELECT count(*), x FROM (SELECT id, v AS x FROM f UNION ALL SELECT id, name FROM g) u GROUP BY x",
    // Windows.
    "SELECT id, row_number() OVER (PARTITION BY k ORDER BY id), rank() OVER (ORDER BY name), \
        dense_rank() OVER (ORDER BY name DESC) FROM g",
    "SELECT id, sum(price) OVER (PARTITION BY k ORDER BY id), count(*) OVER (PARTITION BY name), \
        max(cs) OVER (ORDER BY id ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING) FROM g",
    "SELECT id, lag(price) OVER (ORDER BY id), lead(name, 2) OVER (ORDER BY id), first_value(id) OVER (PARTITION BY k ORDER BY id), \
        last_value(id) OVER (PARTITION BY k ORDER BY id), nth_value(id, 2) OVER (ORDER BY id) FROM g",
    "SELECT * FROM (SELECT id, k, row_number() OVER (PARTITION BY k ORDER BY price DESC) AS n FROM g) x WHERE n <= 2",
    "SELECT k, s, rank() OVER (ORDER BY s DESC) FROM (SELECT k, sum(price) AS s FROM g GROUP BY k) x",
    "SELECT id, ntile(7) OVER (ORDER BY id), lag(id + 1) OVER (ORDER BY id), lead(name || 'x', 2) OVER (ORDER BY id), \
        percent_rank() OVER (PARTITION BY k ORDER BY name), cume_dist() OVER (ORDER BY day) FROM g",
    // Grouping sets with the number of their set.
    "SELECT k, name, count(*), grouping(k), grouping(name), grouping(k, name) FROM g GROUP BY ROLLUP (k, name)",
    "SELECT k, name, count(*) FROM g GROUP BY CUBE (k, name) HAVING grouping(k) = 1 OR grouping(k, name) > 2",
    "SELECT m, b, max(id), grouping(m, b) FROM f GROUP BY GROUPING SETS ((m), (b, m), ())",
    // First rows of groups.
    "SELECT k, first_value(id ORDER BY name, id DESC), first_value(price ORDER BY name, id DESC) FROM g GROUP BY k",
    "SELECT first_value(id + 1 ORDER BY cs NULLS FIRST, id), first_value(day ORDER BY cs NULLS FIRST, id) FROM g GROUP BY name, k",
    "SELECT b, first_value(j ORDER BY id), first_value(f8 ORDER BY id), first_value(a ORDER BY id) FROM f GROUP BY b",
    // Set operations and joins without an equality.
    "SELECT i4 FROM f INTERSECT SELECT k FROM g",
    "SELECT i4, t FROM f EXCEPT SELECT k, cs FROM g",
    "SELECT f.id, g.id FROM f LEFT JOIN g ON f.id > g.id + 160",
    "SELECT id FROM f WHERE EXISTS (SELECT 1 FROM g WHERE g.id > f.id + 40)",
    "SELECT id FROM f WHERE NOT EXISTS (SELECT 1 FROM g WHERE g.id > f.id + 40 AND g.cs < f.t)",
    // Texts, dates and bits.
    "SELECT reverse(t), btrim(t), ltrim(t), rtrim(t), replace(t, 'a', 'é'), strpos(t, 'b'), strpos(t, ''), starts_with(t, v), \
        split_part(t, 'a', 1), split_part(t, '_', 2) FROM f",
    "SELECT id FROM f WHERE replace(t, 'a', 'b') = 'b' OR starts_with(v, 'a') OR strpos(t, v) > 1",
    "SELECT greatest(i4, 0), least(i4, i4 - 1, 7), greatest(t, v), least(t, 'b'), greatest(d, DATE '2000-01-01') FROM f WHERE i4 > -9",
    "SELECT extract(second FROM ts), extract(second FROM tz), date_part('isodow', d), date_part('isodow', ts) FROM f",
    "SELECT i4 & 6, i8 | 1, i2 & i2, id >> 2 FROM f",
];

/// Queries that stay here, with words of the reason.
const KEPT: &[(&str, &str)] = &[
    ("SELECT lower(t) FROM f", "whose collation is"),
    ("SELECT id FROM f WHERE f8 > 1.5 OR id = 1", "NaN"),
    ("SELECT f8, count(*) FROM f GROUP BY f8", "NaN"),
    ("SELECT sum(f8) FROM f", "order of its rows"),
    ("SELECT max(f8) FROM f", "NaN"),
    ("SELECT avg(i4) FROM f", "sum and count"),
    ("SELECT id FROM f ORDER BY f4 LIMIT 3", "NaN"),
    ("SELECT c, count(*) FROM f GROUP BY c", "blanks"),
    ("SELECT id FROM f WHERE c = 'a' AND lower(t) = 'x'", "locale"),
    ("SELECT max(j) FROM f", "jsonb"),
    ("SELECT count(p), count(*) FILTER (WHERE p IS NULL) FROM f", "composite"),
    ("SELECT n / 3 FROM f", "quotient"),
    ("SELECT random(), id FROM f", "every call"),
    ("SELECT id FROM f WHERE t ILIKE 'A%'", "locale"),
    ("SELECT CAST(t AS int) FROM e JOIN f ON e.id = f.id", "cast"),
    ("SELECT id FROM f WHERE id NOT IN (SELECT k FROM g)", "NOT IN"),
    ("SELECT stddev(i4) FROM f", "the order of the rows"),
    ("SELECT replace(t, '', 'x') FROM f", "not empty"),
    ("SELECT round(f8) FROM f", "rounds otherwise"),
    ("SELECT array_agg(i4) FROM f", "array_agg"),
];

/// The same with a collation that finds different texts equal, which not every server has.
const KEPT_CI: &[(&str, &str)] = &[
    ("SELECT upper(ic) FROM f", "ci"),
    ("SELECT DISTINCT ic FROM f", "ci"),
    ("SELECT ic, count(*) FROM f GROUP BY ic", "finds different texts equal"),
];

/// The tables, for a server with or without ICU.
fn tables(server: &str) -> String {
    let icu = "(provider = icu, locale = 'und-u-ks-level2', deterministic = false)";
    if server == SERVERS[0] { TABLES.to_owned() } else { TABLES.replace(icu, "FROM \"C\"") }
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_of_sub_plans_return_what_the_plans_return_here() {
    for server in SERVERS {
        let database = TestDatabase::create(server, &tables(server)).await;
        let session = session(&database).await;
        let both = Both::new(&session, "pg", "public", &["f", "g", "\"we'ird \"\"t\"", "e"]).await;
        both.all(WHOLE, KEPT).await;
        if server == SERVERS[0] {
            both.all(&[], KEPT_CI).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn joins_that_only_look_for_a_match_are_sent_as_exists() {
    let database = TestDatabase::create(SERVERS[1], &tables(SERVERS[1])).await;
    let session = session(&database).await;
    let both = Both::new(&session, "pg", "public", &["f", "g"]).await;
    let sql = "SELECT id FROM f WHERE i4 IN (SELECT k FROM g)";
    let plan = both.plan(sql).await;
    assert!(has(&plan, |n| matches!(n, LogicalPlan::Join(j) if j.join_type == JoinType::LeftSemi)));
    let text = both.same(sql, 1).await.texts[0].text.clone();
    assert!(text.contains("EXISTS (SELECT FROM"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn large_tables_are_read_in_parts() {
    let sql = "CREATE TABLE o (id bigint PRIMARY KEY, c int, pad text); CREATE TABLE c (id int, name text); \
        INSERT INTO o SELECT i, i % 100, repeat('x', 100) FROM generate_series(1, 60000) i; \
        INSERT INTO c SELECT i, 'c' || i FROM generate_series(0, 49) i; ANALYZE";
    for server in SERVERS {
        let database = TestDatabase::create(server, sql).await;
        let session = session(&database).await;
        let both = Both::new(&session, "pg", "public", &["o", "c"]).await;
        let joined = both.same("SELECT o.id, c.name FROM o LEFT JOIN c ON o.c = c.id WHERE o.id > 100", 4).await;
        assert_eq!(joined.texts.len(), 4);
        let grouped = both.same("SELECT c, count(*) FROM o GROUP BY c", 4).await;
        assert_eq!(grouped.texts.len(), 1);
        let one = both.same("SELECT o.pad FROM o JOIN c ON o.c = c.id WHERE o.id = 7", 4).await;
        assert_eq!(one.texts.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_changed_since_the_plan_is_noticed() {
    let database = TestDatabase::create(SERVERS[1], "CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, 'x')").await;
    let session = session(&database).await;
    let both = Both::new(&session, "pg", "public", &["t"]).await;
    let (plan, query) = both.translated("SELECT a + 1 AS a FROM t WHERE b = 'x'", 1).await;
    database.run("ALTER TABLE t ALTER COLUMN a TYPE bigint").await;
    let schema = std::sync::Arc::new(plan.schema().as_arrow().clone());
    let error = both.read(&query.unwrap(), schema).await.unwrap_err();
    assert!(error.to_string().contains("has changed"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_in_the_servers_own_language_has_the_columns_the_server_says() {
    let sql = "CREATE TABLE t (a int, b text, m money, x json); INSERT INTO t VALUES (1, 'x', '1.50', '{}'), (NULL, NULL, NULL, NULL)";
    for server in SERVERS {
        let database = TestDatabase::create(server, sql).await;
        let session = session(&database).await;
        let both = Both::new(&session, "pg", "public", &["t"]).await;
        let query = both
            .source
            .describe("SELECT a, a AS a, upper(b), m, x, a::numeric(5,2), ARRAY[a], '(1,2)'::tid, 'x -- ' FROM t -- end;")
            .await;
        let query = query.unwrap();
        let batches = both.read(&query, query.schema()).await.unwrap();
        let found = headwater_tests::lines(&batches);
        assert_eq!(found, ["1|1|X|1.50|{}|1.00|[1]|(1,2)|x -- ", "NULL|NULL|NULL|NULL|NULL|NULL|[NULL]|(1,2)|x -- "]);
        for refused in [
            "DELETE FROM t RETURNING a",
            "SELECT 1; SELECT 2",
            "SHOW server_version",
            "EXPLAIN SELECT 1",
            "SELECT 1) TO PROGRAM 'true' --",
            "SELECT a FROM t WHERE a = $1",
            "CREATE TABLE u (a int)",
            "SELECT",
        ] {
            assert!(both.source.describe(refused).await.is_err(), "{refused}");
        }
    }
}
