//! `CREATE SOURCE`, `DROP SOURCE`, `REFRESH SOURCE` and `SHOW SOURCES`.
//!
//! ```sql
//! CREATE SOURCE [IF NOT EXISTS] shop TYPE postgres OPTIONS (url 'postgres://db/shop', password '...')
//! DROP SOURCE [IF EXISTS] shop
//! REFRESH SOURCE shop
//! SHOW SOURCES
//! ```

use datafusion::sql::sqlparser::tokenizer::Token;
use headwater_common::config::{Options, check_source_name};
use headwater_common::{Error, Result};

use crate::cursor::Cursor;
use crate::words::words;

/// A parsed statement about sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SourceStatement {
    Create { name: String, kind: String, options: Options, if_not_exists: bool },
    Drop { name: String, if_exists: bool },
    Refresh { name: String },
    Show,
}

/// The statement, when the text is one about sources; `None` when it is any other.
pub(crate) fn parse(sql: &str) -> Result<Option<SourceStatement>> {
    let mut words = words(sql).map(str::to_ascii_uppercase);
    let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let second = second.as_str();
    let ours = matches!(
        (first.as_str(), second),
        ("CREATE" | "DROP" | "REFRESH", "SOURCE") | ("SHOW", "SOURCES") | ("REFRESH", _)
    );
    if !ours {
        return Ok(None);
    }
    let mut cursor = Cursor::new(sql, format!("{first} {second}"))?;
    let statement = match (first.as_str(), second) {
        ("CREATE", _) => create(&mut cursor)?,
        ("DROP", _) => {
            let if_exists = cursor.take_words(&["IF", "EXISTS"]);
            SourceStatement::Drop { name: cursor.name("a source name")?, if_exists }
        }
        ("REFRESH", "SOURCE") => SourceStatement::Refresh { name: cursor.name("a source name")? },
        ("REFRESH", _) => return Err(Error::invalid("expected SOURCE after REFRESH, such as REFRESH SOURCE shop")),
        _ => SourceStatement::Show,
    };
    cursor.end()?;
    Ok(Some(statement))
}

fn create(cursor: &mut Cursor) -> Result<SourceStatement> {
    let if_not_exists = cursor.take_words(&["IF", "NOT", "EXISTS"]);
    let name = cursor.name("a source name")?;
    check_source_name(&name)?;
    if !cursor.take_words(&["TYPE"]) {
        return Err(cursor.expected("TYPE, such as TYPE postgres"));
    }
    let kind = cursor.name("a kind of source, such as postgres")?;
    let mut options = Options::new();
    if cursor.take_words(&["OPTIONS"]) {
        cursor.token(&Token::LParen, "( after OPTIONS")?;
        while !cursor.take(&Token::RParen) {
            let option = cursor.name("an option name")?;
            cursor.take(&Token::Eq);
            options.set(&option, value(cursor, &option)?);
            if !cursor.take(&Token::Comma) && cursor.peek() != Some(&Token::RParen) {
                return Err(cursor.expected(", or ) in OPTIONS"));
            }
        }
    }
    Ok(SourceStatement::Create { name, kind, options, if_not_exists })
}

fn value(cursor: &mut Cursor, option: &str) -> Result<String> {
    let text = match cursor.peek() {
        Some(Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text)) => text.clone(),
        Some(Token::Number(text, _)) => text.clone(),
        Some(Token::Word(word)) if word.quote_style.is_none() => word.value.clone(),
        _ => return Err(Error::invalid(format!("option {option} needs a value in single quotes"))),
    };
    cursor.step();
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_statements_are_understood() {
        let text = "create source if not exists shop type postgres options (url 'a''b', pool_size 4, tls = on);";
        let options = Options::new().with("url", "a'b").with("pool_size", "4").with("tls", "on");
        let create = SourceStatement::Create { name: "shop".into(), kind: "postgres".into(), options, if_not_exists: true };
        assert_eq!(parse(text).unwrap(), Some(create));
        let drop = SourceStatement::Drop { name: "shop".into(), if_exists: false };
        assert_eq!(parse("DROP SOURCE shop").unwrap(), Some(drop));
        assert_eq!(parse("SHOW SOURCES;").unwrap(), Some(SourceStatement::Show));
        assert_eq!(parse("select 1").unwrap(), None);
        assert_eq!(parse("create table source (a int)").unwrap(), None);
    }

    #[test]
    fn comments_and_semicolons_around_the_words_change_nothing() {
        let drop = SourceStatement::Drop { name: "shop".into(), if_exists: false };
        for text in [
            "-- gone\nDROP SOURCE shop -- bye",
            "/* it's /* old */ */ drop/**/source/* which */shop;;\n-- bye\n;",
            ";DROP SOURCE shop",
        ] {
            assert_eq!(parse(text).unwrap(), Some(drop.clone()), "{text}");
        }
        assert_eq!(parse("/* all */ SHOW SOURCES -- of them").unwrap(), Some(SourceStatement::Show));
        assert_eq!(parse("-- DROP SOURCE shop\nselect 1").unwrap(), None);
        assert!(parse("DROP SOURCE shop; DROP SOURCE crm").is_err());
    }

    #[test]
    fn a_broken_one_says_what_is_missing_and_shows_no_value() {
        let text = parse("CREATE SOURCE shop OPTIONS (password 'hunter2')").unwrap_err().to_string();
        assert!(text.contains("expected TYPE") && !text.contains("hunter2"), "{text}");
        assert!(parse("CREATE SOURCE system TYPE postgres").is_err());
        assert!(parse("DROP SOURCE a b").is_err());
        assert!(parse("REFRESH shop").unwrap_err().to_string().contains("REFRESH SOURCE"));
    }
}
