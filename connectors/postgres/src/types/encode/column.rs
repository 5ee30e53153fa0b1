//! One column of a batch, ready to be written row by row.

use arrow::array::{
    BinaryArray, BooleanArray, Date32Array, Decimal128Array, Decimal256Array, Float32Array, Float64Array, Int16Array,
    Int32Array, Int64Array, IntervalMonthDayNanoArray, StringArray, Time64MicrosecondArray, TimestampMicrosecondArray,
    UInt32Array, UInt64Array,
};
use arrow::buffer::NullBuffer;

use super::framed;
use super::nested::{ListWriter, MultirangeWriter, RangeWriter, StructWriter};
use crate::types::fault::Fault;
use crate::types::{numeric, temporal};

/// Turns a text into the binary form of a type.
pub(super) type Parse = fn(&str, &mut Vec<u8>) -> Result<(), Fault>;
/// Turns bytes into the binary form of a type.
pub(super) type ParseBytes = fn(&[u8], &mut Vec<u8>) -> Result<(), Fault>;

/// Values in the layout that their type is written from.
#[derive(Debug)]
pub(super) enum Values {
    Null,
    Bool(BooleanArray),
    Int16(Int16Array),
    Int32(Int32Array),
    Int64(Int64Array),
    UInt32(UInt32Array),
    UInt64(UInt64Array),
    Float32(Float32Array),
    Float64(Float64Array),
    /// Number of decimal places the column keeps, if it is declared.
    Decimal128(Decimal128Array, Option<i32>),
    Decimal256(Decimal256Array, Option<i32>),
    NumericFloat(Float64Array, Option<i32>),
    NumericText(StringArray, Option<i32>),
    /// Hundredths.
    Money(Int64Array),
    Date(Date32Array),
    Time(Time64MicrosecondArray),
    Timestamp(TimestampMicrosecondArray),
    Interval(IntervalMonthDayNanoArray),
    Text(StringArray),
    Jsonb(StringArray),
    TextForm(StringArray, Parse),
    Binary(BinaryArray),
    BinaryForm(BinaryArray, ParseBytes),
    Struct(StructWriter),
    Range(Box<RangeWriter>),
    Multirange(Box<MultirangeWriter>),
    List(Box<ListWriter>),
}

/// Values and which of them are null.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) nulls: Option<NullBuffer>,
    pub(super) values: Values,
}

impl Writer {
    pub(super) fn is_null(&self, row: usize) -> bool {
        matches!(self.values, Values::Null) || self.nulls.as_ref().is_some_and(|n| n.is_null(row))
    }

    /// Appends the length and the value of a row.
    pub(super) fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
        if self.is_null(row) {
            out.extend_from_slice(&(-1i32).to_be_bytes());
            return Ok(());
        }
        match &self.values {
            Values::Int16(a) => fixed(out, a.value(row).to_be_bytes()),
            Values::Int32(a) => fixed(out, a.value(row).to_be_bytes()),
            Values::Int64(a) | Values::Money(a) => fixed(out, a.value(row).to_be_bytes()),
            Values::UInt32(a) => fixed(out, a.value(row).to_be_bytes()),
            Values::UInt64(a) => fixed(out, a.value(row).to_be_bytes()),
            Values::Float32(a) => fixed(out, a.value(row).to_be_bytes()),
            Values::Float64(a) => fixed(out, a.value(row).to_be_bytes()),
            Values::Bool(a) => fixed(out, [u8::from(a.value(row))]),
            Values::Date(a) => fixed(out, temporal::to_date(a.value(row))?.to_be_bytes()),
            Values::Time(a) => fixed(out, a.value(row).to_be_bytes()),
            Values::Timestamp(a) => fixed(out, temporal::to_timestamp(a.value(row))?.to_be_bytes()),
            Values::Interval(a) => fixed(out, temporal::to_interval(a.value(row))?),
            Values::Text(a) => bytes(out, a.value(row).as_bytes()),
            Values::Binary(a) => bytes(out, a.value(row)),
            _ => framed(out, |out| self.write_framed(row, out)),
        }
    }

    fn write_framed(&self, row: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
        match &self.values {
            Values::Decimal128(a, places) => numeric::from_i128(a.value(row), a.scale(), *places, out),
            Values::Decimal256(a, places) => numeric::from_i256(a.value(row), a.scale(), *places, out),
            Values::NumericFloat(a, places) => numeric::from_text(&a.value(row).to_string(), *places, out),
            Values::NumericText(a, places) => numeric::from_text(a.value(row), *places, out),
            Values::Jsonb(a) => {
                out.push(1);
                out.extend_from_slice(a.value(row).as_bytes());
                Ok(())
            }
            Values::TextForm(a, parse) => parse(a.value(row), out),
            Values::BinaryForm(a, parse) => parse(a.value(row), out),
            Values::Struct(writer) => writer.write(row, out),
            Values::Range(writer) => writer.write(row, out),
            Values::Multirange(writer) => writer.write(row, out),
            Values::List(writer) => writer.write(row, out),
            // Every other variant is in `write`.
            _ => Err(Fault::Write("no binary form")),
        }
    }
}

fn fixed<const N: usize>(out: &mut Vec<u8>, value: [u8; N]) -> Result<(), Fault> {
    out.extend_from_slice(&(N as u32).to_be_bytes());
    out.extend_from_slice(&value);
    Ok(())
}

fn bytes(out: &mut Vec<u8>, value: &[u8]) -> Result<(), Fault> {
    let length = i32::try_from(value.len()).map_err(|_| Fault::TooLarge)?;
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(value);
    Ok(())
}
