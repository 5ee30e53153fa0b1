//! `substring(text FROM 'pattern')`: the part of a text that a regular expression finds.

use datafusion::sql::sqlparser::ast::{Expr, Value};
use headwater_common::{Error, Result};

use super::{call, number, placeholder};

/// Writes it as the first element of `regexp_match`: the first group of the expression, or the whole match when it has none.
pub(super) fn rewrite(expr: &mut Expr) -> Result<()> {
    let Expr::Substring { substring_from: Some(from), substring_for, .. } = expr else { return Ok(()) };
    if !is_text(from) {
        return Ok(());
    }
    if substring_for.is_some() {
        return Err(Error::unsupported(
            "substring with a pattern of SQL is not supported; use a regular expression without FOR",
        ));
    }
    let Expr::Substring { expr: text, substring_from: Some(pattern), .. } = std::mem::replace(expr, placeholder()) else {
        return Ok(());
    };
    let mut found = call("regexp_match", vec![*text, *pattern]);
    super::regexes::rewrite(&mut found)?;
    *expr = call("array_element", vec![found, number("1")]);
    Ok(())
}

fn is_text(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_text(inner),
        Expr::Value(value) => matches!(
            value.value,
            Value::SingleQuotedString(_) | Value::EscapedStringLiteral(_) | Value::DollarQuotedString(_)
        ),
        _ => false,
    }
}
