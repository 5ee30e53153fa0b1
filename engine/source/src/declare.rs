//! Columns as a user declares them in an option: `id BIGINT, "odd name" DECIMAL(10, 2)`.
//!
//! [`split`] takes the names and leaves the types as texts, for connectors with types of their own; [`columns`] reads the types
//! of SQL.

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use headwater_common::{Error, Result};

/// Names with the texts of their types, in order. A name stands in double quotes, where `""` is one quote, or reaches to the first
/// white space; a type reaches to the next comma outside quotes, `(...)` and `<...>`.
///
/// # Errors
/// What is wrong, in words: a part without a name or a type, an open quote, a name that is declared twice.
pub fn split(text: &str) -> std::result::Result<Vec<(String, &str)>, String> {
    let mut found: Vec<(String, &str)> = Vec::new();
    for part in parts(text) {
        let (name, rest) = name(part.trim())?;
        if found.iter().any(|(known, _)| *known == name) {
            return Err(format!("column \"{name}\" is declared twice"));
        }
        found.push((name, rest.trim()));
    }
    Ok(found)
}

/// The columns that an option declares, with types of SQL.
///
/// # Errors
/// A configuration error that names the option.
pub fn columns(option: &str, text: &str) -> Result<Vec<(String, DataType)>> {
    let wrong = |message: String| Error::configuration(format!("option \"{option}\": {message}"));
    let mut found = Vec::new();
    for (name, written) in split(text).map_err(wrong)? {
        let data_type = sql_type(written).ok_or_else(|| wrong(format!("\"{written}\" is not a known type")))?;
        found.push((name, data_type));
    }
    Ok(found)
}

/// The parts between commas.
fn parts(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth, mut quoted) = (Vec::new(), 0, 0_i32, false);
    for (i, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '(' | '<' if !quoted => depth += 1,
            ')' | '>' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                parts.push(&text[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// The name at the start of a part, and the rest.
fn name(part: &str) -> std::result::Result<(String, &str), String> {
    const SHAPE: &str = "a column is a name and a type, such as id BIGINT";
    let Some(quoted) = part.strip_prefix('"') else {
        let (name, rest) = part.split_once(char::is_whitespace).ok_or(SHAPE)?;
        let plain = !name.contains(['"', '(', ')', '<', '>']);
        return if plain { Ok((name.to_owned(), rest)) } else { Err(SHAPE.to_owned()) };
    };
    let (mut name, mut rest) = (String::new(), quoted);
    loop {
        let (before, after) = rest.split_once('"').ok_or("a name has no closing quote")?;
        name.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None if after.trim().is_empty() => return Err(SHAPE.to_owned()),
            None => return Ok((name, after)),
        }
    }
}

/// A type of SQL by its name, in any case.
fn sql_type(text: &str) -> Option<DataType> {
    let upper = text.to_ascii_uppercase();
    let (word, arguments) = match upper.split_once('(') {
        Some((word, rest)) => (word, Some(rest.trim().strip_suffix(')')?)),
        None => (upper.as_str(), None),
    };
    let word = word.split_whitespace().collect::<Vec<_>>().join(" ");
    match (word.as_str(), arguments) {
        ("DECIMAL" | "NUMERIC", arguments) => return decimal(arguments.unwrap_or("38, 10")),
        ("VARCHAR" | "CHAR", Some(length)) => return length.trim().parse::<u32>().is_ok().then_some(DataType::Utf8),
        (_, Some(_)) => return None,
        _ => {}
    }
    Some(match word.as_str() {
        "BOOLEAN" | "BOOL" => DataType::Boolean,
        "TINYINT" => DataType::Int8,
        "SMALLINT" | "INT2" => DataType::Int16,
        "INTEGER" | "INT" | "INT4" => DataType::Int32,
        "BIGINT" | "INT8" => DataType::Int64,
        "UTINYINT" => DataType::UInt8,
        "USMALLINT" => DataType::UInt16,
        "UINTEGER" => DataType::UInt32,
        "UBIGINT" => DataType::UInt64,
        "REAL" | "FLOAT" | "FLOAT4" => DataType::Float32,
        "DOUBLE" | "DOUBLE PRECISION" | "FLOAT8" => DataType::Float64,
        "TEXT" | "VARCHAR" | "CHAR" | "STRING" => DataType::Utf8,
        "BYTEA" | "BLOB" | "BINARY" | "VARBINARY" => DataType::Binary,
        "DATE" => DataType::Date32,
        "TIME" => DataType::Time64(TimeUnit::Microsecond),
        "TIMESTAMP" | "DATETIME" | "TIMESTAMP WITHOUT TIME ZONE" => DataType::Timestamp(TimeUnit::Microsecond, None),
        "TIMESTAMPTZ" | "TIMESTAMP WITH TIME ZONE" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        _ => return None,
    })
}

fn decimal(arguments: &str) -> Option<DataType> {
    let mut numbers = arguments.split(',').map(|n| n.trim().parse::<u8>().ok());
    let precision = numbers.next()??;
    let scale = numbers.next().unwrap_or(Some(0))?;
    let valid = (1..=76).contains(&precision) && scale <= precision && numbers.next().is_none();
    let scale = i8::try_from(scale).ok()?;
    match valid {
        true if precision <= 38 => Some(DataType::Decimal128(precision, scale)),
        true => Some(DataType::Decimal256(precision, scale)),
        false => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_are_understood() {
        let text = "id BIGINT, \"odd, \"\"name\"\"\" decimal(10, 2),at TIMESTAMP  WITH TIME ZONE , b bytea, \"\" char(3)";
        let found = columns("columns.t", text).unwrap();
        let shown: Vec<String> = found.iter().map(|(name, t)| format!("{name} {t}")).collect();
        let wanted = ["id Int64", "odd, \"name\" Decimal128(10, 2)", "at Timestamp(µs, \"UTC\")", "b Binary", " Utf8"];
        assert_eq!(shown, wanted);
        let found = split("tags array<string>, \"a b\" object<x long, y array<decimal(3, 1)>>").unwrap();
        assert_eq!(found, [("tags".into(), "array<string>"), ("a b".into(), "object<x long, y array<decimal(3, 1)>>")]);
    }

    #[test]
    fn wrong_declarations_say_what_is_wrong() {
        for (wrong, message) in [
            ("id", "a name and a type"),
            ("id BIGINTT", "\"BIGINTT\" is not a known type"),
            ("a INT, a INT", "declared twice"),
            ("x DECIMAL(99)", "not a known type"),
            ("x DECIMAL(3, 4)", "not a known type"),
            ("a INT); DROP", "not a known type"),
            ("a INT(3)", "not a known type"),
            ("\"a INT", "closing quote"),
            ("\"a\"", "a name and a type"),
            ("a<b INT", "a name and a type"),
            ("a INT,", "a name and a type"),
            ("", "a name and a type"),
        ] {
            let error = columns("columns.t", wrong).unwrap_err().to_string();
            assert!(error.contains("columns.t") && error.contains(message), "{wrong}: {error}");
        }
    }
}
