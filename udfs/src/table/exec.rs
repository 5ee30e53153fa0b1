//! The physical node of a table function: partitioned by the ids, sorted, one group at a time.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{EquivalenceProperties, LexOrdering, OrderingRequirements, PhysicalSortExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, ExecutionPlanProperties, Partitioning, PhysicalExpr,
    PlanProperties,
};
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};

use super::Call;
use super::node::GroupNode;
use super::work;

/// Plans [`GroupNode`]s.
#[derive(Debug)]
pub(crate) struct GroupPlanner;

#[async_trait]
impl ExtensionPlanner for GroupPlanner {
    async fn plan_extension(
        &self,
        _planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        _session: &dyn Session,
        _context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let (Some(node), [input]) = (node.as_any().downcast_ref::<GroupNode>(), physical_inputs) else { return Ok(None) };
        Ok(Some(Arc::new(GroupExec::new(node.text(), Arc::clone(node.call()), Arc::clone(input)))))
    }
}

/// Computes a table function group by group.
#[derive(Debug)]
struct GroupExec {
    text: String,
    call: Arc<Call>,
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl GroupExec {
    fn new(text: String, call: Arc<Call>, input: Arc<dyn ExecutionPlan>) -> Self {
        let partitions = if call.ids == 0 { 1 } else { input.output_partitioning().partition_count() };
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&call.schema)),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { text, call, input, properties: Arc::new(properties) }
    }

    /// The columns of the input from the first on.
    fn columns(&self, count: usize) -> Vec<Arc<dyn PhysicalExpr>> {
        let schema = self.input.schema();
        let column = |(place, field): (usize, &Arc<datafusion::arrow::datatypes::Field>)| -> Arc<dyn PhysicalExpr> {
            Arc::new(Column::new(field.name(), place))
        };
        schema.fields().iter().enumerate().take(count).map(column).collect()
    }
}

impl DisplayAs for GroupExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GroupExec: {}", self.text)
    }
}

impl ExecutionPlan for GroupExec {
    fn name(&self) -> &'static str {
        "GroupExec"
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.call.schema)
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        match self.call.ids {
            0 => vec![Distribution::SinglePartition],
            ids => vec![Distribution::KeyPartitioned(self.columns(ids))],
        }
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        let options = SortOptions { descending: false, nulls_first: false };
        let by = self.columns(self.call.sorted).into_iter().map(|expr| PhysicalSortExpr { expr, options });
        vec![LexOrdering::new(by).map(OrderingRequirements::from)]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match children.pop() {
            Some(input) => Ok(Arc::new(Self::new(self.text.clone(), Arc::clone(&self.call), input))),
            None => Ok(self),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, Arc::clone(&context))?;
        let reservation = MemoryConsumer::new(format!("GroupExec[{partition}]")).register(context.memory_pool());
        let batch_rows = context.session_config().batch_size();
        Ok(work::stream(Arc::clone(&self.call), input, reservation, batch_rows))
    }
}
