//! Where the cut through a plan is, over a source that computes everything but `lower` and `avg`.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::catalog::TableProvider;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNode;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{FetchType, LogicalPlan, SkipType};
use datafusion::prelude::Expr;
use headwater_common::config::{Config, OptionSpec, Options};
use headwater_common::{Error, ErrorKind, Result};
use headwater_engine::{Engine, EngineBuilder, Session};
use headwater_source::{
    ColumnMeta, ConnectContext, Connector, Discovery, Kept, OpenScan, PartitionBounds, RemoteColumn, RemoteQuery,
    RemoteSource, RemoteTable, RemoteText, ScanCommand, SortKey, Source, Support, TableKind, TableMeta, TableName,
};

#[derive(Debug)]
struct SketchConnector;

#[async_trait]
impl Connector for SketchConnector {
    fn kind(&self) -> &'static str {
        "sketch"
    }

    fn options(&self) -> &'static [OptionSpec] {
        &[]
    }

    async fn connect(&self, name: &str, _options: &Options, _context: &ConnectContext) -> Result<Arc<dyn Source>> {
        Ok(Arc::new(Sketch(name.to_owned())))
    }
}

/// A source without rows; a sketch of the plan stands for the text.
#[derive(Debug)]
struct Sketch(String);

fn table(name: &str, rows: Option<u64>, columns: &[(&str, DataType, usize)]) -> Arc<TableMeta> {
    let column = |(name, data_type, distinct): &(&str, DataType, usize)| {
        let mut meta = ColumnMeta::new(Arc::new(Field::new(*name, data_type.clone(), *name != "id")), "?");
        if rows.is_some() {
            meta.statistics.distinct_count = Precision::Inexact(*distinct);
        }
        meta
    };
    let mut meta = TableMeta::new(TableName::new("public", name), TableKind::Table, columns.iter().map(column).collect());
    meta.primary_key = meta.column("id").map(|_| ("key".to_owned(), vec![0]));
    meta.row_count = rows;
    Arc::new(meta)
}

fn tables() -> BTreeMap<String, Arc<TableMeta>> {
    use DataType::{Int32, Utf8};
    let all = [
        table("customer", Some(10_000), &[("id", Int32, 10_000), ("region", Int32, 5), ("name", Utf8, 9_000)]),
        table("orders", Some(50_000), &[("id", Int32, 50_000), ("customer", Int32, 10_000), ("amount", Int32, 900)]),
        table("event", Some(10_000), &[("region", Int32, 5), ("kind", Int32, 3)]),
        table("big", Some(9_000_000), &[("id", Int32, 9_000_000), ("a", Int32, 100), ("b", Int32, 100)]),
        table("draft", None, &[("id", Int32, 0), ("tag", Int32, 0)]),
        table("label", None, &[("draft", Int32, 0), ("tag", Int32, 0)]),
    ];
    all.into_iter().map(|t| (t.name.table.clone(), t)).collect()
}

#[async_trait]
impl Source for Sketch {
    fn name(&self) -> &str {
        &self.0
    }

    fn kind(&self) -> &'static str {
        "sketch"
    }

    fn location(&self) -> String {
        String::new()
    }

    async fn check(&self) -> Result<String> {
        Ok(String::new())
    }

    async fn discover(&self) -> Result<Discovery> {
        let schema = headwater_source::SchemaMeta { tables: tables(), unavailable: BTreeMap::new() };
        Ok(Discovery { schemas: BTreeMap::from([("public".to_owned(), schema)]), fingerprint: None })
    }

    async fn provider(self: Arc<Self>, table: Arc<TableMeta>) -> Result<Arc<dyn TableProvider>> {
        Ok(Arc::new(RemoteTable::new(self, table)))
    }

    fn remote(self: Arc<Self>) -> Option<Arc<dyn RemoteSource>> {
        Some(self)
    }
}

fn unknown(expr: &Expr) -> Option<Kept> {
    let mut found = None;
    expr.apply(|e| {
        let known = match e {
            Expr::ScalarFunction(f) => f.name() != "lower",
            Expr::AggregateFunction(f) => f.func.name() != "avg",
            _ => true,
        };
        if !known {
            found = Some(Kept::new(e.to_string(), "the sketch does not know it"));
        }
        Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
    })
    .unwrap();
    found
}

