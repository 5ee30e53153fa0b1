//! Casts that lose nothing: equal values stay equal, and different ones different.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::expressions::{CastExpr, Column};

/// The position of the column below casts that lose nothing; `None` for any other expression.
pub(super) fn column_below(expr: &Arc<dyn PhysicalExpr>, schema: &datafusion::arrow::datatypes::Schema) -> Option<usize> {
    if let Some(column) = expr.downcast_ref::<Column>() {
        return Some(column.index());
    }
    let cast = expr.downcast_ref::<CastExpr>()?;
    let from = cast.expr().data_type(schema).ok()?;
    if !widens(&from, cast.cast_type()) {
        return None;
    }
    column_below(cast.expr(), schema)
}

/// Whether every value of `from` is a value of `to`, and no two of them the same.
pub(crate) fn widens(from: &DataType, to: &DataType) -> bool {
    if from == to {
        return true;
    }
    match (from, to) {
        (DataType::Dictionary(_, value), _) => widens(value, to),
        (from, to) if is_text(from) && is_text(to) => true,
        (from, DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale)) => {
            let whole = i16::from(*precision) - i16::from(*scale);
            match from {
                DataType::Decimal128(p, s) | DataType::Decimal256(p, s) => {
                    scale >= s && whole >= i16::from(*p) - i16::from(*s)
                }
                _ => *scale >= 0 && digits(from).is_some_and(|digits| whole >= digits),
            }
        }
        (DataType::Timestamp(unit, zone), DataType::Timestamp(finer, other)) => zone == other && finer > unit,
        _ => match (bits(from), bits(to)) {
            (Some((signed, n)), Some((to_signed, m))) => m > n && (to_signed || !signed),
            _ => false,
        },
    }
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// Whether a whole number has a sign, and its bits.
fn bits(data_type: &DataType) -> Option<(bool, u8)> {
    Some(match data_type {
        DataType::Int8 => (true, 8),
        DataType::Int16 => (true, 16),
        DataType::Int32 => (true, 32),
        DataType::Int64 => (true, 64),
        DataType::UInt8 => (false, 8),
        DataType::UInt16 => (false, 16),
        DataType::UInt32 => (false, 32),
        DataType::UInt64 => (false, 64),
        _ => return None,
    })
}

/// Most decimal digits of a whole number.
fn digits(data_type: &DataType) -> Option<i16> {
    Some(match data_type {
        DataType::Int8 | DataType::UInt8 => 3,
        DataType::Int16 | DataType::UInt16 => 5,
        DataType::Int32 | DataType::UInt32 => 10,
        DataType::Int64 => 19,
        DataType::UInt64 => 20,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::TimeUnit;

    use super::*;

    #[test]
    fn only_casts_that_lose_nothing_are_passed() {
        use DataType::{Date32, Float64, Int32, Int64, UInt32, UInt64, Utf8, Utf8View};
        let dictionary = DataType::Dictionary(Box::new(Int32), Box::new(Utf8));
        let stamp = |unit, zone: Option<&str>| DataType::Timestamp(unit, zone.map(Into::into));
        for (from, to) in [
            (Int32, Int64),
            (UInt32, Int64),
            (Utf8, Utf8View),
            (dictionary.clone(), Utf8),
            (Int32, DataType::Decimal128(12, 2)),
            (DataType::Decimal128(10, 2), DataType::Decimal128(12, 4)),
            (stamp(TimeUnit::Second, None), stamp(TimeUnit::Microsecond, None)),
        ] {
            assert!(widens(&from, &to), "{from} to {to}");
        }
        for (from, to) in [
            (Int64, Int32),
            (Int32, UInt64),
            (UInt64, Int64),
            (Int64, Float64),
            (Int32, Utf8),
            (Utf8, dictionary),
            (Int32, DataType::Decimal128(11, 2)),
            (DataType::Decimal128(10, 2), DataType::Decimal128(12, 1)),
            (DataType::Decimal128(10, 2), DataType::Decimal128(11, 4)),
            (stamp(TimeUnit::Microsecond, None), stamp(TimeUnit::Second, None)),
            (stamp(TimeUnit::Second, None), stamp(TimeUnit::Microsecond, Some("UTC"))),
            (Date32, stamp(TimeUnit::Microsecond, None)),
        ] {
            assert!(!widens(&from, &to), "{from} to {to}");
        }
    }
}
