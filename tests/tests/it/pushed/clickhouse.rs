//! ClickHouse computes sub-plans.

use headwater_tests::clickhouse::ClickHouseDatabase;

use super::Both;

const TABLES: &str = r"CREATE TABLE f (id Int32, i8 Nullable(Int8), i32 Nullable(Int32), i64 Nullable(Int64), u64 Nullable(UInt64),
  f8 Nullable(Float64), dec Nullable(Decimal(20, 4)), small Decimal(9, 2), wide Nullable(Decimal(60, 5)), d Nullable(Date),
  d32 Nullable(Date32), ts Nullable(DateTime('Asia/Tokyo')), t3 Nullable(DateTime64(3)), b Nullable(Bool), s Nullable(String),
  p String, lc LowCardinality(Nullable(String)), u Nullable(UUID), e Nullable(Enum8('sad' = -1, 'ok' = 5, 'it\'s' = 2)),
  ip Nullable(IPv4), ip6 Nullable(IPv6), fs Nullable(FixedString(3)), a Array(Nullable(UInt8)), m Map(String, Int32))
  ENGINE = MergeTree ORDER BY id;
INSERT INTO f SELECT number,
  [NULL, 0, -1, 1, 127, -128][1 + number % 6], [NULL, 0, -1, 1, 2147483647, -2147483648][1 + number % 6],
  [NULL, 0, -1, 1, 9223372036854775807, -9223372036854775808][1 + number % 6],
  [NULL, 0, 1, 9223372036854775808, 18446744073709551615][1 + number % 5], [NULL, 0, -0.0, 1.5, nan, inf, -inf, -1.5][1 + number % 8],
  [NULL, '0', '1.5', '-1.5', '1234567890123456.7891', '-0.0001'][1 + number % 6], number / 7,
  [NULL, '0', '1.5', '-1.5', '1234567890123456789012345678901234567890.00001'][1 + number % 5],
  [NULL, '1970-01-01', '2024-02-29', '2149-06-06'][1 + number % 4], [NULL, '1900-01-01', '2024-02-29', '2299-12-31'][1 + number % 4],
  [NULL, 0, 1709251199, 4294967295][1 + number % 4],
  [NULL, '1970-01-01 00:00:00.000', '2024-02-29 23:59:59.999', '1900-01-01 00:00:00.000'][1 + number % 4],
  [NULL, true, false][1 + number % 3],
  [NULL, '', 'a', 'B', 'b', 'é', 'Z', 'a\'b', 'a\\b', 'ß', '日本', ' a', 'a%', 'a_b', 'a\nb', 'a\0', '\\'][1 + number % 17],
  ['', 'a', 'B', 'é', 'x'][1 + number % 5], [NULL, '', 'a', 'B', 'b', 'é', 'Z'][1 + number % 7],
  [NULL, '550e8400-e29b-41d4-a716-446655440000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'][1 + number % 3],
  [NULL, 'sad', 'ok', 'it\'s'][1 + number % 4], [NULL, '0.0.0.0', '1.2.3.4'][1 + number % 3],
  [NULL, '::1', '::ffff:1.2.3.4', '2001:db8::1'][1 + number % 4], [NULL, 'a', 'abc'][1 + number % 3],
  [[], [1], [NULL]][1 + number % 3], map('k', number) FROM numbers(170);
CREATE TABLE g (id Int32, k Nullable(Int32), name String, cs Nullable(String), price Decimal(12, 2), tax Decimal(4, 2), day Date)
  ENGINE = MergeTree ORDER BY id;
INSERT INTO g SELECT number, if(number % 5 = 0, NULL, number % 7), concat('n', toString(number % 6)),
  [NULL, '', 'a', 'B', 'b', 'é', 'Z'][1 + number % 7], number * 1.11, (number % 9) / 100, toDate('1995-01-01') + number * 37
  FROM numbers(60);
CREATE TABLE `we'ird ``t` (c0 Nullable(Int32), t0 Nullable(String), `sel\\ect` Int32) ENGINE = MergeTree ORDER BY tuple();
INSERT INTO `we'ird ``t` VALUES (1, 'x', 2), (NULL, NULL, 3);
CREATE TABLE t0 (id Int32, k Int32) ENGINE = MergeTree ORDER BY id;
INSERT INTO t0 VALUES (1, 2), (2, 1), (3, 3);
CREATE TABLE e (id Int32, x Nullable(String)) ENGINE = MergeTree ORDER BY id;
";

