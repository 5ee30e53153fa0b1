//! The physical node of a function of a model: batch by batch, or over all rows at once.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, ExecutionPlanProperties, Partitioning, PhysicalExpr,
    PlanProperties,
};
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};
use futures::{StreamExt, TryStreamExt, stream};
use headwater_common::Error;
use headwater_timeseries::Cancel;

use super::call::{ModelCall, Outcome};
use super::node::ModelNode;
use crate::error::outward;

/// Plans [`ModelNode`]s.
#[derive(Debug)]
pub(crate) struct ModelPlanner;

#[async_trait]
impl ExtensionPlanner for ModelPlanner {
    async fn plan_extension(
        &self,
        _planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        _session: &dyn Session,
        _context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let (Some(node), [input]) = (node.as_any().downcast_ref::<ModelNode>(), physical_inputs) else { return Ok(None) };
        Ok(Some(Arc::new(ModelExec::new(Arc::clone(node.call()), Arc::clone(input)))))
    }
}

/// Computes a function of a model.
#[derive(Debug)]
struct ModelExec {
    call: Arc<ModelCall>,
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl ModelExec {
    fn new(call: Arc<ModelCall>, input: Arc<dyn ExecutionPlan>) -> Self {
        let each = call.passed > 0;
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&call.schema)),
            Partitioning::UnknownPartitioning(if each { input.output_partitioning().partition_count() } else { 1 }),
            if each { EmissionType::Incremental } else { EmissionType::Final },
            Boundedness::Bounded,
        );
        Self { call, input, properties: Arc::new(properties) }
    }
}

impl DisplayAs for ModelExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ModelExec: {}: {}", self.call.name, self.call.text)
    }
}

impl ExecutionPlan for ModelExec {
    fn name(&self) -> &'static str {
        "ModelExec"
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
        match self.call.passed {
            0 => vec![Distribution::SinglePartition],
            _ => vec![Distribution::UnspecifiedDistribution],
        }
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match children.pop() {
            Some(input) => Ok(Arc::new(Self::new(Arc::clone(&self.call), input))),
            None => Ok(self),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = Arc::clone(&self.input);
        let reservation = MemoryConsumer::new(format!("ModelExec[{partition}]")).register(context.memory_pool());
        let batch_rows = context.session_config().batch_size().max(1);
        let (schema, call) = (self.schema(), Arc::clone(&self.call));
        let work = Work { call, reservation, stop: StopOnDrop(Cancel::default()) };
        if self.call.passed > 0 {
            let input = input.execute(partition, context)?;
            let rows = stream::try_unfold((work, input), |(work, mut input)| async move {
                let Some(batch) = input.next().await.transpose()? else { return Ok(None) };
                let rows = work.compute(batch).await?;
                Ok(Some((rows, (work, input))))
            });
            return Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows.boxed())));
        }
        // The input is started after the function has said that it needs it.
        let start = move || input.execute(0, context);
        let rows = stream::once(work.whole(start)).map_ok(move |rows| slices(rows, batch_rows)).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows.boxed())))
    }
}

fn slices(rows: RecordBatch, batch_rows: usize) -> impl futures::Stream<Item = Result<RecordBatch>> {
    let starts = (0..rows.num_rows()).step_by(batch_rows);
    let parts: Vec<_> = starts.map(|at| Ok(rows.slice(at, batch_rows.min(rows.num_rows() - at)))).collect();
    stream::iter(parts)
}

/// Stops the computation when nobody waits for it any more.
struct StopOnDrop(Cancel);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

struct Work {
    call: Arc<ModelCall>,
    reservation: MemoryReservation,
    stop: StopOnDrop,
}

impl Work {
    /// One batch, computed by itself.
    async fn compute(&self, batch: RecordBatch) -> Result<RecordBatch> {
        let outcome = self.outcome(batch).await?;
        self.call.function.after(outcome).await.map_err(outward)
    }

    /// All rows at once.
    async fn whole(self, start: impl FnOnce() -> Result<SendableRecordBatchStream>) -> Result<RecordBatch> {
        let function = Arc::clone(&self.call.function);
        if let Some(rows) = function.before().await.map_err(outward)? {
            return Ok(rows);
        }
        let mut input = start()?;
        let (schema, mut batches) = (input.schema(), Vec::new());
        while let Some(batch) = input.next().await.transpose()? {
            // Once more when the batches are put together.
            let bytes = 2 * batch.get_array_memory_size() + function.bytes_per_row().saturating_mul(batch.num_rows());
            self.reservation.try_grow(bytes)?;
            batches.push(batch);
        }
        drop(input);
        let rows = concat_batches(&schema, &batches)?;
        drop(batches);
        let outcome = self.outcome(rows).await?;
        // What is begun to be stored is stored, also when the client leaves.
        let stored = tokio::spawn(async move { function.after(outcome).await });
        stored.await.map_err(|_| failed())?.map_err(outward)
    }

    async fn outcome(&self, rows: RecordBatch) -> Result<Outcome> {
        let (call, cancel) = (Arc::clone(&self.call), self.stop.0.clone());
        let task = tokio::task::spawn_blocking(move || {
            cancel.check()?;
            catch_unwind(AssertUnwindSafe(|| call.function.run(&rows, &cancel)))
                .unwrap_or_else(|_| Err(Error::internal("the computation of the model failed unexpectedly")))
        });
        task.await.map_err(|_| failed())?.map_err(outward)
    }
}

fn failed() -> DataFusionError {
    outward(Error::internal("a part of the query failed unexpectedly"))
}
