//! Groups and aggregate functions.
//!
//! | function | kinds | why exact |
//! |---|---|---|
//! | `count` | all that are single values | nulls and missing fields are not counted |
//! | `count(DISTINCT x)` | as a group key, alone | the values are grouped first |
//! | `sum` | int, long | added as decimal numbers of 34 digits; a sum that does not fit fails |
//! | `min`, `max` | int, long, date, string, objectId, uuid, bool | same order |

use bson::{Bson, Document, doc};
use datafusion::common::DFSchema;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{Aggregate, LogicalPlan};
use datafusion::prelude::Expr;
use headwater_source::{Notes, Outcome, Refused};

use super::functions::{Value, computed, groups};
use super::plan::Translator;
use super::relation::{Columns, Relation};
use crate::pushdown::field::Field;
use crate::types::Kind;

/// Nested accumulators and what becomes of them.
struct Accumulated {
    /// Name and accumulator.
    accumulators: Vec<(String, Document)>,
    /// The result, from the accumulators.
    result: Bson,
    kind: Kind,
    when_empty: Option<i64>,
}

/// Stages, the kinds of the columns that they add, and these columns without any row.
type Grouped = (Vec<Document>, Vec<Kind>, Vec<Option<i64>>);

impl Translator<'_> {
    pub(super) fn aggregate(&mut self, aggregate: &Aggregate) -> Outcome<Relation> {
        let part = LogicalPlan::Aggregate(aggregate.clone()).display().to_string();
        if aggregate.group_expr.iter().any(|e| matches!(e, Expr::GroupingSet(_))) {
            return self.refuse(part, "grouping sets are computed here");
        }
        let relation = self.plan(&aggregate.input)?;
        if relation.when_empty.is_some() {
            return self.refuse(part, "it groups one row only");
        }
        self.grouped(relation, aggregate.input.schema(), &aggregate.group_expr, &aggregate.aggr_expr)
    }

    /// The relation with its rows grouped by keys.
    pub(super) fn grouped(
        &mut self,
        mut relation: Relation,
        schema: &DFSchema,
        keys: &[Expr],
        aggregates: &[Expr],
    ) -> Outcome<Relation> {
        let table = std::sync::Arc::clone(&relation.table);
        let scope = Columns { schema, fields: &relation.columns, table: self.source.scope(&table) };
        let mut refused = false;
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            let value = computed(&scope, key).and_then(|value| groups(&value.kind).map(|()| value));
            match self.noted(format!("GROUP BY {key}"), value) {
                Ok(value) => found.push(value),
                Err(Refused) => refused = true,
            }
        }
        let grouped = match distinct_argument(aggregates) {
            Some(argument) => self.distinct_count(&scope, argument, &found, aggregates.len()),
            None => self.accumulate(&scope, &found, aggregates),
        };
        let Ok((stages, kinds, empty)) = grouped else { return Err(Refused) };
        if refused {
            return Err(Refused);
        }
        let kinds = found.into_iter().map(|v| v.kind).chain(kinds);
        let column = |(i, kind): (usize, Kind)| Field { names: vec![format!("c{i}")], kind, computed: true };
        relation.columns = kinds.enumerate().map(column).collect();
        relation.stages.extend(stages);
        relation.when_empty = keys.is_empty().then_some(empty);
        relation.limited = false;
        Ok(relation)
    }

    fn accumulate(&mut self, scope: &Columns<'_>, keys: &[Value], aggregates: &[Expr]) -> Outcome<Grouped> {
        let mut group = doc! { "_id": group_id(keys.iter().map(|v| v.value.clone())) };
        let mut project = key_columns(keys.len());
        let (mut kinds, mut empty, mut refused) = (Vec::new(), Vec::new(), false);
        for (i, expr) in aggregates.iter().enumerate() {
            match self.noted(expr, accumulated(scope, expr, i)) {
                Ok(found) => {
                    group.extend(found.accumulators.into_iter().map(|(name, a)| (name, Bson::Document(a))));
                    project.insert(format!("c{}", keys.len() + i), found.result);
                    kinds.push(found.kind);
                    empty.push(found.when_empty);
                }
                Err(Refused) => refused = true,
            }
        }
        if refused {
            return Err(Refused);
        }
        Ok((vec![doc! { "$group": group }, doc! { "$project": project }], kinds, empty))
    }

    /// Distinct values are groups of their own first, which the server can write to disk.
    fn distinct_count(&mut self, scope: &Columns<'_>, argument: &Expr, keys: &[Value], count: usize) -> Outcome<Grouped> {
        let value = computed(scope, argument).and_then(|value| groups(&value.kind).map(|()| value));
        let value = self.noted(format!("count(DISTINCT {argument})"), value)?;
        let mut inner = group_document(keys.iter().map(|v| v.value.clone()));
        inner.insert("v", value.value);
        let outer = group_id((0..keys.len()).map(|i| Bson::String(format!("$_id.k{i}"))));
        let counted = doc! { "$sum": { "$cond": [{ "$eq": ["$_id.v", Bson::Null] }, 0_i64, 1_i64] } };
        let mut project = key_columns(keys.len());
        for i in 0..count {
            project.insert(format!("c{}", keys.len() + i), "$n");
        }
        let stages = vec![
            doc! { "$group": { "_id": inner } },
            doc! { "$group": { "_id": outer, "n": counted } },
            doc! { "$project": project },
        ];
        Ok((stages, vec![Kind::Long; count], vec![Some(0); count]))
    }
}

