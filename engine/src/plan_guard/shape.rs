//! A statement without its constants.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::number_of;
use crate::token_edits::tokens;

/// Statements of more tokens are not told apart: most of them are lists of constants.
const TOKENS_MAX: usize = 20_000;
/// Longer texts are cut.
const TEXT_MAX: usize = 2_000;
/// Words and options that explain the statement after them.
const EXPLAINS: [&str; 3] = ["EXPLAIN", "ANALYZE", "VERBOSE"];

/// The text of a statement with `?` for every constant and for every list of them, without comments and without the words that ask
/// to explain it; `None` when it cannot be read.
pub(crate) fn shape(sql: &str) -> Option<String> {
    let found = tokens(sql)?;
    let found: Vec<&Token> = found.iter().map(|t| &t.token).filter(|t| !matches!(t, Token::EOF)).collect();
    if found.len() > TOKENS_MAX {
        return None;
    }
    let mut parts: Vec<String> = Vec::with_capacity(found.len());
    for token in explained(&found) {
        let text = word(token);
        let ends = parts.len();
        let again = text == "?" && ends >= 2 && parts.get(ends - 1).is_some_and(|p| p == ",");
        if again && parts.get(ends - 2).is_some_and(|p| p == "?") {
            parts.pop();
        } else {
            parts.push(text);
        }
    }
    let mut text = parts.join(" ");
    let end = text.char_indices().nth(TEXT_MAX).map_or(text.len(), |(at, _)| at);
    // What follows tells statements apart.
    if end < text.len() {
        let rest = number_of(&text);
        text.truncate(end);
        text.push_str(&format!(" ... {rest:016x}"));
    }
    Some(text)
}

/// The tokens of the statement that is explained.
fn explained<'a>(found: &'a [&'a Token]) -> &'a [&'a Token] {
    let is_word = |token: &Token, words: &[&str]| matches!(token, Token::Word(w) if w.quote_style.is_none() && words.iter().any(|x| w.value.eq_ignore_ascii_case(x)));
    if !found.first().is_some_and(|first| is_word(first, &EXPLAINS[..1])) {
        return found;
    }
    let mut rest = found;
    loop {
        rest = match rest {
            [first, after @ ..] if is_word(first, &EXPLAINS) => after,
            [first, _, after @ ..] if is_word(first, &["FORMAT"]) => after,
            [Token::LParen, first, after @ ..] if !is_word(first, &["SELECT", "WITH", "VALUES", "TABLE"]) => {
                let end = after.iter().position(|t| matches!(t, Token::RParen)).map_or(after.len(), |at| at + 1);
                after.get(end..).unwrap_or_default()
            }
            statement => return statement,
        };
    }
}

fn word(token: &Token) -> String {
    match token {
        Token::Word(word) if word.quote_style.is_none() => word.value.to_ascii_lowercase(),
        Token::Number(..)
        | Token::SingleQuotedString(_)
        | Token::DollarQuotedString(_)
        | Token::NationalStringLiteral(_)
        | Token::EscapedStringLiteral(_)
        | Token::UnicodeStringLiteral(_)
        | Token::HexStringLiteral(_)
        | Token::SingleQuotedByteStringLiteral(_)
        | Token::DoubleQuotedString(_)
        | Token::Placeholder(_) => "?".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_that_differ_in_constants_have_one_shape() {
        let one = shape("SELECT a FROM t WHERE b = 7 AND c IN (1, 2, 3) -- seven\n").unwrap();
        assert_eq!(one, "select a from t where b = ? and c in ( ? )");
        assert_eq!(one, shape("select A from T\nwhere b='x''y' and c in (?, $2)").unwrap());
        assert_ne!(one, shape("SELECT a FROM t WHERE b = 7 AND d IN (1)").unwrap());
        assert_eq!(shape("SELECT \"A\" FROM t").unwrap(), "select \"A\" from t");
        assert_eq!(shape("SELECT 'open"), None);
    }

    #[test]
    fn what_explains_a_statement_has_its_shape() {
        let plain = shape("SELECT 1").unwrap();
        for text in ["EXPLAIN", "explain analyze", "EXPLAIN ANALYZE VERBOSE", "EXPLAIN FORMAT tree", "EXPLAIN (PUSHDOWN)"] {
            assert_eq!(shape(&format!("{text} SELECT 1")).unwrap(), plain, "{text}");
        }
        assert_eq!(shape("EXPLAIN (SELECT 1)").unwrap(), "( select ? )");
        assert_eq!(shape("SELECT explain FROM t").unwrap(), "select explain from t");
    }

    #[test]
    fn long_statements_are_cut_and_still_told_apart() {
        let long = |last: &str| format!("SELECT {} {last} FROM t", "column_name, ".repeat(500));
        let (one, other) = (shape(&long("a")).unwrap(), shape(&long("b")).unwrap());
        assert!(one.len() < TEXT_MAX + 40 && one != other);
    }
}
