//! Values that Postgres prints as text: array literals and simple scalars, as `pg_stats` holds them.

use datafusion::scalar::ScalarValue;

use super::numeric;
use super::pg_type::{NumericForm, PgKind, PgType};
use super::temporal::DAY_MICROS;
use super::text_form::{number, parse_clock, parse_offset};

/// The elements of a one-dimensional array literal such as `{1,NULL,"a,b"}`; `None` when the text is not one.
pub fn parse_array_literal(text: &str) -> Option<Vec<Option<String>>> {
    // Bounds other than from 1 are printed first: [0:2]={...}.
    let body = match text.strip_prefix('[') {
        Some(bounded) => bounded.split_once("]=")?.1,
        None => text,
    };
    let body = body.strip_prefix('{')?.strip_suffix('}')?;
    let mut elements = Vec::new();
    if body.is_empty() {
        return Some(elements);
    }
    let mut rest = body.chars().peekable();
    loop {
        let mut element = String::new();
        let quoted = rest.next_if_eq(&'"').is_some();
        let mut escaped = false;
        loop {
            match rest.peek().copied() {
                Some('"') if quoted => {
                    rest.next();
                    break;
                }
                None if quoted => return None,
                None | Some(',') if !quoted => break,
                Some('{' | '}' | '"') if !quoted => return None,
                Some('\\') => {
                    rest.next();
                    escaped = true;
                    element.push(rest.next()?);
                }
                Some(c) => {
                    rest.next();
                    element.push(c);
                }
                None => return None,
            }
        }
        let null = !quoted && !escaped && element.eq_ignore_ascii_case("null");
        if !quoted && element.is_empty() {
            return None;
        }
        elements.push((!null).then_some(element));
        match rest.next() {
            Some(',') => {}
            None => return Some(elements),
            Some(_) => return None,
        }
    }
}

impl PgType {
    /// The value that Postgres prints as `text`, with this type's Arrow type; `None` for types and texts that are not simple.
    /// Dates and times are read in ISO style only.
    pub fn parse_scalar(&self, text: &str) -> Option<ScalarValue> {
        Some(match self.kind() {
            PgKind::Bool => match text {
                "t" | "true" => ScalarValue::Boolean(Some(true)),
                "f" | "false" => ScalarValue::Boolean(Some(false)),
                _ => return None,
            },
            PgKind::Int2 => ScalarValue::Int16(Some(text.parse().ok()?)),
            PgKind::Int4 => ScalarValue::Int32(Some(text.parse().ok()?)),
            PgKind::Int8 => ScalarValue::Int64(Some(text.parse().ok()?)),
            PgKind::Oid => ScalarValue::UInt32(Some(text.parse().ok()?)),
            PgKind::Float4 => ScalarValue::Float32(Some(text.parse().ok()?)),
            PgKind::Float8 | PgKind::Numeric(NumericForm::Float8) => ScalarValue::Float64(Some(text.parse().ok()?)),
            PgKind::Numeric(NumericForm::Decimal128(precision, scale)) => {
                let mut sent = Vec::new();
                numeric::from_text(text, None, &mut sent).ok()?;
                let limit = 10i128.checked_pow(u32::from(*precision))?;
                let value = numeric::to_i128(&sent, *scale, limit).ok()?;
                ScalarValue::Decimal128(Some(value), *precision, *scale)
            }
            PgKind::Text | PgKind::Varchar | PgKind::Bpchar | PgKind::Name | PgKind::Citext | PgKind::Uuid => {
                ScalarValue::Utf8(Some(text.to_owned()))
            }
            PgKind::Numeric(NumericForm::Text) => ScalarValue::Utf8(Some(text.to_owned())),
            PgKind::Date => ScalarValue::Date32(Some(i32::try_from(parse_date(text)?).ok()?)),
            PgKind::Timestamp => ScalarValue::TimestampMicrosecond(Some(parse_timestamp(text)?), None),
            PgKind::TimestampTz => {
                let at = text.rfind(['+', '-']).filter(|at| *at > "0000-00-00".len())?;
                let (clock, offset) = text.split_at(at);
                let micros = parse_timestamp(clock)? - i64::from(parse_offset(offset)?) * 1_000_000;
                ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into()))
            }
            _ => return None,
        })
    }
}

/// Days from 1970-01-01 of `YYYY-MM-DD` (proleptic Gregorian; Howard Hinnant, "days_from_civil").
fn parse_date(text: &str) -> Option<i64> {
    let mut parts = text.split('-').map(number);
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let days_in_month = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if parts.next().is_some() || !(1..=294_276).contains(&year) || !(1..=days_in_month).contains(&day) {
        return None;
    }
    let shifted = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

/// Microseconds from 1970-01-01 of `YYYY-MM-DD hh:mm:ss[.ffffff]`.
fn parse_timestamp(text: &str) -> Option<i64> {
    let (date, clock) = text.split_once(' ')?;
    let days = parse_date(date)?;
    days.checked_mul(DAY_MICROS)?.checked_add(parse_clock(clock)?)
}

#[cfg(test)]
mod tests;
