//! Conditions decide before what may fail beside them is computed.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::{conjunction, disjunction};
use datafusion::logical_expr::{BinaryExpr, ExprSchemable, LogicalPlan, Operator, not, when};
use datafusion::prelude::{Expr, lit};

/// Longest chain of AND or OR in which conditions are put before others; each is written again for each that may fail.
const CHAIN_MAX: usize = 64;

/// Computes divisions and casts of texts in AND and OR only for the rows that the other conditions leave undecided.
///
/// In `x <> 0 AND 10 / x > 1` DataFusion computes both sides for all rows unless most of them fail the first, and it makes AND and OR
/// of a CASE with truth values. `A AND F` becomes `A AND CASE WHEN NOT A THEN false ELSE F END`, and `A OR F` becomes
/// `A OR CASE WHEN A THEN true ELSE F END`: where A decides, the value is the same, and elsewhere it is that of F. Their order in the
/// statement does not matter: DataFusion puts cheap ones first. A stays in front, where files are pruned by it. This is done last,
/// when no rule simplifies conditions any more.
#[derive(Debug, Default)]
pub struct GuardConditions;

impl GuardConditions {
    /// The plan with such conditions in filters and values.
    pub fn apply(plan: LogicalPlan) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|node| {
            if !matches!(node, LogicalPlan::Filter(_) | LogicalPlan::Projection(_)) {
                return Ok(Transformed::no(node));
            }
            let Some(schema) = node.inputs().first().map(|input| Arc::clone(input.schema())) else {
                return Ok(Transformed::no(node));
            };
            let names = NamePreserver::new(&node);
            node.map_expressions(|expr| {
                let name = names.save(&expr);
                Ok(guarded(expr, &schema)?.update_data(|expr| name.restore(expr)))
            })
        })
        .data()
    }
}

fn guarded(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    expr.transform_down(|expr| match expr {
        Expr::BinaryExpr(BinaryExpr { op: op @ (Operator::And | Operator::Or), .. }) => chain(expr, op, schema),
        other => Ok(Transformed::no(other)),
    })
}

fn chain(expr: Expr, op: Operator, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let mut parts = Vec::new();
    flatten(&expr, op, &mut parts);
    let fails = parts.iter().map(|part| may_fail(part, schema)).collect::<Result<Vec<_>>>()?;
    let count = fails.iter().filter(|fails| **fails).count();
    if parts.len() > CHAIN_MAX || count == 0 || count == parts.len() {
        return Ok(Transformed::no(expr));
    }
    let (mut made, mut later) = (Vec::with_capacity(parts.len()), Vec::with_capacity(count));
    for (part, fails) in parts.into_iter().zip(fails) {
        // What is in a part is guarded by its own conditions too.
        let part = guarded(part.clone(), schema)?.data;
        if fails { later.push(part) } else { made.push(part) }
    }
    let and = op == Operator::And;
    let joined = |parts: Vec<Expr>| if and { conjunction(parts) } else { disjunction(parts) };
    let Some(before) = joined(made.clone()) else { return Ok(Transformed::no(expr)) };
    let decided = if and { not(before) } else { before };
    for part in later {
        made.push(when(decided.clone(), lit(!and)).otherwise(part)?);
    }
    Ok(Transformed::new(joined(made).unwrap_or(expr), true, TreeNodeRecursion::Jump))
}

fn flatten<'a>(expr: &'a Expr, op: Operator, parts: &mut Vec<&'a Expr>) {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: own, right }) if *own == op => {
            flatten(left, op, parts);
            flatten(right, op, parts);
        }
        other => parts.push(other),
    }
}

/// Whether an expression divides whole numbers or decimals by something, or reads a text as a value of another type.
fn may_fail(expr: &Expr, schema: &DFSchema) -> Result<bool> {
    expr.exists(|expr| {
        Ok(match expr {
            Expr::BinaryExpr(BinaryExpr { op: Operator::Divide | Operator::Modulo, right, .. }) => {
                !matches!(right.as_ref(), Expr::Literal(..)) && !expr.get_type(schema)?.is_floating()
            }
            Expr::Cast(cast) => {
                let (from, to) = (cast.expr.get_type(schema)?, cast.field.data_type());
                from.is_string() && !to.is_string() && !matches!(cast.expr.as_ref(), Expr::Literal(..))
            }
            _ => false,
        })
    })
}
