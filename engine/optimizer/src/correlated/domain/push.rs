//! The rows of a sub-query for each value of its domain.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, DFSchemaRef, JoinConstraint, JoinType, NullEquality, Result};
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::expr::{AggregateFunction, WindowFunction};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{
    Aggregate, Distinct, DistinctOn, ExprFunctionExt, ExprSchemable, FetchType, Filter, Join, Limit, LogicalPlan,
    LogicalPlanBuilder, Projection, SkipType, SortExpr, SubqueryAlias, Union, Unnest, Values, Window,
};
use datafusion::prelude::{Expr, lit};

use super::names::{Names, is_lateral, outer_columns};
use super::values::Domain;
use super::{Flattener, refused};
use crate::correlated::block::with_number;

/// A plan for each value of a domain: its columns, in their order, and those of the domain behind them.
pub(super) struct Flat {
    pub(super) plan: LogicalPlan,
    pub(super) domain: Vec<Column>,
}

impl Flat {
    fn names(&self, domain: &Domain) -> Names {
        Names::new(&domain.outer, &self.domain)
    }

    fn columns(&self) -> impl Iterator<Item = Expr> + '_ {
        self.domain.iter().cloned().map(Expr::Column)
    }
}

impl Flattener {
    /// The plan for each value of the domain.
    pub(super) fn push(&mut self, plan: &LogicalPlan, domain: &Domain) -> Result<Flat> {
        if !names(plan, domain)? {
            return self.crossed(plan, domain);
        }
        match plan {
            LogicalPlan::Subquery(subquery) => self.push(&subquery.subquery, domain),
            LogicalPlan::SubqueryAlias(alias) => {
                let flat = self.push(&alias.input, domain)?;
                let aliased = SubqueryAlias::try_new(Arc::new(flat.plan), alias.alias.clone())?;
                let domain = flat.domain.into_iter().map(|c| Column::new(Some(alias.alias.clone()), c.name)).collect();
                Ok(Flat { plan: LogicalPlan::SubqueryAlias(aliased), domain })
            }
            LogicalPlan::Projection(projection) => {
                let flat = self.push(&projection.input, domain)?;
                self.projected(&projection.expr, &projection.schema, projection.input.schema(), flat, domain)
            }
            LogicalPlan::Filter(filter) => {
                let flat = self.push(&filter.input, domain)?;
                let scope = [Arc::clone(filter.input.schema())];
                let condition = flat.names(domain).expression(filter.predicate.clone(), &scope)?;
                let plan = LogicalPlan::Filter(Filter::try_new(condition, Arc::new(flat.plan))?);
                Ok(Flat { plan, ..flat })
            }
            // Only LIMIT keeps an order.
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => self.push(&sort.input, domain),
            LogicalPlan::Limit(limit) => self.limited(limit, domain),
            LogicalPlan::Aggregate(aggregate) if aggregate.group_expr.is_empty() => self.one_group(aggregate, domain),
            LogicalPlan::Aggregate(aggregate) => self.groups(aggregate, domain),
            LogicalPlan::Distinct(Distinct::All(input)) => {
                let flat = self.push(input, domain)?;
                Ok(Flat { plan: LogicalPlan::Distinct(Distinct::All(Arc::new(flat.plan))), ..flat })
            }
            LogicalPlan::Distinct(Distinct::On(distinct)) => self.distinct_on(distinct, domain),
            LogicalPlan::Window(window) => self.windows(window, domain),
            LogicalPlan::Union(union) => {
                let inputs = union.inputs.iter().map(|input| self.push(input, domain).map(|flat| Arc::new(flat.plan)));
                let plan = Union::try_new_with_loose_types(inputs.collect::<Result<_>>()?)?;
                before_domain(LogicalPlan::Union(plan), &union.schema)
            }
            LogicalPlan::Unnest(unnest) => {
                let flat = self.push(&unnest.input, domain)?;
                let plan = Unnest::try_new(Arc::new(flat.plan), unnest.exec_columns.clone(), unnest.options.clone())?;
                Ok(Flat { plan: LogicalPlan::Unnest(plan), ..flat })
            }
            LogicalPlan::Values(values) => self.rows(values, domain),
            LogicalPlan::Join(join) if is_lateral(&join.right) => self.lateral_join(join, domain),
            LogicalPlan::Join(join) => self.join(join, domain),
            other => Err(refused(&other.display().to_string())),
        }
    }

