//! The first rows of an outer join or of UNION ALL are also the first of its inputs.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, JoinType, Result};
use datafusion::logical_expr::{Join, LogicalPlan, Projection, Sort, SortExpr, Union};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use datafusion::prelude::Expr;

use crate::keys::plain;
use crate::push_down_plan::source_of_all;

/// Takes the `n` first rows of the inputs of `ORDER BY ... LIMIT n` over a left or right join or UNION ALL, and again above it.
///
/// An outer join returns every row of its outer side at least once, with its own values. When the keys are columns of that side,
/// at least `n` rows of the join come from the `n` first rows of the side, and none of the others comes before these, so `n` first
/// rows of the join are among them; the join condition and duplicates of the other side do not matter. Each row of UNION ALL is a row
/// of one input, and one that is not among the first `n` of its input has `n` rows before it. Of rows that are equal in the keys, any are
/// right. Keys are columns, so none is computed twice; the sort above stays.
///
/// Where one source has all tables of the plan, it computes the whole.
#[derive(Debug, Default)]
pub struct CopyTopN;

impl CopyTopN {
    /// Name of the rule.
    pub const NAME: &'static str = "copy_top_n";
}

impl OptimizerRule for CopyTopN {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Sort(sort) = &plan else { return Ok(Transformed::no(plan)) };
        let (Some(fetch), Some(keys)) = (sort.fetch, keys(sort)) else { return Ok(Transformed::no(plan)) };
        if source_of_all(&sort.input).is_some() {
            return Ok(Transformed::no(plan));
        }
        match (TopN { keys, fetch }).below(&sort.input)? {
            Some(input) => {
                let sort = Sort { input: Arc::new(input), ..sort.clone() };
                Ok(Transformed::yes(LogicalPlan::Sort(sort)))
            }
            None => Ok(Transformed::no(plan)),
        }
    }
}

/// The keys as columns of the input, by position.
fn keys(sort: &Sort) -> Option<Vec<Key>> {
    let schema = sort.input.schema();
    let key = |sort: &SortExpr| match &sort.expr {
        Expr::Column(column) => {
            let column = schema.maybe_index_of_column(column)?;
            Some(Key { column, ascending: sort.asc, nulls_first: sort.nulls_first })
        }
        _ => None,
    };
    sort.expr.iter().map(key).collect()
}

#[derive(Debug, Clone, Copy)]
struct Key {
    column: usize,
    ascending: bool,
    nulls_first: bool,
}

/// First rows by columns of a plan.
struct TopN {
    keys: Vec<Key>,
    fetch: usize,
}

impl TopN {
    /// The plan with its inputs cut to what may be among the first rows; `None` when nothing can be cut.
    fn below(&self, plan: &LogicalPlan) -> Result<Option<LogicalPlan>> {
        match plan {
            LogicalPlan::Projection(projection) => self.below_projection(projection),
            LogicalPlan::SubqueryAlias(alias) => match self.below(&alias.input)? {
                Some(input) => {
                    let alias = datafusion::logical_expr::SubqueryAlias::try_new(Arc::new(input), alias.alias.clone())?;
                    Ok(Some(LogicalPlan::SubqueryAlias(alias)))
                }
                None => Ok(None),
            },
            LogicalPlan::Join(join) => self.below_join(join),
            LogicalPlan::Union(union) => self.below_union(union),
            _ => Ok(None),
        }
    }

    fn below_projection(&self, projection: &Projection) -> Result<Option<LogicalPlan>> {
        let schema = projection.input.schema();
        let place = |key: &Key| {
            let column = schema.maybe_index_of_column(plain(projection.expr.get(key.column)?)?)?;
            Some(Key { column, ..*key })
        };
        let Some(keys) = self.keys.iter().map(place).collect::<Option<Vec<Key>>>() else { return Ok(None) };
        let Some(input) = (Self { keys, fetch: self.fetch }).below(&projection.input)? else { return Ok(None) };
        let schema = Arc::clone(&projection.schema);
        let projection = Projection::try_new_with_schema(projection.expr.clone(), Arc::new(input), schema)?;
        Ok(Some(LogicalPlan::Projection(projection)))
    }

    fn below_join(&self, join: &Join) -> Result<Option<LogicalPlan>> {
        let left = join.left.schema().fields().len();
        let mut cut = join.clone();
        match join.join_type {
            JoinType::Left if self.keys.iter().all(|key| key.column < left) => {
                let Some(input) = self.first(&join.left)? else { return Ok(None) };
                cut.left = Arc::new(input);
            }
            JoinType::Right => {
                let place = |key: &Key| Some(Key { column: key.column.checked_sub(left)?, ..*key });
                let Some(keys) = self.keys.iter().map(place).collect::<Option<Vec<Key>>>() else { return Ok(None) };
                let Some(input) = (Self { keys, fetch: self.fetch }).first(&join.right)? else { return Ok(None) };
                cut.right = Arc::new(input);
            }
            _ => return Ok(None),
        }
        Ok(Some(LogicalPlan::Join(cut)))
    }

    fn below_union(&self, union: &Union) -> Result<Option<LogicalPlan>> {
        let mut changed = false;
        let mut inputs = Vec::with_capacity(union.inputs.len());
        for input in &union.inputs {
            match self.first(input)? {
                Some(first) => {
                    inputs.push(Arc::new(first));
                    changed = true;
                }
                None => inputs.push(Arc::clone(input)),
            }
        }
        Ok(changed.then(|| LogicalPlan::Union(Union { inputs, schema: Arc::clone(&union.schema) })))
    }

    /// The first rows of a plan; `None` when it has no more already.
    fn first(&self, plan: &Arc<LogicalPlan>) -> Result<Option<LogicalPlan>> {
        if plan.max_rows().is_some_and(|rows| rows <= self.fetch) {
            return Ok(None);
        }
        let schema = plan.schema();
        let key = |key: &Key| {
            let (qualifier, field) = schema.qualified_field(key.column);
            let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
            SortExpr::new(column, key.ascending, key.nulls_first)
        };
        let expr = self.keys.iter().map(key).collect();
        let input = self.below(plan)?.map_or_else(|| Arc::clone(plan), Arc::new);
        Ok(Some(LogicalPlan::Sort(Sort { expr, input, fetch: Some(self.fetch) })))
    }
}
