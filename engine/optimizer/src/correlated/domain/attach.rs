//! What a flattened sub-query is for a row of the query around.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, JoinType, Result, ScalarValue};
use datafusion::functions_aggregate::expr_fn::bool_or;
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Aggregate, Distinct, DistinctOn, Filter, Join, LogicalPlan, Projection, when};
use datafusion::prelude::{Expr, lit};

use super::names::{is_lateral, outer_columns, subquery_of};
use super::push::{Flat, joined_by, named, picked};
use super::values::Domain;
use super::{Flattener, refused};
use crate::correlated::only_row::{of_rows, only_row};
use crate::one_row_subquery::has_one_row;

impl Flattener {
    /// A lateral join as a join.
    pub(super) fn lateral(&mut self, plan: LogicalPlan) -> Result<LogicalPlan> {
        let LogicalPlan::Join(join) = plan else { return Ok(plan) };
        if !is_lateral(&join.right) || !self.wants(&join.right)? {
            return Ok(LogicalPlan::Join(join));
        }
        let outer = outer_columns(&join.right)?;
        if outer.is_empty() {
            return Ok(LogicalPlan::Join(join));
        }
        if !matches!(join.join_type, JoinType::Inner | JoinType::Left) || !join.on.is_empty() {
            return Err(refused("such a lateral join"));
        }
        self.found = true;
        let domain = Domain::new(&join.left, outer, None)?;
        let flat = self.push(&join.right, &domain)?;
        let schema = Arc::clone(&join.schema);
        let filter = join.filter.clone();
        let joined = joined_by(join.left, flat.plan, (&domain.keys, &flat.domain), filter, join.join_type)?;
        cut(joined, &schema)
    }

    /// The node with columns of joins in the place of its sub-queries.
    pub(super) fn attached(&mut self, plan: LogicalPlan) -> Result<LogicalPlan> {
        let join = match plan {
            LogicalPlan::Join(join) => join,
            other => return self.over_one_input(other),
        };
        let Some(filter) = join.filter.clone().filter(|filter| self.has_wanted(filter, true).unwrap_or(false)) else {
            return Ok(LogicalPlan::Join(join));
        };
        let schema = Arc::clone(&join.schema);
        let mut sides = [join.left.as_ref().clone(), join.right.as_ref().clone()];
        let bases = sides.clone();
        let (mut kept, mut above) = (Vec::new(), Vec::new());
        for condition in split_conjunction_owned(filter) {
            if !self.has_wanted(&condition, true)? {
                kept.push(condition);
                continue;
            }
            let mut of_one_side = true;
            let replaced = condition.clone().transform_up(|e| {
                if !of_one_side || !self.is_wanted(&e, true)? {
                    return Ok(Transformed::no(e));
                }
                let Some(side) = side_of(&e, &bases)? else {
                    of_one_side = false;
                    return Ok(Transformed::no(e));
                };
                self.value(&mut sides[side], &bases[side], e).map(Transformed::yes)
            })?;
            match of_one_side {
                true => kept.push(replaced.data),
                false if join.join_type == JoinType::Inner => above.push(condition),
                false => return Err(refused("columns of both sides of an outer join")),
            }
        }
        let [left, right] = sides;
        let (left, right) = (Arc::new(left), Arc::new(right));
        let (on, nulls) = (join.on, join.null_equality);
        let made = Join::try_new(
            left,
            right,
            on,
            conjunction(kept),
            join.join_type,
            join.join_constraint,
            nulls,
            join.null_aware,
        )?;
        let plan = cut(LogicalPlan::Join(made), &schema)?;
        match conjunction(above) {
            Some(condition) => self.over_one_input(LogicalPlan::Filter(Filter::try_new(condition, Arc::new(plan))?)),
            None => Ok(plan),
        }
    }

