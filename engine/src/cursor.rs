//! Reads a statement that is Headwater's own, token by token.

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};
use headwater_common::{Error, Result};

/// The tokens of a statement without white space, and the place of the next one.
pub(crate) struct Cursor {
    tokens: Vec<TokenWithSpan>,
    at: usize,
    verb: String,
}

impl Cursor {
    /// Stands behind the first two words, which are the verb.
    pub(crate) fn new(sql: &str, verb: String) -> Result<Self> {
        let tokens = Tokenizer::new(&GenericDialect {}, sql)
            .tokenize_with_location()
            .map_err(|e| Error::invalid(format!("cannot read the statement: {e}")))?;
        let words = tokens.into_iter().filter(|t| !matches!(t.token, Token::Whitespace(_)));
        Ok(Self { tokens: words.skip_while(|t| t.token == Token::SemiColon).collect(), at: 2, verb })
    }

    /// The next token.
    pub(crate) fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|t| &t.token)
    }

    /// Goes on to the next token.
    pub(crate) fn step(&mut self) {
        self.at += 1;
    }

    /// Where the next token starts.
    pub(crate) fn start(&self) -> Option<Location> {
        self.tokens.get(self.at).map(|t| t.span.start)
    }

    /// Where the statement's last token starts that is no semicolon, and where the text after it starts.
    pub(crate) fn last(&self) -> Option<(Location, Location)> {
        let last = self.tokens.iter().rev().find(|t| t.token != Token::SemiColon)?;
        Some((last.span.start, last.span.end))
    }

    /// A name: a word, folded when it has no quotes, or a text.
    pub(crate) fn name(&mut self, what: &str) -> Result<String> {
        let name = match self.peek() {
            Some(Token::Word(word)) if word.quote_style.is_some() => word.value.clone(),
            Some(Token::Word(word)) => word.value.to_ascii_lowercase(),
            Some(Token::SingleQuotedString(text)) => text.clone(),
            _ => return Err(self.expected(what)),
        };
        self.step();
        Ok(name)
    }

    /// Takes words if they stand next.
    pub(crate) fn take_words(&mut self, words: &[&str]) -> bool {
        let matches = words.iter().enumerate().all(|(i, word)| match self.tokens.get(self.at + i).map(|t| &t.token) {
            Some(Token::Word(w)) => w.quote_style.is_none() && w.value.eq_ignore_ascii_case(word),
            _ => false,
        });
        if matches {
            self.at += words.len();
        }
        matches
    }

    /// Takes a token if it stands next.
    pub(crate) fn take(&mut self, token: &Token) -> bool {
        let found = self.peek() == Some(token);
        self.at += usize::from(found);
        found
    }

    /// Takes a token. Errors: another one stands next.
    pub(crate) fn token(&mut self, token: &Token, what: &str) -> Result<()> {
        if self.take(token) { Ok(()) } else { Err(self.expected(what)) }
    }

    /// Errors: the statement does not end here.
    pub(crate) fn end(&mut self) -> Result<()> {
        while self.take(&Token::SemiColon) {}
        if self.at == self.tokens.len() { Ok(()) } else { Err(self.expected("the end of the statement")) }
    }

    /// Names the place by the number of words before it: the words themselves may hold a secret.
    pub(crate) fn expected(&self, what: &str) -> Error {
        Error::invalid(format!("{}: expected {what} after word {}", self.verb, self.at))
    }
}