    /// A plan that names nothing from outside: its rows with each value.
    fn crossed(&mut self, plan: &LogicalPlan, domain: &Domain) -> Result<Flat> {
        let (values, columns) = domain.fresh(self)?;
        let plan = match plan {
            LogicalPlan::EmptyRelation(empty) if empty.produce_one_row => values,
            other => LogicalPlanBuilder::from(other.clone()).cross_join(values)?.build()?,
        };
        Ok(Flat { plan, domain: columns })
    }

    fn projected(
        &mut self,
        exprs: &[Expr],
        schema: &DFSchema,
        input: &DFSchemaRef,
        flat: Flat,
        domain: &Domain,
    ) -> Result<Flat> {
        let (names, scope) = (flat.names(domain), [Arc::clone(input)]);
        let mut columns = Vec::with_capacity(exprs.len() + flat.domain.len());
        for (expr, (qualifier, field)) in exprs.iter().zip(schema.iter()) {
            let expr = names.expression(expr.clone(), &scope)?;
            columns.push(named(expr, &Column::new(qualifier.cloned(), field.name())));
        }
        columns.extend(flat.columns());
        let plan = LogicalPlan::Projection(Projection::try_new(columns, Arc::new(flat.plan))?);
        Ok(Flat { plan, domain: flat.domain })
    }

    /// The first rows of each value.
    fn limited(&mut self, limit: &Limit, domain: &Domain) -> Result<Flat> {
        let (SkipType::Literal(skip), FetchType::Literal(fetch)) = (limit.get_skip_type()?, limit.get_fetch_type()?) else {
            return Err(refused("a LIMIT that is computed"));
        };
        let input = limit.input.as_ref();
        let (projection, sorted) = match input {
            LogicalPlan::Projection(p) if matches!(p.input.as_ref(), LogicalPlan::Sort(_)) => (Some(p), p.input.as_ref()),
            other => (None, other),
        };
        let (rows, keys): (&LogicalPlan, &[SortExpr]) = match sorted {
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => (&sort.input, &sort.expr),
            _ => (input, &[]),
        };
        let projection = projection.filter(|_| !keys.is_empty());
        let flat = self.push(rows, domain)?;
        let (names, scope) = (flat.names(domain), [Arc::clone(rows.schema())]);
        let order = keys.iter().map(|key| Ok(key.with_expr(names.expression(key.expr.clone(), &scope)?)));
        let order = order.collect::<Result<Vec<_>>>()?;
        let number = row_number().partition_by(flat.columns().collect());
        let number = if order.is_empty() { number.build()? } else { number.order_by(order).build()? };
        let (name, columns) = (self.name("row"), flat.plan.schema().columns());
        let numbered = with_number(flat.plan, number, &name)?;
        let place = || Expr::Column(Column::from_name(&name));
        let after = (skip > 0).then(|| place().gt(lit(skip as u64)));
        let until = fetch.map(|fetch| place().lt_eq(lit(skip.saturating_add(fetch) as u64)));
        let kept = match conjunction(after.into_iter().chain(until)) {
            Some(condition) => LogicalPlan::Filter(Filter::try_new(condition, Arc::new(numbered))?),
            None => numbered,
        };
        let columns = columns.into_iter().map(Expr::Column).collect();
        let plan = LogicalPlan::Projection(Projection::try_new(columns, Arc::new(kept))?);
        let flat = Flat { plan, domain: flat.domain };
        match projection {
            Some(p) => self.projected(&p.expr, &p.schema, p.input.schema(), flat, domain),
            None => Ok(flat),
        }
    }

