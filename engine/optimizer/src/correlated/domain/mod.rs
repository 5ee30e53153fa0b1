//! Correlated sub-queries of any shape, computed for all values at once that the query around asks them for.
//!
//! | file | question |
//! |---|---|
//! | `names.rs` | which columns of the query around does a sub-query name? |
//! | `values.rs` | for which values is it asked, and are they the same when they are computed twice? |
//! | `push.rs` | what are its rows for each of these values? |
//! | `attach.rs` | how does a row of the query around find its own? |
//!
//! After T. Neumann and A. Kemper, Unnesting Arbitrary Queries, BTW 2015: the distinct values of the columns that a sub-query names,
//! its *domain*, are joined with it and pushed down to where they are named. Every operator on the way works for each value of the
//! domain apart: groups and windows get its columns as keys, joins of two sides that both name it are also joins on it, LIMIT
//! numbers the rows of each value. What comes out is joined with the query around on these columns, where null is equal to null.
//!
//! The plan reads the query around twice, so other rules go first; this one takes what they leave, and what they would lose rows of.

mod attach;
mod names;
mod push;
mod values;

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{JoinType, LogicalPlan, WriteOp};
use datafusion::prelude::Expr;
use headwater_common::Error;
use headwater_source::ErrorExt;

pub use names::subquery_of;
use names::{is_lateral, names_outer_columns};

/// Makes joins of correlated sub-queries.
#[derive(Debug)]
pub struct FlattenSubqueries;

impl FlattenSubqueries {
    /// The plan without correlated sub-queries; `None` when it has one of a shape that stays refused, or none.
    pub fn all(plan: &LogicalPlan) -> Option<LogicalPlan> {
        let made = Flattener { number: 0, only_lossy: false, found: false }.made(plan);
        made.inspect_err(|reason| tracing::debug!(%reason, "a sub-query is not flattened")).ok().flatten()
    }

    /// The plan without those correlated sub-queries of which DataFusion would lose rows: it takes a condition below the side of an
    /// outer join that nulls stand for, or in its ON, for one above it. `None` when there are none.
    pub fn lossy(plan: &LogicalPlan) -> Result<Option<LogicalPlan>> {
        if !is_lossy(plan)? {
            return Ok(None);
        }
        match (Flattener { number: 0, only_lossy: true, found: false }).made(plan) {
            Ok(Some(made)) if !is_lossy(&made)? => Ok(Some(made)),
            _ => Err(Error::unsupported(
                "a sub-query that refers to the query around it inside of an outer join cannot be computed at its place; move the \
                 condition out of the outer join, or write the sub-query as a join",
            )
            .into_datafusion()),
        }
    }
}

/// One rewriting of a plan.
struct Flattener {
    /// What the last name that was made ends with.
    number: usize,
    only_lossy: bool,
    found: bool,
}

impl Flattener {
    fn made(mut self, plan: &LogicalPlan) -> Result<Option<LogicalPlan>> {
        let made = match plan {
            LogicalPlan::Dml(change) if matches!(change.op, WriteOp::Insert(_)) => {
                let mut change = change.clone();
                change.input = Arc::new(self.plan(change.input.as_ref().clone())?);
                LogicalPlan::Dml(change)
            }
            LogicalPlan::Dml(_) => return Ok(None),
            query => self.plan(query.clone())?,
        };
        Ok(self.found.then_some(made))
    }

    /// The plan, from the query around to the sub-queries inside: what a sub-query of two levels names of the outer one is a column of
    /// the inner one then.
    fn plan(&mut self, plan: LogicalPlan) -> Result<LogicalPlan> {
        let plan = self.lateral(plan)?;
        let plan = self.attached(plan)?;
        let plan = plan.map_children(|child| self.plan(child).map(Transformed::yes))?.data.recompute_schema()?;
        plan.map_subqueries(|inner| match inner {
            LogicalPlan::Subquery(mut subquery) => {
                subquery.subquery = Arc::new(self.plan(subquery.subquery.as_ref().clone())?);
                Ok(Transformed::yes(LogicalPlan::Subquery(subquery)))
            }
            other => Ok(Transformed::no(other)),
        })
        .map(|made| made.data)
    }

    /// Whether a sub-query is to be flattened.
    fn wants(&self, subquery: &LogicalPlan) -> Result<bool> {
        Ok(if self.only_lossy { has_lossy_join(subquery)? } else { true })
    }

    /// A name that no other column has.
    fn name(&mut self, what: &str) -> String {
        self.number += 1;
        format!("__{what}_{}", self.number)
    }
}

/// A plan that cannot be flattened; what was said of it before stands.
fn refused(what: &str) -> datafusion::error::DataFusionError {
    Error::unsupported(format!("a correlated sub-query with {what} is not flattened")).into_datafusion()
}

/// Whether a plan has a sub-query of which DataFusion would lose rows.
fn is_lossy(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|e| {
                if let Some(subquery) = subquery_of(e).filter(|s| !s.outer_ref_columns.is_empty()) {
                    found |= has_lossy_join(&subquery.subquery)?;
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })?;
        if let LogicalPlan::Join(join) = node
            && is_lateral(&join.right)
        {
            found |= has_lossy_join(&join.right)?;
        }
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

/// Whether a sub-query has an outer join with a condition on columns of a query around where rows of nulls may be made.
fn has_lossy_join(subquery: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    subquery.apply_with_subqueries(|node| {
        if let LogicalPlan::Join(join) = node {
            let (left, right) = match join.join_type {
                JoinType::Inner => (false, false),
                JoinType::Right | JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => (true, false),
                JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => (false, true),
                JoinType::Full => (true, true),
            };
            let condition = join.filter.iter().any(Expr::contains_outer);
            found |= (left || right) && condition;
            found |= left && names_outer_columns(&join.left)?;
            found |= right && !is_lateral(&join.right) && names_outer_columns(&join.right)?;
        }
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}
