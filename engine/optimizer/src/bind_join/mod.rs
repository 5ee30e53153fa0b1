//! The keys of a small build side restrict the remote scans of the probe side.
//!
//! | file | question |
//! |---|---|
//! | `mod.rs` | which joins may restrict their probe side? |
//! | `route.rs` | which scans below the probe side have the key, and may rows without a match be left out there? |
//! | `widening.rs` | through which casts is a key still the same value? |
//!
//! Whether it is worth the statement is decided twice: with estimates when the query is planned, and with the number of keys when
//! they are known.

mod route;
mod widening;

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::{JoinType, NullEquality, Statistics};
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::expressions::Column;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::recursive_query::RecursiveQueryExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use headwater_source::{CollectKeysExec, CollectedKey, KeySlot, SourceRegistry, TupleKey};

use route::Route;
pub(crate) use widening::widens;

/// The number of keys is estimated so roughly that this many times fewer are still possible.
const ESTIMATE_ERROR: f64 = 4.0;

/// Lets the keys of a hash join's build side restrict the remote scans of its probe side (a bind join).
///
/// A hash join reads its build side to the end before it asks its probe side for a row. [`CollectKeysExec`] gathers the
/// distinct keys on the way, and each scan below the probe side that has the key waits for them and asks its source for the rows
/// with these keys.
///
/// The rows of the join stay the same. It compares every row that comes back, so rows too many are harmless; a row of the probe
/// side is left out only when its key equals no key of the build side or is null, and then it has no match; where the join finds
/// nulls equal (`IS NOT DISTINCT FROM`, INTERSECT, EXCEPT) and a key is null, nulls are asked for too, by a statement of their own.
/// The kinds of joins below return no row of the probe side without a match. A join for NOT IN, which looks at nulls of
/// the probe side, is left alone. Sources are asked only for columns whose equality they have from their lists of exact filters,
/// or a superset of it; casts on the way are those in `widening.rs`. Several columns of a key are restricted each by itself, and
/// where they end in one scan by their tuples too; a tuple with a null equals nothing, so it is left out. Recursive queries are left alone: they run parts of a plan several times.
#[derive(Debug)]
pub struct BindJoin {
    sources: Arc<SourceRegistry>,
}

impl BindJoin {
    /// Name of the rule.
    pub const NAME: &'static str = "bind_join";

    /// The rule over these sources.
    pub fn new(sources: Arc<SourceRegistry>) -> Self {
        Self { sources }
    }

    fn rewrite(&self, plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        if plan.downcast_ref::<RecursiveQueryExec>().is_some() {
            return Ok(plan);
        }
        let children = plan.children().into_iter().map(|child| self.rewrite(Arc::clone(child)));
        let children = children.collect::<Result<Vec<_>>>()?;
        let plan = replace_children_if_necessary(plan, children)?;
        let bound = plan.downcast_ref::<HashJoinExec>().map(|join| self.bind(join)).transpose()?;
        Ok(bound.flatten().unwrap_or(plan))
    }

    fn bind(&self, join: &HashJoinExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        if !may_restrict(join) {
            return Ok(None);
        }
        let statistics = StatisticsContext::new().compute(join.left().as_ref(), &StatisticsArgs::new())?;
        let mut probe = Arc::clone(join.right());
        let mut keys = Vec::new();
        let tuples = tuples(join)?;
        for (place, (left, right)) in join.on().iter().enumerate() {
            let (data_type, other) = (left.data_type(&join.left().schema())?, right.data_type(&probe.schema())?);
            if data_type != other {
                continue;
            }
            // A type without an order has no keys.
            let Ok(slot) = KeySlot::try_new(&data_type) else { continue };
            let slot = Arc::new(slot.nulls_match(join.null_equality() == NullEquality::NullEqualsNull));
            let expected = distinct(&statistics, left.downcast_ref::<Column>()).map(|n| n / ESTIMATE_ERROR);
            let tuple = tuples.as_ref().map(|tuples| TupleKey { tuples: Arc::clone(tuples), place });
            let mut route = Route::new(&self.sources, left.to_string(), Arc::clone(&slot), expected).of_tuple(tuple);
            if let Some(restricted) = route.down(&probe, right)? {
                probe = restricted;
                let into = route.into_columns().join(" and ");
                keys.push(CollectedKey { exprs: vec![Arc::clone(left)], into, keys: slot });
            }
        }
        if let Some(tuples) = tuples {
            match keys.len() {
                // Nobody waits for tuples of one key.
                0 | 1 => tuples.give_up(),
                _ => {
                    let exprs = join.on().iter().map(|(left, _)| Arc::clone(left)).collect();
                    keys.push(CollectedKey { exprs, into: String::new(), keys: tuples });
                }
            }
        }
        if keys.is_empty() {
            return Ok(None);
        }
        let build = collecting(join.left(), keys)?;
        Ok(Some(join.builder().with_new_children(vec![build, probe])?.build_exec()?))
    }
}

impl PhysicalOptimizerRule for BindJoin {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        self.rewrite(plan)
    }

    fn name(&self) -> &str {
        Self::NAME
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Whether no row of the probe side (the right one) without a match matters.
fn may_restrict(join: &HashJoinExec) -> bool {
    let drops_unmatched = match join.join_type() {
        JoinType::Inner
        | JoinType::Left
        | JoinType::LeftSemi
        | JoinType::LeftAnti
        | JoinType::LeftMark
        | JoinType::RightSemi => true,
        JoinType::Right | JoinType::Full | JoinType::RightAnti | JoinType::RightMark => false,
    };
    drops_unmatched && !join.null_aware
}

/// Where the tuples of several keys will be; nulls that are equal are in none.
fn tuples(join: &HashJoinExec) -> Result<Option<Arc<KeySlot>>> {
    if join.on().len() < 2 || join.null_equality() != NullEquality::NullEqualsNothing {
        return Ok(None);
    }
    let schema = join.left().schema();
    let types = join.on().iter().map(|(left, _)| left.data_type(&schema)).collect::<Result<Vec<_>>>()?;
    Ok(KeySlot::of_tuples(&types).ok().map(Arc::new))
}

/// The estimated number of distinct keys.
fn distinct(statistics: &Statistics, column: Option<&Column>) -> Option<f64> {
    let rows = statistics.num_rows.get_value();
    let column = column.and_then(|column| statistics.column_statistics.get(column.index()));
    let distinct = column.and_then(|c| c.distinct_count.get_value());
    rows.into_iter().chain(distinct).min().map(|n| *n as f64)
}

/// The build side with its keys gathered. Below a step that deals rows out to partitions, all inputs of the step are read
/// whichever partition is asked for.
fn collecting(build: &Arc<dyn ExecutionPlan>, keys: Vec<CollectedKey>) -> Result<Arc<dyn ExecutionPlan>> {
    if let Some(dealt) = build.downcast_ref::<RepartitionExec>() {
        let input = Arc::new(CollectKeysExec::new(Arc::clone(dealt.input()), keys));
        return replace_children_if_necessary(Arc::clone(build), vec![input]);
    }
    Ok(Arc::new(CollectKeysExec::new(Arc::clone(build), keys)))
}
