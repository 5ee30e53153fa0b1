//! Texts that say bytes or a uuid, and functions of texts and bytes that DataFusion has for less of them.

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, BinaryArray, Int32Array, StringArray};
use datafusion::arrow::datatypes::{DataType, Int32Type, Int64Type};
use datafusion::error::Result;
use headwater_optimizer::bytes_of;
use headwater_source::ErrorExt;

use super::rule::{Rule, invalid, missing};

/// Name of the function of the bytes that a text says.
pub(crate) const BYTES_OF: &str = "bytes_of";
/// Name of the function of how many bytes there are.
pub(crate) const OCTET_LENGTH: &str = "octet_length";
/// Name of the function of the uuid that a text says.
pub(crate) const UUID_OF: &str = "uuid_of";

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: BYTES_OF,
        usage: "CAST(text AS bytea)",
        description: "The bytes that a text says as in Postgres: \\x and hexadecimal digits, or characters with \\\\ and \\012.",
        coerce: texts_or_bytes,
        returns: |_| DataType::Binary,
        compute: |arrays, rows| {
            let [values] = arrays else { return Err(missing()) };
            let Some(texts) = values.as_string_opt::<i32>() else { return Ok(Arc::clone(values)) };
            let read = |row: usize| match texts.is_null(row) {
                true => Ok(None),
                false => bytes_of(texts.value(row)).map(Some).map_err(ErrorExt::into_datafusion),
            };
            let bytes = (0..rows).map(read).collect::<Result<Vec<_>>>()?;
            Ok(Arc::new(bytes.into_iter().collect::<BinaryArray>()))
        },
    },
    Rule {
        name: UUID_OF,
        usage: "CAST(text AS uuid)",
        description: "The uuid that a text says, as a text in lower case with four hyphens.",
        coerce: |types| match types {
            [text] if text.is_string() || text.is_null() => Some(vec![DataType::Utf8]),
            _ => None,
        },
        returns: |_| DataType::Utf8,
        compute: |arrays, rows| {
            let [texts] = arrays else { return Err(missing()) };
            let texts = texts.as_string_opt::<i32>().ok_or_else(missing)?;
            let wrong = || invalid("a text is no uuid: it is 32 hexadecimal digits, with hyphens between groups of four");
            let read = |row: usize| match texts.is_null(row) {
                true => Ok(None),
                false => uuid(texts.value(row)).map(Some).ok_or_else(wrong),
            };
            Ok(Arc::new((0..rows).map(read).collect::<Result<StringArray>>()?))
        },
    },
    Rule {
        name: OCTET_LENGTH,
        usage: "octet_length(text or bytes)",
        description: "How many bytes a text has, or bytes are.",
        coerce: texts_or_bytes,
        returns: |_| DataType::Int32,
        compute: |arrays, rows| {
            let [values] = arrays else { return Err(missing()) };
            let length = |row: usize| match values.data_type() {
                DataType::Binary => values.as_binary_opt::<i32>().map(|bytes| bytes.value(row).len()),
                _ => values.as_string_opt::<i32>().map(|texts| texts.value(row).len()),
            };
            let each = (0..rows).map(|row| match values.is_null(row) {
                true => Ok(None),
                false => length(row).and_then(|bytes| i32::try_from(bytes).ok()).map(Some).ok_or_else(missing),
            });
            Ok(Arc::new(each.collect::<Result<Int32Array>>()?))
        },
    },
    Rule {
        name: "to_hex",
        usage: "to_hex(number)",
        description: "A whole number in hexadecimal digits; a negative one as the bits of its type, of 32 or 64.",
        coerce: |types| match types {
            [DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16] => {
                Some(vec![DataType::Int32])
            }
            [number] if number.is_integer() || number.is_null() => Some(vec![DataType::Int64]),
            _ => None,
        },
        returns: |_| DataType::Utf8,
        compute: |arrays, _rows| {
            let [numbers] = arrays else { return Err(missing()) };
            let texts: StringArray = match numbers.as_primitive_opt::<Int32Type>() {
                Some(numbers) => numbers.iter().map(|n| n.map(|n| format!("{n:x}"))).collect(),
                None => {
                    let numbers = numbers.as_primitive_opt::<Int64Type>().ok_or_else(missing)?;
                    numbers.iter().map(|n| n.map(|n| format!("{n:x}"))).collect()
                }
            };
            Ok(Arc::new(texts))
        },
    },
];

fn texts_or_bytes(types: &[DataType]) -> Option<Vec<DataType>> {
    match types {
        [text] if text.is_string() || text.is_null() => Some(vec![DataType::Utf8]),
        [bytes] if bytes.is_binary() || matches!(bytes, DataType::FixedSizeBinary(_)) => Some(vec![DataType::Binary]),
        _ => None,
    }
}

/// The text of a uuid as Postgres prints it, from any form that it reads.
fn uuid(text: &str) -> Option<String> {
    let inner = match text.strip_prefix('{') {
        Some(rest) => rest.strip_suffix('}')?,
        None => text,
    };
    let (mut out, mut digits) = (String::with_capacity(36), 0);
    let mut hyphen = true;
    for c in inner.chars() {
        match c {
            '-' if !hyphen && digits % 4 == 0 => hyphen = true,
            c if c.is_ascii_hexdigit() => {
                if matches!(digits, 8 | 12 | 16 | 20) {
                    out.push('-');
                }
                out.push(c.to_ascii_lowercase());
                digits += 1;
                hyphen = false;
            }
            _ => return None,
        }
    }
    (digits == 32 && !hyphen).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_read_as_postgres_does() {
        let wanted = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
        for text in [
            wanted,
            "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
            "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}",
            "a0eebc999c0b4ef8bb6d6bb9bd380a11",
            "a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11",
        ] {
            assert_eq!(uuid(text).as_deref(), Some(wanted), "{text}");
        }
        for text in ["", "a0ee", "-a0eebc999c0b4ef8bb6d6bb9bd380a11", "{a0eebc999c0b4ef8bb6d6bb9bd380a11", "x"] {
            assert_eq!(uuid(text), None, "{text}");
        }
    }
}
