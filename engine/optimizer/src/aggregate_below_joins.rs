//! Aggregates above a join of several sources begin below it.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema, JoinType, Result};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{Aggregate, Filter, Join, LogicalPlan, Projection, cast, lit, when};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use datafusion::prelude::Expr;

use crate::push_down_plan::{add_up, again, is_fickle, is_worth_grouping, source_of_all, without_averages};
use crate::ungroup_by_key::keeps_values;

/// Lets a source group its rows by what a join and the aggregate above need of them, before they are fetched (eager group-by of
/// Yan and Larson, VLDB 1995):
///
/// ```text
/// SELECT k, sum(x), count(*) FROM a JOIN b ON a.j = b.j GROUP BY k                         -- x of a, k of b
/// SELECT k, sum(s), sum(n) FROM (SELECT j, sum(x) s, count(*) n FROM a GROUP BY j) JOIN b ON j = b.j GROUP BY k
/// ```
///
/// Between the rows of `a` and the aggregate stand inner joins, outer joins that keep `a`, filters and choices of columns. Each of
/// these treats rows of `a` that are the same in the columns it names alike, and what it makes of several rows is what it makes of each, together. So
/// all rows of a partial group meet the same rows of `b`, each of them as often, and the partial values of a group are added once for
/// each such meeting, as its rows would have been. `sum`, `count`, `min`, `max`, `bool_and` and `bool_or` of parts give that of the whole;
/// `avg` of whole numbers and decimals is a sum and a count. Sums of floating point numbers depend on their order, and those of 64 bits
/// may not fit in part, so they stay; DISTINCT and ORDER BY in an aggregate do too. Keys are no floating point numbers, whose
/// zeros are two values. Without GROUP BY, a `count` of no partial groups is zero.
///
/// Done when the joins are between sources, all columns of the aggregates are of one source that can compute the groups, and its
/// statistics say that there are at most half as many groups as rows.
#[derive(Debug, Default)]
pub struct AggregateBelowJoins;

impl AggregateBelowJoins {
    /// Name of the rule.
    pub const NAME: &'static str = "aggregate_below_joins";
}

impl OptimizerRule for AggregateBelowJoins {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Aggregate(aggregate) = &plan else { return Ok(Transformed::no(plan)) };
        if !joins(&aggregate.input) || source_of_all(&aggregate.input).is_some() {
            return Ok(Transformed::no(plan));
        }
        let eager = match without_averages(aggregate) {
            Some((LogicalPlan::Aggregate(parts), columns)) => match eager(&parts, config)? {
                Some(below) => {
                    let divided = Projection::try_new(columns, Arc::new(below))?;
                    let same = divided.schema.has_equivalent_names_and_types(&aggregate.schema).is_ok();
                    same.then_some(LogicalPlan::Projection(divided))
                }
                None => None,
            },
            _ => eager(aggregate, config)?,
        };
        Ok(eager.map_or_else(|| Transformed::no(plan), Transformed::yes))
    }
}

/// Whether there is a join below what is passed on the way to one.
fn joins(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Join(_) => true,
        LogicalPlan::Projection(projection) => joins(&projection.input),
        LogicalPlan::Filter(filter) => joins(&filter.input),
        _ => false,
    }
}

/// The aggregate over partial groups of the rows that it takes values from.
fn eager(aggregate: &Aggregate, config: &dyn OptimizerConfig) -> Result<Option<LogicalPlan>> {
    let Some(calls) = calls(aggregate) else { return Ok(None) };
    if aggregate.group_expr.iter().any(|e| matches!(e, Expr::GroupingSet(_)) || is_fickle(e)) {
        return Ok(None);
    }
    let values: Vec<Column> = aggregate.aggr_expr.iter().flat_map(|e| e.column_refs().into_iter().cloned()).collect();
    let needed = aggregate.group_expr.iter().flat_map(|e| e.column_refs().into_iter().cloned()).collect();
    let mut way = Way { calls: &calls, values: &values, needed, config, partial: Vec::new() };
    let Some(input) = way.down(&aggregate.input)? else { return Ok(None) };
    let totals = calls.iter().zip(&way.partial).map(|(call, partial)| again(call, Expr::Column(partial.clone())));
    let together = Aggregate::try_new(Arc::new(input), aggregate.group_expr.clone(), totals.collect())?;
    restored(together, aggregate, &calls)
}

/// The aggregates, when the values of parts give those of the whole.
fn calls(aggregate: &Aggregate) -> Option<Vec<AggregateFunction>> {
    let schema = aggregate.input.schema();
    let call = |expr: &Expr| match unaliased(expr) {
        Expr::AggregateFunction(call) if add_up(call, schema) && !is_fickle(expr) => Some(call.clone()),
        _ => None,
    };
    let calls = aggregate.aggr_expr.iter().map(call).collect::<Option<Vec<_>>>()?;
    (!calls.is_empty()).then_some(calls)
}

/// The columns of the original aggregate over the one of partial groups.
fn restored(together: Aggregate, aggregate: &Aggregate, calls: &[AggregateFunction]) -> Result<Option<LogicalPlan>> {
    let groups = aggregate.group_expr.len();
    let mut columns = Vec::new();
    for i in 0..aggregate.schema.fields().len() {
        let (qualifier, field) = together.schema.qualified_field(i);
        let (own_qualifier, own) = aggregate.schema.qualified_field(i);
        let mut made = Expr::Column(Column::new(qualifier.cloned(), field.name()));
        if field.data_type() != own.data_type() {
            made = cast(made, own.data_type().clone());
        }
        let counts = i.checked_sub(groups).and_then(|i| calls.get(i)).is_some_and(|call| call.func.name() == "count");
        if counts {
            made = when(made.clone().is_not_null(), made).otherwise(lit(0_i64))?;
        }
        columns.push(made.alias_qualified(own_qualifier.cloned(), own.name()));
    }
    let projection = Projection::try_new(columns, Arc::new(LogicalPlan::Aggregate(together)))?;
    let same = projection.schema.has_equivalent_names_and_types(&aggregate.schema).is_ok();
    Ok(same.then_some(LogicalPlan::Projection(projection)))
}