    /// Groups that there are for a value.
    fn groups(&mut self, aggregate: &Aggregate, domain: &Domain) -> Result<Flat> {
        if aggregate.group_expr.iter().any(|expr| matches!(expr, Expr::GroupingSet(_))) {
            return Err(refused("grouping sets"));
        }
        let flat = self.push(&aggregate.input, domain)?;
        let (names, scope) = (flat.names(domain), [Arc::clone(aggregate.input.schema())]);
        let groups = aggregate.group_expr.iter().map(|expr| names.expression(expr.clone(), &scope));
        let keys: Vec<Expr> = groups.chain(flat.columns().map(Ok)).collect::<Result<_>>()?;
        let values = aggregate.aggr_expr.iter().map(|expr| names.expression(expr.clone(), &scope));
        let made = Aggregate::try_new(Arc::new(flat.plan), keys, values.collect::<Result<_>>()?)?;
        let (groups, count) = (aggregate.group_expr.len(), flat.domain.len());
        let places = (0..groups).chain(groups + count..made.schema.fields().len());
        picked(LogicalPlan::Aggregate(made), places, &aggregate.schema, flat.domain)
    }

    /// The one group of a value, which is there also without rows. A value that has none gets a row of nulls, which no aggregate counts.
    fn one_group(&mut self, aggregate: &Aggregate, domain: &Domain) -> Result<Flat> {
        let flat = self.push(&aggregate.input, domain)?;
        let (found, scope) = (self.name("found"), [Arc::clone(aggregate.input.schema())]);
        let columns = flat.plan.schema().columns().into_iter().map(Expr::Column);
        let columns = columns.chain([lit(true).alias(&found)]).collect();
        let marked = LogicalPlan::Projection(Projection::try_new(columns, Arc::new(flat.plan))?);
        let (values, keys) = domain.fresh(self)?;
        let groups: Vec<Expr> = keys.iter().cloned().map(Expr::Column).collect();
        let joined = joined_by(Arc::new(values), marked, (&groups, &flat.domain), None, JoinType::Left)?;
        let names = Names::new(&domain.outer, &keys);
        let is_found = Expr::Column(Column::from_name(&found)).is_not_null();
        let values = aggregate.aggr_expr.iter().map(|expr| only(names.expression(expr.clone(), &scope)?, &is_found));
        let made = Aggregate::try_new(Arc::new(joined), groups, values.collect::<Result<_>>()?)?;
        let places = keys.len()..made.schema.fields().len();
        picked(LogicalPlan::Aggregate(made), places, &aggregate.schema, keys)
    }

    fn distinct_on(&mut self, distinct: &DistinctOn, domain: &Domain) -> Result<Flat> {
        let flat = self.push(&distinct.input, domain)?;
        let (names, scope) = (flat.names(domain), [Arc::clone(distinct.input.schema())]);
        let over = |exprs: &[Expr]| exprs.iter().map(|e| names.expression(e.clone(), &scope)).collect::<Result<Vec<_>>>();
        let on = flat.columns().chain(over(&distinct.on_expr)?).collect();
        let selected = over(&distinct.select_expr)?.into_iter().chain(flat.columns()).collect();
        let sort = distinct.sort_expr.as_ref().map(|keys| {
            let keys = keys.iter().map(|key| Ok(key.with_expr(names.expression(key.expr.clone(), &scope)?)));
            flat.columns().map(|column| Ok(column.sort(true, true))).chain(keys).collect::<Result<Vec<_>>>()
        });
        let made = DistinctOn::try_new(on, selected, sort.transpose()?, Arc::new(flat.plan))?;
        before_domain(LogicalPlan::Distinct(Distinct::On(made)), &distinct.schema)
    }

    /// Windows over the rows of each value.
    fn windows(&mut self, window: &Window, domain: &Domain) -> Result<Flat> {
        let flat = self.push(&window.input, domain)?;
        let (names, scope) = (flat.names(domain), [Arc::clone(window.input.schema())]);
        let columns: Vec<Expr> = flat.columns().collect();
        let exprs = window.window_expr.iter().map(|expr| {
            let expr = names.expression(expr.clone(), &scope)?;
            let apart = expr.transform_up(|e| match e {
                Expr::WindowFunction(mut function) => {
                    let WindowFunction { params, .. } = function.as_mut();
                    params.partition_by.extend(columns.iter().cloned());
                    Ok(Transformed::yes(Expr::WindowFunction(function)))
                }
                other => Ok(Transformed::no(other)),
            })?;
            Ok(apart.data)
        });
        let exprs = exprs.collect::<Result<Vec<_>>>()?;
        let (inner, count) = (window.input.schema().fields().len(), flat.domain.len());
        let made = Window::try_new(exprs, Arc::new(flat.plan))?;
        let places = (0..inner).chain(inner + count..made.schema.fields().len());
        picked(LogicalPlan::Window(made), places, &window.schema, flat.domain)
    }

