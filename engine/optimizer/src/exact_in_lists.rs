//! `x IN (...)` keeps its meaning beside another list of the same value.
#![allow(clippy::mutable_key_type, reason = "an expression does not change while it is a key")]

use std::collections::HashSet;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr::{Cast, InList};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{BinaryExpr, LogicalPlan, Operator, and, binary_expr, or};
use datafusion::optimizer::AnalyzerRule;
use datafusion::prelude::Expr;

/// Rewrites lists so that DataFusion's simplifier, which joins two lists of one value that stand beside each other, stays right.
///
/// It compares the lists' elements as they are written, as if all were values and none NULL, and takes an empty list for false or
/// true even where the value is NULL. `a IN (b, 5) AND a IN (1, 7)` would be false where `a` and `b` are 1, `a IN (1) AND a NOT IN
/// (2, NULL)` true where `a` is 1, and `a NOT IN (1) OR a NOT IN (2)` true where `a` is NULL. So
///
/// - a list with other elements than values becomes comparisons, and NULL in it a part of its own:
///   `a IN (1, 2, b, NULL)` is `a IN (1, 2) OR a = b OR NULL`;
/// - lists of one value in a chain of AND or of OR become one list, and an empty one `a IS NULL AND NULL` or
///   `a IS NOT NULL OR NULL`, which is what it means.
#[derive(Debug, Default)]
pub struct ExactInLists;

impl AnalyzerRule for ExactInLists {
    fn name(&self) -> &str {
        "exact_in_lists"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(rewrite_plan).data()
    }
}

fn rewrite_plan(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let names = NamePreserver::new(&plan);
    let rewritten = plan.map_expressions(|expr| {
        let name = names.save(&expr);
        Ok(expr.transform_up(rewrite)?.update_data(|expr| name.restore(expr)))
    })?;
    if rewritten.transformed { rewritten.map_data(LogicalPlan::recompute_schema) } else { Ok(rewritten) }
}

fn rewrite(expr: Expr) -> Result<Transformed<Expr>> {
    Ok(match expr {
        Expr::InList(list) => separate(list),
        Expr::Not(inner) => match *inner {
            Expr::InList(list) => Transformed::yes(Expr::InList(InList { negated: !list.negated, ..list })),
            inner => Transformed::no(Expr::Not(Box::new(inner))),
        },
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right })
            if meet(&left, op, &right) =>
        {
            let mut parts = Vec::new();
            flatten(*left, op, &mut parts);
            flatten(*right, op, &mut parts);
            Transformed::yes(balanced(joined(parts, op), op))
        }
        other => Transformed::no(other),
    })
}

/// A list without what is no value, and that as comparisons.
fn separate(list: InList) -> Transformed<Expr> {
    let InList { expr, list, negated } = list;
    if expr.is_volatile() || list.iter().any(Expr::is_volatile) {
        return Transformed::no(Expr::InList(InList { expr, list, negated }));
    }
    let (mut values, mut others, mut null) = (Vec::new(), Vec::new(), false);
    for element in list {
        match constant(&element) {
            Some(value) if value.is_null() => null = true,
            Some(value) => values.push(Expr::Literal(value, None)),
            None => others.push(element),
        }
    }
    let whole = others.is_empty() && !null;
    let (op, comparison) = if negated { (Operator::And, Operator::NotEq) } else { (Operator::Or, Operator::Eq) };
    let mut parts: Vec<Expr> =
        others.into_iter().map(|other| binary_expr(expr.as_ref().clone(), comparison, other)).collect();
    if !values.is_empty() {
        parts.insert(0, Expr::InList(InList { expr, list: values, negated }));
    }
    if null {
        parts.push(unknown());
    }
    if whole { Transformed::no(balanced(parts, op)) } else { Transformed::yes(balanced(parts, op)) }
}

/// The value of a literal, also of one that is cast to the type of the other side.
pub(crate) fn constant(expr: &Expr) -> Option<ScalarValue> {
    match expr {
        Expr::Literal(value, _) => Some(value.clone()),
        Expr::Cast(Cast { expr, field }) => constant(expr)?.cast_to(field.data_type()).ok(),
        _ => None,
    }
}

fn unknown() -> Expr {
    Expr::Literal(ScalarValue::Boolean(None), None)
}

fn has_values_only(list: &InList) -> bool {
    let value = |element: &Expr| matches!(element, Expr::Literal(value, _) if !value.is_null());
    !list.expr.is_volatile() && list.list.iter().all(value)
}

/// Whether both sides of a chain have a list of the same value.
fn meet(left: &Expr, op: Operator, right: &Expr) -> bool {
    let mut found = Vec::new();
    lists(left, op, &mut found);
    if found.is_empty() {
        return false;
    }
    let known: HashSet<&Expr> = found.drain(..).collect();
    lists(right, op, &mut found);
    found.iter().any(|expr| known.contains(expr))
}

/// The values of the lists in a chain.
fn lists<'a>(expr: &'a Expr, op: Operator, found: &mut Vec<&'a Expr>) {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: other, right }) if *other == op => {
            lists(left, op, found);
            lists(right, op, found);
        }
        Expr::InList(list) if has_values_only(list) => found.push(&list.expr),
        _ => {}
    }
}

