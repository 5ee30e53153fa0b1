//! Values as the server reads them in an INSERT.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal256Type, Field, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, i256,
};
use datafusion::arrow::util::display::FormatOptions;

use super::{ChKind, ChType, TypeOptions};

/// The Arrow type that the server reads as this type, or why there is none.
pub fn sent_type(t: &ChType, options: &TypeOptions) -> Result<DataType, String> {
    let field = |name: &str, t: &ChType| Ok(Field::new(name, sent_type(t, options)?, t.nullable));
    let refuse = || Err(format!("values of type {} cannot be written", t.name));
    Ok(match &t.kind {
        ChKind::Text if t.name.starts_with("JSON") || t.name.starts_with("Nullable(JSON") => DataType::Utf8,
        ChKind::Text | ChKind::Interval(_) | ChKind::Nothing => return refuse(),
        ChKind::Enum(_) | ChKind::Time(_) => DataType::Utf8,
        ChKind::Big { .. } => DataType::Utf8,
        ChKind::Array(item) => {
            not_big(item)?;
            DataType::List(Arc::new(field("item", item)?))
        }
        ChKind::Tuple(members) => {
            members.iter().try_for_each(|(_, m)| not_big(m))?;
            let members = members.iter().map(|(name, m)| field(name, m)).collect::<Result<Vec<_>, String>>()?;
            DataType::Struct(members.into())
        }
        ChKind::Map(key, value) => {
            not_big(key)?;
            not_big(value)?;
            let entry = DataType::Struct(vec![field("key", key)?, field("value", value)?].into());
            DataType::Map(Arc::new(Field::new("entries", entry, false)), false)
        }
        _ => t.arrow(options),
    })
}

/// Whether a value fits is checked at the top of a column only.
fn not_big(t: &ChType) -> Result<(), String> {
    let checked = matches!(
        t.kind,
        ChKind::Big { .. } | ChKind::Date | ChKind::Date32 | ChKind::DateTime | ChKind::DateTime64(_) | ChKind::Time(_)
    );
    if checked { Err("big integers, dates and times inside other types cannot be written".to_owned()) } else { Ok(()) }
}

/// The values of a column in the type that [`sent_type`] names; values that the server's type does not hold are refused,
/// because the server would change them.
pub fn sent(t: &ChType, column: &ArrayRef, options: &TypeOptions) -> Result<ArrayRef, String> {
    if !fits(t, column) {
        return Err(format!("a value does not fit the type {}", t.name));
    }
    let wanted = sent_type(t, options)?;
    if column.data_type() == &wanted {
        return Ok(Arc::clone(column));
    }
    let strict = CastOptions { safe: false, format_options: FormatOptions::default() };
    cast_with_options(column, &wanted, &strict).map_err(|_| format!("a value cannot be sent as {}", t.name))
}

fn fits(t: &ChType, column: &ArrayRef) -> bool {
    const FIRST: i64 = -2_208_988_800;
    const LAST: i64 = 10_413_791_999;
    let per_second = |ticks: i64, per: i64| (FIRST..=LAST).contains(&ticks.div_euclid(per));
    match (&t.kind, column.data_type()) {
        (ChKind::Date, DataType::Date32) => all(column.as_primitive::<Date32Type>(), |d| (0..=65_535).contains(&d)),
        (ChKind::Date32, DataType::Date32) => {
            all(column.as_primitive::<Date32Type>(), |d| (-25_567..=120_529).contains(&d))
        }
        (ChKind::DateTime, DataType::Timestamp(..)) => {
            column.as_primitive_opt::<TimestampSecondType>().is_some_and(|c| all(c, |s| u32::try_from(s).is_ok()))
        }
        (ChKind::DateTime64(scale), DataType::Timestamp(..)) => {
            // A unit holds more decimal places than some scales: what would be cut off is refused.
            let step = |places: u8| 10_i64.pow(u32::from(places - (*scale).min(places)));
            if let Some(c) = column.as_primitive_opt::<TimestampSecondType>() {
                all(c, |v| per_second(v, 1))
            } else if let Some(c) = column.as_primitive_opt::<TimestampMillisecondType>() {
                all(c, |v| per_second(v, 1_000) && v % step(3) == 0)
            } else if let Some(c) = column.as_primitive_opt::<TimestampMicrosecondType>() {
                all(c, |v| per_second(v, 1_000_000) && v % step(6) == 0)
            } else {
                let c = column.as_primitive_opt::<TimestampNanosecondType>();
                c.is_some_and(|c| all(c, |v| per_second(v, 1_000_000_000) && v % step(9) == 0))
            }
        }
        (ChKind::Big { bytes, signed, .. }, DataType::Decimal256(_, 0)) => {
            all(column.as_primitive::<Decimal256Type>(), |v| in_range(v, *bytes, *signed))
        }
        (ChKind::Big { bytes, signed, .. }, DataType::Utf8) => {
            column.as_string::<i32>().iter().flatten().all(|v| text_in_range(v, *bytes, *signed))
        }
        _ => true,
    }
}

