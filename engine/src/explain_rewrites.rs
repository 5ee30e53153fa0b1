//! `EXPLAIN (REWRITES) query`: each rule that changed the plan, with the plan before and after it.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, displayable};
use datafusion::physical_planner::DefaultPhysicalPlanner;
use headwater_common::{Error, Result};
use headwater_optimizer::{JoinOrder, PushDownCount, PushDownPlan};

use crate::error::classify;
use crate::planner::Planner;
use crate::run::bound;

/// Schema of the explanation.
pub(crate) fn schema() -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8, false);
    let step = Field::new("step", DataType::Int64, false);
    Arc::new(Schema::new(vec![step, text("phase"), text("rule"), text("before"), text("after")]))
}

/// The changes of one plan, in order.
struct Changes {
    phase: &'static str,
    plan: String,
    found: Vec<[String; 4]>,
}

impl Changes {
    /// A rule has run; what it did is noted when the plan reads otherwise now.
    fn note(&mut self, rule: &str, plan: String) {
        if plan != self.plan {
            let before = std::mem::replace(&mut self.plan, plan.clone());
            self.found.push([self.phase.to_owned(), rule.to_owned(), before, plan]);
        }
    }

    /// The plan becomes one of another kind, which no rule did.
    fn next(&mut self, phase: &'static str, plan: String) {
        (self.phase, self.plan) = (phase, plan);
    }
}

/// One row for each rule that changed the plan. Nothing is run.
pub(crate) async fn report(
    state: &SessionState,
    plan: &LogicalPlan,
    parameters: &[ScalarValue],
    planner: Planner,
) -> Result<RecordBatch> {
    let plan = bound(plan, parameters)?;
    let mut changes = Changes { phase: "analyzer", plan: logical(&plan), found: Vec::new() };
    let analyzed = state
        .analyzer()
        .execute_and_check(plan, state.config_options(), |plan, rule| changes.note(rule.name(), logical(plan)))
        .map_err(classify)?;
    changes.next("logical", logical(&analyzed));
    let optimized = state.optimizer().optimize(analyzed, state, |plan, rule| changes.note(rule.name(), logical(plan)));
    let optimized = optimized.map_err(classify)?;
    changes.next("push-down", logical(&optimized));
    let optimized = planner.ordered(&optimized, state.config()).map_err(classify)?;
    changes.note(JoinOrder::NAME, logical(&optimized));
    let partitions = state.config().target_partitions();
    if planner.plans && partitions > 1 {
        PushDownPlan.prepare(&optimized).await.map_err(classify)?;
    }
    let pushed = match planner.plans {
        true => PushDownPlan.apply(&optimized, partitions).map_err(classify)?.0,
        false => optimized,
    };
    changes.note(PushDownPlan::NAME, logical(&pushed));
    let pushed = if planner.counts { PushDownCount.apply(pushed).map_err(classify)? } else { pushed };
    changes.note(PushDownCount::NAME, logical(&pushed));
    // Without rules the planner only chooses operators.
    let bare = SessionStateBuilder::new_from_existing(state.clone()).with_physical_optimizer_rules(Vec::new()).build();
    let planned = DefaultPhysicalPlanner::default();
    let first = planned_with(&planned, &pushed, &bare).await?;
    changes.next("physical", physical(first.as_ref()));
    let noted = |plan: &dyn ExecutionPlan, rule: &dyn datafusion::physical_optimizer::PhysicalOptimizerRule| {
        changes.note(rule.name(), physical(plan));
    };
    planned.optimize_physical_plan(first, state, noted).map_err(classify)?;
    rows(&changes.found)
}

async fn planned_with(
    planner: &DefaultPhysicalPlanner,
    plan: &LogicalPlan,
    state: &SessionState,
) -> Result<Arc<dyn ExecutionPlan>> {
    use datafusion::physical_planner::PhysicalPlanner;
    planner.create_physical_plan(plan, state).await.map_err(classify)
}

fn logical(plan: &LogicalPlan) -> String {
    plan.display_indent().to_string()
}

fn physical(plan: &dyn ExecutionPlan) -> String {
    displayable(plan).indent(false).to_string().trim_end().to_owned()
}

fn rows(found: &[[String; 4]]) -> Result<RecordBatch> {
    let steps = Int64Array::from_iter_values((1..).take(found.len()));
    let mut columns: Vec<ArrayRef> = vec![Arc::new(steps)];
    for i in 0..4 {
        let values = found.iter().map(|row| row.get(i).map(String::as_str));
        columns.push(Arc::new(values.collect::<StringArray>()));
    }
    RecordBatch::try_new(schema(), columns).map_err(|e| Error::internal(e.to_string()))
}
