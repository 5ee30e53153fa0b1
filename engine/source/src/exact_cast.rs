//! Casts that change no value.
//!
//! Arrow's casts round digits that a decimal has no room for, and cut fractions and times. Where a value must arrive as it was
//! given, as in INSERT and in parameters, a value that would be another one is an error.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{
    DECIMAL256_MAX_PRECISION, DECIMAL256_MAX_SCALE, DataType, Float32Type, Float64Type, IntervalUnit, TimeUnit,
};
use datafusion::arrow::error::ArrowError;

use crate::arrow_types::decimal_places;

/// Why a cast has no result.
#[derive(Debug)]
pub enum Inexact {
    /// A value cannot become one of the type at all.
    Refused(ArrowError),
    /// A value would become another one.
    Changed,
}

/// Values in another type, each of which is the same there.
pub fn exact_cast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, Inexact> {
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let made = cast_with_options(array, to, &strict).map_err(Inexact::Refused)?;
    if let (Some(wide), Some(narrow)) = (array.as_primitive_opt::<Float64Type>(), made.as_primitive_opt::<Float32Type>()) {
        // Its digits are rounded by nature; a number does not become infinite.
        let lost = wide
            .iter()
            .zip(narrow)
            .any(|(wide, narrow)| wide.is_some_and(f64::is_finite) && !narrow.is_some_and(f32::is_finite));
        return if lost { Err(Inexact::Changed) } else { Ok(made) };
    }
    let Some(common) = compared_in(array.data_type(), to) else { return Ok(made) };
    let in_common = |array: &ArrayRef| cast_with_options(array, &common, &strict);
    match (in_common(array), in_common(&made)) {
        (Ok(given), Ok(back)) if *given != *back => Err(Inexact::Changed),
        // A type that the value went into but cannot come back from, such as a far time in nanoseconds.
        _ => Ok(made),
    }
}

/// The type in which values of two types are compared; `None` where a cast changes none without an error. Fractions round in floating
/// point by its nature; whole numbers need not.
fn compared_in(from: &DataType, to: &DataType) -> Option<DataType> {
    let to = inner(to);
    match inner(from) {
        from if !changes(from, to) => None,
        from if from.is_string() => match to {
            DataType::Timestamp(_, zone) => Some(DataType::Timestamp(TimeUnit::Nanosecond, zone.clone())),
            _ => Some(DataType::Decimal256(DECIMAL256_MAX_PRECISION, DECIMAL256_MAX_SCALE / 2)),
        },
        from => Some(from.clone()),
    }
}

fn inner(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, values) => inner(values),
        other => other,
    }
}

/// Whether a cast may make another value of one without an error.
pub fn changes(from: &DataType, to: &DataType) -> bool {
    use DataType as T;
    let (from, to) = (inner(from), inner(to));
    let whole = |t: &T| t.is_integer() || t.is_decimal();
    match (from, to) {
        (T::Null, _) | (_, T::Null) => from != to,
        (T::Timestamp(from, _), T::Timestamp(to, _)) => from > to,
        (T::Time32(_) | T::Time64(_), T::Time32(_)) => from != to,
        (T::Time64(TimeUnit::Nanosecond), T::Time64(TimeUnit::Microsecond)) => true,
        (T::Timestamp(..) | T::Date64, T::Date32 | T::Time32(_) | T::Time64(_)) | (T::Timestamp(..), T::Date64) => true,
        (T::Duration(from), T::Duration(to)) => from > to,
        (T::Interval(from), T::Interval(to)) => from != to && *to != IntervalUnit::MonthDayNano,
        (from, to) if from.is_floating() && whole(to) => true,
        (from, to) if from.is_integer() && to.is_floating() => true,
        (T::Float64, T::Float32) => true,
        (from, to) if from.is_string() => to.is_decimal() || matches!(to, T::Timestamp(..)),
        (from, to) if whole(from) && whole(to) => decimal_places(from) > decimal_places(to),
        (T::List(from) | T::LargeList(from) | T::FixedSizeList(from, _), T::List(to) | T::LargeList(to)) => {
            !inner(from.data_type()).is_string() && changes(from.data_type(), to.data_type())
        }
        (T::Struct(from), T::Struct(to)) => {
            let mut pairs = from.iter().zip(to).map(|(from, to)| (from.data_type(), to.data_type()));
            pairs.any(|(from, to)| !inner(from).is_string() && changes(from, to))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{Decimal128Array, Float64Array, Int64Array, StringArray, TimestampNanosecondArray};

    use super::*;

    fn decimal(value: i128, precision: u8, scale: i8) -> ArrayRef {
        Arc::new(Decimal128Array::from(vec![Some(value), None]).with_precision_and_scale(precision, scale).unwrap())
    }

    #[test]
    fn values_that_would_be_others_are_refused() {
        let texts = |text: &str| Arc::new(StringArray::from(vec![Some(text), None])) as ArrayRef;
        let floats = |value: f64| Arc::new(Float64Array::from(vec![value])) as ArrayRef;
        let nanos = |value: i64| Arc::new(TimestampNanosecondArray::from(vec![value])) as ArrayRef;
        let micros = |unit| DataType::Timestamp(unit, None);
        let money = DataType::Decimal128(10, 2);
        for (array, to) in [
            (decimal(1005, 6, 3), money.clone()),
            (decimal(1005, 6, 3), DataType::Int64),
            (floats(1.5), DataType::Int64),
            (Arc::new(Int64Array::from(vec![(1 << 53) + 1])), DataType::Float64),
            (Arc::new(Int64Array::from(vec![(1 << 24) + 1])), DataType::Float32),
            (floats(1.0 / 3.0), money.clone()),
            (texts("1.005"), money.clone()),
            (texts("2024-01-01T00:00:00.0000001"), micros(TimeUnit::Microsecond)),
            (nanos(1_001), micros(TimeUnit::Microsecond)),
            (nanos(1_001), DataType::Date32),
            (floats(1e300), DataType::Float32),
        ] {
            assert!(matches!(exact_cast(&array, &to), Err(Inexact::Changed)), "{array:?} as {to}");
        }
        for (array, to) in [
            (decimal(1010, 6, 3), money.clone()),
            (decimal(1000, 6, 3), DataType::Int64),
            (floats(2.0), DataType::Int64),
            (floats(0.1), DataType::Float32),
            (floats(f64::INFINITY), DataType::Float32),
            (floats(0.1), money.clone()),
            (texts("1.50"), money.clone()),
            (texts("2024-01-01T00:00:00.5"), micros(TimeUnit::Microsecond)),
            (nanos(1_000), micros(TimeUnit::Microsecond)),
            (Arc::new(Int64Array::from(vec![1_i64 << 53])) as ArrayRef, DataType::Float64),
        ] {
            assert!(exact_cast(&array, &to).is_ok(), "{array:?} as {to}");
        }
        let large: ArrayRef = Arc::new(Int64Array::from(vec![1_i64 << 40]));
        assert!(matches!(exact_cast(&large, &DataType::Int32), Err(Inexact::Refused(_))));
    }
}
