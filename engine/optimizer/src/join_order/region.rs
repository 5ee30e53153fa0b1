//! A tree of joins that may be put into another order.

use std::collections::HashMap;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, DFSchema, DFSchemaRef, JoinType, NullEquality};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Cast, ExprSchemable, Join, LogicalPlan, Operator as Symbol};
use datafusion::prelude::Expr;

use super::hypergraph::{RELATIONS_MAX, Set, single};
use crate::bind_join::widens;

/// What a join does with rows of its left side; joins that keep those of their right side are turned around.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Pairs that match.
    Inner,
    /// Pairs that match, and rows of the left side that match none.
    Left,
    /// Rows of the left side that match.
    Semi,
    /// Rows of the left side that match none.
    Anti,
}

impl Kind {
    /// DataFusion's name of it.
    pub(super) fn join_type(self) -> JoinType {
        match self {
            Kind::Inner => JoinType::Inner,
            Kind::Left => JoinType::Left,
            Kind::Semi => JoinType::LeftSemi,
            Kind::Anti => JoinType::LeftAnti,
        }
    }
}

/// One condition of a join.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Term {
    /// Two expressions are equal and not null.
    Equal(Expr, Expr),
    /// Anything else.
    Other(Expr),
}

impl Term {
    /// The columns it looks at.
    pub(super) fn columns(&self) -> Vec<Column> {
        let exprs = match self {
            Term::Equal(left, right) => vec![left, right],
            Term::Other(expr) => vec![expr],
        };
        exprs.into_iter().flat_map(|e| e.column_refs().into_iter().cloned().collect::<Vec<_>>()).collect()
    }
}

/// Joins over relations, which are parts of the plan that stay as they are.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Tree {
    /// A relation by its number.
    Leaf(usize),
    /// A join.
    Join {
        /// Which rows it returns.
        kind: Kind,
        /// The side whose rows it keeps when it is no inner join.
        left: Box<Tree>,
        /// The other side.
        right: Box<Tree>,
        /// What matches: all of these.
        terms: Vec<Term>,
    },
}

/// A whole tree with its relations.
#[derive(Debug)]
pub(super) struct Region<'a> {
    /// The relations.
    pub(super) leaves: Vec<&'a LogicalPlan>,
    /// The joins, as the plan has them.
    pub(super) tree: Tree,
    /// What the plan returns.
    pub(super) output: &'a DFSchemaRef,
    places: HashMap<Column, usize>,
}

impl<'a> Region<'a> {
    /// The tree of joins that this plan begins; `None` when there is no order to choose or a name is not unique.
    pub(super) fn of(plan: &'a LogicalPlan) -> Option<Self> {
        if !matches!(plan, LogicalPlan::Join(_)) || !is_inside(plan) {
            return None;
        }
        let mut leaves = Vec::new();
        let tree = collect(plan, &mut leaves)?;
        if leaves.len() < 3 || leaves.len() > RELATIONS_MAX {
            return None;
        }
        let mut places = HashMap::new();
        for (number, leaf) in leaves.iter().enumerate() {
            for column in leaf.schema().columns() {
                if places.insert(column, number).is_some() {
                    return None;
                }
            }
        }
        Some(Self { leaves, tree, output: plan.schema(), places })
    }

    /// The relation that has this column.
    pub(super) fn relation(&self, column: &Column) -> Option<usize> {
        self.places.get(column).copied()
    }

    /// The relations that an expression looks at; `None` when a column is in none.
    pub(super) fn relations(&self, columns: &[Column]) -> Option<Set> {
        columns.iter().try_fold(0, |all, column| Some(all | single(self.relation(column)?)))
    }
}

/// Whether a node is part of a tree of joins and no relation of it.
pub(super) fn is_inside(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Join(join) => may_move(join),
        LogicalPlan::Projection(projection) => {
            projection.expr.iter().all(|e| matches!(e, Expr::Column(_)))
                && matches!(projection.input.as_ref(), LogicalPlan::Join(join) if may_move(join))
        }
        _ => false,
    }
}

