//! Regular expressions of Postgres and patterns of SIMILAR TO, in the syntax of the `regex` crate, which computes them.

use std::iter::Peekable;
use std::str::Chars;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray};
use datafusion::arrow::datatypes::DataType;
use headwater_common::{Error, Result};
use headwater_source::ErrorExt;

use super::rule::{Rule, missing};

/// Name of the function that makes [`pattern`] of a text.
pub(crate) const REGEX_PATTERN: &str = "regex_pattern";
/// Name of the function that makes [`matched`] of a text.
pub(crate) const REGEX_MATCHED: &str = "regex_matched";
/// Name of the function that makes [`replacement`] of a text.
pub(crate) const REGEX_REPLACEMENT: &str = "regex_replacement";
/// Name of the function that makes [`similar`] of a text and an escape character, which may be the empty text.
pub(crate) const SIMILAR_PATTERN: &str = "similar_pattern";

/// The same for texts that are computed.
pub(super) const RULES: &[Rule] = &[
    Rule {
        name: REGEX_PATTERN,
        usage: "regex_pattern(text)",
        description: "A regular expression of Postgres in the syntax of Rust's, which computes it.",
        coerce: |types| texts(types, 1),
        returns: |_| DataType::Utf8,
        compute: |arrays, rows| each(arrays, rows, |text, _| pattern(text, false)),
    },
    Rule {
        name: REGEX_MATCHED,
        usage: "regex_matched(text)",
        description: "A regular expression of Postgres in the syntax of Rust's, for operators such as ~.",
        coerce: |types| texts(types, 1),
        returns: |_| DataType::Utf8,
        compute: |arrays, rows| each(arrays, rows, |text, _| matched(text)),
    },
    Rule {
        name: REGEX_REPLACEMENT,
        usage: "regex_replacement(text)",
        description: "A replacement of regexp_replace as Postgres reads it, in the syntax of Rust's.",
        coerce: |types| texts(types, 1),
        returns: |_| DataType::Utf8,
        compute: |arrays, rows| each(arrays, rows, |text, _| Ok(replacement(text))),
    },
    Rule {
        name: SIMILAR_PATTERN,
        usage: "similar_pattern(pattern, escape)",
        description: "A pattern of SIMILAR TO as a regular expression.",
        coerce: |types| texts(types, 2),
        returns: |_| DataType::Utf8,
        compute: |arrays, rows| each(arrays, rows, |text, escape| similar(text, one_character(escape.unwrap_or("\\"))?)),
    },
];

fn texts(types: &[DataType], count: usize) -> Option<Vec<DataType>> {
    let fit = types.len() == count && types.iter().all(|t| t.is_string() || t.is_null());
    fit.then(|| vec![DataType::Utf8; count])
}

/// A text of each row, from the first argument and the second if there is one; NULL of NULL.
fn each(
    arrays: &[ArrayRef],
    rows: usize,
    made: fn(&str, Option<&str>) -> Result<String>,
) -> datafusion::error::Result<ArrayRef> {
    let texts = arrays.iter().map(|a| a.as_string_opt::<i32>().ok_or_else(missing));
    let texts = texts.collect::<datafusion::error::Result<Vec<_>>>()?;
    let made = (0..rows).map(|row| match texts.as_slice() {
        all if all.iter().any(|t| t.is_null(row)) => Ok(None),
        [text] => made(text.value(row), None).map(Some).map_err(ErrorExt::into_datafusion),
        [text, more] => made(text.value(row), Some(more.value(row))).map(Some).map_err(ErrorExt::into_datafusion),
        _ => Err(missing()),
    });
    Ok(Arc::new(made.collect::<datafusion::error::Result<StringArray>>()?))
}

/// The escape character that a text of at most one character names.
pub(crate) fn one_character(text: &str) -> Result<Option<char>> {
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (escape, None) => Ok(escape),
        _ => Err(Error::invalid("ESCAPE takes one character, or none for a pattern without escapes")),
    }
}

/// Characters that mean something in an expression, somewhere.
const META: &str = "\\.+*?()|[]{}^$#&-~";

/// A regular expression in the crate's syntax; `lines` is the option `n` of Postgres, by which nothing but a line break itself matches one.
///
/// | Postgres | here |
/// |---|---|
/// | `.` | matches a line break too |
/// | `\m`, `\M`, `\y`, `\Y`, `\Z` | beginning and end of a word, either, neither, end of the text |
/// | `[` and `&` in a bracket, `{` before no digit | themselves |
pub(crate) fn pattern(postgres: &str, lines: bool) -> Result<String> {
    let mut out = Out { text: String::with_capacity(postgres.len() + 8), lines, dot: false, similar_escape: None };
    let mut rest = postgres.chars().peekable();
    out.options(&mut rest);
    while let Some(c) = rest.next() {
        match c {
            '\\' => out.escape(&mut rest)?,
            '[' => out.bracket(&mut rest)?,
            '.' => {
                out.dot = true;
                out.text.push('.');
            }
            '{' if !rest.peek().is_some_and(char::is_ascii_digit) => out.text.push_str("\\{"),
            other => out.text.push(other),
        }
    }
    out.checked()
}

