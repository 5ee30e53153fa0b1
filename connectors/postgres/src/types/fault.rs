//! What is wrong with the bytes or values of one column; messages hold no value.

use std::fmt;

/// A reason without the column's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The value has another length than its type.
    Length { expected: usize, found: usize },
    /// The value ends early.
    Truncated,
    /// Bytes are left over.
    Trailing,
    /// A number in the value's frame is out of its range.
    Frame(&'static str),
    /// Another type number than the catalog says.
    Oid { expected: u32, found: u32 },
    /// Another number of dimensions than declared.
    Dimensions { declared: usize, found: usize },
    /// NaN or infinity in a decimal.
    NumericSpecial,
    /// A number outside the decimal type.
    NumericRange,
    /// Infinity, `24:00:00` and the like.
    Infinity,
    /// A date, timestamp or interval outside the Arrow type.
    TemporalRange,
    /// More bytes than one Arrow array can address.
    TooLarge,
    /// Text that is not UTF-8.
    Utf8,
    /// NULL where the field is not nullable.
    Null,
    /// A value to write that has no exact counterpart in the column's type.
    Write(&'static str),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { expected, found } => write!(f, "a value has {found} bytes instead of {expected}"),
            Self::Truncated => f.write_str("a value ends early"),
            Self::Trailing => f.write_str("a value has bytes after its end"),
            Self::Frame(what) => write!(f, "a value is malformed: {what}"),
            Self::Oid { expected, found } => write!(
                f,
                "an inner value has type number {found} instead of {expected}; the type was changed, refresh the source"
            ),
            Self::Dimensions { declared, found } => write!(
                f,
                "the column is declared with {declared} array dimension(s) but a value has {found}; \
                 set the source option \"arrays\" to 'text' to read it"
            ),
            Self::NumericSpecial => f.write_str(
                "a value is NaN or infinite, which a decimal cannot hold; \
                 set the source option \"numeric_special\" to 'null' to read it",
            ),
            Self::NumericRange => f.write_str(
                "a number does not fit the decimal type exactly; \
                 set the source option \"numeric\" to 'text' or to a wider decimal to read it",
            ),
            Self::Infinity => f.write_str(
                "a value is infinite or 24:00:00, which Arrow cannot hold; \
                 set the source option \"infinity\" to 'null' or 'clamp' to read it",
            ),
            Self::TemporalRange => f.write_str(
                "a value is outside the range of its Arrow type; cast the column to text at the source to read it",
            ),
            Self::TooLarge => f.write_str("values of one batch need more than 2 GiB"),
            Self::Utf8 => f.write_str("a text is not valid UTF-8"),
            Self::Null => f.write_str("a NULL arrived for a column that is declared NOT NULL"),
            Self::Write(what) => f.write_str(what),
        }
    }
}
