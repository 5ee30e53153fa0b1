//! `f(TABLE t, ...)`, the form in which SQL hands a table to a function, as `f((SELECT * FROM t), ...)`, which the parser reads.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::token_edits::{Edit, edited, tokens};

/// The statement with every table argument as a query.
///
/// An argument is one when TABLE and a name fill it and the function's name is no word of SQL: `IN (TABLE t)` is a query
/// already. What cannot be read stays as it is, for the parser to report.
pub(crate) fn to_query(sql: &str) -> String {
    if !sql.as_bytes().windows(5).any(|word| word.eq_ignore_ascii_case(b"table")) {
        return sql.to_owned();
    }
    let Some(tokens) = tokens(sql) else { return sql.to_owned() };
    let mut edits = Vec::new();
    // For each open parenthesis, whether it belongs to a call.
    let mut calls = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        match &token.token {
            Token::LParen => calls.push(i > 0 && is_name(&tokens[i - 1].token)),
            Token::RParen => drop(calls.pop()),
            Token::Word(word) if word.keyword == Keyword::TABLE && word.quote_style.is_none() => {
                let begins = i > 0 && matches!(tokens[i - 1].token, Token::LParen | Token::Comma);
                if let (Some(true), true, Some(end)) = (calls.last(), begins, end_of_name(&tokens, i + 1)) {
                    edits.push(Edit::replace(token, "TABLE".len(), "(SELECT * FROM"));
                    edits.push(Edit::insert(&tokens[end], ")"));
                }
            }
            _ => {}
        }
    }
    if edits.is_empty() { sql.to_owned() } else { edited(sql, &edits) }
}

fn is_name(token: &Token) -> bool {
    matches!(token, Token::Word(word) if word.keyword == Keyword::NoKeyword || word.quote_style.is_some())
}

/// The place of the comma or parenthesis after a name that begins at `from`.
fn end_of_name(tokens: &[TokenWithSpan], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        matches!(tokens.get(at)?.token, Token::Word(_)).then_some(())?;
        match tokens.get(at + 1)?.token {
            Token::Period => at += 2,
            Token::Comma | Token::RParen => return Some(at + 1),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_arguments_become_queries_and_nothing_else_does() {
        let cases = [
            ("SELECT * FROM f(TABLE a.b.\"C d\", x => 1)", "SELECT * FROM f((SELECT * FROM a.b.\"C d\"), x => 1)"),
            (
                "select 'ü' from F(table t\n, TABLE u) -- TABLE",
                "select 'ü' from F((SELECT * FROM t\n), (SELECT * FROM u)) -- TABLE",
            ),
            ("SELECT * FROM g((SELECT 1), TABLE t)", "SELECT * FROM g((SELECT 1), (SELECT * FROM t))"),
        ];
        for (sql, want) in cases {
            assert_eq!(to_query(sql), want);
        }
        for sql in [
            "SELECT 1 WHERE 1 IN (TABLE t)",
            "SELECT * FROM (TABLE t) x",
            "WITH x AS (TABLE t) SELECT * FROM x",
            "SELECT f(table) FROM t",
            "SELECT f('TABLE t')",
            "CREATE TABLE t (a int)",
            "SELECT * FROM f(TABLE t + 1)",
            "SELECT * FROM f(TABLE (t))",
        ] {
            assert_eq!(to_query(sql), sql);
        }
    }
}
