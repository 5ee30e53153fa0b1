//! Changes of a statement's text at the places of its tokens.

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

/// Something to put before a token, and how many of the token's characters are left out.
pub(crate) struct Edit {
    place: (u64, u64),
    before: String,
    leaves_out: usize,
}

impl Edit {
    /// Puts a text before a token.
    pub(crate) fn insert(token: &TokenWithSpan, before: impl Into<String>) -> Self {
        Self::replace(token, 0, before)
    }

    /// Puts a text in the place of a token of so many characters.
    pub(crate) fn replace(token: &TokenWithSpan, characters: usize, by: impl Into<String>) -> Self {
        Self { place: (token.span.start.line, token.span.start.column), before: by.into(), leaves_out: characters }
    }
}

/// The tokens of a statement without blanks and comments; `None` when it cannot be tokenized.
pub(crate) fn tokens(sql: &str) -> Option<Vec<TokenWithSpan>> {
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location().ok()?;
    Some(tokens.into_iter().filter(|t| !matches!(t.token, Token::Whitespace(_))).collect())
}

/// The text with edits, which stand in its order.
pub(crate) fn edited(sql: &str, edits: &[Edit]) -> String {
    let mut out = String::with_capacity(sql.len() + 32 * edits.len());
    let mut edits = edits.iter().peekable();
    let (mut line, mut column, mut skip) = (1, 1, 0);
    for c in sql.chars() {
        if let Some(edit) = edits.next_if(|e| e.place == (line, column)) {
            out.push_str(&edit.before);
            skip = edit.leaves_out;
        }
        if skip > 0 {
            skip -= 1;
        } else {
            out.push(c);
        }
        (line, column) = if c == '\n' { (line + 1, 1) } else { (line, column + 1) };
    }
    out
}
