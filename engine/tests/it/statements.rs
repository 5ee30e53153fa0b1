//! What a session answers.

use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::common::ScalarValue;
use futures::StreamExt;
use headwater_common::config::Config;
use headwater_common::{ErrorKind, Limits};
use headwater_engine::{Engine, Session};

async fn session_with(limits: Limits) -> Session {
    let config = Config { limits, ..Config::default() };
    Engine::builder().config(config).build().await.unwrap().session("ann").unwrap()
}

async fn session() -> Session {
    session_with(Limits::default()).await
}

async fn table(session: &Session, sql: &str) -> String {
    let batches = session.query(sql).await.unwrap().collect().await.unwrap();
    pretty_format_batches(&batches).unwrap().to_string()
}

async fn kind(session: &Session, sql: &str) -> (ErrorKind, String) {
    let error = match session.query(sql).await {
        Ok(result) => result.collect().await.unwrap_err(),
        Err(error) => error,
    };
    (error.kind(), error.to_string())
}

#[tokio::test]
async fn a_query_returns_its_rows() {
    let text = table(&session().await, "select x, x * 2 as twice from (values (1), (2)) t(x) order by x").await;
    assert!(text.contains("| 2 | 4     |"), "{text}");
}

#[tokio::test]
async fn parameters_are_typed_and_bound_in_both_notations() {
    let session = session().await;
    for sql in
        ["select x from (values (1), (2), (3)) t(x) where x > ?", "select x from (values (1), (2), (3)) t(x) where x > $1"]
    {
        let prepared = session.prepare(sql).await.unwrap();
        let parameters = prepared.parameter_schema();
        assert_eq!(parameters.field(0).name(), "$1");
        assert_eq!(parameters.field(0).data_type(), &datafusion::arrow::datatypes::DataType::Int64);
        let result = session.execute(&prepared, vec![ScalarValue::Int64(Some(1))]).await.unwrap();
        let rows: usize = result.collect().await.unwrap().iter().map(|b| b.num_rows()).sum();
        assert_eq!(rows, 2);
        assert_eq!(session.execute(&prepared, vec![]).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[tokio::test]
async fn a_statement_of_constants_that_comes_again_obeys_the_settings_of_now() {
    let session = session().await;
    for value in ["one", "two", "one", "one"] {
        assert!(table(&session, &format!("SELECT '{value}' AS v")).await.contains(value));
    }
    let shown = table(&session, "SHOW limits.statement_bytes").await;
    assert_eq!(shown, table(&session, "SHOW limits.statement_bytes").await);
    session.set("limits.statement_bytes", "100").unwrap();
    assert_ne!(shown, table(&session, "SHOW limits.statement_bytes").await);
    let long = format!("SELECT 1 AS {}", "x".repeat(120));
    session.reset("limits.statement_bytes").unwrap();
    assert!(session.query(&long).await.is_ok() && session.query(&long).await.is_ok());
    session.set("limits.statement_bytes", "100").unwrap();
    assert_eq!(kind(&session, &long).await.0, ErrorKind::LimitExceeded);
}

#[tokio::test]
async fn errors_say_what_is_wrong() {
    let session = session().await;
    assert_eq!(kind(&session, "selec 1").await.0, ErrorKind::InvalidInput);
    assert_eq!(kind(&session, "select * from nowhere").await.0, ErrorKind::NotFound);
    assert_eq!(kind(&session, "select nothing from (values (1)) t(x)").await.0, ErrorKind::InvalidInput);
    assert_eq!(kind(&session, "select 1/0").await.0, ErrorKind::InvalidInput);
    let (found, text) = kind(&session, "create source shop type postgre options (url 'x')").await;
    assert_eq!(found, ErrorKind::InvalidInput, "{text}");
    assert_eq!(kind(&session, "drop source shop").await.0, ErrorKind::NotFound);
}

#[tokio::test]
async fn system_tables_are_there_from_every_default() {
    let session = session().await;
    let text = table(&session, "select value from system.settings where name = 'limits.terms'").await;
    assert!(text.contains("20000"), "{text}");
    assert!(table(&session, "select name from system.functions where name = 'sum'").await.contains("sum"));
    assert!(table(&session, "show sources").await.contains("location"));
}

#[tokio::test]
async fn a_session_lowers_a_limit_and_sees_it() {
    let session = session().await;
    session.query("set limits.result_rows = 2").await.unwrap();
    assert!(table(&session, "select value from system.settings where name = 'limits.result_rows'").await.contains("| 2 "));
    let (found, text) = kind(&session, "select * from (values (1), (2), (3)) t(x)").await;
    assert_eq!(found, ErrorKind::LimitExceeded);
    assert!(text.contains("limits.result_rows"), "{text}");
    assert_eq!(kind(&session, "set datafusion.runtime.memory_limit = '900G'").await.0, ErrorKind::PermissionDenied);
    session.query("reset limits.result_rows").await.unwrap();
    table(&session, "select * from (values (1), (2), (3)) t(x)").await;
}

#[tokio::test]
async fn a_query_over_its_memory_share_ends_with_the_limit_named() {
    let session = session_with(Limits { query_memory_bytes: 1 << 20, spill_bytes: 1 << 20, ..Limits::default() }).await;
    let sql = "select x, count(*) from (select value % 1000003 x from generate_series(1, 3000000)) group by x order by 1 desc limit 1";
    let (found, text) = kind(&session, sql).await;
    assert_eq!(found, ErrorKind::LimitExceeded, "{text}");
    assert!(text.contains("limits."), "{text}");
}

#[tokio::test]
async fn output_columns_may_have_the_same_name() {
    let session = session().await;
    let sql = "SELECT a, a, t.a, count(*) OVER (), count(*) OVER (), (SELECT 1), (SELECT 2), *, b FROM (VALUES (1, 2)) t(a, b) ORDER BY a";
    let text = table(&session, sql).await;
    assert!(text.contains("a:1") && text.contains("subquery:"), "{text}");
    let text = table(&session, "SELECT count(*), count(*), 1, 1 FROM (VALUES (1), (2)) t(a)").await;
    assert!(text.contains("count:1") && text.contains("column:2"), "{text}");
}

/// First column of the rows, as text.
async fn column(session: &Session, sql: &str) -> Vec<String> {
    let batches = session.query(sql).await.unwrap().collect().await.unwrap();
    let mut values = Vec::new();
    for batch in &batches {
        let options = FormatOptions::default().with_null("NULL");
        let format = ArrayFormatter::try_new(batch.column(0), &options).unwrap();
        values.extend((0..batch.num_rows()).map(|row| format.value(row).to_string()));
    }
    values.sort();
    values
}

#[tokio::test]
async fn in_with_a_sub_query_keeps_its_third_truth_value() {
    let session = session().await;
    for (filter, expected) in [
        ("(a IN (SELECT b FROM two)) IS NULL", &["NULL"][..]),
        ("a NOT IN (SELECT b FROM two) OR a = 5", &["1"]),
        ("a NOT IN (SELECT b FROM nulls) OR a = 5", &[]),
        ("NOT (a IN (SELECT b FROM two) AND a = 2)", &["1"]),
        ("(a NOT IN (SELECT b FROM nulls)) IS NOT TRUE", &["1", "2", "NULL"]),
        ("a NOT IN (SELECT b FROM nulls)", &[]),
        ("a NOT IN (SELECT b FROM two WHERE b > 2)", &["1", "2", "NULL"]),
        ("a NOT IN (SELECT b FROM nulls WHERE b = a) OR a = 5", &["1", "NULL"]),
        ("a NOT IN (SELECT b FROM nulls WHERE b = a)", &["1", "NULL"]),
        ("CASE WHEN a + 1 IN (SELECT b FROM nulls) THEN true ELSE a IS NULL END", &["1", "NULL"]),
    ] {
        let sql = format!(
            "WITH t(a) AS (VALUES (1), (NULL), (2)), two(b) AS (VALUES (2)), nulls(b) AS (VALUES (2), (NULL)) \
             SELECT a FROM t WHERE {filter}"
        );
        assert_eq!(column(&session, &sql).await, expected, "{filter}");
    }
}

#[tokio::test]
async fn joins_that_equate_nulls_do_not_change_the_others() {
    let session = session().await;
    let sql = "WITH t(a) AS (VALUES (1), (NULL)) SELECT x.a FROM t x JOIN t y ON x.a = y.a JOIN t z ON y.a IS NOT DISTINCT FROM z.a";
    assert_eq!(column(&session, sql).await, ["1"]);
    let sql = "WITH t(a) AS (VALUES (1), (NULL)) SELECT x.a FROM t x JOIN t y ON x.a IS NOT DISTINCT FROM y.a";
    assert_eq!(column(&session, sql).await, ["1", "NULL"]);
}

#[tokio::test]
async fn a_projection_of_an_equal_one_is_computed_again() {
    let session = session().await;
    for (sql, expected) in [
        ("SELECT x + x AS x FROM (SELECT x + x AS x FROM (SELECT 3 AS x))", "12"),
        ("SELECT x + x AS x FROM (SELECT x + x AS x FROM (SELECT x + x AS x FROM (SELECT 3 AS x)))", "24"),
        ("SELECT x || x AS x FROM (SELECT x || x AS x FROM (SELECT 'ab' AS x))", "abababab"),
        ("SELECT x + x AS x FROM (SELECT x + x AS x, y FROM (SELECT 3 AS x, 4 AS y))", "12"),
        ("SELECT x + x AS x FROM (SELECT x FROM (SELECT x + x AS x FROM (SELECT 3 AS x)))", "12"),
        ("SELECT x + x AS x FROM (SELECT x, y FROM (SELECT x + x AS x, y FROM (SELECT 3 AS x, 4 AS y)) LIMIT 5)", "12"),
        ("SELECT x + y AS x FROM (SELECT x + y AS x, y FROM (SELECT 1 AS x, 10 AS y))", "21"),
        ("SELECT -x AS x FROM (SELECT -x AS x FROM (SELECT -x AS x FROM (VALUES (1)) t(x)))", "-1"),
        ("SELECT x * 2 AS x FROM (SELECT x * 2 AS x FROM (SELECT column1 AS x FROM (VALUES (1)))) WHERE x > 0", "4"),
    ] {
        assert_eq!(column(&session, sql).await, [expected], "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn dropped_queries_stop_and_leave_their_threads_to_others() {
    let session = session_with(Limits { concurrent_queries: 40, ..Limits::default() }).await;
    let cross = "generate_series(1, 100000) a CROSS JOIN generate_series(1, 1000000) b";
    let same = "(SELECT value, value % 2 k FROM generate_series(1, 100000)) a JOIN (SELECT value, value % 2 k FROM \
        generate_series(1, 1000000)) b ON a.k = b.k";
    for sql in [
        format!("SELECT sum(a.value % 7 + b.value) FROM {cross}"),
        format!("SELECT sum(a.value) FROM {same}"),
        "SELECT max(v) FROM (SELECT unnest(range(1000)) v FROM generate_series(1, 1000000))".to_owned(),
    ] {
        for _ in 0..8 {
            let mut stream = session.query(&sql).await.unwrap().into_stream();
            let waited = tokio::time::timeout(std::time::Duration::from_millis(50), stream.next()).await;
            assert!(waited.is_err(), "{sql} is too quick to be a test");
        }
        // As many as there are places have been dropped, so this one waits for their end.
        let count = tokio::time::timeout(std::time::Duration::from_secs(120), column(&session, "SELECT 42")).await;
        assert_eq!(count.expect("dropped queries run on"), ["42"], "{sql}");
    }
}
