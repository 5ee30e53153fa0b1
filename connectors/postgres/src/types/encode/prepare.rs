//! Brings an Arrow array into the layout that a Postgres type is written from, if that loses nothing.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Decimal128Type, IntervalUnit, Time64NanosecondType, TimeUnit, TimestampNanosecondType,
};
use arrow::error::ArrowError;

use super::column::{Parse, ParseBytes, Values, Writer};
use super::nested::{ListWriter, MultirangeWriter, RangeWriter, StructWriter};
use crate::types::fault::Fault;
use crate::types::pg_type::{NumericForm, PgKind, PgType};
use crate::types::{numeric, text_form, wkb};

const MISMATCH: Fault = Fault::Write("there is no exact conversion");
const RANGE: Fault = Fault::Write("a number is outside the range of the column's type");

/// The writer of a column of `pg_type`.
pub(super) fn writer(pg_type: &PgType, array: &ArrayRef) -> Result<Writer, Fault> {
    let array = match array.data_type() {
        DataType::Null => return Ok(Writer { nulls: None, values: Values::Null }),
        DataType::Dictionary(_, values) => cast(array, values)?,
        DataType::RunEndEncoded(_, values) => cast(array, values.data_type())?,
        _ => ArrayRef::clone(array),
    };
    let values = values(pg_type, &array)?;
    Ok(Writer { nulls: array.nulls().cloned(), values })
}

fn values(pg_type: &PgType, array: &ArrayRef) -> Result<Values, Fault> {
    let text = |parse: Parse| Ok(Values::TextForm(texts(array)?.as_string().clone(), parse));
    let geometry = |parse: ParseBytes| Ok(Values::BinaryForm(binary(array)?.as_binary().clone(), parse));
    Ok(match pg_type.kind() {
        PgKind::Bool => Values::Bool(array.as_boolean_opt().ok_or(MISMATCH)?.clone()),
        PgKind::Int2 => Values::Int16(integers(array, &DataType::Int16)?.as_primitive().clone()),
        PgKind::Int4 => Values::Int32(integers(array, &DataType::Int32)?.as_primitive().clone()),
        PgKind::Int8 => Values::Int64(integers(array, &DataType::Int64)?.as_primitive().clone()),
        PgKind::Oid => Values::UInt32(integers(array, &DataType::UInt32)?.as_primitive().clone()),
        PgKind::Xid8 => Values::UInt64(integers(array, &DataType::UInt64)?.as_primitive().clone()),
        PgKind::Float4 => Values::Float32(floats(array, &DataType::Float32)?.as_primitive().clone()),
        PgKind::Float8 => Values::Float64(floats(array, &DataType::Float64)?.as_primitive().clone()),
        PgKind::Numeric(form) => return numbers(*form, numeric::typmod(pg_type.typmod()).map(|t| t.1), array),
        PgKind::Money => Values::Money(hundredths(array)?),
        PgKind::Bytea | PgKind::Ewkb => Values::Binary(binary(array)?.as_binary().clone()),
        PgKind::Date | PgKind::Time | PgKind::Timestamp | PgKind::TimestampTz | PgKind::Interval => {
            let values = times(pg_type.kind(), array)?;
            keeps_digits(&values, pg_type.typmod())?;
            return Ok(values);
        }
        PgKind::Jsonb => Values::Jsonb(texts(array)?.as_string().clone()),
        PgKind::Uuid => return uuids(array),
        PgKind::TimeTz => return text(text_form::parse_timetz),
        PgKind::InternalChar => return text(text_form::parse_internal_char),
        PgKind::Inet => return text(|text, out| text_form::parse_inet(text, false, out)),
        PgKind::Cidr => return text(|text, out| text_form::parse_inet(text, true, out)),
        PgKind::MacAddr => return text(|text, out| text_form::parse_mac(text, 6, out)),
        PgKind::MacAddr8 => return text(|text, out| text_form::parse_mac(text, 8, out)),
        PgKind::Bit => return text(text_form::parse_bits),
        PgKind::Point => return geometry(wkb::parse_point),
        PgKind::Lseg => return geometry(wkb::parse_lseg),
        PgKind::Path => return geometry(wkb::parse_path),
        PgKind::Polygon => return geometry(wkb::parse_polygon),
        PgKind::Composite(attributes) => {
            Values::Struct(StructWriter::new(attributes, array.as_struct_opt().ok_or(MISMATCH)?)?)
        }
        PgKind::Range(subtype) => {
            Values::Range(Box::new(RangeWriter::new(subtype, array.as_struct_opt().ok_or(MISMATCH)?)?))
        }
        PgKind::Multirange(subtype) => {
            Values::Multirange(Box::new(MultirangeWriter::new(subtype, lists(array)?.as_list())?))
        }
        PgKind::Array { element, dimensions } => {
            let writer = ListWriter::new(element, *dimensions, lists(array)?.as_list())?;
            Values::List(Box::new(if pg_type.is_vector() { writer.vector() } else { writer }))
        }
        PgKind::Text
        | PgKind::Varchar
        | PgKind::Bpchar
        | PgKind::Name
        | PgKind::Citext
        | PgKind::Xml
        | PgKind::Json
        | PgKind::Enum(_)
        | PgKind::Other => Values::Text(texts(array)?.as_string().clone()),
    })
}

