//! Parts of a JSON document, as slices of its text.

use std::borrow::Cow;

use serde::de::IgnoredAny;

/// A value of a JSON document (RFC 8259): its text without blanks around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Json<'a>(&'a str);

/// A step from a value to a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// The member of an object.
    Key(Cow<'a, str>),
    /// The element of an array from 0, or from -1 backwards from its end.
    Index(i64),
    /// A member of an object or the element of an array, whichever the value is.
    Either(&'a str),
}

impl<'a> Json<'a> {
    /// The whole document; `None` when the text is none.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        serde_json::from_str::<IgnoredAny>(text).ok().map(|_| Self(text.trim_matches(is_blank)))
    }

    /// The text.
    pub(super) fn raw(self) -> &'a str {
        self.0
    }

    /// Postgres' name of its type.
    pub(super) fn kind(self) -> &'static str {
        match self.0.as_bytes().first() {
            Some(b'{') => "object",
            Some(b'[') => "array",
            Some(b'"') => "string",
            Some(b't' | b'f') => "boolean",
            Some(b'n') => "null",
            _ => "number",
        }
    }

    /// What `->>` returns: the characters of a string, nothing of `null`, else the text.
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        match self.kind() {
            "null" => None,
            "string" => Some(unescaped(self.0)),
            _ => Some(Cow::Borrowed(self.0)),
        }
    }

    /// The part that a step leads to.
    pub(super) fn get(self, step: &Step<'_>) -> Option<Self> {
        match (self.kind(), step) {
            ("object", Step::Key(key)) => self.member(key),
            ("object", Step::Either(key)) => self.member(key),
            ("array", Step::Index(index)) => self.element(*index),
            ("array", Step::Either(index)) => self.element(index.parse().ok()?),
            _ => None,
        }
    }

    /// The parts that several steps lead to.
    pub(super) fn at(self, steps: &[Step<'_>]) -> Option<Self> {
        steps.iter().try_fold(self, |value, step| value.get(step))
    }

    /// Number of elements; `None` when it is no array.
    pub(super) fn length(self) -> Option<usize> {
        (self.kind() == "array").then(|| self.parts().count())
    }

    /// The last one of a name counts, as in Postgres.
    fn member(self, key: &str) -> Option<Self> {
        let mut parts = self.parts();
        let mut found = None;
        while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
            if unescaped(name.0) == key {
                found = Some(value);
            }
        }
        found
    }

    fn element(self, index: i64) -> Option<Self> {
        let place = match usize::try_from(index) {
            Ok(place) => place,
            Err(_) => self.parts().count().checked_sub(usize::try_from(index.unsigned_abs()).ok()?)?,
        };
        self.parts().nth(place)
    }

    /// The elements of an array; of an object its names and values by turns.
    fn parts(self) -> Parts<'a> {
        let inner = self.0.get(1..self.0.len().saturating_sub(1)).unwrap_or_default();
        Parts { rest: inner }
    }
}

struct Parts<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Parts<'a> {
    type Item = Json<'a>;

    fn next(&mut self) -> Option<Json<'a>> {
        let start = self.rest.trim_start_matches(|c: char| is_blank(c) || c == ',' || c == ':');
        let (value, rest) = start.split_at_checked(end_of_value(start.as_bytes()))?;
        self.rest = rest;
        (!value.is_empty()).then_some(Json(value))
    }
}

/// Where the value ends that a text of valid JSON begins with.
fn end_of_value(text: &[u8]) -> usize {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for (place, byte) in text.iter().enumerate() {
        if in_string {
            in_string = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
            if !in_string && depth == 0 {
                return place + 1;
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return place + 1;
                }
            }
            b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' if depth == 0 => return place,
            _ => {}
        }
    }
    text.len()
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// The characters of a string in quotes. Halves of surrogate pairs, which are no characters, stay as they are written.
fn unescaped(quoted: &str) -> Cow<'_, str> {
    let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    match inner.contains('\\') {
        false => Cow::Borrowed(inner),
        true => serde_json::from_str::<String>(quoted).map_or(Cow::Borrowed(inner), Cow::Owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at<'a>(document: &'a str, steps: &[Step<'_>]) -> Option<&'a str> {
        Json::read(document).unwrap().at(steps).map(Json::raw)
    }

    fn key(name: &str) -> Step<'_> {
        Step::Key(Cow::Borrowed(name))
    }

    #[test]
    fn parts_are_the_text_that_stands_in_the_document() {
        let document = r#" {"a": 1.10, "b\"]": [ 1, "x,]\\", {"c": [] } ,null], "a" : {"d":true} } "#;
        assert_eq!(at(document, &[key("a")]), Some(r#"{"d":true}"#));
        assert_eq!(at(document, &[key("b\"]"), Step::Index(1)]), Some(r#""x,]\\""#));
        assert_eq!(at(document, &[key("b\"]"), Step::Index(-2), key("c")]), Some("[]"));
        assert_eq!(at(document, &[key("b\"]"), Step::Either("3")]), Some("null"));
        assert_eq!(at(document, &[key("b\"]"), Step::Index(4)]), None);
        assert_eq!(at(document, &[key("b\"]"), Step::Index(-5)]), None);
        assert_eq!(at(document, &[key("d")]), None);
        assert_eq!(at(document, &[Step::Index(0)]), None);
        assert_eq!(at("[]", &[Step::Index(0)]), None);
        assert_eq!(at("{}", &[key("a")]), None);
        assert_eq!(at(r#"[[1,2],[3]]"#, &[Step::Index(1), Step::Index(0)]), Some("3"));
    }

    #[test]
    fn texts_are_characters_and_null_is_nothing() {
        let text = |document| Json::read(document).unwrap().text().map(Cow::into_owned);
        assert_eq!(text(r#""ü\u00fc\n""#).as_deref(), Some("üü\n"));
        assert_eq!(text("null"), None);
        assert_eq!(text("[1, 2]").as_deref(), Some("[1, 2]"));
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in ["", "{", "{a: 1}", "[1,]", "01", "nul", "1 2", "'x'"] {
            assert_eq!(Json::read(text), None, "{text}");
        }
        assert_eq!(Json::read("[1, [2, 3], {}]").unwrap().length(), Some(3));
        assert_eq!(Json::read("{}").unwrap().length(), None);
        let kinds = ["{}", "[]", "\"x\"", "true", "null", "-1e3"].map(|t| Json::read(t).unwrap().kind());
        assert_eq!(kinds, ["object", "array", "string", "boolean", "null", "number"]);
    }
}
