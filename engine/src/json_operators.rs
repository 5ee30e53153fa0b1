//! `->`, `->>`, `#>` and `#>>` bind more tightly than comparisons, and the last two name a path.
//!
//! The parser's generic dialect gives these operators a lower precedence than `=`, `IN`, `LIKE`, `IS NULL` and `||`: it reads
//! `a ->> 'k' = 'v'` as `a ->> ('k' = 'v')`. Postgres and DuckDB read `(a ->> 'k') = 'v'`. Parentheses stay what they are.

use std::mem::replace;
use std::ops::ControlFlow;

use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Value, VisitMut, VisitorMut};

use headwater_common::{Error, Result};

use crate::syntax::{call, inner_mut, placeholder, text};

/// Puts the operands of every such operator right, and calls functions for those that name a path.
pub(crate) fn bind_tightly(statement: &mut Statement) -> Result<()> {
    let Some(inner) = inner_mut(statement) else { return Ok(()) };
    let _ = VisitMut::visit(inner, &mut Binder);
    VisitMut::visit(inner, &mut Paths).break_value().map_or(Ok(()), Err)
}

struct Paths;

impl VisitorMut for Paths {
    type Break = Error;

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        let Expr::BinaryOp { op: op @ (BinaryOperator::HashArrow | BinaryOperator::HashLongArrow), right, .. } = &*expr
        else {
            return ControlFlow::Continue(());
        };
        let name = if *op == BinaryOperator::HashArrow { "json_extract_path" } else { "json_extract_path_text" };
        let Some(keys) = keys(right) else {
            let message = "#> and #>> take a path of plain keys, such as '{a,0,b}' or ARRAY['a','0','b']";
            return ControlFlow::Break(Error::unsupported(message));
        };
        let Expr::BinaryOp { left, .. } = replace(expr, placeholder()) else { return ControlFlow::Continue(()) };
        *expr = call(name, [vec![*left], keys].concat());
        ControlFlow::Continue(())
    }
}

/// The keys of a path, as texts.
fn keys(path: &Expr) -> Option<Vec<Expr>> {
    match path {
        Expr::Nested(inner) => keys(inner),
        Expr::Array(array) => Some(array.elem.clone()).filter(|keys| !keys.is_empty()),
        Expr::Value(value) => {
            let Value::SingleQuotedString(written) = &value.value else { return None };
            let inner = written.trim().strip_prefix('{')?.strip_suffix('}')?;
            let plain = |key: &&str| !key.is_empty() && !key.contains(['"', '\\', '{', '}']);
            inner.split(',').map(str::trim).map(|key| Some(key).filter(plain).map(text)).collect()
        }
        _ => None,
    }
}

struct Binder;

impl VisitorMut for Binder {
    type Break = ();

    /// After its operands, whose own operators are right then.
    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        for side in [Side::Left, Side::Right] {
            if own_operand(expr, side).is_some_and(|own| near(own, side).is_some()) {
                sink(expr, side);
            }
        }
        ControlFlow::Continue(())
    }
}

/// On which side of the operator an operand is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// Makes `x = (a -> b)` of `(x = a) -> b`, and `(a -> b) = y` of `a -> (b = y)`.
fn sink(expr: &mut Expr, side: Side) {
    let Some(own) = own_operand(expr, side) else { return };
    let mut outer = replace(own, placeholder());
    at_nearest(&mut outer, side, &mut |leaf| {
        if let Some(own) = own_operand(expr, side) {
            *own = replace(leaf, placeholder());
        }
        *leaf = replace(expr, placeholder());
    });
    *expr = outer;
}

/// An operand of such an operator.
fn own_operand(expr: &mut Expr, side: Side) -> Option<&mut Expr> {
    use BinaryOperator::{Arrow, HashArrow, HashLongArrow, LongArrow};
    match expr {
        Expr::BinaryOp { left, op: Arrow | LongArrow | HashArrow | HashLongArrow, right } => {
            Some(if side == Side::Left { left.as_mut() } else { right.as_mut() })
        }
        _ => None,
    }
}

/// Changes the operand that stands next to the operator in the text.
fn at_nearest(expr: &mut Expr, side: Side, change: &mut dyn FnMut(&mut Expr)) {
    if near(expr, side).is_none() {
        return change(expr);
    }
    if let Some(inner) = near(expr, side) {
        at_nearest(inner, side, change);
    }
}

/// The operand of a looser operator that stands next to the operator on whose `side` the looser one is.
fn near(expr: &mut Expr, side: Side) -> Option<&mut Expr> {
    match side {
        Side::Left => last(expr),
        Side::Right => first(expr),
    }
}

