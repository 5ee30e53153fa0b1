//! Whole numbers that do not fit their type are an error, never another number.

use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::ScalarValue;
use headwater_common::{Error, ErrorKind};
use headwater_engine::{Engine, Session};

async fn session() -> Session {
    Engine::builder().build().await.unwrap().session("ann").unwrap()
}

/// The values of all rows, in order.
async fn values(session: &Session, sql: &str) -> Result<Vec<String>, Error> {
    let batches = session.query(sql).await?.collect().await?;
    let options = FormatOptions::new().with_null("NULL");
    let mut all = Vec::new();
    for batch in &batches {
        let columns: Vec<_> = batch.columns().iter().map(|c| ArrayFormatter::try_new(c, &options).unwrap()).collect();
        let row = |i: usize| columns.iter().map(|c| c.value(i).to_string()).collect::<Vec<_>>().join("|");
        all.extend((0..batch.num_rows()).map(row));
    }
    Ok(all)
}

async fn overflows(session: &Session, sql: &str) {
    let error = match values(session, sql).await {
        Ok(rows) => panic!("{sql}: {rows:?}"),
        Err(error) => error,
    };
    let text = error.to_string();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{sql}: {text}");
    assert!(text.contains("overflow") && !text.contains("922337203"), "{sql}: {text}");
}

const LARGE: &str = "(VALUES (9223372036854775807, 1), (1, 1), (-9223372036854775807, 2)) t(x, g)";

#[tokio::test]
async fn arithmetic_that_does_not_fit_is_refused_wherever_it_stands() {
    let session = session().await;
    for sql in [
        "SELECT 9223372036854775807 + 1",
        "SELECT 9223372036854775807 + 1 - 1",
        "SELECT -9223372036854775807 - 2",
        "SELECT 4611686018427387904 * 2",
        "SELECT CASE WHEN true THEN 9223372036854775807 ELSE 0 END + 1",
        "SELECT abs(-9223372036854775807) + 1",
        "SELECT CAST('9223372036854775807' AS BIGINT) + 1",
        "SELECT CAST(100 AS TINYINT) + CAST(100 AS TINYINT)",
        "SELECT CAST(2147483647 AS INT) * CAST(2 AS INT)",
        "SELECT CAST(0 AS BIGINT UNSIGNED) - CAST(1 AS BIGINT UNSIGNED)",
        "SELECT - (x - 2) FROM (VALUES (-9223372036854775806)) t(x)",
        "SELECT abs(x - 2) FROM (VALUES (-9223372036854775806)) t(x)",
        "SELECT x + 1 FROM LARGE",
        "SELECT g FROM LARGE WHERE x + 1 > 0",
        "SELECT g FROM LARGE JOIN (VALUES (1)) b(y) ON t.x + b.y > 5",
        "SELECT g FROM LARGE ORDER BY x * 2",
        "SELECT x + 1, count(*) FROM LARGE GROUP BY x + 1",
        "SELECT max(x * 2) FROM LARGE",
        "SELECT g FROM LARGE GROUP BY g HAVING max(x) + 1 > 0",
        "SELECT max(x) OVER (ORDER BY x + 1) FROM LARGE",
        "SELECT 1 UNION ALL SELECT x - 10 FROM LARGE",
        "SELECT (SELECT max(x) + 1 FROM LARGE)",
        "SELECT count(*) FROM (VALUES (1)) u(y) WHERE EXISTS (SELECT 1 FROM LARGE WHERE t.x + u.y > 0)",
        "WITH RECURSIVE r AS (SELECT 4611686018427387904 AS n UNION ALL SELECT n * 2 FROM r WHERE n > 0) SELECT * FROM r",
    ] {
        overflows(&session, &sql.replace("LARGE", LARGE)).await;
    }
    let prepared = session.prepare("SELECT CAST($1 AS BIGINT) + 1").await.unwrap();
    let result = session.execute(&prepared, vec![ScalarValue::from(i64::MAX)]).await;
    let failed = match result {
        Ok(result) => result.collect().await.unwrap_err(),
        Err(error) => error,
    };
    assert!(failed.to_string().contains("integer overflow"), "{failed}");
}

