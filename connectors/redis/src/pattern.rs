//! Patterns of keys, such as `user:{id}`: which keys they describe, and the glob and the key that they make.

use headwater_common::{Error, Result};

/// A pattern. A part stands for one or more bytes without the separator, `{name*}` at the end for one or more of any bytes;
/// `{{` and `}}` are braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyPattern {
    segments: Vec<Segment>,
    separator: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Segment {
    Literal(Vec<u8>),
    Part {
        name: String,
        /// Whether it may hold the separator.
        rest: bool,
    },
}

impl KeyPattern {
    /// Reads a pattern that a user wrote.
    pub(crate) fn parse(option: &str, text: &str, separator: &str) -> Result<Self> {
        let wrong = |message: &str| Error::configuration(format!("option \"{option}\": {message}"));
        let (mut segments, mut literal, mut chars) = (Vec::new(), String::new(), text.chars().peekable());
        while let Some(c) = chars.next() {
            match c {
                '{' | '}' if chars.peek() == Some(&c) => {
                    chars.next();
                    literal.push(c);
                }
                '{' => {
                    let mut name = String::new();
                    loop {
                        match chars.next() {
                            Some('}') => break,
                            Some(c) => name.push(c),
                            None => return Err(wrong("a { without a }; write {{ for a brace")),
                        }
                    }
                    if !literal.is_empty() {
                        segments.push(Segment::Literal(std::mem::take(&mut literal).into_bytes()));
                    }
                    segments.push(match name.strip_suffix('*') {
                        Some(name) => Segment::Part { name: name.trim().to_owned(), rest: true },
                        None => Segment::Part { name: name.trim().to_owned(), rest: false },
                    });
                }
                '}' => return Err(wrong("a } without a {; write }} for a brace")),
                other => literal.push(other),
            }
        }
        if !literal.is_empty() {
            segments.push(Segment::Literal(literal.into_bytes()));
        }
        let pattern = Self { segments, separator: separator.as_bytes().to_vec() };
        pattern.check().map_err(|message| wrong(&message))?;
        Ok(pattern)
    }

    /// A pattern from its segments.
    pub(crate) fn new(segments: Vec<Segment>, separator: &str) -> Result<Self, String> {
        let pattern = Self { segments, separator: separator.as_bytes().to_vec() };
        pattern.check().map(|()| pattern)
    }

    fn check(&self) -> Result<(), String> {
        if self.segments.is_empty() {
            return Err("a pattern of keys is empty".into());
        }
        let names: Vec<&str> = self.names().collect();
        for (i, name) in names.iter().enumerate() {
            if name.is_empty() || name.starts_with('_') {
                return Err("a part of a key needs a name that does not begin with _".into());
            }
            if names[..i].contains(name) {
                return Err(format!("the part {name} stands twice"));
            }
        }
        for pair in self.segments.windows(2) {
            match pair {
                [Segment::Part { .. }, Segment::Part { .. }] => return Err("two parts need a text between them".into()),
                [Segment::Part { rest: true, .. }, _] => return Err("a part with * must be the last".into()),
                _ => {}
            }
        }
        Ok(())
    }

    /// Names of the parts, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|s| match s {
            Segment::Part { name, .. } => Some(name.as_str()),
            Segment::Literal(_) => None,
        })
    }

    /// The parts of a key; `None` when the pattern does not describe it.
    ///
    /// Every part is as short as it can be, which finds a way through the pattern whenever there is one: no part holds the
    /// separator, and the last text stands at the end of the key.
    pub(crate) fn parts<'k>(&self, key: &'k [u8]) -> Option<Vec<&'k [u8]>> {
        let (mut left, mut parts, mut i) = (key, Vec::new(), 0);
        while let Some(segment) = self.segments.get(i) {
            match segment {
                Segment::Literal(text) => {
                    left = left.strip_prefix(text.as_slice())?;
                    i += 1;
                }
                Segment::Part { rest, .. } => {
                    let end = match (self.segments.get(i + 1), self.segments.len() - i) {
                        (Some(Segment::Literal(text)), 2) => left.len().checked_sub(text.len())?,
                        (Some(Segment::Literal(text)), _) => find(left, text, 1)?,
                        _ => left.len(),
                    };
                    let (part, after) = left.split_at_checked(end)?;
                    if part.is_empty() || (!rest && self.separates(part)) {
                        return None;
                    }
                    parts.push(part);
                    left = after;
                    i += 1;
                }
            }
        }
        left.is_empty().then_some(parts)
    }

    fn separates(&self, part: &[u8]) -> bool {
        !self.separator.is_empty() && find(part, &self.separator, 0).is_some()
    }

    /// The key with these parts; `None` when the pattern would find other parts in it, so that it has no such key.
    pub(crate) fn key(&self, parts: &[&[u8]]) -> Option<Vec<u8>> {
        let (mut key, mut given) = (Vec::new(), parts.iter());
        for segment in &self.segments {
            match segment {
                Segment::Literal(text) => key.extend_from_slice(text),
                Segment::Part { .. } => key.extend_from_slice(given.next()?),
            }
        }
        let is_found_again = self.parts(&key).as_deref() == Some(parts);
        is_found_again.then_some(key)
    }

    /// A glob that matches every key with these parts; a part that is not given may be anything.
    pub(crate) fn glob(&self, parts: &[Option<Glob<'_>>]) -> Vec<u8> {
        let (mut glob, mut given) = (Vec::new(), parts.iter());
        for segment in &self.segments {
            match segment {
                Segment::Literal(text) => escape(text, &mut glob),
                Segment::Part { .. } => match given.next().copied().flatten() {
                    Some(Glob::Text(text)) => escape(text, &mut glob),
                    Some(Glob::Prefix(text)) => {
                        escape(text, &mut glob);
                        glob.push(b'*');
                    }
                    None => glob.push(b'*'),
                },
            }
        }
        glob
    }

    /// The text that every key begins with.
    pub(crate) fn prefix(&self) -> &[u8] {
        match self.segments.first() {
            Some(Segment::Literal(text)) => text,
            _ => &[],
        }
    }
}

