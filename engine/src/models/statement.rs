//! `CREATE MODEL`, `DROP MODEL`, `ALTER MODEL` and `SHOW MODELS`.
//!
//! ```sql
//! CREATE [OR REPLACE] MODEL [IF NOT EXISTS] [schema.]name OPTIONS (target = 'y', algorithm = ['boosting', 'linear'], ...) AS SELECT ...
//! DROP MODEL [IF EXISTS] name [VERSION n]
//! ALTER MODEL name SET DEFAULT VERSION n
//! ALTER MODEL name RETRAIN
//! SHOW MODELS
//! ```
//!
//! A training is a query: its statement becomes a call of the table function that trains, whose arguments are the options.

use datafusion::sql::sqlparser::tokenizer::{Location, Token};
use headwater_common::{Error, Result};
use headwater_registry::{ModelName, Version};

use crate::cursor::Cursor;
use crate::words::words;

/// What the names of options of a training start with among what is stored beside a model.
const OPTION: &str = "option.";

/// A parsed statement about models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ModelStatement {
    /// The query that trains.
    Train(String),
    /// Removes a model or one version of it.
    Drop { name: ModelName, version: Option<u64>, if_exists: bool },
    /// Makes a version the default.
    SetDefault { name: ModelName, version: u64 },
    /// Trains a model again as it was trained.
    Retrain(ModelName),
    /// Lists the models.
    Show,
}

/// The statement, when the text is one about models; `None` when it is any other.
pub(crate) fn parse(sql: &str) -> Result<Option<ModelStatement>> {
    let mut words = words(sql).map(str::to_ascii_uppercase);
    let mut next = || words.next().unwrap_or_default();
    let (first, second) = (next(), next());
    let ours = match (first.as_str(), second.as_str()) {
        ("CREATE", "OR") => next() == "REPLACE" && next() == "MODEL",
        ("CREATE" | "DROP" | "ALTER", "MODEL") | ("SHOW", "MODELS") => true,
        _ => false,
    };
    if !ours {
        return Ok(None);
    }
    let verb = if second == "OR" { "CREATE MODEL".to_owned() } else { format!("{first} {second}") };
    let mut cursor = Cursor::new(sql, verb)?;
    if first == "CREATE" {
        let replace = cursor.take_words(&["REPLACE", "MODEL"]);
        return create(sql, &mut cursor, replace).map(Some);
    }
    let statement = match first.as_str() {
        "DROP" => {
            let if_exists = cursor.take_words(&["IF", "EXISTS"]);
            let name = name(&mut cursor)?;
            let version = cursor.take_words(&["VERSION"]).then(|| number(&mut cursor)).transpose()?;
            ModelStatement::Drop { name, version, if_exists }
        }
        "ALTER" => {
            let name = name(&mut cursor)?;
            if cursor.take_words(&["RETRAIN"]) {
                ModelStatement::Retrain(name)
            } else if cursor.take_words(&["SET", "DEFAULT", "VERSION"]) {
                ModelStatement::SetDefault { name, version: number(&mut cursor)? }
            } else {
                return Err(cursor.expected("SET DEFAULT VERSION n or RETRAIN"));
            }
        }
        _ => ModelStatement::Show,
    };
    cursor.end()?;
    Ok(Some(statement))
}

fn create(sql: &str, cursor: &mut Cursor, replace: bool) -> Result<ModelStatement> {
    let keep = cursor.take_words(&["IF", "NOT", "EXISTS"]);
    if replace && keep {
        return Err(Error::invalid("CREATE MODEL takes OR REPLACE or IF NOT EXISTS, not both"));
    }
    let name = name(cursor)?;
    let options = if cursor.take_words(&["OPTIONS"]) { options(sql, cursor)? } else { Vec::new() };
    if !cursor.take_words(&["AS"]) {
        return Err(cursor.expected("AS and the query whose rows the model learns from"));
    }
    let query = rest(sql, cursor)?;
    let mode = match (replace, keep) {
        (true, _) => "replace",
        (_, true) => "keep",
        _ => "create",
    };
    Ok(ModelStatement::Train(call(&name, mode, &options, query)))
}

/// The options as they stand: names, and values that the function reads.
fn options<'a>(sql: &'a str, cursor: &mut Cursor) -> Result<Vec<(String, &'a str)>> {
    cursor.token(&Token::LParen, "( after OPTIONS")?;
    let mut options = Vec::new();
    while !cursor.take(&Token::RParen) {
        let name = cursor.name("an option name")?;
        if name.starts_with("__") || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            let shown: String = name.chars().take(40).collect();
            return Err(Error::invalid(format!("CREATE MODEL has no option \"{shown}\"")));
        }
        if !cursor.take(&Token::Eq) {
            cursor.take(&Token::RArrow);
        }
        options.push((name, value(sql, cursor)?));
        if !cursor.take(&Token::Comma) && cursor.peek() != Some(&Token::RParen) {
            return Err(cursor.expected(", or ) in OPTIONS"));
        }
    }
    Ok(options)
}

