//! The plan node that reads from a remote source.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Column, Statistics};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use datafusion::prelude::Expr;
use headwater_common::Error;
use parking_lot::Mutex;

use super::command::{OpenScan, PartitionBounds, RemoteText, ScanCommand, SortKey};
use super::estimate::{count_schema, estimate};
use super::guarded::{Lesson, open_guarded};
use super::keys::{Facts, KeyFilter, KeyedLeaf, Reading, Restriction, keyed_stream, restriction, sample_filters, show};
use crate::error::ErrorExt;
use crate::feedback::Feedback;
use crate::metadata::TableMeta;
use crate::pushdown::Support;
use crate::query::QueryContext;
use crate::registry::SourceRegistry;
use crate::source::RemoteSource;

/// Most keys whose rows are read over one connection.
const FEW_KEYS: usize = 1_000;

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
    /// What estimates of its rows are multiplied by.
    correction: f64,
    keys: Arc<[KeyFilter]>,
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
        let keys: Arc<[KeyFilter]> = Arc::new([]);
        Ok(Self { command: Arc::new(command), table, bounds, text, correction: 1.0, keys, schema, properties, metrics })
    }

    /// The same scan, whose rows are so many times those that statistics let expect.
    #[must_use]
    pub fn with_correction(self, factor: f64) -> Self {
        Self { correction: factor, ..self }
    }

    /// Estimates of its rows.
    pub fn estimated(&self) -> Statistics {
        let mut found = estimate(&self.table, &self.command);
        if self.correction != 1.0 && self.command.fetch.is_none() && !self.command.count {
            let corrected = |rows: usize| ((rows as f64 * self.correction).round() as usize).max(1);
            found.num_rows = found.num_rows.map(corrected);
        }
        found
    }

    /// Is told the rows of one partition; the last one of all makes them an observation.
    fn found_rows(&self, context: &TaskContext) -> Option<Box<dyn FnOnce(u64) + Send>> {
        let command = Arc::clone(&self.command);
        if command.count || command.fetch.is_some() {
            return None;
        }
        let expected = estimate(&self.table, &command).num_rows.get_value().map(|rows| *rows as f64)?;
        let sources = SourceRegistry::all_of_task(context).ok()?;
        let query = context.session_config().get_extension::<QueryContext>()?;
        let open = self.bounds.len();
        let key = format!("rows of {:p}", Arc::as_ptr(&self.command));
        let all = query.state(&key, || Arc::new(Mutex::new((open, 0u64))));
        Some(Box::new(move |rows| {
            let mut all = all.lock();
            *all = (all.0.saturating_sub(1), all.1 + rows);
            if all.0 == 0 {
                let fragment = Feedback::fragment(&command.source, &command.table, &command.filters);
                sources.feedback().record(fragment, &command.source, &command.table, expected, all.1 as f64);
            }
        }))
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

    /// The keys that will restrict it, known only while the query runs.
    pub fn keys(&self) -> &[KeyFilter] {
        &self.keys
    }

    /// The same scan, restricted by one more list of keys. Its column must take keys.
    #[must_use]
    pub fn with_keys(&self, filter: KeyFilter) -> Self {
        let keys = self.keys.iter().cloned().chain([filter]).collect();
        Self { keys, ..self.clone() }
    }

    /// The column as a user reads it, when the source compares its values as Headwater does and about `keys` keys (when that is
    /// known) would save rows.
    pub fn takes_keys(&self, column: usize, keys: Option<f64>, sources: &SourceRegistry) -> Option<String> {
        // The first rows in an order, and a number of rows, are others among fewer rows.
        if self.command.count || self.command.fetch.is_some() || !self.command.order.is_empty() {
            return None;
        }
        let source = sources.remote(&self.command.source).ok()?;
        let name = self.command.columns.get(column)?;
        let samples = sample_filters(&self.column(column), self.schema.field(column).data_type());
        let accepted = samples.iter().any(|f| !matches!(source.filter_support(&self.table, f), Support::No(_)));
        let pays = keys.is_none_or(|keys| self.facts().pays(column, keys));
        (accepted && pays).then(|| format!("{}.{}.{name}", self.command.source, self.table.name))
    }

    /// Whether another scan reads the same rows; one that takes keys reads others.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.keys.is_empty()
            && other.keys.is_empty()
            && self.command == other.command
            && self.bounds == other.bounds
            && self.text == other.text
            && self.schema == other.schema
    }

    fn column(&self, column: usize) -> Expr {
        Expr::Column(Column::from_name(self.schema.field(column).name()))
    }

    fn facts(&self) -> Facts {
        Facts::new(&self.estimated(), &self.schema)
    }

    fn read(&self, partition: usize, context: &TaskContext) -> Result<SendableRecordBatchStream> {
        let bounds = self.bounds.get(partition).cloned();
        let bounds = bounds.ok_or_else(|| Error::internal(format!("no partition {partition}")).into_datafusion())?;
        let (command, schema) = (Arc::clone(&self.command), Arc::clone(&self.schema));
        let (partition_count, batch_rows) = (self.bounds.len(), context.session_config().batch_size());
        let lesson = Lesson { statements: 1, rows: self.found_rows(context) };
        open_guarded(context, &self.command.source, &self.schema, &self.metrics, partition, lesson, move |source, query| {
            source.open(OpenScan { command, bounds, partition_count, schema, batch_rows, query })
        })
    }

    /// Whether it returns all rows that pass its filters over one connection.
    pub fn reads_all_at_once(&self) -> bool {
        let whole = matches!(self.bounds.as_slice(), [PartitionBounds::Whole]);
        whole
            && self.keys.is_empty()
            && !self.command.count
            && self.command.fetch.is_none()
            && self.command.order.is_empty()
    }

    /// The same scan with other filters, when the source computes them exactly; `None` otherwise.
    pub fn with_filters(&self, filters: Vec<Expr>, sources: &SourceRegistry) -> Result<Option<Self>> {
        let source = sources.remote(&self.command.source).map_err(ErrorExt::into_datafusion)?;
        if !filters.iter().all(|filter| source.filter_support(&self.table, filter).is_exact()) {
            return Ok(None);
        }
        let command = ScanCommand { filters, ..self.command.as_ref().clone() };
        let text = source.render(&command, &PartitionBounds::Whole).map_err(ErrorExt::into_datafusion)?;
        Self::try_new(command, Arc::clone(&self.table), self.bounds.clone(), text).map(Some)
    }

    /// The same scan as one range that returns the first `fetch` rows in `order`, when the source sorts exactly as Headwater
    /// does; `None` otherwise.
    pub fn with_top_n(&self, order: Vec<SortKey>, fetch: u64, sources: &SourceRegistry) -> Result<Option<Self>> {
        let source = sources.remote(&self.command.source).map_err(ErrorExt::into_datafusion)?;
        let restricted = !self.keys.is_empty();
        if restricted
            || self.command.count
            || self.command.fetch.is_some()
            || !source.sort_support(&self.table, &order).is_exact()
        {
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
        write!(f, ", remote=[{}]", self.text.text)?;
        show(f, &self.keys, &self.schema)
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
        match self.keys.is_empty() {
            true => self.read(partition, &context),
            false => Ok(keyed_stream(self.clone(), partition, context)),
        }
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn statistics_from_inputs(&self, _inputs: &[Arc<Statistics>], args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        if args.partition().is_some() && self.bounds.len() > 1 {
            return Ok(Arc::new(Statistics::new_unknown(&self.schema)));
        }
        Ok(Arc::new(self.estimated()))
    }

    fn supports_limit_pushdown(&self) -> bool {
        false
    }

    fn fetch(&self) -> Option<usize> {
        self.command.fetch.and_then(|n| usize::try_from(n).ok())
    }
}

#[async_trait]
impl KeyedLeaf for RemoteScanExec {
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
        self.bounds.len()
    }

    fn table_rows(&self) -> Option<u64> {
        self.table.row_count
    }

    async fn restriction(&self, source: &Arc<dyn RemoteSource>) -> Result<Restriction> {
        let accepts = |filter: &Expr| !matches!(source.filter_support(&self.table, filter), Support::No(_));
        restriction(&self.keys, &self.facts(), |i| self.column(i), accepts).await
    }

    /// A statement of few keys finds few rows: it is read over one connection. Otherwise the source says whether ranges help.
    async fn readings(&self, source: &Arc<dyn RemoteSource>, statements: &[Vec<Expr>]) -> Result<Option<Vec<Reading>>> {
        let command = |filters: &Vec<Expr>| {
            let filters = self.command.filters.iter().chain(filters).cloned().collect();
            ScanCommand { filters, ..self.command.as_ref().clone() }
        };
        if let ([only], true) = (statements, self.bounds.len() > 1)
            && !is_small(only)
        {
            let command = Arc::new(command(only));
            let target = self.bounds.len();
            let bounds = source.partitions(&command, target).await.map_err(ErrorExt::into_datafusion)?;
            let count = bounds.len();
            return Ok(Some(bounds.into_iter().map(|b| Reading::Scan(Arc::clone(&command), b, count)).collect()));
        }
        let whole = |filters| Reading::Scan(Arc::new(command(filters)), PartitionBounds::Whole, 1);
        Ok(Some(statements.iter().map(whole).collect()))
    }

    fn read_all(&self, partition: usize, context: &TaskContext) -> Result<SendableRecordBatchStream> {
        self.read(partition, context)
    }
}

fn is_small(filters: &[Expr]) -> bool {
    filters.iter().any(|f| matches!(f, Expr::InList(list) if list.list.len() <= FEW_KEYS))
}
