//! The shape of a statement, from its tokens alone.

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use headwater_common::{Error, Limits, Result};

/// What one level of parentheses has seen.
#[derive(Default)]
struct Level {
    operators: u64,
    terms: u64,
    /// Elements so far, when the level is the list of an IN.
    list: Option<u64>,
    in_from: bool,
}

/// Totals of a statement.
#[derive(Default)]
struct Shape {
    levels: Vec<Level>,
    cases: u64,
    unions: u64,
    joins: u64,
}

/// Refuses a text over one of the limits; returns the number of its tokens. Takes time in proportion to the text.
pub(crate) fn check(sql: &str, limits: &Limits) -> Result<usize> {
    let bytes = sql.len() as u64;
    Limits::check("bytes of the statement", bytes, limits.statement_bytes, "statement_bytes")?;
    let tokens = Tokenizer::new(&GenericDialect {}, sql)
        .tokenize()
        .map_err(|e| Error::invalid(format!("cannot read the statement: {e}")))?;
    let tokens: Vec<Token> = tokens.into_iter().filter(|t| !matches!(t, Token::Whitespace(_))).collect();
    Limits::check("tokens of the statement", tokens.len() as u64, limits.tokens, "tokens")?;
    let mut shape = Shape { levels: vec![Level::default()], ..Shape::default() };
    let mut before = "";
    let ends = tokens.iter().position(|t| *t == Token::SemiColon).unwrap_or(tokens.len());
    if tokens.iter().skip(ends).any(|t| *t != Token::SemiColon) {
        return Err(Error::invalid("only one statement at a time; send the statements one by one"));
    }
    for token in &tokens {
        shape.take(token, before, limits)?;
        before = match token {
            Token::Word(word) if word.quote_style.is_none() => word.value.as_str(),
            _ => "",
        };
    }
    Ok(tokens.len())
}

impl Shape {
    fn take(&mut self, token: &Token, before: &str, limits: &Limits) -> Result<()> {
        match token {
            Token::LParen | Token::LBracket | Token::LBrace => {
                if matches!(token, Token::LBracket) {
                    self.operator(limits)?;
                }
                let list = before.eq_ignore_ascii_case("in").then_some(1);
                self.levels.push(Level { list, ..Level::default() });
                self.nesting(limits)
            }
            Token::RParen | Token::RBracket | Token::RBrace => {
                if self.levels.len() > 1 {
                    self.levels.pop();
                }
                Ok(())
            }
            Token::Comma | Token::SemiColon => self.separator(limits),
            Token::Word(word) if word.quote_style.is_none() => {
                refuse_multiset(before, &word.value)?;
                // `IS DISTINCT FROM` compares.
                if before.eq_ignore_ascii_case("distinct") && word.value.eq_ignore_ascii_case("from") {
                    return Ok(());
                }
                self.word(&word.value, limits)
            }
            Token::Word(_) | Token::Number(..) | Token::Period | Token::Placeholder(_) | Token::EOF => Ok(()),
            Token::SingleQuotedString(_) | Token::EscapedStringLiteral(_) | Token::DollarQuotedString(_) => Ok(()),
            Token::DoubleQuotedString(_) | Token::HexStringLiteral(_) | Token::NationalStringLiteral(_) => Ok(()),
            // Everything else joins operands.
            _ => self.operator(limits),
        }
    }

    fn level(&mut self) -> &mut Level {
        if self.levels.is_empty() {
            self.levels.push(Level::default());
        }
        let last = self.levels.len() - 1;
        &mut self.levels[last]
    }

    fn nesting(&self, limits: &Limits) -> Result<()> {
        let depth = self.levels.len() as u64 - 1 + self.cases;
        Limits::check("levels of nesting", depth, limits.nesting, "nesting")
    }

    fn operator(&mut self, limits: &Limits) -> Result<()> {
        let level = self.level();
        level.operators += 1;
        Limits::check("operators in a chain", level.operators, limits.operators, "operators")
    }

    fn separator(&mut self, limits: &Limits) -> Result<()> {
        let level = self.level();
        (level.operators, level.terms) = (0, 0);
        if let Some(list) = &mut level.list {
            *list += 1;
            Limits::check("elements of an IN list", *list, limits.in_list, "in_list")?;
        }
        if level.in_from {
            return self.join(limits);
        }
        Ok(())
    }

    /// One more table is joined to the first one.
    fn join(&mut self, limits: &Limits) -> Result<()> {
        self.joins += 1;
        Limits::check("joined tables", self.joins + 1, limits.joins, "joins")
    }

