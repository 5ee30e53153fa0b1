//! A source that is asked the same twice in one query is asked once.

use std::sync::Arc;

use datafusion::common::Statistics;
use datafusion::common::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::recursive_query::RecursiveQueryExec;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use headwater_source::scan::width;
use headwater_source::{RemoteQueryExec, RemoteScanExec, SharedReadExec, reads_the_same};

/// Most bytes that are expected to be kept for the readers that come later.
const BYTES_MAX: f64 = (64 << 20) as f64;

/// Lets scans and statements that read the same rows of a source, such as those of a WITH query that is used twice, share one
/// reading.
///
/// The rows of every reader stay the same: leaves are equal when their source, command, ranges, texts and schema are, and a
/// reader passes on every batch of the one reading. Rows are kept until the last reader has had them, so only results are shared
/// whose estimated bytes are few; where the estimate is wrong, they spill. Scans that take keys of a join read other rows and are
/// left alone, and so are recursive queries, which run parts of a plan several times.
#[derive(Debug, Default)]
pub struct ShareReads;

impl ShareReads {
    /// Name of the rule.
    pub const NAME: &'static str = "share_reads";
}

impl PhysicalOptimizerRule for ShareReads {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let mut groups: Vec<Group> = Vec::new();
        collect(&plan, &mut groups)?;
        groups.retain(|group| group.count > 1);
        if groups.is_empty() {
            return Ok(plan);
        }
        for group in &mut groups {
            group.readers = SharedReadExec::readers(&group.leaf, group.count);
            // The first place in the plan gets the first reader.
            group.readers.reverse();
        }
        replace(plan, &mut groups)
    }

    fn name(&self) -> &str {
        Self::NAME
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Equal leaves.
struct Group {
    leaf: Arc<dyn ExecutionPlan>,
    count: usize,
    readers: Vec<SharedReadExec>,
}

fn collect(plan: &Arc<dyn ExecutionPlan>, groups: &mut Vec<Group>) -> Result<()> {
    if plan.downcast_ref::<RecursiveQueryExec>().is_some() {
        return Ok(());
    }
    if is_small(plan)? {
        match groups.iter_mut().find(|group| reads_the_same(group.leaf.as_ref(), plan.as_ref())) {
            Some(group) => group.count += 1,
            None => groups.push(Group { leaf: Arc::clone(plan), count: 1, readers: Vec::new() }),
        }
    }
    plan.children().into_iter().try_for_each(|child| collect(child, groups))
}

fn replace(plan: Arc<dyn ExecutionPlan>, groups: &mut [Group]) -> Result<Arc<dyn ExecutionPlan>> {
    if plan.downcast_ref::<RecursiveQueryExec>().is_some() {
        return Ok(plan);
    }
    if let Some(group) = groups.iter_mut().find(|group| reads_the_same(group.leaf.as_ref(), plan.as_ref()))
        && let Some(reader) = group.readers.pop()
    {
        return Ok(Arc::new(reader));
    }
    let children = plan.children().into_iter().map(|child| replace(Arc::clone(child), groups));
    let children = children.collect::<Result<Vec<_>>>()?;
    replace_children_if_necessary(plan, children)
}

/// Whether a leaf reads a remote source, and is known to read few bytes.
fn is_small(plan: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    if plan.downcast_ref::<RemoteScanExec>().is_none() && plan.downcast_ref::<RemoteQueryExec>().is_none() {
        return Ok(false);
    }
    let statistics: Arc<Statistics> = StatisticsContext::new().compute(plan.as_ref(), &StatisticsArgs::new())?;
    let row_bytes: f64 = plan.schema().fields().iter().map(|f| width(f.data_type())).sum();
    Ok(statistics.num_rows.get_value().is_some_and(|rows| *rows as f64 * row_bytes <= BYTES_MAX))
}
