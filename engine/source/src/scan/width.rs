//! How many bytes a value takes on its way from a source.

use datafusion::arrow::datatypes::DataType;

use crate::metadata::TableMeta;

/// Bytes that say where a value of variable length ends.
const OFFSET_BYTES: f64 = 4.0;
/// Bytes of a text, binary or nested value when nothing is known of it.
const VARIABLE_DEFAULT: f64 = 32.0;

/// Bytes of one value of a column on the average, from the source's statistics where its type does not say it.
pub fn column_width(table: &TableMeta, column: &str) -> f64 {
    let Some(found) = table.column(column) else { return VARIABLE_DEFAULT };
    let data_type = found.field.data_type();
    let bytes = found.statistics.byte_size.get_value().map(|bytes| *bytes as f64);
    match (bytes, table.row_count) {
        (Some(bytes), Some(rows)) if is_variable(data_type) && rows > 0 => bytes / rows as f64 + OFFSET_BYTES,
        _ => width(data_type),
    }
}

fn is_variable(data_type: &DataType) -> bool {
    match data_type {
        DataType::Null | DataType::Boolean | DataType::FixedSizeBinary(_) | DataType::Dictionary(..) => false,
        other => other.primitive_width().is_none(),
    }
}

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