fn collect<'a>(plan: &'a LogicalPlan, leaves: &mut Vec<&'a LogicalPlan>) -> Option<Tree> {
    let join = match plan {
        LogicalPlan::Projection(projection) if is_inside(plan) => return collect(&projection.input, leaves),
        LogicalPlan::Join(join) if may_move(join) => join,
        leaf => {
            leaves.push(leaf);
            return Some(Tree::Leaf(leaves.len() - 1));
        }
    };
    let (kind, turned) = kind(join.join_type)?;
    let left = Box::new(collect(&join.left, leaves)?);
    let right = Box::new(collect(&join.right, leaves)?);
    let pair = |(left, right): &(Expr, Expr)| match turned {
        true => Term::Equal(right.clone(), left.clone()),
        false => Term::Equal(left.clone(), right.clone()),
    };
    let others = join.filter.iter().flat_map(split_conjunction).map(|e| Term::Other(e.clone()));
    let terms = join.on.iter().map(pair).chain(others).collect();
    let (left, right) = if turned { (right, left) } else { (left, right) };
    Some(Tree::Join { kind, left, right, terms })
}

/// The kind of a join, and whether its sides change places for it.
fn kind(join_type: JoinType) -> Option<(Kind, bool)> {
    Some(match join_type {
        JoinType::Inner => (Kind::Inner, false),
        JoinType::Left => (Kind::Left, false),
        JoinType::Right => (Kind::Left, true),
        JoinType::LeftSemi => (Kind::Semi, false),
        JoinType::RightSemi => (Kind::Semi, true),
        JoinType::LeftAnti => (Kind::Anti, false),
        JoinType::RightAnti => (Kind::Anti, true),
        JoinType::Full | JoinType::LeftMark | JoinType::RightMark => return None,
    })
}

/// Whether a join may change places with others: its condition is a function of each pair of rows that cannot fail, and nulls
/// equal nothing.
fn may_move(join: &Join) -> bool {
    let total = |expr: &Expr| is_total(expr, join.left.schema()) || is_total(expr, join.right.schema());
    let Ok(both) = join.left.schema().join(join.right.schema()) else { return false };
    kind(join.join_type).is_some()
        && join.null_equality == NullEquality::NullEqualsNothing
        && !join.null_aware
        && join.on.iter().all(|(left, right)| total(left) && total(right))
        && join.filter.as_ref().is_none_or(|filter| is_total(filter, &both))
}

/// Whether an expression has a value for every row: it compares columns, constants and casts that lose nothing.
pub(crate) fn is_total(expr: &Expr, schema: &DFSchema) -> bool {
    let total = |e: &Expr| is_total(e, schema);
    match expr {
        Expr::Column(column) => schema.maybe_index_of_column(column).is_some(),
        Expr::Literal(..) => true,
        Expr::Alias(alias) => total(&alias.expr),
        Expr::Not(inner)
        | Expr::IsNull(inner)
        | Expr::IsNotNull(inner)
        | Expr::IsTrue(inner)
        | Expr::IsFalse(inner)
        | Expr::IsUnknown(inner)
        | Expr::IsNotTrue(inner)
        | Expr::IsNotFalse(inner)
        | Expr::IsNotUnknown(inner) => total(inner),
        Expr::Between(between) => total(&between.expr) && total(&between.low) && total(&between.high),
        Expr::InList(InList { expr, list, .. }) => total(expr) && list.iter().all(total),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => compares(*op) && total(left) && total(right),
        Expr::Cast(Cast { expr, field }) => {
            let from: Option<DataType> = expr.get_type(schema).ok();
            total(expr) && from.is_some_and(|from| widens(&from, field.data_type()))
        }
        _ => false,
    }
}

fn compares(op: Symbol) -> bool {
    matches!(
        op,
        Symbol::Eq
            | Symbol::NotEq
            | Symbol::Lt
            | Symbol::LtEq
            | Symbol::Gt
            | Symbol::GtEq
            | Symbol::And
            | Symbol::Or
            | Symbol::IsDistinctFrom
            | Symbol::IsNotDistinctFrom
    )
}

/// The column below casts that lose nothing.
pub(super) fn column_of(expr: &Expr) -> Option<&Column> {
    match expr {
        Expr::Column(column) => Some(column),
        Expr::Cast(cast) => column_of(&cast.expr),
        Expr::Alias(alias) => column_of(&alias.expr),
        _ => None,
    }
}
