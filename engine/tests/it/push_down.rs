//! Where the cut through a plan is.

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::DataType;
use headwater_common::ErrorKind;
use headwater_common::config::Config;
use headwater_engine::Engine;

use crate::sketch::{explain, session_of};

#[tokio::test]
async fn the_largest_part_that_one_source_computes_is_one_statement() {
    let session = session_of(Engine::builder()).await;
    let cases: &[(&str, &[&str])] = &[
        (
            "SELECT c.region, sum(o.amount) AS s FROM orders o JOIN customer c ON o.customer = c.id GROUP BY 1 \
             HAVING sum(o.amount) > 5 ORDER BY s DESC LIMIT 3",
            &["a: top(3, filter(aggregate(1, inner(orders, customer))))"],
        ),
        ("SELECT c.id, o.amount FROM orders o JOIN customer c ON o.customer = c.id", &["a: inner(orders, customer)"]),
        (
            "SELECT count(*) FROM customer c JOIN event e ON c.region = e.region",
            &["a: aggregate(1, inner(customer, event))"],
        ),
        ("SELECT DISTINCT region FROM customer", &["a: aggregate(0, customer)"]),
        (
            "SELECT id FROM customer WHERE region IN (SELECT region FROM event WHERE kind = 1)",
            &["a: leftsemi(customer, event where 1)"],
        ),
        ("SELECT id FROM customer c WHERE region > (SELECT max(region) FROM event)", &["a: filter(customer)"]),
        // Where the source has no statistics, only what cannot have more rows than its inputs goes.
        ("SELECT l.tag, d.tag FROM label l JOIN draft d ON l.draft = d.id", &["a: inner(label, draft)"]),
        (
            "SELECT l.tag, count(*) FROM label l JOIN draft d ON l.tag = d.tag GROUP BY 1",
            &["a: aggregate(1, inner(label, draft))"],
        ),
        // A limit is sent, with what is skipped.
        (
            "SELECT c.id FROM orders o JOIN customer c ON o.customer = c.id LIMIT 5 OFFSET 2",
            &["a: limit(2, 5, inner(orders, customer))"],
        ),
    ];
    for (sql, texts) in cases {
        let (found, kept) = explain(&session, sql).await;
        assert_eq!(found, *texts, "{sql}: {kept:?}");
    }
}

#[tokio::test]
async fn what_would_send_more_bytes_stays_here_and_says_so() {
    let session = session_of(Engine::builder()).await;
    let (texts, kept) =
        explain(&session, "SELECT c.name, e.kind FROM customer c JOIN event e ON c.region = e.region").await;
    assert_eq!(texts, ["a: scan customer", "a: scan event"]);
    assert!(kept.iter().any(|k| k.starts_with("Inner Join") && k.contains("20000000 rows")), "{kept:?}");
    let (texts, kept) = explain(&session, "SELECT l.tag FROM label l JOIN draft d ON l.tag = d.tag").await;
    assert_eq!(texts, ["a: scan draft", "a: scan label"]);
    assert!(kept.iter().any(|k| k.contains("does not know how many rows")), "{kept:?}");
    // One table is read in ranges.
    for sql in ["SELECT a, b FROM big", "SELECT a FROM big WHERE b > 3", "SELECT a FROM big LIMIT 3"] {
        assert_eq!(explain(&session, sql).await, (vec!["a: scan big".to_owned()], vec![]), "{sql}");
    }
    let (texts, kept) = explain(&session, "SELECT a + b FROM big").await;
    assert_eq!(texts, ["a: scan big"]);
    assert!(kept.iter().any(|k| k.starts_with("Projection") && k.contains("saves few bytes")), "{kept:?}");
}

#[tokio::test]
async fn parts_that_cannot_go_are_split_off() {
    let session = session_of(Engine::builder()).await;
    let (texts, kept) = explain(
        &session,
        "SELECT c.id FROM orders o JOIN customer c ON o.customer = c.id \
         WHERE (lower(CAST(c.region AS TEXT)) = '1' OR o.amount > 1) AND (c.region = 1 OR o.amount > 2)",
    )
    .await;
    assert_eq!(texts, ["a: filter(inner(orders, customer))"], "{kept:?}");
    assert!(kept.iter().any(|k| k.starts_with("lower(") && k.ends_with(": the sketch does not know it")), "{kept:?}");
    let (texts, kept) =
        explain(&session, "SELECT region, avg(id), count(*), max(name) FROM customer GROUP BY region").await;
    assert_eq!(texts, ["a: aggregate(4, customer)"], "{kept:?}");
    assert!(kept.iter().any(|k| k.starts_with("avg(")), "{kept:?}");
    let (texts, _) = explain(&session, "SELECT lower(name), count(*) FROM customer GROUP BY 1").await;
    assert_eq!(texts, ["a: scan customer"]);
}

