//! Joins with a table in which every row has its match are left out.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, ExprSchema, JoinType, NullEquality, Result};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Filter, Join, LogicalPlan, Projection};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use datafusion::prelude::Expr;

use crate::keys::{compares_by_value, is_included, origin, unique_keys, whole_table};

/// Leaves out a semi join, and an inner join of which nothing but the keys is used, with a table that is known to have a match for
/// every row.
///
/// Let `L` be joined with all rows of a table `R` on `L.f = R.k`. When every value of `f` that is not null is in `R.k`, the rows
/// of `L` that have a match are those in which `f` is not null:
///
/// ```text
/// L SEMI JOIN R ON f = k   =   L WHERE f IS NOT NULL
/// L JOIN R ON f = k        =   L WHERE f IS NOT NULL, with f in the place of k, when k holds a key of R
/// ```
///
/// The inner join needs the key so that no row matches twice. `f` is known to be in `R.k` when it comes from a column of the same
/// table, or from a foreign key that the source says holds for every row that is seen (see [`headwater_source::ForeignKey`]), on
/// whatever way: filters, joins and groups only leave values out or add nulls. Columns of several keys must come from one row.
/// Values that are equal without being the same (floating point) are not looked at. DataFusion makes a semi join of an inner join
/// whose columns nobody uses, and leaves out left joins on a key by itself.
#[derive(Debug, Default)]
pub struct DropReferencedJoins;

impl DropReferencedJoins {
    /// Name of the rule.
    pub const NAME: &'static str = "drop_referenced_joins";
}

impl OptimizerRule for DropReferencedJoins {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Join(join) = &plan else { return Ok(Transformed::no(plan)) };
        let dropped = match join.join_type {
            JoinType::LeftSemi => Sides::of(join, false).map(|sides| sides.matched()).transpose()?,
            JoinType::RightSemi => Sides::of(join, true).map(|sides| sides.matched()).transpose()?,
            JoinType::Inner => match inner(join, false)? {
                Some(dropped) => Some(dropped),
                None => inner(join, true)?,
            },
            _ => None,
        };
        Ok(dropped.map_or_else(|| Transformed::no(plan), Transformed::yes))
    }
}

/// A join whose dropped side has a match for every row of the kept one.
struct Sides<'a> {
    kept: &'a Arc<LogicalPlan>,
    dropped: &'a Arc<LogicalPlan>,
    /// Expressions of the kept side that are equal to columns of the dropped one.
    keys: Vec<(Expr, usize)>,
    /// Whether no row of the dropped side has the values of another.
    unique: bool,
}

impl<'a> Sides<'a> {
    fn of(join: &'a Join, keep_right: bool) -> Option<Self> {
        if join.filter.is_some() || join.on.is_empty() || join.null_equality != NullEquality::NullEqualsNothing {
            return None;
        }
        let (kept, dropped) = if keep_right { (&join.right, &join.left) } else { (&join.left, &join.right) };
        let table = whole_table(dropped)?;
        let mut keys = Vec::new();
        let mut origins = Vec::new();
        let mut referenced = Vec::new();
        for (left, right) in &join.on {
            let (own, other) = if keep_right { (right, left) } else { (left, right) };
            let other = dropped.schema().maybe_index_of_column(column_below(other, dropped)?)?;
            let from = origin(kept, kept.schema().maybe_index_of_column(column_below(own, kept)?)?)?;
            referenced.push((*table.columns.get(other)?)?);
            origins.push(from);
            keys.push((own.clone(), other));
        }
        let first = origins.first()?;
        if origins.iter().any(|o| o.path != first.path || !std::ptr::eq(o.scan, first.scan)) {
            return None;
        }
        let columns: Vec<usize> = origins.iter().map(|o| o.column).collect();
        let complete = table.without_nulls.iter().all(|column| referenced.contains(column));
        let included = complete && is_included(first.scan, &columns, table.scan, &referenced);
        let unique = unique_keys(table.scan).iter().any(|key| key.iter().all(|column| referenced.contains(column)));
        included.then_some(Self { kept, dropped, keys, unique })
    }

    /// The rows of the kept side that have a match.
    fn matched(&self) -> Result<LogicalPlan> {
        let schema = self.kept.schema();
        let mut filters = Vec::new();
        for (key, _) in &self.keys {
            let column = column_below(key, self.kept).cloned();
            let Some(column) = column else { continue };
            if schema.field_from_column(&column)?.is_nullable() {
                filters.push(Expr::Column(column).is_not_null());
            }
        }
        match conjunction(filters) {
            Some(filter) => Filter::try_new(filter, Arc::clone(self.kept)).map(LogicalPlan::Filter),
            None => Ok(self.kept.as_ref().clone()),
        }
    }
}

/// An inner join of which only keys are used of one side, without it.
fn inner(join: &Join, keep_right: bool) -> Result<Option<LogicalPlan>> {
    let Some(sides) = Sides::of(join, keep_right).filter(|sides| sides.unique) else { return Ok(None) };
    let own = |plan: &Arc<LogicalPlan>| -> Vec<Option<Expr>> {
        plan.schema().columns().into_iter().map(|c| Some(Expr::Column(c))).collect()
    };
    let key = |i: usize| sides.keys.iter().find(|(_, column)| *column == i).map(|(key, _)| key.clone());
    let replaced: Vec<Option<Expr>> = (0..sides.dropped.schema().fields().len()).map(key).collect();
    let columns = match keep_right {
        false => own(sides.kept).into_iter().chain(replaced),
        true => replaced.into_iter().chain(own(sides.kept)),
    };
    let Some(columns) = columns.collect::<Option<Vec<Expr>>>() else { return Ok(None) };
    let named = columns.into_iter().zip(join.schema.iter()).map(|(expr, (qualifier, field))| match &expr {
        Expr::Column(column) if column.relation.as_ref() == qualifier && column.name == *field.name() => expr,
        _ => expr.alias_qualified(qualifier.cloned(), field.name()),
    });
    let projection = Projection::try_new(named.collect(), Arc::new(sides.matched()?))?;
    let same = projection.schema.fields().iter().zip(join.schema.fields()).all(|(a, b)| a.data_type() == b.data_type());
    Ok(same.then_some(LogicalPlan::Projection(projection)))
}

/// The column that an expression has the values of: itself, or a whole number in more bits.
fn column_below<'a>(expr: &'a Expr, plan: &LogicalPlan) -> Option<&'a Column> {
    let data_type = |column: &Column| plan.schema().field_from_column(column).ok().map(|f| f.data_type().clone());
    match expr {
        Expr::Column(column) if compares_by_value(&data_type(column)?) => Some(column),
        Expr::Cast(cast) => {
            let Expr::Column(column) = cast.expr.as_ref() else { return None };
            let (from, to) = (data_type(column)?, cast.field.data_type());
            let widens =
                from.is_signed_integer() && to.is_signed_integer() && from.primitive_width() < to.primitive_width();
            widens.then_some(column)
        }
        _ => None,
    }
}