fn sketch(plan: &LogicalPlan) -> String {
    let inputs = plan.inputs().into_iter().map(sketch).collect::<Vec<_>>().join(", ");
    match plan {
        LogicalPlan::TableScan(scan) if scan.filters.is_empty() => scan.table_name.table().to_owned(),
        LogicalPlan::TableScan(scan) => format!("{} where {}", scan.table_name.table(), scan.filters.len()),
        LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_) => inputs,
        LogicalPlan::Sort(sort) => format!("top({}, {inputs})", sort.fetch.unwrap_or_default()),
        LogicalPlan::Limit(limit) => match (limit.get_skip_type().unwrap(), limit.get_fetch_type().unwrap()) {
            (SkipType::Literal(skip), FetchType::Literal(Some(fetch))) => format!("limit({skip}, {fetch}, {inputs})"),
            _ => "a computed limit".to_owned(),
        },
        LogicalPlan::Aggregate(aggregate) => format!("aggregate({}, {inputs})", aggregate.aggr_expr.len()),
        LogicalPlan::Join(join) => format!("{}({inputs})", join.join_type.to_string().to_lowercase()),
        LogicalPlan::Filter(_) => format!("filter({inputs})"),
        LogicalPlan::Union(_) => format!("union({inputs})"),
        other => format!("{}({inputs})", other.display()),
    }
}

#[async_trait]
impl RemoteSource for Sketch {
    fn filter_support(&self, _table: &TableMeta, filter: &Expr) -> Support {
        unknown(filter).map_or(Support::Exact, |kept| Support::no(kept.reason))
    }

    fn sort_support(&self, _table: &TableMeta, _keys: &[SortKey]) -> Support {
        Support::Exact
    }

    async fn partitions(&self, _command: &ScanCommand, _target: usize) -> Result<Vec<PartitionBounds>> {
        Ok(vec![PartitionBounds::Whole])
    }

    fn render(&self, command: &ScanCommand, _bounds: &PartitionBounds) -> Result<RemoteText> {
        Ok(RemoteText { text: format!("scan {}", command.table.table), parameters: 0 })
    }

    fn open(self: Arc<Self>, _scan: OpenScan) -> Result<SendableRecordBatchStream> {
        Err(Error::internal("a sketch has no rows"))
    }

    fn translate(&self, plan: &LogicalPlan, _target: usize) -> Result<RemoteQuery, Vec<Kept>> {
        let mut kept = Vec::new();
        plan.apply(|node| {
            kept.extend(node.expressions().iter().filter_map(unknown));
            if matches!(node, LogicalPlan::EmptyRelation(_)) {
                kept.push(Kept::new("a row without columns", "it is here"));
            }
            Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
        })
        .unwrap();
        if !kept.is_empty() {
            return Err(kept);
        }
        let column = |field: &Arc<Field>| RemoteColumn {
            field: Arc::clone(field),
            remote_type: String::new(),
            attributes: BTreeMap::new(),
        };
        let columns = plan.schema().fields().iter().map(column).collect();
        let texts = vec![RemoteText { text: sketch(plan), parameters: 0 }];
        Ok(RemoteQuery { source: self.0.clone(), texts, columns, tables: Vec::new() })
    }
}

async fn session_of(builder: EngineBuilder) -> Session {
    let engine = builder.connector(Arc::new(SketchConnector)).build().await.unwrap();
    for name in ["a", "b"] {
        engine.create_source(name, "sketch", &Options::new()).await.unwrap();
    }
    let session = engine.session("ann").unwrap();
    session.set_default(Some("a"), Some("public")).unwrap();
    session
}

/// What the sources receive, and what stays here with its reason.
async fn explain(session: &Session, sql: &str) -> (Vec<String>, Vec<String>) {
    let result = session.query(&format!("EXPLAIN (PUSHDOWN) {sql}")).await;
    let batches = result.unwrap_or_else(|e| panic!("{sql}: {e}")).collect().await.unwrap();
    let (mut texts, mut kept) = (Vec::new(), Vec::new());
    for batch in batches {
        let value = |column: usize, row: usize| {
            let values = batch.column(column).as_string::<i32>();
            values.is_valid(row).then(|| values.value(row).to_owned())
        };
        for row in 0..batch.num_rows() {
            match value(1, row) {
                Some(text) => texts.push(format!("{}: {text}", value(0, row).unwrap())),
                None => kept.push(format!("{}: {}", value(4, row).unwrap(), value(5, row).unwrap())),
            }
        }
    }
    texts.sort();
    (texts, kept)
}

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
    for sql in
        ["SELECT a, b FROM big", "SELECT a + b FROM big", "SELECT a FROM big WHERE b > 3", "SELECT a FROM big LIMIT 3"]
    {
        assert_eq!(explain(&session, sql).await, (vec!["a: scan big".to_owned()], vec![]), "{sql}");
    }
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
        let (texts, _) = explain(&session_of(builder).await, sql).await;
        assert_eq!(texts, ["a: scan customer", "a: scan orders"]);
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