    fn over_one_input(&mut self, plan: LogicalPlan) -> Result<LogicalPlan> {
        // Of a filter or projection, others make a join of what names nothing from outside.
        let any = !matches!(plan, LogicalPlan::Filter(_) | LogicalPlan::Projection(_));
        let mut found = false;
        for expr in plan.expressions() {
            found |= self.has_wanted(&expr, any)?;
        }
        if !found {
            return Ok(plan);
        }
        let inputs = plan.inputs();
        let [base] = inputs.as_slice() else { return Err(refused("such a place")) };
        let (base, schema) = (widened(base, &plan)?, Arc::clone(plan.schema()));
        let mut joined = base.clone();
        let mut exprs = Vec::new();
        for expr in plan.expressions() {
            let replaced = expr.transform_up(|e| match self.is_wanted(&e, any)? {
                true => self.value(&mut joined, &base, e).map(Transformed::yes),
                false => Ok(Transformed::no(e)),
            })?;
            exprs.push(replaced.data);
        }
        let (before, after) = (base.schema().fields().len(), joined.schema().fields().len());
        match plan {
            LogicalPlan::Projection(_) => {
                let columns = schema.columns();
                let exprs = exprs.into_iter().zip(&columns).map(|(expr, name)| named(expr, name)).collect();
                Projection::try_new(exprs, Arc::new(joined)).map(LogicalPlan::Projection)
            }
            LogicalPlan::Distinct(Distinct::On(distinct)) => {
                let mut exprs = exprs.into_iter();
                let mut next = |count: usize| exprs.by_ref().take(count).collect::<Vec<Expr>>();
                let (on, selected) = (next(distinct.on_expr.len()), next(distinct.select_expr.len()));
                let sort = distinct.sort_expr.map(|keys| {
                    let made = next(keys.len());
                    keys.iter().zip(made).map(|(key, expr)| key.with_expr(expr)).collect()
                });
                let made = DistinctOn::try_new(on, selected, sort, Arc::new(joined))?;
                Ok(picked(LogicalPlan::Distinct(Distinct::On(made)), 0..schema.fields().len(), &schema, Vec::new())?.plan)
            }
            LogicalPlan::Window(_) => {
                let made = plan.with_new_exprs(exprs, vec![joined])?;
                let columns = made.schema().columns();
                Ok(picked(made, (0..before).chain(after..columns.len()), &schema, Vec::new())?.plan)
            }
            other @ (LogicalPlan::Filter(_) | LogicalPlan::Sort(_) | LogicalPlan::Aggregate(_)) => {
                let made = other.with_new_exprs(exprs, vec![joined])?;
                Ok(picked(made, 0..schema.fields().len(), &schema, Vec::new())?.plan)
            }
            _ => Err(refused("such a place")),
        }
    }

    fn has_wanted(&self, expr: &Expr, any: bool) -> Result<bool> {
        let mut found = false;
        expr.apply(|e| {
            found |= self.is_wanted(e, any)?;
            Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })?;
        Ok(found)
    }

    /// Whether an expression is a sub-query to flatten; `any` takes IN also when it names nothing from outside.
    fn is_wanted(&self, expr: &Expr, any: bool) -> Result<bool> {
        let Some(subquery) = subquery_of(expr) else { return Ok(false) };
        let correlated = !outer_columns(&subquery.subquery)?.is_empty();
        let wanted = correlated || (any && !self.only_lossy && matches!(expr, Expr::InSubquery(_)));
        Ok(wanted && self.wants(&subquery.subquery)?)
    }