fn last(expr: &mut Expr) -> Option<&mut Expr> {
    match expr {
        Expr::BinaryOp { op, right, .. } => is_comparison(op).then_some(right.as_mut()),
        Expr::IsDistinctFrom(_, right) | Expr::IsNotDistinctFrom(_, right) => Some(right),
        Expr::Between { high, .. } => Some(high),
        Expr::Like { pattern, .. }
        | Expr::ILike { pattern, .. }
        | Expr::SimilarTo { pattern, .. }
        | Expr::RLike { pattern, .. } => Some(pattern),
        _ => None,
    }
}

fn first(expr: &mut Expr) -> Option<&mut Expr> {
    match expr {
        Expr::BinaryOp { op, left, .. } => {
            (is_comparison(op) || *op == BinaryOperator::StringConcat).then_some(left.as_mut())
        }
        Expr::IsDistinctFrom(left, _) | Expr::IsNotDistinctFrom(left, _) => Some(left),
        Expr::Between { expr, .. }
        | Expr::InList { expr, .. }
        | Expr::InSubquery { expr, .. }
        | Expr::Like { expr, .. }
        | Expr::ILike { expr, .. }
        | Expr::SimilarTo { expr, .. }
        | Expr::RLike { expr, .. }
        | Expr::AnyOp { left: expr, .. }
        | Expr::AllOp { left: expr, .. } => Some(expr),
        Expr::IsNull(expr)
        | Expr::IsNotNull(expr)
        | Expr::IsTrue(expr)
        | Expr::IsNotTrue(expr)
        | Expr::IsFalse(expr)
        | Expr::IsNotFalse(expr)
        | Expr::IsUnknown(expr)
        | Expr::IsNotUnknown(expr) => Some(expr),
        _ => None,
    }
}

fn is_comparison(op: &BinaryOperator) -> bool {
    use BinaryOperator as B;
    matches!(
        op,
        B::Eq
            | B::NotEq
            | B::Lt
            | B::LtEq
            | B::Gt
            | B::GtEq
            | B::Spaceship
            | B::PGRegexMatch
            | B::PGRegexIMatch
            | B::PGRegexNotMatch
            | B::PGRegexNotIMatch
            | B::PGLikeMatch
            | B::PGILikeMatch
            | B::PGNotLikeMatch
            | B::PGNotILikeMatch
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::sql::parser::DFParser;
    use datafusion::sql::sqlparser::ast::{SetExpr, Statement as SqlStatement};

    /// The condition with parentheses around each `->` and `->>`.
    fn bound(condition: &str) -> String {
        let sql = format!("SELECT {condition}");
        let mut statement = DFParser::parse_sql(&sql).unwrap().pop_front().unwrap();
        bind_tightly(&mut statement).unwrap();
        let Statement::Statement(inner) = statement else { panic!() };
        let mut inner = *inner;
        let _ = VisitMut::visit(&mut inner, &mut Bracket);
        let SqlStatement::Query(query) = inner else { panic!() };
        let SetExpr::Select(select) = *query.body else { panic!() };
        select.projection[0].to_string()
    }

    struct Bracket;

    impl VisitorMut for Bracket {
        type Break = ();

        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if own_operand(expr, Side::Left).is_some() {
                *expr = Expr::Nested(Box::new(replace(expr, placeholder())));
            }
            ControlFlow::Continue(())
        }
    }

    #[test]
    fn operands_are_those_that_postgres_sees() {
        for (text, expected) in [
            ("a ->> 'k' = 'v'", "(a ->> 'k') = 'v'"),
            ("'v' = a ->> 'k'", "'v' = (a ->> 'k')"),
            ("a -> 'k' ->> 'l' = b -> 0 ->> 'm'", "((a -> 'k') ->> 'l') = ((b -> 0) ->> 'm')"),
            ("a ->> 'k' IS NULL AND NOT b ->> 'l' IN ('x')", "(a ->> 'k') IS NULL AND NOT (b ->> 'l') IN ('x')"),
            ("a ->> 'k' BETWEEN 'b' AND c ->> 'm'", "(a ->> 'k') BETWEEN 'b' AND (c ->> 'm')"),
            ("a ->> 'k' || 'x' LIKE 'y'", "(a ->> 'k') || 'x' LIKE 'y'"),
            ("(a ->> 'k')::int > 3", "((a ->> 'k'))::INT > 3"),
            ("a -> ('k' = 'v')", "(a -> ('k' = 'v'))"),
            ("a -> 1 + 1", "(a -> 1 + 1)"),
        ] {
            assert_eq!(bound(text), expected, "{text}");
        }
    }
}
