//! `a + b ^ c` is `a + (b ^ c)`: a power binds more tightly than any other arithmetic.
//!
//! The parser reads `^` as an operator of bits, which binds less. Here the operands and operators around a power are laid out in the
//! order of the text and put together again by Postgres' precedence.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr};

use super::chain::{Operator, Token, put_together};
use super::placeholder;

/// An operator of such a chain, and how tightly it binds.
struct Arithmetic(BinaryOperator, u8);

impl Operator for Arithmetic {
    fn precedence(&self) -> u8 {
        self.1
    }

    fn infix(self, left: Box<Expr>, right: Box<Expr>) -> Expr {
        Expr::BinaryOp { left, op: self.0, right }
    }

    /// There is none in a chain.
    fn prefix(self, operand: Box<Expr>) -> Expr {
        *operand
    }
}

/// How tightly an operator of such a chain binds; a higher one binds more. `None` for operators that end the chain.
fn precedence(op: &BinaryOperator) -> Option<u8> {
    use BinaryOperator::{
        BitwiseAnd, BitwiseXor, Divide, Minus, Modulo, Multiply, PGBitwiseShiftLeft, PGBitwiseShiftRight, Plus,
        StringConcat,
    };
    match op {
        PGBitwiseShiftLeft | PGBitwiseShiftRight => Some(1),
        BitwiseAnd => Some(2),
        Plus | Minus => Some(3),
        Multiply | Divide | Modulo | StringConcat => Some(4),
        BitwiseXor => Some(5),
        _ => None,
    }
}

/// Puts a chain with a power in it together again, if the power reaches too far.
pub(super) fn regroup(expr: &mut Expr) {
    if reaches_too_far(expr) {
        let mut tokens = Vec::new();
        lay_out(std::mem::replace(expr, placeholder()), &mut tokens);
        *expr = put_together(tokens);
    }
}

fn in_chain(expr: &Expr) -> bool {
    matches!(expr, Expr::BinaryOp { op, .. } if precedence(op).is_some())
}

fn reaches_too_far(mut expr: &Expr) -> bool {
    while let Expr::BinaryOp { left, op: BinaryOperator::BitwiseXor, right } = expr {
        if in_chain(right) {
            return true;
        }
        expr = left;
        if !matches!(expr, Expr::BinaryOp { op: BinaryOperator::BitwiseXor, .. }) {
            return in_chain(expr);
        }
    }
    false
}

fn lay_out(expr: Expr, tokens: &mut Vec<Token<Arithmetic>>) {
    let binds = match &expr {
        Expr::BinaryOp { op, .. } => precedence(op),
        _ => None,
    };
    match (expr, binds) {
        (Expr::BinaryOp { left, op, right }, Some(binds)) => {
            lay_out(*left, tokens);
            tokens.push(Token::Infix(Arithmetic(op, binds)));
            lay_out(*right, tokens);
        }
        (operand, _) => tokens.push(Token::Operand(Box::new(operand))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    fn parsed(sql: &str) -> Expr {
        Parser::new(&GenericDialect {}).try_with_sql(sql).unwrap().parse_expr().unwrap()
    }

    /// The tree with parentheses around every operator.
    fn shape(expr: &Expr) -> String {
        match expr {
            Expr::BinaryOp { left, op, right } => format!("({} {op} {})", shape(left), shape(right)),
            Expr::Nested(inner) => shape(inner),
            other => other.to_string(),
        }
    }

    #[test]
    fn a_power_binds_more_tightly_than_other_arithmetic() {
        for (sql, meant) in [
            ("a + b ^ c", "(a + (b ^ c))"),
            ("a ^ b + c", "((a ^ b) + c)"),
            ("a * b ^ c * d", "((a * (b ^ c)) * d)"),
            ("a ^ b ^ c", "((a ^ b) ^ c)"),
            ("a - b - c ^ d", "((a - b) - (c ^ d))"),
            ("a + b ^ c ^ d * e", "(a + (((b ^ c) ^ d) * e))"),
            ("(a + b) ^ c", "((a + b) ^ c)"),
            ("a ^ 2 = b + 1", "((a ^ 2) = (b + 1))"),
            ("a ^ (b + c)", "(a ^ (b + c))"),
        ] {
            let mut expr = parsed(sql);
            if let Expr::BinaryOp { left, op: BinaryOperator::Eq, .. } = &mut expr {
                regroup(left);
            } else {
                regroup(&mut expr);
            }
            assert_eq!(shape(&expr), meant, "{sql}");
        }
    }
}
