//! The rows of a correlated sub-query, joined with those of the query around it.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, DFSchemaRef, JoinConstraint, JoinType, NullEquality, Result};
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{ExprFunctionExt, Join, LogicalPlan, Projection, SortExpr, SubqueryAlias, Window};
use datafusion::prelude::{Expr, lit};

/// Qualifier of the sub-query's columns in the join.
const INNER: &str = "__inner";
/// Its column that is true in every row.
const MATCHED: &str = "matched";
/// The number of a row of the query around.
const ROW: &str = "__outer_row";
/// The number of a row among those of one such row.
const NUMBER: &str = "__inner_number";

/// A sub-query as rows that name no column of the query around, conditions on them and values made of them, which may.
pub(super) struct Block {
    input: Arc<LogicalPlan>,
    pub(super) filters: Vec<Expr>,
    pub(super) outputs: Vec<Expr>,
}

impl Block {
    /// `None` when columns of the query around are named elsewhere than in conditions and values.
    pub(super) fn of(plan: &LogicalPlan) -> Result<Option<Self>> {
        if !names_outer(plan)? {
            let outputs = plan.schema().columns().into_iter().map(Expr::Column).collect();
            return Ok(Some(Self { input: Arc::new(plan.clone()), filters: Vec::new(), outputs }));
        }
        match plan {
            LogicalPlan::SubqueryAlias(alias) => Self::of(&alias.input),
            LogicalPlan::Projection(projection) => {
                let Some(below) = Self::of(&projection.input)? else { return Ok(None) };
                let outputs = below.inlined(&projection.expr, projection.input.schema())?;
                Ok(outputs.map(|outputs| Self { outputs, ..below }))
            }
            LogicalPlan::Filter(filter) => {
                let Some(mut below) = Self::of(&filter.input)? else { return Ok(None) };
                let Some(filters) = below.inlined(std::slice::from_ref(&filter.predicate), filter.input.schema())? else {
                    return Ok(None);
                };
                below.filters.extend(filters);
                Ok(Some(below))
            }
            _ => Ok(None),
        }
    }

    /// Expressions over the outputs as ones over the rows; `None` when one has a sub-query or is volatile.
    pub(super) fn inlined(&self, exprs: &[Expr], schema: &DFSchema) -> Result<Option<Vec<Expr>>> {
        let mut found = Vec::with_capacity(exprs.len());
        for expr in exprs {
            if !is_plain(expr)? {
                return Ok(None);
            }
            found.push(inline(expr.clone().unalias(), schema, &self.outputs)?);
        }
        Ok(Some(found))
    }

    /// Joins the rows around, which get a number, with those of the sub-query; `None` when a column is of neither.
    pub(super) fn join(&self, outer: &Arc<LogicalPlan>, join_type: JoinType) -> Result<Option<Joined>> {
        let schema = self.input.schema();
        let named = |(i, column): (usize, Column)| Expr::Column(column).alias(format!("c{i}"));
        let mut columns: Vec<Expr> = schema.columns().into_iter().enumerate().map(named).collect();
        columns.push(lit(true).alias(MATCHED));
        let inner = LogicalPlan::Projection(Projection::try_new(columns, Arc::clone(&self.input))?);
        let inner = LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(Arc::new(inner), INNER)?);
        let (around, own) = (Arc::clone(outer.schema()), Arc::clone(schema));
        let mut joined = Joined { outer: around, inner: own, plan: LogicalPlan::default() };
        let mut filters = Vec::with_capacity(self.filters.len());
        for filter in &self.filters {
            let Some(filter) = joined.expression(filter.clone())? else { return Ok(None) };
            filters.push(filter);
        }
        let outer = with_number(outer.as_ref().clone(), row_number(), ROW)?;
        let nulls = NullEquality::NullEqualsNothing;
        let (outer, inner, filter) = (Arc::new(outer), Arc::new(inner), conjunction(filters));
        let join = Join::try_new(outer, inner, Vec::new(), filter, join_type, JoinConstraint::On, nulls, false)?;
        joined.plan = LogicalPlan::Join(join);
        Ok(Some(joined))
    }
}

