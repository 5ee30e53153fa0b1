//! DISTINCT is left out only where rows are known to be distinct.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::{Distinct, LogicalPlan};
use datafusion::optimizer::replace_distinct_aggregate::ReplaceDistinctWithAggregate;
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use crate::KeepGroupKeys;

/// DataFusion's `replace_distinct_aggregate` over plans that have forgotten what [`KeepGroupKeys`] forgets.
///
/// That rule makes groups of a DISTINCT and leaves out another one above it when a column is said to be unique.
#[derive(Debug, Default)]
pub struct KeepDistinct(ReplaceDistinctWithAggregate);

impl OptimizerRule for KeepDistinct {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Distinct(Distinct::All(input)) = plan else { return self.0.rewrite(plan, config) };
        let input = KeepGroupKeys.rewrite(Arc::unwrap_or_clone(input), config)?.data;
        self.0.rewrite(LogicalPlan::Distinct(Distinct::All(Arc::new(input))), config)
    }
}