#[tokio::test]
async fn each_source_computes_its_part_of_a_join_of_two() {
    let session = session_of(Engine::builder()).await;
    let (texts, kept) = explain(
        &session,
        "SELECT x.region, x.n, y.m FROM (SELECT region, count(*) AS n FROM a.public.customer GROUP BY region) x \
         JOIN (SELECT region, max(kind) AS m FROM b.public.event GROUP BY region) y ON x.region = y.region ORDER BY 1",
    )
    .await;
    assert_eq!(texts, ["a: aggregate(1, customer)", "b: aggregate(1, event)"]);
    assert!(kept.iter().any(|k| k.contains("its inputs are in several places: a, b")), "{kept:?}");
}

#[tokio::test]
async fn aggregates_over_several_sources_begin_at_the_source_of_their_values() {
    let session = session_of(Engine::builder()).await;
    let (groups, rows) = (["a: aggregate(2, orders)", "b: scan customer"], ["a: scan orders", "b: scan customer"]);
    let from = "FROM a.public.orders o JOIN b.public.customer c ON o.customer = c.id";
    for (sql, texts) in [
        (format!("SELECT c.region, sum(o.amount), count(*) {from} GROUP BY 1"), groups),
        (format!("SELECT sum(o.amount), count(o.amount) {from}"), groups),
        (format!("SELECT c.region, avg(o.amount) {from} WHERE c.region < o.amount + 3 GROUP BY 1"), rows),
        (format!("SELECT c.region, avg(o.amount) {from} GROUP BY 1"), groups),
        (format!("SELECT c.region, count(DISTINCT o.amount) {from} GROUP BY 1"), rows),
        (format!("SELECT c.region, sum(o.amount + c.id), count(*) {from} GROUP BY 1"), rows),
        (format!("SELECT o.id, max(o.amount), count(*) {from} GROUP BY 1"), rows),
    ] {
        let (found, kept) = explain(&session, &sql).await;
        assert_eq!(found, texts, "{sql}: {kept:?}");
    }
    let mut config = Config::default();
    config.optimizer.rules_off = vec!["aggregate_below_joins".to_owned()];
    let without = session_of(Engine::builder().config(config)).await;
    assert_eq!(explain(&without, &format!("SELECT sum(o.amount), count(*) {from}")).await.0, rows);
}

#[tokio::test]
async fn the_order_is_made_here_and_different_statements_are_different_tables() {
    let session = session_of(Engine::builder()).await;
    let plan = |sql: &'static str| {
        let session = session.clone();
        async move {
            let batches = session.query(&format!("EXPLAIN {sql}")).await.unwrap().collect().await.unwrap();
            datafusion::arrow::util::pretty::pretty_format_batches(&batches).unwrap().to_string()
        }
    };
    let text = plan("SELECT region, count(*) AS n FROM customer GROUP BY 1 ORDER BY n LIMIT 2").await;
    let (sort, query) = (text.find("SortExec: TopK(fetch=2)"), text.find("RemoteQueryExec: source=a, partitions=1"));
    assert!(sort.is_some() && sort < query, "{text}");
    let text =
        plan("SELECT (SELECT max(id) AS m FROM customer WHERE region < 2), (SELECT max(id) AS m FROM customer)").await;
    assert!(text.contains("a_query_1") && text.contains("a_query_2"), "{text}");
}

#[tokio::test]
async fn the_rule_can_be_left_out() {
    let sql = "SELECT c.region, max(o.amount) FROM orders o JOIN customer c ON o.customer = c.id GROUP BY 1";
    let mut config = Config::default();
    config.optimizer.push_down_plan = false;
    for builder in [Engine::builder().without_rule("push_down_plan"), Engine::builder().config(config)] {
        let (texts, kept) = explain(&session_of(builder).await, sql).await;
        assert_eq!(texts, ["a: scan customer", "a: scan orders"]);
        let off = "optimizer.push_down_plan is switched off";
        assert!(kept.iter().any(|k| k.starts_with("Aggregate") && k.contains(off)), "{kept:?}");
    }
}