#[tokio::test]
async fn arithmetic_that_fits_is_as_before() {
    let session = session().await;
    for (sql, rows) in [
        ("SELECT 1 + 2 * 3 - 4, -(2 - 5), 7 / 2, 7 % 4", vec!["3|3|3|3"]),
        (
            "SELECT 1 + 2.5, DATE '2024-01-31' - DATE '2024-01-01', DATE '2024-01-31' + INTERVAL '1 day'",
            vec!["3.5|30|2024-02-01T00:00:00"],
        ),
        ("SELECT NULL + 1, 1 - NULL, - CAST(NULL AS INT)", vec!["NULL|NULL|NULL"]),
        ("SELECT 9223372036854775806 + 1, -9223372036854775808 + 0", vec!["9223372036854775807|-9223372036854775808"]),
        ("SELECT CASE WHEN x < 10 THEN x + 1 ELSE 0 END FROM LARGE", vec!["0", "2", "-9223372036854775806"]),
        ("SELECT x FROM LARGE WHERE g + 1 = 3", vec!["-9223372036854775807"]),
        (
            "SELECT CAST(100 AS TINYINT) + 100, CAST(x AS DECIMAL(38, 0)) + 1 FROM LARGE WHERE x > 5",
            vec!["200|9223372036854775808"],
        ),
        (
            "SELECT a.g, count(*) FROM LARGE a JOIN LARGE b ON a.g + 0 = b.g GROUP BY a.g ORDER BY a.g * 2 DESC",
            vec!["2|1", "1|4"],
        ),
        ("SELECT x - 1 AS y FROM (VALUES (1), (2), (3)) u(x) ORDER BY x - 1 DESC LIMIT 1 + 1", vec!["2", "1"]),
    ] {
        let sql = sql.replace("LARGE a", &LARGE.replace(" t(", " a(")).replace("LARGE b", &LARGE.replace(" t(", " b("));
        assert_eq!(values(&session, &sql.replace("LARGE", LARGE)).await.unwrap(), rows, "{sql}");
    }
    let names = session.query("SELECT x + 1, -x, (x - 1) * 2 FROM (VALUES (1)) t(x)").await.unwrap().schema();
    let names: Vec<&str> = names.fields().iter().map(|f| f.name().as_str()).collect();
    assert_eq!(names, ["t.x + Int64(1)", "(- t.x)", "t.x - Int64(1) * Int64(2)"]);
}

#[tokio::test]
async fn sums_that_do_not_fit_are_refused() {
    let session = session().await;
    for sql in [
        "SELECT sum(x) FROM LARGE WHERE x > 0",
        "SELECT g, sum(x) FROM LARGE GROUP BY g",
        "SELECT sum(x) OVER (ORDER BY x DESC) FROM LARGE",
        "SELECT sum(x) OVER (ORDER BY x DESC ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM LARGE",
        "SELECT sum(DISTINCT x) FROM LARGE WHERE x > 0",
        "SELECT sum(DISTINCT x), count(DISTINCT g) FROM LARGE WHERE x > 0",
        "SELECT sum(x) FILTER (WHERE g = 1) FROM LARGE",
        "SELECT sum(x + 0) FROM LARGE WHERE g = 1",
        "SELECT sum(CAST(18446744073709551615 AS BIGINT UNSIGNED)) FROM range(2)",
        "SELECT sum(4611686018427387904) FROM range(100000)",
        "SELECT value % 3, sum(461168601842738790) FROM range(100000) GROUP BY value % 3",
    ] {
        overflows(&session, &sql.replace("LARGE", LARGE)).await;
    }
}

#[tokio::test]
async fn sums_that_fit_do_not_depend_on_the_order_of_rows() {
    let session = session().await;
    for (sql, rows) in [
        ("SELECT sum(x) FROM LARGE", vec!["1"]),
        ("SELECT sum(x), sum(CAST(g AS DOUBLE)) FROM LARGE", vec!["1|4.0"]),
        ("SELECT sum(g), sum(CAST(x AS DECIMAL(38, 1))) FROM LARGE", vec!["4|1.0"]),
        ("SELECT sum(x) FROM LARGE WHERE false", vec!["NULL"]),
        ("SELECT g, sum(x) FILTER (WHERE x < 5) FROM LARGE GROUP BY g ORDER BY g", vec!["1|1", "2|-9223372036854775807"]),
        ("SELECT sum(DISTINCT y) FROM (VALUES (2), (2), (3), (NULL)) u(y)", vec!["5"]),
        (
            "SELECT sum(y) OVER (ORDER BY y ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM (VALUES (1), (2), (5)) u(y)",
            vec!["1", "3", "7"],
        ),
        (
            "SELECT sum(DISTINCT y) OVER (ORDER BY y ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM (VALUES (1), (2), (2)) u(y) ORDER BY 1",
            vec!["1", "2", "3"],
        ),
        (
            "SELECT sum(value), sum(value) FILTER (WHERE value % 2 = 0) FROM range(1000000)",
            vec!["499999500000|249999500000"],
        ),
        (
            "SELECT value % 2, sum(value) FROM range(1000000) GROUP BY value % 2 ORDER BY 1",
            vec!["0|249999500000", "1|250000000000"],
        ),
        (
            "SELECT count(*), sum(s) FROM (SELECT value % 100003 AS k, sum(value) AS s FROM range(500000) GROUP BY value % 100003)",
            vec!["100003|124999750000"],
        ),
        ("SELECT sum(y) FROM (SELECT CASE WHEN value % 3 = 0 THEN NULL ELSE value END AS y FROM range(10)) u", vec!["27"]),
        (
            "SELECT sum(CASE WHEN value % 2 = 0 THEN 9223372036854775807 ELSE -9223372036854775807 END) FROM range(100000)",
            vec!["0"],
        ),
        ("SELECT sum(CAST(9223372036854775807 AS BIGINT UNSIGNED)) FROM range(2)", vec!["18446744073709551614"]),
        ("SELECT sum(CAST(value AS TINYINT)) FROM range(100)", vec!["4950"]),
    ] {
        assert_eq!(values(&session, &sql.replace("LARGE", LARGE)).await.unwrap(), rows, "{sql}");
    }
}
