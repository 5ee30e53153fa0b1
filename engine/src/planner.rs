//! From an optimized logical plan to a physical one, with the parts of it that sources compute pushed down on the way.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::error::Result;
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};
use headwater_optimizer::{KeptPart, PushDownCount, PushDownPlan};

/// DataFusion's planner after [`PushDownPlan`] and [`PushDownCount`], which have to see what all other logical rules have left.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Planner {
    /// Whether sub-plans are pushed down.
    pub(crate) plans: bool,
    /// Whether counts are.
    pub(crate) counts: bool,
}

impl Planner {
    /// The physical plan, and the parts of the query that no source computes.
    pub(crate) async fn plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<(Arc<dyn ExecutionPlan>, Vec<KeptPart>)> {
        let (plan, kept) = match self.plans {
            true => PushDownPlan.apply(plan, session.config().target_partitions())?,
            false => (plan.clone(), Vec::new()),
        };
        let plan = if self.counts { PushDownCount.apply(plan)? } else { plan };
        Ok((DefaultPhysicalPlanner::default().create_physical_plan(&plan, session).await?, kept))
    }
}

#[async_trait]
impl QueryPlanner for Planner {
    async fn create_physical_plan(&self, plan: &LogicalPlan, session: &dyn Session) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self.plan(plan, session).await?.0)
    }
}