    fn word(&mut self, word: &str, limits: &Limits) -> Result<()> {
        let upper = word.to_ascii_uppercase();
        match upper.as_str() {
            "AND" | "OR" | "XOR" => {
                let level = self.level();
                (level.operators, level.terms) = (0, level.terms + 1);
                Limits::check("terms in a chain of AND and OR", level.terms, limits.terms, "terms")
            }
            "IS" | "LIKE" | "ILIKE" | "RLIKE" | "REGEXP" | "SIMILAR" | "BETWEEN" | "IN" | "COLLATE" | "AT" | "NOT"
            | "DIV" | "OPERATOR" => self.operator(limits),
            "CASE" => {
                self.cases += 1;
                self.nesting(limits)
            }
            "END" => {
                self.cases = self.cases.saturating_sub(1);
                Ok(())
            }
            "WHEN" | "THEN" | "ELSE" => self.separator(limits),
            "UNION" | "INTERSECT" | "EXCEPT" => {
                *self.level() = Level::default();
                self.unions += 1;
                Limits::check("set operations", self.unions, limits.unions, "unions")
            }
            "JOIN" => {
                let level = self.level();
                (level.operators, level.terms) = (0, 0);
                self.join(limits)
            }
            "SELECT" | "FROM" | "WHERE" | "GROUP" | "HAVING" | "ORDER" | "LIMIT" | "WINDOW" | "QUALIFY" | "SET"
            | "VALUES" => {
                let list = self.level().list;
                *self.level() = Level { in_from: upper == "FROM", list, ..Level::default() };
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// EXCEPT ALL and INTERSECT ALL count how often a row occurs, which the plans for them would not.
fn refuse_multiset(before: &str, word: &str) -> Result<()> {
    let counts = before.eq_ignore_ascii_case("except") || before.eq_ignore_ascii_case("intersect");
    if counts && word.eq_ignore_ascii_case("all") {
        let operation = before.to_ascii_uppercase();
        return Err(Error::unsupported(format!(
            "{operation} ALL is not supported; use {operation}, or number equal rows with row_number() and compare the numbers too"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(sql: &str) -> String {
        check(sql, &Limits::default()).unwrap_err().to_string()
    }

    #[test]
    fn each_limit_is_named() {
        let cases = [
            (format!("SELECT {}1", "1 + ".repeat(5_000)), "limits.operators"),
            (format!("SELECT {}", "1::int".to_owned() + &"::int".repeat(5_000)), "limits.operators"),
            (format!("SELECT {}", "x".to_owned() + &" IS NULL".repeat(5_000)), "limits.operators"),
            (format!("SELECT {}1{}", "(".repeat(10_000), ")".repeat(10_000)), "limits.nesting"),
            (format!("SELECT {}1{}", "CASE WHEN true THEN ".repeat(100), " END".repeat(100)), "limits.nesting"),
            (format!("SELECT 1 WHERE {}true", "a = 1 OR ".repeat(30_000)), "limits.terms"),
            (vec!["SELECT 1"; 3_000].join(" UNION ALL "), "limits.unions"),
            (format!("SELECT 1 FROM {}", vec!["t"; 500].join(", ")), "limits.joins"),
            (format!("SELECT 1 FROM t {}", "JOIN t ON true ".repeat(500)), "limits.joins"),
            (format!("SELECT 1 WHERE a IN ({})", vec!["1"; 150_000].join(",")), "limits.in_list"),
            (format!("SELECT '{}'", "x".repeat(2 << 20)), "limits.statement_bytes"),
            (format!("SELECT {}", "- ".repeat(5_000)), "limits.operators"),
        ];
        for (sql, limit) in cases {
            let text = refusal(&sql);
            assert!(text.contains(limit), "{limit}: {text}");
        }
    }

    #[test]
    fn as_many_tables_as_the_limit_says_may_be_joined() {
        let limits = Limits { joins: 3, ..Limits::default() };
        for (tables, passes) in [("a, b, c", true), ("a, b, c, d", false), ("a JOIN b ON true JOIN c ON true", true)] {
            assert_eq!(check(&format!("SELECT 1 FROM {tables}"), &limits).is_ok(), passes, "{tables}");
        }
        assert!(check("SELECT 1 FROM a JOIN b ON true JOIN c ON true, d", &limits).is_err());
        check("SELECT a IS DISTINCT FROM b, 1, 2, 3 FROM a, b, c", &limits).unwrap();
    }

    #[test]
    fn large_but_flat_statements_pass() {
        let limits = Limits::default();
        let flat = [
            format!("SELECT 1 WHERE {}true", "a = 1 OR ".repeat(10_000)),
            format!("SELECT 1 WHERE a IN ({})", vec!["1"; 90_000].join(",")),
            format!("SELECT {}", vec!["a + b * 2 - 1"; 5_000].join(", ")),
            format!("INSERT INTO t VALUES {}", vec!["(1, 'x', -2.5)"; 20_000].join(", ")),
            "SELECT '+ + + (((', \"((\" -- (((\n FROM a, b WHERE a.x = b.x".to_owned(),
            format!("SELECT CASE {} END", "WHEN a = 1 THEN 2 ".repeat(2_000)),
        ];
        for sql in flat {
            check(&sql, &limits).unwrap();
        }
    }
}
