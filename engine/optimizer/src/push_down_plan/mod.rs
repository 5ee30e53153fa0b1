//! The largest parts of a plan that one source computes become statements of their source.
//!
//! | step | file | question |
//! |---|---|---|
//! | survey | `survey.rs`, `estimate.rs` | which source could compute this part, and how many bytes would it send? |
//! | gate | `gate.rs` | does sending the part move fewer bytes than sending its inputs? |
//! | cut | `cut.rs` | may the source compute it, and if not, why and what below it? |
//! | split | `split_filter.rs`, `split_average.rs`, `split_groups.rs` | which half can go when the whole cannot? |
//! | worth | `worth.rs` | should groups begin at a source, below a join of several? |
//! | leaf | `leaf.rs` | how does the statement stand in the plan? |

mod average;
mod cut;
mod estimate;
mod gate;
mod leaf;
mod split_average;
mod split_filter;
mod split_groups;
mod survey;
mod worth;

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::display::{PlanType, ToStringifiedPlan};
use datafusion::logical_expr::{LogicalPlan, WriteOp};
use headwater_source::Kept;

use cut::Cutter;
pub(crate) use estimate::Estimate;
pub(crate) use gate::STATEMENT_BYTES;
pub(crate) use split_average::without_averages;
pub(crate) use split_groups::{add_up, again, is_fickle};
pub(crate) use survey::Node;
pub(crate) use survey::source_of_all;
pub(crate) use worth::is_worth_grouping;

/// A part of a plan that is computed here, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptPart {
    /// The source that all of its tables are in; `None` when there are several or none that computes.
    pub source: Option<String>,
    /// The part and the reason.
    pub kept: Kept,
}

/// Why nothing is pushed down when the rule is off.
const SWITCHED_OFF: &str = "the source would compute it, but optimizer.push_down_plan is switched off";

/// Replaces the largest sub-plans that one source can compute by scans of their results.
///
/// The rule is right because [`headwater_source::RemoteSource::translate`] accepts only what the source computes exactly as
/// Headwater does, and because it replaces a sub-plan by a leaf with the same columns. The rows of a leaf come in no order:
/// a sort stays above what it was pushed into, and a part whose order may be seen is never replaced together with its sort.
/// It runs once, when every other logical rule has run.
#[derive(Debug, Clone, Copy, Default)]
pub struct PushDownPlan;

impl PushDownPlan {
    /// Name of the rule.
    pub const NAME: &'static str = "push_down_plan";

    /// Lets the sources learn what they need to split statements over the large tables of a plan.
    pub async fn prepare(&self, plan: &LogicalPlan) -> Result<()> {
        for (source, tables) in survey::large_tables(plan)? {
            source.prepare(&tables).await;
        }
        Ok(())
    }

    /// Every part that would be pushed down if the rule were not switched off, and every part that would stay here.
    pub fn switched_off(&self, plan: &LogicalPlan, partitions: usize) -> Result<Vec<KeptPart>> {
        let query = match plan {
            LogicalPlan::Dml(change) => change.input.as_ref(),
            other => other,
        };
        let mut cutter = Cutter::new(partitions);
        cutter.cut(&Node::survey(query)?)?;
        Ok(cutter.into_all(SWITCHED_OFF))
    }

    /// The plan with its parts pushed down, at most `partitions` texts each, and every part that stayed here.
    pub fn apply(&self, plan: &LogicalPlan, partitions: usize) -> Result<(LogicalPlan, Vec<KeptPart>)> {
        match plan {
            LogicalPlan::Explain(explain) if explain.logical_optimization_succeeded => {
                let (inner, kept) = self.apply(&explain.plan, partitions)?;
                let mut explain = explain.clone();
                let plan_type = PlanType::OptimizedLogicalPlan { optimizer_name: Self::NAME.to_owned() };
                explain.stringified_plans.push(inner.to_stringified(plan_type));
                explain.plan = Arc::new(inner);
                Ok((LogicalPlan::Explain(explain), kept))
            }
            LogicalPlan::Analyze(analyze) => {
                let (input, kept) = self.apply(&analyze.input, partitions)?;
                let mut analyze = analyze.clone();
                analyze.input = Arc::new(input);
                Ok((LogicalPlan::Analyze(analyze), kept))
            }
            LogicalPlan::Dml(change) if matches!(change.op, WriteOp::Insert(_)) => {
                let (input, kept) = self.apply(&change.input, partitions)?;
                let mut change = change.clone();
                change.input = Arc::new(input);
                Ok((LogicalPlan::Dml(change), kept))
            }
            LogicalPlan::Explain(_)
            | LogicalPlan::Dml(_)
            | LogicalPlan::Ddl(_)
            | LogicalPlan::Copy(_)
            | LogicalPlan::Statement(_)
            | LogicalPlan::DescribeTable(_) => Ok((plan.clone(), Vec::new())),
            query => {
                let mut cutter = Cutter::new(partitions);
                let cut = cutter.cut(&Node::survey(query)?)?;
                Ok((cut.plan, cutter.into_kept()))
            }
        }
    }
}