/// Queries that go as a whole.
const WHOLE: &[&str] = &[
    "SELECT * FROM f WHERE i32 = 1 OR s LIKE 'a%'",
    "SELECT id, i32 + 1, i8 + i8, i64 - 1, -id, i32 * 2 FROM f WHERE i32 BETWEEN -10 AND 10 AND i8 < 50 AND i64 < 100 AND i64 > -100",
    "SELECT dec + CAST(1.25 AS decimal(4,2)), dec - dec, dec * 2, small * small, small + dec FROM f WHERE dec < 100",
    "SELECT CASE WHEN i32 > 0 THEN 'pos' WHEN i32 < 0 THEN 'neg' ELSE s END, CASE b WHEN true THEN 1 ELSE 0 END FROM f",
    "SELECT coalesce(s, lc, 'none'), nullif(s, 'a'), s || '-' || lc, concat(s, lc, 'x') FROM f",
    "SELECT substr(s, 2), substr(s, 1, 2), left(s, 1), character_length(s), octet_length(s) FROM f",
    "SELECT id FROM f WHERE substr(s, 1, 1) IN ('a', 'B') AND NOT (lc > s)",
    "SELECT CAST(i8 AS int) AS a, CAST(i32 AS bigint) AS b, CAST(i32 AS decimal(15,3)) AS c, CAST(dec AS decimal(25,6)) AS d, CAST(i32 AS varchar) AS e, \
        CAST(i64 AS double) FROM f",
    "SELECT CAST(u AS varchar), CAST(e AS varchar) FROM f",
    "SELECT date_part('year', d), date_part('month', d32), date_part('day', d), date_part('quarter', d), extract(year FROM ts), \
        extract(hour FROM ts), extract(minute FROM t3), extract(day FROM ts), extract(year FROM t3) FROM f",
    "SELECT id, f8, a, m, fs, u, e, ip, ip6 FROM f WHERE f8 = 1.5 OR f8 = -1.5",
    "SELECT id FROM f WHERE a IS NOT NULL AND fs IS NULL",
    "SELECT id FROM f WHERE u = '550e8400-e29b-41d4-a716-446655440000' OR e = 'ok' OR ip = '1.2.3.4' OR ip6 = '::1'",
    "SELECT id FROM f WHERE e > 'ok' OR u < 'f'",
    "SELECT id FROM f WHERE (b IS TRUE) = (i32 > 0) OR b IS NOT FALSE AND (b AND i8 > 0) IS NULL",
    "SELECT id FROM f WHERE s NOT LIKE '%a_' AND s IS DISTINCT FROM lc",
    "SELECT id FROM f WHERE i32 NOT IN (1, -1) AND s NOT IN ('a', 'é')",
    "SELECT id, s IN ('a', NULL) AS a, s NOT IN ('a', NULL) AS b, i32 IN (NULL) AS c FROM f",
    "SELECT 1 AS one, 'x' AS x, CAST(NULL AS int) AS n, id FROM g",
    "SELECT c0, t0, \"sel\\ect\" + 1 FROM \"we'ird `t\" WHERE t0 = 'x' OR c0 IS NULL",
    "SELECT id, CAST(small AS double), CAST(i64 AS double) FROM f WHERE small > 0.5 OR small IN (1.28, 3.0)",
    "SELECT id FROM f WHERE ts > CAST('1970-01-01T00:00:00Z' AS timestamptz)",
    "SELECT f.id, g.name FROM f JOIN g ON f.i32 = g.k",
    "SELECT f.id, g.name, g.price FROM f LEFT JOIN g ON f.i32 = g.k AND g.price > 10 WHERE f.id < 100",
    "SELECT f.id, x.one, x.c FROM f LEFT JOIN (SELECT k, 1 AS one, coalesce(cs, 'none') AS c FROM g) x ON f.i32 = x.k",
    "SELECT g.id, f.lc, f.e, f.fs, f.u, f.d FROM g LEFT JOIN f ON g.id = f.id + 50",
    "SELECT g.id, f.id FROM f RIGHT JOIN g ON f.i32 = g.k AND f.id > 20",
    "SELECT f.id, g.id FROM (SELECT id, i32 FROM f WHERE id < 50) f FULL JOIN (SELECT id, k FROM g WHERE id > 5) g ON f.i32 = g.k",
    "SELECT f.id, g.id FROM f JOIN g ON f.s = g.cs AND f.id < g.id + 100",
    "SELECT f.id, h.id FROM f JOIN f h ON f.u = h.u AND f.id = h.id + 3",
    "SELECT f.id, g.id, e.x FROM f LEFT JOIN (g JOIN e ON g.id = e.id) ON f.id = g.id",
    "SELECT x.day, f.id FROM f FULL JOIN g x ON f.i64 = x.k",
    "SELECT f.id FROM f FULL JOIN e ON f.i64 = e.id + 1",
    "SELECT a.id, b.id, t0.k FROM t0 a JOIN g b ON a.id = b.id JOIN t0 ON b.id = t0.k + 1 WHERE a.k > 0",
    "SELECT id FROM f WHERE i64 IN (SELECT k FROM g WHERE price > 5)",
    "SELECT id FROM f WHERE i32 IN (SELECT k FROM g WHERE price > 5)",
    "SELECT id FROM f WHERE EXISTS (SELECT 1 FROM g WHERE g.k = f.i32 AND g.id > f.id)",
    "SELECT id FROM f WHERE NOT EXISTS (SELECT 1 FROM g WHERE g.k = f.i32)",
    "SELECT id FROM g WHERE id NOT IN (SELECT id FROM g WHERE k = 1)",
    "SELECT id FROM f WHERE id > (SELECT min(id) + 5 FROM g)",
    "SELECT id, price FROM g WHERE price > (SELECT sum(price) * 2 FROM g x WHERE x.k = g.k) OR id = 1",
    "SELECT count(*), count(i32), count(DISTINCT s), sum(i32), sum(i8), min(s), max(s), min(dec), max(d), min(ts), max(t3) FROM f",
    "SELECT sum(dec), sum(small), count(fs), count(a), count(DISTINCT dec), min(i8), max(i32), min(i64), max(u64), min(d32) FROM f",
    "SELECT count(*), sum(id), min(x), max(id), min(id) FROM e",
    "SELECT s, b, count(*), sum(dec) FILTER (WHERE i32 > 0), count(DISTINCT i32), count(*) FILTER (WHERE b) FROM f GROUP BY s, b",
    "SELECT d, e, u, lc, dec, count(*) FROM f GROUP BY d, e, u, lc, dec HAVING count(*) > 1 AND max(id) > 20",
    "SELECT extract(year FROM day) AS year, sum(price * (1 - tax)), count(*) FROM g GROUP BY extract(year FROM day)",
    "SELECT substr(s, 1, 1), max(lc) FROM f GROUP BY substr(s, 1, 1)",
    "SELECT DISTINCT b, i32 FROM f",
    "SELECT count(*) FROM (SELECT DISTINCT s FROM f) x",
    "SELECT max(c) FROM (SELECT count(*) AS c FROM f GROUP BY s) x",
    "SELECT sum(CASE WHEN b THEN dec ELSE 0 END), sum(i32 * 2) FROM f WHERE i32 < 100 AND i32 > -100",
    "SELECT id, s FROM f ORDER BY s DESC NULLS LAST, id LIMIT 7",
    "SELECT id, s FROM f ORDER BY s NULLS FIRST, id DESC LIMIT 7 OFFSET 3",
    "SELECT k, sum(price) AS s FROM g GROUP BY k ORDER BY s DESC, k LIMIT 3",
    "SELECT x.id + 1 FROM (SELECT id FROM f ORDER BY id LIMIT 10) x WHERE x.id > 4",
    "SELECT count(*) FROM (SELECT id FROM f LIMIT 10) x",
    "SELECT id FROM f ORDER BY e, d, b, u, dec, id LIMIT 20",
    "SELECT id, s FROM f UNION ALL SELECT k, cs FROM g",
    "SELECT id, s FROM f UNION SELECT k, cs FROM g",
    "SELECT count(*), x FROM (SELECT id, lc AS x FROM f UNION ALL SELECT id, name FROM g) u GROUP BY x",
    "SELECT id, row_number() OVER (PARTITION BY k ORDER BY id), rank() OVER (ORDER BY name), \
        dense_rank() OVER (ORDER BY name DESC) FROM g",
    "SELECT id, sum(price) OVER (PARTITION BY k ORDER BY id), count(*) OVER (PARTITION BY name), \
        max(cs) OVER (ORDER BY id ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING) FROM g",
    "SELECT * FROM (SELECT id, k, row_number() OVER (PARTITION BY k ORDER BY price DESC) AS n FROM g) x WHERE n <= 2",
    "SELECT k, s, rank() OVER (ORDER BY s DESC) FROM (SELECT k, sum(price) AS s FROM g GROUP BY k) x",
    "SELECT id, lag(name) OVER (ORDER BY id), lead(price, 2) OVER (PARTITION BY k ORDER BY id), lag(day) OVER (ORDER BY id DESC), \
        first_value(name) OVER (PARTITION BY k ORDER BY id), last_value(cs) OVER (PARTITION BY k ORDER BY id), \
        nth_value(name, 2) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) FROM g",
    "SELECT id, first_value(cs) OVER (ORDER BY id ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING), lag(cs) OVER (ORDER BY id) FROM g",
    "SELECT id, lag(lc) OVER (ORDER BY id), lag(u) OVER (ORDER BY id), lead(e) OVER (ORDER BY id), lag(ts) OVER (ORDER BY id), \
        lag(fs) OVER (ORDER BY id), lag(f8) OVER (ORDER BY id) FROM f",
    "SELECT id, ntile(7) OVER (ORDER BY id), percent_rank() OVER (PARTITION BY k ORDER BY name), sum(id) OVER (ORDER BY id), \
        sum(k) OVER (PARTITION BY name ORDER BY id), bool_and(id > 3) OVER (ORDER BY id) FROM g",
    // Grouping sets.
    "SELECT k, name, count(*), sum(price) FROM g GROUP BY ROLLUP (k, name)",
    "SELECT lc, u, count(*), grouping(lc), grouping(lc, u), max(id) FROM f GROUP BY CUBE (lc, u)",
    "SELECT d, e, count(*), grouping(e) FROM f GROUP BY GROUPING SETS ((d), (e), ()) HAVING grouping(e) = 0 OR d IS NULL",
    "SELECT coalesce(x, 0) + 1 AS y, k, count(*) AS n FROM (SELECT 5 AS x, k FROM g) s GROUP BY CUBE (x, k)",
    "SELECT k, s FROM (SELECT k, name, sum(id) AS s FROM g GROUP BY ROLLUP (k, name)) x ORDER BY k DESC NULLS LAST, s LIMIT 6",
    "SELECT x, count(*) FROM (SELECT id, k AS x FROM g WHERE id > 1000) s GROUP BY ROLLUP (x)",
    "SELECT x FROM (SELECT id, k AS x FROM g WHERE id > 1000) s GROUP BY ROLLUP (x, id)",
    "SELECT DISTINCT x FROM (SELECT k AS x, grouping(k), max(id) FROM g WHERE id > 1000 GROUP BY CUBE (k, name)) s",
    // Joins without an equality, marks, and joins that find null equal to null.
    "SELECT f.id, g.id FROM f JOIN g ON f.id < g.id AND g.id < 9",
    "SELECT f.id, g.id FROM f, g WHERE f.id = 3 AND g.id < 4",
    "SELECT x.id, g.id, g.name FROM (SELECT id FROM f WHERE id < 20) x LEFT JOIN g ON x.id > g.id + 10",
    "SELECT x.id, g.id FROM (SELECT id FROM f WHERE id < 20) x RIGHT JOIN g ON x.id > g.id + 10",
    "SELECT id FROM f WHERE EXISTS (SELECT 1 FROM g WHERE g.id > f.id + 40)",
    "SELECT id FROM f WHERE NOT EXISTS (SELECT 1 FROM g WHERE g.id > f.id + 40 AND g.name < f.s)",
    "SELECT id FROM f WHERE b OR i32 IN (SELECT id FROM g)",
    "SELECT id FROM f WHERE id < 5 OR EXISTS (SELECT 1 FROM g WHERE g.k = f.i32)",
    "SELECT i32 FROM f INTERSECT SELECT k FROM g",
    "SELECT i32, s FROM f EXCEPT SELECT k, cs FROM g",
    "SELECT a.id, b.id FROM g a JOIN g b ON (a.k IS NOT DISTINCT FROM b.k) AND a.id < b.id",
    // First rows of groups.
    "SELECT k, first_value(id ORDER BY name, id DESC), first_value(price ORDER BY name, id DESC) FROM g GROUP BY k",
    "SELECT first_value(id + 1 ORDER BY cs NULLS FIRST, id), first_value(day ORDER BY cs NULLS FIRST, id) FROM g GROUP BY name, k",
    "SELECT b, first_value(a ORDER BY id), first_value(m ORDER BY id), first_value(f8 ORDER BY id) FROM f GROUP BY b",
    // Dates and texts.
    "SELECT date_part('week', d), date_part('dow', d), date_part('doy', d), date_part('isodow', d32), date_part('doy', d32), \
        date_part('week', t3), date_part('dow', t3), date_part('doy', ts), extract(second FROM t3), extract(second FROM ts) FROM f",
    "SELECT date_trunc('year', ts), date_trunc('quarter', ts), date_trunc('month', t3), date_trunc('week', ts), \
        date_trunc('day', t3), date_trunc('hour', ts), date_trunc('minute', t3), date_trunc('second', t3) FROM f",
    "SELECT date_trunc('week', t3), date_trunc('quarter', t3), date_trunc('year', t3), CAST(t3 AS date), CAST(ts AS date), \
        CAST(d AS varchar), CAST(b AS varchar), CAST(i32 > 0 AS varchar) FROM f",
    "SELECT date_trunc('month', t3) AS m, count(*), max(date_trunc('day', ts)) FROM f GROUP BY date_trunc('month', t3)",
    "SELECT right(s, 2), reverse(s), btrim(s), ltrim(s), rtrim(s), replace(s, 'a', 'é'), strpos(s, 'b'), strpos(s, ''), \
        starts_with(s, lc), ends_with(s, 'b') FROM f",
    "SELECT i32 / 3, i64 % 7, i8 / -2, id % -3, i32 & 6, i64 | 1, id >> 2 FROM f",
    "SELECT sum(DISTINCT i8), sum(DISTINCT dec), bool_and(b), bool_or(b), bool_and(i32 > 0) FROM f",
];

