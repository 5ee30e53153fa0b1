//! Types and values that every source has.

/// Digits after the point of every decimal column and literal.
pub(crate) const DECIMAL_SCALE: u32 = 4;

/// Type of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Type {
    Bool,
    Int2,
    Int4,
    Int8,
    Float,
    Decimal,
    Text,
    Date,
    Timestamp,
    /// A time with a time zone: a point on the one time line.
    Instant,
    Bytes,
    Uuid,
}

impl Type {
    pub(crate) const ALL: [Type; 12] = [
        Type::Bool,
        Type::Int2,
        Type::Int4,
        Type::Int8,
        Type::Float,
        Type::Decimal,
        Type::Text,
        Type::Date,
        Type::Timestamp,
        Type::Instant,
        Type::Bytes,
        Type::Uuid,
    ];

    pub(crate) fn is_integer(self) -> bool {
        matches!(self, Type::Int2 | Type::Int4 | Type::Int8)
    }
}

/// A value of a column or literal.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// In units of 10^-[`DECIMAL_SCALE`].
    Decimal(i128),
    Text(String),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970-01-01 00:00:00; of an instant, UTC.
    Timestamp(i64),
    Bytes(Vec<u8>),
    Uuid(String),
}

/// A decimal of `scale` digits after the point as text without trailing zeros.
pub(crate) fn decimal_text(units: i128, scale: u32) -> String {
    let digits = units.unsigned_abs().to_string();
    let scale = scale as usize;
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    canonical_number(&format!("{}{whole}.{fraction}", if units < 0 { "-" } else { "" }))
}

/// A number's text without what does not change its value: trailing zeros, a point at the end, a sign of zero.
pub(crate) fn canonical_number(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let trimmed = if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits };
    let trimmed = trimmed.trim_start_matches('0');
    let whole = if trimmed.is_empty() || trimmed.starts_with('.') { "0" } else { "" };
    let plain = format!("{whole}{trimmed}");
    if plain == "0" { plain } else { format!("{sign}{plain}") }
}

/// Year, month and day of a day number in the proleptic Gregorian calendar; year 0 is 1 BC.
pub(crate) fn civil(days: i64) -> (i64, u32, u32) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * month + 2) / 5 + 1) as u32;
    let month = if month < 10 { month + 3 } else { month - 9 } as u32;
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_text() {
        for (text, expected) in
            [("1.500", "1.5"), ("-0", "0"), ("-0.00", "0"), ("100", "100"), ("0.5", "0.5"), ("-.5", "-0.5"), ("007", "7")]
        {
            assert_eq!(canonical_number(text), expected);
        }
        assert_eq!(decimal_text(-1, 4), "-0.0001");
        assert_eq!(decimal_text(10_000, 4), "1");
    }

    #[test]
    fn days_are_dates() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(19_782), (2024, 2, 29));
        assert_eq!(civil(-719_528), (0, 1, 1));
    }
}
