//! `LIKE ... ESCAPE '!'` with an escape character other than the backslash.

use datafusion::sql::sqlparser::ast::{Expr, Value};
use headwater_common::{Error, Result};

use crate::functions::one_character;

/// Writes the pattern with backslashes, which DataFusion and the sources take for the escape character.
pub(super) fn rewrite(expr: &mut Expr) -> Result<()> {
    let (Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. }) = expr else { return Ok(()) };
    let Some(given) = escape_char.take() else { return Ok(()) };
    let Value::SingleQuotedString(escape) = &given.value else {
        *escape_char = Some(given);
        return Ok(());
    };
    if escape == "\\" {
        return Ok(());
    }
    let escape = one_character(escape)?;
    let text = match pattern.as_ref() {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text.as_str()),
            _ => None,
        },
        _ => None,
    };
    let text = text.ok_or_else(|| {
        Error::unsupported("ESCAPE of LIKE with another character than \\ needs the pattern as a text in single quotes")
    })?;
    **pattern = Expr::Value(Value::SingleQuotedString(translated(text, escape)?).into());
    Ok(())
}

fn translated(pattern: &str, escape: Option<char>) -> Result<String> {
    let mut out = String::with_capacity(pattern.len() + 4);
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        let (c, escaped) = match escape {
            Some(escape) if c == escape => {
                let next = rest.next();
                (next.ok_or_else(|| Error::invalid("the pattern of LIKE must not end with its escape character"))?, true)
            }
            _ => (c, false),
        };
        if c == '\\' || (escaped && matches!(c, '%' | '_')) {
            out.push('\\');
        }
        out.push(c);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_the_same_with_backslashes() {
        assert_eq!(translated("a!%b%", Some('!')).unwrap(), "a\\%b%");
        assert_eq!(translated("a!!b!_!c\\", Some('!')).unwrap(), "a!b\\_c\\\\");
        assert_eq!(translated("a\\%", None).unwrap(), "a\\\\%");
        assert!(translated("a!", Some('!')).is_err());
    }
}
