//! Statements that would take the process down are answered or refused.

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Int64Type;
use headwater_common::config::Config;
use headwater_common::{Error, ErrorKind, Limits, clock::Stopwatch};
use headwater_engine::{Engine, Session};

/// Planning may take long where tests share a slow machine.
async fn patient() -> Session {
    let limits = Limits { plan_time_ms: 300_000, ..Limits::default() };
    let config = Config { limits, ..Config::default() };
    Engine::builder().config(config).build().await.unwrap().session("ann").unwrap()
}

async fn session() -> Session {
    Engine::builder().build().await.unwrap().session("ann").unwrap()
}

async fn number(session: &Session, sql: &str) -> Result<i64, Error> {
    let batches = session.query(sql).await?.collect().await?;
    Ok(batches[0].column(0).as_primitive::<Int64Type>().value(0))
}

#[tokio::test]
async fn set_operations_that_would_not_count_duplicates_are_refused() {
    let session = session().await;
    for sql in [
        "(VALUES (1), (1)) EXCEPT ALL (VALUES (1))",
        "SELECT 1 INTERSECT ALL SELECT 1",
        "SELECT * FROM (SELECT 1 UNION ALL (SELECT 1 EXCEPT ALL SELECT 2)) AS t",
        "EXPLAIN SELECT 1 EXCEPT ALL SELECT 1",
    ] {
        let error = session.query(sql).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{sql}: {error}");
    }
    session.query("SELECT 1 EXCEPT SELECT 2 UNION ALL SELECT 3").await.unwrap();
}

#[tokio::test]
async fn ten_thousand_terms_are_planned_and_right() {
    let session = patient().await;
    for (operator, want) in [("OR", 1), ("AND", 0)] {
        let chain: Vec<String> = (0..10_000).map(|i| format!("x = {i}")).collect();
        let sql = format!("SELECT count(*) FROM (VALUES (9999), (-1)) t(x) WHERE {}", chain.join(&format!(" {operator} ")));
        assert_eq!(number(&session, &sql).await.unwrap(), want, "{operator}");
    }
    let mixed: Vec<String> = (0..5_000).map(|i| format!("(x > {i} AND y <> {i})")).collect();
    let sql = format!("SELECT count(*) FROM (VALUES (1, 0), (0, 0)) t(x, y) WHERE {}", mixed.join(" OR "));
    match number(&session, &sql).await {
        Ok(count) => assert_eq!(count, 0),
        Err(error) => assert!(matches!(error.kind(), ErrorKind::Timeout | ErrorKind::LimitExceeded), "{error}"),
    }
}

#[tokio::test]
async fn statements_of_death_are_refused_at_once() {
    let session = session().await;
    let deadly = [
        format!("SELECT {}1", "1 + ".repeat(10_000)),
        format!("SELECT {}", "(".repeat(10_000)),
        format!("SELECT {}1", "NOT ".repeat(10_000)),
        format!("SELECT {}", "a.".repeat(50_000)),
        vec!["SELECT 1"; 3_000].join(" UNION ALL "),
        format!("SELECT {}1{}", "abs(".repeat(5_000), ")".repeat(5_000)),
        format!("SELECT * FROM {}(SELECT 1){}", "(SELECT * FROM ".repeat(200), ")".repeat(200)),
    ];
    for sql in deadly {
        let watch = Stopwatch::start();
        let error = number(&session, &sql).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::LimitExceeded | ErrorKind::InvalidInput), "{error}");
        assert!(watch.elapsed_ms() < 5_000, "{} took {} ms", &sql[..40], watch.elapsed_ms());
    }
}

