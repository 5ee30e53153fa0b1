//! Which type a text has when nobody has said so. A type is chosen only when every value keeps all that was written.

use chrono::{NaiveDate, NaiveTime};
use datafusion::arrow::datatypes::{DataType, TimeUnit};

/// Most digits that a 64-bit float always holds.
const FLOAT_DIGITS: usize = 15;

/// The type of a column as far as it has been seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Kind {
    /// Nulls only.
    #[default]
    Null,
    Bool,
    Int,
    /// A whole number that a 64-bit float does not hold exactly.
    WideInt,
    Float,
    /// `NaN` and infinities: numbers among numbers, otherwise words.
    Special,
    Date,
    Timestamp,
    TimestampUtc,
    Time,
    Text,
}

impl Kind {
    /// The type of one text, which is not null.
    pub(crate) fn of(text: &str) -> Self {
        let Some(first) = text.bytes().next() else { return Self::Text };
        match first {
            b'0'..=b'9' | b'-' | b'.' => number(text).or_else(|| temporal(text)).unwrap_or(Self::Text),
            b't' | b'T' | b'f' | b'F' if boolean(text).is_some() => Self::Bool,
            b'n' | b'N' | b'i' | b'I' if special(text).is_some() => Self::Special,
            _ => Self::Text,
        }
    }

    /// The type that holds both.
    pub(crate) fn merge(self, other: Self) -> Self {
        use Kind::{Bool, Date, Float, Int, Null, Special, Text, Timestamp, WideInt};
        match (self, other) {
            (a, b) if a == b => a,
            (Null, x) | (x, Null) => x,
            (Int, WideInt) | (WideInt, Int) => WideInt,
            (Int | Float | Special, Int | Float | Special) => Float,
            (Date, Timestamp) | (Timestamp, Date) => Timestamp,
            (Bool, _) | (_, Bool) => Text,
            _ => Text,
        }
    }

    /// The column's type in the table.
    pub(crate) fn data_type(self) -> DataType {
        match self {
            Self::Bool => DataType::Boolean,
            Self::Int | Self::WideInt => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::Date => DataType::Date32,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::TimestampUtc => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Time => DataType::Time64(TimeUnit::Microsecond),
            Self::Null | Self::Special | Self::Text => DataType::Utf8,
        }
    }
}

/// `true` and `false` in any case.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text.len() {
        4 if text.eq_ignore_ascii_case("true") => Some(true),
        5 if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// `NaN`, `inf` and `infinity` in any case.
pub(crate) fn special(text: &str) -> Option<f64> {
    let (sign, word) = match text.strip_prefix('-') {
        Some(word) => (-1.0, word),
        None => (1.0, text),
    };
    if word.eq_ignore_ascii_case("nan") {
        return Some(f64::NAN);
    }
    let infinite = word.eq_ignore_ascii_case("inf") || word.eq_ignore_ascii_case("infinity");
    infinite.then_some(sign * f64::INFINITY)
}

/// A whole number whose text is the only one of its value: no leading zeros, no plus sign.
pub(crate) fn integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let canonical = match digits.as_bytes() {
        [b'0'] => digits.len() == text.len(),
        [b'1'..=b'9', ..] => true,
        _ => false,
    };
    if canonical { text.parse().ok() } else { None }
}

/// A decimal number whose digits a 64-bit float keeps.
pub(crate) fn float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let bytes = unsigned.as_bytes();
    let leading_zero = bytes.len() > 1 && bytes[0] == b'0' && bytes[1].is_ascii_digit();
    let plain = bytes.iter().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    if leading_zero || !plain || !bytes.iter().any(u8::is_ascii_digit) {
        return None;
    }
    let value: f64 = text.parse().ok()?;
    (value.is_finite() && keeps_digits(unsigned, value)).then_some(value)
}

/// Whether the shortest text of `value` has all significant digits of `text`.
fn keeps_digits(text: &str, value: f64) -> bool {
    let mantissa = text.split(['e', 'E']).next().unwrap_or(text);
    let digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    let trimmed = trim_zeros(&digits);
    if trimmed.len() <= FLOAT_DIGITS {
        // A float near zero can lose digits, or all of them.
        return value != 0.0 && value.abs() >= f64::MIN_POSITIVE || trimmed.is_empty();
    }
    let shortest = format!("{:e}", value.abs());
    let shortest = shortest.split('e').next().unwrap_or_default();
    let shortest: Vec<u8> = shortest.bytes().filter(u8::is_ascii_digit).collect();
    trim_zeros(&shortest) == trimmed
}

