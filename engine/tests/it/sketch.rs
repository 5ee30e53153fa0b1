//! A source without rows that computes everything but `lower` and `avg`; sketches of the plans stand for its statements.

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
use headwater_common::config::{OptionSpec, Options};
use headwater_common::{Error, Result};
use headwater_engine::{EngineBuilder, Session};
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
        table("sale", Some(1_000_000), &[("id", Int32, 1_000_000), ("product", Int32, 20_000), ("store", Int32, 200)]),
        table("product", Some(20_000), &[("id", Int32, 20_000), ("brand", Int32, 50)]),
        table("store", Some(200), &[("id", Int32, 200), ("city", Int32, 40)]),
        table("city", Some(40), &[("id", Int32, 40), ("name", Utf8, 40)]),
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

/// A session over two such sources, `a` and `b`; the schema is that of `a`.
pub(crate) async fn session_of(builder: EngineBuilder) -> Session {
    let engine = builder.connector(Arc::new(SketchConnector)).build().await.unwrap();
    for name in ["a", "b"] {
        engine.create_source(name, "sketch", &Options::new()).await.unwrap();
    }
    let session = engine.session("ann").unwrap();
    session.set_default(Some("a"), Some("public")).unwrap();
    session
}

/// What the sources receive, and what stays here with its reason.
pub(crate) async fn explain(session: &Session, sql: &str) -> (Vec<String>, Vec<String>) {
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
