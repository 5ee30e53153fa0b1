//! A table that is joined with itself on a key is read once.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, JoinType, NullEquality, Result};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Filter, Join, LogicalPlan, Projection, TableScan, TableScanBuilder};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use datafusion::prelude::Expr;

use crate::keys::{column_of_table, compares_by_value, plain, same_table, unique_keys};
use crate::push_down_plan::is_fickle;

/// Makes one scan of an inner or semi join of a table with itself on a key.
///
/// Each row has its own values of a key, none of which is null, so the only match of a row is itself:
///
/// ```text
/// (T WHERE p) a JOIN (T WHERE q) b ON a.k = b.k   =   T WHERE p AND q, with the columns of both
/// (T WHERE p) a SEMI JOIN (T WHERE q) b ON a.k = b.k   =   (T WHERE p AND q) a
/// ```
///
/// Further equalities and the condition of the join become filters of the one row. Both sides may only filter, rename and leave out
/// columns; the filters may not look at other rows or be volatile. Only keys that the source keeps count, see
/// [`crate::UngroupByKey`].
#[derive(Debug, Default)]
pub struct MergeSelfJoins;

impl MergeSelfJoins {
    /// Name of the rule.
    pub const NAME: &'static str = "merge_self_joins";
}

impl OptimizerRule for MergeSelfJoins {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Join(join) = &plan else { return Ok(Transformed::no(plan)) };
        let merged = merged(join)?;
        Ok(merged.map_or_else(|| Transformed::no(plan), Transformed::yes))
    }
}

/// Rows of a table that pass filters.
struct Side<'a> {
    scan: &'a TableScan,
    /// The column of the table that each output column is.
    columns: Vec<usize>,
    /// Conditions over the columns of the table.
    filters: Vec<Expr>,
}

impl<'a> Side<'a> {
    fn of(plan: &'a LogicalPlan) -> Result<Option<Self>> {
        match plan {
            LogicalPlan::TableScan(scan) if scan.fetch.is_none() => {
                let columns = (0..scan.projected_schema.fields().len()).map(|i| column_of_table(scan, i));
                let columns = columns.collect::<Option<Vec<usize>>>();
                Ok(columns.map(|columns| Self { scan, columns, filters: Vec::new() }))
            }
            LogicalPlan::SubqueryAlias(alias) => Self::of(&alias.input),
            LogicalPlan::Projection(projection) => {
                let Some(below) = Self::of(&projection.input)? else { return Ok(None) };
                let schema = projection.input.schema();
                let place = |e: &Expr| below.columns.get(schema.maybe_index_of_column(plain(e)?)?).copied();
                let columns = projection.expr.iter().map(place).collect::<Option<Vec<usize>>>();
                Ok(columns.map(|columns| Self { columns, ..below }))
            }
            LogicalPlan::Filter(filter) => {
                let Some(mut below) = Self::of(&filter.input)? else { return Ok(None) };
                if is_fickle(&filter.predicate) {
                    return Ok(None);
                }
                let condition = below.of_table(filter.predicate.clone(), filter.input.schema())?;
                below.filters.push(condition);
                Ok(Some(below))
            }
            _ => Ok(None),
        }
    }

    /// An expression over the output columns as one over those of the table.
    fn of_table(&self, expr: Expr, schema: &DFSchema) -> Result<Expr> {
        replace(expr, |column| schema.maybe_index_of_column(column).and_then(|i| self.columns.get(i)).copied(), self.scan)
    }
}

fn replace(expr: Expr, place: impl Fn(&Column) -> Option<usize>, scan: &TableScan) -> Result<Expr> {
    let replaced = expr.transform_up(|e| match &e {
        Expr::Column(column) => Ok(match place(column).and_then(|i| table_column(scan, i)) {
            Some(found) => Transformed::yes(found),
            None => Transformed::no(e),
        }),
        _ => Ok(Transformed::no(e)),
    })?;
    Ok(replaced.data)
}

/// A column of the table as a scan names it.
fn table_column(scan: &TableScan, column: usize) -> Option<Expr> {
    let schema = source_as_provider(&scan.source).ok()?.schema();
    let field = schema.fields().get(column)?;
    Some(Expr::Column(Column::new(Some(scan.table_name.clone()), field.name())))
}

