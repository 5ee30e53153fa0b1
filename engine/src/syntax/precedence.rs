//! Arithmetic and other operators bind as in Postgres: `^` before `*`, `/` and `%`, those before `+` and `-`, and those before `|`, `&`,
//! `<<`, `>>` and `||`, which are put together from the left.
//!
//! The parser reads `^` as an operator of bits, gives `&` and `|` ranks of their own and takes `||` for a product. Here the operands and
//! operators around such an operator are laid out in the order of the text and put together again.

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

/// The rank of operators that are no arithmetic.
const OTHER: u8 = 1;

/// How tightly an operator of such a chain binds; a higher one binds more. `None` for operators that end the chain.
fn precedence(op: &BinaryOperator) -> Option<u8> {
    use BinaryOperator::{
        BitwiseAnd, BitwiseOr, BitwiseXor, Divide, Minus, Modulo, Multiply, PGBitwiseShiftLeft, PGBitwiseShiftRight,
        PGBitwiseXor, Plus, StringConcat,
    };
    match op {
        BitwiseOr | BitwiseAnd | PGBitwiseXor | PGBitwiseShiftLeft | PGBitwiseShiftRight | StringConcat => Some(OTHER),
        Plus | Minus => Some(2),
        Multiply | Divide | Modulo => Some(3),
        BitwiseXor => Some(4),
        _ => None,
    }
}

/// Puts a chain together again, if an operator in it is one that the parser ranks otherwise.
pub(super) fn regroup(expr: &mut Expr) {
    if is_misread(expr) {
        let mut tokens = Vec::new();
        lay_out(std::mem::replace(expr, placeholder()), &mut tokens);
        *expr = put_together(tokens);
    }
}

/// Whether an operator stands below one that binds more tightly, or on the right of one that binds as tightly.
fn is_misread(expr: &Expr) -> bool {
    let mut chain = vec![expr];
    while let Some(expr) = chain.pop() {
        let Some((own, left, right)) = operator(expr) else { continue };
        let (below_left, below_right) = (operator(left).map(|o| o.0), operator(right).map(|o| o.0));
        if below_left.is_some_and(|below| below < own) || below_right.is_some_and(|below| below <= own) {
            return true;
        }
        chain.extend([left, right]);
    }
    false
}

/// The rank of the operator at the top of an expression, and its sides.
fn operator(expr: &Expr) -> Option<(u8, &Expr, &Expr)> {
    match expr {
        Expr::BinaryOp { left, op, right } => Some((precedence(op)?, left, right)),
        _ => None,
    }
}

fn lay_out(expr: Expr, tokens: &mut Vec<Token<Arithmetic>>) {
    let binds = operator(&expr).map(|(binds, ..)| binds);
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
    fn operators_bind_as_in_postgres() {
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
            ("a | b & c", "((a | b) & c)"),
            ("a & b | c & d", "(((a & b) | c) & d)"),
            ("a << b + c", "(a << (b + c))"),
            ("a << b & c", "((a << b) & c)"),
            ("a || b + c || d", "((a || (b + c)) || d)"),
            ("a || b | c * d", "((a || b) | (c * d))"),
            ("a - b * c - d", "((a - (b * c)) - d)"),
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