/// Rows of the query around with the rows of the sub-query that belong to each.
pub(super) struct Joined {
    outer: DFSchemaRef,
    inner: DFSchemaRef,
    pub(super) plan: LogicalPlan,
}

impl Joined {
    /// The number of the row around.
    pub(super) fn row() -> Expr {
        Expr::Column(Column::from_name(ROW))
    }

    /// Columns of the query around.
    pub(super) fn outer_columns(&self) -> Vec<Column> {
        self.outer.columns()
    }

    /// Whether an expression over the join is a column of the sub-query, which is null where there is no row of it.
    pub(super) fn is_inner_column(expr: &Expr) -> bool {
        matches!(expr, Expr::Column(column) if column.relation.as_ref().is_some_and(|r| r.table() == INNER))
    }

    /// Whether there is a row of the sub-query.
    pub(super) fn is_matched() -> Expr {
        Expr::Column(Column::new(Some(INNER), MATCHED)).is_not_null()
    }

    /// An expression of the sub-query over the join; `None` when it names a column that is not there.
    pub(super) fn expression(&self, expr: Expr) -> Result<Option<Expr>> {
        let mut known = true;
        let replaced = expr.transform_up(|e| match &e {
            Expr::OuterReferenceColumn(_, column) => {
                known &= self.outer.maybe_index_of_column(column).is_some();
                Ok(Transformed::yes(Expr::Column(column.clone())))
            }
            Expr::Column(column) => match self.inner.maybe_index_of_column(column) {
                Some(i) => Ok(Transformed::yes(Expr::Column(Column::new(Some(INNER), format!("c{i}"))))),
                None => {
                    known = false;
                    Ok(Transformed::no(e))
                }
            },
            _ => Ok(Transformed::no(e)),
        })?;
        Ok(known.then_some(replaced.data))
    }

    /// The join with a number of each row among those of one row around, in this order.
    pub(super) fn numbered(self, order: Vec<SortExpr>) -> Result<(LogicalPlan, Expr)> {
        let number = row_number().partition_by(vec![Self::row()]).order_by(order).build()?;
        Ok((with_number(self.plan, number, NUMBER)?, Expr::Column(Column::from_name(NUMBER))))
    }
}

/// The plan with the result of a window function as one more column.
pub(super) fn with_number(plan: LogicalPlan, function: Expr, name: &str) -> Result<LogicalPlan> {
    let mut columns: Vec<Expr> = plan.schema().columns().into_iter().map(Expr::Column).collect();
    let window = Window::try_new(vec![function], Arc::new(plan))?;
    let (qualifier, field) = window.schema.qualified_field(columns.len());
    columns.push(Expr::Column(Column::new(qualifier.cloned(), field.name())).alias(name));
    Projection::try_new(columns, Arc::new(LogicalPlan::Window(window))).map(LogicalPlan::Projection)
}

/// An expression over `outputs` in the place of the columns of `schema`.
pub(super) fn inline(expr: Expr, schema: &DFSchema, outputs: &[Expr]) -> Result<Expr> {
    let replaced = expr.transform_up(|e| match &e {
        Expr::Column(column) => Ok(match schema.maybe_index_of_column(column).and_then(|i| outputs.get(i)) {
            Some(found) => Transformed::yes(found.clone()),
            None => Transformed::no(e),
        }),
        _ => Ok(Transformed::no(e)),
    })?;
    Ok(replaced.data)
}

/// A plan whose nodes know what may be null below them now.
pub(super) fn recomputed(plan: Transformed<LogicalPlan>) -> Result<LogicalPlan> {
    if !plan.transformed {
        return Ok(plan.data);
    }
    plan.data.transform_up_with_subqueries(|node| node.recompute_schema().map(Transformed::yes)).map(|t| t.data)
}

/// Whether a plan names columns of a query around it.
pub(super) fn names_outer(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        found |= node.contains_outer_reference();
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

/// Whether an expression has no sub-query and one value for a row.
pub(super) fn is_plain(expr: &Expr) -> Result<bool> {
    let mut plain = !expr.is_volatile();
    expr.apply(|e| {
        plain &= !matches!(e, Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_) | Expr::SetComparison(_));
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(plain)
}
