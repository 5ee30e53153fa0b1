//! Columns that become one: of the two sides of a join, of the parts of a UNION, of a value and the sub-query it is looked up in.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::InSubquery;
use datafusion::logical_expr::{Cast, Join, LogicalPlan, Projection, Subquery, Union};
use datafusion::prelude::Expr;

use super::float::{as_float, is_float};
use super::meet::type_of;
use super::texts::{as_number, column_as_numbers, is_text};

/// Whether values of a type are days.
pub(super) fn is_date(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Date32 | DataType::Date64)
}

/// Whether values of a type are times of day.
pub(super) fn is_time(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Time32(_) | DataType::Time64(_))
}

/// The finest of such types.
pub(super) fn times_of_day<'a>(types: impl Iterator<Item = &'a DataType>) -> Option<DataType> {
    let unit = |t: &DataType| match t {
        DataType::Time32(unit) | DataType::Time64(unit) => Some(*unit),
        _ => None,
    };
    types.max_by_key(|t| unit(t)).cloned()
}

/// The type that values get when they become one column with others, where DataFusion's is wrong or too narrow; `None` leaves it to
/// DataFusion.
fn target(own: &DataType, all: &[&DataType]) -> Option<DataType> {
    let all = || all.iter().copied();
    if own.is_decimal() {
        return all().any(is_float).then_some(DataType::Float64);
    }
    if is_date(own) {
        let unit = |t: &DataType| if let DataType::Timestamp(unit, _) = t { Some(*unit) } else { None };
        return all().filter_map(unit).max().map(|unit| DataType::Timestamp(unit.max(TimeUnit::Microsecond), None));
    }
    is_time(own).then(|| times_of_day(all().filter(|t| is_time(t)))).flatten().filter(|finest| finest != own)
}

fn converted(expr: Expr, to: DataType) -> Expr {
    match to {
        DataType::Float64 => as_float(expr),
        to => Expr::Cast(Cast::new(Box::new(expr), to)),
    }
}

/// Keys of a join are pairs of its two sides.
pub(super) fn rewrite_keys(mut join: Join) -> Result<Join> {
    let (left, right) = (Arc::clone(join.left.schema()), Arc::clone(join.right.schema()));
    for (a, b) in &mut join.on {
        let (a_type, b_type) = (type_of(a, &left), type_of(b, &right));
        for (key, own, other) in [(a, &a_type, &b_type), (b, &b_type, &a_type)] {
            if is_text(own) && other.is_decimal() {
                *key = as_number(std::mem::take(key))?;
            } else if let Some(to) = target(own, &[own, other]) {
                *key = converted(std::mem::take(key), to);
            }
        }
    }
    Ok(join)
}

/// Each column of a UNION has one type in all of its parts.
pub(super) fn rewrite_union(union: Union) -> Result<LogicalPlan> {
    let types = |index: usize| union.inputs.iter().map(move |input| input.schema().field(index).data_type());
    let columns: Vec<Vec<&DataType>> = (0..union.schema.fields().len()).map(|i| types(i).collect()).collect();
    let inputs = union
        .inputs
        .iter()
        .map(|input| with_columns(input, &columns).map(|changed| changed.map_or_else(|| Arc::clone(input), Arc::new)));
    Union::try_new_with_loose_types(inputs.collect::<Result<_>>()?).map(LogicalPlan::Union)
}

/// The plan with columns that meet others as they have to be; `None` when they are so.
fn with_columns(plan: &Arc<LogicalPlan>, met: &[Vec<&DataType>]) -> Result<Option<LogicalPlan>> {
    let schema = plan.schema();
    let fields = schema.fields().iter().enumerate();
    let targets: Vec<Option<DataType>> =
        fields.map(|(i, field)| met.get(i).and_then(|all| target(field.data_type(), all))).collect();
    if targets.iter().all(Option::is_none) {
        return Ok(None);
    }
    let columns = schema.iter().zip(targets).map(|((qualifier, field), to)| {
        let column = Expr::from((qualifier, field));
        match to {
            Some(to) => converted(column, to).alias_qualified(qualifier.cloned(), field.name()),
            None => column,
        }
    });
    let columns = columns.collect();
    Projection::try_new(columns, Arc::clone(plan)).map(|projection| Some(LogicalPlan::Projection(projection)))
}

/// `value IN (sub-query)`.
pub(super) fn rewrite_in(found: InSubquery, schema: &DFSchema) -> Result<Expr> {
    let InSubquery { mut expr, mut subquery, negated } = found;
    let (value, column) = (type_of(&expr, schema), subquery.subquery.schema().field(0).data_type().clone());
    if is_text(&value) && column.is_decimal() {
        *expr = as_number(*expr)?;
    } else if let Some(to) = target(&value, &[&value, &column]) {
        *expr = converted(*expr, to);
    }
    if value.is_decimal() && is_text(&column) {
        subquery = Subquery { subquery: Arc::new(column_as_numbers(&subquery.subquery)?), ..subquery };
    } else if let Some(changed) = with_columns(&subquery.subquery, &[vec![&column, &value]])? {
        subquery = Subquery { subquery: Arc::new(changed), ..subquery };
    }
    Ok(Expr::InSubquery(InSubquery { expr, subquery, negated }))
}
