//! The words at the start of a statement, without the comments around them.

/// The words of a text; a semicolon ends a word and is none.
pub(crate) fn words(text: &str) -> Words<'_> {
    Words { rest: text }
}

/// See [`words`].
pub(crate) struct Words<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        loop {
            self.rest = self.rest.trim_start_matches(|c: char| c.is_whitespace() || c == ';');
            match comment(self.rest) {
                Some(after) => self.rest = after,
                None => break,
            }
        }
        let ends = |(at, c): &(usize, char)| c.is_whitespace() || *c == ';' || comment(&self.rest[*at..]).is_some();
        let end = self.rest.char_indices().find(ends).map_or(self.rest.len(), |(at, _)| at);
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!word.is_empty()).then_some(word)
    }
}

/// What stands after the comment that a text starts with; one that does not end takes the whole text.
fn comment(text: &str) -> Option<&str> {
    if let Some(line) = text.strip_prefix("--") {
        return Some(line.split_once('\n').map_or("", |(_, after)| after));
    }
    let mut rest = text.strip_prefix("/*")?;
    let mut depth = 1;
    while depth > 0 {
        let Some(at) = rest.find(['*', '/']) else { return Some("") };
        rest = &rest[at..];
        let step = match rest.get(..2) {
            Some("/*") => {
                depth += 1;
                2
            }
            Some("*/") => {
                depth -= 1;
                2
            }
            _ => 1,
        };
        rest = &rest[step..];
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_semicolons_are_no_words() {
        let text = "-- it's\n /* a /* b */ ' c */CREATE/**/SOURCE -- d\nshop;; -- e\n; 'ü' /* open";
        let found: Vec<&str> = words(text).collect();
        assert_eq!(found, ["CREATE", "SOURCE", "shop", "'ü'"]);
        assert_eq!(words("").count() + words(" ; -- x").count() + words("/*").count(), 0);
        assert_eq!(words("a-b */ c/d").collect::<Vec<_>>(), ["a-b", "*/", "c/d"]);
    }
}
