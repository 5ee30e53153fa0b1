//! An average as a sum and a count that a source computes, and a division here.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, DFSchema, Result};
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::expr::{AggregateFunction, AggregateFunctionParams};
use datafusion::logical_expr::{Aggregate, AggregateUDF, ExprSchemable, LogicalPlan, Projection, ScalarUDF, cast};
use datafusion::prelude::Expr;
use headwater_source::RemoteSource;

use super::average::ExactAverage;
use super::cut::{Cut, Cutter};
use super::survey::Node;

/// Sums of decimals with more digits than this may not fit into 38.
const DIGITS_MAX: u8 = 28;

impl Cutter {
    /// Pushes an aggregate without its averages, which are computed here from sums and counts.
    pub(super) fn split_average(&mut self, aggregate: &Aggregate, source: &Arc<dyn RemoteSource>) -> Result<Option<Cut>> {
        let Some((below, columns)) = without_averages(aggregate) else { return Ok(None) };
        let node = Node::survey(&below)?;
        let pushed = match (self.translate(&node, &below, source), &below) {
            (Some(query), _) => self.replace(&below, query, &node.estimate)?,
            (None, LogicalPlan::Aggregate(parts)) => match self.split_groups(parts, source)? {
                Some(cut) => cut.plan,
                None => return Ok(None),
            },
            (None, _) => return Ok(None),
        };
        let divided = Projection::try_new(columns, Arc::new(pushed))?;
        let same = divided.schema.has_equivalent_names_and_types(&aggregate.schema).is_ok();
        Ok(same.then(|| Cut { plan: LogicalPlan::Projection(divided), here: true }))
    }
}

/// The aggregate with a sum and a count for every average, and the columns of the original one over it; `None` when it has no
/// average or one that would not be exact.
pub(crate) fn without_averages(aggregate: &Aggregate) -> Option<(LogicalPlan, Vec<Expr>)> {
    if aggregate.group_expr.iter().any(|e| matches!(e, Expr::GroupingSet(_))) {
        return None;
    }
    let input = aggregate.input.schema();
    let mut aggregates: Vec<Expr> = Vec::new();
    let mut index = |expr: Expr| {
        aggregates.iter().position(|known| same(known, &expr)).unwrap_or_else(|| {
            aggregates.push(expr);
            aggregates.len() - 1
        })
    };
    let mut found = false;
    let mut results = Vec::new();
    for expr in &aggregate.aggr_expr {
        match unaliased(expr) {
            Expr::AggregateFunction(function) if function.func.name() == "avg" => {
                let average = Average::of(function, input)?;
                results.push(Value::Average {
                    sum: index(average.sum),
                    count: index(average.count),
                    divide: average.divide,
                });
                found = true;
            }
            _ => results.push(Value::Plain(index(expr.clone()))),
        }
    }
    if !found {
        return None;
    }
    let groups = aggregate.group_expr.len();
    let below = Aggregate::try_new(Arc::clone(&aggregate.input), aggregate.group_expr.clone(), aggregates).ok()?;
    let field = |i: usize| {
        let (qualifier, field) = below.schema.qualified_field(i);
        Expr::Column(Column::new(qualifier.cloned(), field.name()))
    };
    let mut columns: Vec<Expr> = (0..groups).map(field).collect();
    for (i, result) in results.into_iter().enumerate() {
        let (qualifier, original) = aggregate.schema.qualified_field(groups + i);
        let value = match result {
            Value::Plain(i) => field(groups + i),
            Value::Average { sum, count, divide } => divide.expression(field(groups + sum), field(groups + count)),
        };
        columns.push(value.alias_qualified(qualifier.cloned(), original.name()));
    }
    Some((LogicalPlan::Aggregate(below), columns))
}

/// Whether two aggregates give the same value, under whatever name.
fn same(one: &Expr, other: &Expr) -> bool {
    match (unaliased(one), unaliased(other)) {
        (Expr::AggregateFunction(one), Expr::AggregateFunction(other)) => {
            one.func.name() == other.func.name() && one.params == other.params
        }
        _ => false,
    }
}

fn unaliased(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => unaliased(&alias.expr),
        other => other,
    }
}

/// Where a result comes from, by position among the aggregates below.
enum Value {
    Plain(usize),
    Average { sum: usize, count: usize, divide: Divide },
}

/// How a sum and a count become the average that DataFusion computes.
enum Divide {
    /// As floating point numbers. A sum of whole numbers of 32 bits is exact there up to four million rows, and the sum of the
    /// source always is.
    Float,
    /// As decimals of this type.
    Decimal(u8, i8),
}

impl Divide {
    fn expression(self, sum: Expr, count: Expr) -> Expr {
        match self {
            Self::Float => cast(sum, DataType::Float64) / cast(count, DataType::Float64),
            Self::Decimal(precision, scale) => {
                ScalarUDF::new_from_impl(ExactAverage::new(precision, scale)).call(vec![sum, count])
            }
        }
    }
}

struct Average {
    sum: Expr,
    count: Expr,
    divide: Divide,
}

impl Average {
    fn of(function: &AggregateFunction, input: &DFSchema) -> Option<Self> {
        let params = &function.params;
        let ([argument], true) = (params.args.as_slice(), params.order_by.is_empty()) else { return None };
        if params.null_treatment.is_some() {
            return None;
        }
        let (value, summed, divide) = match argument {
            Expr::Cast(inner) if *inner.field.data_type() == DataType::Float64 => {
                let sum_type = match inner.expr.get_type(input).ok()? {
                    DataType::Int8 | DataType::Int16 | DataType::Int32 => DataType::Int64,
                    DataType::UInt8 | DataType::UInt16 | DataType::UInt32 => DataType::UInt64,
                    _ => return None,
                };
                let value = inner.expr.as_ref().clone();
                (value.clone(), cast(value, sum_type), Divide::Float)
            }
            other => match other.get_type(input).ok()? {
                DataType::Decimal128(precision, scale) if precision <= DIGITS_MAX && scale >= 0 => {
                    let divide = Divide::Decimal((precision + 4).min(38), (scale + 4).min(38));
                    (other.clone(), other.clone(), divide)
                }
                _ => return None,
            },
        };
        let call = |func: Arc<AggregateUDF>, argument: Expr| {
            let params = AggregateFunctionParams { args: vec![argument], ..params.clone() };
            Expr::AggregateFunction(AggregateFunction { func, params })
        };
        Some(Self { sum: call(sum_udaf(), summed), count: call(count_udaf(), value), divide })
    }
}
