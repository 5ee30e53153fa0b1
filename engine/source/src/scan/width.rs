//! How many bytes a value takes on its way from a source.

use datafusion::arrow::datatypes::DataType;

/// Bytes of a text, binary or nested value when nothing is known of it.
const VARIABLE_DEFAULT: f64 = 32.0;

/// Bytes of one value of a type.
pub fn width(data_type: &DataType) -> f64 {
    match data_type {
        DataType::Null => 0.0,
        DataType::Boolean => 1.0,
        DataType::FixedSizeBinary(bytes) => f64::from(*bytes),
        DataType::Dictionary(_, value) => width(value),
        other => other.primitive_width().map_or(VARIABLE_DEFAULT, |bytes| bytes as f64),
    }
}
