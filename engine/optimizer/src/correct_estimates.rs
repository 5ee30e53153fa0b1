//! Tables know by what their estimates were wrong in earlier queries.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::logical_expr::{LogicalPlan, TableScan, WriteOp};
use headwater_source::{Feedback, RemoteTable};

use crate::assumptions::{Assumed, shape};

/// Gives each remote table of a plan the factor that earlier runs with the same filters have shown.
///
/// Only estimates change, never what is read: an order of joins, a side of a join and a cut are chosen with them.
#[derive(Debug, Clone, Copy, Default)]
pub struct CorrectEstimates;

impl CorrectEstimates {
    /// The plan with what is known of its tables, or with what is assumed.
    pub fn apply(&self, plan: &LogicalPlan, feedback: &Feedback, assumed: Option<&Assumed>) -> Result<LogicalPlan> {
        if matches!(plan, LogicalPlan::Dml(change) if !matches!(change.op, WriteOp::Insert(_))) {
            return Ok(plan.clone());
        }
        let mut seen = HashMap::new();
        let corrected = plan.clone().transform_down_with_subqueries(|node| {
            let LogicalPlan::TableScan(scan) = &node else { return Ok(Transformed::no(node)) };
            Ok(match correct(scan, feedback, assumed, &mut seen) {
                Some(scan) => Transformed::yes(LogicalPlan::TableScan(scan)),
                None => Transformed::no(node),
            })
        })?;
        Ok(corrected.data)
    }
}

fn correct(
    scan: &TableScan,
    feedback: &Feedback,
    assumed: Option<&Assumed>,
    seen: &mut HashMap<u64, usize>,
) -> Option<TableScan> {
    let provider = source_as_provider(&scan.source).ok()?;
    let table = provider.downcast_ref::<RemoteTable>()?;
    let known = || feedback.factor(Feedback::fragment(table.source().name(), &table.meta().name, &scan.filters));
    let factor = match assumed {
        None => known()?,
        Some(assumed) => {
            let shape = shape(table, scan);
            let nth = seen.entry(shape).or_default();
            *nth += 1;
            assumed.factor(shape, *nth, known)?
        }
    };
    let source = provider_as_source(Arc::new(table.with_correction(factor)));
    Some(TableScan { source, ..scan.clone() })
}
