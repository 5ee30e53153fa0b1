//! INSERT, UPDATE and DELETE on a remote source.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, RecordBatch, UInt64Array};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::sink::DataSink;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use datafusion::prelude::Expr;
use headwater_common::Error;

use crate::error::ErrorExt;
use crate::metadata::TableMeta;
use crate::registry::SourceRegistry;
use crate::source::RemoteSource;

fn remote(context: &TaskContext, name: &str) -> Result<Arc<dyn RemoteSource>> {
    let sources = context.session_config().get_extension::<SourceRegistry>();
    let sources = sources.ok_or_else(|| Error::internal("the session has no source registry").into_datafusion())?;
    sources.remote(name).map_err(ErrorExt::into_datafusion)
}

/// Where the rows of an INSERT go.
#[derive(Debug)]
pub struct RemoteSink {
    source: String,
    table: Arc<TableMeta>,
    /// The table's schema with every field nullable: a NOT NULL column that was left out gets its default at the source, and
    /// the source itself refuses nulls.
    schema: SchemaRef,
}

impl RemoteSink {
    /// A sink for a table of a source.
    pub fn new(source: String, table: Arc<TableMeta>) -> Self {
        let fields = table.schema.fields().iter().map(|f| f.as_ref().clone().with_nullable(true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Self { source, table, schema }
    }
}

impl DisplayAs for RemoteSink {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteSink: source={}, table={}", self.source, self.table.name)
    }
}

#[async_trait]
impl DataSink for RemoteSink {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    async fn write_all(&self, data: SendableRecordBatchStream, context: &Arc<TaskContext>) -> Result<u64> {
        let source = remote(context, &self.source)?;
        source.insert(&self.table, data).await.map_err(ErrorExt::into_datafusion)
    }
}

/// A change of rows that are in the table.
#[derive(Debug, Clone)]
pub enum RemoteChange {
    /// Deletes the rows that pass all filters.
    Delete {
        /// Exact filters.
        filters: Vec<Expr>,
    },
    /// Updates the rows that pass all filters.
    Update {
        /// Column and its new value.
        assignments: Vec<(String, Expr)>,
        /// Exact filters.
        filters: Vec<Expr>,
    },
}

/// Runs a change at the source and returns the number of rows, in one `UInt64` column named `count`.
#[derive(Debug)]
pub struct RemoteChangeExec {
    source: String,
    table: Arc<TableMeta>,
    change: RemoteChange,
    properties: Arc<PlanProperties>,
}

impl RemoteChangeExec {
    /// A change of `table`.
    pub fn new(source: String, table: Arc<TableMeta>, change: RemoteChange) -> Self {
        let schema = Arc::new(Schema::new(vec![Field::new("count", DataType::UInt64, false)]));
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        ));
        Self { source, table, change, properties }
    }
}

impl DisplayAs for RemoteChangeExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.change {
            RemoteChange::Delete { .. } => "delete",
            RemoteChange::Update { .. } => "update",
        };
        write!(f, "RemoteChangeExec: source={}, table={}, {verb}", self.source, self.table.name)
    }
}

impl ExecutionPlan for RemoteChangeExec {
    fn name(&self) -> &str {
        "RemoteChangeExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, _children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, _partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let source = remote(&context, &self.source)?;
        let (table, change, schema) = (Arc::clone(&self.table), self.change.clone(), self.schema());
        let out = Arc::clone(&schema);
        let run = async move {
            let changed = match &change {
                RemoteChange::Delete { filters } => source.delete(&table, filters).await,
                RemoteChange::Update { assignments, filters } => source.update(&table, assignments, filters).await,
            };
            let changed = changed.map_err(ErrorExt::into_datafusion)?;
            Ok(RecordBatch::try_new(out, vec![Arc::new(UInt64Array::from(vec![changed])) as ArrayRef])?)
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::once(run))))
    }
}