impl std::fmt::Display for KeyPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for segment in &self.segments {
            match segment {
                Segment::Literal(text) => {
                    f.write_str(&String::from_utf8_lossy(text).replace('{', "{{").replace('}', "}}"))?;
                }
                Segment::Part { name, rest } => write!(f, "{{{name}{}}}", if *rest { "*" } else { "" })?,
            }
        }
        Ok(())
    }
}

/// What is known of a part of the keys that are looked for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Glob<'a> {
    Text(&'a [u8]),
    Prefix(&'a [u8]),
}

/// Appends a text as a glob that matches this text only.
pub(crate) fn escape(text: &[u8], glob: &mut Vec<u8>) {
    for byte in text {
        if matches!(byte, b'*' | b'?' | b'[' | b']' | b'\\' | b'^' | b'-') {
            glob.push(b'\\');
        }
        glob.push(*byte);
    }
}

/// Where `text` first stands in `bytes`, at `from` or later.
fn find(bytes: &[u8], text: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    rest.windows(text.len().max(1)).position(|w| w == text).map(|at| at + from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> KeyPattern {
        KeyPattern::parse("key", text, ":").unwrap()
    }

    #[test]
    fn parts_of_keys_are_found() {
        let parts = |text: &str, key: &str| {
            let found = pattern(text).parts(key.as_bytes()).map(|p| p.iter().map(|b| b.to_vec()).collect::<Vec<_>>());
            found.map(|p| p.into_iter().map(|b| String::from_utf8(b).unwrap()).collect::<Vec<_>>().join("|"))
        };
        assert_eq!(parts("user:{id}", "user:7").as_deref(), Some("7"));
        assert_eq!(parts("user:{id}", "user:7:cart"), None);
        assert_eq!(parts("user:{id}", "user:"), None);
        assert_eq!(parts("user:{id*}", "user:7:cart").as_deref(), Some("7:cart"));
        assert_eq!(parts("m:{host}:{name}", "m:a:b").as_deref(), Some("a|b"));
        assert_eq!(parts("{a}-{b}-x", "1-2-3-x").as_deref(), Some("1|2-3"));
        assert_eq!(parts("{{{tag}}}:x", "{7}:x").as_deref(), Some("7"));
        assert_eq!(parts("counter", "counter").as_deref(), Some(""));
        assert_eq!(parts("counter", "counter2"), None);
    }

    #[test]
    fn wrong_patterns_are_refused() {
        for text in ["", "{a}{b}", "{a}:{a}", "a}", "a:{b", "{a*}:b", "{}", "{_key}"] {
            assert!(KeyPattern::parse("key", text, ":").is_err(), "{text}");
        }
    }

    #[test]
    fn a_key_is_made_only_of_parts_that_are_found_again() {
        let users = pattern("user:{id}");
        assert_eq!(users.key(&[b"7"]).as_deref(), Some(&b"user:7"[..]));
        assert_eq!(users.key(&[b"7:x"]), None);
        assert_eq!(users.key(&[b""]), None);
        assert_eq!(users.glob(&[Some(Glob::Prefix(b"a*"))]), b"user:a\\**");
    }

    proptest! {
        #[test]
        fn keys_and_parts_are_inverse(a in prop::collection::vec(any::<u8>(), 1..6), b in prop::collection::vec(any::<u8>(), 1..6)) {
            for text in ["x:{a}:{b}", "{a}-{b}", "{a}:{b*}", "{a}[*]{b}?"] {
                let pattern = pattern(text);
                if let Some(key) = pattern.key(&[&a, &b]) {
                    prop_assert_eq!(pattern.parts(&key), Some(vec![a.as_slice(), b.as_slice()]));
                }
            }
        }
    }
}
