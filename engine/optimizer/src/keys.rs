//! What is known of the keys of tables: which columns hold a row once, where a column of a plan comes from, and which values are
//! known to be in another table.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, Constraint, JoinType};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Distinct, LogicalPlan, TableScan};
use datafusion::prelude::{Expr, lit};
use headwater_source::{ForeignKey, RemoteQueryTable, RemoteTable, TableKind};

/// Sets of columns of a table, by position in the table, that no two rows have the same values in and that are never null.
pub(crate) fn unique_keys(scan: &TableScan) -> Vec<Vec<usize>> {
    let Ok(provider) = source_as_provider(&scan.source) else { return Vec::new() };
    let schema = provider.schema();
    let Some(constraints) = provider.constraints() else { return Vec::new() };
    let keys = constraints.iter().filter_map(|constraint| {
        let (Constraint::PrimaryKey(columns) | Constraint::Unique(columns)) = constraint;
        let never_null = columns.iter().all(|i| schema.fields().get(*i).is_some_and(|f| !f.is_nullable()));
        (never_null && !columns.is_empty()).then(|| columns.clone())
    });
    keys.collect()
}

/// The position in its table of an output column of a scan.
pub(crate) fn column_of_table(scan: &TableScan, column: usize) -> Option<usize> {
    match &scan.projection {
        Some(projection) => projection.get(column).copied(),
        None => Some(column),
    }
}

/// The column that an expression is, under whatever name.
pub(crate) fn plain(expr: &Expr) -> Option<&Column> {
    match expr {
        Expr::Column(column) => Some(column),
        Expr::Alias(alias) => plain(&alias.expr),
        _ => None,
    }
}

/// A column of a table that an output column of a plan comes from.
#[derive(Debug)]
pub(crate) struct Origin<'a> {
    /// The scan of the table.
    pub(crate) scan: &'a TableScan,
    /// Position in the table.
    pub(crate) column: usize,
    /// Which input was taken at each node with several: the same scan may stand in a plan twice.
    pub(crate) path: Vec<u8>,
}

/// Where an output column of a plan comes from. Every value of the column is null or one of the table's; columns with the same scan
/// and path that are not null come from one row of it.
pub(crate) fn origin(plan: &LogicalPlan, column: usize) -> Option<Origin<'_>> {
    let mut path = Vec::new();
    let (scan, column) = trace(plan, column, &mut path)?;
    Some(Origin { scan, column, path })
}

fn trace<'a>(plan: &'a LogicalPlan, column: usize, path: &mut Vec<u8>) -> Option<(&'a TableScan, usize)> {
    match plan {
        LogicalPlan::TableScan(scan) => Some((scan, column_of_table(scan, column)?)),
        LogicalPlan::Filter(filter) => trace(&filter.input, column, path),
        LogicalPlan::Sort(sort) => trace(&sort.input, column, path),
        LogicalPlan::Limit(limit) => trace(&limit.input, column, path),
        LogicalPlan::SubqueryAlias(alias) => trace(&alias.input, column, path),
        LogicalPlan::Distinct(Distinct::All(input)) => trace(input, column, path),
        LogicalPlan::Window(window) if column < window.input.schema().fields().len() => trace(&window.input, column, path),
        LogicalPlan::Projection(projection) => {
            let below = plain(projection.expr.get(column)?)?;
            trace(&projection.input, projection.input.schema().maybe_index_of_column(below)?, path)
        }
        LogicalPlan::Aggregate(aggregate) => {
            let below = plain(aggregate.group_expr.get(column)?)?;
            trace(&aggregate.input, aggregate.input.schema().maybe_index_of_column(below)?, path)
        }
        LogicalPlan::Join(join) => {
            let left = join.left.schema().fields().len();
            let right = match join.join_type {
                JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => None,
                JoinType::RightSemi | JoinType::RightAnti => Some(column),
                JoinType::RightMark => return None,
                _ => column.checked_sub(left),
            };
            path.push(u8::from(right.is_some()));
            match right {
                Some(right) => trace(&join.right, right, path),
                None if column < left => trace(&join.left, column, path),
                None => None,
            }
        }
        _ => None,
    }
}

/// A plan that returns every row of a table in which some columns are not null.
#[derive(Debug)]
pub(crate) struct WholeTable<'a> {
    /// The scan of the table.
    pub(crate) scan: &'a TableScan,
    /// The column of the table that each output column is; `None` for what is computed.
    pub(crate) columns: Vec<Option<usize>>,
    /// Columns of the table whose nulls are left out.
    pub(crate) without_nulls: Vec<usize>,
}

