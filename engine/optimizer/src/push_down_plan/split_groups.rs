//! Groups by something that a source does not compute: the source makes finer groups, by the columns that are in it, and they
//! are put together here.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Result};
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::expr::{AggregateFunction, AggregateFunctionParams};
use datafusion::logical_expr::{Aggregate, ExprSchemable, LogicalPlan, Projection, lit, when};
use datafusion::prelude::Expr;
use headwater_source::RemoteSource;

use super::cut::{Cut, Cutter};
use super::gate::{Gate, gate};
use super::survey::Node;

/// Sums of decimals with more digits than this may not fit into 38 when they are added again.
const DIGITS_MAX: u8 = 18;

impl Cutter {
    /// Pushes finer groups of an aggregate of which only a function is in the way.
    pub(super) fn split_groups(&mut self, aggregate: &Aggregate, source: &Arc<dyn RemoteSource>) -> Result<Option<Cut>> {
        let Some(finer) = Finer::of(aggregate, source) else { return Ok(None) };
        let Ok(below) = Aggregate::try_new(Arc::clone(&finer.input), finer.keys.clone(), finer.partial.clone()) else {
            return Ok(None);
        };
        let below = LogicalPlan::Aggregate(below);
        let node = Node::survey(&below)?;
        if gate(&node) != Gate::Push {
            return Ok(None);
        }
        let Some(query) = self.translate(&node, &below, source) else { return Ok(None) };
        let pushed = self.replace(&below, query, &node.estimate)?;
        let Some(plan) = finer.put_together(aggregate, below.schema(), pushed) else { return Ok(None) };
        Ok(Some(Cut { plan, here: true }))
    }
}

/// Where a group key or a value comes from.
enum Origin {
    /// A column of the finer groups, by its place.
    There(usize),
    /// An expression over the columns of the finer groups.
    Here(Expr),
}

/// The finer groups.
struct Finer {
    input: Arc<LogicalPlan>,
    keys: Vec<Expr>,
    partial: Vec<Expr>,
    groups: Vec<Origin>,
    /// The values, each with the function that puts partial ones together.
    values: Vec<(Origin, AggregateFunction)>,
}

impl Finer {
    fn of(aggregate: &Aggregate, source: &Arc<dyn RemoteSource>) -> Option<Self> {
        let (input, groups, values) = flattened(aggregate)?;
        // What is there twice would be one column of the finer groups.
        if repeats(&groups) || repeats(&values) {
            return None;
        }
        let (mut found, mut columns) =
            (Self { input, keys: Vec::new(), partial: Vec::new(), groups: Vec::new(), values: Vec::new() }, Vec::new());
        for group in groups {
            if is_fickle(&group) {
                return None;
            }
            match found.goes(source, vec![group.clone()], Vec::new()) {
                true => {
                    found.groups.push(Origin::There(found.keys.len()));
                    found.keys.push(group);
                }
                false => {
                    columns.extend(group.column_refs().into_iter().cloned());
                    found.groups.push(Origin::Here(group));
                }
            }
        }
        for value in values {
            if is_fickle(&value) {
                return None;
            }
            let Expr::AggregateFunction(call) = unaliased(&value) else { return None };
            let adds = add_up(call, found.input.schema());
            if adds && found.goes(source, Vec::new(), vec![value.clone()]) {
                found.values.push((Origin::There(found.partial.len()), call.clone()));
                found.partial.push(Expr::AggregateFunction(call.clone()));
            } else if ignores_repetition(call) {
                columns.extend(value.column_refs().into_iter().cloned());
                found.values.push((Origin::Here(value.clone()), call.clone()));
            } else {
                return None;
            }
        }
        if columns.is_empty() {
            return None;
        }
        columns.sort();
        columns.dedup();
        let more = columns.into_iter().map(Expr::Column).filter(|c| !found.keys.contains(c)).collect::<Vec<_>>();
        found.keys.extend(more);
        Some(found)
    }

    /// Whether the source computes these groups or values over the input.
    fn goes(&self, source: &Arc<dyn RemoteSource>, groups: Vec<Expr>, values: Vec<Expr>) -> bool {
        let plan = Aggregate::try_new(Arc::clone(&self.input), groups, values);
        plan.is_ok_and(|plan| source.translate(&LogicalPlan::Aggregate(plan), 1).is_ok())
    }