/// Queries that stay here, with words of the reason.
const KEPT: &[(&str, &str)] = &[
    ("SELECT lower(s) FROM f", "letters"),
    ("SELECT id FROM f WHERE f8 > 1.5 OR id = 1", "NaN"),
    ("SELECT f8, count(*) FROM f GROUP BY f8", "NaN"),
    ("SELECT sum(f8) FROM f", "order of its rows"),
    ("SELECT max(f8) FROM f", "NaN"),
    ("SELECT avg(i32) FROM f", "sum and count"),
    ("SELECT 7 / id FROM f", "quotient"),
    ("SELECT g.id, x.c FROM g LEFT JOIN (SELECT 5 AS c, s FROM f WHERE id < 4) x ON g.id = x.c", "the same in every row"),
    ("SELECT x.id, e.id FROM (SELECT f.id FROM f CROSS JOIN g) x LEFT JOIN e ON x.id < e.id", "a join itself"),
    ("SELECT stddev(i32) FROM f", "the order of the rows"),
    ("SELECT lag(a) OVER (ORDER BY id) FROM f", "empty, not null"),
    ("SELECT replace(s, '', 'x') FROM f", "not empty"),
    ("SELECT f.id FROM f FULL JOIN g ON f.id < g.id", "full join"),
    ("SELECT dec / 3 FROM f", "quotient"),
    ("SELECT random(), id FROM f", "every call"),
    ("SELECT id FROM f WHERE id NOT IN (SELECT k FROM g)", "NOT IN"),
    ("SELECT count(DISTINCT i32) OVER (ORDER BY id) FROM f", "over a window"),
    ("SELECT max(m) FROM f", "Map"),
    ("SELECT g.id, f.a FROM g LEFT JOIN f ON g.id = f.id + 100", "empty, not null"),
    ("SELECT g.id, count(f.m) FROM f RIGHT JOIN g ON g.id = f.id + 100 GROUP BY g.id", "empty, not null"),
    ("SELECT ip6, count(*) FROM f WHERE CAST(ip6 AS varchar) > 'a' GROUP BY ip6", "addresses"),
];

