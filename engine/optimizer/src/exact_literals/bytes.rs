//! Texts that meet bytes or truth values.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::prelude::Expr;
use headwater_common::Error;
use headwater_source::ErrorExt;

use super::times::text_of;

/// Text literals beside bytes as the bytes that Postgres reads in them, and those beside truth values as one if they say one.
/// DataFusion would take the characters for bytes, and refuse the others.
pub(super) fn meet(all: &mut [Expr], types: &[DataType]) -> Result<()> {
    let binary = types.iter().any(is_binary);
    if !binary && !types.contains(&DataType::Boolean) {
        return Ok(());
    }
    for expr in all {
        let Some(text) = text_of(expr) else { continue };
        if binary {
            let bytes = bytes_of(text).map_err(ErrorExt::into_datafusion)?;
            *expr = Expr::Literal(ScalarValue::Binary(Some(bytes)), None);
        } else if let Some(value) = truth(text) {
            *expr = Expr::Literal(ScalarValue::Boolean(Some(value)), None);
        }
    }
    Ok(())
}

/// Whether values of a type are bytes.
pub(super) fn is_binary(data_type: &DataType) -> bool {
    use DataType::{Binary, BinaryView, FixedSizeBinary, LargeBinary};
    matches!(data_type, Binary | LargeBinary | BinaryView | FixedSizeBinary(_))
}

/// The bytes that a text says, as Postgres reads it: `\x` and hexadecimal digits, or characters with `\\` and octal `\012` among them.
pub fn bytes_of(text: &str) -> std::result::Result<Vec<u8>, Error> {
    let wrong = || {
        Error::invalid(
            "a text does not say bytes: it is \\x and pairs of hexadecimal digits, or characters with \\\\ and \\012",
        )
    };
    if let Some(digits) = text.strip_prefix("\\x") {
        let digits: Vec<u8> = digits.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
        let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let pair = |pair: &[u8]| match pair {
            [high, low] => Some(digit(*high)? * 16 + digit(*low)?),
            _ => None,
        };
        return digits.chunks(2).map(|two| pair(two).ok_or_else(wrong)).collect();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        rest = more;
        bytes.push(match (first, more) {
            (b'\\', [b'\\', after @ ..]) => {
                rest = after;
                b'\\'
            }
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                rest = after;
                (a - b'0') * 64 + (b - b'0') * 8 + (c - b'0')
            }
            (b'\\', _) => return Err(wrong()),
            (other, _) => *other,
        });
    }
    Ok(bytes)
}

/// The truth value that a text says, as Postgres reads it: a beginning of true, false, yes or no; on, off, 1 or 0.
fn truth(text: &str) -> Option<bool> {
    let said = text.trim().to_ascii_lowercase();
    let begins = |word: &str| !said.is_empty() && word.starts_with(&said);
    match said.as_str() {
        "on" | "1" => Some(true),
        "of" | "off" | "0" => Some(false),
        _ if begins("true") || begins("yes") => Some(true),
        _ if begins("false") || begins("no") => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_postgres_does() {
        assert_eq!(bytes_of("\\x0007fF").unwrap(), [0, 7, 255]);
        assert_eq!(bytes_of("\\x").unwrap(), [0_u8; 0]);
        assert_eq!(bytes_of("a\\\\b\\012é").unwrap(), [b'a', b'\\', b'b', 10, 0xc3, 0xa9]);
        for wrong in ["\\x0", "\\xzz", "a\\b", "\\400", "\\"] {
            assert!(bytes_of(wrong).is_err(), "{wrong}");
        }
        assert_eq!(
            ["t", "YES", "off", "n", "o", "", "maybe"].map(truth),
            [Some(true), Some(true), Some(false), Some(false), None, None, None]
        );
    }
}
