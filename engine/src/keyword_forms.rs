//! Standard forms of expressions that the parser does not read, as forms that it reads.
//!
//! | form | becomes |
//! |---|---|
//! | `trim(both from x)`, `trim(from x)` | `trim(both ' ' from x)` |
//! | `x BETWEEN ASYMMETRIC a AND b` | `x BETWEEN a AND b` |
//! | `x BETWEEN SYMMETRIC a AND b` | `x BETWEEN marker | a AND b`, which [`crate::syntax`] takes apart |
//! | `WITH a AS [NOT] MATERIALIZED (...)` | `WITH a AS (...)`, which has the same rows |
//! | `a # b` | `a | marker | b`, likewise |
//! | `'a'` and `'b'` on the next line | `'a' || 'b'` |

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::token_edits::{Edit, edited, tokens};

/// The name that marks the bounds of a symmetric BETWEEN.
pub(crate) const SYMMETRIC: &str = "between symmetric";

/// The name that marks an exclusive or.
pub(crate) const XOR: &str = "bitwise xor";

/// The statement in forms that the parser reads. What cannot be tokenized stays, for the parser to report.
pub(crate) fn readable(sql: &str) -> String {
    let has = |word: &str| sql.as_bytes().windows(word.len()).any(|w| w.eq_ignore_ascii_case(word.as_bytes()));
    if !has("symmetric") && !has("trim") && !has("#") && !has("materialized") && !breaks_texts(sql) {
        return sql.to_owned();
    }
    let Some(tokens) = tokens(sql) else { return sql.to_owned() };
    let mut edits = Vec::new();
    for at in 0..tokens.len() {
        let before = |n: usize| at.checked_sub(n).and_then(|i| tokens.get(i)).map(|t| &t.token);
        let token = &tokens[at];
        if is(before(1), "between") && is(Some(&token.token), "symmetric") {
            let marker = format!("\"{SYMMETRIC}\" |");
            edits.push(Edit::replace(token, "symmetric".len(), marker));
        } else if is(before(1), "between") && is(Some(&token.token), "asymmetric") {
            edits.push(Edit::replace(token, "asymmetric".len(), ""));
        } else if is_materialized(&tokens, at) {
            edits.push(Edit::replace(token, "materialized".len(), ""));
        } else if is(Some(&token.token), "not") && is(before(1), "as") && is_materialized(&tokens, at + 1) {
            edits.push(Edit::replace(token, "not".len(), ""));
        } else if is_text(Some(&token.token))
            && is_text(before(1))
            && at.checked_sub(1).and_then(|i| tokens.get(i)).is_some_and(|t| t.span.end.line < token.span.start.line)
        {
            edits.push(Edit::insert(token, "|| "));
        } else if is_sharp(&token.token) {
            edits.push(Edit::replace(token, 1, format!("| \"{XOR}\" | ")));
        } else if keyword(Some(&token.token)) == Some(Keyword::FROM) {
            let side = matches!(keyword(before(1)), Some(Keyword::BOTH | Keyword::LEADING | Keyword::TRAILING));
            let opens =
                |n: usize| matches!(before(n), Some(Token::LParen)) && keyword(before(n + 1)) == Some(Keyword::TRIM);
            if side && opens(2) {
                edits.push(Edit::insert(token, "' ' "));
            } else if opens(1) {
                edits.push(Edit::insert(token, "both ' ' "));
            }
        }
    }
    if edits.is_empty() { sql.to_owned() } else { edited(sql, &edits) }
}

/// Whether a text may go on in the next line: the standard puts such texts together.
fn breaks_texts(sql: &str) -> bool {
    let mut rest = sql;
    while let Some((_, behind)) = rest.split_once('\'') {
        let next = behind.trim_start();
        let blanks = &behind[..behind.len() - next.len()];
        if next.starts_with('\'') && blanks.contains('\n') {
            return true;
        }
        rest = behind;
    }
    false
}

fn is_text(token: Option<&Token>) -> bool {
    matches!(token, Some(Token::SingleQuotedString(_)))
}

/// Whether a token is the word behind the name of a query of WITH.
fn is_materialized(tokens: &[TokenWithSpan], at: usize) -> bool {
    let word = |at: Option<usize>, name: &str| is(at.and_then(|at| tokens.get(at)).map(|t| &t.token), name);
    let behind_as = |n| word(at.checked_sub(n), "as");
    word(Some(at), "materialized")
        && (behind_as(1) || (word(at.checked_sub(1), "not") && behind_as(2)))
        && tokens.get(at + 1).is_some_and(|t| t.token == Token::LParen)
}

/// Whether a token begins with the operator; without a blank behind it, it is read as a name.
fn is_sharp(token: &Token) -> bool {
    match token {
        Token::Sharp => true,
        Token::Word(word) => word.quote_style.is_none() && word.value.starts_with('#'),
        _ => false,
    }
}

fn keyword(token: Option<&Token>) -> Option<Keyword> {
    match token? {
        Token::Word(word) if word.quote_style.is_none() => Some(word.keyword),
        _ => None,
    }
}

fn is(token: Option<&Token>, name: &str) -> bool {
    matches!(token, Some(Token::Word(word)) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_put_into_words_that_the_parser_reads() {
        for (sql, want) in [
            ("select trim(both from x)", "select trim(both ' ' from x)"),
            ("select TRIM ( from x )", "select TRIM ( both ' ' from x )"),
            ("select trim(leading from x), 'ü' from t", "select trim(leading ' ' from x), 'ü' from t"),
            ("x between symmetric\n 1 and 2", "x between \"between symmetric\" |\n 1 and 2"),
            ("x not between ASYMMETRIC 1 and 2", "x not between  1 and 2"),
            ("select a # b, '#'", "select a | \"bitwise xor\" |  b, '#'"),
            ("with a as materialized (select 1) select 1", "with a as  (select 1) select 1"),
            ("with a as NOT MATERIALIZED (select 1) select 1", "with a as   (select 1) select 1"),
            ("select 'a'\n 'b'\n\n'c', 'd' 'e'", "select 'a'\n || 'b'\n\n|| 'c', 'd' 'e'"),
            ("select a #b, 5#3", "select a | \"bitwise xor\" | b, 5| \"bitwise xor\" | 3"),
        ] {
            assert_eq!(readable(sql), want);
        }
        for sql in [
            "select trim(x) from t",
            "select trim(both 'a' from x)",
            "select 'trim(both from x)', symmetric from t",
            "select 1 as materialized",
            "select 'a\n', '\n'",
        ] {
            assert_eq!(readable(sql), sql);
        }
    }
}
