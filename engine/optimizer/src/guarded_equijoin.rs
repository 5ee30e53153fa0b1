//! Keys of a join in which null is equal to null are not taken from conditions on `=`.

use datafusion::common::tree_node::Transformed;
use datafusion::common::{NullEquality, Result};
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::utils::conjunction;
use datafusion::optimizer::extract_equijoin_predicate::ExtractEquijoinPredicate;
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

/// DataFusion's `extract_equijoin_predicate`, with the nulls of the keys that it takes from the condition of a join in which null is
/// equal to null left out.
///
/// That rule makes `a.x = b.x` of the condition a key like the others. With `a JOIN b ON a.k IS NOT DISTINCT FROM b.k WHERE
/// a.x = b.x`, rows whose `x` is null would be joined.
#[derive(Debug, Default)]
pub struct GuardedEquijoin(ExtractEquijoinPredicate);

impl OptimizerRule for GuardedEquijoin {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let keys = match &plan {
            LogicalPlan::Join(join) if join.null_equality == NullEquality::NullEqualsNull => join.on.len(),
            _ => return self.0.rewrite(plan, config),
        };
        let mut made = self.0.rewrite(plan, config)?;
        if let LogicalPlan::Join(join) = &mut made.data {
            let known = join.on.iter().skip(keys).map(|(left, _)| left.clone().is_not_null());
            join.filter = conjunction(join.filter.take().into_iter().chain(known));
        }
        Ok(made)
    }
}
