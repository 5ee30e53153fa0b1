//! One column under construction: a closed set of concrete buffers, so that a value costs one match.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{
    Date32Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    IntervalMonthDayNano, IntervalMonthDayNanoType, Time64MicrosecondType, TimestampMicrosecondType, UInt32Type,
    UInt64Type, i256,
};

use super::buffers::{Fixed, Flags, Variable};
use super::nested::{EnumColumn, ListColumn, MultirangeColumn, RangeColumn, StructColumn};
use crate::types::fault::Fault;
use crate::types::options::Unrepresentable;
use crate::types::pg_type::{NumericForm, PgKind, PgType};
use crate::types::reader::exact;
use crate::types::{numeric, temporal, text_form, wkb};

/// Turns a binary value into its text or WKB.
type Form = fn(&[u8], &mut Vec<u8>) -> Result<(), Fault>;

/// A decimal's integers, its precision and scale, 10^precision, and whether NaN and infinity become null.
#[derive(Debug)]
pub(super) struct Decimals<T> {
    out: Fixed<T>,
    precision: u8,
    scale: i8,
    limit: T,
    special_null: bool,
}

#[derive(Debug)]
pub(super) enum Column {
    Bool(Flags),
    Int16(Fixed<i16>),
    Int32(Fixed<i32>),
    Int64(Fixed<i64>),
    UInt32(Fixed<u32>),
    UInt64(Fixed<u64>),
    Float32(Fixed<f32>),
    Float64(Fixed<f64>),
    Decimal128(Decimals<i128>),
    Decimal256(Decimals<i256>),
    NumericFloat(Fixed<f64>),
    Money(Fixed<i128>),
    Date(Fixed<i32>, Unrepresentable),
    Time(Fixed<i64>, Unrepresentable),
    Timestamp(Fixed<i64>, Unrepresentable, bool),
    Interval(Fixed<IntervalMonthDayNano>, Unrepresentable),
    Text(Variable),
    Jsonb(Variable),
    TextForm(Variable, Form),
    Binary(Variable),
    Wkb(Variable, Form),
    Enum(Box<EnumColumn>),
    Struct(Box<StructColumn>),
    Range(Box<RangeColumn>),
    Multirange(Box<MultirangeColumn>),
    List(Box<ListColumn>),
}

impl Column {
    pub(super) fn new(pg_type: &PgType) -> Self {
        let form = |form: Form| Self::TextForm(Variable::new(), form);
        let geometry = |form: Form| Self::Wkb(Variable::new(), form);
        match pg_type.kind() {
            PgKind::Bool => Self::Bool(Flags::new()),
            PgKind::Int2 => Self::Int16(Fixed::new()),
            PgKind::Int4 => Self::Int32(Fixed::new()),
            PgKind::Int8 => Self::Int64(Fixed::new()),
            PgKind::Oid => Self::UInt32(Fixed::new()),
            PgKind::Xid8 => Self::UInt64(Fixed::new()),
            PgKind::Float4 => Self::Float32(Fixed::new()),
            PgKind::Float8 => Self::Float64(Fixed::new()),
            PgKind::Numeric(numeric) => Self::numeric(*numeric, pg_type.numeric_special == Unrepresentable::Null),
            PgKind::Money => Self::Money(Fixed::new()),
            PgKind::Date => Self::Date(Fixed::new(), pg_type.infinity),
            PgKind::Time => Self::Time(Fixed::new(), pg_type.infinity),
            PgKind::Timestamp => Self::Timestamp(Fixed::new(), pg_type.infinity, false),
            PgKind::TimestampTz => Self::Timestamp(Fixed::new(), pg_type.infinity, true),
            PgKind::Interval => Self::Interval(Fixed::new(), pg_type.infinity),
            PgKind::Jsonb => Self::Jsonb(Variable::new()),
            PgKind::InternalChar => form(text_form::internal_char),
            PgKind::TimeTz => form(text_form::timetz),
            PgKind::Uuid => form(text_form::uuid),
            PgKind::Inet => form(|value, out| text_form::inet(value, false, out)),
            PgKind::Cidr => form(|value, out| text_form::inet(value, true, out)),
            PgKind::MacAddr => form(text_form::mac::<6>),
            PgKind::MacAddr8 => form(text_form::mac::<8>),
            PgKind::Bit => form(text_form::bits),
            PgKind::Bytea | PgKind::Ewkb => Self::Binary(Variable::new()),
            PgKind::Point => geometry(wkb::point),
            PgKind::Lseg => geometry(wkb::lseg),
            PgKind::Path => geometry(wkb::path),
            PgKind::Polygon => geometry(wkb::polygon),
            PgKind::Enum(labels) => Self::Enum(Box::new(EnumColumn::new(labels))),
            PgKind::Composite(attributes) => Self::Struct(Box::new(StructColumn::new(attributes))),
            PgKind::Range(subtype) => Self::Range(Box::new(RangeColumn::new(subtype))),
            PgKind::Multirange(subtype) => Self::Multirange(Box::new(MultirangeColumn::new(subtype))),
            PgKind::Array { element, dimensions } => Self::List(Box::new(ListColumn::new(element, *dimensions))),
            PgKind::Text | PgKind::Varchar | PgKind::Bpchar | PgKind::Name | PgKind::Citext => Self::Text(Variable::new()),
            PgKind::Xml | PgKind::Json | PgKind::Other => Self::Text(Variable::new()),
        }
    }

