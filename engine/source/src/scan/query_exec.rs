//! The plan node that runs a statement which computes a sub-plan at its source.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{ScalarValue, Statistics};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Filter, LogicalPlan};
use datafusion::optimizer::push_down_filter::PushDownFilter;
use datafusion::optimizer::{Optimizer, OptimizerContext, OptimizerRule};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use datafusion::prelude::Expr;
use headwater_common::Error;

use super::guarded::{Lesson, open_guarded};
use super::keys::{Facts, KeyFilter, KeyedLeaf, Reading, Restriction, keyed_stream, restriction, sample_filters, show};
use super::remote_query::{OpenQuery, RemoteColumn, RemoteQuery};
use crate::error::ErrorExt;
use crate::registry::SourceRegistry;
use crate::source::RemoteSource;

/// Runs the texts of a [`RemoteQuery`], one a partition.
///
/// It carries data only and finds its source by name in the [`SourceRegistry`](crate::SourceRegistry) of the task's session configuration.
#[derive(Debug, Clone)]
pub struct RemoteQueryExec {
    command: Arc<RemoteQuery>,
    /// The sub-plan that it computes; `None` for a text in the source's own language.
    plan: Option<Arc<LogicalPlan>>,
    keys: Arc<[KeyFilter]>,
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
        let (keys, metrics): (Arc<[KeyFilter]>, _) = (Arc::new([]), ExecutionPlanMetricsSet::new());
        Self { command, plan: None, keys, statistics, schema, properties, metrics }
    }

    /// The same with the sub-plan that the command computes, column by column; it can then take keys.
    #[must_use]
    pub fn with_plan(mut self, plan: Option<Arc<LogicalPlan>>) -> Self {
        self.plan = plan;
        self
    }

    /// What the source receives.
    pub fn command(&self) -> &Arc<RemoteQuery> {
        &self.command
    }

    /// The keys that will restrict it, known only while the query runs.
    pub fn keys(&self) -> &[KeyFilter] {
        &self.keys
    }

    /// The same statement, restricted by one more list of keys. Its column must take keys.
    #[must_use]
    pub fn with_keys(&self, filter: KeyFilter) -> Self {
        let keys = self.keys.iter().cloned().chain([filter]).collect();
        Self { keys, ..self.clone() }
    }

    /// The column as a user reads it, when its source computes a filter on it below the sub-plan or above it as Headwater does
    /// and about `keys` keys (when that is known) would save rows.
    pub fn takes_keys(&self, column: usize, keys: Option<f64>, sources: &SourceRegistry) -> Option<String> {
        if keys.is_some_and(|keys| !self.facts().pays(column, keys)) {
            return None;
        }
        let source = sources.remote(&self.command.source).ok()?;
        let expr = self.column(column)?;
        let samples = sample_filters(&expr, self.schema.field(column).data_type());
        let accepted = samples.iter().any(|filter| self.restricted(&source, std::slice::from_ref(filter)).is_some());
        accepted.then(|| format!("{}.{expr}", self.command.source))
    }

    /// Whether another statement is the same, column by column; one that takes keys is not, and of a text in the source's own
    /// language nobody knows what it does.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let takes_keys = !self.keys.is_empty() || !other.keys.is_empty();
        !takes_keys
            && self.plan.is_some()
            && other.plan.is_some()
            && self.command.source == other.command.source
            && self.command.texts == other.command.texts
            && self.schema == other.schema
    }

    fn column(&self, column: usize) -> Option<Expr> {
        let schema = self.plan.as_ref()?.schema();
        (column < schema.fields().len()).then(|| Expr::from(schema.qualified_field(column)))
    }

    fn facts(&self) -> Facts {
        Facts::new(&self.statistics, &self.schema)
    }

    /// The statement of the sub-plan below these filters; `None` when the source does not compute it.
    fn restricted(&self, source: &Arc<dyn RemoteSource>, filters: &[Expr]) -> Option<RemoteQuery> {
        let (plan, filter) = (Arc::clone(self.plan.as_ref()?), conjunction(filters.iter().cloned())?);
        let filtered = LogicalPlan::Filter(Filter::try_new(filter, plan).ok()?);
        let rules: Vec<Arc<dyn OptimizerRule + Send + Sync>> = vec![Arc::new(PushDownFilter::new())];
        let context = OptimizerContext::new().with_max_passes(1);
        let pushed = Optimizer::with_rules(rules).optimize(filtered, &context, |_, _| {}).ok()?;
        let mut query = source.translate(&pushed, self.command.texts.len()).ok()?;
        let same = |(a, b): (&RemoteColumn, &RemoteColumn)| a.field.data_type() == b.field.data_type();
        if query.columns.len() != self.command.columns.len() || !query.columns.iter().zip(&self.command.columns).all(same) {
            return None;
        }
        for (column, planned) in query.columns.iter_mut().zip(&self.command.columns) {
            column.field = Arc::clone(&planned.field);
        }
        Some(query)
    }

    fn read(&self, partition: usize, context: &TaskContext) -> Result<SendableRecordBatchStream> {
        if partition >= self.command.texts.len() {
            return Err(Error::internal(format!("no partition {partition}")).into_datafusion());
        }
        let (command, schema) = (Arc::clone(&self.command), Arc::clone(&self.schema));
        let batch_rows = context.session_config().batch_size();
        open_guarded(
            context,
            &self.command.source,
            &self.schema,
            &self.metrics,
            partition,
            Lesson::of_statements(1),
            move |source, query| source.open_query(OpenQuery { command, partition, schema, batch_rows, query }),
        )
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
        write!(f, "RemoteQueryExec: source={}, partitions={partitions}, remote=[{text}]", self.command.source)?;
        show(f, &self.keys, &self.schema)
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
        match self.keys.is_empty() {
            true => self.read(partition, &context),
            false => Ok(keyed_stream(self.clone(), partition, context)),
        }
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

#[async_trait]
impl KeyedLeaf for RemoteQueryExec {
    fn source(&self) -> &str {
        &self.command.source
    }

    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        &self.metrics
    }

    fn filters(&self) -> &Arc<[KeyFilter]> {
        &self.keys
    }

    fn partitions(&self) -> usize {
        self.command.texts.len()
    }

    fn table_rows(&self) -> Option<u64> {
        None
    }

    async fn restriction(&self, source: &Arc<dyn RemoteSource>) -> Result<Restriction> {
        let accepts = |filter: &Expr| self.restricted(source, std::slice::from_ref(filter)).is_some();
        let column = |i| self.column(i).unwrap_or_else(|| Expr::Literal(ScalarValue::Null, None));
        restriction(&self.keys, &self.facts(), column, accepts).await
    }

    async fn readings(&self, source: &Arc<dyn RemoteSource>, statements: &[Vec<Expr>]) -> Result<Option<Vec<Reading>>> {
        let mut readings = Vec::new();
        for filters in statements {
            let Some(query) = self.restricted(source, filters).map(Arc::new) else { return Ok(None) };
            readings.extend((0..query.texts.len()).map(|text| Reading::Query(Arc::clone(&query), text)));
        }
        Ok(Some(readings))
    }

    fn read_all(&self, partition: usize, context: &TaskContext) -> Result<SendableRecordBatchStream> {
        self.read(partition, context)
    }
}