fn trim_zeros(digits: &[u8]) -> &[u8] {
    let start = digits.iter().position(|d| *d != b'0').unwrap_or(digits.len());
    let end = digits.iter().rposition(|d| *d != b'0').map_or(start, |i| i + 1);
    &digits[start..end]
}

fn number(text: &str) -> Option<Kind> {
    if let Some(value) = integer(text) {
        // 2^53: up to here every whole number is a float.
        return Some(if value.unsigned_abs() <= 1 << 53 { Kind::Int } else { Kind::WideInt });
    }
    let whole = text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    if !whole && float(text).is_some() {
        return Some(Kind::Float);
    }
    (text == "-0").then_some(Kind::Float).or_else(|| special(text).map(|_| Kind::Special))
}

fn temporal(text: &str) -> Option<Kind> {
    if date(text).is_some() {
        return Some(Kind::Date);
    }
    if timestamp(text).is_some() {
        return Some(Kind::Timestamp);
    }
    if timestamp_utc(text).is_some() {
        return Some(Kind::TimestampUtc);
    }
    time(text).map(|_| Kind::Time)
}

const EPOCH: NaiveDate = match NaiveDate::from_ymd_opt(1970, 1, 1) {
    Some(day) => day,
    None => NaiveDate::MIN,
};

/// `YYYY-MM-DD`, in days since 1970.
pub(crate) fn date(text: &str) -> Option<i32> {
    let bytes = text.as_bytes();
    let shape = bytes.len() == 10 && bytes[4] == b'-' && bytes[7] == b'-' && text.is_ascii();
    if !shape {
        return None;
    }
    let digits = |range: std::ops::Range<usize>| {
        let part = text.get(range)?;
        part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse::<u32>().ok()).flatten()
    };
    let date = NaiveDate::from_ymd_opt(digits(0..4)?.cast_signed(), digits(5..7)?, digits(8..10)?)?;
    i32::try_from(date.signed_duration_since(EPOCH).num_days()).ok()
}

/// `HH:MM:SS` with up to six more digits, in microseconds.
pub(crate) fn time(text: &str) -> Option<i64> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let bytes = clock.as_bytes();
    let with_seconds = match bytes.len() {
        8 => bytes[2] == b':' && bytes[5] == b':',
        5 => bytes[2] == b':' && fraction.is_empty() && !text.contains('.'),
        _ => false,
    };
    let digits_only = bytes.iter().all(|b| b.is_ascii_digit() || *b == b':');
    if !with_seconds || !digits_only {
        return None;
    }
    let format = if bytes.len() == 8 { "%H:%M:%S" } else { "%H:%M" };
    let at = NaiveTime::parse_from_str(clock, format).ok()?;
    let micros = at.signed_duration_since(NaiveTime::MIN).num_microseconds()?;
    // A leap second has no place among times.
    let leap = bytes.get(6..8) == Some(b"60".as_slice());
    if leap { None } else { Some(micros + fraction_micros(text.contains('.'), fraction)?) }
}

/// Digits after the point as microseconds; more than six must be zeros.
fn fraction_micros(point: bool, digits: &str) -> Option<i64> {
    if !point {
        return Some(0);
    }
    let fine = digits.get(6..).unwrap_or("");
    let valid = !digits.is_empty() && digits.len() <= 9 && digits.bytes().all(|b| b.is_ascii_digit());
    if !valid || fine.bytes().any(|b| b != b'0') {
        return None;
    }
    let head = &digits[..digits.len().min(6)];
    let scale = 10_i64.pow(u32::try_from(6 - head.len()).ok()?);
    Some(head.parse::<i64>().ok()? * scale)
}

/// A date and a time without an offset, in microseconds since 1970. A date alone is midnight.
pub(crate) fn timestamp_or_date(text: &str) -> Option<i64> {
    timestamp(text).or_else(|| date(text).map(|days| i64::from(days) * 86_400_000_000))
}

/// A date and a time without an offset, in microseconds since 1970.
pub(crate) fn timestamp(text: &str) -> Option<i64> {
    let separator = *text.as_bytes().get(10)?;
    if !matches!(separator, b' ' | b'T') {
        return None;
    }
    let days = i64::from(date(text.get(..10)?)?);
    Some(days * 86_400_000_000 + time(text.get(11..)?)?)
}