    /// The value of a sub-query for each row of `joined`, which gets columns for it.
    fn value(&mut self, joined: &mut LogicalPlan, base: &LogicalPlan, expr: Expr) -> Result<Expr> {
        let Some(subquery) = subquery_of(&expr) else { return Ok(expr) };
        let outer = outer_columns(&subquery.subquery)?;
        if !outer.iter().all(|column| joined.schema().has_column(column)) {
            return Err(refused("columns of a query that is not around it"));
        }
        self.found = true;
        let operand = match &expr {
            Expr::InSubquery(found) => Some(found.expr.as_ref().clone()),
            _ => None,
        };
        let known = |e: &Expr| e.column_refs().iter().all(|column| base.schema().has_column(column));
        let around = match operand.as_ref().is_none_or(known) {
            true => base.clone(),
            false => joined.clone(),
        };
        let domain = Domain::new(&around, outer, operand)?;
        let (plan, value) = match &expr {
            Expr::ScalarSubquery(subquery) if has_one_row(&subquery.subquery) => {
                let flat = self.push(&subquery.subquery, &domain)?;
                let name = self.name("value");
                (valued(flat, &[&name])?, Expr::Column(Column::from_name(name)))
            }
            Expr::ScalarSubquery(subquery) => {
                let flat = self.push(&only_row(subquery)?, &domain)?;
                let name = self.name("value");
                (valued(flat, &[&name])?, of_rows(Expr::Column(Column::from_name(name))))
            }
            Expr::Exists(Exists { subquery, negated }) => {
                let flat = self.push(&subquery.subquery, &domain)?;
                let name = self.name("value");
                let columns = flat.domain.iter().cloned().map(Expr::Column).collect();
                let some = LogicalPlan::Projection(Projection::try_new(columns, Arc::new(flat.plan))?);
                let some = LogicalPlan::Distinct(Distinct::All(Arc::new(some)));
                let columns = [lit(true).alias(&name)].into_iter().chain(flat.domain.iter().cloned().map(Expr::Column));
                let plan = LogicalPlan::Projection(Projection::try_new(columns.collect(), Arc::new(some))?);
                let column = Expr::Column(Column::from_name(name));
                let value = if *negated { column.is_null() } else { column.is_not_null() };
                (Flat { plan, domain: flat.domain }, value)
            }
            Expr::InSubquery(InSubquery { subquery, negated, .. }) => {
                let flat = self.push(&subquery.subquery, &domain)?;
                let (is_in, is_unknown) = (self.name("value"), self.name("value"));
                let (Some(found), Some(wanted)) = (flat.plan.schema().columns().into_iter().next(), flat.domain.last())
                else {
                    return Err(refused("no column"));
                };
                let equal = Expr::Column(found).eq(Expr::Column(wanted.clone()));
                let values = vec![bool_or(equal.clone()).alias(&is_in), bool_or(equal.is_null()).alias(&is_unknown)];
                let keys = flat.domain.iter().cloned().map(Expr::Column).collect();
                let made = LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(flat.plan), keys, values)?);
                let column = |name: String| Expr::Column(Column::from_name(name));
                let unknown = lit(ScalarValue::Boolean(None));
                let value = when(column(is_in), lit(true)).when(column(is_unknown), unknown).otherwise(lit(false))?;
                let value = if *negated { Expr::Not(Box::new(value)) } else { value };
                (Flat { plan: made, domain: flat.domain }, value)
            }
            _ => return Err(refused("ANY or ALL")),
        };
        let left = Arc::new(joined.clone());
        *joined = joined_by(left, plan.plan, (&domain.keys, &plan.domain), None, JoinType::Left)?;
        Ok(value)
    }
}

/// The input of a node with the columns that sub-queries of ORDER BY name and that SELECT has left out.
fn widened(base: &LogicalPlan, node: &LogicalPlan) -> Result<LogicalPlan> {
    let (LogicalPlan::Projection(projection), LogicalPlan::Sort(_)) = (base, node) else { return Ok(base.clone()) };
    let mut more: Vec<Column> = Vec::new();
    for expr in node.expressions() {
        expr.apply(|e| {
            if let Some(subquery) = subquery_of(e) {
                let columns = outer_columns(&subquery.subquery)?;
                more.extend(
                    columns
                        .into_iter()
                        .filter(|column| !base.schema().has_column(column) && projection.input.schema().has_column(column)),
                );
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    more.sort();
    more.dedup();
    let columns = projection.expr.iter().cloned().chain(more.into_iter().map(Expr::Column)).collect();
    Projection::try_new(columns, Arc::clone(&projection.input)).map(LogicalPlan::Projection)
}

/// The first columns of a flattened sub-query under these names.
fn valued(flat: Flat, names: &[&str]) -> Result<Flat> {
    let columns = flat.plan.schema().columns().into_iter().zip(names);
    let columns = columns.map(|(column, name)| Expr::Column(column).alias(*name));
    let columns = columns.chain(flat.domain.iter().cloned().map(Expr::Column)).collect();
    let plan = LogicalPlan::Projection(Projection::try_new(columns, Arc::new(flat.plan))?);
    Ok(Flat { plan, domain: flat.domain })
}

/// The side of a join whose columns a sub-query, and what is looked for in it, name.
fn side_of(expr: &Expr, sides: &[LogicalPlan; 2]) -> Result<Option<usize>> {
    let mut columns: Vec<Column> = expr.column_refs().into_iter().cloned().collect();
    if let Some(subquery) = subquery_of(expr) {
        columns.extend(outer_columns(&subquery.subquery)?);
    }
    Ok(sides.iter().position(|side| columns.iter().all(|column| side.schema().has_column(column))))
}

/// The columns of a schema alone.
fn cut(plan: LogicalPlan, schema: &DFSchema) -> Result<LogicalPlan> {
    let columns = schema.columns().into_iter().map(Expr::Column).collect();
    Projection::try_new(columns, Arc::new(plan)).map(LogicalPlan::Projection)
}