    /// The columns of `aggregate` over the finer groups.
    fn put_together(&self, aggregate: &Aggregate, below: &DFSchema, pushed: LogicalPlan) -> Option<LogicalPlan> {
        let column = |i: usize| {
            let (qualifier, field) = below.qualified_field(i);
            Expr::Column(Column::new(qualifier.cloned(), field.name()))
        };
        let group = |origin: &Origin| match origin {
            Origin::There(i) => column(*i),
            Origin::Here(expr) => expr.clone(),
        };
        let value = |(origin, call): &(Origin, AggregateFunction)| match origin {
            Origin::There(i) => again(call, column(self.keys.len() + i)),
            Origin::Here(expr) => unaliased(expr).clone(),
        };
        let groups: Vec<Expr> = self.groups.iter().map(group).collect();
        let values: Vec<Expr> = self.values.iter().map(value).collect();
        let together = Aggregate::try_new(Arc::new(pushed), groups, values).ok()?;
        let width = self.groups.len();
        let mut columns = Vec::new();
        for i in 0..width + self.values.len() {
            let (qualifier, field) = together.schema.qualified_field(i);
            let (own_qualifier, own) = aggregate.schema.qualified_field(i);
            let mut made = Expr::Column(Column::new(qualifier.cloned(), field.name()));
            if i < width && field.data_type() != own.data_type() {
                return None;
            }
            if field.data_type() != own.data_type() {
                made = datafusion::logical_expr::cast(made, own.data_type().clone());
            }
            let counts = i >= width && self.values.get(i - width).is_some_and(|(_, call)| call.func.name() == "count");
            if counts && field.is_nullable() {
                made = when(made.clone().is_not_null(), made).otherwise(lit(0_i64)).ok()?;
            }
            columns.push(made.alias_qualified(own_qualifier.cloned(), own.name()));
        }
        let projection = Projection::try_new(columns, Arc::new(LogicalPlan::Aggregate(together))).ok()?;
        let same = projection.schema.has_equivalent_names_and_types(&aggregate.schema).is_ok();
        same.then_some(LogicalPlan::Projection(projection))
    }
}

fn repeats(exprs: &[Expr]) -> bool {
    exprs.iter().enumerate().any(|(i, expr)| exprs.iter().take(i).any(|before| before == expr))
}

/// The groups and values of an aggregate over what is below a projection of its input.
fn flattened(aggregate: &Aggregate) -> Option<(Arc<LogicalPlan>, Vec<Expr>, Vec<Expr>)> {
    if aggregate.group_expr.is_empty() || aggregate.group_expr.iter().any(|e| matches!(e, Expr::GroupingSet(_))) {
        return None;
    }
    let LogicalPlan::Projection(projection) = aggregate.input.as_ref() else {
        return Some((Arc::clone(&aggregate.input), aggregate.group_expr.clone(), aggregate.aggr_expr.clone()));
    };
    let replaced = |expr: &Expr| {
        let expr = expr.clone().transform_up(|e| {
            let Expr::Column(column) = &e else { return Ok(Transformed::no(e)) };
            let place = projection.schema.maybe_index_of_column(column);
            match place.and_then(|i| projection.expr.get(i)) {
                Some(found) => Ok(Transformed::yes(unaliased(found).clone())),
                None => Ok(Transformed::no(e)),
            }
        });
        expr.ok().map(|t| t.data)
    };
    let groups = aggregate.group_expr.iter().map(replaced).collect::<Option<Vec<_>>>()?;
    let values = aggregate.aggr_expr.iter().map(replaced).collect::<Option<Vec<_>>>()?;
    Some((Arc::clone(&projection.input), groups, values))
}

/// Whether an expression may have several values for the same row, or looks at other rows.
pub(crate) fn is_fickle(expr: &Expr) -> bool {
    let mut found = expr.is_volatile();
    let looked = expr.apply(|e| {
        found |=
            matches!(e, Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_) | Expr::OuterReferenceColumn(..));
        Ok(TreeNodeRecursion::Continue)
    });
    found || looked.is_err()
}

/// Whether the values of parts of a group give the value of the group.
pub(crate) fn add_up(call: &AggregateFunction, schema: &DFSchema) -> bool {
    let params = &call.params;
    if params.distinct || !params.order_by.is_empty() || params.null_treatment.is_some() {
        return false;
    }
    match (call.func.name(), params.args.as_slice()) {
        ("count" | "min" | "max" | "bool_and" | "bool_or", _) => true,
        ("sum", [value]) => match unaliased(value) {
            // Sums of numbers of 64 bits may not fit where the sum of all of them does.
            Expr::Cast(inner) => matches!(
                inner.expr.get_type(schema),
                Ok(DataType::Int8
                    | DataType::Int16
                    | DataType::Int32
                    | DataType::UInt8
                    | DataType::UInt16
                    | DataType::UInt32)
            ),
            other => matches!(other.get_type(schema), Ok(DataType::Decimal128(digits, _)) if digits <= DIGITS_MAX),
        },
        _ => false,
    }
}

/// Whether a function gives the same for rows that are there once or more often.
fn ignores_repetition(call: &AggregateFunction) -> bool {
    let params = &call.params;
    if !params.order_by.is_empty() || params.null_treatment.is_some() {
        return false;
    }
    match call.func.name() {
        "min" | "max" | "bool_and" | "bool_or" => true,
        "count" | "sum" => params.distinct,
        _ => false,
    }
}

/// The function that puts partial values together.
pub(crate) fn again(call: &AggregateFunction, partial: Expr) -> Expr {
    let func = if call.func.name() == "count" { sum_udaf() } else { Arc::clone(&call.func) };
    let params = AggregateFunctionParams { args: vec![partial], filter: None, ..call.params.clone() };
    Expr::AggregateFunction(AggregateFunction { func, params })
}

fn unaliased(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => unaliased(&alias.expr),
        other => other,
    }
}