/// A date and a time with `Z` or an offset, in microseconds since 1970 UTC.
pub(crate) fn timestamp_utc(text: &str) -> Option<i64> {
    if let Some(rest) = text.strip_suffix(['Z', 'z']) {
        return timestamp(rest);
    }
    let at = text.get(11..)?.find(['+', '-'])? + 11;
    let (local, offset) = text.split_at_checked(at)?;
    let sign = if offset.starts_with('-') { -1 } else { 1 };
    let digits: String = offset[1..].chars().filter(|c| *c != ':').collect();
    let plain = digits.bytes().all(|b| b.is_ascii_digit()) && matches!(offset.len(), 3 | 5 | 6);
    if !plain || (offset.len() == 6 && offset.as_bytes()[3] != b':') || (offset.len() == 5 && offset.contains(':')) {
        return None;
    }
    let hours: i64 = digits.get(..2)?.parse().ok()?;
    let minutes: i64 = digits.get(2..4).map_or(Some(0), |m| m.parse().ok())?;
    if hours > 18 || minutes > 59 {
        return None;
    }
    Some(timestamp(local)? - sign * (hours * 60 + minutes) * 60_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(micros: i64) -> String {
        chrono::DateTime::from_timestamp_micros(micros).unwrap().naive_utc().to_string()
    }

    #[test]
    fn a_type_is_chosen_only_when_nothing_is_lost() {
        let kinds = |texts: &[&str]| texts.iter().map(|t| Kind::of(t)).collect::<Vec<_>>();
        assert_eq!(kinds(&["1", "-7", "0"]), [Kind::Int; 3]);
        assert_eq!(
            kinds(&["00123", "007.5", "+49", "12345678901234567890", "1_000", "0x1F", "1 2", "", "-"]),
            [Kind::Text; 9]
        );
        assert_eq!(
            kinds(&["1.5", "-0", ".5", "5.", "1e5", "0.30000000000000004", "1.50000000000000000000"]),
            [Kind::Float; 7]
        );
        assert_eq!(kinds(&["0.12345678901234567891", "1e400", "1e-400", "12345678901234.56789"]), [Kind::Text; 4]);
        assert_eq!(kinds(&["9007199254740993"]), [Kind::WideInt]);
        assert_eq!(kinds(&["NaN", "-inf"]), [Kind::Special; 2]);
        assert_eq!(kinds(&["2024-02-29"]), [Kind::Date]);
        assert_eq!(kinds(&["2023-02-29", "2024-13-01", "01/02/2024", "24:00:00", "2024-01-01 25:00:00"]), [Kind::Text; 5]);
        assert_eq!(kinds(&["2024-01-01 10:00:00", "2024-01-01T10:00:00.123456", "2024-01-01 10:00"]), [Kind::Timestamp; 3]);
        assert_eq!(kinds(&["2024-01-01 10:00:00.123456789"]), [Kind::Text]);
        assert_eq!(
            kinds(&["2024-01-01T10:00:00Z", "2024-01-01 10:00:00+02:00", "2024-01-01T10:00:00-0530"]),
            [Kind::TimestampUtc; 3]
        );
        assert_eq!(kinds(&["10:00:00", "true", "FALSE", "yes"]), [Kind::Time, Kind::Bool, Kind::Bool, Kind::Text]);
    }

    #[test]
    fn merging_never_narrows() {
        let merged = |texts: &[&str]| texts.iter().fold(Kind::Null, |k, t| k.merge(Kind::of(t)));
        assert_eq!(merged(&["1", "2.5"]), Kind::Float);
        assert_eq!(merged(&["9007199254740993", "2.5"]), Kind::Text);
        assert_eq!(merged(&["1", "NaN"]), Kind::Float);
        assert_eq!(merged(&["1", "true"]), Kind::Text);
        assert_eq!(merged(&["2024-01-01", "2024-01-01 10:00:00"]), Kind::Timestamp);
        assert_eq!(merged(&["2024-01-01 10:00:00", "2024-01-01T10:00:00Z"]), Kind::Text);
        assert_eq!(merged(&["1", "00123"]), Kind::Text);
    }

    #[test]
    fn offsets_are_applied() {
        assert_eq!(shown(timestamp_utc("2024-01-01T10:00:00+02:00").unwrap()), "2024-01-01 08:00:00");
        assert_eq!(shown(timestamp_utc("2024-01-01T10:00:00.5-0530").unwrap()), "2024-01-01 15:30:00.500");
        assert_eq!(shown(timestamp("1969-12-31 23:59:59.000001").unwrap()), "1969-12-31 23:59:59.000001");
    }
}
