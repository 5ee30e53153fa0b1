//! From a key of the probe side down to the scans that have it.

use std::sync::Arc;

use datafusion::common::JoinType;
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::union::UnionExec;
use headwater_source::{CollectKeysExec, KeyFilter, KeySlot, RemoteQueryExec, RemoteScanExec, SourceRegistry, TupleKey};

use super::widening::column_below;

type Plan = Arc<dyn ExecutionPlan>;

/// The way of one key.
pub(super) struct Route<'a> {
    sources: &'a SourceRegistry,
    /// What the keys are of.
    from: String,
    keys: Arc<KeySlot>,
    /// About how many keys there will be at least.
    expected: Option<f64>,
    /// The key together with the others of its join.
    tuple: Option<TupleKey>,
    /// The columns that it ends in.
    into: Vec<String>,
}

impl<'a> Route<'a> {
    pub(super) fn new(sources: &'a SourceRegistry, from: String, keys: Arc<KeySlot>, expected: Option<f64>) -> Self {
        Self { sources, from, keys, expected, tuple: None, into: Vec::new() }
    }

    /// The same for one key of several.
    pub(super) fn of_tuple(self, tuple: Option<TupleKey>) -> Self {
        Self { tuple, ..self }
    }

    /// The columns that take the keys, as a user reads them.
    pub(super) fn into_columns(self) -> Vec<String> {
        self.into
    }

    /// The plan with every scan restricted that has this expression of its output as a column; `None` when there is none.
    ///
    /// A step is passed only when it gives the same rows with these values whether or not rows with other values reach it.
    pub(super) fn down(&mut self, plan: &Plan, key: &Arc<dyn PhysicalExpr>) -> Result<Option<Plan>> {
        match column_below(key, &plan.schema()) {
            Some(column) => self.column(plan, column),
            None => Ok(None),
        }
    }

    fn column(&mut self, plan: &Plan, column: usize) -> Result<Option<Plan>> {
        if let Some(scan) = plan.downcast_ref::<RemoteScanExec>() {
            let Some(name) = scan.takes_keys(column, self.expected, self.sources) else { return Ok(None) };
            let restricted = scan.with_keys(self.filter(column));
            self.into.push(name);
            return Ok(Some(Arc::new(restricted)));
        }
        if let Some(query) = plan.downcast_ref::<RemoteQueryExec>() {
            let Some(name) = query.takes_keys(column, self.expected, self.sources) else { return Ok(None) };
            let restricted = query.with_keys(self.filter(column));
            self.into.push(name);
            return Ok(Some(Arc::new(restricted)));
        }
        // The first rows are others when rows are left out.
        if plan.fetch().is_some() {
            return Ok(None);
        }
        if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
            let Some(expr) = projection.expr().get(column) else { return Ok(None) };
            let input = self.down(projection.input(), &Arc::clone(&expr.expr))?;
            return over(plan, 0, input);
        }
        if let Some(aggregate) = plan.downcast_ref::<AggregateExec>() {
            // Each group has one value of a key of GROUP BY, so whole groups are left out.
            let groups = aggregate.group_expr();
            if !groups.is_single() || groups.is_true_no_grouping() || aggregate.limit_options().is_some() {
                return Ok(None);
            }
            let Some((expr, _)) = groups.expr().get(column) else { return Ok(None) };
            let input = self.down(aggregate.input(), &Arc::clone(expr))?;
            return over(plan, 0, input);
        }
        if let Some(filter) = plan.downcast_ref::<FilterExec>() {
            let below = filter.projection().as_ref().map_or(Some(column), |columns| columns.get(column).copied());
            let input = below.map(|below| self.column(filter.input(), below)).transpose()?.flatten();
            return over(plan, 0, input);
        }
        if passes_rows_on(plan) {
            let Some(input) = plan.children().first().map(|input| Arc::clone(input)) else { return Ok(None) };
            let input = self.column(&input, column)?;
            return over(plan, 0, input);
        }
        self.several(plan, column)
    }

    /// Steps with several inputs.
    fn several(&mut self, plan: &Plan, column: usize) -> Result<Option<Plan>> {
        if let Some(union) = plan.downcast_ref::<UnionExec>() {
            let mut found = None;
            for (i, input) in union.inputs().iter().enumerate() {
                if let Some(restricted) = self.column(input, column)? {
                    found = over(found.as_ref().unwrap_or(plan), i, Some(restricted))?;
                }
            }
            return Ok(found);
        }
        if let Some(join) = plan.downcast_ref::<CrossJoinExec>() {
            let left = join.left().schema().fields().len();
            return match column.checked_sub(left) {
                None => over(plan, 0, self.column(join.left(), column)?),
                Some(right) => over(plan, 1, self.column(join.right(), right)?),
            };
        }
        let Some(join) = plan.downcast_ref::<HashJoinExec>() else { return Ok(None) };
        let column = join.projection.as_ref().map_or(Some(column), |columns| columns.get(column).copied());
        let Some((side, below)) = column.and_then(|column| side(join, column)) else { return Ok(None) };
        let input = if side == 0 { join.left() } else { join.right() };
        over(plan, side, self.column(input, below)?)
    }

    fn filter(&self, column: usize) -> KeyFilter {
        let (from, keys) = (self.from.clone(), Arc::clone(&self.keys));
        KeyFilter { column, from, keys, tuple: self.tuple.clone() }
    }
}

/// Steps whose output columns are those of their one input, and that look at each row by itself or at none.
fn passes_rows_on(plan: &Plan) -> bool {
    plan.downcast_ref::<CooperativeExec>().is_some()
        || plan.downcast_ref::<RepartitionExec>().is_some()
        || plan.downcast_ref::<CoalescePartitionsExec>().is_some()
        || plan.downcast_ref::<SortExec>().is_some()
        || plan.downcast_ref::<SortPreservingMergeExec>().is_some()
        || plan.downcast_ref::<CollectKeysExec>().is_some()
}

/// The input that a column of a join comes from, and its place there, when rows of that input with other values have no part in
/// the rows with this value: they are neither the other side of a match nor missed as one.
fn side(join: &HashJoinExec, column: usize) -> Option<(usize, usize)> {
    let left = join.left().schema().fields().len();
    let right = |column: usize| Some((1, column));
    match join.join_type() {
        JoinType::Inner if column < left => Some((0, column)),
        JoinType::Inner => right(column - left),
        JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => {
            (column < left && !join.null_aware).then_some((0, column))
        }
        JoinType::Right => column.checked_sub(left).and_then(right),
        JoinType::RightSemi | JoinType::RightAnti => right(column),
        JoinType::RightMark | JoinType::Full => None,
    }
}

/// The plan with one input replaced.
fn over(plan: &Plan, place: usize, input: Option<Plan>) -> Result<Option<Plan>> {
    let Some(input) = input else { return Ok(None) };
    let mut children: Vec<Plan> = plan.children().into_iter().map(Arc::clone).collect();
    if let Some(child) = children.get_mut(place) {
        *child = input;
    }
    replace_children_if_necessary(Arc::clone(plan), children).map(Some)
}
