//! Values as the text that PostgreSQL-like databases read back exactly.

use std::borrow::Cow;

use datafusion::arrow::datatypes::{IntervalDayTime, IntervalMonthDayNano};
use datafusion::common::ScalarValue;
use headwater_common::{Error, Result};

/// A value as text and the type it is cast to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Literal {
    /// Text form; `None` is NULL.
    pub text: Option<String>,
    /// Type name.
    pub type_name: Cow<'static, str>,
    /// What stands around the text once it is read as that type, such as a function that makes the value of it.
    pub around: (&'static str, &'static str),
}

impl Literal {
    /// A text that is read as a type.
    pub fn new(text: Option<String>, type_name: impl Into<Cow<'static, str>>) -> Self {
        Self { text, type_name: type_name.into(), around: ("", "") }
    }
}

/// The literal of a value. A value that PostgreSQL cannot hold exactly is refused: nanoseconds that are not whole
/// microseconds, integers over the range of `bigint` become `numeric`, and nested values are not supported.
pub fn literal(value: &ScalarValue) -> Result<Literal> {
    use ScalarValue as S;
    let (text, type_name) = match value {
        S::Null => (None, "text"),
        S::Boolean(v) => (v.map(|b| if b { "t" } else { "f" }.to_owned()), "bool"),
        S::Int8(v) => (v.map(|v| v.to_string()), "int2"),
        S::Int16(v) => (v.map(|v| v.to_string()), "int2"),
        S::Int32(v) => (v.map(|v| v.to_string()), "int4"),
        S::Int64(v) => (v.map(|v| v.to_string()), "int8"),
        S::UInt8(v) => (v.map(|v| v.to_string()), "int2"),
        S::UInt16(v) => (v.map(|v| v.to_string()), "int4"),
        S::UInt32(v) => (v.map(|v| v.to_string()), "int8"),
        S::UInt64(v) => (v.map(|v| v.to_string()), "numeric"),
        S::Float16(v) => (v.map(|v| float(f64::from(v.to_f32()))), "float4"),
        S::Float32(v) => (v.map(single), "float4"),
        S::Float64(v) => (v.map(float), "float8"),
        S::Decimal32(v, _, scale) => (v.map(|v| decimal(&v.to_string(), *scale)), "numeric"),
        S::Decimal64(v, _, scale) => (v.map(|v| decimal(&v.to_string(), *scale)), "numeric"),
        S::Decimal128(v, _, scale) => (v.map(|v| decimal(&v.to_string(), *scale)), "numeric"),
        S::Decimal256(v, _, scale) => (v.map(|v| decimal(&v.to_string(), *scale)), "numeric"),
        S::Utf8(v) | S::LargeUtf8(v) | S::Utf8View(v) => (v.clone(), "text"),
        S::Binary(v) | S::LargeBinary(v) | S::BinaryView(v) | S::FixedSizeBinary(_, v) => (v.as_deref().map(hex), "bytea"),
        S::Date32(v) => (v.map(|days| date(i64::from(days))), "date"),
        S::Date64(v) => (v.map(|ms| timestamp(i128::from(ms) * 1_000)), "timestamp"),
        S::Time32Second(v) => (v.map(|s| time(i64::from(s) * 1_000_000)), "time"),
        S::Time32Millisecond(v) => (v.map(|ms| time(i64::from(ms) * 1_000)), "time"),
        S::Time64Microsecond(v) => (v.map(time), "time"),
        S::Time64Nanosecond(v) => (v.map(whole_micros).transpose()?.map(time), "time"),
        S::TimestampSecond(v, zone) => (v.map(|v| timestamp(i128::from(v) * 1_000_000)), stamp(zone)),
        S::TimestampMillisecond(v, zone) => (v.map(|v| timestamp(i128::from(v) * 1_000)), stamp(zone)),
        S::TimestampMicrosecond(v, zone) => (v.map(|v| timestamp(i128::from(v))), stamp(zone)),
        S::TimestampNanosecond(v, zone) => {
            (v.map(whole_micros).transpose()?.map(|v| timestamp(i128::from(v))), stamp(zone))
        }
        S::IntervalYearMonth(v) => (v.map(|months| format!("{months} mons")), "interval"),
        S::IntervalDayTime(v) => (v.map(day_time), "interval"),
        S::IntervalMonthDayNano(v) => (v.map(month_day_nano).transpose()?, "interval"),
        S::Dictionary(_, inner) => return literal(inner),
        other => {
            return Err(Error::unsupported(format!("values of type {} cannot be sent to the source", other.data_type())));
        }
    };
    // PostgreSQL reads a time of day without a zone; for timestamptz the text is in UTC.
    let zoned = type_name == "timestamptz";
    Ok(Literal::new(text.map(|t| if zoned { in_utc(t) } else { t }), type_name))
}

/// The zone stands before the era.
fn in_utc(text: String) -> String {
    match text.strip_suffix(" BC") {
        Some(ad) => format!("{ad}+00 BC"),
        None => format!("{text}+00"),
    }
}

fn stamp(zone: &Option<std::sync::Arc<str>>) -> &'static str {
    if zone.is_some() { "timestamptz" } else { "timestamp" }
}