fn flatten(expr: Expr, op: Operator, parts: &mut Vec<Expr>) {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: other, right }) if other == op => {
            flatten(*left, op, parts);
            flatten(*right, op, parts);
        }
        part => parts.push(part),
    }
}

/// The parts with one list for each value.
fn joined(parts: Vec<Expr>, op: Operator) -> Vec<Expr> {
    let (mut others, mut joined): (Vec<Expr>, Vec<InList>) = (Vec::new(), Vec::new());
    for part in parts {
        match part {
            Expr::InList(list) if has_values_only(&list) => match joined.iter_mut().find(|l| l.expr == list.expr) {
                Some(known) => join(known, list, op),
                None => joined.push(list),
            },
            other => others.push(other),
        }
    }
    joined.into_iter().map(finished).chain(others).collect()
}

/// Makes a list of two that AND or OR connects. Both have values only.
fn join(known: &mut InList, other: InList, op: Operator) {
    let has = |list: &[Expr]| list.iter().cloned().collect::<HashSet<Expr>>();
    if known.negated == other.negated {
        if (op == Operator::And) == known.negated {
            let mine = has(&known.list);
            known.list.extend(other.list.into_iter().filter(|value| !mine.contains(value)));
        } else {
            let theirs = has(&other.list);
            known.list.retain(|value| theirs.contains(value));
        }
        return;
    }
    // Of AND, what IN has less what NOT IN has; of OR the other way round.
    let (mut kept, less) =
        if known.negated == (op == Operator::Or) { (known.clone(), other) } else { (other, known.clone()) };
    let less = has(&less.list);
    kept.list.retain(|value| !less.contains(value));
    *known = kept;
}

/// A list as an expression; an empty one knows nothing about NULL.
fn finished(list: InList) -> Expr {
    match (list.list.is_empty(), list.negated) {
        (false, _) => Expr::InList(list),
        (true, false) => and(list.expr.is_null(), unknown()),
        (true, true) => or(list.expr.is_not_null(), unknown()),
    }
}

/// The parts, connected by a tree that is as flat as it can be.
fn balanced(mut parts: Vec<Expr>, op: Operator) -> Expr {
    while parts.len() > 1 {
        let mut pairs = Vec::with_capacity(parts.len().div_ceil(2));
        let mut rest = parts.into_iter();
        while let Some(left) = rest.next() {
            pairs.push(match rest.next() {
                Some(right) => binary_expr(left, op, right),
                None => left,
            });
        }
        parts = pairs;
    }
    parts.pop().unwrap_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::{col, lit};

    use super::*;

    fn rewritten(expr: Expr) -> String {
        expr.transform_up(rewrite).unwrap().data.to_string()
    }

    fn list(values: &[i64], negated: bool) -> Expr {
        col("a").in_list(values.iter().map(|v| lit(*v)).collect(), negated)
    }

    #[test]
    fn lists_hold_values_only() {
        let mixed = vec![lit(1i64), col("b"), Expr::Literal(ScalarValue::Int64(None), None)];
        assert_eq!(rewritten(col("a").in_list(mixed.clone(), false)), "a IN ([Int64(1)]) OR a = b OR Boolean(NULL)");
        assert_eq!(rewritten(col("a").in_list(mixed, true)), "a NOT IN ([Int64(1)]) AND a != b AND Boolean(NULL)");
        assert_eq!(rewritten(list(&[1, 2], true)), "a NOT IN ([Int64(1), Int64(2)])");
    }

    #[test]
    fn lists_of_one_value_become_one() {
        let both = |op, left, right| rewritten(binary_expr(left, op, right));
        let (yes, no) = (|v: &[i64]| list(v, false), |v: &[i64]| list(v, true));
        assert_eq!(both(Operator::And, yes(&[1, 2]), yes(&[2, 3])), "a IN ([Int64(2)])");
        assert_eq!(both(Operator::And, yes(&[1]), yes(&[2])), "a IS NULL AND Boolean(NULL)");
        assert_eq!(both(Operator::Or, yes(&[1]), yes(&[2])), "a IN ([Int64(1), Int64(2)])");
        assert_eq!(both(Operator::And, no(&[1]), no(&[2])), "a NOT IN ([Int64(1), Int64(2)])");
        assert_eq!(both(Operator::Or, no(&[1]), no(&[2])), "a IS NOT NULL OR Boolean(NULL)");
        assert_eq!(both(Operator::Or, no(&[1, 2]), no(&[2])), "a NOT IN ([Int64(2)])");
        assert_eq!(both(Operator::And, yes(&[1, 2]), no(&[2])), "a IN ([Int64(1)])");
        assert_eq!(both(Operator::And, no(&[2]), yes(&[1, 2])), "a IN ([Int64(1)])");
        assert_eq!(both(Operator::Or, yes(&[1]), no(&[1, 2])), "a NOT IN ([Int64(2)])");
        assert_eq!(both(Operator::Or, no(&[1]), yes(&[1])), "a IS NOT NULL OR Boolean(NULL)");
    }
}