#[tokio::test(flavor = "multi_thread")]
async fn statements_of_sub_plans_return_what_the_plans_return_here() {
    let database = ClickHouseDatabase::create(TABLES).await;
    let session = database.session().await;
    let both = Both::new(&session, "ch", database.name(), &["f", "g", "\"we'ird `t\"", "t0", "e"]).await;
    both.all(WHOLE, KEPT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_tables_are_read_in_ranges_of_their_key() {
    let sql = "CREATE TABLE o (k Nullable(Int32), id UInt32, c Int32) ENGINE = MergeTree ORDER BY k \
            SETTINGS allow_nullable_key = 1;\n\
        INSERT INTO o SELECT if(number % 50 = 0, NULL, toInt32(number) - 100000), number, number % 100 FROM numbers(200000);\n\
        CREATE TABLE c (id Int32, name String) ENGINE = MergeTree ORDER BY id;\n\
        INSERT INTO c SELECT number, concat('c', toString(number)) FROM numbers(50)";
    let database = ClickHouseDatabase::create(sql).await;
    let session = database.session().await;
    let both = Both::new(&session, "ch", database.name(), &["o", "c"]).await;
    let tables = ["o", "c"].map(|t| headwater_source::TableName::new(database.name(), t));
    both.source.prepare(&tables).await;
    let joined = both.same("SELECT o.id, o.k, c.name FROM o LEFT JOIN c ON o.c = c.id WHERE o.id % 3 = 1", 4).await;
    assert_eq!(joined.texts.len(), 4, "{:?}", joined.texts);
    let half = both.same("SELECT o.id FROM o WHERE EXISTS (SELECT 1 FROM c WHERE c.id = o.c)", 3).await;
    assert_eq!(half.texts.len(), 3);
    let grouped = both.same("SELECT c, count(*) FROM o GROUP BY c", 4).await;
    assert_eq!(grouped.texts.len(), 1);
    let other = both.same("SELECT o.id, p.id FROM o JOIN o p ON o.id = p.id + 1 WHERE o.id < 100", 4).await;
    assert_eq!(other.texts.len(), 1, "the other side would be read again by every reader");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_overflows_is_an_error() {
    let sql = "CREATE TABLE o (a Int64, b Int32, c Decimal(38, 2)) ENGINE = MergeTree ORDER BY a;\n\
        INSERT INTO o VALUES (9223372036854775807, 2147483647, '99999999999999999999.5'), (1, 1, '9999999999999999999.5')";
    let database = ClickHouseDatabase::create(sql).await;
    let session = database.session().await;
    let both = Both::new(&session, "ch", database.name(), &["o"]).await;
    for sql in ["SELECT sum(a) FROM o", "SELECT a + 1 FROM o", "SELECT -a - 2 FROM o"] {
        assert!(both.fails(sql).await, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_in_the_servers_own_language_has_the_columns_the_server_says() {
    let database = ClickHouseDatabase::create(TABLES).await;
    let session = database.session().await;
    let both = Both::new(&session, "ch", database.name(), &["g"]).await;
    let query = both
        .source
        .describe("SELECT id, upper(name) AS n, e, id / 2 AS h FROM g CROSS JOIN (SELECT e FROM f WHERE id = 2) AS x -- x;")
        .await;
    let query = query.unwrap();
    let batches = both.read(&query, query.schema()).await.unwrap();
    let found = headwater_tests::lines(&batches);
    assert!(found.contains(&"3|N3|ok|1.5".to_owned()), "{found:?}");
    for refused in [
        "SELECT 1; SELECT 2",
        "DROP TABLE g",
        "SHOW TABLES",
        "SELECT 1) SETTINGS limit = 1 --",
        "INSERT INTO e VALUES (1, 'x')",
    ] {
        assert!(both.source.describe(refused).await.is_err(), "{refused}");
    }
}
