//! How a database writes names and texts.

use std::fmt::Debug;

use datafusion::common::ScalarValue;
use headwater_common::{Error, Result};

use crate::literal::{Literal, literal};

/// The lexical rules of one database.
pub trait Dialect: Debug + Send + Sync {
    /// Longest name in bytes.
    fn identifier_bytes_max(&self) -> usize;

    /// Appends a quoted name.
    fn identifier(&self, name: &str, out: &mut String) -> Result<()>;

    /// Appends a quoted text.
    fn text(&self, value: &str, out: &mut String) -> Result<()>;

    /// A value as text, with the type that reads it back exactly.
    fn literal(&self, value: &ScalarValue) -> Result<Literal>;

    /// Appends a text that is read as a value of a type; `None` is NULL.
    fn typed(&self, text: Option<&str>, type_name: &str, out: &mut String) -> Result<()>;

    /// Appends the placeholder of the parameter with this number, counted from 1, read as a value of a type.
    fn placeholder(&self, number: usize, type_name: &str, out: &mut String);

    /// Whether a parameter can be NULL; otherwise NULL is written as such.
    fn binds_null(&self) -> bool {
        true
    }

    /// Name of the type of texts.
    fn text_type(&self) -> &'static str;

    /// Appends the clause that makes a text compare and sort by its bytes.
    fn byte_order(&self, out: &mut String);

    /// Appends the clause that names the escape character of LIKE.
    fn like_escape(&self, escape: char, out: &mut String) -> Result<()>;

    /// Whether it has `IS TRUE`, `IS FALSE`, `IS UNKNOWN` and `IS DISTINCT FROM`; otherwise they are written with `coalesce`.
    fn has_truth_tests(&self) -> bool {
        true
    }

    /// The function of a cast that refuses what does not fit; none where every cast does.
    fn checked_cast(&self) -> Option<&'static str> {
        None
    }

    /// What the names of FROM items begin with.
    fn item_prefix(&self) -> &'static str {
        "t"
    }

    /// What stands for no columns at all.
    fn no_columns(&self) -> &'static str {
        ""
    }

    /// Many values of one type as the text of an array and the array's type; `None` where an IN list of them is as good.
    fn array(&self, _values: &[Literal]) -> Option<(String, String)> {
        None
    }

    /// Appends many values of one type as one constant that IN takes for a list, where that is read faster than the list.
    fn constant_list(&self, _values: &[Literal], _out: &mut String) -> Result<bool> {
        Ok(false)
    }

    /// Appends an element of an IN list in a shorter form than [`Dialect::literal`] has, where one exists that means the same.
    fn list_element(&self, _value: &ScalarValue, _out: &mut String) -> Result<bool> {
        Ok(false)
    }
}

/// Shorter lists are written as they are.
pub(crate) const ARRAY_MIN: usize = 32;

/// PostgreSQL and databases that speak its SQL.
///
/// Names are in double quotes with embedded ones doubled (PostgreSQL documentation, 4.1.1). Texts without a backslash are plain
/// literals; texts with one are `E''` literals with both quotes and backslashes doubled (4.1.2.2), which read the same whatever
/// `standard_conforming_strings` is. The character with code zero exists in neither and is refused.
#[derive(Debug, Clone, Copy, Default)]
pub struct Postgres;

impl Dialect for Postgres {
    fn identifier_bytes_max(&self) -> usize {
        63
    }

    fn identifier(&self, name: &str, out: &mut String) -> Result<()> {
        check_name(name, self.identifier_bytes_max())?;
        out.push('"');
        for c in name.chars() {
            if c == '"' {
                out.push('"');
            }
            out.push(c);
        }
        out.push('"');
        Ok(())
    }

    fn text(&self, value: &str, out: &mut String) -> Result<()> {
        if value.contains('\0') {
            return Err(Error::invalid("PostgreSQL texts cannot hold the character with code zero"));
        }
        let escaped = value.contains('\\');
        if escaped {
            // A space keeps the E from joining a name before it.
            out.push_str(" E");
        }
        out.push('\'');
        for c in value.chars() {
            if c == '\'' || (escaped && c == '\\') {
                out.push(c);
            }
            out.push(c);
        }
        out.push('\'');
        Ok(())
    }

    fn literal(&self, value: &ScalarValue) -> Result<Literal> {
        literal(value)
    }

    fn typed(&self, text: Option<&str>, type_name: &str, out: &mut String) -> Result<()> {
        match text {
            Some(text) => self.text(text, out)?,
            None => out.push_str("NULL"),
        }
        out.push_str("::");
        out.push_str(type_name);
        Ok(())
    }

    fn placeholder(&self, number: usize, type_name: &str, out: &mut String) {
        out.push('$');
        out.push_str(&number.to_string());
        if type_name != "text" {
            out.push_str("::text");
        }
        out.push_str("::");
        out.push_str(type_name);
    }

    /// One constant is parsed faster than thousands (PostgreSQL documentation, 8.15.2: quoted elements of array literals).
    fn array(&self, values: &[Literal]) -> Option<(String, String)> {
        let first = values.first().filter(|_| values.len() >= ARRAY_MIN)?;
        let mut text = String::from("{");
        for (i, value) in values.iter().enumerate() {
            let element = value.text.as_ref().filter(|_| value.type_name == first.type_name && value.around == ("", ""))?;
            text.push_str(if i == 0 { "\"" } else { ",\"" });
            for c in element.chars() {
                if matches!(c, '"' | '\\') {
                    text.push('\\');
                }
                text.push(c);
            }
            text.push('"');
        }
        text.push('}');
        Some((text, format!("{}[]", first.type_name)))
    }

    fn text_type(&self) -> &'static str {
        "text"
    }

    fn byte_order(&self, out: &mut String) {
        out.push_str(" COLLATE \"C\"");
    }

    fn like_escape(&self, escape: char, out: &mut String) -> Result<()> {
        out.push_str(" ESCAPE ");
        self.text(&escape.to_string(), out)
    }
}

/// Refuses names that no database has.
pub(crate) fn check_name(name: &str, bytes_max: usize) -> Result<()> {
    if name.is_empty() || name.len() > bytes_max || name.contains('\0') {
        let message = format!("a name must have 1 to {bytes_max} bytes and no character with code zero");
        return Err(Error::invalid(message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> String {
        let mut out = String::new();
        Postgres.text(value, &mut out).unwrap();
        out
    }

    #[test]
    fn texts_are_quoted_whatever_stands_before_a_quote() {
        assert_eq!(text("a'b"), "'a''b'");
        assert_eq!(text("a''b"), "'a''''b'");
        assert_eq!(text(r"\'"), r" E'\\'''");
        assert_eq!(text(r"\"), r" E'\\'");
        assert_eq!(text(""), "''");
        assert!(Postgres.text("a\0b", &mut String::new()).is_err());
    }

    #[test]
    fn names_are_quoted_or_refused() {
        let mut out = String::new();
        Postgres.identifier("a\\\"b", &mut out).unwrap();
        assert_eq!(out, "\"a\\\"\"b\"");
        assert!(Postgres.identifier("", &mut out).is_err());
        assert!(Postgres.identifier("a\0", &mut out).is_err());
        assert!(Postgres.identifier(&"x".repeat(64), &mut out).is_err());
    }
}
