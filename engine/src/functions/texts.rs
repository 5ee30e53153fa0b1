//! `format`, `quote_literal`, `quote_nullable`, `quote_ident`, `pg_typeof`, as Postgres has them.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;

use super::rule::{Rule, invalid, missing};

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "format",
        usage: "format(text, value, ...)",
        description: "A text with its arguments in the places of %s, as names and literals of SQL in those of %I and %L; %1$s names an argument, \
             %-10s and %10s give a width. Arguments are texts and whole numbers.",
        coerce: |types| {
            let fits = |t: &DataType| t.is_string() || t.is_integer() || t.is_null();
            (!types.is_empty() && types.iter().all(fits)).then(|| vec![DataType::Utf8; types.len()])
        },
        returns: |_| DataType::Utf8,
        compute: format_rows,
    },
    Rule {
        name: "quote_literal",
        usage: "quote_literal(text)",
        description: "A text as a literal of SQL.",
        coerce: one_text,
        returns: |_| DataType::Utf8,
        compute: |arrays, rows| quoted(arrays, rows, None),
    },
    Rule {
        name: "quote_nullable",
        usage: "quote_nullable(text)",
        description: "A text as a literal of SQL; NULL as the word.",
        coerce: one_text,
        returns: |_| DataType::Utf8,
        compute: |arrays, rows| quoted(arrays, rows, Some("NULL")),
    },
    Rule {
        name: "quote_ident",
        usage: "quote_ident(text)",
        description: "A text as a name of SQL, in quotes where it needs them.",
        coerce: one_text,
        returns: |_| DataType::Utf8,
        compute: |arrays, rows| {
            let [texts] = arrays else { return Err(missing()) };
            let each = (0..rows).map(|row| Ok(text(texts, row)?.map(identifier)));
            Ok(Arc::new(each.collect::<Result<StringArray>>()?))
        },
    },
    Rule {
        name: "pg_typeof",
        usage: "pg_typeof(value)",
        description: "The name of a value's type, of Postgres where it has such a type.",
        coerce: |types| (types.len() == 1).then(|| types.to_vec()),
        returns: |_| DataType::Utf8,
        compute: |arrays, rows| {
            let [value] = arrays else { return Err(missing()) };
            let name = type_name(value.data_type());
            Ok(Arc::new(StringArray::from_iter_values(std::iter::repeat_n(name, rows))))
        },
    },
];

fn one_text(types: &[DataType]) -> Option<Vec<DataType>> {
    match types {
        [text] if text.is_string() || text.is_integer() || text.is_null() => Some(vec![DataType::Utf8]),
        _ => None,
    }
}

/// The text of a row.
pub(super) fn text(array: &ArrayRef, row: usize) -> Result<Option<&str>> {
    let texts = array.as_string_opt::<i32>().ok_or_else(missing)?;
    Ok(texts.is_valid(row).then(|| texts.value(row)))
}

fn quoted(arrays: &[ArrayRef], rows: usize, null: Option<&str>) -> Result<ArrayRef> {
    let [texts] = arrays else { return Err(missing()) };
    let each = (0..rows).map(|row| Ok(text(texts, row)?.map(literal).or_else(|| null.map(str::to_owned))));
    Ok(Arc::new(each.collect::<Result<StringArray>>()?))
}

/// A text as a literal of Postgres, which takes backslashes for themselves only behind an E.
fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 3);
    if text.contains('\\') {
        out.push('E');
    }
    out.push('\'');
    for c in text.chars() {
        if matches!(c, '\'' | '\\') {
            out.push(c);
        }
        out.push(c);
    }
    out.push('\'');
    out
}

/// Words that are no names without quotes in Postgres.
const RESERVED: &str = " all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both case cast \
    char character check coalesce collate collation column concurrently constraint create cross current_catalog current_date \
    current_role current_schema current_time current_timestamp current_user dec decimal default deferrable desc distinct do else end \
    except exists extract false fetch float for foreign freeze from full grant greatest group grouping having ilike in initially inner \
    inout int integer intersect interval into is isnull join json json_array json_arrayagg json_exists json_object json_objectagg \
    json_query json_scalar json_serialize json_table json_value lateral leading least left like limit localtime localtimestamp \
    merge_action national natural nchar none normalize not notnull null nullif numeric offset on only or order out outer overlaps \
    overlay placing position precision primary real references returning right row select session_user setof similar smallint some \
    substring symmetric system_user table tablesample then time timestamp to trailing treat trim true union unique user using values \
    varchar variadic verbose when where window with xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse \
    xmlpi xmlroot xmlserialize xmltable ";

/// A text as a name of Postgres.
fn identifier(text: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c == '_';
    let reserved = RESERVED.contains(&format!(" {text} "));
    if text.starts_with(plain) && text.chars().all(|c| plain(c) || c.is_ascii_digit()) && !reserved {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('"', "\"\""))
}

