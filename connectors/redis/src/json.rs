//! The members of a JSON object as the texts they were sent as.
//!
//! A parsed number would be rounded and a parsed object reordered; here a member keeps its text until its column's type is known.

use std::borrow::Cow;

/// A JSON value by its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Json<'a> {
    Null,
    /// A text without its quotes and escapes.
    Text(String),
    /// A number, a boolean, an object or an array, as sent.
    Other(&'a str),
}

impl<'a> Json<'a> {
    /// Reads one value as it was sent; `None` when it is not JSON.
    pub(crate) fn of(raw: &'a str) -> Option<Self> {
        let raw = raw.trim_matches(is_space);
        match raw.as_bytes().first()? {
            b'n' => (raw == "null").then_some(Self::Null),
            b'"' => serde_json::from_str(raw).ok().map(Self::Text),
            _ => Some(Self::Other(raw)),
        }
    }

    /// The text of its value; `None` when it is null.
    pub(crate) fn into_text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Null => None,
            Self::Text(text) => Some(Cow::Owned(text)),
            Self::Other(raw) => Some(Cow::Borrowed(raw)),
        }
    }
}

/// Whether a text is one JSON value.
pub(crate) fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(text).is_ok()
}

/// The members of an object, in order, each as sent; `None` when the text is no object.
pub(crate) fn members(text: &str) -> Option<Vec<(String, &str)>> {
    let mut scanner = Scanner { text, at: 0 };
    let mut found = Vec::new();
    scanner.take(b'{')?;
    if scanner.take(b'}').is_some() {
        return scanner.is_at_end().then_some(found);
    }
    loop {
        let name: String = serde_json::from_str(scanner.value()?).ok()?;
        scanner.take(b':')?;
        found.push((name, scanner.value()?));
        if scanner.take(b',').is_none() {
            scanner.take(b'}')?;
            return scanner.is_at_end().then_some(found);
        }
    }
}

/// The elements of an array, each as sent; `None` when the text is no array.
pub(crate) fn elements(text: &str) -> Option<Vec<&str>> {
    let mut scanner = Scanner { text, at: 0 };
    let mut found = Vec::new();
    scanner.take(b'[')?;
    if scanner.take(b']').is_some() {
        return scanner.is_at_end().then_some(found);
    }
    loop {
        found.push(scanner.value()?);
        if scanner.take(b',').is_none() {
            scanner.take(b']')?;
            return scanner.is_at_end().then_some(found);
        }
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// Goes through a text whose nesting is counted and whose scalars are left as they are.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    fn skip_space(&mut self) {
        while self.peek().is_some_and(|b| is_space(char::from(b))) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn is_at_end(&mut self) -> bool {
        self.skip_space();
        self.at == self.text.len()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        self.skip_space();
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// The text of the next value.
    fn value(&mut self) -> Option<&'a str> {
        self.skip_space();
        let (start, mut depth) = (self.at, 0_usize);
        loop {
            match self.peek()? {
                b'"' => self.string()?,
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    self.at += 1;
                }
                _ => self.at += 1,
            }
            if depth == 0 && self.peek().is_none_or(|b| matches!(b, b',' | b'}' | b']' | b':')) {
                let value = self.text.get(start..self.at)?.trim_end_matches(is_space);
                return (!value.is_empty()).then_some(value);
            }
        }
    }

    fn string(&mut self) -> Option<()> {
        self.at += 1;
        loop {
            match self.peek()? {
                b'\\' => self.at += 2,
                b'"' => {
                    self.at += 1;
                    return Some(());
                }
                _ => self.at += 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_texts() {
        let text = r#" {"a": 1.50 , "b\"\u00e9":"x,}", "c":{"d":[1, "]"]},"e":null,"f":[]} "#;
        let found = members(text).unwrap();
        let shown: Vec<_> = found.iter().map(|(n, v)| format!("{n}={v}")).collect();
        assert_eq!(shown, ["a=1.50", "b\"é=\"x,}\"", "c={\"d\":[1, \"]\"]}", "e=null", "f=[]"]);
        assert_eq!(Json::of("\"x\\n\"").unwrap().into_text().as_deref(), Some("x\n"));
        assert_eq!(Json::of("null").unwrap().into_text(), None);
        assert_eq!(elements("[1,[2,3],\"a,b\"]").unwrap(), ["1", "[2,3]", "\"a,b\""]);
        assert_eq!((members("{}"), elements("[ ]")), (Some(vec![]), Some(vec![])));
        for wrong in ["", "{", "[1]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\":1} x", "{\"a\":\"x}"] {
            assert_eq!(members(wrong), None, "{wrong}");
        }
    }
}
