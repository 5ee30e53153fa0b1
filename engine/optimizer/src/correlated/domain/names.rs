//! The columns of the query around that a sub-query names, and other names for them.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchemaRef, Result};
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::{LogicalPlan, Subquery};
use datafusion::prelude::Expr;

/// The sub-query of an expression.
pub fn subquery_of(expr: &Expr) -> Option<&Subquery> {
    match expr {
        Expr::ScalarSubquery(subquery) => Some(subquery),
        Expr::Exists(exists) => Some(&exists.subquery),
        Expr::InSubquery(found) => Some(&found.subquery),
        Expr::SetComparison(found) => Some(&found.subquery),
        _ => None,
    }
}

/// Whether the right side of a join sees the columns of its left one.
pub(super) fn is_lateral(right: &LogicalPlan) -> bool {
    match right {
        LogicalPlan::SubqueryAlias(alias) => matches!(alias.input.as_ref(), LogicalPlan::Subquery(_)),
        other => matches!(other, LogicalPlan::Subquery(_)),
    }
}

/// Whether a plan or a sub-query in it names a column of a query around that one.
pub(super) fn names_outer_columns(plan: &LogicalPlan) -> Result<bool> {
    Ok(!outer_columns(plan)?.is_empty())
}

/// The columns of the queries around that a plan names, also in sub-queries of its own.
pub(super) fn outer_columns(plan: &LogicalPlan) -> Result<Vec<Column>> {
    let mut found = Vec::new();
    collect(plan, &mut found)?;
    Ok(found)
}

fn collect(plan: &LogicalPlan, found: &mut Vec<Column>) -> Result<()> {
    let mut note = |column: &Column| {
        if !found.contains(column) {
            found.push(column.clone());
        }
    };
    plan.apply_expressions(|expr| {
        expr.apply(|e| {
            if let Expr::OuterReferenceColumn(_, column) = e {
                note(column);
            }
            if let Some(subquery) = subquery_of(e) {
                let inner = outer_columns(&subquery.subquery)?;
                inner.iter().filter(|column| !sees(plan, column)).for_each(&mut note);
            }
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    match plan {
        LogicalPlan::Join(join) if is_lateral(&join.right) => {
            let inner = outer_columns(&join.right)?;
            inner.iter().filter(|column| !join.left.schema().has_column(column)).for_each(&mut note);
            collect(&join.left, found)
        }
        other => other.inputs().into_iter().try_for_each(|input| collect(input, found)),
    }
}

/// Whether expressions of a node see a column of its inputs.
fn sees(node: &LogicalPlan, column: &Column) -> bool {
    node.inputs().iter().any(|input| input.schema().has_column(column))
}

/// Columns of a query around, and what they are called where they have become columns.
#[derive(Debug, Clone)]
pub(super) struct Names(Vec<(Column, Column)>);

impl Names {
    pub(super) fn new(outer: &[Column], now: &[Column]) -> Self {
        Self(outer.iter().cloned().zip(now.iter().cloned()).collect())
    }

    fn of(&self, column: &Column) -> Option<&Column> {
        self.0.iter().find(|(outer, _)| outer == column).map(|(_, now)| now)
    }

    /// Those that the schemas do not hide.
    pub(super) fn beyond(&self, schemas: &[DFSchemaRef]) -> Self {
        let hidden = |column: &Column| schemas.iter().any(|schema| schema.has_column(column));
        Self(self.0.iter().filter(|(outer, _)| !hidden(outer)).cloned().collect())
    }

    /// An expression of a node with these inputs over columns of its own.
    pub(super) fn expression(&self, expr: Expr, inputs: &[DFSchemaRef]) -> Result<Expr> {
        let inner = self.beyond(inputs);
        let replaced = expr.transform_up(|e| match &e {
            Expr::OuterReferenceColumn(_, column) => Ok(match self.of(column) {
                Some(now) => Transformed::yes(Expr::Column(now.clone())),
                None => Transformed::no(e),
            }),
            _ => inner.in_subquery(e),
        })?;
        Ok(replaced.data)
    }

    /// The sub-query of an expression with the other names.
    fn in_subquery(&self, expr: Expr) -> Result<Transformed<Expr>> {
        Ok(match expr {
            Expr::ScalarSubquery(subquery) => Transformed::yes(Expr::ScalarSubquery(self.subquery(subquery)?)),
            Expr::Exists(Exists { subquery, negated }) => {
                Transformed::yes(Expr::Exists(Exists { subquery: self.subquery(subquery)?, negated }))
            }
            Expr::InSubquery(InSubquery { expr, subquery, negated }) => {
                Transformed::yes(Expr::InSubquery(InSubquery { expr, subquery: self.subquery(subquery)?, negated }))
            }
            Expr::SetComparison(mut found) => {
                found.subquery = self.subquery(found.subquery)?;
                Transformed::yes(Expr::SetComparison(found))
            }
            other => Transformed::no(other),
        })
    }

    fn subquery(&self, subquery: Subquery) -> Result<Subquery> {
        let plan = self.in_plan(subquery.subquery.as_ref().clone())?;
        let outer_ref_columns = plan.all_out_ref_exprs();
        Ok(Subquery { subquery: Arc::new(plan), outer_ref_columns, spans: subquery.spans })
    }

    /// A sub-query that stays one, with the other names.
    pub(super) fn in_plan(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        if self.0.is_empty() {
            return Ok(plan);
        }
        let scope: Vec<DFSchemaRef> = plan.inputs().iter().map(|input| Arc::clone(input.schema())).collect();
        let inner = self.beyond(&scope);
        let plan = plan.map_expressions(|expr| {
            expr.transform_up(|e| match &e {
                Expr::OuterReferenceColumn(field, column) => Ok(match self.of(column) {
                    Some(now) => Transformed::yes(Expr::OuterReferenceColumn(Arc::clone(field), now.clone())),
                    None => Transformed::no(e),
                }),
                _ => inner.in_subquery(e),
            })
        })?;
        match plan.data {
            LogicalPlan::Join(mut join) if is_lateral(&join.right) => {
                let right = self.beyond(&[Arc::clone(join.left.schema())]);
                join.left = Arc::new(self.in_plan(join.left.as_ref().clone())?);
                join.right = Arc::new(right.in_plan(join.right.as_ref().clone())?);
                Ok(LogicalPlan::Join(join))
            }
            LogicalPlan::Subquery(subquery) => self.subquery(subquery).map(LogicalPlan::Subquery),
            other => other.map_children(|child| self.in_plan(child).map(Transformed::yes)).map(|made| made.data),
        }
    }
}
