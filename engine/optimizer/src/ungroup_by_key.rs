//! DISTINCT and GROUP BY over rows that are distinct already are left out.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{JoinType, Result};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{Aggregate, Distinct, LogicalPlan, Projection, TableScan};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use datafusion::prelude::{Expr, lit};

use crate::keys::{plain, unique_keys};

/// Leaves out a DISTINCT whose columns hold a key of its input, and a GROUP BY whose columns do.
///
/// No two rows have the same values in the columns of a key, none of which is null, so each row is its own group: DISTINCT
/// changes nothing, `count(*)` is one, and `min` and `max` of a column are its value. Other aggregates and floating point keep
/// the GROUP BY.
/// Keys are those that a source's catalog has (primary keys, and unique keys of columns that are never null), followed through
/// filters, limits, sorts, plain projections and semi and anti joins, which return each row at most once, and the columns of a
/// GROUP BY or DISTINCT. The rule follows them by itself: what DataFusion knows of dependencies above joins does not always hold.
#[derive(Debug, Default)]
pub struct UngroupByKey;

impl UngroupByKey {
    /// Name of the rule.
    pub const NAME: &'static str = "ungroup_by_key";
}

impl OptimizerRule for UngroupByKey {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        match plan {
            LogicalPlan::Distinct(Distinct::All(input))
                if !keys(&input).is_empty() && keeps_values(input.schema().fields()) =>
            {
                Ok(Transformed::yes(Arc::unwrap_or_clone(input)))
            }
            LogicalPlan::Aggregate(aggregate) => match ungrouped(&aggregate)? {
                Some(projection) => Ok(Transformed::yes(projection)),
                None => Ok(Transformed::no(LogicalPlan::Aggregate(aggregate))),
            },
            other => Ok(Transformed::no(other)),
        }
    }
}

/// The groups as a projection of their rows, when each has one row.
fn ungrouped(aggregate: &Aggregate) -> Result<Option<LogicalPlan>> {
    let schema = aggregate.input.schema();
    let places = aggregate.group_expr.iter().map(|expr| match expr {
        Expr::Column(column) => schema.maybe_index_of_column(column),
        _ => None,
    });
    let Some(places) = places.collect::<Option<Vec<usize>>>() else { return Ok(None) };
    // Without GROUP BY there is one group, also of no row.
    if places.is_empty()
        || !keeps_values(aggregate.schema.fields())
        || !keys(&aggregate.input).iter().any(|key| key.iter().all(|column| places.contains(column)))
    {
        return Ok(None);
    }
    let Some(values) = aggregate.aggr_expr.iter().map(of_one_row).collect::<Option<Vec<Expr>>>() else { return Ok(None) };
    let columns = aggregate.group_expr.iter().cloned().chain(values);
    let named = columns.zip(aggregate.schema.iter()).map(|(expr, (qualifier, field))| match &expr {
        Expr::Column(column) if column.relation.as_ref() == qualifier && column.name == *field.name() => expr,
        _ => expr.alias_qualified(qualifier.cloned(), field.name()),
    });
    let named: Vec<Expr> = named.collect();
    let projection = Projection::try_new(named, Arc::clone(&aggregate.input))?;
    let same = |(a, b): (&Arc<Field>, &Arc<Field>)| a.data_type() == b.data_type();
    let fits = projection.schema.fields().iter().zip(aggregate.schema.fields()).all(same);
    Ok(fits.then_some(LogicalPlan::Projection(projection)))
}

/// Whether grouping returns the values as they are: it returns 0.0 for a zero of either sign.
pub(crate) fn keeps_values(fields: &Fields) -> bool {
    let kept = |field: &Arc<Field>| match field.data_type() {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) | DataType::Map(item, _) => {
            keeps_values(&Fields::from(vec![Arc::clone(item)]))
        }
        DataType::Struct(fields) => keeps_values(fields),
        other => !other.is_floating(),
    };
    fields.iter().all(kept)
}

/// An aggregate of one row.
fn of_one_row(expr: &Expr) -> Option<Expr> {
    match expr {
        Expr::Alias(alias) => of_one_row(&alias.expr),
        Expr::AggregateFunction(AggregateFunction { func, params }) if params.filter.is_none() => {
            match (func.name(), params.args.as_slice()) {
                ("count", [Expr::Literal(value, _)]) if !value.is_null() => Some(lit(1_i64)),
                ("min" | "max", [column @ Expr::Column(_)]) => Some(column.clone()),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Sets of output columns, by position, that no two rows have the same values in.
fn keys(plan: &LogicalPlan) -> Vec<Vec<usize>> {
    match plan {
        LogicalPlan::TableScan(scan) => keys_of_table(scan),
        LogicalPlan::Filter(filter) => keys(&filter.input),
        LogicalPlan::Sort(sort) => keys(&sort.input),
        LogicalPlan::Limit(limit) => keys(&limit.input),
        LogicalPlan::SubqueryAlias(alias) => keys(&alias.input),
        LogicalPlan::Join(join) if matches!(join.join_type, JoinType::LeftSemi | JoinType::LeftAnti) => keys(&join.left),
        LogicalPlan::Join(join) if matches!(join.join_type, JoinType::RightSemi | JoinType::RightAnti) => keys(&join.right),
        LogicalPlan::Projection(projection) => {
            let below = projection.input.schema();
            let source = |expr: &Expr| plain(expr).and_then(|column| below.maybe_index_of_column(column));
            let places: Vec<Option<usize>> = projection.expr.iter().map(source).collect();
            let above = |column: &usize| places.iter().position(|place| *place == Some(*column));
            keys(&projection.input).iter().filter_map(|key| key.iter().map(above).collect()).collect()
        }
        LogicalPlan::Distinct(Distinct::All(input)) => vec![(0..input.schema().fields().len()).collect()],
        LogicalPlan::Aggregate(aggregate) if !aggregate.group_expr.iter().any(|e| matches!(e, Expr::GroupingSet(_))) => {
            vec![(0..aggregate.group_expr.len()).collect()]
        }
        _ => Vec::new(),
    }
}

fn keys_of_table(scan: &TableScan) -> Vec<Vec<usize>> {
    let place = |column: &usize| match &scan.projection {
        Some(projection) => projection.iter().position(|i| i == column),
        None => Some(*column),
    };
    unique_keys(scan).iter().filter_map(|key| key.iter().map(place).collect()).collect()
}
