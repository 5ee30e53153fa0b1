//! The options that decide what an inconvenient type or value becomes.

use headwater_common::config::{OptionSpec, Options};
use headwater_common::{Error, Result};

/// What a `numeric` without a declared precision (or one too wide for `Decimal256`) becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumericMode {
    /// `Utf8`, exactly as Postgres prints it.
    Text,
    /// `Decimal128` (precision up to 38) or `Decimal256` (up to 76). A value that does not fit exactly is an error.
    Decimal(u8, i8),
    /// `Float64`, the nearest to the value.
    Float8,
}

impl Default for NumericMode {
    /// The digits that the server itself computes of quotients and averages down to a ten thousandth: 20 after the point.
    fn default() -> Self {
        Self::Decimal(38, 20)
    }
}

/// What a value becomes that its Arrow type cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unrepresentable {
    /// An error that names the column.
    #[default]
    Error,
    /// NULL; the field is then nullable even for a NOT NULL column.
    Null,
    /// The end of the range that every client can show: 0001-01-01 or 9999-12-31 23:59:59.999999, 23:59:59.999999 for
    /// `24:00:00`, the largest interval. Order against real values beyond those ends is lost.
    Clamp,
}

/// What an array column becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ArrayMode {
    /// `List`, nested once per declared dimension. A value with another number of dimensions is an error.
    #[default]
    List,
    /// `Utf8`: the array literal as Postgres prints it.
    Text,
}

/// How types and values without an exact Arrow counterpart are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TypeOptions {
    /// For `numeric` without a usable declared precision.
    pub numeric: NumericMode,
    /// For NaN and infinity in a column read as decimal; never [`Unrepresentable::Clamp`].
    pub numeric_special: Unrepresentable,
    /// For infinite dates, timestamps and intervals and for `24:00:00`.
    pub infinity: Unrepresentable,
    /// For arrays.
    pub arrays: ArrayMode,
}

impl TypeOptions {
    /// The options as a source declares them.
    pub const SPECS: [OptionSpec; 4] = [
        OptionSpec {
            name: "numeric",
            default: Some("decimal(38,20)"),
            description: "Type of numeric columns without a declared precision: decimal(p,s), float8 or text.",
            secret: false,
        },
        OptionSpec {
            name: "numeric_special",
            default: Some("error"),
            description: "NaN and infinity in a decimal column: error or null.",
            secret: false,
        },
        OptionSpec {
            name: "infinity",
            default: Some("error"),
            description: "Infinite dates, timestamps and intervals, and time 24:00:00: error, null or clamp.",
            secret: false,
        },
        OptionSpec {
            name: "arrays",
            default: Some("list"),
            description: "Array columns: list, or text for columns whose values differ in dimensions.",
            secret: false,
        },
    ];

    /// Reads the options; an unknown word is an error that lists the known ones.
    pub fn from_options(options: &Options) -> Result<Self> {
        let text = |name: &str| options.text(name, &Self::SPECS).unwrap_or_default().trim().to_ascii_lowercase();
        let wrong = |name: &str, known: &str| Error::configuration(format!("option \"{name}\" must be {known}"));
        let numeric = match text("numeric").as_str() {
            "text" => NumericMode::Text,
            "float8" => NumericMode::Float8,
            other => decimal(other).ok_or_else(|| {
                wrong("numeric", "decimal(p,s) with precision 1 to 76 and scale 0 to precision, float8 or text")
            })?,
        };
        let numeric_special = match text("numeric_special").as_str() {
            "error" => Unrepresentable::Error,
            "null" => Unrepresentable::Null,
            _ => return Err(wrong("numeric_special", "error or null")),
        };
        let infinity = match text("infinity").as_str() {
            "error" => Unrepresentable::Error,
            "null" => Unrepresentable::Null,
            "clamp" => Unrepresentable::Clamp,
            _ => return Err(wrong("infinity", "error, null or clamp")),
        };
        let arrays = match text("arrays").as_str() {
            "list" => ArrayMode::List,
            "text" => ArrayMode::Text,
            _ => return Err(wrong("arrays", "list or text")),
        };
        Ok(Self { numeric, numeric_special, infinity, arrays })
    }
}

fn decimal(text: &str) -> Option<NumericMode> {
    let (precision, scale) = text.strip_prefix("decimal(")?.strip_suffix(')')?.split_once(',')?;
    let (precision, scale): (u8, i8) = (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
    let fits = (1..=76).contains(&precision) && scale >= 0 && scale.unsigned_abs() <= precision;
    fits.then_some(NumericMode::Decimal(precision, scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_wrong_words_refused() {
        let read = |name: &str, value: &str| TypeOptions::from_options(&Options::new().with(name, value));
        assert_eq!(TypeOptions::from_options(&Options::new()).unwrap(), TypeOptions::default());
        assert_eq!(read("numeric", "Decimal(38, 10)").unwrap().numeric, NumericMode::Decimal(38, 10));
        assert_eq!(read("infinity", "clamp").unwrap().infinity, Unrepresentable::Clamp);
        for (name, value) in [
            ("numeric", "decimal(77,0)"),
            ("numeric", "decimal(5,6)"),
            ("numeric", "decimal(0,0)"),
            ("numeric", "decimal(5,-1)"),
            ("numeric_special", "clamp"),
            ("infinity", "zero"),
            ("arrays", "json"),
        ] {
            assert!(read(name, value).unwrap_err().to_string().contains(name), "{name} = {value}");
        }
    }
}