/// The table that a plan returns all rows of.
pub(crate) fn whole_table(plan: &LogicalPlan) -> Option<WholeTable<'_>> {
    match plan {
        LogicalPlan::TableScan(scan) if scan.fetch.is_none() => {
            let columns = (0..scan.projected_schema.fields().len()).map(|i| column_of_table(scan, i)).collect();
            let table = source_as_provider(&scan.source).ok()?.schema();
            let without_nulls = scan.filters.iter().flat_map(split_conjunction).map(|filter| match filter {
                Expr::IsNotNull(inner) => table.index_of(plain(inner)?.name()).ok(),
                _ => None,
            });
            Some(WholeTable { scan, columns, without_nulls: without_nulls.collect::<Option<Vec<usize>>>()? })
        }
        LogicalPlan::SubqueryAlias(alias) => whole_table(&alias.input),
        LogicalPlan::Projection(projection) => {
            let below = whole_table(&projection.input)?;
            let schema = projection.input.schema();
            let place = |expr: &Expr| *below.columns.get(schema.maybe_index_of_column(plain(expr)?)?)?;
            let columns = projection.expr.iter().map(place).collect();
            Some(WholeTable { columns, ..below })
        }
        LogicalPlan::Filter(filter) => {
            let mut below = whole_table(&filter.input)?;
            let schema = filter.input.schema();
            for part in split_conjunction(&filter.predicate) {
                let Expr::IsNotNull(inner) = part else { return None };
                let column = *below.columns.get(schema.maybe_index_of_column(plain(inner)?)?)?;
                below.without_nulls.push(column?);
            }
            Some(below)
        }
        _ => None,
    }
}

/// Whether two scans read the same table.
pub(crate) fn same_table(one: &TableScan, other: &TableScan) -> bool {
    let (Ok(one), Ok(other)) = (source_as_provider(&one.source), source_as_provider(&other.source)) else { return false };
    match (one.downcast_ref::<RemoteTable>(), other.downcast_ref::<RemoteTable>()) {
        (Some(one), Some(other)) => {
            is_stored(one) && one.source().name() == other.source().name() && one.meta().name == other.meta().name
        }
        // What a text of a user returns may be different each time.
        (None, None) => {
            let native = one.downcast_ref::<RemoteQueryTable>().is_some();
            !native && std::ptr::addr_eq(Arc::as_ptr(&one), Arc::as_ptr(&other))
        }
        _ => false,
    }
}

/// Whether every combination of values of `columns` of one table in which none is null is in `others` of another, in this order.
///
/// That holds for the same columns of the same table, and for a foreign key of which the source knows that every row keeps it.
pub(crate) fn is_included(one: &TableScan, columns: &[usize], other: &TableScan, others: &[usize]) -> bool {
    if same_table(one, other) && columns == others {
        return true;
    }
    let (Ok(one), Ok(other)) = (source_as_provider(&one.source), source_as_provider(&other.source)) else { return false };
    let (Some(one), Some(other)) = (one.downcast_ref::<RemoteTable>(), other.downcast_ref::<RemoteTable>()) else {
        return false;
    };
    let name = |table: &RemoteTable, column: &usize| table.meta().columns.get(*column).map(|c| c.name().to_owned());
    let pairs = columns.iter().zip(others).map(|(a, b)| Some((name(one, a)?, name(other, b)?)));
    let Some(pairs) = pairs.collect::<Option<Vec<(String, String)>>>() else { return false };
    one.source().name() == other.source().name()
        && columns.iter().all(|i| has_equality(one, *i))
        && others.iter().all(|i| has_equality(other, *i))
        && one.meta().foreign_keys.iter().any(|key| key.references == other.meta().name && is_key(key, &pairs))
}

fn is_key(key: &ForeignKey, pairs: &[(String, String)]) -> bool {
    let has = |(column, referenced): (&String, &String)| pairs.iter().any(|(a, b)| a == column && b == referenced);
    key.holds
        && key.columns.len() == pairs.len()
        && key.referenced_columns.len() == pairs.len()
        && key.columns.iter().zip(&key.referenced_columns).all(has)
}

/// Tables that return the same rows whenever they are read, as long as nobody changes them.
fn is_stored(table: &RemoteTable) -> bool {
    !matches!(table.meta().kind, TableKind::View | TableKind::ForeignTable)
}

/// Whether the source finds values of a column equal exactly when they are here.
fn has_equality(table: &RemoteTable, column: usize) -> bool {
    let Some(column) = table.meta().columns.get(column) else { return false };
    match column.field.data_type() {
        DataType::Utf8 => {
            let equals = Expr::Column(Column::from_name(column.name())).eq(lit("a"));
            table.source().filter_support(table.meta(), &equals).is_exact()
        }
        other => compares_by_value(other),
    }
}

/// Types whose values are equal here exactly when they are the same.
pub(crate) fn compares_by_value(data_type: &DataType) -> bool {
    data_type.is_integer()
        || matches!(
            data_type,
            DataType::Boolean | DataType::Date32 | DataType::Timestamp(..) | DataType::Decimal128(..) | DataType::Utf8
        )
}
