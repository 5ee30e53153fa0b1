//! Tables in memory, and the rows as Arrow.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int16Array, Int32Array, Int64Array,
    RecordBatch, StringArray, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::catalog::MemTable;
use headwater_engine::Session;

use crate::schema::{COLUMNS, Table};
use crate::value::{DECIMAL_SCALE, Type, Value};

/// The table's name in a session.
pub(crate) fn name(table: &str) -> String {
    format!("headwater.public.{table}")
}

/// Registers the tables.
pub(crate) fn add(session: &Session, tables: &[Table]) {
    for table in tables {
        let batch = batch(table);
        let memory = MemTable::try_new(batch.schema(), vec![vec![batch]]).expect("a table");
        session.register_table(table.name, Arc::new(memory)).expect("a new name");
    }
}

/// The schema of every table.
pub(crate) fn schema() -> SchemaRef {
    let fields = COLUMNS.iter().map(|c| Field::new(c.name, data_type(c.ty), c.name != "id"));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn data_type(ty: Type) -> DataType {
    match ty {
        Type::Bool => DataType::Boolean,
        Type::Int2 => DataType::Int16,
        Type::Int4 => DataType::Int32,
        Type::Int8 => DataType::Int64,
        Type::Float => DataType::Float64,
        Type::Decimal => DataType::Decimal128(18, DECIMAL_SCALE as i8),
        Type::Text | Type::Uuid => DataType::Utf8,
        Type::Date => DataType::Date32,
        Type::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
        Type::Instant => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Type::Bytes => DataType::Binary,
    }
}

/// The rows as one batch.
pub(crate) fn batch(table: &Table) -> RecordBatch {
    let columns = COLUMNS.iter().enumerate().map(|(i, c)| {
        let values: Vec<&Value> = table.rows.iter().map(|row| &row[i]).collect();
        array(&values, c.ty)
    });
    RecordBatch::try_new(schema(), columns.collect()).expect("columns of one length")
}

fn array(values: &[&Value], ty: Type) -> ArrayRef {
    macro_rules! values {
        ($pattern:pat => $value:expr) => {
            values.iter().map(|v| match v {
                $pattern => Some($value),
                _ => None,
            })
        };
    }
    match ty {
        Type::Bool => Arc::new(values!(Value::Bool(v) => *v).collect::<BooleanArray>()),
        Type::Int2 => Arc::new(values!(Value::Int(v) => i16::try_from(*v).expect("a smallint")).collect::<Int16Array>()),
        Type::Int4 => Arc::new(values!(Value::Int(v) => i32::try_from(*v).expect("an integer")).collect::<Int32Array>()),
        Type::Int8 => Arc::new(values!(Value::Int(v) => *v).collect::<Int64Array>()),
        Type::Float => Arc::new(values!(Value::Float(v) => *v).collect::<Float64Array>()),
        Type::Decimal => {
            let array = values!(Value::Decimal(v) => *v).collect::<Decimal128Array>();
            Arc::new(array.with_precision_and_scale(18, DECIMAL_SCALE as i8).expect("18 digits"))
        }
        Type::Text | Type::Uuid => {
            Arc::new(values!(Value::Text(v) | Value::Uuid(v) => v.as_str()).collect::<StringArray>())
        }
        Type::Date => Arc::new(values!(Value::Date(v) => *v).collect::<Date32Array>()),
        Type::Timestamp => Arc::new(values!(Value::Timestamp(v) => *v).collect::<TimestampMicrosecondArray>()),
        Type::Instant => {
            let array = values!(Value::Timestamp(v) => *v).collect::<TimestampMicrosecondArray>();
            Arc::new(array.with_timezone("UTC"))
        }
        Type::Bytes => Arc::new(values!(Value::Bytes(v) => v.as_slice()).collect::<BinaryArray>()),
    }
}