fn format_rows(arrays: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let [pattern, values @ ..] = arrays else { return Err(missing()) };
    let each = (0..rows).map(|row| {
        let Some(pattern) = text(pattern, row)? else { return Ok(None) };
        let values = values.iter().map(|v| text(v, row)).collect::<Result<Vec<_>>>()?;
        formatted(pattern, &values).map(Some)
    });
    Ok(Arc::new(each.collect::<Result<StringArray>>()?))
}

/// Bytes that a width may add.
const WIDTH_MAX: usize = 1_000;

fn formatted(pattern: &str, values: &[Option<&str>]) -> Result<String> {
    let mut out = String::with_capacity(pattern.len());
    let (mut rest, mut next) = (pattern, 0);
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let mut place = &rest[at + 1..];
        if let Some(after) = place.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        let mut number = digits(&mut place);
        if let Some(after) = number.and_then(|_| place.strip_prefix('$')) {
            place = after;
            next = number
                .take()
                .unwrap_or(0)
                .checked_sub(1)
                .ok_or_else(|| invalid("the first argument of format is number 1"))?;
        }
        let mut left = false;
        while let Some(after) = place.strip_prefix('-').filter(|_| number.is_none()) {
            (left, place) = (true, after);
        }
        let width = number.or_else(|| digits(&mut place)).unwrap_or(0);
        if width > WIDTH_MAX {
            return Err(invalid(format!("a width in format is at most {WIDTH_MAX}")));
        }
        let value = values.get(next).ok_or_else(|| invalid("format has fewer arguments than its text has places"))?;
        next += 1;
        let kind = place.chars().next();
        let value = match kind {
            Some('s') => value.unwrap_or_default().to_owned(),
            Some('L') => value.map_or_else(|| "NULL".to_owned(), literal),
            Some('I') => identifier(value.ok_or_else(|| invalid("NULL is no name for %I of format"))?),
            _ => return Err(invalid("places in format are %s, %I, %L and %%; a place takes n$, - and a width")),
        };
        let padding = " ".repeat(width.saturating_sub(value.chars().count()));
        let parts = if left { [value, padding] } else { [padding, value] };
        out.extend(parts);
        rest = &place[1..];
    }
    out.push_str(rest);
    Ok(out)
}

/// The number that a text begins with, which it loses.
fn digits(text: &mut &str) -> Option<usize> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number = text[..end].parse().ok()?;
    *text = &text[end..];
    Some(number)
}

fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Null => "unknown".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Int16 => "smallint".to_owned(),
        DataType::Int32 => "integer".to_owned(),
        DataType::Int64 => "bigint".to_owned(),
        DataType::Float32 => "real".to_owned(),
        DataType::Float64 => "double precision".to_owned(),
        t if t.is_string() => "text".to_owned(),
        t if t.is_decimal() => "numeric".to_owned(),
        t if t.is_binary() => "bytea".to_owned(),
        DataType::Date32 | DataType::Date64 => "date".to_owned(),
        DataType::Time32(_) | DataType::Time64(_) => "time without time zone".to_owned(),
        DataType::Timestamp(_, None) => "timestamp without time zone".to_owned(),
        DataType::Timestamp(_, Some(_)) => "timestamp with time zone".to_owned(),
        DataType::Interval(_) => "interval".to_owned(),
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            // An array of arrays is of the same type.
            let name = type_name(item.data_type());
            if name.ends_with("[]") { name } else { name + "[]" }
        }
        DataType::Struct(_) => "record".to_owned(),
        DataType::Dictionary(_, value) => type_name(value),
        other => other.to_string().to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_those_of_postgres() {
        let values = [Some("a"), Some("it's"), None];
        for (pattern, made) in [
            ("Hello %s, %s!", "Hello a, it's!"),
            ("%2$s %1$s %s", "it's a it's"),
            ("%L %L %L", "'a' 'it''s' NULL"),
            ("[%5s][%-6s][%s]", "[    a][it's  ][]"),
            ("100%%", "100%"),
            ("%1$-3s|", "a  |"),
        ] {
            assert_eq!(formatted(pattern, &values).unwrap(), made, "{pattern}");
        }
        assert!(formatted("%s%s%s%s", &values).is_err());
        assert_eq!(formatted("%I %2$I", &values).unwrap(), "a \"it's\"");
        assert!(formatted("%3$I", &values).is_err());
        assert!(formatted("%d", &values).is_err());
        assert!(formatted("%", &values).is_err());
        assert_eq!(literal("a\\b"), "E'a\\\\b'");
        assert_eq!(
            ["a_1", "A b", "select", "a\"b", ""].map(identifier),
            ["a_1", "\"A b\"", "\"select\"", "\"a\"\"b\"", "\"\""]
        );
    }
}