fn whole_micros(nanos: i64) -> Result<i64> {
    if nanos % 1_000 == 0 {
        return Ok(nanos / 1_000);
    }
    Err(Error::unsupported("a time with nanoseconds that are not whole microseconds cannot be sent to the source"))
}

fn float(v: f64) -> String {
    special(v).unwrap_or_else(|| format!("{v:e}"))
}

fn single(v: f32) -> String {
    special(f64::from(v)).unwrap_or_else(|| format!("{v:e}"))
}

fn special(v: f64) -> Option<String> {
    if v.is_nan() {
        Some("NaN".into())
    } else if v.is_infinite() {
        Some(if v > 0.0 { "Infinity" } else { "-Infinity" }.into())
    } else {
        None
    }
}

/// The decimal number `digits * 10^-scale`, exactly.
pub(crate) fn decimal(digits: &str, scale: i8) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |d| ("-", d));
    if scale <= 0 {
        let zeros = if digits == "0" { 0 } else { usize::from(scale.unsigned_abs()) };
        return format!("{sign}{digits}{}", "0".repeat(zeros));
    }
    let scale = usize::from(scale.unsigned_abs());
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    format!("{sign}{whole}.{fraction}")
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::from("\\x"), |mut out, b| {
        // Writing to a String does not fail.
        let _ = write!(out, "{b:02x}");
        out
    })
}

/// A date of the proleptic Gregorian calendar from days since 1970-01-01 (Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms", `civil_from_days`), with PostgreSQL's `BC` for years before 1.
pub(crate) fn civil(days: i64) -> (String, &'static str) {
    let z = i128::from(days) + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i128::from(month <= 2);
    let (year, suffix) = if year > 0 { (year, "") } else { (1 - year, " BC") };
    (format!("{year:04}-{month:02}-{day:02}"), suffix)
}

fn date(days: i64) -> String {
    let (text, suffix) = civil(days);
    format!("{text}{suffix}")
}

fn time(micros: i64) -> String {
    let (seconds, fraction) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    format!("{:02}:{:02}:{:02}.{fraction:06}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

fn timestamp(micros: i128) -> String {
    const DAY: i128 = 86_400_000_000;
    let days = i64::try_from(micros.div_euclid(DAY)).unwrap_or(i64::MAX);
    let rest = i64::try_from(micros.rem_euclid(DAY)).unwrap_or(0);
    let (text, suffix) = civil(days);
    format!("{text} {}{suffix}", time(rest))
}

/// Every field carries its sign: with `intervalstyle = sql_standard` a leading minus would else count for all of them.
fn day_time(v: IntervalDayTime) -> String {
    format!("{:+} days {:+} microseconds", v.days, i64::from(v.milliseconds) * 1_000)
}

fn month_day_nano(v: IntervalMonthDayNano) -> Result<String> {
    let micros = whole_micros(v.nanoseconds)?;
    Ok(format!("{:+} mons {:+} days {micros:+} microseconds", v.months, v.days))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: ScalarValue) -> (String, &'static str) {
        let found = literal(&value).unwrap();
        let Cow::Borrowed(type_name) = found.type_name else { panic!("a made-up type name") };
        (found.text.unwrap(), type_name)
    }

    #[test]
    fn numbers_are_exact() {
        assert_eq!(text(ScalarValue::Decimal128(Some(-5), 10, 2)), ("-0.05".into(), "numeric"));
        assert_eq!(text(ScalarValue::Decimal128(Some(5), 10, -2)), ("500".into(), "numeric"));
        assert_eq!(text(ScalarValue::Float64(Some(f64::NAN))), ("NaN".into(), "float8"));
        assert_eq!(text(ScalarValue::Float64(Some(f64::MIN_POSITIVE))).0.parse::<f64>().unwrap(), f64::MIN_POSITIVE);
        assert_eq!(text(ScalarValue::UInt64(Some(u64::MAX))), ("18446744073709551615".into(), "numeric"));
    }

    #[test]
    fn times_are_exact_or_refused() {
        assert_eq!(text(ScalarValue::Date32(Some(0))).0, "1970-01-01");
        assert_eq!(text(ScalarValue::Date32(Some(-719_529))).0, "0002-12-31 BC");
        assert_eq!(text(ScalarValue::Date32(Some(19_782))).0, "2024-02-29");
        let utc = ScalarValue::TimestampMicrosecond(Some(-1), Some("UTC".into()));
        assert_eq!(text(utc), ("1969-12-31 23:59:59.999999+00".into(), "timestamptz"));
        assert!(literal(&ScalarValue::TimestampNanosecond(Some(1), None)).is_err());
        assert_eq!(text(ScalarValue::Time64Microsecond(Some(86_399_999_999))).0, "23:59:59.999999");
    }

    #[test]
    fn every_field_of_an_interval_has_its_own_sign() {
        let mixed = IntervalMonthDayNano { months: -1, days: 5, nanoseconds: 3_000 };
        let value = ScalarValue::IntervalMonthDayNano(Some(mixed));
        assert_eq!(text(value).0, "-1 mons +5 days +3 microseconds");
    }

    #[test]
    fn null_keeps_its_type() {
        let null = literal(&ScalarValue::Int32(None)).unwrap();
        assert_eq!(null, Literal::new(None, "int4"));
    }
}
