//! Parameters that are compared keep the type of their value.

use std::collections::BTreeMap;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{Between, BinaryExpr, LogicalPlan};
use datafusion::prelude::Expr;

use super::columns::{is_date, is_time};
use super::meet::is_comparison;
use super::{ExactLiterals, rewrite_expr, rewrite_node_with};

impl ExactLiterals {
    /// The parameters that stand in comparisons only, by name: `x > $1`, `x BETWEEN $1 AND $2`, `x IN ($1)`.
    pub fn compared_parameters(plan: &LogicalPlan) -> Result<Vec<String>> {
        let mut places: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        plan.apply_with_subqueries(|plan| {
            plan.apply_expressions(|expr| {
                expr.apply(|expr| {
                    if let Expr::Placeholder(found) = expr {
                        places.entry(found.id.clone()).or_default().0 += 1;
                    }
                    for operand in operands(expr) {
                        if let Expr::Placeholder(found) = operand {
                            places.entry(found.id.clone()).or_default().1 += 1;
                        }
                    }
                    Ok(TreeNodeRecursion::Continue)
                })
            })
        })?;
        Ok(places.into_iter().filter(|(_, (all, compared))| all == compared).map(|(name, _)| name).collect())
    }

    /// Whether a value of one type may be compared with another as it is.
    pub fn are_comparable(value: &DataType, other: &DataType) -> bool {
        let point = |t: &DataType| is_date(t) || matches!(t, DataType::Timestamp(..));
        (value.is_numeric() && other.is_numeric()) || (point(value) && point(other)) || (is_time(value) && is_time(other))
    }

    /// The plan with these values in the comparisons in which their parameters stand; they meet what they are compared with as
    /// literals do.
    pub fn compare_parameters(plan: LogicalPlan, values: &BTreeMap<String, ScalarValue>) -> Result<LogicalPlan> {
        if values.is_empty() {
            return Ok(plan);
        }
        let known = |expr: &Expr| matches!(expr, Expr::Placeholder(p) if values.contains_key(&p.id));
        let rewritten = plan.transform_up_with_subqueries(|plan| {
            let mut found = false;
            plan.apply_expressions(|expr| {
                found |= expr.exists(|expr| Ok(operands(expr).into_iter().any(known)))?;
                Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
            })?;
            if !found {
                return Ok(Transformed::no(plan));
            }
            rewrite_node_with(plan, false, &|expr, schema, origins| match operands(&expr).into_iter().any(known) {
                true => rewrite_expr(with_values(expr, values), schema, origins),
                false => Ok(Transformed::no(expr)),
            })
        })?;
        Ok(rewritten.data)
    }
}

/// What a comparison compares; nothing of any other expression.
fn operands(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(*op) => vec![left.as_ref(), right.as_ref()],
        Expr::Between(Between { expr, low, high, .. }) => vec![expr.as_ref(), low.as_ref(), high.as_ref()],
        Expr::InList(InList { expr, list, .. }) => list.iter().chain([expr.as_ref()]).collect(),
        _ => Vec::new(),
    }
}

fn with_values(expr: Expr, values: &BTreeMap<String, ScalarValue>) -> Expr {
    let put = |operand: Box<Expr>| Box::new(with_value(*operand, values));
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            Expr::BinaryExpr(BinaryExpr { left: put(left), op, right: put(right) })
        }
        Expr::Between(Between { expr, negated, low, high }) => {
            Expr::Between(Between { expr: put(expr), negated, low: put(low), high: put(high) })
        }
        Expr::InList(InList { expr, list, negated }) => {
            let list = list.into_iter().map(|item| with_value(item, values)).collect();
            Expr::InList(InList { expr: put(expr), list, negated })
        }
        other => other,
    }
}

fn with_value(operand: Expr, values: &BTreeMap<String, ScalarValue>) -> Expr {
    match &operand {
        Expr::Placeholder(found) => match values.get(&found.id) {
            Some(value) => Expr::Literal(value.clone(), None),
            None => operand,
        },
        _ => operand,
    }
}