    fn numeric(form: NumericForm, special_null: bool) -> Self {
        match form {
            NumericForm::Decimal128(precision, scale) => {
                // 10^38 is the largest power of ten in 128 bits, and 38 the largest precision.
                let limit = 10i128.checked_pow(u32::from(precision)).unwrap_or(i128::MAX);
                Self::Decimal128(Decimals { out: Fixed::new(), precision, scale, limit, special_null })
            }
            NumericForm::Decimal256(precision, scale) => {
                let limit = i256::from_i128(10).checked_pow(u32::from(precision)).unwrap_or(i256::MAX);
                Self::Decimal256(Decimals { out: Fixed::new(), precision, scale, limit, special_null })
            }
            NumericForm::Text => Self::TextForm(Variable::new(), numeric::to_text),
            NumericForm::Float8 => Self::NumericFloat(Fixed::new()),
        }
    }

    /// Appends one value as it came over the wire.
    #[inline]
    pub(super) fn append(&mut self, value: Option<&[u8]>) -> Result<(), Fault> {
        let Some(value) = value else {
            self.append_null();
            return Ok(());
        };
        match self {
            Self::Int32(out) => out.push(i32::from_be_bytes(exact(value)?)),
            Self::Int64(out) => out.push(i64::from_be_bytes(exact(value)?)),
            Self::Text(out) | Self::Binary(out) => out.push(value),
            Self::Float64(out) => out.push(f64::from_be_bytes(exact(value)?)),
            Self::Decimal128(d) => match numeric::to_i128(value, d.scale, d.limit) {
                Ok(number) => d.out.push(number),
                Err(fault) => special(&mut d.out, d.special_null, fault),
            },
            Self::Timestamp(out, policy, _) => or_null(out, temporal::timestamp(value, *policy)?),
            Self::Date(out, policy) => or_null(out, temporal::date(value, *policy)?),
            Self::Bool(out) => match exact::<1>(value)?[0] {
                flag @ 0..=1 => out.push(flag == 1),
                _ => Err(Fault::Frame("boolean")),
            },
            Self::Int16(out) => out.push(i16::from_be_bytes(exact(value)?)),
            _ => self.append_rare(value),
        }
    }

    fn append_rare(&mut self, value: &[u8]) -> Result<(), Fault> {
        match self {
            Self::UInt32(out) => out.push(u32::from_be_bytes(exact(value)?)),
            Self::UInt64(out) => out.push(u64::from_be_bytes(exact(value)?)),
            Self::Float32(out) => out.push(f32::from_be_bytes(exact(value)?)),
            Self::Decimal256(d) => match numeric::to_i256(value, d.scale, d.limit) {
                Ok(number) => d.out.push(number),
                Err(fault) => special(&mut d.out, d.special_null, fault),
            },
            Self::NumericFloat(out) => out.push(numeric::to_f64(value)?),
            Self::Money(out) => out.push(i128::from(i64::from_be_bytes(exact(value)?))),
            Self::Time(out, policy) => or_null(out, temporal::time(value, *policy)?),
            Self::Interval(out, policy) => or_null(out, temporal::interval(value, *policy)?),
            Self::Jsonb(out) => match value.split_first() {
                Some((1, text)) => out.push(text),
                _ => Err(Fault::Frame("version of jsonb")),
            },
            Self::TextForm(out, form) | Self::Wkb(out, form) => out.push_with(value, *form),
            Self::Enum(column) => column.append(value),
            Self::Struct(column) => column.append(value),
            Self::Range(column) => column.append(value),
            Self::Multirange(column) => column.append(value),
            Self::List(column) => column.append(value),
            // Every other variant is in `append`.
            _ => Err(Fault::Frame("column")),
        }
    }

