//! From an optimized logical plan to a physical one, with the parts of it that sources compute pushed down on the way.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::error::Result;
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};
use headwater_optimizer::{KeptPart, PushDownPlan};

/// DataFusion's planner after [`PushDownPlan`], which has to see what all other logical rules have left.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Planner {
    push_down: bool,
}

impl Planner {
    pub(crate) fn new(push_down: bool) -> Self {
        Self { push_down }
    }

    /// The physical plan, and the parts of the query that no source computes.
    pub(crate) async fn plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<(Arc<dyn ExecutionPlan>, Vec<KeptPart>)> {
        let planner = DefaultPhysicalPlanner::default();
        if !self.push_down {
            return Ok((planner.create_physical_plan(plan, session).await?, Vec::new()));
        }
        let (plan, kept) = PushDownPlan.apply(plan, session.config().target_partitions())?;
        Ok((planner.create_physical_plan(&plan, session).await?, kept))
    }
}

#[async_trait]
impl QueryPlanner for Planner {
    async fn create_physical_plan(&self, plan: &LogicalPlan, session: &dyn Session) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self.plan(plan, session).await?.0)
    }
}
