//! Columns as a user declares them: `id BIGINT, "odd name" DECIMAL(10, 2)`.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use headwater_common::{Error, Result};

/// The declared columns, in order.
pub(crate) fn parse(option: &str, text: &str) -> Result<Vec<FieldRef>> {
    let mut fields: Vec<FieldRef> = Vec::new();
    for part in split(text) {
        let part = part.trim();
        let (name, rest) = name(part).ok_or_else(|| bad(option, "a column is a name and a type, such as id BIGINT"))?;
        let data_type = data_type(rest).ok_or_else(|| bad(option, &format!("\"{rest}\" is not a known type")))?;
        if fields.iter().any(|f| *f.name() == name) {
            return Err(bad(option, &format!("column \"{name}\" is declared twice")));
        }
        fields.push(Arc::new(Field::new(name, data_type, true)));
    }
    Ok(fields)
}

fn bad(option: &str, message: &str) -> Error {
    Error::configuration(format!("option \"{option}\": {message}"))
}

/// Splits at commas outside quotes and parentheses.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth, mut quoted) = (Vec::new(), 0, 0_i32, false);
    for (i, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
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

/// The name, in quotes or not, and the rest.
fn name(part: &str) -> Option<(String, &str)> {
    if let Some(rest) = part.strip_prefix('"') {
        let mut end = None;
        let mut chars = rest.char_indices().peekable();
        while let Some((i, c)) = chars.next() {
            if c == '"' {
                if chars.peek().is_some_and(|(_, next)| *next == '"') {
                    chars.next();
                    continue;
                }
                end = Some(i);
                break;
            }
        }
        let end = end?;
        return Some((rest[..end].replace("\"\"", "\""), rest[end + 1..].trim()));
    }
    let (name, rest) = part.split_once(char::is_whitespace)?;
    Some((name.to_owned(), rest.trim()))
}

fn data_type(text: &str) -> Option<DataType> {
    let upper = text.to_ascii_uppercase();
    let (word, arguments) = match upper.split_once('(') {
        Some((word, rest)) => (word.trim(), Some(rest.trim().strip_suffix(')')?)),
        None => (upper.trim(), None),
    };
    if matches!(word, "DECIMAL" | "NUMERIC") {
        return decimal(arguments.unwrap_or("38, 10"));
    }
    if arguments.is_some() && !matches!(word, "VARCHAR" | "CHAR") {
        return None;
    }
    let words = word.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(match words.as_str() {
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
        "DATE" => DataType::Date32,
        "TIME" => DataType::Time64(TimeUnit::Microsecond),
        "TIMESTAMP" | "DATETIME" => DataType::Timestamp(TimeUnit::Microsecond, None),
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
        let fields =
            parse("columns.t", "id BIGINT, \"odd, \"\"name\"\"\" decimal(10, 2),at TIMESTAMP WITH TIME ZONE").unwrap();
        let shown: Vec<String> = fields.iter().map(|f| format!("{} {}", f.name(), f.data_type())).collect();
        assert_eq!(shown, ["id Int64", "odd, \"name\" Decimal128(10, 2)", "at Timestamp(µs, \"UTC\")"]);
        for wrong in ["id", "id BIGINTT", "a INT, a INT", "x DECIMAL(99)", ""] {
            assert!(parse("columns.t", wrong).is_err(), "{wrong}");
        }
    }
}
