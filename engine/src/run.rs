//! One run of a plan, which starts again when a source changes before the first row.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{ParamValues, ScalarValue};
use datafusion::error::DataFusionError;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::{SendableRecordBatchStream, SessionState, TaskContext};
use datafusion::logical_expr::{LogicalPlan, WriteOp};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::prelude::SessionConfig;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};
use headwater_common::{Error, ErrorKind, Limits, Result};
use headwater_optimizer::{ExactLiterals, StopJoins, rows_of_large_values};
use headwater_source::error::find;
use headwater_source::exact_cast::exact_cast;
use headwater_source::write::OmittedColumns;
use headwater_source::{ErrorExt, QueryContext, SourceRegistry};

use crate::change::{self, Change};
use crate::error::classify;
use crate::executor;
use crate::float_joins::keep_both_zeros;
use crate::functions;
use crate::guard::{planning, subqueries};
use crate::memory::QueryShare;
use crate::not_null;
use crate::plan_guard::{PlanGuard, Statement, Timed};
use crate::prepared::Prepared;
use crate::recursion_rounds;

/// A table that keeps changing between planning and reading is tried so often.
const TRIES: u32 = 6;
const PAUSE: Duration = Duration::from_millis(5);

/// Counts tries of something that a change at a source may break.
#[derive(Debug, Default)]
pub(crate) struct Tries(u32);

impl Tries {
    /// Whether to try again after this error; waits a little if so.
    pub(crate) async fn again(&mut self, error: &Error) -> bool {
        self.0 += 1;
        let changed = error.is_retryable() && error.kind() == ErrorKind::SourceFailed;
        if changed && self.0 < TRIES {
            tokio::time::sleep(PAUSE * self.0).await;
            return true;
        }
        false
    }
}

/// What is needed to plan and start a statement.
pub(crate) struct Run {
    /// The session's; every start has its own.
    pub(crate) state: Arc<SessionState>,
    pub(crate) plan: LogicalPlan,
    pub(crate) parameters: Vec<ScalarValue>,
    pub(crate) tokens: usize,
    pub(crate) limits: Arc<Limits>,
    pub(crate) runtime: Arc<RuntimeEnv>,
    pub(crate) query: Arc<QueryContext>,
    pub(crate) guard: Arc<PlanGuard>,
    /// How the guard knows the statement; `None` when its plans are not guarded.
    pub(crate) statement: Option<Statement>,
    pub(crate) timed: Arc<Timed>,
    /// The statement, when it may be a look-up and the session is as it was prepared in.
    pub(crate) look_up: Option<Prepared>,
    pub(crate) sources: Arc<SourceRegistry>,
}

impl Run {
    /// The rows; `None` for a change that is proven to change nothing.
    pub(crate) async fn rows(self) -> Result<Option<SendableRecordBatchStream>> {
        let mut tries = Tries::default();
        let first = loop {
            match self.start().await {
                Ok(started) => break started,
                Err(e) if tries.again(&e).await => {}
                Err(e) => return Err(e),
            }
        };
        let Some(first) = first else { return Ok(None) };
        if matches!(self.plan, LogicalPlan::Dml(_)) {
            return Ok(Some(first));
        }
        let schema = first.schema();
        let rows = stream::once(self.first_row(first, tries)).try_flatten();
        Ok(Some(Box::pin(RecordBatchStreamAdapter::new(schema, rows))))
    }

    /// Waits for the first row, or for an error that a new start does not help.
    async fn first_row(
        self,
        first: SendableRecordBatchStream,
        mut tries: Tries,
    ) -> Result<BoxStream<'static, Result<datafusion::arrow::array::RecordBatch, DataFusionError>>, DataFusionError> {
        let schema = first.schema();
        let mut rows = first;
        loop {
            let item = rows.next().await;
            if let Some(Err(e)) = &item
                && let Some(ours) = find(e)
                && tries.again(ours).await
            {
                match self.start().await {
                    Ok(Some(again)) if again.schema() == schema => {
                        rows = again;
                        continue;
                    }
                    Ok(_) => {}
                    Err(e) => return Err(e.into_datafusion()),
                }
            }
            return Ok(stream::iter(item).chain(rows).boxed());
        }
    }

    async fn start(&self) -> Result<Option<SendableRecordBatchStream>> {
        let query = Arc::new(self.query.anew());
        if let Some(known) = self.look_up.as_ref().and_then(Prepared::look_up)
            && let Some(physical) = known.plan(&self.parameters, &self.sources).map_err(classify)?
        {
            let id = query.id.clone();
            let config = self.state.config().clone().with_extension(query);
            let context = task_context(id, self.state.session_id(), config, &self.runtime, &self.limits);
            return executor::stream_here(physical, Arc::new(context)).map(Some);
        }
        let (plan, parameters) = (self.plan.clone(), self.parameters.clone());
        let mut state = self.state.as_ref().clone();
        state.mark_start_execution();
        state.config_mut().set_extension(Arc::new(OmittedColumns::of(&plan)));
        state.config_mut().set_extension(Arc::clone(&query));
        let (runtime, limits) = (Arc::clone(&self.runtime), Arc::clone(&self.limits));
        let (guard, statement, timed) = (Arc::clone(&self.guard), self.statement.clone(), Arc::clone(&self.timed));
        let look_up = self.look_up.clone();
        let step = async move {
            let planned = guard.plan(statement.as_ref(), &mut state, &plan, &parameters, &timed).await?;
            let Some((mut planned, plan)) = planned else { return Ok(None) };
            if let Some(look_up) = look_up.as_ref().and_then(Prepared::look_up) {
                look_up.planned(&planned, &parameters);
            }
            if let Some(rows) = rows_of_large_values(&planned).map_err(classify)? {
                // Operators take the size of their batches from here, some of them when they are planned.
                let rows = rows.min(state.config().batch_size());
                let mut small = state.config().clone().with_batch_size(rows);
                small.options_mut().execution.enforce_batch_size_in_joins = true;
                *state.config_mut() = small;
                let Some(again) = plan_physical(&state, &plan, &parameters).await? else { return Ok(None) };
                planned = again;
            }
            let stop = StopJoins::new(Arc::clone(query.stopped()));
            let physical = stop.optimize(planned, state.config_options()).map_err(classify)?;
            let physical = recursion_rounds::bound(physical, limits.recursion_rounds).map_err(classify)?;
            let mut config = state.config().clone();
            keep_both_zeros(&physical, &mut config).map_err(classify)?;
            Ok(Some((physical, task_context(query.id.clone(), state.session_id(), config, &runtime, &limits))))
        };
        let Some((physical, context)) = planning::run(self.tokens, &self.limits, step).await? else { return Ok(None) };
        executor::stream(physical, Arc::new(context)).map(Some)
    }
}

