//! `ORDER BY ... LIMIT n` over a remote scan fetches `n` rows.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use headwater_source::scan::limited_rows;
use headwater_source::{RemoteScanExec, SortKey, SourceRegistry};

/// Turns a top-n sort over a remote scan into a scan of the first `n` rows in that order.
///
/// The source must sort by these keys exactly as Headwater does. The sort stays above the scan, so the rule changes how many
/// rows are fetched and never which order they come in: any `n` first rows in an exactly equal order are a right answer.
#[derive(Debug)]
pub struct PushDownTopN {
    sources: Arc<SourceRegistry>,
}

impl PushDownTopN {
    /// The rule over these sources.
    pub fn new(sources: Arc<SourceRegistry>) -> Self {
        Self { sources }
    }

    fn rewrite(&self, plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
        let Some(sort) = plan.downcast_ref::<SortExec>() else { return Ok(Transformed::no(plan)) };
        let Some(fetch) = sort.fetch().and_then(limited_rows) else { return Ok(Transformed::no(plan)) };
        let Some(keys) = sort_keys(sort.expr()) else { return Ok(Transformed::no(plan)) };
        let Some(input) = self.limited(sort.input(), keys, fetch)? else { return Ok(Transformed::no(plan)) };
        let sort = SortExec::new(sort.expr().clone(), input)
            .with_fetch(sort.fetch())
            .with_preserve_partitioning(sort.preserve_partitioning());
        Ok(Transformed::yes(Arc::new(sort)))
    }

    /// The input with the scan at its end limited; keys are columns by position and their direction.
    fn limited(&self, plan: &Arc<dyn ExecutionPlan>, keys: Vec<Key>, fetch: u64) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        if let Some(scan) = plan.downcast_ref::<RemoteScanExec>() {
            let schema = scan.schema();
            let order = keys.iter().filter_map(|key| {
                let column = schema.fields().get(key.index)?.name().clone();
                Some(SortKey { column, descending: key.descending, nulls_first: key.nulls_first })
            });
            let order: Vec<SortKey> = order.collect();
            let limited = scan.with_top_n(order, fetch, &self.sources)?;
            return Ok(limited.map(|scan| Arc::new(scan) as Arc<dyn ExecutionPlan>));
        }
        if let Some(cooperative) = plan.downcast_ref::<CooperativeExec>() {
            let limited = self.limited(cooperative.input(), keys, fetch)?;
            return Ok(limited.map(|input| Arc::new(CooperativeExec::new(input)) as Arc<dyn ExecutionPlan>));
        }
        let Some(projection) = plan.downcast_ref::<ProjectionExec>() else { return Ok(None) };
        let below = keys.into_iter().map(|key| {
            let column = column_index(&projection.expr().get(key.index)?.expr)?;
            Some(Key { index: column, ..key })
        });
        let Some(below) = below.collect::<Option<Vec<Key>>>() else { return Ok(None) };
        let Some(input) = self.limited(projection.input(), below, fetch)? else { return Ok(None) };
        Ok(Some(Arc::new(ProjectionExec::try_new(projection.expr().to_vec(), input)?)))
    }
}

impl PhysicalOptimizerRule for PushDownTopN {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_down(|plan| self.rewrite(plan)).data()
    }

    fn name(&self) -> &str {
        "push_down_top_n"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

#[derive(Debug, Clone, Copy)]
struct Key {
    index: usize,
    descending: bool,
    nulls_first: bool,
}

fn sort_keys(order: &LexOrdering) -> Option<Vec<Key>> {
    order
        .iter()
        .map(|key| {
            let index = column_index(&key.expr)?;
            Some(Key { index, descending: key.options.descending, nulls_first: key.options.nulls_first })
        })
        .collect()
}

fn column_index(expr: &Arc<dyn PhysicalExpr>) -> Option<usize> {
    expr.downcast_ref::<Column>().map(Column::index)
}