/// The same for the right side of `~`, which DataFusion writes as LIKE where it can, but without escaping a backslash.
pub(crate) fn matched(postgres: &str) -> Result<String> {
    pattern(postgres, false).map(unlike)
}

/// The expression with a group of nothing, which LIKE does not have, when a backslash may stand in it.
fn unlike(expression: String) -> String {
    let backslash = ["\\\\", "\\x", "\\u", "\\U"].iter().any(|form| expression.contains(form));
    if backslash { ["()", &expression].concat() } else { expression }
}

/// A replacement in the crate's syntax, in which `$` begins a group: `\1` to `\9` are groups, `\&` the whole match, `\\` a backslash.
pub(crate) fn replacement(postgres: &str) -> String {
    let mut out = String::with_capacity(postgres.len() + 8);
    let mut rest = postgres.chars();
    while let Some(c) = rest.next() {
        match c {
            '$' => out.push_str("$$"),
            '\\' => match rest.next() {
                Some(group @ '0'..='9') => {
                    out.push_str("${");
                    out.push(group);
                    out.push('}');
                }
                Some('&') => out.push_str("${0}"),
                // A group that is not there: else the digit behind the backslash would be one.
                Some('\\') | None => out.push_str("\\${_}"),
                Some(other) => out.extend(['\\', other]),
            },
            other => out.push(other),
        }
    }
    out
}

/// A pattern of SIMILAR TO as a regular expression of the whole text.
pub(crate) fn similar(sql: &str, escape: Option<char>) -> Result<String> {
    let text = String::with_capacity(sql.len() + 8);
    let mut out = Out { text, lines: false, dot: true, similar_escape: Some(escape) };
    out.text.push_str("^(?:");
    let mut rest = sql.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            c if Some(c) == escape => out.escape(&mut rest)?,
            '%' => out.text.push_str(".*"),
            '_' => out.text.push('.'),
            '[' => out.bracket(&mut rest)?,
            '|' | '*' | '+' | '?' | '{' | '}' | '(' | ')' => out.text.push(c),
            other => out.literal(other),
        }
    }
    out.text.push_str(")$");
    out.checked().map(unlike)
}

struct Out {
    text: String,
    lines: bool,
    dot: bool,
    /// The escape character of SIMILAR TO, by which characters stand for themselves; `None` for a regular expression.
    similar_escape: Option<Option<char>>,
}

impl Out {
    /// The finished expression, if the crate takes it.
    fn checked(self) -> Result<String> {
        let options = match (self.lines, self.dot) {
            (true, _) => "(?m)",
            (false, true) => "(?s)",
            (false, false) => "",
        };
        let text = [options, &self.text].concat();
        match accepted(&text) {
            Ok(()) => Ok(text),
            Err(reason) => Err(Error::invalid(format!("the regular expression cannot be used: {reason}"))),
        }
    }

    /// Options at the beginning, `(?i)`.
    fn options(&mut self, rest: &mut Peekable<Chars>) {
        let mut ahead = rest.clone();
        if ahead.next() != Some('(') || ahead.next() != Some('?') {
            return;
        }
        let mut kept = String::new();
        let mut lines = self.lines;
        loop {
            match ahead.next() {
                Some(')') => break,
                Some('n' | 'm') => lines = true,
                Some('s') => lines = false,
                Some('c') => {}
                Some(option @ ('i' | 'x')) => kept.push(option),
                _ => return,
            }
        }
        if !kept.is_empty() {
            self.text.extend(["(?", &kept, ")"]);
        }
        self.lines = lines;
        *rest = ahead;
    }

    fn literal(&mut self, c: char) {
        if META.contains(c) {
            self.text.push('\\');
        }
        self.text.push(c);
    }

    fn escape(&mut self, rest: &mut Peekable<Chars>) -> Result<()> {
        let c = rest.next().ok_or_else(|| Error::invalid("a pattern must not end with its escape character"))?;
        match c {
            c if self.similar_escape.is_some() => self.literal(c),
            'm' => self.text.push_str("\\b{start}"),
            'M' => self.text.push_str("\\b{end}"),
            'y' => self.text.push_str("\\b"),
            'Y' => self.text.push_str("\\B"),
            'Z' => self.text.push_str("\\z"),
            'e' => self.text.push_str("\\x1B"),
            '1'..='9' => {
                return Err(Error::unsupported("a regular expression cannot refer back to a group, as \\1 does"));
            }
            c if c.is_ascii_punctuation() => self.literal(c),
            c => self.text.extend(['\\', c]),
        }
        Ok(())
    }