/// What ends a query, or its rows.
async fn outcome(session: &Session, sql: &str) -> Result<usize, Error> {
    let batches = session.query(sql).await?.collect().await?;
    Ok(batches.iter().map(|b| b.num_rows()).sum())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn deep_plans_run_without_overflowing_a_stack() {
    let session = session().await;
    // What takes longer to plan is not what is asked here.
    session.set("limits.plan_time_ms", "6000").unwrap();
    let join = |n: usize| {
        let joins = (1..n).map(|i| format!(" JOIN (VALUES (1)) t{i}(x) ON t{i}.x = t{}.x", i - 1));
        format!("SELECT count(*) FROM (VALUES (1)) t0(x){}", joins.collect::<String>())
    };
    let scalar = (1..90).map(|i| format!("(SELECT max(value) FROM generate_series(1, {i})) AS c{i}"));
    for sql in [
        join(60),
        vec!["SELECT 1"; 40].join(" INTERSECT "),
        format!("SELECT {}", vec!["1"; 300].join(" + ")),
        format!("SELECT x{} FROM (VALUES (true)) t(x)", " IS NULL".repeat(290)),
        format!("SELECT {}true", "NOT ".repeat(250)),
        format!("SELECT * FROM {}(SELECT 1) t{}", "(SELECT * FROM ".repeat(40), ") t".repeat(40)),
        format!("SELECT {}1{}", "abs(".repeat(45), ")".repeat(45)),
        format!("SELECT {}", scalar.collect::<Vec<_>>().join(", ")),
    ] {
        match outcome(&session, &sql).await {
            Ok(_) => {}
            Err(error) => {
                let known = matches!(error.kind(), ErrorKind::LimitExceeded | ErrorKind::Timeout);
                assert!(known, "{} ...: {error}", &sql[..60]);
            }
        }
    }
}

#[tokio::test]
async fn statements_that_grow_when_expanded_are_refused() {
    let session = session().await;
    let doubled = (1..=25).map(|i| format!(", c{i} AS (SELECT a.x FROM c{p} a, c{p} b)", p = i - 1));
    let doubled = format!("WITH c0 AS (SELECT 1 AS x){} SELECT count(*) FROM c25", doubled.collect::<String>());
    let error = outcome(&session, &doubled).await.unwrap_err();
    assert!(error.to_string().contains("limits.relations"), "{error}");
    let cube = "SELECT count(*) FROM (VALUES (1,2,3,4,5,6,7,8,9,10,11,12,13)) t(a,b,c,d,e,f,g,h,i,j,k,l,m) \
        GROUP BY CUBE (a,b,c,d,e,f,g,h,i,j,k,l,m)";
    let error = outcome(&session, cube).await.unwrap_err();
    assert!(error.to_string().contains("limits.grouping_sets"), "{error}");
    assert_eq!(outcome(&session, "SELECT 1 FROM (VALUES (1, 2, 3)) t(a, b, c) GROUP BY CUBE (a, b, c)").await.unwrap(), 8);
}

#[tokio::test]
async fn only_queries_settings_and_changes_of_rows_are_statements() {
    let session = session().await;
    for sql in [
        "COPY (SELECT 1) TO '/tmp/x.csv'",
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
        "CREATE TABLE t AS SELECT 1",
        "CREATE VIEW v AS SELECT 1",
        "DROP TABLE t",
        "CREATE FUNCTION f(int) RETURNS int RETURN $1",
        "BEGIN",
        "COMMIT",
        "PREPARE p AS SELECT 1",
        "EXPLAIN COPY (SELECT 1) TO '/tmp/x.csv'",
        "SELECT 1; SELECT 2",
        "SELECT * FROM '/etc/passwd'",
        "SET datafusion.runtime.memory_limit = '900G'",
        "SET datafusion.sql_parser.recursion_limit = 100000",
    ] {
        let error = match session.query(sql).await {
            Ok(result) => result.collect().await.expect_err(sql),
            Err(error) => error,
        };
        assert_ne!(error.kind(), ErrorKind::Internal, "{sql}: {error}");
    }
}

#[tokio::test]
async fn functions_do_not_build_values_over_the_limit() {
    let session = patient().await;
    for sql in [
        "SELECT repeat('a', 500000000)",
        "SELECT length(lpad('a', 2147483647))",
        "SELECT length(rpad('a', 2000000000, 'xy'))",
        "SELECT array_length(range(1000000000000))",
        "SELECT array_length(generate_series(1, 1000000000000))",
        "SELECT array_length(array_repeat('x', 2000000000))",
        "SELECT max(length(repeat('0123456789', CAST(value AS int) * 100000))) FROM generate_series(1, 1000) t(value)",
        "SELECT length(replace(repeat('a', 1000000), 'a', repeat('b', 1000000)))",
        "SELECT length(regexp_replace(repeat('a', 20000), 'a', repeat('b', 20000), 'g'))",
        "SELECT length(concat(x, x, x, x)) FROM (SELECT repeat('a', 5000000) x)",
        "SELECT length(concat_ws(x, 'a', 'b', 'c', 'd')) FROM (SELECT repeat('a', 5000000) x)",
        "SELECT length(x || x || x || x) FROM (SELECT repeat('a', 5000000) x)",
        "SELECT length(x || x) FROM (SELECT x || x x FROM (SELECT x || x x FROM (SELECT repeat('a', 3000000) x)))",
        "SELECT array_length(array_concat(x, x, x)) FROM (SELECT range(1000000) x)",
        "SELECT array_length([x, x, x, x]) FROM (SELECT repeat('a', 5000000) x)",
        "SELECT length(array_to_string(range(1000), repeat('a', 1000000)))",
        "SELECT array_length(array_resize([1], 100000000, 7))",
        "SELECT array_length(range(TIMESTAMP '2000-01-01', TIMESTAMP '2001-01-01', INTERVAL '1 microsecond'))",
    ] {
        let error = match session.query(sql).await {
            Ok(result) => result.collect().await.expect_err(sql),
            Err(error) => error,
        };
        assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{sql}: {error}");
        assert!(error.to_string().contains("limits.value_bytes"), "{error}");
    }
    let text = "SELECT CAST(length(replace(repeat('ab', 1000000), 'zz', repeat('y', 1000))) AS bigint)";
    assert_eq!(number(&session, text).await.unwrap(), 2_000_000, "matches are counted");
    let joined = "SELECT CAST(sum(length('a' || value || NULL)) IS NULL AS bigint) + CAST(sum(length(value || '-' || 1.5)) AS bigint) \
        FROM (VALUES ('xy'), (NULL), ('')) t(value)";
    assert_eq!(number(&session, joined).await.unwrap(), 1 + 6 + 4, "|| of a null is null");
    assert_eq!(number(&session, "SELECT CAST(length(repeat('ab', 1000)) AS bigint)").await.unwrap(), 2_000);
    assert_eq!(number(&session, "SELECT CAST(array_length(range(10)) AS bigint)").await.unwrap(), 10);
}
