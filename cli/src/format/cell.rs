//! One value as text.

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, FieldRef};
use arrow::error::ArrowError;
use arrow::json::writer::{EncoderOptions, NullableEncoder, make_encoder};
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// Writes the values of one column as text: binary as hexadecimal digits, nested values as JSON.
pub(crate) enum Cells<'a> {
    /// Plain values.
    Plain { array: &'a dyn Array, formatter: ArrayFormatter<'a> },
    /// Lists, structs and maps.
    Nested { encoder: NullableEncoder<'a>, buffer: Vec<u8> },
}

impl<'a> Cells<'a> {
    pub(crate) fn new(field: &'a FieldRef, array: &'a dyn Array, options: &'a EncoderOptions) -> Result<Self, ArrowError> {
        if is_nested(array.data_type()) {
            return Ok(Self::Nested { encoder: make_encoder(field, array, options)?, buffer: Vec::new() });
        }
        Ok(Self::Plain { array, formatter: ArrayFormatter::try_new(array, &PLAIN)? })
    }

    /// Writes the value of a row into `out`, which is cleared first; `false` when it is NULL.
    pub(crate) fn write(&mut self, row: usize, out: &mut String) -> Result<bool, ArrowError> {
        out.clear();
        match self {
            Self::Plain { array, formatter } => {
                if array.is_null(row) || *array.data_type() == DataType::Null {
                    return Ok(false);
                }
                formatter.value(row).write(out)?;
            }
            Self::Nested { encoder, buffer } => {
                if encoder.is_null(row) {
                    return Ok(false);
                }
                buffer.clear();
                encoder.encode(row, buffer);
                out.push_str(&String::from_utf8_lossy(buffer));
            }
        }
        Ok(true)
    }
}

const PLAIN: FormatOptions<'static> = FormatOptions::new().with_display_error(false);

/// The writers of all columns of a batch.
pub(crate) fn columns<'a>(batch: &'a RecordBatch, options: &'a EncoderOptions) -> Result<Vec<Cells<'a>>, ArrowError> {
    let fields = batch.schema_ref().fields();
    fields.iter().zip(batch.columns()).map(|(f, c)| Cells::new(f, c.as_ref(), options)).collect()
}

/// Whether values of a type are aligned to the right.
pub(crate) fn is_numeric(data_type: &DataType) -> bool {
    data_type.is_numeric()
}

fn is_nested(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, value) => is_nested(value),
        other => other.is_nested(),
    }
}

/// Makes control characters other than line breaks visible, so that a value can neither break a table nor steer a terminal.
pub(crate) fn visible(text: &str) -> std::borrow::Cow<'_, str> {
    let hidden = |c: char| c.is_control() && c != '\n';
    if !text.chars().any(hidden) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if hidden(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out.into()
}
