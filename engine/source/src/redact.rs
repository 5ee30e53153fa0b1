//! Messages of failed computations, without the values that made them fail.
//!
//! Arrow and DataFusion put the value into the message of a cast, a parse or a calculation that failed. The value comes from a
//! row, and may be a secret; what helps is the operation and the type, which stay. A value that is a word of the statement itself
//! is no secret to whoever wrote it, and stays too.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// What of a message is replaced, from the whole of it to single numbers, and by what. The group `v` is the value.
const RULES: &[(&str, &str)] = &[
    (r"(?s)Overflow happened on: .*", "the result does not fit its type"),
    (r"(?s)arithmetic overflow: .*", "arithmetic overflow"),
    (r"(?s)(Overflowing on|parse decimal overflow|decimal format|for type interval|Unicode scalar value)\b(?P<v>.*)", "$1"),
    (r"(?s)(cast|convert|parse)( the| string| value)* (?P<v>.+) (to|as) ", "$1 a value $4 "),
    (r"(?s)(?P<v>\S+) is too (large|small) to store", "a value is too $2 to store"),
    (r"(?s)'(?P<v>.*)'", "a value"),
    (r#"(?s)"(?P<v>.*)""#, "a value"),
    (r"to value of (.+) type", "to $1"),
];

/// Numbers that are no values are kept: parameters of types, and limits; so is what is still in quotes, a word of the statement.
const NUMBERS: &str = r#"'[^']*'|"[^"]*"|(?:Decimal|FixedSize|Time|Date|Interval|Duration)\w*\([^()]*\)|(?:precision|scale|Max is|Min is|least|most|requires) -?\d[\d.]*|(?:^|[^\w.])-?\d[\w.:+-]*"#;

static PATTERNS: LazyLock<Option<Patterns>> = LazyLock::new(|| {
    let rules = RULES.iter().map(|(pattern, by)| Some((Regex::new(pattern).ok()?, *by)));
    Some(Patterns { rules: rules.collect::<Option<_>>()?, numbers: Regex::new(NUMBERS).ok()? })
});

struct Patterns {
    rules: Vec<(Regex, &'static str)>,
    numbers: Regex,
}

/// The message without values.
pub fn without_values(message: &str) -> String {
    without_values_but(message, &|_| false)
}

/// The message without values but those that `own` says are words of the statement.
pub fn without_values_but(message: &str, own: &dyn Fn(&str) -> bool) -> String {
    let Some(patterns) = PATTERNS.as_ref() else { return "a value could not be computed".to_owned() };
    let mut text = message.to_owned();
    for (rule, by) in &patterns.rules {
        let replaced = rule.replace(&text, |found: &Captures<'_>| {
            if found.name("v").is_some_and(|value| own(bare(value.as_str()))) {
                return found[0].to_owned();
            }
            let mut made = String::new();
            found.expand(by, &mut made);
            made
        });
        text = replaced.into_owned();
    }
    let number = |found: &Captures<'_>| {
        let found = &found[0];
        let quoted = found.len() > 1 && found.starts_with(['\'', '"']) && found.ends_with(['\'', '"']);
        if quoted || own(bare(found)) {
            return found.to_owned();
        }
        match found.find(|c: char| c.is_ascii_digit() || c == '-') {
            Some(at) if at <= 1 => format!("{}…", &found[..at]),
            _ => found.to_owned(),
        }
    };
    patterns.numbers.replace_all(&text, number).into_owned()
}

/// A value without the quotes and blanks around it.
fn bare(value: &str) -> &str {
    value.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\'' | '"' | ':' | '('))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_statement_stay() {
        let own = |word: &str| ["century", "2024-01-01 12:00", "abc", "300"].contains(&word);
        for (message, expected) in [
            ("Date part 'century' not supported", "Date part 'century' not supported"),
            (
                "Error parsing timestamp from '2024-01-01 12:00': error parsing time",
                "Error parsing timestamp from '2024-01-01 12:00': error parsing time",
            ),
            ("Cannot cast string 'abc' to value of Int64 type", "Cannot cast string 'abc' to Int64"),
            ("Can't cast value 300 to type Int8", "Can't cast value 300 to type Int8"),
            // What is more than a word of the statement goes as a whole.
            ("Cannot cast string 'abc secret' to value of Int64 type", "Cannot cast a value to Int64"),
            ("Cannot cast string 'secret' 'abc' to value of Int64 type", "Cannot cast a value to Int64"),
            ("Can't cast value 3004242 to type Int8", "Can't cast a value to type Int8"),
        ] {
            let text = without_values_but(message, &own);
            assert_eq!(text, expected);
            assert!(!text.contains("secret") && !text.contains("4242"));
        }
    }

    #[test]
    fn values_go_and_types_stay() {
        for (message, expected) in [
            ("Cannot cast string 'it's secret' to value of Int64 type", "Cannot cast a value to Int64"),
            ("Can't cast value 4242 to type Int8", "Can't cast a value to type Int8"),
            ("Overflow happened on: 4242 * 4243", "the result does not fit its type"),
            ("Date arithmetic overflow: 4242-01-01 + 4242", "Date arithmetic overflow"),
            (
                "Invalid argument error: 4242.1 is too large to store in a Decimal128 of precision 5. Max is 999.99",
                "Invalid argument error: a value is too large to store in a Decimal128 of precision 5. Max is 999.99",
            ),
            ("Error parsing timestamp from 'secret': no digits", "Error parsing timestamp from a value: no digits"),
            ("can't parse the string value secret to decimal", "can't parse a value to decimal"),
            ("Cannot cast to Decimal128(5, 2). Overflowing on 4242", "Cannot cast to Decimal128(5, 2). Overflowing on"),
            ("Unable to parse date from 4242, 4243, 44", "Unable to parse date from …, …, …"),
            ("start position overflow: -4242", "start position overflow: …"),
            ("Overflow happened on FACTORIAL(4242)", "Overflow happened on FACTORIAL(…)"),
            ("Divide by zero error", "Divide by zero error"),
            ("Offset overflow when casting from Utf8 to LargeUtf8", "Offset overflow when casting from Utf8 to LargeUtf8"),
            (
                "concat_ws was called with 1 arguments. It requires at least 2.",
                "concat_ws was called with … arguments. It requires at least 2.",
            ),
        ] {
            let text = without_values(message);
            assert_eq!(text, expected);
            assert!(!text.contains("secret") && !text.contains("4242"));
        }
    }
}
