//! What clients are told about columns beside their Arrow types: the `ARROW:FLIGHT:SQL:...` metadata of fields.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef, TimeUnit};
use headwater_engine::OwnTable;
use headwater_source::{ColumnMeta, TableKind, TableMeta};

use crate::encode::types::{Profile, output_schema};

/// Columns of a table of a source.
pub(super) fn table(catalog: &str, table: &TableMeta, profile: Profile) -> SchemaRef {
    let view = matches!(table.kind, TableKind::View | TableKind::MaterializedView | TableKind::File);
    let place = [catalog, &table.name.schema, &table.name.table];
    let field = |(column, shown): (&ColumnMeta, &FieldRef)| {
        let counted = column.is_identity() || column.default.as_deref().is_some_and(|d| d.starts_with("nextval("));
        described(shown, place, &column.remote_type, view || column.is_generated(), counted)
    };
    let shown = output_schema(&table.schema, profile);
    Arc::new(Schema::new(table.columns.iter().zip(shown.fields()).map(field).collect::<Vec<_>>()))
}

/// Columns of a table of Headwater's own.
pub(super) fn own(catalog: &str, table: &OwnTable, profile: Profile) -> SchemaRef {
    let shown = output_schema(&table.columns, profile);
    let place = [catalog, &table.schema, &table.table];
    let field = |f: &FieldRef| described(f, place, sql_name(f.data_type()), true, false);
    Arc::new(Schema::new(shown.fields().iter().map(field).collect::<Vec<_>>()))
}

fn described(field: &FieldRef, place: [&str; 3], type_name: &str, read_only: bool, counted: bool) -> FieldRef {
    let flag = |yes: bool| if yes { "1" } else { "0" }.to_owned();
    let mut metadata: HashMap<String, String> = field.metadata().clone();
    let mut set = |key: &str, value: String| drop(metadata.insert(format!("ARROW:FLIGHT:SQL:{key}"), value));
    set("CATALOG_NAME", place[0].to_owned());
    set("DB_SCHEMA_NAME", place[1].to_owned());
    set("TABLE_NAME", place[2].to_owned());
    set("TYPE_NAME", type_name.to_owned());
    let (precision, scale) = size(field.data_type());
    if let Some(precision) = precision {
        set("PRECISION", precision.to_string());
    }
    if let Some(scale) = scale {
        set("SCALE", scale.to_string());
    }
    set("IS_AUTO_INCREMENT", flag(counted));
    set("IS_CASE_SENSITIVE", flag(matches!(field.data_type(), DataType::Utf8 | DataType::LargeUtf8)));
    set("IS_READ_ONLY", flag(read_only));
    set("IS_SEARCHABLE", flag(!field.data_type().is_nested()));
    Arc::new(field.as_ref().clone().with_metadata(metadata))
}

/// Digits or characters, and digits behind the point.
fn size(data_type: &DataType) -> (Option<u32>, Option<i32>) {
    let digits = |unit: &TimeUnit| match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond => 6,
        TimeUnit::Nanosecond => 9,
    };
    // A point stands before digits only.
    let fraction = |unit: &TimeUnit| digits(unit) + i32::from(digits(unit) > 0);
    let with = |base: i32, unit: &TimeUnit| (u32::try_from(base + fraction(unit)).ok(), Some(digits(unit)));
    match data_type {
        DataType::Boolean => (Some(1), None),
        DataType::Int8 | DataType::UInt8 => (Some(3), Some(0)),
        DataType::Int16 | DataType::UInt16 => (Some(5), Some(0)),
        DataType::Int32 | DataType::UInt32 => (Some(10), Some(0)),
        DataType::Int64 => (Some(19), Some(0)),
        DataType::UInt64 => (Some(20), Some(0)),
        DataType::Float16 | DataType::Float32 => (Some(7), None),
        DataType::Float64 => (Some(15), None),
        DataType::Decimal32(p, s) | DataType::Decimal64(p, s) | DataType::Decimal128(p, s) | DataType::Decimal256(p, s) => {
            (Some(u32::from(*p)), Some(i32::from(*s)))
        }
        DataType::Date32 | DataType::Date64 => (Some(10), None),
        DataType::Time32(unit) | DataType::Time64(unit) => with(8, unit),
        DataType::Timestamp(unit, _) => with(19, unit),
        DataType::FixedSizeBinary(n) => (u32::try_from(*n).ok(), None),
        _ => (None, None),
    }
}

fn sql_name(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Boolean => "BOOLEAN",
        DataType::Int64 => "BIGINT",
        DataType::UInt64 => "BIGINT UNSIGNED",
        DataType::Float64 => "DOUBLE",
        DataType::Timestamp(..) => "TIMESTAMP",
        DataType::Utf8 => "VARCHAR",
        _ => "OTHER",
    }
}
