//! Joins that find no row end with their query.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, FieldRef, Schema};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec, NestedLoopJoinExecBuilder, SortMergeJoinExec};
use headwater_common::Error;
use headwater_source::ErrorExt;

/// Makes the filter of every join fail once its query has been stopped.
///
/// A join pauses when it has made a batch of rows. One whose filter refuses every pair makes none, and would compute on for
/// hours after nobody waits for it any more. Its filter is evaluated for some thousand pairs at a time, so that is the place to
/// look. The rule belongs to one run of a query.
#[derive(Debug)]
pub struct StopJoins {
    stopped: Arc<AtomicBool>,
}

impl StopJoins {
    /// The rule for a query that sets `stopped` when it ends.
    pub fn new(stopped: Arc<AtomicBool>) -> Self {
        Self { stopped }
    }

    fn stopping(&self, filter: &JoinFilter) -> JoinFilter {
        let inner = Arc::clone(filter.expression());
        let expression = Arc::new(StoppingExpr { inner, stopped: Arc::clone(&self.stopped) });
        JoinFilter::new(expression, filter.column_indices().to_vec(), Arc::clone(filter.schema()))
    }

    fn rewrite(&self, plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
        let stopping = |filter: Option<&JoinFilter>| filter.map(|f| self.stopping(f));
        if let Some(join) = plan.downcast_ref::<NestedLoopJoinExec>()
            && join.filter().is_some()
        {
            let filter = stopping(join.filter());
            let join = NestedLoopJoinExecBuilder::from(join).with_filter(filter).build()?;
            return Ok(Transformed::yes(Arc::new(join)));
        }
        if let Some(join) = plan.downcast_ref::<HashJoinExec>()
            && join.filter().is_some()
        {
            let join = join.builder().with_filter(stopping(join.filter())).build()?;
            return Ok(Transformed::yes(Arc::new(join)));
        }
        if let Some(join) = plan.downcast_ref::<SortMergeJoinExec>()
            && join.filter().is_some()
        {
            let join = SortMergeJoinExec::try_new(
                Arc::clone(join.left()),
                Arc::clone(join.right()),
                join.on().to_vec(),
                stopping(join.filter().as_ref()),
                join.join_type(),
                join.sort_options().to_vec(),
                join.null_equality(),
            )?;
            return Ok(Transformed::yes(Arc::new(join)));
        }
        Ok(Transformed::no(plan))
    }
}

impl PhysicalOptimizerRule for StopJoins {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| self.rewrite(plan)).data()
    }

    fn name(&self) -> &str {
        "stop_joins"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// An expression that fails once the query is stopped.
#[derive(Debug)]
struct StoppingExpr {
    inner: Arc<dyn PhysicalExpr>,
    stopped: Arc<AtomicBool>,
}

impl PartialEq for StoppingExpr {
    fn eq(&self, other: &Self) -> bool {
        self.inner.eq(&other.inner) && Arc::ptr_eq(&self.stopped, &other.stopped)
    }
}

impl Eq for StoppingExpr {}

impl Hash for StoppingExpr {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}

impl fmt::Display for StoppingExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.inner)
    }
}

impl PhysicalExpr for StoppingExpr {
    fn data_type(&self, input_schema: &Schema) -> Result<DataType> {
        self.inner.data_type(input_schema)
    }

    fn nullable(&self, input_schema: &Schema) -> Result<bool> {
        self.inner.nullable(input_schema)
    }

    fn return_field(&self, input_schema: &Schema) -> Result<FieldRef> {
        self.inner.return_field(input_schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        if self.stopped.load(Ordering::Relaxed) {
            return Err(Error::cancelled("the query was stopped").into_datafusion());
        }
        self.inner.evaluate(batch)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.inner]
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        match children.pop() {
            Some(inner) => Ok(Arc::new(Self { inner, stopped: Arc::clone(&self.stopped) })),
            None => Ok(self),
        }
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_sql(f)
    }
}