fn group_document(keys: impl Iterator<Item = Bson>) -> Document {
    keys.enumerate().map(|(i, key)| (format!("k{i}"), key)).collect()
}

fn group_id(keys: impl Iterator<Item = Bson>) -> Bson {
    let id = group_document(keys);
    if id.is_empty() { Bson::Null } else { Bson::Document(id) }
}

fn key_columns(count: usize) -> Document {
    let mut project = doc! { "_id": 0 };
    for i in 0..count {
        project.insert(format!("c{i}"), format!("$_id.k{i}"));
    }
    project
}

fn call(expr: &Expr) -> Option<&AggregateFunction> {
    match expr {
        Expr::Alias(alias) => call(&alias.expr),
        Expr::AggregateFunction(call) => Some(call),
        _ => None,
    }
}

/// The argument of `count(DISTINCT x)`, when that is all that is computed.
fn distinct_argument(aggregates: &[Expr]) -> Option<&Expr> {
    let mut found = None;
    for expr in aggregates {
        let call = call(expr)?;
        let params = &call.params;
        let [argument] = params.args.as_slice() else { return None };
        let counts = call.func.name() == "count" && params.distinct && params.filter.is_none();
        if !counts || !params.order_by.is_empty() || found.is_some_and(|known| known != argument) {
            return None;
        }
        found = Some(argument);
    }
    found
}

fn accumulated(scope: &Columns<'_>, expr: &Expr, index: usize) -> Result<Accumulated, String> {
    let call = call(expr).ok_or("it is no aggregate function")?;
    let (name, params) = (call.func.name(), &call.params);
    if !params.order_by.is_empty() || params.null_treatment.is_some() {
        return Err("its order of values is kept here".into());
    }
    if params.filter.is_some() {
        return Err("an aggregate with a FILTER is computed here".into());
    }
    if params.distinct {
        return Err("distinct values are counted at the server only when nothing else is computed".into());
    }
    let rows = params.args.iter().all(|a| matches!(a, Expr::Literal(value, _) if !value.is_null()));
    let (first, second) = (format!("a{index}"), format!("b{index}"));
    if name == "count" && rows {
        return Ok(Accumulated {
            accumulators: vec![(first.clone(), doc! { "$sum": 1_i64 })],
            result: Bson::String(format!("${first}")),
            kind: Kind::Long,
            when_empty: Some(0),
        });
    }
    let [argument] = params.args.as_slice() else { return Err(format!("the function {name} is computed here")) };
    let value = match name {
        "count" | "sum" | "min" | "max" => computed(scope, argument)?,
        "avg" => return Err("an average is computed here, from sum and count where both are exact".into()),
        _ => return Err(format!("the function {name} is computed here")),
    };
    let counted = doc! { "$sum": { "$cond": [{ "$eq": [value.value.clone(), Bson::Null] }, 0_i64, 1_i64] } };
    let result = Bson::String(format!("${first}"));
    let plain = |accumulator: Document, kind: Kind, when_empty: Option<i64>| Accumulated {
        accumulators: vec![(first.clone(), accumulator)],
        result: result.clone(),
        kind,
        when_empty,
    };
    match (name, &value.kind) {
        ("count", _) => Ok(plain(counted, Kind::Long, Some(0))),
        ("sum", Kind::Int | Kind::Long) => {
            let none = doc! { "$eq": [format!("${second}"), 0_i64] };
            let total = doc! { "$cond": [none, Bson::Null, { "$toLong": &result }] };
            let sum = doc! { "$sum": { "$toDecimal": value.value } };
            Ok(Accumulated {
                accumulators: vec![(first, sum), (second, counted)],
                result: Bson::Document(total),
                kind: Kind::Long,
                when_empty: None,
            })
        }
        ("sum", Kind::Double) => Err("a sum of floating point depends on the order of its rows".into()),
        ("sum", kind) => Err(format!("a sum of {kind} is computed here")),
        (_, kind) => {
            kind.is_ordered_as_here()?;
            Ok(plain(doc! { format!("${name}"): value.value.clone() }, kind.clone(), None))
        }
    }
}