    /// What stands between brackets, behind the first.
    fn bracket(&mut self, rest: &mut Peekable<Chars>) -> Result<()> {
        if let Some(word) = word_bound(rest) {
            self.text.push_str(word);
            return Ok(());
        }
        self.text.push('[');
        if rest.next_if_eq(&'^').is_some() {
            self.text.push('^');
            if self.lines {
                self.text.push_str("\\n");
            }
        }
        let open = || Error::invalid("a bracket of a regular expression is not closed");
        let mut first = true;
        loop {
            match rest.next().ok_or_else(open)? {
                ']' if !first => break,
                '[' if rest.peek() == Some(&':') => {
                    self.text.push('[');
                    loop {
                        let c = rest.next().ok_or_else(open)?;
                        self.text.push(c);
                        if c == ']' {
                            break;
                        }
                    }
                }
                '[' if matches!(rest.peek(), Some('.' | '=')) => {
                    return Err(Error::unsupported("a bracket of a regular expression cannot name collating elements"));
                }
                c if Some(c) == self.similar_escape.unwrap_or(Some('\\')) => self.escape(rest)?,
                // A range, unless it stands at either end.
                '-' if !first && rest.peek() != Some(&']') => self.text.push('-'),
                other => self.literal(other),
            }
            first = false;
        }
        self.text.push(']');
        Ok(())
    }
}

/// `[[:<:]]` and `[[:>:]]`, the beginning and the end of a word.
fn word_bound(rest: &mut Peekable<Chars>) -> Option<&'static str> {
    for (form, made) in [("[:<:]]", "\\b{start}"), ("[:>:]]", "\\b{end}")] {
        let mut ahead = rest.clone();
        if form.chars().all(|c| ahead.next() == Some(c)) {
            *rest = ahead;
            return Some(made);
        }
    }
    None
}

/// Whether the crate takes an expression, or the last line of what it says.
fn accepted(text: &str) -> std::result::Result<(), String> {
    regex::Regex::new(text).map(drop).map_err(|e| {
        let said = e.to_string();
        let last = said.lines().last().unwrap_or_default().trim();
        last.strip_prefix("error: ").unwrap_or(last).to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_mean_what_postgres_says() {
        for (postgres, made) in [
            ("abc", "abc"),
            ("line.break", "(?s)line.break"),
            ("a\\.b", "a\\.b"),
            ("\\mabc\\M", "\\b{start}abc\\b{end}"),
            ("\\yabc\\Y\\Z", "\\babc\\B\\z"),
            ("[[:<:]]a[[:>:]]", "\\b{start}a\\b{end}"),
            ("\\<a\\>", "<a>"),
            ("[]a[&&^-]", "[\\]a\\[\\&\\&\\^\\-]"),
            ("[^a-z[:digit:]\\w]", "[^a-z[:digit:]\\w]"),
            ("a{2,3}{x", "a{2,3}\\{x"),
            ("(?i)a.", "(?s)(?i)a."),
            ("(?n)^a.", "(?m)^a."),
            ("(?:a)", "(?:a)"),
        ] {
            assert_eq!(pattern(postgres, false).unwrap(), made, "{postgres}");
        }
        assert_eq!(pattern("^a.[^b]$", true).unwrap(), "(?m)^a.[^\\nb]$");
        assert_eq!(matched("k\\\\s").unwrap(), "()k\\\\s");
        for wrong in ["(a)\\1", "a(?=b)", "(", "[a", "a\\", "[[.a.]]"] {
            assert!(pattern(wrong, false).is_err(), "{wrong}");
        }
    }

    #[test]
    fn replacements_mean_what_postgres_says() {
        let replaced = |with: &str| {
            let made = replacement(with);
            regex::Regex::new("(o)(o)").unwrap().replace("foobar", made.as_str()).into_owned()
        };
        for (with, text) in [
            ("<\\&>", "f<oo>bar"),
            ("\\2-\\1", "fo-obar"),
            ("\\12", "fo2bar"),
            ("$1", "f$1bar"),
            ("\\\\1", "f\\1bar"),
            ("x\\", "fx\\bar"),
        ] {
            assert_eq!(replaced(with), text, "{with}");
        }
    }

    #[test]
    fn similar_patterns_are_of_the_whole_text() {
        let fits = |text: &str, sql: &str| regex::Regex::new(&similar(sql, Some('\\')).unwrap()).unwrap().is_match(text);
        for (text, sql, wanted) in [
            ("abc1", "abc%", true),
            ("xabc", "abc", false),
            ("abc", "a.c", false),
            ("abc", "a_c", true),
            ("abc", "%(b|d)%", true),
            ("abc", "ab|bc", false),
            ("a\nc", "a_c", true),
            ("a%c", "a\\%c", true),
            ("abc", "a\\%c", false),
            ("a^c", "a[$^]c", true),
            ("aaa", "a{3}", true),
        ] {
            assert_eq!(fits(text, sql), wanted, "{text} {sql}");
        }
        assert!(similar("a\\", Some('\\')).is_err());
    }
}
