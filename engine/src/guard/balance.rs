//! Long chains of AND and OR as balanced trees.
//!
//! The parser makes `a OR b OR c ...` a tree as deep as it has terms, and code that walks it by recursion overflows the stack.
//! AND and OR are associative under SQL's three-valued logic, so any bracketing means the same; a balanced one has a depth of
//! the logarithm of its terms. Other operators are left alone: on mixed types, `+` is not associative.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, VisitMut, VisitorMut};

use crate::syntax::{inner_mut, placeholder};

/// Chains shorter than this stay as they are.
const TERMS_MIN: usize = 16;

/// Balances every chain in a statement.
pub(crate) fn balance(statement: &mut Statement) {
    if let Some(inner) = inner_mut(statement) {
        let _ = VisitMut::visit(inner, &mut Balancer);
    }
}

struct Balancer;

impl VisitorMut for Balancer {
    type Break = ();

    /// Before its children are visited, so that the visit itself meets balanced trees only.
    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Some(op) = chained(expr)
            && length(expr, &op) >= TERMS_MIN
        {
            let whole = std::mem::replace(expr, placeholder());
            *expr = tree(terms(whole, &op), &op);
        }
        ControlFlow::Continue(())
    }
}

fn chained(expr: &Expr) -> Option<BinaryOperator> {
    match expr {
        Expr::BinaryOp { op: op @ (BinaryOperator::And | BinaryOperator::Or), .. } => Some(op.clone()),
        _ => None,
    }
}

/// Depth of the chain on its left side, where the parser puts it.
fn length(mut expr: &Expr, chain: &BinaryOperator) -> usize {
    let mut terms = 1;
    while let Expr::BinaryOp { left, op, .. } = expr
        && op == chain
    {
        terms += 1;
        expr = left;
    }
    terms
}

/// The terms from left to right, taken apart without recursion.
fn terms(expr: Expr, chain: &BinaryOperator) -> Vec<Expr> {
    let (mut found, mut rest) = (Vec::new(), expr);
    loop {
        match rest {
            Expr::BinaryOp { left, op, right } if op == *chain => {
                found.push(*right);
                rest = *left;
            }
            first => {
                found.push(first);
                break;
            }
        }
    }
    found.reverse();
    found
}

fn tree(terms: Vec<Expr>, op: &BinaryOperator) -> Expr {
    let mut level = terms;
    while level.len() > 1 {
        let mut next = Vec::with_capacity(level.len().div_ceil(2));
        let mut items = level.into_iter();
        while let Some(left) = items.next() {
            next.push(match items.next() {
                // The parentheses are there in the tree; without the node a printed form would read differently.
                Some(right) => Expr::BinaryOp { left: Box::new(left), op: op.clone(), right: Box::new(right) },
                None => left,
            });
        }
        level = next;
    }
    level.pop().unwrap_or_else(placeholder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::sql::parser::DFParser;

    fn depth(expr: &Expr) -> usize {
        match expr {
            Expr::BinaryOp { left, right, op: BinaryOperator::And | BinaryOperator::Or } => {
                1 + depth(left).max(depth(right))
            }
            _ => 0,
        }
    }

    #[test]
    fn order_and_number_of_terms_stay() {
        let chain = (0..1_000).map(|i| format!("a = {i}")).collect::<Vec<_>>().join(" OR ");
        let mut statement = DFParser::parse_sql(&format!("SELECT 1 WHERE {chain}")).unwrap().pop_front().unwrap();
        balance(&mut statement);
        assert_eq!(statement.to_string(), format!("SELECT 1 WHERE {chain}"));
        let Statement::Statement(query) = statement else { panic!("a query") };
        let text = format!("{query:?}");
        assert!(text.len() > 1_000);
    }

    #[test]
    fn a_balanced_chain_is_shallow() {
        let terms: Vec<Expr> = (0..10_000).map(|_| placeholder()).collect();
        assert_eq!(depth(&tree(terms, &BinaryOperator::And)), 14);
    }
}
