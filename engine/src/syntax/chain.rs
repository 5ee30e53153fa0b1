//! Operands and operators in the order of the text, put together by precedence.

use std::iter::Peekable;
use std::vec::IntoIter;

use datafusion::sql::sqlparser::ast::Expr;

use super::placeholder;

/// Part of an expression, in the order of the text.
pub(super) enum Token<O> {
    Operand(Box<Expr>),
    /// An operator before its only operand.
    Prefix(O),
    /// An operator between its operands.
    Infix(O),
}

/// An operator of a chain.
pub(super) trait Operator {
    /// How tightly it binds; a higher one binds more.
    fn precedence(&self) -> u8;

    /// The expression of an operator between its operands.
    fn infix(self, left: Box<Expr>, right: Box<Expr>) -> Expr;

    /// The expression of an operator before its operand.
    fn prefix(self, operand: Box<Expr>) -> Expr;
}

/// The expression of a whole chain; operators of one precedence are put together from the left.
pub(super) fn put_together<O: Operator>(tokens: Vec<Token<O>>) -> Expr {
    from(&mut tokens.into_iter().peekable(), 0)
}

/// The expression of the next tokens whose operators bind at least as tightly as `least`.
fn from<O: Operator>(tokens: &mut Peekable<IntoIter<Token<O>>>, least: u8) -> Expr {
    let mut left = match tokens.next() {
        Some(Token::Prefix(operator)) => {
            let least = operator.precedence();
            operator.prefix(Box::new(from(tokens, least)))
        }
        Some(Token::Operand(operand)) => *operand,
        // An infix operator has an operand on either side.
        Some(Token::Infix(_)) | None => return placeholder(),
    };
    while let Some(Token::Infix(operator)) =
        tokens.next_if(|token| matches!(token, Token::Infix(operator) if operator.precedence() >= least))
    {
        let right = from(tokens, operator.precedence() + 1);
        left = operator.infix(Box::new(left), Box::new(right));
    }
    left
}