/// Whether a column with that many fractional digits of seconds keeps these times; the server would round them.
fn keeps_digits(values: &Values, typmod: i32) -> Result<(), Fault> {
    let Some(unit) = u32::try_from(typmod).ok().filter(|digits| *digits < 6).map(|digits| 10_i64.pow(6 - digits)) else {
        return Ok(());
    };
    let kept = match values {
        Values::Time(times) => times.iter().flatten().all(|time| time % unit == 0),
        Values::Timestamp(times) => times.iter().flatten().all(|time| time % unit == 0),
        _ => true,
    };
    if kept { Ok(()) } else { Err(Fault::Write("a time has more fractional digits than the column keeps")) }
}

/// A cast that fails instead of making nulls. Its own message could hold a value, so it is not shown.
fn cast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, Fault> {
    if array.data_type() == to {
        return Ok(ArrayRef::clone(array));
    }
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array, to, &options).map_err(|e| match e {
        ArrowError::CastError(_) | ArrowError::ComputeError(_) | ArrowError::ArithmeticOverflow(_) => RANGE,
        _ => MISMATCH,
    })
}

fn integers(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, Fault> {
    if array.data_type().is_integer() { cast(array, to) } else { Err(MISMATCH) }
}

fn floats(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, Fault> {
    let exact = match array.data_type() {
        found if found == to => true,
        DataType::Float16 | DataType::Int8 | DataType::Int16 | DataType::UInt8 | DataType::UInt16 => true,
        DataType::Float32 | DataType::Int32 | DataType::UInt32 => *to == DataType::Float64,
        _ => false,
    };
    if exact { cast(array, to) } else { Err(MISMATCH) }
}

fn texts(array: &ArrayRef) -> Result<ArrayRef, Fault> {
    if array.data_type().is_string() { cast(array, &DataType::Utf8) } else { Err(MISMATCH) }
}

fn binary(array: &ArrayRef) -> Result<ArrayRef, Fault> {
    match array.data_type() {
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            cast(array, &DataType::Binary)
        }
        _ => Err(MISMATCH),
    }
}

fn uuids(array: &ArrayRef) -> Result<Values, Fault> {
    if array.data_type().is_string() {
        return Ok(Values::TextForm(texts(array)?.as_string().clone(), text_form::parse_uuid));
    }
    let copy: ParseBytes = |value, out| match value.len() {
        16 => {
            out.extend_from_slice(value);
            Ok(())
        }
        _ => Err(Fault::Write("a uuid does not have 16 bytes")),
    };
    Ok(Values::BinaryForm(binary(array)?.as_binary().clone(), copy))
}

fn lists(array: &ArrayRef) -> Result<ArrayRef, Fault> {
    match array.data_type() {
        DataType::List(_) => Ok(ArrayRef::clone(array)),
        DataType::LargeList(field)
        | DataType::FixedSizeList(field, _)
        | DataType::ListView(field)
        | DataType::LargeListView(field) => cast(array, &DataType::List(Arc::clone(field))),
        _ => Err(MISMATCH),
    }
}

fn numbers(form: NumericForm, places: Option<i32>, array: &ArrayRef) -> Result<Values, Fault> {
    Ok(match array.data_type() {
        DataType::Decimal256(..) => Values::Decimal256(array.as_primitive().clone(), places),
        DataType::Decimal128(..) => Values::Decimal128(array.as_primitive().clone(), places),
        DataType::Decimal64(p, s) | DataType::Decimal32(p, s) => {
            Values::Decimal128(cast(array, &DataType::Decimal128(*p, *s))?.as_primitive().clone(), places)
        }
        found if found.is_integer() => {
            Values::Decimal128(cast(array, &DataType::Decimal128(20, 0))?.as_primitive().clone(), places)
        }
        found if found.is_string() => Values::NumericText(texts(array)?.as_string().clone(), places),
        found if found.is_floating() && form == NumericForm::Float8 => {
            Values::NumericFloat(floats(array, &DataType::Float64)?.as_primitive().clone(), places)
        }
        _ => return Err(MISMATCH),
    })
}

/// Money: exact hundredths in 64 bits.
fn hundredths(array: &ArrayRef) -> Result<Int64Array, Fault> {
    let decimals = match array.data_type() {
        DataType::Decimal128(..) => ArrayRef::clone(array),
        DataType::Decimal32(p, s) | DataType::Decimal64(p, s) => cast(array, &DataType::Decimal128(*p, *s))?,
        found if found.is_integer() => cast(array, &DataType::Decimal128(20, 0))?,
        _ => return Err(MISMATCH),
    };
    let decimals = decimals.as_primitive::<Decimal128Type>();
    let places = i32::from(decimals.scale()) - 2;
    let factor = 10i128.checked_pow(places.unsigned_abs()).ok_or(RANGE)?;
    decimals.try_unary(|value| {
        let exact = if places > 0 { (value % factor == 0).then(|| value / factor) } else { value.checked_mul(factor) };
        exact.and_then(|v| i64::try_from(v).ok()).ok_or(RANGE)
    })
}

fn times(kind: &PgKind, array: &ArrayRef) -> Result<Values, Fault> {
    use TimeUnit::{Microsecond, Nanosecond};
    let zoned = |zone: &Option<_>| zone.is_some() == (*kind == PgKind::TimestampTz);
    Ok(match (kind, array.data_type()) {
        (PgKind::Date, DataType::Date32) => Values::Date(array.as_primitive().clone()),
        (PgKind::Date, DataType::Date64) => {
            exact_multiples::<arrow::datatypes::Date64Type>(array, 86_400_000)?;
            Values::Date(cast(array, &DataType::Date32)?.as_primitive().clone())
        }
        (PgKind::Time, DataType::Time32(_) | DataType::Time64(_)) => {
            if *array.data_type() == DataType::Time64(Nanosecond) {
                exact_multiples::<Time64NanosecondType>(array, 1000)?;
            }
            Values::Time(cast(array, &DataType::Time64(Microsecond))?.as_primitive().clone())
        }
        (PgKind::Timestamp | PgKind::TimestampTz, DataType::Timestamp(unit, zone)) if zoned(zone) => {
            if *unit == Nanosecond {
                exact_multiples::<TimestampNanosecondType>(array, 1000)?;
            }
            Values::Timestamp(cast(array, &DataType::Timestamp(Microsecond, zone.clone()))?.as_primitive().clone())
        }
        (PgKind::Interval, DataType::Interval(_)) => {
            Values::Interval(cast(array, &DataType::Interval(IntervalUnit::MonthDayNano))?.as_primitive().clone())
        }
        _ => return Err(MISMATCH),
    })
}

/// An error when a value is not a multiple of `unit`, so that dividing would lose something.
fn exact_multiples<T: ArrowPrimitiveType<Native = i64>>(array: &ArrayRef, unit: i64) -> Result<(), Fault> {
    if array.as_primitive::<T>().iter().flatten().all(|value| value % unit == 0) {
        return Ok(());
    }
    Err(Fault::Write("a time is finer than a microsecond, or a date is not a whole day"))
}
