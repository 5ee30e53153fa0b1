//! Arrow values as text, written without the code under test.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, IntervalMonthDayNanoType, Time32MillisecondType, Time32SecondType, Time64MicrosecondType,
    Time64NanosecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use serde_json::Value;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02X}")).collect()
}

/// Scalars: numbers in digits, floats as the number of their bits, texts and bytes in hexadecimal, days, ticks of time; with
/// `json`, anything as the server's `toJSONString` writes it.
pub(super) fn render(array: &ArrayRef, row: usize, json: bool) -> String {
    if json {
        return value(array, row).to_string();
    }
    if array.is_null(row) || array.data_type() == &DataType::Null {
        return "\\N".to_owned();
    }
    match array.data_type() {
        DataType::Float32 => array.as_primitive::<Float32Type>().value(row).to_bits().to_string(),
        DataType::Float64 => array.as_primitive::<Float64Type>().value(row).to_bits().to_string(),
        DataType::Utf8 => hex(array.as_string::<i32>().value(row).as_bytes()),
        DataType::Binary => hex(array.as_binary::<i32>().value(row)),
        DataType::FixedSizeBinary(_) => hex(array.as_fixed_size_binary().value(row)),
        DataType::Date32 => array.as_primitive::<Date32Type>().value(row).to_string(),
        DataType::Dictionary(..) => {
            let dictionary = array.as_dictionary::<Int32Type>();
            render(dictionary.values(), dictionary.key(row).unwrap(), false)
        }
        DataType::Interval(_) => {
            let value = array.as_primitive::<IntervalMonthDayNanoType>().value(row);
            format!("{} {} {}", value.months, value.days, value.nanoseconds)
        }
        DataType::Timestamp(unit, zone) => {
            assert_eq!(zone.as_deref(), Some("UTC"));
            match unit {
                TimeUnit::Second => array.as_primitive::<TimestampSecondType>().value(row),
                TimeUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().value(row),
                TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().value(row),
                TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().value(row),
            }
            .to_string()
        }
        DataType::Time32(TimeUnit::Second) => array.as_primitive::<Time32SecondType>().value(row).to_string(),
        DataType::Time32(_) => array.as_primitive::<Time32MillisecondType>().value(row).to_string(),
        DataType::Time64(TimeUnit::Microsecond) => array.as_primitive::<Time64MicrosecondType>().value(row).to_string(),
        DataType::Time64(_) => array.as_primitive::<Time64NanosecondType>().value(row).to_string(),
        _ => match value(array, row) {
            Value::String(text) => text,
            other => other.to_string(),
        },
    }
}

fn value(array: &ArrayRef, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Boolean => array.as_boolean().value(row).into(),
        DataType::Int8 => array.as_primitive::<Int8Type>().value(row).into(),
        DataType::Int16 => array.as_primitive::<Int16Type>().value(row).into(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).into(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).into(),
        DataType::UInt8 => array.as_primitive::<UInt8Type>().value(row).into(),
        DataType::UInt16 => array.as_primitive::<UInt16Type>().value(row).into(),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().value(row).into(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(row).into(),
        DataType::Float64 => number(array.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(..) => array.as_primitive::<Decimal128Type>().value_as_string(row).into(),
        DataType::Decimal256(..) => array.as_primitive::<Decimal256Type>().value_as_string(row).into(),
        DataType::Utf8 => array.as_string::<i32>().value(row).into(),
        DataType::Dictionary(..) => {
            let dictionary = array.as_dictionary::<Int32Type>();
            value(dictionary.values(), dictionary.key(row).unwrap())
        }
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            (0..items.len()).map(|i| value(&items, i)).collect()
        }
        DataType::Struct(fields) => {
            let members = array.as_struct().columns().iter().map(|c| value(c, row));
            if fields.first().is_some_and(|f| f.name() == "1") {
                return members.collect();
            }
            fields.iter().map(|f| f.name().clone()).zip(members).collect::<serde_json::Map<_, _>>().into()
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let text = |v: Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
            let entry = |i| (text(value(entries.column(0), i)), value(entries.column(1), i));
            (0..entries.len()).map(entry).collect::<serde_json::Map<_, _>>().into()
        }
        other => panic!("{other} is not the Arrow type of any column"),
    }
}

/// Whole numbers without a decimal point, as the server writes them.
fn number(v: f64) -> Value {
    if v.fract() == 0.0 && v.abs() < 1e15 { (v as i64).into() } else { v.into() }
}
