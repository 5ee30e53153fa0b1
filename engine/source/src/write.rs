//! INSERT, UPDATE and DELETE on a remote source.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt64Array};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::sink::DataSink;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{DmlStatement, LogicalPlan, WriteOp};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use datafusion::prelude::Expr;
use futures::StreamExt;

use crate::error::ErrorExt;
use crate::metadata::TableMeta;
use crate::registry::SourceRegistry;

/// The columns that an INSERT leaves out, by position; an extension of the configuration it is planned with.
///
/// DataFusion fills them with nulls, so that a plan does not tell a column that was left out from one that was given nulls.
#[derive(Debug, Clone, Default)]
pub struct OmittedColumns(pub Vec<usize>);

impl OmittedColumns {
    /// Those of a plan as it was bound, before any rule has changed it; none when it is no INSERT.
    pub fn of(plan: &LogicalPlan) -> Self {
        let LogicalPlan::Dml(DmlStatement { op: WriteOp::Insert(_), input, .. }) = plan else { return Self::default() };
        let LogicalPlan::Projection(projection) = input.as_ref() else { return Self::default() };
        let omitted = |(_, expr): &(usize, &Expr)| is_filler(expr);
        Self(projection.expr.iter().enumerate().filter(omitted).map(|(i, _)| i).collect())
    }
}

/// Name of the function that stands for the value of a column which an UPDATE sets to itself.
pub const UNCHANGED: &str = "unchanged";

/// The value of an assignment, with the column itself where it is set to itself.
pub(crate) fn assigned(value: Expr) -> Expr {
    match value {
        Expr::ScalarFunction(mut call) if call.func.name() == UNCHANGED && call.args.len() == 1 => call.args.remove(0),
        other => other,
    }
}

/// A null that stands for a column that was left out; a value that was given is always a column of the rows.
fn is_filler(expr: &Expr) -> bool {
    match expr {
        Expr::Alias(alias) => is_filler(&alias.expr),
        Expr::Cast(cast) => is_filler(&cast.expr),
        Expr::Literal(value, _) => value.is_null(),
        _ => false,
    }
}

/// Where the rows of an INSERT go.
#[derive(Debug)]
pub struct RemoteSink {
    source: String,
    table: Arc<TableMeta>,
    /// The table's schema with every field nullable: a NOT NULL column that was left out gets its default at the source, and
    /// the source itself refuses nulls.
    schema: SchemaRef,
    /// Positions of the columns that the source receives.
    given: Vec<usize>,
}

impl RemoteSink {
    /// A sink for a table of a source, without the columns that the source fills itself.
    pub fn new(source: String, table: Arc<TableMeta>, omitted: &OmittedColumns) -> Self {
        let given = (0..table.columns.len()).filter(|i| !omitted.0.contains(i)).collect();
        let fields = table.schema.fields().iter().map(|f| f.as_ref().clone().with_nullable(true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Self { source, table, schema, given }
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
        let source = SourceRegistry::of_task(context, &self.source).map_err(ErrorExt::into_datafusion)?;
        let schema = Arc::new(self.schema.project(&self.given)?);
        let (target, given) = (Arc::clone(&schema), self.given.clone());
        let rows = data.map(move |batch| {
            let columns = batch?.project(&given)?;
            // The input's fields may be named otherwise.
            let options = RecordBatchOptions::new().with_row_count(Some(columns.num_rows()));
            Ok(RecordBatch::try_new_with_options(Arc::clone(&target), columns.columns().to_vec(), &options)?)
        });
        let rows = Box::pin(RecordBatchStreamAdapter::new(schema, rows));
        source.insert(&self.table, rows).await.map_err(ErrorExt::into_datafusion)
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
        let source = SourceRegistry::of_task(&context, &self.source).map_err(ErrorExt::into_datafusion)?;
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
