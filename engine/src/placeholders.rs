//! `?` placeholders, which JDBC, ODBC and Python clients send, as `$1`, `$2`, ...

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use headwater_common::{Error, Result};

/// The statement with every `?` outside of texts, quoted names and comments numbered from left to right.
///
/// A statement that uses both `?` and `$n` is refused: the numbers would be ambiguous.
pub(crate) fn number(sql: &str) -> Result<String> {
    if !sql.contains('?') {
        return Ok(sql.to_owned());
    }
    let tokens = match Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location() {
        Ok(tokens) => tokens,
        // The parser reports it with its place.
        Err(_) => return Ok(sql.to_owned()),
    };
    let mut places = Vec::new();
    let mut numbered = false;
    for token in &tokens {
        if let Token::Placeholder(name) = &token.token {
            match name.as_str() {
                "?" => places.push((token.span.start.line, token.span.start.column)),
                _ => numbered = true,
            }
        }
    }
    if places.is_empty() {
        return Ok(sql.to_owned());
    }
    if numbered {
        return Err(Error::invalid("a statement may use ? or $1, $2, ... as parameters but not both"));
    }
    let mut out = String::with_capacity(sql.len() + places.len() * 2);
    let (mut line, mut column, mut next) = (1, 1, 0);
    for c in sql.chars() {
        if places.get(next) == Some(&(line, column)) {
            next += 1;
            out.push_str(&format!("${next}"));
        } else {
            out.push(c);
        }
        (line, column) = if c == '\n' { (line + 1, 1) } else { (line, column + 1) };
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn question_marks_are_numbered_outside_of_texts_only() {
        let sql = "select '?', \"a?\", ? -- ?\n, 'ü?' /* ? */ + ?\nwhere x = ?";
        let want = "select '?', \"a?\", $1 -- ?\n, 'ü?' /* ? */ + $2\nwhere x = $3";
        assert_eq!(number(sql).unwrap(), want);
        assert_eq!(number("select $1").unwrap(), "select $1");
        assert!(number("select ?, $1").is_err());
    }
}
