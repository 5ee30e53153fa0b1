//! The order of joins, by cost.
//!
//! | file | question |
//! |---|---|
//! | `region.rs` | which joins may change places with each other? |
//! | `hypergraph.rs` | which relations must be together for a condition, and how are two sets joined? |
//! | `enumerate.rs` | which pairs of sets are there? |
//! | `greedy.rs` | what if they are too many? |
//! | `model.rs` | how many rows and bytes have the relations and the joins? |
//! | `cost.rs`, `prices.rs` | what does a set cost: computed by its source, fetched, or fetched by keys? |
//! | `build.rs` | how does the order stand in a plan? |

mod build;
mod cost;
mod enumerate;
mod greedy;
mod hypergraph;
mod model;
mod prices;
mod region;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::display::{PlanType, ToStringifiedPlan};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::{LogicalPlan, Subquery, WriteOp};
use headwater_source::SourceRegistry;

use build::{Builder, restored};
use cost::{How, Memo};
use enumerate::{Enumeration, TooMany};
use hypergraph::{Set, operators, single};
use model::Model;
use prices::{Prices, SourcePrices};
pub(crate) use region::is_total;
use region::{Region, Tree, is_inside};

use crate::assumptions::Assumed;

/// Another order is taken only when it is expected to cost less than this share of the one in the plan.
const GAIN: f64 = 0.9;

/// Puts joins of three or more relations into the order that is expected to cost least.
///
/// Cost is what sources do, what comes from them, and what is joined here; joins of one source may be computed by it, and a small
/// side may restrict what is fetched of a large one. All orders are looked at (DPhyp, see `enumerate.rs`) until they are too many, and
/// then joins are put together one by one, the least result first. Where a relation has no number of rows or a key no
/// number of values, the order of the plan stays.
///
/// The rows stay the same. Inner, left outer, semi and anti joins are exchanged only where their algebra allows it
/// (`hypergraph.rs`); full and mark joins, joins that find nulls equal and NOT IN are relations like a table. Every condition is applied
/// exactly once, where its relations come together, and it is one that cannot fail, so that it does not matter which rows it
/// sees. The columns and their order are kept by a projection where the node above looks at them.
///
/// It runs once, when every other logical rule but the push-down of sub-plans has run.
#[derive(Debug, Clone)]
pub struct JoinOrder {
    sources: Arc<SourceRegistry>,
    learning: bool,
    assumed: Option<Arc<Assumed>>,
}

impl JoinOrder {
    /// Name of the rule.
    pub const NAME: &'static str = "join_order";

    /// The rule over these sources, with what was learned of them or without.
    pub fn new(sources: Arc<SourceRegistry>, learning: bool) -> Self {
        Self { sources, learning, assumed: None }
    }

    /// The same with what is assumed of the sources.
    #[must_use]
    pub fn assuming(self, assumed: Option<Arc<Assumed>>) -> Self {
        Self { assumed, ..self }
    }

    /// The plan with its joins in order.
    pub fn apply(&self, plan: &LogicalPlan) -> Result<LogicalPlan> {
        match plan {
            LogicalPlan::Explain(explain) if explain.logical_optimization_succeeded => {
                let inner = self.apply(&explain.plan)?;
                let mut explain = explain.clone();
                let plan_type = PlanType::OptimizedLogicalPlan { optimizer_name: Self::NAME.to_owned() };
                explain.stringified_plans.push(inner.to_stringified(plan_type));
                explain.plan = Arc::new(inner);
                Ok(LogicalPlan::Explain(explain))
            }
            LogicalPlan::Analyze(analyze) => {
                let mut analyze = analyze.clone();
                analyze.input = Arc::new(self.apply(&analyze.input)?);
                Ok(LogicalPlan::Analyze(analyze))
            }
            LogicalPlan::Dml(change) if matches!(change.op, WriteOp::Insert(_)) => {
                let mut change = change.clone();
                change.input = Arc::new(self.apply(&change.input)?);
                Ok(LogicalPlan::Dml(change))
            }
            LogicalPlan::Explain(_)
            | LogicalPlan::Dml(_)
            | LogicalPlan::Ddl(_)
            | LogicalPlan::Copy(_)
            | LogicalPlan::Statement(_)
            | LogicalPlan::DescribeTable(_) => Ok(plan.clone()),
            query => self.order(query, false),
        }
    }

