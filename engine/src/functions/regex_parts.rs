//! `regexp_match` and `regexp_split_to_array`: parts of a text that a regular expression finds.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, ListBuilder, StringBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;
use regex::Regex;

use super::rule::{Rule, invalid, missing};
use super::texts::text;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "regexp_match",
        usage: "regexp_match(text, pattern [, options])",
        description: "The groups of the first match of a regular expression, NULL for one that took no part, or the whole match when it has \
            no group; NULL when there is no match.",
        coerce: texts_and_options,
        returns: |_| DataType::new_list(DataType::Utf8, true),
        compute: |arrays, rows| parts(arrays, rows, groups),
    },
    Rule {
        name: "regexp_split_to_array",
        usage: "regexp_split_to_array(text, pattern [, options])",
        description: "The parts of a text between the matches of a regular expression.",
        coerce: texts_and_options,
        returns: |_| DataType::new_list(DataType::Utf8, true),
        compute: |arrays, rows| parts(arrays, rows, |text, expression| Some(split(text, expression))),
    },
];

fn texts_and_options(types: &[DataType]) -> Option<Vec<DataType>> {
    let fits = |t: &DataType| t.is_string() || t.is_null();
    (matches!(types.len(), 2 | 3) && types.iter().all(fits)).then(|| vec![DataType::Utf8; types.len()])
}

/// Parts of a text, of which one may be missing.
type Parts<'a> = Vec<Option<&'a str>>;

fn parts(arrays: &[ArrayRef], rows: usize, found: for<'a> fn(&'a str, &Regex) -> Option<Parts<'a>>) -> Result<ArrayRef> {
    let mut known: Option<(String, Regex)> = None;
    let mut lists = ListBuilder::new(StringBuilder::new());
    for row in 0..rows {
        let values = arrays.iter().map(|a| text(a, row)).collect::<Result<Option<Vec<_>>>>();
        let (whole, pattern, options) = match values?.as_deref() {
            Some([whole, pattern]) => (*whole, *pattern, ""),
            Some([whole, pattern, options]) => (*whole, *pattern, *options),
            _ => {
                lists.append_null();
                continue;
            }
        };
        let wanted = if options.is_empty() { pattern.to_owned() } else { format!("(?{options}){pattern}") };
        if known.as_ref().is_none_or(|(pattern, _)| *pattern != wanted) {
            let made = Regex::new(&wanted).map_err(|_| invalid("the regular expression or its options cannot be used"))?;
            known = Some((wanted, made));
        }
        let Some((_, expression)) = &known else { return Err(missing()) };
        match found(whole, expression) {
            Some(parts) => lists.append_value(parts),
            None => lists.append_null(),
        }
    }
    Ok(Arc::new(lists.finish()))
}

fn groups<'a>(text: &'a str, expression: &Regex) -> Option<Parts<'a>> {
    let found = expression.captures(text)?;
    let from = usize::from(found.len() > 1);
    Some(found.iter().skip(from).map(|group| group.map(|part| part.as_str())).collect())
}

/// As Postgres does, a match of no characters counts neither at an end of the text nor right behind another match.
fn split<'a>(text: &'a str, expression: &Regex) -> Parts<'a> {
    let (mut parts, mut start) = (Vec::new(), 0);
    for found in expression.find_iter(text) {
        if found.is_empty() && (found.start() == start || found.end() == text.len()) {
            continue;
        }
        parts.push(Some(&text[start..found.start()]));
        start = found.end();
    }
    parts.push(Some(&text[start..]));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_split_as_in_postgres() {
        let parts = |text, pattern: &str| {
            let parts: Vec<&str> = split(text, &Regex::new(pattern).unwrap()).into_iter().flatten().collect();
            parts.join("|")
        };
        assert_eq!(parts("a,b,,c", ","), "a|b||c");
        assert_eq!(parts("abc", ""), "a|b|c");
        assert_eq!(parts("", "x"), "");
        assert_eq!(parts("hello world", "\\s*"), "h|e|l|l|o|w|o|r|l|d");
    }

    #[test]
    fn groups_that_took_no_part_are_null() {
        let found = |pattern: &str| groups("foobar", &Regex::new(pattern).unwrap());
        assert_eq!(found("(z)?(o+)"), Some(vec![None, Some("oo")]));
        assert_eq!(found("o.b"), Some(vec![Some("oob")]));
        assert_eq!(found("x"), None);
    }
}
