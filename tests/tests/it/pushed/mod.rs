//! A statement that a source computes for a sub-plan returns the rows that the plan returns here.

mod clickhouse;
mod mongodb;
mod postgres;

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{CatalogProvider, MemTable, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::{FutureExt, TryStreamExt};
use headwater_common::Limits;
use headwater_engine::Session;
use headwater_source::catalog::SharedCatalog;
use headwater_source::{Kept, OpenQuery, QueryContext, RemoteQuery, RemoteSource};
use headwater_tests::{lines, rows};

/// The same tables twice: at the source, and as copies here.
struct Both {
    source: Arc<dyn RemoteSource>,
    there: SessionContext,
    here: SessionContext,
}

impl Both {
    /// Of the source `name` with `schema` and its `tables`.
    async fn new(session: &Session, name: &str, schema: &str, tables: &[&str]) -> Self {
        let engine = session.engine();
        let source = engine.sources().remote(name).unwrap();
        let catalog = engine.catalogs().into_iter().find(|c| c.source().name() == name).unwrap();
        let there = context(name, schema);
        there.register_catalog(name, Arc::new(SharedCatalog(catalog)));
        let here = context(name, schema);
        let (copies, copied) = (MemoryCatalogProvider::new(), MemorySchemaProvider::new());
        for table in tables {
            let batches = rows(session, &format!("SELECT * FROM {name}.{schema}.{table}")).await;
            let fields = there.table(format!("{name}.{schema}.{table}")).await.unwrap().schema().as_arrow().clone();
            let copy = MemTable::try_new(Arc::new(fields), vec![batches]).unwrap();
            let plain = table.trim_matches('"').replace("\"\"", "\"");
            copied.register_table(plain, Arc::new(copy)).unwrap();
        }
        copies.register_schema(schema, Arc::new(copied)).unwrap();
        here.register_catalog(name, Arc::new(copies));
        Self { source, there, here }
    }

    async fn plan(&self, sql: &str) -> LogicalPlan {
        let frame = self.there.sql(sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
        frame.into_optimized_plan().unwrap_or_else(|e| panic!("{sql}: {e}"))
    }

    /// The statement of a query, below a sort without limit.
    async fn translated(&self, sql: &str, target: usize) -> (LogicalPlan, Result<RemoteQuery, Vec<Kept>>) {
        let mut plan = self.plan(sql).await;
        while let LogicalPlan::Sort(sort) = &plan
            && sort.fetch.is_none()
        {
            plan = sort.input.as_ref().clone();
        }
        let query = self.source.translate(&plan, target);
        (plan, query)
    }

    /// The rows of a query on both routes are the same.
    async fn same(&self, sql: &str, target: usize) -> RemoteQuery {
        let (plan, query) = self.translated(sql, target).await;
        let query = query.unwrap_or_else(|kept| panic!("{sql}\n{}\n{}", plan.display_indent(), reasons(&kept)));
        let schema = Arc::new(plan.schema().as_arrow().clone());
        let found = self.read(&query, Arc::clone(&schema)).await;
        let found = found.unwrap_or_else(|e| panic!("{sql}\n{}\n{e}", query.texts[0].text));
        for batch in &found {
            assert_eq!(batch.schema(), schema, "{sql}");
        }
        let expected = self.here.sql(sql).await.unwrap().collect().await.unwrap_or_else(|e| panic!("{sql}: {e}"));
        assert_eq!(lines(&found), lines(&expected), "{sql}\n{}", query.texts[0].text);
        query
    }

    /// The first queries go as a whole and return the same rows; the others stay here. All that is wrong is shown at once.
    async fn all(&self, whole: &[&str], kept: &[(&str, &str)]) {
        let mut wrong = Vec::new();
        for sql in whole {
            if let Err(panic) = AssertUnwindSafe(self.same(sql, 1)).catch_unwind().await {
                wrong.push(message(panic.as_ref()));
            }
        }
        for (sql, words) in kept {
            if let Err(panic) = AssertUnwindSafe(self.kept(sql, words)).catch_unwind().await {
                wrong.push(message(panic.as_ref()));
            }
        }
        assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n\n"));
    }

    /// All rows of a statement.
    async fn read(&self, query: &RemoteQuery, schema: SchemaRef) -> Result<Vec<RecordBatch>, DataFusionError> {
        let command = Arc::new(query.clone());
        let context = Arc::new(QueryContext::new("test", Arc::new(Limits::default())));
        let mut found: Vec<RecordBatch> = Vec::new();
        for partition in 0..query.texts.len() {
            let open = OpenQuery {
                command: Arc::clone(&command),
                partition,
                schema: Arc::clone(&schema),
                batch_rows: 100,
                query: Arc::clone(&context),
            };
            let stream: SendableRecordBatchStream = Arc::clone(&self.source).open_query(open).unwrap();
            found.extend(stream.try_collect::<Vec<_>>().await?);
        }
        Ok(found)
    }

    /// Whether the statement of a query ends in an error.
    async fn fails(&self, sql: &str) -> bool {
        let (plan, query) = self.translated(sql, 1).await;
        let query = query.unwrap_or_else(|kept| panic!("{sql}\n{}", reasons(&kept)));
        self.read(&query, Arc::new(plan.schema().as_arrow().clone())).await.is_err()
    }

    /// A query stays here, for a reason that holds these words.
    async fn kept(&self, sql: &str, words: &str) {
        let (plan, query) = self.translated(sql, 1).await;
        let kept = match query {
            Ok(query) => panic!("{sql}\n{}\n{}", plan.display_indent(), query.texts[0].text),
            Err(kept) => reasons(&kept),
        };
        assert!(kept.contains(words), "{sql}\n{kept}");
        assert!(!has_nothing_to_say(&kept), "{sql}\n{kept}");
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

fn has_nothing_to_say(reasons: &str) -> bool {
    reasons.lines().any(|line| line.ends_with(": "))
}

fn reasons(kept: &[Kept]) -> String {
    kept.iter().map(|k| format!("{}: {}", k.part, k.reason)).collect::<Vec<_>>().join("\n")
}

fn context(catalog: &str, schema: &str) -> SessionContext {
    let config = SessionConfig::new().with_create_default_catalog_and_schema(false);
    let mut config = config.with_default_catalog_and_schema(catalog, schema).with_target_partitions(2);
    config.options_mut().sql_parser.map_string_types_to_utf8view = false;
    SessionContext::new_with_config(config)
}

/// Whether a plan has a node of this kind, so that a test tests what it says.
fn has(plan: &LogicalPlan, matches: impl Fn(&LogicalPlan) -> bool) -> bool {
    let mut found = false;
    plan.apply(|node| {
        found |= matches(node);
        Ok(TreeNodeRecursion::Continue)
    })
    .unwrap();
    found
}