    /// A plan with all its joins in order; the order of its columns may change too when they are used `by_name`.
    fn order(&self, plan: &LogicalPlan, by_name: bool) -> Result<LogicalPlan> {
        match Region::of(plan) {
            Some(region) => match self.reorder(&region, by_name)? {
                Some(ordered) => Ok(ordered),
                None => self.below(plan, true),
            },
            None => self.below(plan, false),
        }
    }

    /// The same node over inputs in order; `inside` a tree whose order stays, only its relations are looked at.
    fn below(&self, plan: &LogicalPlan, inside: bool) -> Result<LogicalPlan> {
        let by_name = matches!(plan, LogicalPlan::Projection(_) | LogicalPlan::Aggregate(_));
        let input = |input: LogicalPlan| -> Result<Transformed<LogicalPlan>> {
            let ordered = match inside && is_inside(&input) {
                true => self.below(&input, true)?,
                false => self.order(&input, by_name)?,
            };
            Ok(Transformed::yes(ordered))
        };
        let plan = plan.clone().map_children(input)?.data;
        let plan = plan.map_uncorrelated_subqueries(|subquery| {
            let LogicalPlan::Subquery(inner) = subquery else { return Ok(Transformed::no(subquery)) };
            let ordered = Arc::new(self.order(&inner.subquery, false)?);
            Ok(Transformed::yes(LogicalPlan::Subquery(Subquery { subquery: ordered, ..inner })))
        })?;
        Ok(plan.data)
    }

    /// What a source was seen to take, when that is enough.
    fn prices(&self, source: &str) -> SourcePrices {
        let known = || self.sources.costs().of(source);
        let cost = match &self.assumed {
            Some(assumed) => assumed.cost(source, known),
            None => known(),
        };
        let learned = cost.filter(|cost| self.learning && cost.is_used());
        learned.map_or_else(SourcePrices::default, |cost| SourcePrices::learned(&cost))
    }

    /// Another order; `None` when that of the plan stays.
    fn reorder(&self, region: &Region<'_>, by_name: bool) -> Result<Option<LogicalPlan>> {
        let Some(operators) = operators(region) else { return Ok(None) };
        let Some(model) = Model::of(region, operators)? else { return Ok(None) };
        let prices = Prices::new(model.sources.iter().map(|s| self.prices(s.name())).collect());
        let all = region.leaves.iter().enumerate().fold(0, |all, (i, _)| all | single(i));
        let memo = Memo::new(&model, &prices);
        let (stock, found) = (stock(region, &model, &prices, memo.bare()), search(&model, &prices, memo));
        let Some((old, new)) = stock.choice(all, false).zip(found.choice(all, false)) else { return Ok(None) };
        // What one source computes as a whole, it puts in order itself.
        let whole = [&old.how, &new.how].into_iter().all(|how| *how == How::Fetch);
        if whole || new.cost >= old.cost * GAIN {
            return Ok(None);
        }
        let leaves = region.leaves.iter().map(|leaf| self.order(leaf, false)).collect::<Result<Vec<_>>>()?;
        let builder = Builder { region, model: &model, memo: &found, leaves: &leaves };
        match builder.build(all, false) {
            Ok(Some(plan)) => restored(plan, region.output, by_name),
            // A name that is not unique in the new order.
            Ok(None) | Err(_) => Ok(None),
        }
    }
}

/// The best ways to all sets, or to those of a greedy search when they are too many.
fn search(model: &Model, prices: &Prices, memo: Memo) -> Memo {
    let mut best = memo.bare();
    let meet = |first: Set, second: Set| best.join(model, prices, first, second);
    match Enumeration::new(&model.operators, model.relations.len(), meet).run() {
        Ok(_) => best,
        Err(TooMany) => greedy::search(model, prices, memo),
    }
}

/// What the order of the plan costs.
fn stock(region: &Region<'_>, model: &Model, prices: &Prices, mut memo: Memo) -> Memo {
    fn walk(tree: &Tree, model: &Model, prices: &Prices, memo: &mut Memo) -> Option<Set> {
        match tree {
            Tree::Leaf(number) => Some(single(*number)),
            Tree::Join { left, right, .. } => {
                let (left, right) = (walk(left, model, prices, memo)?, walk(right, model, prices, memo)?);
                memo.join(model, prices, left, right).then_some(left | right)
            }
        }
    }
    let _ = walk(&region.tree, model, prices, &mut memo);
    memo
}
