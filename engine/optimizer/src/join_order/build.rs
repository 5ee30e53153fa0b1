//! A plan from an order.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::common::{Column, DFSchema, JoinConstraint, NullEquality, Result};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Join, LogicalPlan, Projection};
use datafusion::prelude::Expr;

use super::cost::{How, Memo};
use super::hypergraph::{Set, within};
use super::model::Model;
use super::region::{Kind, Region, Term};

/// Makes the plan of the best order.
pub(super) struct Builder<'a> {
    pub(super) region: &'a Region<'a>,
    pub(super) model: &'a Model,
    pub(super) memo: &'a Memo,
    /// The relations, with their own trees of joins in order.
    pub(super) leaves: &'a [LogicalPlan],
}

impl Builder<'_> {
    /// The plan of a set, at its source or here; `None` when the memo does not have it.
    pub(super) fn build(&self, set: Set, there: bool) -> Result<Option<LogicalPlan>> {
        let Some(choice) = self.memo.choice(set, there) else { return Ok(None) };
        match &choice.how {
            How::Read => Ok(self.leaves.get(set.trailing_zeros() as usize).cloned()),
            How::Fetch => self.build(set, true),
            How::Join { left, right, kind, operators } => {
                let (Some(left_plan), Some(right_plan)) = (self.build(left.0, left.1)?, self.build(right.0, right.1)?)
                else {
                    return Ok(None);
                };
                let terms = operators.iter().filter_map(|i| self.model.operators.get(*i)).flat_map(|o| &o.terms);
                let terms: Vec<&Term> = terms.collect();
                let place = |columns: &[Column]| self.region.relations(columns);
                let joined = join(*kind, Arc::new(left_plan), Arc::new(right_plan), &terms, left.0, &place)?;
                self.pruned(joined, set).map(Some)
            }
        }
    }

    /// Without the columns that nothing above needs.
    fn pruned(&self, plan: LogicalPlan, set: Set) -> Result<LogicalPlan> {
        let open = self.model.operators.iter().filter(|o| !within(o.all(), set));
        let used: HashSet<Column> = open.flat_map(|o| &o.terms).flat_map(Term::columns).collect();
        let needed = |column: &Column| used.contains(column) || self.region.output.has_column(column);
        let all = plan.schema().columns();
        let kept: Vec<Expr> = all.iter().filter(|c| needed(c)).cloned().map(Expr::Column).collect();
        if kept.is_empty() || kept.len() == all.len() {
            return Ok(plan);
        }
        Ok(LogicalPlan::Projection(Projection::try_new(kept, Arc::new(plan))?))
    }
}

/// A join of two plans on terms; `left_set` are the relations of the left one, `place` finds those of columns.
pub(super) fn join(
    kind: Kind,
    left: Arc<LogicalPlan>,
    right: Arc<LogicalPlan>,
    terms: &[&Term],
    left_set: Set,
    place: &dyn Fn(&[Column]) -> Option<Set>,
) -> Result<LogicalPlan> {
    let of = |expr: &Expr| place(&expr.column_refs().into_iter().cloned().collect::<Vec<_>>()).unwrap_or_default();
    let is_left = |expr: &Expr| of(expr) != 0 && within(of(expr), left_set);
    let is_right = |expr: &Expr| of(expr) != 0 && of(expr) & left_set == 0;
    let (mut on, mut others) = (Vec::new(), Vec::new());
    for term in terms {
        match term {
            Term::Equal(a, b) if is_left(a) && is_right(b) => on.push((a.clone(), b.clone())),
            Term::Equal(a, b) if is_left(b) && is_right(a) => on.push((b.clone(), a.clone())),
            Term::Equal(a, b) => others.push(a.clone().eq(b.clone())),
            Term::Other(expr) => others.push(expr.clone()),
        }
    }
    let (filter, on_what) = (conjunction(others), JoinConstraint::On);
    let equal = NullEquality::NullEqualsNothing;
    Join::try_new(left, right, on, filter, kind.join_type(), on_what, equal, false).map(LogicalPlan::Join)
}

/// The plan with the columns of `output` in their order; `None` when it does not have exactly their types.
pub(super) fn restored(plan: LogicalPlan, output: &DFSchema, by_name: bool) -> Result<Option<LogicalPlan>> {
    let found = plan.schema();
    let same = |(column, field): (Column, &datafusion::arrow::datatypes::FieldRef)| {
        let now = found.maybe_index_of_column(&column).map(|i| found.field(i));
        now.is_some_and(|now| now.data_type() == field.data_type() && now.is_nullable() == field.is_nullable())
    };
    if !output.columns().into_iter().zip(output.fields()).all(same) {
        return Ok(None);
    }
    if by_name || found.columns() == output.columns() {
        return Ok(Some(plan));
    }
    let columns = output.columns().into_iter().map(Expr::Column).collect();
    Ok(Some(LogicalPlan::Projection(Projection::try_new(columns, Arc::new(plan))?)))
}