    pub(super) fn append_null(&mut self) {
        match self {
            Self::Bool(out) => out.push_null(),
            Self::Int16(out) => out.push_null(),
            Self::Int32(out) | Self::Date(out, _) => out.push_null(),
            Self::Int64(out) | Self::Time(out, _) | Self::Timestamp(out, _, _) => out.push_null(),
            Self::UInt32(out) => out.push_null(),
            Self::UInt64(out) => out.push_null(),
            Self::Float32(out) => out.push_null(),
            Self::Float64(out) | Self::NumericFloat(out) => out.push_null(),
            Self::Decimal128(d) => d.out.push_null(),
            Self::Decimal256(d) => d.out.push_null(),
            Self::Money(out) => out.push_null(),
            Self::Interval(out, _) => out.push_null(),
            Self::Text(out) | Self::Jsonb(out) | Self::Binary(out) => out.push_null(),
            Self::TextForm(out, _) | Self::Wkb(out, _) => out.push_null(),
            Self::Enum(column) => column.append_null(),
            Self::Struct(column) => column.append_null(),
            Self::Range(column) => column.append_null(),
            Self::Multirange(column) => column.append_null(),
            Self::List(column) => column.append_null(),
        }
    }

    /// The array so far; the column starts anew.
    pub(super) fn finish(&mut self) -> Result<ArrayRef, Fault> {
        Ok(match self {
            Self::Bool(out) => Arc::new(out.finish()),
            Self::Int16(out) => Arc::new(out.finish::<Int16Type>()?),
            Self::Int32(out) => Arc::new(out.finish::<Int32Type>()?),
            Self::Int64(out) => Arc::new(out.finish::<Int64Type>()?),
            Self::UInt32(out) => Arc::new(out.finish::<UInt32Type>()?),
            Self::UInt64(out) => Arc::new(out.finish::<UInt64Type>()?),
            Self::Float32(out) => Arc::new(out.finish::<Float32Type>()?),
            Self::Float64(out) | Self::NumericFloat(out) => Arc::new(out.finish::<Float64Type>()?),
            Self::Decimal128(d) => {
                let array = d.out.finish::<Decimal128Type>()?;
                Arc::new(array.with_precision_and_scale(d.precision, d.scale).map_err(|_| Fault::NumericRange)?)
            }
            Self::Decimal256(d) => {
                let array = d.out.finish::<Decimal256Type>()?;
                Arc::new(array.with_precision_and_scale(d.precision, d.scale).map_err(|_| Fault::NumericRange)?)
            }
            Self::Money(out) => {
                let array = out.finish::<Decimal128Type>()?;
                Arc::new(array.with_precision_and_scale(19, 2).map_err(|_| Fault::NumericRange)?)
            }
            Self::Date(out, _) => Arc::new(out.finish::<Date32Type>()?),
            Self::Time(out, _) => Arc::new(out.finish::<Time64MicrosecondType>()?),
            Self::Timestamp(out, _, false) => Arc::new(out.finish::<TimestampMicrosecondType>()?),
            Self::Timestamp(out, _, true) => Arc::new(out.finish::<TimestampMicrosecondType>()?.with_timezone("UTC")),
            Self::Interval(out, _) => Arc::new(out.finish::<IntervalMonthDayNanoType>()?),
            Self::Text(out) | Self::Jsonb(out) | Self::TextForm(out, _) => out.finish_text()?,
            Self::Binary(out) | Self::Wkb(out, _) => out.finish_binary()?,
            Self::Enum(column) => column.finish()?,
            Self::Struct(column) => column.finish()?,
            Self::Range(column) => column.finish()?,
            Self::Multirange(column) => column.finish()?,
            Self::List(column) => column.finish()?,
        })
    }

    /// Bytes of text made from shorter binary values, which the size of the rows on the wire does not tell.
    pub(super) fn expanded_bytes(&self) -> usize {
        match self {
            Self::TextForm(out, _) => out.size_bytes(),
            Self::Struct(column) => column.expanded_bytes(),
            Self::Range(column) => column.expanded_bytes(),
            Self::Multirange(column) => column.expanded_bytes(),
            Self::List(column) => column.expanded_bytes(),
            _ => 0,
        }
    }

    /// Whether [`Self::expanded_bytes`] can be more than 0.
    pub(super) fn expands(&self) -> bool {
        matches!(self, Self::TextForm(..) | Self::Struct(_) | Self::Range(_) | Self::Multirange(_) | Self::List(_))
    }
}

#[inline]
fn or_null<T: arrow::datatypes::ArrowNativeType>(out: &mut Fixed<T>, value: Option<T>) -> Result<(), Fault> {
    match value {
        Some(value) => out.push(value),
        None => {
            out.push_null();
            Ok(())
        }
    }
}

#[cold]
fn special<T: arrow::datatypes::ArrowNativeType>(out: &mut Fixed<T>, null: bool, fault: Fault) -> Result<(), Fault> {
    if null && fault == Fault::NumericSpecial {
        out.push_null();
        return Ok(());
    }
    Err(fault)
}