    /// Rows of values, some of which are from outside.
    fn rows(&mut self, values: &Values, domain: &Domain) -> Result<Flat> {
        let rows = values.values.iter().map(|row| {
            let (plan, columns) = domain.fresh(self)?;
            let names = Names::new(&domain.outer, &columns);
            let named = row.iter().zip(values.schema.fields()).map(|(value, field)| {
                let value = names.expression(value.clone(), &[])?;
                Ok(value.cast_to(field.data_type(), plan.schema())?.alias(field.name()))
            });
            let columns = columns.iter().cloned().map(Expr::Column).map(Ok);
            let exprs = named.chain(columns).collect::<Result<Vec<_>>>()?;
            Ok(Arc::new(LogicalPlan::Projection(Projection::try_new(exprs, Arc::new(plan))?)))
        });
        let rows = rows.collect::<Result<Vec<_>>>()?;
        let all = match rows.as_slice() {
            [one] => one.as_ref().clone(),
            _ => LogicalPlan::Union(Union::try_new_with_loose_types(rows)?),
        };
        before_domain(all, &values.schema)
    }

    /// A join whose right side sees its left one: that one is for each value then.
    fn lateral_join(&mut self, join: &Join, domain: &Domain) -> Result<Flat> {
        let flat = self.push(&join.left, domain)?;
        let names = flat.names(domain);
        let scope = [Arc::clone(join.left.schema()), Arc::clone(join.right.schema())];
        let beyond = names.beyond(&scope[..1]);
        let right = beyond.in_plan(join.right.as_ref().clone())?;
        let filter = join.filter.clone().map(|e| names.expression(e, &scope)).transpose()?;
        let on = pairs(join, &names, &scope)?;
        self.join_of(join, (flat.plan, right), (on, filter), flat.domain)
    }

    fn join(&mut self, join: &Join, domain: &Domain) -> Result<Flat> {
        if join.null_aware {
            return Err(refused("NOT IN"));
        }
        let (left, right) = (names(&join.left, domain)?, names(&join.right, domain)?);
        let (left, right) = match join.join_type {
            JoinType::Inner if left && right => (true, true),
            JoinType::Inner => (!right, right),
            JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti => (true, right),
            JoinType::Right => (left, true),
            JoinType::Full => (true, true),
            _ => return Err(refused("such a join")),
        };
        let mut side = |flat: bool, plan: &LogicalPlan| match flat {
            true => self.push(plan, domain),
            false => Ok(Flat { plan: plan.clone(), domain: Vec::new() }),
        };
        let (l, r) = (side(left, &join.left)?, side(right, &join.right)?);
        let by_right = join.join_type == JoinType::Right || !left;
        let columns = if by_right { r.domain.clone() } else { l.domain.clone() };
        let names = Names::new(&domain.outer, &columns);
        let scope = [Arc::clone(join.left.schema()), Arc::clone(join.right.schema())];
        let mut filter = join.filter.clone().map(|e| names.expression(e, &scope)).transpose()?;
        let mut on = pairs(join, &names, &scope)?;
        if !(left && right) {
            return self.join_of(join, (l.plan, r.plan), (on, filter), columns);
        }
        // Keys of the domain are equal when both are null; other keys are not.
        if join.null_equality == NullEquality::NullEqualsNothing {
            filter = conjunction(filter.into_iter().chain(on.iter().map(|(key, _)| key.clone().is_not_null())));
        }
        on.extend(l.columns().zip(r.columns()));
        let both = Join { null_equality: NullEquality::NullEqualsNull, ..join.clone() };
        if join.join_type != JoinType::Full {
            return self.join_of(&both, (l.plan, r.plan), (on, filter), columns);
        }
        // A row of either side alone has its value there only.
        let fresh: Vec<String> = l.domain.iter().map(|_| self.name("domain")).collect();
        let values = l.columns().zip(r.columns()).zip(&fresh).map(|((l, r), name)| coalesce(vec![l, r]).alias(name));
        let values: Vec<Expr> = values.collect();
        let joined = self.join_of(&both, (l.plan, r.plan), (on, filter), [l.domain, r.domain].concat())?;
        let known = join.schema.columns().into_iter().map(Expr::Column);
        let plan = Projection::try_new(known.chain(values).collect(), Arc::new(joined.plan))?;
        Ok(Flat { plan: LogicalPlan::Projection(plan), domain: fresh.into_iter().map(Column::from_name).collect() })
    }

