//! Splits typed text into statements at `;`, minding quotes, comments and dollar quotes.

/// What the text is in the middle of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Open {
    /// Nothing: between words of a statement.
    Plain,
    /// A quoted text or name; holds the closing quote and whether a backslash escapes.
    Quote(char, bool),
    /// A comment until the end of the line.
    Line,
    /// A block comment, nested so deep.
    Block(usize),
    /// A dollar-quoted text with its tag, such as `$body$`.
    Dollar(String),
}

/// Text of which whole statements are taken. Every character is looked at once.
#[derive(Debug)]
pub(crate) struct Statements {
    text: String,
    at: usize,
    open: Open,
    /// Whether anything but white space and comments was seen since the last statement.
    content: bool,
}

impl Default for Statements {
    fn default() -> Self {
        Self { text: String::new(), at: 0, open: Open::Plain, content: false }
    }
}

impl Statements {
    /// Adds a line or a whole text; a line break is added at its end.
    pub(crate) fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether nothing but white space and comments waits. Exact once [`Statements::next`] has returned `None`.
    pub(crate) fn is_blank(&self) -> bool {
        !self.content && matches!(self.open, Open::Plain | Open::Line)
    }

    /// What the text is in the middle of.
    pub(crate) fn open(&self) -> &Open {
        &self.open
    }

    /// The next whole statement, without its `;`. Empty statements are skipped.
    pub(crate) fn next(&mut self) -> Option<String> {
        while self.at < self.text.len() {
            let rest = &self.text[self.at..];
            let Some(c) = rest.chars().next() else { break };
            if self.open == Open::Plain && c == ';' {
                let statement = self.text[..self.at].trim().to_owned();
                self.text.drain(..=self.at);
                self.at = 0;
                if std::mem::take(&mut self.content) {
                    return Some(statement);
                }
                continue;
            }
            self.step(c);
        }
        None
    }

    /// What is left when the input ends: a last statement without `;`.
    pub(crate) fn rest(&mut self) -> Option<String> {
        let blank = self.is_blank();
        let text = std::mem::take(&mut self.text).trim().to_owned();
        self.clear();
        (!blank && !text.is_empty()).then_some(text)
    }

    /// Looks at the character at `at` and moves on.
    fn step(&mut self, c: char) {
        let rest = &self.text[self.at..];
        let mut length = c.len_utf8();
        match self.open.clone() {
            Open::Plain => length = self.step_plain(c),
            Open::Quote(end, escapes) => {
                if escapes && c == '\\' {
                    length += rest[1..].chars().next().map_or(0, char::len_utf8);
                } else if c == end {
                    // A doubled quote closes and opens again, which comes to the same.
                    self.open = Open::Plain;
                    if escapes && rest[1..].starts_with(end) {
                        length += 1;
                        self.open = Open::Quote(end, escapes);
                    }
                }
            }
            Open::Line if c == '\n' => self.open = Open::Plain,
            Open::Line => {}
            Open::Block(depth) => {
                if rest.starts_with("*/") {
                    length = 2;
                    self.open = if depth == 1 { Open::Plain } else { Open::Block(depth - 1) };
                } else if rest.starts_with("/*") {
                    length = 2;
                    self.open = Open::Block(depth + 1);
                }
            }
            Open::Dollar(tag) => {
                if rest.starts_with(&tag) {
                    length = tag.len();
                    self.open = Open::Plain;
                }
            }
        }
        self.at += length;
    }

    fn step_plain(&mut self, c: char) -> usize {
        let rest = &self.text[self.at..];
        let before = self.text[..self.at].chars().next_back();
        if rest.starts_with("--") {
            self.open = Open::Line;
            return 2;
        }
        if rest.starts_with("/*") {
            self.open = Open::Block(1);
            return 2;
        }
        self.content |= !c.is_whitespace();
        match c {
            '\'' => self.open = Open::Quote('\'', self.after_escape_prefix()),
            '"' | '`' => self.open = Open::Quote(c, false),
            '$' if !before.is_some_and(is_word) => {
                if let Some(tag) = dollar_tag(rest) {
                    let length = tag.len();
                    self.open = Open::Dollar(tag.to_owned());
                    return length;
                }
            }
            _ => {}
        }
        c.len_utf8()
    }

    /// Whether the quote at `at` follows the `E` of an escape text, as in `E'a\'b'`.
    fn after_escape_prefix(&self) -> bool {
        let mut before = self.text[..self.at].chars().rev();
        matches!(before.next(), Some('e' | 'E')) && !before.next().is_some_and(is_word)
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

/// `$tag$` at the start of the text; `$1` is a parameter and no tag.
fn dollar_tag(text: &str) -> Option<&str> {
    let end = text[1..].find('$')? + 1;
    let name = &text[1..end];
    let plain = name.chars().all(|c| c.is_alphanumeric() || c == '_') && !name.starts_with(|c: char| c.is_ascii_digit());
    plain.then(|| &text[..=end])
}

/// The first word of a statement, in capitals, after white space and comments.
pub(crate) fn first_word(sql: &str) -> String {
    let mut rest = sql.trim_start();
    loop {
        if let Some(after) = rest.strip_prefix("--") {
            rest = after.split_once('\n').map_or("", |(_, rest)| rest).trim_start();
        } else if let Some(after) = rest.strip_prefix("/*") {
            rest = after.split_once("*/").map_or("", |(_, rest)| rest).trim_start();
        } else {
            break;
        }
    }
    rest.chars().take_while(|c| c.is_ascii_alphabetic()).collect::<String>().to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> (Vec<String>, Option<String>) {
        let mut statements = Statements::default();
        statements.push(text);
        let all = std::iter::from_fn(|| statements.next()).collect();
        (all, statements.rest())
    }

    #[test]
    fn a_semicolon_ends_a_statement_only_outside_of_quotes_and_comments() {
        let cases = [
            "select ';'",
            "select 'it''s;'",
            "select \"a;b\"",
            "select E'\\';'",
            "select e'a'';'",
            "select 'back\\'",
            "select $$a;b$$",
            "select $x$a;$$;$x$",
            "select 1 /* a;b /* c; */ d; */",
            "select $1",
            "select 'ü;ß'",
        ];
        for case in cases {
            let (all, rest) = split(&format!("{case}; select 2"));
            assert_eq!((all, rest.as_deref()), (vec![case.to_owned()], Some("select 2")), "{case}");
        }
    }

    #[test]
    fn comments_and_empty_statements_are_no_statements() {
        assert_eq!(split(";; -- a; b\n /* c; */ ;"), (vec![], None));
        assert_eq!(split("-- only; a comment").1, None);
        let (all, _) = split("-- first; of all\nselect 1;");
        assert_eq!(all, ["-- first; of all\nselect 1"]);
    }

    #[test]
    fn lines_come_one_by_one() {
        let mut statements = Statements::default();
        statements.push("select 'a");
        assert_eq!((statements.next(), statements.open()), (None, &Open::Quote('\'', false)));
        statements.push("b' as x");
        assert_eq!((statements.next(), statements.open(), statements.is_blank()), (None, &Open::Plain, false));
        statements.push("from t; select");
        assert_eq!(statements.next().as_deref(), Some("select 'a\nb' as x\nfrom t"));
        assert_eq!((statements.next(), statements.is_blank()), (None, false));
        statements.clear();
        assert!(statements.is_blank());
    }

    #[test]
    fn the_first_word_is_found_behind_comments() {
        assert_eq!(first_word(" /* a */ -- b\n insert into t"), "INSERT");
        assert_eq!(first_word("(select 1)"), "");
    }
}
