//! The plan node that reads from a remote source.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::Statistics;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use headwater_common::Error;

use super::command::{OpenScan, PartitionBounds, RemoteText, ScanCommand, SortKey};
use super::estimate::{count_schema, estimate};
use super::guarded::open_guarded;
use crate::error::ErrorExt;
use crate::metadata::TableMeta;
use crate::registry::SourceRegistry;

/// Reads one table of a remote source.
///
/// It carries data only: the command, the ranges, the table's description and the text for EXPLAIN. The source is found by
/// name in the [`SourceRegistry`] of the task's session configuration, and its text is rendered when a range is first polled.
#[derive(Debug, Clone)]
pub struct RemoteScanExec {
    command: Arc<ScanCommand>,
    table: Arc<TableMeta>,
    bounds: Vec<PartitionBounds>,
    text: RemoteText,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl RemoteScanExec {
    /// A scan of `table`; `text` is what the source receives for the first range, for EXPLAIN.
    pub fn try_new(
        command: ScanCommand,
        table: Arc<TableMeta>,
        bounds: Vec<PartitionBounds>,
        text: RemoteText,
    ) -> Result<Self> {
        let schema = Arc::new(if command.count { count_schema() } else { projected(&command, &table)? });
        let bounds = if bounds.is_empty() { vec![PartitionBounds::Whole] } else { bounds };
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(bounds.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        ));
        let metrics = ExecutionPlanMetricsSet::new();
        Ok(Self { command: Arc::new(command), table, bounds, text, schema, properties, metrics })
    }

    /// What is asked of the source.
    pub fn command(&self) -> &Arc<ScanCommand> {
        &self.command
    }

    /// The table's description.
    pub fn table(&self) -> &Arc<TableMeta> {
        &self.table
    }

    /// The ranges, one for each partition.
    pub fn bounds(&self) -> &[PartitionBounds] {
        &self.bounds
    }

    /// What the source receives for the first range.
    pub fn text(&self) -> &RemoteText {
        &self.text
    }

    /// The same scan as one range that returns the first `fetch` rows in `order`, when the source sorts exactly as Headwater
    /// does; `None` otherwise.
    pub fn with_top_n(&self, order: Vec<SortKey>, fetch: u64, sources: &SourceRegistry) -> Result<Option<Self>> {
        let source = sources.remote(&self.command.source).map_err(ErrorExt::into_datafusion)?;
        if self.command.count || self.command.fetch.is_some() || !source.sort_support(&self.table, &order).is_exact() {
            return Ok(None);
        }
        let command = ScanCommand { order, fetch: Some(fetch), ..self.command.as_ref().clone() };
        let text = source.render(&command, &PartitionBounds::Whole).map_err(ErrorExt::into_datafusion)?;
        Self::try_new(command, Arc::clone(&self.table), vec![PartitionBounds::Whole], text).map(Some)
    }
}

fn projected(command: &ScanCommand, table: &TableMeta) -> Result<Schema> {
    let field = |name: &String| {
        let column = table.column(name).map(|c| Arc::clone(&c.field));
        column.ok_or_else(|| Error::internal(format!("no column {name} in {}", table.name)).into_datafusion())
    };
    Ok(Schema::new(command.columns.iter().map(field).collect::<Result<Vec<_>>>()?))
}

impl DisplayAs for RemoteScanExec {
    fn fmt_as(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if matches!(t, DisplayFormatType::TreeRender) {
            return write!(f, "source={}\nremote={}", self.command.source, self.text.text);
        }
        write!(f, "RemoteScanExec: source={}, partitions={}", self.command.source, self.bounds.len())?;
        write!(f, ", remote=[{}]", self.text.text)
    }
}

impl ExecutionPlan for RemoteScanExec {
    fn name(&self) -> &str {
        "RemoteScanExec"
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

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        if children.is_empty() {
            return Ok(self);
        }
        Err(Error::internal("RemoteScanExec has no children").into_datafusion())
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let bounds = self.bounds.get(partition).cloned();
        let bounds = bounds.ok_or_else(|| Error::internal(format!("no partition {partition}")).into_datafusion())?;
        let (command, schema) = (Arc::clone(&self.command), Arc::clone(&self.schema));
        let (partition_count, batch_rows) = (self.bounds.len(), context.session_config().batch_size());
        open_guarded(&context, &self.command.source, &self.schema, &self.metrics, partition, move |source, query| {
            source.open(OpenScan { command, bounds, partition_count, schema, batch_rows, query })
        })
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn statistics_from_inputs(&self, _inputs: &[Arc<Statistics>], args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        if args.partition().is_some() && self.bounds.len() > 1 {
            return Ok(Arc::new(Statistics::new_unknown(&self.schema)));
        }
        Ok(Arc::new(estimate(&self.table, &self.command)))
    }

    fn supports_limit_pushdown(&self) -> bool {
        false
    }

    fn fetch(&self) -> Option<usize> {
        self.command.fetch.and_then(|n| usize::try_from(n).ok())
    }
}
