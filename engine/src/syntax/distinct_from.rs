//! `a IS [NOT] DISTINCT FROM b AND c` is `(a IS [NOT] DISTINCT FROM b) AND c`.
//!
//! The parser takes everything behind FROM for the right side. Here the operands and operators of such an expression are laid out
//! in the order of the text and put together again by SQL's precedence: IS before NOT before AND before OR.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, UnaryOperator};

use super::chain::{Operator, Token, put_together};
use super::placeholder;

/// The operators of such an expression.
#[derive(Clone, Copy)]
enum Logic {
    DistinctFrom,
    NotDistinctFrom,
    Not,
    And,
    Or,
}

impl Operator for Logic {
    fn precedence(&self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And => 2,
            Self::Not => 3,
            Self::DistinctFrom | Self::NotDistinctFrom => 4,
        }
    }

    fn infix(self, left: Box<Expr>, right: Box<Expr>) -> Expr {
        match self {
            Self::DistinctFrom => Expr::IsDistinctFrom(left, right),
            Self::NotDistinctFrom => Expr::IsNotDistinctFrom(left, right),
            Self::Or => Expr::BinaryOp { left, op: BinaryOperator::Or, right },
            Self::And | Self::Not => Expr::BinaryOp { left, op: BinaryOperator::And, right },
        }
    }

    fn prefix(self, expr: Box<Expr>) -> Expr {
        Expr::UnaryOp { op: UnaryOperator::Not, expr }
    }
}

/// Puts an expression together again if the right side of an IS DISTINCT FROM in it reaches too far.
pub(super) fn regroup(expr: &mut Expr) {
    if reaches_too_far(expr) {
        let mut tokens = Vec::new();
        lay_out(std::mem::replace(expr, placeholder()), &mut tokens);
        *expr = put_together(tokens);
    }
}

fn children(expr: &Expr) -> [Option<&Expr>; 2] {
    match expr {
        Expr::BinaryOp { left, op: BinaryOperator::And | BinaryOperator::Or, right }
        | Expr::IsDistinctFrom(left, right)
        | Expr::IsNotDistinctFrom(left, right) => [Some(left), Some(right)],
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => [Some(expr), None],
        _ => [None, None],
    }
}

fn reaches_too_far(expr: &Expr) -> bool {
    let mut stack = vec![expr];
    while let Some(expr) = stack.pop() {
        if let Expr::IsDistinctFrom(_, right) | Expr::IsNotDistinctFrom(_, right) = expr
            && matches!(
                right.as_ref(),
                Expr::BinaryOp { op: BinaryOperator::And | BinaryOperator::Or, .. }
                    | Expr::IsDistinctFrom(..)
                    | Expr::IsNotDistinctFrom(..)
            )
        {
            return true;
        }
        stack.extend(children(expr).into_iter().flatten());
    }
    false
}

fn lay_out(expr: Expr, tokens: &mut Vec<Token<Logic>>) {
    let (left, infix, right) = match expr {
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => (left, Logic::And, right),
        Expr::BinaryOp { left, op: BinaryOperator::Or, right } => (left, Logic::Or, right),
        Expr::IsDistinctFrom(left, right) => (left, Logic::DistinctFrom, right),
        Expr::IsNotDistinctFrom(left, right) => (left, Logic::NotDistinctFrom, right),
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => {
            tokens.push(Token::Prefix(Logic::Not));
            return lay_out(*expr, tokens);
        }
        operand => return tokens.push(Token::Operand(Box::new(operand))),
    };
    lay_out(*left, tokens);
    tokens.push(Token::Infix(infix));
    lay_out(*right, tokens);
}

#[cfg(test)]
mod tests {
    use datafusion::sql::parser::DFParser;

    fn corrected(sql: &str) -> String {
        let mut statement = DFParser::parse_sql(&format!("SELECT {sql}")).unwrap().pop_front().unwrap();
        super::super::correct(&mut statement).unwrap();
        format!("{statement:?}")
    }

    #[test]
    fn the_right_side_ends_where_sql_says() {
        for (sql, meant) in [
            ("a IS DISTINCT FROM b AND c", "(a IS DISTINCT FROM b) AND c"),
            ("x AND a IS NOT DISTINCT FROM b OR c", "(x AND (a IS NOT DISTINCT FROM b)) OR c"),
            ("x OR a IS DISTINCT FROM b AND c", "x OR ((a IS DISTINCT FROM b) AND c)"),
            ("NOT a IS DISTINCT FROM b AND c", "(NOT (a IS DISTINCT FROM b)) AND c"),
            ("a IS DISTINCT FROM b + 1 AND NOT c OR d", "((a IS DISTINCT FROM b + 1) AND NOT c) OR d"),
            (
                "a IS DISTINCT FROM b AND c IS DISTINCT FROM d AND e",
                "((a IS DISTINCT FROM b) AND (c IS DISTINCT FROM d)) AND e",
            ),
            ("CASE WHEN a IS DISTINCT FROM b OR c THEN 1 END", "CASE WHEN (a IS DISTINCT FROM b) OR c THEN 1 END"),
        ] {
            let meant = DFParser::parse_sql(&format!("SELECT {meant}")).unwrap().pop_front().unwrap();
            // Parentheses are nodes of the tree.
            let plain = |text: &str| text.replace("Nested(", "(");
            assert_eq!(shape(&corrected(sql)), shape(&plain(&format!("{meant:?}"))), "{sql}");
        }
        for sql in ["a IS DISTINCT FROM (b AND c)", "a IS DISTINCT FROM b", "a AND b OR NOT c"] {
            let parsed = DFParser::parse_sql(&format!("SELECT {sql}")).unwrap().pop_front().unwrap();
            assert_eq!(corrected(sql), format!("{parsed:?}"), "{sql}");
        }
    }

    /// The nesting of operators and names, without places in the text and parentheses.
    fn shape(tree: &str) -> String {
        let mut out = String::new();
        for word in tree.split(|c: char| !c.is_alphanumeric() && c != '"') {
            let named =
                word.starts_with('"') || ["And", "Or", "Not", "IsDistinctFrom", "IsNotDistinctFrom"].contains(&word);
            if named {
                out.push_str(word);
                out.push(' ');
            }
        }
        out
    }
}
