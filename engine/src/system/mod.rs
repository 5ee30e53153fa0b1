//! Headwater's own tables: `system.settings`, `system.sources`, `system.functions`, `system.unavailable_tables`,
//! `system.inferred_schemas`, `system.schema_events`, `system.estimate_corrections`, `system.optimizer_rules`, `system.plan_history`,
//! `system.plan_events`, `system.source_costs`, `system.source_statistics`, `system.models`, `system.model_versions`.

mod estimate_corrections;
mod functions;
mod inferred;
mod models;
mod optimizer_rules;
mod plan_events;
mod plan_history;
mod schema_events;
mod settings;
mod source_costs;
mod source_statistics;
mod sources;
mod unavailable;

use std::fmt;
use std::sync::{Arc, Weak};

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{MemTable, SchemaProvider, Session, TableProvider};
use datafusion::datasource::TableType;
use datafusion::error::Result;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::Expr;

use headwater_common::Error;
use headwater_registry::Registry;
use headwater_source::ErrorExt;

use crate::engine::Sources;

type Columns = &'static [(&'static str, DataType)];
type Rows = fn(&dyn Session, &Sources, SchemaRef) -> Result<RecordBatch>;

/// Where the rows of a table come from.
#[derive(Clone, Copy)]
enum Content {
    /// What the engine knows.
    Known(Rows),
    /// Stored models.
    Models,
    /// Their versions.
    ModelVersions,
}

/// The `system` schema over these sources.
pub(crate) fn schema(sources: &Arc<Sources>) -> Arc<dyn SchemaProvider> {
    Arc::new(SystemSchema { sources: Arc::downgrade(sources) })
}

#[derive(Debug)]
struct SystemSchema {
    /// They hold the catalogs, which hold this: an engine that is dropped must end its connections.
    sources: Weak<Sources>,
}

const TABLES: &[(&str, Columns, Content)] = &[
    ("estimate_corrections", estimate_corrections::COLUMNS, Content::Known(estimate_corrections::rows)),
    ("functions", functions::COLUMNS, Content::Known(functions::rows)),
    ("inferred_schemas", inferred::COLUMNS, Content::Known(inferred::rows)),
    ("model_versions", models::VERSIONS, Content::ModelVersions),
    ("models", models::MODELS, Content::Models),
    ("optimizer_rules", optimizer_rules::COLUMNS, Content::Known(optimizer_rules::rows)),
    ("plan_events", plan_events::COLUMNS, Content::Known(plan_events::rows)),
    ("plan_history", plan_history::COLUMNS, Content::Known(plan_history::rows)),
    ("schema_events", schema_events::COLUMNS, Content::Known(schema_events::rows)),
    ("settings", settings::COLUMNS, Content::Known(settings::rows)),
    ("source_costs", source_costs::COLUMNS, Content::Known(source_costs::rows)),
    ("source_statistics", source_statistics::COLUMNS, Content::Known(source_statistics::rows)),
    ("sources", sources::COLUMNS, Content::Known(sources::rows)),
    ("unavailable_tables", unavailable::COLUMNS, Content::Known(unavailable::rows)),
];

#[async_trait]
impl SchemaProvider for SystemSchema {
    fn table_names(&self) -> Vec<String> {
        TABLES.iter().map(|(name, ..)| (*name).to_owned()).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let Some((name, columns, content)) = TABLES.iter().find(|(n, ..)| *n == name) else { return Ok(None) };
        let Some(sources) = self.sources.upgrade() else { return Ok(None) };
        let fields = columns.iter().map(|(name, t)| Field::new(*name, t.clone(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Ok(Some(Arc::new(SystemTable { name, schema, content: *content, sources })))
    }

    fn table_exist(&self, name: &str) -> bool {
        TABLES.iter().any(|(n, ..)| *n == name)
    }
}

/// A table whose rows are made when it is read.
struct SystemTable {
    name: &'static str,
    schema: SchemaRef,
    content: Content,
    sources: Arc<Sources>,
}

impl fmt::Debug for SystemTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SystemTable({})", self.name)
    }
}

#[async_trait]
impl TableProvider for SystemTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = Arc::clone(&self.schema);
        let models = || {
            let registry = state.config().get_extension::<Registry>();
            registry.ok_or_else(|| Error::internal("the session has no stored models").into_datafusion())
        };
        let batch = match self.content {
            Content::Known(rows) => rows(state, &self.sources, schema)?,
            Content::Models => models::models(models()?.as_ref(), schema).await?,
            Content::ModelVersions => models::versions(models()?.as_ref(), schema).await?,
        };
        let table = MemTable::try_new(Arc::clone(&self.schema), vec![vec![batch]])?;
        table.scan(state, projection, filters, limit).await
    }
}
