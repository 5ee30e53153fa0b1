//! The types that clients see.
//!
//! Old clients do not know view types, and dictionaries would be sent again and again, so both are widened; some clients know
//! fewer types still. [`output_schema`] says to what, and the same function makes the schema of FlightInfo, of prepared
//! statements, of listings and of the stream.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;

/// Which types a client can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Profile {
    /// Every type but views, dictionaries and run-end encoding.
    #[default]
    Full,
    /// No unsigned integers, half floats, small decimals and large texts: the JDBC driver reads them wrongly or not at all.
    Jdbc,
    /// No half floats, small decimals and large texts, which the ODBC driver refuses.
    Odbc,
}

impl Profile {
    pub(crate) const NAMES: [(&'static str, Profile); 3] =
        [("full", Self::Full), ("jdbc", Self::Jdbc), ("odbc", Self::Odbc)];

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(n, _)| *n == name).map(|(_, p)| *p)
    }

    pub(crate) fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, p)| *p == self).map_or("full", |(n, _)| n)
    }

    /// The profile of a client that has not chosen one.
    pub(crate) fn of_client(user_agent: &str) -> Self {
        if user_agent.contains("grpc-java") { Self::Jdbc } else { Self::Full }
    }
}

/// The schema that clients see.
pub(crate) fn output_schema(schema: &Schema, profile: Profile) -> SchemaRef {
    let fields: Vec<FieldRef> = schema.fields().iter().map(|f| output_field(f, profile)).collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

fn output_field(field: &FieldRef, profile: Profile) -> FieldRef {
    let data_type = output_type(field.data_type(), profile);
    if data_type == *field.data_type() {
        return Arc::clone(field);
    }
    let widened = Field::new(field.name(), data_type, field.is_nullable());
    Arc::new(widened.with_metadata(field.metadata().clone()))
}

/// The type that clients see.
pub(crate) fn output_type(data_type: &DataType, profile: Profile) -> DataType {
    let field = |f: &FieldRef| output_field(f, profile);
    match data_type {
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::Dictionary(_, value) => output_type(value, profile),
        DataType::RunEndEncoded(_, values) => output_type(values.data_type(), profile),
        DataType::List(item) | DataType::ListView(item) => DataType::List(field(item)),
        DataType::LargeList(item) | DataType::LargeListView(item) => DataType::LargeList(field(item)),
        DataType::FixedSizeList(item, n) => DataType::FixedSizeList(field(item), *n),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(field).collect()),
        DataType::Map(entries, sorted) => DataType::Map(field(entries), *sorted),
        other => plain_type(other, profile),
    }
}

fn plain_type(data_type: &DataType, profile: Profile) -> DataType {
    match (data_type, profile) {
        (other, Profile::Full) => other.clone(),
        (DataType::UInt8, Profile::Jdbc) => DataType::Int16,
        (DataType::UInt16, Profile::Jdbc) => DataType::Int32,
        (DataType::UInt32, Profile::Jdbc) => DataType::Int64,
        (DataType::UInt64, Profile::Jdbc) => DataType::Decimal128(20, 0),
        (DataType::Float16, _) => DataType::Float32,
        (DataType::LargeUtf8, _) => DataType::Utf8,
        (DataType::LargeBinary, _) => DataType::Binary,
        (DataType::Decimal32(p, s) | DataType::Decimal64(p, s), _) => DataType::Decimal128(*p, *s),
        (other, _) => other.clone(),
    }
}

/// A column in another type, with every value as it was.
fn kept(column: &ArrayRef, field: &Field, strict: &CastOptions<'_>) -> Result<ArrayRef, ArrowError> {
    let sent = cast_with_options(column, field.data_type(), strict)?;
    let counts = |t: &DataType| t.is_numeric() || t.is_temporal();
    if counts(column.data_type()) && counts(field.data_type()) {
        let back = cast_with_options(&sent, column.data_type(), strict)?;
        if &back != column {
            let (from, to) = (column.data_type(), field.data_type());
            return Err(ArrowError::CastError(format!("values of type {from} would change as {to}")));
        }
    }
    Ok(sent)
}

/// The batch with exactly the output schema. A value that does not fit is an error, never a NULL.
pub(crate) fn output_batch(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let columns =
        batch.columns().iter().zip(schema.fields()).map(|(column, field)| match column.data_type() == field.data_type() {
            true => Ok(Arc::clone(column)),
            false => kept(column, field, &strict),
        });
    let columns: Vec<ArrayRef> = columns.collect::<Result<_, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
}
