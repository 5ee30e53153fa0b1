//! The plan node that runs a statement which computes a sub-plan at its source.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
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

use super::guarded::open_guarded;
use super::remote_query::{OpenQuery, RemoteQuery};
use crate::error::ErrorExt;

/// Runs the texts of a [`RemoteQuery`], one a partition.
///
/// It carries data only and finds its source by name in the [`SourceRegistry`](crate::SourceRegistry) of the task's session configuration.
#[derive(Debug, Clone)]
pub struct RemoteQueryExec {
    command: Arc<RemoteQuery>,
    statistics: Arc<Statistics>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl RemoteQueryExec {
    /// A node for `command`, whose result is estimated by `statistics`.
    pub fn new(command: Arc<RemoteQuery>, statistics: Arc<Statistics>) -> Self {
        let schema = command.schema();
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(command.texts.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        ));
        Self { command, statistics, schema, properties, metrics: ExecutionPlanMetricsSet::new() }
    }

    /// What the source receives.
    pub fn command(&self) -> &Arc<RemoteQuery> {
        &self.command
    }

    /// Estimates of the whole result.
    pub fn estimated(&self) -> &Statistics {
        &self.statistics
    }
}

impl DisplayAs for RemoteQueryExec {
    fn fmt_as(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.command.texts.first().map(|t| t.text.as_str()).unwrap_or_default();
        if matches!(t, DisplayFormatType::TreeRender) {
            return write!(f, "source={}\nremote={text}", self.command.source);
        }
        let partitions = self.command.texts.len();
        write!(f, "RemoteQueryExec: source={}, partitions={partitions}, remote=[{text}]", self.command.source)
    }
}

impl ExecutionPlan for RemoteQueryExec {
    fn name(&self) -> &str {
        "RemoteQueryExec"
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
        Err(Error::internal("RemoteQueryExec has no children").into_datafusion())
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        if partition >= self.command.texts.len() {
            return Err(Error::internal(format!("no partition {partition}")).into_datafusion());
        }
        let (command, schema) = (Arc::clone(&self.command), Arc::clone(&self.schema));
        let batch_rows = context.session_config().batch_size();
        open_guarded(&context, &self.command.source, &self.schema, &self.metrics, partition, move |source, query| {
            source.open_query(OpenQuery { command, partition, schema, batch_rows, query })
        })
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn statistics_from_inputs(&self, _inputs: &[Arc<Statistics>], args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        if args.partition().is_some() && self.command.texts.len() > 1 {
            return Ok(Arc::new(Statistics::new_unknown(&self.schema)));
        }
        Ok(Arc::clone(&self.statistics))
    }

    fn supports_limit_pushdown(&self) -> bool {
        false
    }
}