/// The text of a value: everything up to the comma or parenthesis that ends it.
fn value<'a>(sql: &'a str, cursor: &mut Cursor) -> Result<&'a str> {
    let wrong = |cursor: &Cursor| cursor.expected("the value of an option");
    let start = cursor.start().ok_or_else(|| wrong(cursor))?;
    let mut open: Vec<Token> = Vec::new();
    let mut tokens = 0;
    loop {
        match cursor.peek() {
            Some(Token::Comma | Token::RParen) if open.is_empty() => break,
            Some(Token::LParen) => open.push(Token::RParen),
            Some(Token::LBracket) => open.push(Token::RBracket),
            Some(token @ (Token::RParen | Token::RBracket)) => {
                if open.pop().as_ref() != Some(token) {
                    return Err(wrong(cursor));
                }
            }
            None | Some(Token::SemiColon) => return Err(wrong(cursor)),
            Some(_) => {}
        }
        cursor.step();
        tokens += 1;
    }
    let end = cursor.start().filter(|_| tokens > 0).ok_or_else(|| wrong(cursor))?;
    Ok(slice(sql, start, end).trim_end())
}

/// The query at the end of a statement.
fn rest<'a>(sql: &'a str, cursor: &Cursor) -> Result<&'a str> {
    let found = cursor.start().zip(cursor.last());
    match found {
        Some((start, (last, end))) if place(start) <= place(last) => Ok(slice(sql, start, end)),
        _ => Err(cursor.expected("the query whose rows the model learns from")),
    }
}

fn place(location: Location) -> (u64, u64) {
    (location.line, location.column)
}

/// The text between two places.
fn slice(sql: &str, start: Location, end: Location) -> &str {
    let (mut line, mut column) = (1, 1);
    let (mut from, mut to) = (sql.len(), sql.len());
    for (at, c) in sql.char_indices() {
        if (line, column) == place(start) {
            from = at;
        }
        if (line, column) == place(end) {
            to = at;
            break;
        }
        (line, column) = if c == '\n' { (line + 1, 1) } else { (line, column + 1) };
    }
    sql.get(from..to).unwrap_or_default()
}

/// The call that trains. A query may end in a comment, so a line ends after it.
fn call(name: &ModelName, mode: &str, options: &[(String, &str)], query: &str) -> String {
    let text = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let options: String = options.iter().map(|(name, value)| format!(", {name} => {value}")).collect();
    let model = text(&format!("{}.{}", name.schema(), name.name()));
    let query = query.trim();
    // What begins with a parenthesis may go on after the one that closes it, as in (SELECT ...) UNION ALL (SELECT ...).
    let rows = if query.starts_with('(') { format!("SELECT * FROM ({query}\n) AS rows") } else { query.to_owned() };
    format!(
        "SELECT * FROM __create_model(({rows}\n), __model => {model}, __mode => '{mode}', __query => {}{options})",
        text(query)
    )
}

/// The query that trains a model again with the options and the query of a version.
pub(crate) fn training(name: &ModelName, version: &Version) -> Result<String> {
    let options: Vec<(String, &str)> = given(version).map(|(name, value)| (name.to_owned(), value)).collect();
    if options.is_empty() {
        return Err(Error::unsupported(format!("model {name} was not trained by CREATE MODEL")));
    }
    Ok(call(name, "retrain", &options, &version.about.query))
}

/// The options of a training, as they were written.
pub(crate) fn given(version: &Version) -> impl Iterator<Item = (&str, &str)> {
    version.about.options.iter().filter_map(|(name, value)| Some((name.strip_prefix(OPTION)?, value.as_str())))
}

fn name(cursor: &mut Cursor) -> Result<ModelName> {
    let mut name = cursor.name("the name of a model")?;
    if cursor.take(&Token::Period) {
        name = format!("{name}.{}", cursor.name("the name of a model")?);
    }
    ModelName::parse(&name)
}

fn number(cursor: &mut Cursor) -> Result<u64> {
    let found = match cursor.peek() {
        Some(Token::Number(text, _)) => text.parse().ok(),
        _ => None,
    };
    let number = found.ok_or_else(|| cursor.expected("the number of a version"))?;
    cursor.step();
    Ok(number)
}

#[cfg(test)]
mod tests;
