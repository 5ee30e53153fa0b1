//! Regular expressions and SIMILAR TO as Postgres reads them; DataFusion takes both for regular expressions of Rust.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Value,
};
use headwater_common::{Error, Result};

use super::{binary, call, nested, normalized, placeholder, text};
use crate::functions::{
    REGEX_MATCHED, REGEX_PATTERN, REGEX_REPLACEMENT, SIMILAR_PATTERN, matched, one_character, pattern, replacement, similar,
};

/// The functions whose second argument is a regular expression, with the place of their options.
const FUNCTIONS: [(&str, usize); 6] = [
    ("regexp_replace", 3),
    ("regexp_match", 2),
    ("regexp_like", 2),
    ("regexp_count", 3),
    ("regexp_instr", 5),
    ("regexp_split_to_array", 2),
];

/// Rewrites one expression whose parts are right already.
pub(super) fn rewrite(expr: &mut Expr) -> Result<()> {
    use BinaryOperator::{PGRegexIMatch, PGRegexMatch, PGRegexNotIMatch, PGRegexNotMatch};
    match expr {
        Expr::BinaryOp { op: PGRegexMatch | PGRegexIMatch | PGRegexNotMatch | PGRegexNotIMatch, right, .. } => {
            translate(right, REGEX_MATCHED, matched)
        }
        Expr::SimilarTo { .. } => similar_to(expr),
        Expr::Function(function) => of_function(function),
        _ => Ok(()),
    }
}

fn of_function(function: &mut Function) -> Result<()> {
    let [part] = function.name.0.as_slice() else { return Ok(()) };
    let name = part.as_ident().map(normalized).unwrap_or_default();
    let Some((name, place)) = FUNCTIONS.iter().find(|(known, _)| *known == name) else { return Ok(()) };
    let FunctionArguments::List(list) = &mut function.args else { return Ok(()) };
    let mut arguments: Vec<&mut Expr> = Vec::new();
    for argument in &mut list.args {
        let FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)) = argument else { return Ok(()) };
        arguments.push(argument);
    }
    let lines = arguments.get_mut(*place).is_some_and(|options| by_lines(options));
    if let Some(expression) = arguments.get_mut(1) {
        translate(expression, REGEX_PATTERN, |text| pattern(text, lines))?;
    }
    if let (&"regexp_replace", Some(with)) = (name, arguments.get_mut(2)) {
        translate(with, REGEX_REPLACEMENT, |text| Ok(replacement(text)))?;
    }
    Ok(())
}

/// Whether options say that lines are matched, which is written into the expression then. `s`, by which they are not, is the rule.
fn by_lines(options: &mut Expr) -> bool {
    let Some(text) = literal(options) else { return false };
    let lines = text.contains(['n', 'm']) && !text.contains('s');
    text.retain(|c| !matches!(c, 'n' | 'm' | 's' | 'c'));
    if text.is_empty() {
        // An option that changes nothing; some functions refuse none.
        text.push('u');
    }
    lines
}

/// `x SIMILAR TO p` as a match of `x` with a regular expression.
fn similar_to(expr: &mut Expr) -> Result<()> {
    let Expr::SimilarTo { negated, expr: value, mut pattern, escape_char } = std::mem::replace(expr, placeholder()) else {
        return Ok(());
    };
    let escape = match escape_char.as_ref().map(|given| &given.value) {
        None => Some('\\'),
        Some(Value::SingleQuotedString(text)) => one_character(text)?,
        Some(_) => return Err(Error::invalid("ESCAPE of SIMILAR TO takes a text of one character")),
    };
    match literal(&mut pattern) {
        Some(text) => *text = similar(text, escape)?,
        None => {
            let escape = escape.map_or_else(String::new, String::from);
            *pattern = call(SIMILAR_PATTERN, vec![as_text(*pattern), text(&escape)]);
        }
    }
    let op = if negated { BinaryOperator::PGRegexNotMatch } else { BinaryOperator::PGRegexMatch };
    *expr = nested(Expr::BinaryOp { left: value, op, right: pattern });
    Ok(())
}

/// Translates a text, or has it translated when it is known.
fn translate(expr: &mut Expr, function: &str, translated: impl Fn(&str) -> Result<String>) -> Result<()> {
    if let Some(text) = literal(expr) {
        *text = translated(text)?;
        return Ok(());
    }
    if !matches!(expr, Expr::Value(value) if value.value == Value::Null) {
        let text = as_text(std::mem::replace(expr, placeholder()));
        *expr = call(function, vec![text]);
    }
    Ok(())
}

fn literal(expr: &mut Expr) -> Option<&mut String> {
    match expr {
        Expr::Nested(inner) => literal(inner),
        Expr::Value(value) => match &mut value.value {
            Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) => Some(text),
            Value::DollarQuotedString(text) => Some(&mut text.value),
            _ => None,
        },
        _ => None,
    }
}

/// A parameter with the type of a text; anything else as it is.
fn as_text(expr: Expr) -> Expr {
    let parameter = matches!(&expr, Expr::Value(value) if matches!(value.value, Value::Placeholder(_)));
    if !parameter {
        return expr;
    }
    binary(expr, BinaryOperator::StringConcat, text(""))
}