/// The physical plan; `None` for a change that is proven to change nothing.
pub(crate) async fn plan_physical(
    state: &SessionState,
    plan: &LogicalPlan,
    parameters: &[ScalarValue],
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    change::check_asked(plan)?;
    let optimized = optimize(state, plan, parameters)?;
    if change::check(&optimized)? == Change::Empty {
        return Ok(None);
    }
    not_null::check(&optimized)?;
    subqueries::check(&optimized)?;
    let planned = state.query_planner().create_physical_plan(&optimized, state).await;
    planned.map(Some).map_err(classify)
}

/// The optimized plan with the parameters in their places.
pub(crate) fn optimize(state: &SessionState, plan: &LogicalPlan, parameters: &[ScalarValue]) -> Result<LogicalPlan> {
    state.optimize(&bound(plan, parameters)?).map_err(classify)
}

/// The plan with the parameters in their places.
pub(crate) fn bound(plan: &LogicalPlan, parameters: &[ScalarValue]) -> Result<LogicalPlan> {
    if parameters.is_empty() {
        return Ok(plan.clone());
    }
    let values = match plan {
        LogicalPlan::Dml(change) if matches!(change.op, WriteOp::Insert(_)) => as_declared(plan, parameters)?,
        _ => as_numbers(plan, parameters)?,
    };
    let own = crate::prepared::of_own_type(plan, &values)?;
    let plan = ExactLiterals::compare_parameters(plan.clone(), &own).map_err(classify)?;
    plan.with_param_values(ParamValues::from(values)).and_then(functions::resolved).map_err(classify)
}

/// Texts for decimals as decimals of exactly their digits.
fn as_numbers(plan: &LogicalPlan, parameters: &[ScalarValue]) -> Result<Vec<ScalarValue>> {
    if !parameters.iter().any(|value| value.data_type().is_string()) {
        return Ok(parameters.to_vec());
    }
    let types = crate::prepared::parameter_types(plan)?;
    let convert = |(i, value): (usize, &ScalarValue)| {
        let wanted = types.get(format!("${}", i + 1).as_str()).cloned().flatten();
        match value.try_as_str().flatten() {
            Some(text) if wanted.is_some_and(|t| t.is_decimal()) => ExactLiterals::number(text).map_err(classify),
            _ => Ok(value.clone()),
        }
    };
    parameters.iter().enumerate().map(convert).collect()
}

/// Values in the types of the columns that they are inserted into, unchanged: VALUES takes them as they are.
fn as_declared(plan: &LogicalPlan, parameters: &[ScalarValue]) -> Result<Vec<ScalarValue>> {
    let types = crate::prepared::parameter_types(plan)?;
    let declared = |i: usize| types.get(format!("${}", i + 1).as_str()).cloned().flatten();
    let counts = |t: &DataType| t.is_numeric() || t.is_temporal();
    let convert = |(i, value): (usize, &ScalarValue)| match declared(i) {
        Some(wanted) if counts(&wanted) && !value.is_null() && wanted != value.data_type() => {
            let unfit = || Error::invalid(format!("parameter ${} does not fit the type {wanted}", i + 1));
            let made = exact_cast(&value.to_array().map_err(classify)?, &wanted).map_err(|_| unfit())?;
            ScalarValue::try_from_array(&made, 0).map_err(classify)
        }
        _ => Ok(value.clone()),
    };
    parameters.iter().enumerate().map(convert).collect()
}

fn task_context(
    id: String,
    session_id: &str,
    config: SessionConfig,
    runtime: &Arc<RuntimeEnv>,
    limits: &Limits,
) -> TaskContext {
    let mut runtime = runtime.as_ref().clone();
    if limits.query_memory_bytes > 0 {
        let share = usize::try_from(limits.query_memory_bytes).unwrap_or(usize::MAX);
        runtime.memory_pool = Arc::new(QueryShare::new(Arc::clone(&runtime.memory_pool), share));
    }
    // A plan holds its functions; names are looked up only in a plan that arrives in serialized form.
    let (scalar, higher_order, aggregate, window) = (HashMap::new(), HashMap::new(), HashMap::new(), HashMap::new());
    TaskContext::new(Some(id), session_id.to_owned(), config, scalar, higher_order, aggregate, window, Arc::new(runtime))
}
