//! What is known of Arrow's types.

use datafusion::arrow::datatypes::{DataType, TimeUnit};

/// So many units of time are a second.
pub fn units_per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

/// Decimal places of a decimal type; 0 of any other.
pub fn decimal_places(data_type: &DataType) -> i8 {
    use DataType as T;
    match data_type {
        T::Decimal32(_, s) | T::Decimal64(_, s) | T::Decimal128(_, s) | T::Decimal256(_, s) => *s,
        _ => 0,
    }
}
