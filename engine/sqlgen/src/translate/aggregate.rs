//! Groups and aggregate functions.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{AggregateFunction, GroupingSet};
use datafusion::logical_expr::utils::grouping_set_to_exprlist;
use datafusion::logical_expr::{Aggregate as PlanAggregate, ExprSchemable, LogicalPlan};
use datafusion::prelude::Expr as PlanExpr;
use headwater_source::{Notes, Outcome, Refused};

use super::Translator;
use super::database::{AggregateCall, Part, Value};
use super::expr::Scope;
use super::first_rows::FirstRows;
use super::plan::missing;
use super::relation::{Relation, Stage};
use crate::expr::{Expr, Operator};
use crate::select::Group;

/// Most keys whose grouping sets have a number everywhere.
const GROUPING_KEYS_MAX: usize = 31;

impl Translator<'_> {
    pub(super) fn aggregate(&mut self, aggregate: &PlanAggregate) -> Outcome<Relation> {
        let part = LogicalPlan::Aggregate(aggregate.clone()).display().to_string();
        let input = self.plan(&aggregate.input)?;
        if let Some(first) = FirstRows::of(aggregate) {
            return self.first_rows(&part, aggregate, &first, input);
        }
        let input = self.at_most(input, Stage::Rows);
        let Ok(keys) = grouping_set_to_exprlist(&aggregate.group_expr) else {
            return self.refuse(part, "its grouping sets are computed here");
        };
        let keys: Vec<PlanExpr> = keys.into_iter().cloned().collect();
        let sets = self.sets(&part, aggregate, &keys)?;
        if aggregate.aggr_expr.is_empty() && keys.is_empty() {
            return self.refuse(part, "it has neither groups nor values");
        }
        let (mut relation, keys, values) = self.keys_and_values(aggregate, input, &keys, sets.is_some())?;
        self.group_keys(&keys)?;
        if keys.iter().any(|k| k.constant.is_some()) {
            let supported = self.database.supports(Part::ConstantGroup);
            self.noted(&part, supported)?;
        }
        let key = |i: &usize| keys.get(*i).map(|k| k.expr.clone());
        relation.select.group = match &sets {
            Some(sets) => Group::Sets(sets.iter().map(|set| set.iter().filter_map(key).collect()).collect()),
            None if keys.is_empty() => Group::None,
            None => Group::By(keys.iter().map(|k| k.expr.clone()).collect()),
        };
        let over_all = sets.as_ref().is_some_and(|sets| sets.iter().any(Vec::is_empty));
        if over_all && self.database.supports(Part::NullsOfGroupingSets).is_err() {
            // Such a database has a row for all rows, of which there may be none, only when something is counted in it.
            let all = Expr::Value(ScalarValue::Int64(Some(i64::MAX)));
            relation.select.having.push(Expr::compare(Expr::CountRows, Operator::Lt, all));
        }
        relation.columns = match &sets {
            Some(sets) => self.set_keys(&part, aggregate, keys, sets)?,
            None => keys,
        };
        relation.columns.extend(values);
        relation.stage = Stage::Grouped;
        Ok(relation)
    }

    /// The keys in rows of grouping sets, where those that a set leaves out are null, and the number of the set: a bit for each
    /// key that it leaves out, the last key's first.
    fn set_keys(
        &mut self,
        part: &str,
        aggregate: &PlanAggregate,
        keys: Vec<Value>,
        sets: &[Vec<usize>],
    ) -> Outcome<Vec<Value>> {
        let exprs: Vec<Expr> = keys.iter().map(|k| k.expr.clone()).collect();
        let mut sorted: Vec<Vec<usize>> = sets.to_vec();
        sorted.iter_mut().for_each(|set| set.sort_unstable());
        let repeated = sorted.iter().enumerate().any(|(i, set)| sorted.iter().take(i).any(|other| other == set));
        let distinct = exprs.iter().enumerate().all(|(i, e)| !exprs.iter().take(i).any(|other| other == e));
        let field = aggregate.schema.fields().get(keys.len());
        let number = match field {
            Some(field) if !repeated && distinct && (1..=GROUPING_KEYS_MAX).contains(&exprs.len()) => {
                self.database.value(Expr::Call("grouping", exprs), field.data_type())
            }
            _ => Err("the number of the grouping set is known here only".to_owned()),
        };
        let number = number.unwrap_or_else(|reason| {
            let id = Expr::Value(ScalarValue::Null);
            Value { expr: id, fact: missing(reason), cast: None, constant: None, fixed: false, origin: None }
        });
        let mut columns = keys;
        if self.database.supports(Part::NullsOfGroupingSets).is_err() {
            for key in &mut columns {
                let nullable = self.database.null_without_match(key);
                self.noted(part, nullable)?;
                let left_out = Expr::Call("grouping", vec![key.expr.clone()]);
                let one = Expr::Value(ScalarValue::Int32(Some(1)));
                let branches = vec![(Expr::compare(left_out, Operator::Eq, one), Expr::Value(ScalarValue::Null))];
                key.expr = Expr::Case { branches, otherwise: Some(Box::new(key.expr.clone())) };
                key.origin = None;
            }
        }
        columns.push(number);
        Ok(columns)
    }

    /// The keys as plain columns and the aggregates, over rows that have both.
    fn keys_and_values(
        &mut self,
        aggregate: &PlanAggregate,
        input: Relation,
        keys: &[PlanExpr],
        become_null: bool,
    ) -> Outcome<(Relation, Vec<Value>, Vec<Value>)> {
        let schema = aggregate.input.schema();
        let mut found = self.values(keys, &Scope { schema, columns: &input.columns })?;
        let mut relation = input;
        let is_column = |v: &Value| matches!(v.expr, Expr::Field(..) | Expr::Output(..));
        if !found.iter().all(|v| if become_null { is_column(v) } else { v.is_plain() }) {
            // Keys that are computed become columns of a block below, so that they are written once; so do constants that a
            // grouping set makes null.
            let width = relation.columns.len();
            relation.columns.extend(found);
            relation = self.wrap(relation);
            found = relation.columns.split_off(width);
        }
        let mut values = Vec::new();
        let mut refused = false;
        for expr in &aggregate.aggr_expr {
            match self.aggregate_value(expr, &Scope { schema, columns: &relation.columns }) {
                Ok(value) => values.push(value),
                Err(Refused) => refused = true,
            }
        }
        if refused { Err(Refused) } else { Ok((relation, found, values)) }
    }

    /// Each grouping set as places among the keys.
    fn sets(&mut self, part: &str, aggregate: &PlanAggregate, keys: &[PlanExpr]) -> Outcome<Option<Vec<Vec<usize>>>> {
        let Some(PlanExpr::GroupingSet(set)) = aggregate.group_expr.first() else { return Ok(None) };
        let supported = self.database.supports(Part::GroupingSets);
        self.noted(part, supported)?;
        let place = |e: &PlanExpr| keys.iter().position(|k| k == e);
        let places = |set: &[PlanExpr]| set.iter().map(place).collect::<Option<Vec<usize>>>();
        let sets: Option<Vec<Vec<usize>>> = match set {
            GroupingSet::Rollup(exprs) => (0..=exprs.len()).rev().map(|n| places(exprs.get(..n)?)).collect(),
            GroupingSet::Cube(exprs) if exprs.len() <= 8 => (0..1_usize << exprs.len())
                .map(|mask| {
                    let chosen = exprs.iter().enumerate().filter(|(i, _)| mask & (1 << i) != 0);
                    chosen.map(|(_, e)| place(e)).collect()
                })
                .collect(),
            GroupingSet::Cube(_) => None,
            GroupingSet::GroupingSets(sets) => sets.iter().map(|set| places(set)).collect(),
        };
        match sets {
            Some(sets) => Ok(Some(sets)),
            None => self.refuse(part, "its grouping sets are computed here"),
        }
    }

    fn aggregate_value(&mut self, expr: &PlanExpr, scope: &Scope<'_>) -> Outcome<Value> {
        match expr {
            PlanExpr::Alias(alias) => self.aggregate_value(&alias.expr, scope),
            PlanExpr::AggregateFunction(call) => {
                let Ok(result) = expr.get_type(scope.schema) else { return self.refuse(expr, "its type is not known") };
                let translated = self.aggregate_call(expr, call, scope)?;
                let value = self.database.aggregate(&translated, &result);
                self.noted(expr, value)
            }
            other => self.refuse(other, "it is no aggregate function"),
        }
    }

    fn aggregate_call(&mut self, expr: &PlanExpr, call: &AggregateFunction, scope: &Scope<'_>) -> Outcome<AggregateCall> {
        let params = &call.params;
        if !params.order_by.is_empty() || params.null_treatment.is_some() {
            return self.refuse(expr, "its order of values is kept here");
        }
        self.aggregate_parts(call.func.name(), &params.args, params.distinct, params.filter.as_deref(), scope)
    }

    /// The parts of a call; `count(1)` counts rows.
    pub(super) fn aggregate_parts(
        &mut self,
        name: &str,
        arguments: &[PlanExpr],
        distinct: bool,
        filter: Option<&PlanExpr>,
        scope: &Scope<'_>,
    ) -> Outcome<AggregateCall> {
        let counts_rows = name == "count"
            && !distinct
            && arguments.iter().all(|a| matches!(a, PlanExpr::Literal(value, _) if !value.is_null()));
        let arguments = match counts_rows {
            true => Ok(Vec::new()),
            false => self.values(arguments, scope),
        };
        let filter = filter.map(|f| self.predicate(f, scope)).transpose();
        let (arguments, filter) = (arguments?, filter?);
        Ok(AggregateCall { name: name.to_owned(), arguments, distinct, filter, over_window: false })
    }
}