fn merged(join: &Join) -> Result<Option<LogicalPlan>> {
    let semi = match join.join_type {
        JoinType::Inner => false,
        JoinType::LeftSemi => true,
        _ => return Ok(None),
    };
    if join.on.is_empty()
        || join.null_equality != NullEquality::NullEqualsNothing
        || join.filter.as_ref().is_some_and(is_fickle)
    {
        return Ok(None);
    }
    let (Some(left), Some(right)) = (Side::of(&join.left)?, Side::of(&join.right)?) else { return Ok(None) };
    if left.scan.table_name != right.scan.table_name || !same_table(left.scan, right.scan) {
        return Ok(None);
    }
    let Some(mut filters) = key_filters(join, &left, &right) else { return Ok(None) };
    filters.extend(left.filters.iter().chain(&right.filters).cloned());
    let places: Vec<usize> = left.columns.iter().chain(&right.columns).copied().collect();
    if let Some(filter) = &join.filter {
        let (l, r) = (join.left.schema(), join.right.schema());
        let place = |column: &Column| match l.maybe_index_of_column(column) {
            Some(i) => places.get(i).copied(),
            None => r.maybe_index_of_column(column).and_then(|i| right.columns.get(i)).copied(),
        };
        filters.push(replace(filter.clone(), place, left.scan)?);
    }
    let input = filtered(&left, &right, filters)?;
    let outputs = if semi { left.columns.as_slice() } else { places.as_slice() };
    let columns = outputs.iter().zip(join.schema.iter()).map(|(column, (qualifier, field))| {
        Some(table_column(left.scan, *column)?.alias_qualified(qualifier.cloned(), field.name()))
    });
    let Some(columns) = columns.collect::<Option<Vec<Expr>>>() else { return Ok(None) };
    Ok(Some(LogicalPlan::Projection(Projection::try_new(columns, input)?)))
}

/// What the keys of the join ask of one row; `None` when they hold no key of the table.
fn key_filters(join: &Join, left: &Side<'_>, right: &Side<'_>) -> Option<Vec<Expr>> {
    let schema = source_as_provider(&left.scan.source).ok()?.schema();
    let mut own = Vec::new();
    let mut filters = Vec::new();
    for (a, b) in &join.on {
        let (Expr::Column(a), Expr::Column(b)) = (a, b) else { return None };
        let a = *left.columns.get(join.left.schema().maybe_index_of_column(a)?)?;
        let b = *right.columns.get(join.right.schema().maybe_index_of_column(b)?)?;
        let field = schema.fields().get(a)?;
        if !compares_by_value(field.data_type()) {
            return None;
        }
        let (first, second) = (table_column(left.scan, a)?, table_column(left.scan, b)?);
        if a != b {
            filters.push(first.eq(second));
            continue;
        }
        own.push(a);
        if field.is_nullable() {
            filters.push(first.is_not_null());
        }
    }
    let keyed = unique_keys(left.scan).iter().any(|key| key.iter().all(|column| own.contains(column)));
    keyed.then_some(filters)
}

/// One scan with the columns and filters of both.
fn filtered(left: &Side<'_>, right: &Side<'_>, filters: Vec<Expr>) -> Result<Arc<LogicalPlan>> {
    let projection = match (&left.scan.projection, &right.scan.projection) {
        (Some(one), Some(other)) => {
            let mut columns: Vec<usize> = one.iter().chain(other).copied().collect();
            columns.sort_unstable();
            columns.dedup();
            Some(columns)
        }
        _ => None,
    };
    let mut own: Vec<Expr> = left.scan.filters.clone();
    own.extend(right.scan.filters.iter().filter(|f| !left.scan.filters.contains(f)).cloned());
    let scan = TableScanBuilder::new(left.scan.table_name.clone(), Arc::clone(&left.scan.source));
    let scan = LogicalPlan::TableScan(scan.with_projection(projection).with_filters(own).build()?);
    Ok(Arc::new(match conjunction(filters) {
        Some(filter) => LogicalPlan::Filter(Filter::try_new(filter, Arc::new(scan))?),
        None => scan,
    }))
}
