//! Filters of physical plans go only where the names of their columns say what they are.

use std::sync::Arc;

use datafusion::arrow::datatypes::Schema;
use datafusion::common::config::ConfigOptions;
use datafusion::common::{Result, internal_err};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::expressions::Column;
use datafusion::physical_plan::filter_pushdown::{
    ChildFilterPushdownResult, ChildPushdownResult, FilterPushdownPhase, FilterPushdownPropagation, PushedDown,
};
use datafusion::physical_plan::projection::ProjectionExec;

/// Predicates with what became of each.
type Pushed = FilterPushdownPropagation<Arc<dyn ExecutionPlan>>;

/// DataFusion's `FilterPushdown`, except for filters whose columns share their names with others.
///
/// Its nodes look up the columns of a filter by name in the schema below them. Above a join of two tables that both have a `d`, a
/// filter on the second `d` would become one on the first. Here a filter goes below a node only when each of its names is
/// the name of one column there. Groups must also be plain columns of that name.
#[derive(Debug)]
pub struct GuardedFilterPushdown {
    name: &'static str,
    phase: FilterPushdownPhase,
}

impl GuardedFilterPushdown {
    /// The rule before and the one after the other physical rules.
    pub fn both() -> [Self; 2] {
        [
            Self { name: "FilterPushdown", phase: FilterPushdownPhase::Pre },
            Self { name: "FilterPushdown(Post)", phase: FilterPushdownPhase::Post },
        ]
    }
}

impl PhysicalOptimizerRule for GuardedFilterPushdown {
    fn name(&self) -> &str {
        self.name
    }

    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(push_down(&plan, Vec::new(), config, self.phase)?.updated_node.unwrap_or(plan))
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Hands filters over the output of `node` to it and what is below; says which of them need no check above any more.
fn push_down(
    node: &Arc<dyn ExecutionPlan>,
    filters: Vec<Arc<dyn PhysicalExpr>>,
    config: &ConfigOptions,
    phase: FilterPushdownPhase,
) -> Result<Pushed> {
    let allowed: Vec<usize> = (0..filters.len()).filter(|i| !is_volatile(&filters[*i])).collect();
    let asked = allowed.iter().map(|i| Arc::clone(&filters[*i])).collect();
    let described = node.gather_filters_for_pushdown(phase, asked, config)?;
    let (of_parents, own) = (described.parent_filters(), described.self_filters());
    let old: Vec<Arc<dyn ExecutionPlan>> = node.children().into_iter().map(Arc::clone).collect();
    if of_parents.len() != old.len() || own.len() != old.len() {
        return internal_err!("{} describes the filters of another number of children", node.name());
    }
    // For each filter what became of it in each child.
    let mut outcomes = vec![vec![PushedDown::No; old.len()]; filters.len()];
    let (mut own_outcomes, mut children) = (Vec::with_capacity(old.len()), Vec::with_capacity(old.len()));
    for (number, ((child, described), own)) in old.iter().zip(of_parents).zip(own).enumerate() {
        if described.len() != allowed.len() {
            return internal_err!("{} describes another number of filters", node.name());
        }
        let own_allowed: Vec<usize> = (0..own.len()).filter(|i| !is_volatile(&own[*i])).collect();
        let mut sent: Vec<Arc<dyn PhysicalExpr>> = own_allowed.iter().map(|i| Arc::clone(&own[*i])).collect();
        let mut senders = Vec::new();
        for (filter, described) in allowed.iter().zip(described) {
            let goes = matches!(described.discriminant, PushedDown::Yes);
            if goes && names_are_clear(&filters[*filter], node, child) {
                senders.push(*filter);
                sent.push(described.predicate);
            }
        }
        let expected = sent.len();
        let result = push_down(child, sent, config, phase)?;
        if result.filters.len() != expected {
            return internal_err!("{} answers for another number of filters", child.name());
        }
        children.push(result.updated_node.unwrap_or_else(|| Arc::clone(child)));
        let (mine, theirs) = result.filters.split_at(own_allowed.len());
        let mut all_own = vec![PushedDown::No; own.len()];
        for (place, outcome) in own_allowed.iter().zip(mine) {
            all_own[*place] = *outcome;
        }
        own_outcomes.push(all_own.into_iter().zip(own).map(|(o, filter)| o.wrap_expression(filter)).collect());
        for (filter, outcome) in senders.iter().zip(theirs) {
            outcomes[*filter][number] = *outcome;
        }
    }
    let updated = replace_children_if_necessary(Arc::clone(node), children)?;
    let of_parents = filters.into_iter().zip(outcomes);
    let of_parents = of_parents.map(|(filter, child_results)| ChildFilterPushdownResult { filter, child_results });
    let result = ChildPushdownResult { parent_filters: of_parents.collect(), self_filters: own_outcomes };
    let mut answer = updated.handle_child_pushdown_result(phase, result, config)?;
    if answer.updated_node.is_none() && !Arc::ptr_eq(&updated, node) {
        answer.updated_node = Some(updated);
    }
    Ok(answer)
}

/// Whether looking up the columns of a filter over `node` by their names finds these columns in `child`.
fn names_are_clear(filter: &Arc<dyn PhysicalExpr>, node: &Arc<dyn ExecutionPlan>, child: &Arc<dyn ExecutionPlan>) -> bool {
    let columns = collect_columns(filter);
    // A projection looks in its own output, and from there on by places.
    if node.downcast_ref::<ProjectionExec>().is_some() {
        return columns.iter().all(|column| is_single(&node.schema(), column));
    }
    let groups = node.downcast_ref::<AggregateExec>().map(|aggregate| aggregate.group_expr().expr());
    columns.iter().all(|column| {
        let is_column = groups.is_none_or(|groups| {
            let group = groups.get(column.index()).and_then(|(expr, _)| expr.downcast_ref::<Column>());
            group.is_some_and(|group| group.name() == column.name())
        });
        is_column && is_single(&child.schema(), column)
    })
}

/// Whether at most one column has this name.
fn is_single(schema: &Schema, column: &Column) -> bool {
    schema.fields().iter().filter(|field| field.name() == column.name()).count() < 2
}
