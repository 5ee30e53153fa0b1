//! The options that decide what an inconvenient type or value becomes.

use headwater_common::config::{OptionSpec, Options};
use headwater_common::{Error, Result};

/// What a `String` becomes, which at the server may hold any bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StringMode {
    /// `Utf8`; bytes that are no UTF-8 are an error that names the column.
    #[default]
    Error,
    /// `Utf8`; bytes that are no UTF-8 are replaced by U+FFFD.
    Replace,
    /// `Binary`.
    Binary,
}

/// What `Int128`, `UInt128`, `Int256` and `UInt256` become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BigIntegerMode {
    /// The types of 128 bits are `Decimal256(39, 0)`, which holds all their values; those of 256 bits are `Utf8`.
    #[default]
    Exact,
    /// `Decimal256`; a value of more than 76 digits is an error.
    Decimal,
    /// `Utf8`.
    Text,
}

/// How types and values without an exact Arrow counterpart are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TypeOptions {
    /// For `String`.
    pub strings: StringMode,
    /// `FixedString` as `Utf8` without the zero bytes that fill it, instead of `FixedSizeBinary`.
    pub fixed_string_text: bool,
    /// For integers of 128 and 256 bits.
    pub big_integers: BigIntegerMode,
    /// `Time` and `Time64` as `Utf8` instead of `Time32` and `Time64`, which hold times of one day only.
    pub time_text: bool,
    /// `DateTime64(7..9)` as `Utf8` instead of nanoseconds, which end in the year 2262.
    pub nanoseconds_text: bool,
}

const fn spec(name: &'static str, default: &'static str, description: &'static str) -> OptionSpec {
    OptionSpec { name, default: Some(default), description, secret: false }
}

impl TypeOptions {
    /// The options as a source declares them.
    pub const SPECS: [OptionSpec; 5] = [
        spec("strings", "error", "String values that are not UTF-8: error, replace, or binary for the whole column."),
        spec("fixed_strings", "binary", "FixedString columns: binary, or text without the zero bytes that fill it."),
        spec("big_integers", "exact", "Integers of 128 and 256 bits: exact (decimal and text), decimal, or text."),
        spec("time", "time", "Time columns: time (of one day), or text for times outside a day."),
        spec("nanoseconds", "timestamp", "DateTime64(7 to 9) columns: timestamp (until 2262), or text."),
    ];

    /// Reads the options; an unknown word is an error that lists the known ones.
    pub fn from_options(options: &Options) -> Result<Self> {
        let text = |name: &str| options.text(name, &Self::SPECS).unwrap_or_default().trim().to_ascii_lowercase();
        let wrong = |name: &str, known: &str| Error::configuration(format!("option \"{name}\" must be {known}"));
        let either = |name: &str, no: &str, yes: &str| match text(name) {
            t if t == no => Ok(false),
            t if t == yes => Ok(true),
            _ => Err(wrong(name, &format!("{no} or {yes}"))),
        };
        let strings = match text("strings").as_str() {
            "error" => StringMode::Error,
            "replace" => StringMode::Replace,
            "binary" => StringMode::Binary,
            _ => return Err(wrong("strings", "error, replace or binary")),
        };
        let big_integers = match text("big_integers").as_str() {
            "exact" => BigIntegerMode::Exact,
            "decimal" => BigIntegerMode::Decimal,
            "text" => BigIntegerMode::Text,
            _ => return Err(wrong("big_integers", "exact, decimal or text")),
        };
        Ok(Self {
            strings,
            fixed_string_text: either("fixed_strings", "binary", "text")?,
            big_integers,
            time_text: either("time", "time", "text")?,
            nanoseconds_text: either("nanoseconds", "timestamp", "text")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_wrong_words_refused() {
        let read = |name: &str, value: &str| TypeOptions::from_options(&Options::new().with(name, value));
        assert_eq!(TypeOptions::from_options(&Options::new()).unwrap(), TypeOptions::default());
        assert_eq!(read("strings", "Binary").unwrap().strings, StringMode::Binary);
        assert!(read("time", "text").unwrap().time_text);
        for name in ["strings", "fixed_strings", "big_integers", "time", "nanoseconds"] {
            assert!(read(name, "maybe").unwrap_err().to_string().contains(name), "{name}");
        }
    }
}
