//! Headwater's own tables: `system.settings`, `system.sources`, `system.functions`, `system.unavailable_tables`.

mod functions;
mod settings;
mod sources;
mod unavailable;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{MemTable, SchemaProvider, Session, TableProvider};
use datafusion::datasource::TableType;
use datafusion::error::Result;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::Expr;

use crate::engine::Sources;

type Columns = &'static [(&'static str, DataType)];
type Rows = fn(&dyn Session, &Sources, SchemaRef) -> Result<RecordBatch>;

/// The `system` schema over these sources.
pub(crate) fn schema(sources: Arc<Sources>) -> Arc<dyn SchemaProvider> {
    Arc::new(SystemSchema { sources })
}

#[derive(Debug)]
struct SystemSchema {
    sources: Arc<Sources>,
}

const TABLES: &[(&str, Columns, Rows)] = &[
    ("functions", functions::COLUMNS, functions::rows),
    ("settings", settings::COLUMNS, settings::rows),
    ("sources", sources::COLUMNS, sources::rows),
    ("unavailable_tables", unavailable::COLUMNS, unavailable::rows),
];

#[async_trait]
impl SchemaProvider for SystemSchema {
    fn table_names(&self) -> Vec<String> {
        TABLES.iter().map(|(name, ..)| (*name).to_owned()).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let Some((name, columns, rows)) = TABLES.iter().find(|(n, ..)| *n == name) else { return Ok(None) };
        let fields = columns.iter().map(|(name, t)| Field::new(*name, t.clone(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Ok(Some(Arc::new(SystemTable { name, schema, rows: *rows, sources: Arc::clone(&self.sources) })))
    }

    fn table_exist(&self, name: &str) -> bool {
        TABLES.iter().any(|(n, ..)| *n == name)
    }
}

/// A table whose rows are made when it is read.
struct SystemTable {
    name: &'static str,
    schema: SchemaRef,
    rows: Rows,
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
        let batch = (self.rows)(state, &self.sources, Arc::clone(&self.schema))?;
        let table = MemTable::try_new(Arc::clone(&self.schema), vec![vec![batch]])?;
        table.scan(state, projection, filters, limit).await
    }
}
