//! Completion of keywords, tables, columns and backslash commands.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

use rustyline::completion::Completer;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Context, Helper, Result};

use crate::connection::{Connection, quoted};

const KEYWORDS: &str = "ALL AND ANALYZE AS ASC BETWEEN BY CASE CAST COUNT CREATE CROSS DELETE DESC DISTINCT DROP ELSE END \
                        EXCEPT EXISTS EXPLAIN FROM FULL GROUP HAVING ILIKE IN INNER INSERT INTERSECT INTERVAL INTO IS JOIN \
                        LATERAL LEFT LIKE LIMIT NOT NULL OFFSET ON OPTIONS OR ORDER OUTER OVER PARTITION REFRESH RIGHT \
                        SELECT SET SHOW SOURCE SOURCES SUM THEN TYPE UNION UPDATE USING VALUES WHEN WHERE WINDOW WITH";
const COMMANDS: &str = r"\d \dt \dn \ds \l \c \i \e \format \x \null \maxrows \timing \o \? \q";

/// Names to complete. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Completion(Arc<RwLock<BTreeSet<String>>>);

impl Completion {
    /// Asks for the tables again. Errors are left to the next statement to report.
    pub(super) async fn refresh(&self, connection: &Connection) {
        let Ok(tables) = connection.tables().await else { return };
        let mut names = BTreeSet::new();
        for table in tables {
            names.insert(quoted(&table.name));
            names.insert(format!("{}.{}", quoted(&table.catalog), quoted(&table.schema)));
            names.insert(table.full_name());
            names.extend(table.columns.iter().map(|c| quoted(&c.name)));
        }
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = names;
    }

    /// Where the word before `position` starts, and what it can become.
    fn candidates(&self, line: &str, position: usize) -> (usize, Vec<String>) {
        let before = &line[..position];
        let part_of_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '"' | '\\' | '?');
        let start =
            before.rfind(|c| !part_of_word(c)).map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
        let word = &before[start..];
        if word.is_empty() {
            return (start, Vec::new());
        }
        if word.starts_with('\\') {
            return (start, COMMANDS.split(' ').filter(|c| c.starts_with(word)).map(str::to_owned).collect());
        }
        let lower = word.to_lowercase();
        let names = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut found: Vec<String> = names.iter().filter(|n| n.to_lowercase().starts_with(&lower)).cloned().collect();
        let keywords = KEYWORDS.split_whitespace().filter(|k| k.to_lowercase().starts_with(&lower));
        let small = word.chars().all(|c| !c.is_uppercase());
        found.extend(keywords.map(|k| if small { k.to_lowercase() } else { k.to_owned() }));
        (start, found)
    }
}

impl Completer for Completion {
    type Candidate = String;

    fn complete(&self, line: &str, position: usize, _: &Context<'_>) -> Result<(usize, Vec<String>)> {
        Ok(self.candidates(line, position))
    }
}

impl Hinter for Completion {
    type Hint = String;
}

impl Highlighter for Completion {
    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        hint.into()
    }
}

impl Validator for Completion {}

impl Helper for Completion {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_and_keywords_are_completed() {
        let completion = Completion::default();
        let names = ["orders", "shop.public", "shop.public.orders"].map(str::to_owned);
        completion.0.write().unwrap().extend(names);
        let of = |line: &str| completion.candidates(line, line.len());
        assert_eq!(of("select * from ord"), (14, vec!["orders".into(), "order".into()]));
        assert_eq!(of("SELECT * FROM shop.public.o"), (14, vec!["shop.public.orders".into()]));
        assert_eq!(of("SEL"), (0, vec!["SELECT".into()]));
        assert_eq!(of("\\ti"), (0, vec!["\\timing".into()]));
        assert_eq!(of("select "), (7, vec![]));
    }
}
