//! From an optimized logical plan to a physical one, with the parts of it that sources compute pushed down on the way.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::error::Result;
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};
use datafusion::prelude::SessionConfig;
use headwater_optimizer::{Assumed, CorrectEstimates, GuardConditions, JoinOrder, KeptPart, PushDownCount, PushDownPlan};
use headwater_source::{Learning, SourceRegistry};

/// DataFusion's planner after [`JoinOrder`], [`PushDownPlan`], [`PushDownCount`] and [`GuardConditions`], which have to see what all other
/// logical rules have left.
#[derive(Clone)]
pub(crate) struct Planner {
    /// Whether joins are put in order.
    pub(crate) joins: bool,
    /// The sources, with what was learned of them.
    pub(crate) sources: Arc<SourceRegistry>,
    /// Whether sub-plans are pushed down.
    pub(crate) plans: bool,
    /// Whether counts are.
    pub(crate) counts: bool,
    /// Planners of nodes that are not DataFusion's.
    pub(crate) extensions: Vec<Arc<dyn ExtensionPlanner + Send + Sync>>,
}

impl fmt::Debug for Planner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Planner")
            .field("joins", &self.joins)
            .field("plans", &self.plans)
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}

impl Planner {
    /// The plan with its joins in order, and with what was learned of its tables.
    pub(crate) fn ordered(&self, plan: &LogicalPlan, config: &SessionConfig) -> Result<LogicalPlan> {
        let learning = config.get_extension::<Learning>().is_none_or(|learning| learning.0);
        let assumed = config.get_extension::<Assumed>();
        let plan = match learning {
            true => CorrectEstimates.apply(plan, self.sources.feedback(), assumed.as_deref())?,
            false => plan.clone(),
        };
        if !self.joins {
            return Ok(plan);
        }
        JoinOrder::new(Arc::clone(&self.sources), learning).assuming(assumed).apply(&plan)
    }

    /// The physical plan, and the parts of the query that no source computes.
    pub(crate) async fn plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<(Arc<dyn ExecutionPlan>, Vec<KeptPart>)> {
        let partitions = session.config().target_partitions();
        let plan = &self.ordered(plan, session.config())?;
        if self.plans && partitions > 1 {
            PushDownPlan.prepare(plan).await?;
        }
        let (plan, kept) = match self.plans {
            true => PushDownPlan.apply(plan, partitions)?,
            false => (plan.clone(), Vec::new()),
        };
        let plan = if self.counts { PushDownCount.apply(plan)? } else { plan };
        let plan = GuardConditions::apply(plan)?;
        let planner = DefaultPhysicalPlanner::with_extension_planners(self.extensions.clone());
        Ok((planner.create_physical_plan(&plan, session).await?, kept))
    }

    /// The same, with every part that a source would compute if the push-down of sub-plans were not switched off.
    pub(crate) async fn explain(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<(Arc<dyn ExecutionPlan>, Vec<KeptPart>)> {
        let (physical, kept) = self.plan(plan, session).await?;
        match self.plans {
            true => Ok((physical, kept)),
            false => {
                let plan = self.ordered(plan, session.config())?;
                Ok((physical, PushDownPlan.switched_off(&plan, session.config().target_partitions())?))
            }
        }
    }
}

#[async_trait]
impl QueryPlanner for Planner {
    async fn create_physical_plan(&self, plan: &LogicalPlan, session: &dyn Session) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self.plan(plan, session).await?.0)
    }
}