#[tokio::test]
async fn wrong_options_and_native_queries_are_refused() {
    let session = session_of(Engine::builder()).await;
    let cases = [
        ("EXPLAIN (PUSHDON) SELECT 1", "there is no EXPLAIN option PUSHDON; did you mean PUSHDOWN?"),
        ("EXPLAIN (PUSHDOWN, ANALYZE) SELECT 1", "takes no other options"),
        ("EXPLAIN (PUSHDOWN 3) SELECT 1", "PUSHDOWN takes no value"),
        ("EXPLAIN (PUSHDOWN) EXPLAIN SELECT 1", "explains queries and INSERT only"),
        ("EXPLAIN (PUSHDOWN) SELECT 1 2", "expected the end of the statement"),
        ("SELECT * FROM query('a', 'SELECT 1')", "engine.allow_native_queries"),
    ];
    for (sql, message) in cases {
        let error = session.query(sql).await.map(drop).unwrap_err();
        assert!(error.message().contains(message), "{sql}: {error}");
    }
    let mut config = Config::default();
    config.engine.allow_native_queries = true;
    let session = session_of(Engine::builder().config(config)).await;
    for (sql, kind) in [
        ("SELECT * FROM query('nowhere', 'SELECT 1')", ErrorKind::NotFound),
        ("SELECT * FROM query('a', 'SELECT 1')", ErrorKind::Unsupported),
        ("SELECT * FROM query('a')", ErrorKind::InvalidInput),
    ] {
        assert_eq!(session.query(sql).await.map(drop).unwrap_err().kind(), kind, "{sql}");
    }
}

#[tokio::test]
async fn an_explanation_is_prepared_like_a_query() {
    let session = session_of(Engine::builder()).await;
    let sql = "EXPLAIN (PUSHDOWN) SELECT region, count(*) FROM customer WHERE id > ? GROUP BY 1";
    let prepared = session.prepare(sql).await.unwrap();
    assert_eq!(prepared.schema().fields().len(), 6);
    assert!(!prepared.is_update());
    assert_eq!(prepared.parameter_schema().field(0).data_type(), &DataType::Int32);
    let parameter = datafusion::common::ScalarValue::Int32(Some(5));
    let batches = session.execute(&prepared, vec![parameter]).await.unwrap().collect().await.unwrap();
    assert_eq!(batches[0].schema(), prepared.schema());
    assert_eq!(batches[0].column(1).as_string::<i32>().value(0), "aggregate(1, customer where 1)");
}

#[tokio::test]
async fn groups_by_a_function_of_here_are_put_together_from_finer_groups() {
    let session = session_of(Engine::builder()).await;
    let cases: &[(&str, &str)] = &[
        ("SELECT lower(CAST(region AS TEXT)), count(*), max(id) FROM customer GROUP BY 1", "a: aggregate(2, customer)"),
        ("SELECT lower(CAST(region AS TEXT)), avg(id), sum(region) FROM customer GROUP BY 1", "a: aggregate(3, customer)"),
        ("SELECT region, max(lower(CAST(region AS TEXT))), count(*) FROM customer GROUP BY 1", "a: aggregate(1, customer)"),
        ("SELECT DISTINCT lower(CAST(region AS TEXT)) FROM customer", "a: aggregate(0, customer)"),
    ];
    for (sql, text) in cases {
        let (texts, kept) = explain(&session, sql).await;
        assert_eq!(texts, [*text], "{sql}: {kept:?}");
        assert!(kept.iter().any(|k| k.contains("lower") && k.contains("the sketch does not know it")), "{sql}: {kept:?}");
    }
    // Nothing is saved where the finer groups are nearly as many as the rows, and what a group adds up is lost in them.
    for sql in [
        "SELECT lower(name), count(*) FROM customer GROUP BY 1",
        "SELECT region, count(lower(CAST(region AS TEXT))) FROM customer GROUP BY 1",
        "SELECT lower(CAST(random() AS TEXT)), count(*) FROM customer GROUP BY 1",
    ] {
        assert_eq!(explain(&session, sql).await.0, ["a: scan customer"], "{sql}");
    }
}