/// The way from an aggregate down to the rows that it takes values from.
struct Way<'a> {
    calls: &'a [AggregateFunction],
    /// Columns of the aggregates.
    values: &'a [Column],
    /// Columns that are named on the way.
    needed: Vec<Column>,
    config: &'a dyn OptimizerConfig,
    /// Columns of the partial values.
    partial: Vec<Column>,
}

impl Way<'_> {
    /// The plan over partial groups; `None` when no rows below are worth it.
    fn down(&mut self, plan: &LogicalPlan) -> Result<Option<LogicalPlan>> {
        if source_of_all(plan).is_some() {
            return self.grouped(plan);
        }
        match plan {
            LogicalPlan::Filter(filter) if !is_fickle(&filter.predicate) => {
                self.needs([&filter.predicate]);
                let Some(input) = self.down(&filter.input)? else { return Ok(None) };
                Filter::try_new(filter.predicate.clone(), Arc::new(input)).map(|f| Some(LogicalPlan::Filter(f)))
            }
            // Of the columns those remain that are still there, under their names.
            LogicalPlan::Projection(projection) if projection.expr.iter().all(|e| matches!(e, Expr::Column(_))) => {
                let Some(input) = self.down(&projection.input)? else { return Ok(None) };
                let still = |e: &&Expr| matches!(e, Expr::Column(c) if input.schema().maybe_index_of_column(c).is_some());
                let mut columns: Vec<Expr> = projection.expr.iter().filter(still).cloned().collect();
                columns.extend(self.partial.iter().cloned().map(Expr::Column));
                Projection::try_new(columns, Arc::new(input)).map(|p| Some(LogicalPlan::Projection(p)))
            }
            LogicalPlan::Join(join) => self.down_join(join),
            _ => Ok(None),
        }
    }

    fn down_join(&mut self, join: &Join) -> Result<Option<LogicalPlan>> {
        let (left, right) = match join.join_type {
            JoinType::Inner => (true, true),
            JoinType::Left => (true, false),
            JoinType::Right => (false, true),
            _ => return Ok(None),
        };
        if join.filter.as_ref().is_some_and(is_fickle) || join.on.iter().any(|(l, r)| is_fickle(l) || is_fickle(r)) {
            return Ok(None);
        }
        let named = self.needed.len();
        self.needs(join.on.iter().flat_map(|(l, r)| [l, r]).chain(join.filter.as_ref()));
        for (may, side) in [(left, &join.left), (right, &join.right)] {
            if !may || !self.has_values(side.schema()) {
                continue;
            }
            let Some(input) = self.down(side)? else { continue };
            let input = Arc::new(input);
            let (left, right) = match std::ptr::eq(side, &join.left) {
                true => (input, Arc::clone(&join.right)),
                false => (Arc::clone(&join.left), input),
            };
            let (on, filter) = (join.on.clone(), join.filter.clone());
            let (constraint, nulls) = (join.join_constraint, join.null_equality);
            let join = Join::try_new(left, right, on, filter, join.join_type, constraint, nulls, join.null_aware)?;
            return Ok(Some(LogicalPlan::Join(join)));
        }
        self.needed.truncate(named);
        Ok(None)
    }

    fn needs<'e>(&mut self, exprs: impl IntoIterator<Item = &'e Expr>) {
        self.needed.extend(exprs.into_iter().flat_map(|e| e.column_refs().into_iter().cloned()));
    }

    fn has_values(&self, schema: &DFSchema) -> bool {
        self.values.iter().all(|column| schema.maybe_index_of_column(column).is_some())
    }

    /// Partial groups of the rows of one source.
    fn grouped(&mut self, rows: &LogicalPlan) -> Result<Option<LogicalPlan>> {
        let columns = rows.schema().columns();
        let places: BTreeSet<usize> = self.needed.iter().filter_map(|c| rows.schema().maybe_index_of_column(c)).collect();
        let keys: Vec<Column> = places.iter().filter_map(|i| columns.get(*i).cloned()).collect();
        if keys.is_empty() || !self.has_values(rows.schema()) {
            return Ok(None);
        }
        let columns: Vec<Expr> = keys.iter().cloned().map(Expr::Column).collect();
        let generator = self.config.alias_generator();
        let names: Vec<String> = self.calls.iter().map(|_| generator.next("partial")).collect();
        let partial = self.calls.iter().map(|call| Expr::AggregateFunction(call.clone()));
        let partial = partial.zip(&names).map(|(call, name)| call.alias(name)).collect();
        let groups = Aggregate::try_new(Arc::new(rows.clone()), columns, partial)?;
        let keyed = groups.schema.fields().iter().take(keys.len()).cloned().collect::<Vec<_>>();
        let groups = LogicalPlan::Aggregate(groups);
        if !keeps_values(&keyed.into()) || !is_worth_grouping(rows, &keys, &groups)? {
            return Ok(None);
        }
        self.partial = names.into_iter().map(Column::from_name).collect();
        Ok(Some(groups))
    }
}

fn unaliased(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => unaliased(&alias.expr),
        other => other,
    }
}