    /// The join of two sides, with the columns of the domain behind all others.
    fn join_of(
        &mut self,
        join: &Join,
        (left, right): (LogicalPlan, LogicalPlan),
        (on, filter): (Vec<(Expr, Expr)>, Option<Expr>),
        domain: Vec<Column>,
    ) -> Result<Flat> {
        let (left, right) = (Arc::new(left), Arc::new(right));
        let made = Join::try_new(
            left,
            right,
            on,
            filter,
            join.join_type,
            JoinConstraint::On,
            join.null_equality,
            join.null_aware,
        )?;
        let columns = join.schema.columns().into_iter().chain(domain.iter().cloned()).map(Expr::Column).collect();
        let plan = Projection::try_new(columns, Arc::new(LogicalPlan::Join(made)))?;
        Ok(Flat { plan: LogicalPlan::Projection(plan), domain })
    }
}

/// Whether a plan names a column that the domain stands for.
fn names(plan: &LogicalPlan, domain: &Domain) -> Result<bool> {
    Ok(outer_columns(plan)?.iter().any(|column| domain.outer.contains(column)))
}

/// The columns of a plan under the names of a schema; those behind them are the domain.
fn before_domain(plan: LogicalPlan, schema: &DFSchema) -> Result<Flat> {
    let count = schema.fields().len();
    let domain = plan.schema().columns().split_off(count);
    picked(plan, 0..count, schema, domain)
}

/// Columns of a plan by their places, under the names of a schema, with the domain behind them.
pub(super) fn picked(
    plan: LogicalPlan,
    places: impl Iterator<Item = usize>,
    schema: &DFSchema,
    domain: Vec<Column>,
) -> Result<Flat> {
    let all = plan.schema().columns();
    let wanted = places.filter_map(|place| all.get(place).cloned()).zip(schema.columns());
    let columns = wanted.map(|(column, name)| named(Expr::Column(column), &name));
    let columns = columns.chain(domain.iter().cloned().map(Expr::Column)).collect();
    let plan = LogicalPlan::Projection(Projection::try_new(columns, Arc::new(plan))?);
    Ok(Flat { plan, domain })
}

/// An expression under the name of a column.
pub(super) fn named(expr: Expr, name: &Column) -> Expr {
    match &expr {
        Expr::Column(column) if column == name => expr,
        _ => expr.unalias().alias_qualified(name.relation.clone(), &name.name),
    }
}

fn pairs(join: &Join, names: &Names, scope: &[DFSchemaRef]) -> Result<Vec<(Expr, Expr)>> {
    let pair = |(left, right): &(Expr, Expr)| {
        Ok((names.expression(left.clone(), scope)?, names.expression(right.clone(), scope)?))
    };
    join.on.iter().map(pair).collect()
}

/// An aggregate of the rows of which a condition holds.
fn only(expr: Expr, condition: &Expr) -> Result<Expr> {
    let kept = expr.transform_up(|e| match e {
        Expr::AggregateFunction(AggregateFunction { func, mut params }) => {
            let filter = params.filter.take().map(|filter| filter.as_ref().clone());
            params.filter = conjunction(filter.into_iter().chain([condition.clone()])).map(Box::new);
            Ok(Transformed::yes(Expr::AggregateFunction(AggregateFunction { func, params })))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(kept.data)
}

/// A join on values of the domain, where null is equal to null.
pub(super) fn joined_by(
    left: Arc<LogicalPlan>,
    right: LogicalPlan,
    (keys, domain): (&[Expr], &[Column]),
    filter: Option<Expr>,
    join_type: JoinType,
) -> Result<LogicalPlan> {
    let on = keys.iter().cloned().zip(domain.iter().cloned().map(Expr::Column)).collect();
    let (right, nulls) = (Arc::new(right), NullEquality::NullEqualsNull);
    Join::try_new(left, right, on, filter, join_type, JoinConstraint::On, nulls, false).map(LogicalPlan::Join)
}
