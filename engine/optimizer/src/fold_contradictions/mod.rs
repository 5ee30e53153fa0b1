//! Filters that no row can pass become empty relations before a source is asked.

mod domain;

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchemaRef, Result};
use datafusion::logical_expr::{EmptyRelation, LogicalPlan};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use domain::is_never_true;

/// Replaces a filter, or a scan with filters, that is never true by an empty relation.
///
/// `a > 5 AND a < 3`, `a = 1 AND a = 2`, `a IS NULL AND a > 1`, `a NOT IN (1, NULL)`, a comparison with NULL and IS NULL of a
/// column that is never null let no row pass. A conjunction is true when all of its parts are; each part restricts the values that
/// its column may have, and where a column is left without a value no row makes all parts true. Parts that are not understood
/// restrict nothing. Only columns and casts of them are looked at, so no computation that may fail is left out by more than
/// the filter itself leaves out. Numbers with a point are not looked at: zeros and NaN have more than one order.
#[derive(Debug, Default)]
pub struct FoldContradictions;

impl FoldContradictions {
    /// Name of the rule.
    pub const NAME: &'static str = "fold_contradictions";
}

impl OptimizerRule for FoldContradictions {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let never = match &plan {
            LogicalPlan::Filter(filter) => {
                let below = match filter.input.as_ref() {
                    LogicalPlan::TableScan(scan) => scan.filters.as_slice(),
                    _ => &[],
                };
                is_never_true(std::iter::once(&filter.predicate).chain(below), filter.input.schema())
            }
            // The schema of a scan's own filters is the table's, of which not all columns need be read.
            LogicalPlan::TableScan(scan) => {
                !scan.filters.is_empty() && is_never_true(&scan.filters, &scan.projected_schema)
            }
            _ => false,
        };
        let schema = Arc::clone(plan.schema());
        Ok(if never { Transformed::yes(empty(schema)) } else { Transformed::no(plan) })
    }
}

fn empty(schema: DFSchemaRef) -> LogicalPlan {
    LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: false, schema })
}