fn all<T: datafusion::arrow::datatypes::ArrowPrimitiveType>(
    column: &datafusion::arrow::array::PrimitiveArray<T>,
    check: impl Fn(T::Native) -> bool,
) -> bool {
    column.iter().flatten().all(check)
}

fn in_range(value: i256, bytes: i32, signed: bool) -> bool {
    let zero = i256::ZERO;
    match (bytes, signed) {
        (16, true) => value.to_i128().is_some(),
        (16, false) => value >= zero && value <= i256::from_parts(u128::MAX, 0),
        (_, true) => true,
        _ => value >= zero,
    }
}

/// A whole number in plain digits that the type holds.
fn text_in_range(text: &str, bytes: i32, signed: bool) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let trimmed = digits.trim_start_matches('0');
    let negative = text.starts_with('-') && !trimmed.is_empty();
    let most = match (bytes, signed, negative) {
        (_, false, true) => return false,
        (16, true, false) => "170141183460469231731687303715884105727",
        (16, true, true) => "170141183460469231731687303715884105728",
        (16, false, _) => "340282366920938463463374607431768211455",
        (_, true, false) => "57896044618658097711785492504343953926634992332820282019728792003956564819967",
        (_, true, true) => "57896044618658097711785492504343953926634992332820282019728792003956564819968",
        (_, false, _) => "115792089237316195423570985008687907853269984665640564039457584007913129639935",
    };
    plain && (trimmed.len() < most.len() || (trimmed.len() == most.len() && trimmed <= most))
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::{Date32Array, StringArray, TimestampMillisecondArray};

    fn column(kind: ChKind, array: impl Array + 'static) -> bool {
        sent(&ChType::new(kind), &(Arc::new(array) as ArrayRef), &TypeOptions::default()).is_ok()
    }

    #[test]
    fn what_the_server_would_change_is_refused() {
        assert!(column(ChKind::Date, Date32Array::from(vec![Some(65_535), None])));
        assert!(!column(ChKind::Date, Date32Array::from(vec![-1])));
        assert!(!column(ChKind::Date32, Date32Array::from(vec![120_530])));
        let ms = |v| TimestampMillisecondArray::from(vec![v]).with_timezone("UTC");
        assert!(column(ChKind::DateTime64(3), ms(-1)));
        assert!(!column(ChKind::DateTime64(1), ms(12)), "hundredths would be cut off");
        assert!(!column(ChKind::DateTime64(3), ms(i64::MAX)));
        let big = |bytes, signed| ChKind::Big { bytes, signed, digits: None };
        let most = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
        assert!(column(big(32, false), StringArray::from(vec![most, "000", "-0"])));
        assert!(!column(big(32, true), StringArray::from(vec![most])));
        assert!(!column(big(16, false), StringArray::from(vec!["340282366920938463463374607431768211456"])));
        for wrong in ["", "-", "1.0", " 1", "1e3", "+1"] {
            assert!(!column(big(16, true), StringArray::from(vec![wrong])), "{wrong}");
        }
    }
}
