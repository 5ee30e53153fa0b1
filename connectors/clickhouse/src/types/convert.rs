//! Values as the server sends them, as the values of their Arrow types.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, Decimal256Array, DictionaryArray, Float32Array, GenericStringBuilder,
    Int32Array, IntervalMonthDayNanoArray, ListArray, MapArray, StringArray, StructArray, TimestampSecondArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Decimal128Type, Decimal256Type, DecimalType, Int8Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNano,
    TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt32Type,
};

use super::{ChKind, ChType, StringMode, TypeOptions, big, map_field, struct_fields, unit};

/// Why values could not be converted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The server sends another type than it named when it was looked at.
    Changed,
    /// A value has no counterpart; with the remedy.
    Value(&'static str),
}

type Outcome = Result<ArrayRef, Fault>;

/// The array of the type's Arrow type with the values that the server sent.
pub fn convert(t: &ChType, wire: &ArrayRef, options: &TypeOptions) -> Outcome {
    match &t.kind {
        ChKind::Native(native) => expect(wire, native),
        ChKind::Nothing => expect(wire, &DataType::Null),
        ChKind::Date | ChKind::Date32 => expect(wire, &DataType::Date32),
        ChKind::Time(scale) => match wire.data_type() {
            DataType::Time32(u) | DataType::Time64(u) if *u == unit(*scale) => Ok(Arc::clone(wire)),
            _ => Err(Fault::Changed),
        },
        ChKind::BFloat16 => bfloat16(wire),
        ChKind::Big { bytes, signed, digits } => big_integer(wire, *bytes, *signed, *digits),
        ChKind::Decimal(p, s) => decimal(wire, *p, *s),
        ChKind::String | ChKind::Text => strings(wire, options, t.kind == ChKind::Text),
        ChKind::FixedString(bytes) => fixed_string(wire, *bytes, options),
        ChKind::Uuid => fixed_text(wire, 16, uuid),
        ChKind::Ipv6 => fixed_text(wire, 16, ipv6),
        ChKind::Ipv4 => {
            let wire = wire.as_primitive_opt::<UInt32Type>().ok_or(Fault::Changed)?;
            Ok(Arc::new(wire.iter().map(|v| v.map(|v| Ipv4Addr::from(v).to_string())).collect::<StringArray>()))
        }
        ChKind::DateTime => {
            let wire = wire.as_primitive_opt::<UInt32Type>().ok_or(Fault::Changed)?;
            let seconds: TimestampSecondArray = wire.unary(i64::from);
            Ok(Arc::new(seconds.with_timezone("UTC")))
        }
        ChKind::DateTime64(scale) => timestamp(wire, unit(*scale)),
        ChKind::Enum(labels) => enums(wire, labels),
        ChKind::Interval(unit) => interval(wire, unit),
        ChKind::Array(item) => {
            let wire = wire.as_list_opt::<i32>().ok_or(Fault::Changed)?;
            let values = convert(item, wire.values(), options)?;
            let field = Arc::new(item.field("item", options));
            made(ListArray::try_new(field, wire.offsets().clone(), values, wire.nulls().cloned()))
        }
        ChKind::Tuple(fields) => {
            let wire = wire.as_struct_opt().filter(|w| w.num_columns() == fields.len()).ok_or(Fault::Changed)?;
            let columns = fields.iter().zip(wire.columns()).map(|((_, t), c)| convert(t, c, options));
            let (columns, nulls) = (columns.collect::<Result<Vec<_>, _>>()?, wire.nulls().cloned());
            made(StructArray::try_new_with_length(struct_fields(fields, options), columns, nulls, wire.len()))
        }
        ChKind::Map(key, value) => {
            let wire = wire.as_map_opt().ok_or(Fault::Changed)?;
            let field = map_field(key, value, options);
            let DataType::Struct(members) = field.data_type().clone() else { return Err(Fault::Changed) };
            let columns = vec![convert(key, wire.keys(), options)?, convert(value, wire.values(), options)?];
            let entries = StructArray::try_new(members, columns, None).map_err(|_| Fault::Changed)?;
            made(MapArray::try_new(field, wire.offsets().clone(), entries, wire.nulls().cloned(), false))
        }
    }
}

/// A part that does not fit its declaration is a table that is not what it was.
fn made<A: Array + 'static, E>(array: Result<A, E>) -> Outcome {
    array.map(|a| Arc::new(a) as ArrayRef).map_err(|_| Fault::Changed)
}

fn expect(wire: &ArrayRef, expected: &DataType) -> Outcome {
    if wire.data_type() == expected { Ok(Arc::clone(wire)) } else { Err(Fault::Changed) }
}

fn bfloat16(wire: &ArrayRef) -> Outcome {
    let single = |bytes: Option<&[u8]>| match bytes {
        None => Ok(None),
        Some([low, high]) => Ok(Some(f32::from_bits(u32::from(u16::from_le_bytes([*low, *high])) << 16))),
        Some(_) => Err(Fault::Changed),
    };
    let values: Result<Float32Array, Fault> = match wire.data_type() {
        DataType::Binary => wire.as_binary::<i32>().iter().map(single).collect(),
        DataType::FixedSizeBinary(2) => wire.as_fixed_size_binary().iter().map(single).collect(),
        _ => Err(Fault::Changed),
    };
    Ok(Arc::new(values?))
}

fn big_integer(wire: &ArrayRef, bytes: i32, signed: bool, digits: Option<u8>) -> Outcome {
    let wire = wire.as_fixed_size_binary_opt().filter(|w| w.value_length() == bytes).ok_or(Fault::Changed)?;
    let Some(digits) = digits else {
        return Ok(Arc::new(wire.iter().map(|v| v.map(|v| big::to_text(v, signed))).collect::<StringArray>()));
    };
    const REMEDY: &str = "an integer of more than 76 digits; set option \"big_integers\" to exact or text";
    let number = |v: Option<&[u8]>| match v {
        None => Ok(None),
        Some(v) => {
            let number = big::to_i256(v, signed).ok_or(Fault::Value(REMEDY))?;
            let fits = digits < 76 || number.to_string().trim_start_matches('-').len() <= 76;
            if fits { Ok(Some(number)) } else { Err(Fault::Value(REMEDY)) }
        }
    };
    let numbers: Decimal256Array = wire.iter().map(number).collect::<Result<_, _>>()?;
    made(numbers.with_precision_and_scale(digits, 0))
}

/// The server checks decimals only by their 32, 64, 128 or 256 bits.
fn decimal(wire: &ArrayRef, precision: u8, scale: i8) -> Outcome {
    fn checked<T: DecimalType>(wire: &ArrayRef, precision: u8, scale: i8) -> Outcome {
        const REMEDY: &str = "a number of more digits than its decimal type has; cast it to a wider one";
        let array = wire.as_primitive::<T>();
        array.validate_decimal_precision(precision).map_err(|_| Fault::Value(REMEDY))?;
        made(array.clone().with_precision_and_scale(precision, scale))
    }
    match wire.data_type() {
        DataType::Decimal128(_, s) if *s == scale && precision <= 38 => checked::<Decimal128Type>(wire, precision, scale),
        DataType::Decimal256(_, s) if *s == scale && precision > 38 => checked::<Decimal256Type>(wire, precision, scale),
        _ => Err(Fault::Changed),
    }
}

fn strings(wire: &ArrayRef, options: &TypeOptions, made_text: bool) -> Outcome {
    const REMEDY: &str = "a text that is not UTF-8; set option \"strings\" to replace or binary";
    let binary = options.strings == StringMode::Binary && !made_text;
    match wire.data_type() {
        DataType::Binary if binary => Ok(Arc::clone(wire)),
        DataType::Binary => {
            let wire = wire.as_binary::<i32>();
            let (offsets, values, nulls) = wire.clone().into_parts();
            match StringArray::try_new(offsets, values, nulls) {
                Ok(texts) => Ok(Arc::new(texts)),
                Err(_) if options.strings == StringMode::Error => Err(Fault::Value(REMEDY)),
                Err(_) => {
                    let texts = wire.iter().map(|v| v.map(String::from_utf8_lossy));
                    Ok(Arc::new(texts.collect::<StringArray>()))
                }
            }
        }
        DataType::Utf8 if binary => Ok(Arc::new(BinaryArray::from(wire.as_string::<i32>().clone()))),
        DataType::Utf8 => Ok(Arc::clone(wire)),
        _ => Err(Fault::Changed),
    }
}

fn fixed_string(wire: &ArrayRef, bytes: i32, options: &TypeOptions) -> Outcome {
    if !options.fixed_string_text {
        return expect(wire, &DataType::FixedSizeBinary(bytes));
    }
    let wire = wire.as_fixed_size_binary_opt().filter(|w| w.value_length() == bytes).ok_or(Fault::Changed)?;
    let stripped =
        wire.iter().map(|v| v.map(|v| v.get(..v.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1)).unwrap_or(v)));
    let stripped: ArrayRef = Arc::new(stripped.collect::<BinaryArray>());
    strings(&stripped, options, true)
}

fn fixed_text(wire: &ArrayRef, bytes: i32, write: fn(&[u8], &mut String)) -> Outcome {
    let wire = wire.as_fixed_size_binary_opt().filter(|w| w.value_length() == bytes).ok_or(Fault::Changed)?;
    let mut out = GenericStringBuilder::<i32>::with_capacity(wire.len(), wire.len() * 36);
    let mut text = String::with_capacity(48);
    for value in wire.iter() {
        match value {
            Some(value) => {
                text.clear();
                write(value, &mut text);
                out.append_value(&text);
            }
            None => out.append_null(),
        }
    }
    Ok(Arc::new(out.finish()))
}

fn uuid(value: &[u8], out: &mut String) {
    use std::fmt::Write;
    for (i, byte) in value.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        // Writing to a String does not fail.
        let _ = write!(out, "{byte:02x}");
    }
}

/// As the server prints it (and `inet_ntop` of the C library): an IPv4 address in the last 32 bits is written as one, both
/// for `::ffff:0:0/96` and for `::/96`.
pub(super) fn ipv6(value: &[u8], out: &mut String) {
    use std::fmt::Write;
    let Ok(octets) = <[u8; 16]>::try_from(value) else { return };
    let address = Ipv6Addr::from(octets);
    let [.., high, low] = address.segments();
    let compatible = address.segments().iter().take(6).all(|s| *s == 0) && high != 0;
    // Writing to a String does not fail.
    let _ = match compatible {
        true => write!(out, "::{}", Ipv4Addr::from(u32::from(high) << 16 | u32::from(low))),
        false => write!(out, "{address}"),
    };
}

fn timestamp(wire: &ArrayRef, unit: TimeUnit) -> Outcome {
    let DataType::Timestamp(sent, _) = wire.data_type() else { return Err(Fault::Changed) };
    if *sent != unit {
        return Err(Fault::Changed);
    }
    Ok(match unit {
        TimeUnit::Second => Arc::new(wire.as_primitive::<TimestampSecondType>().clone().with_timezone("UTC")),
        TimeUnit::Millisecond => Arc::new(wire.as_primitive::<TimestampMillisecondType>().clone().with_timezone("UTC")),
        TimeUnit::Microsecond => Arc::new(wire.as_primitive::<TimestampMicrosecondType>().clone().with_timezone("UTC")),
        TimeUnit::Nanosecond => Arc::new(wire.as_primitive::<TimestampNanosecondType>().clone().with_timezone("UTC")),
    })
}

/// Labels as a dictionary in the order of their declaration. Inside other types the server sends their numbers.
fn enums(wire: &ArrayRef, labels: &[(String, i16)]) -> Outcome {
    let values: ArrayRef = Arc::new(labels.iter().map(|(label, _)| Some(label.as_str())).collect::<StringArray>());
    let place = |i: usize| i32::try_from(i).map_err(|_| Fault::Changed);
    let by_number = |number: i16| match labels.iter().position(|(_, n)| *n == number) {
        Some(i) => place(i),
        None => Err(Fault::Changed),
    };
    let by_label: HashMap<&[u8], usize> = labels.iter().enumerate().map(|(i, (l, _))| (l.as_bytes(), i)).collect();
    let known = |label: &[u8]| by_label.get(label).copied().ok_or(Fault::Changed).and_then(place);
    let keys: Result<Int32Array, Fault> = match wire.data_type() {
        DataType::Int8 => {
            wire.as_primitive::<Int8Type>().iter().map(|v| v.map(|v| by_number(v.into())).transpose()).collect()
        }
        DataType::Int16 => wire.as_primitive::<Int16Type>().iter().map(|v| v.map(by_number).transpose()).collect(),
        DataType::Binary => wire.as_binary::<i32>().iter().map(|v| v.map(known).transpose()).collect(),
        DataType::Utf8 => wire.as_string::<i32>().iter().map(|v| v.map(|v| known(v.as_bytes())).transpose()).collect(),
        _ => Err(Fault::Changed),
    };
    made(DictionaryArray::<Int32Type>::try_new(keys?, values))
}

/// Whether this is the last part of an interval type's name.
pub(super) fn is_interval(unit: &str) -> bool {
    months_days_nanos(unit).is_some()
}

fn months_days_nanos(unit: &str) -> Option<(i64, i64, i64)> {
    Some(match unit {
        "Nanosecond" => (0, 0, 1),
        "Microsecond" => (0, 0, 1_000),
        "Millisecond" => (0, 0, 1_000_000),
        "Second" => (0, 0, 1_000_000_000),
        "Minute" => (0, 0, 60_000_000_000),
        "Hour" => (0, 0, 3_600_000_000_000),
        "Day" => (0, 1, 0),
        "Week" => (0, 7, 0),
        "Month" => (1, 0, 0),
        "Quarter" => (3, 0, 0),
        "Year" => (12, 0, 0),
        _ => return None,
    })
}

fn interval(wire: &ArrayRef, unit: &str) -> Outcome {
    let number = match (wire.data_type(), unit) {
        (DataType::Int64, _) => true,
        // Seconds and their parts are durations on the wire.
        (DataType::Duration(TimeUnit::Second), name) => name == "Second",
        (DataType::Duration(TimeUnit::Millisecond), name) => name == "Millisecond",
        (DataType::Duration(TimeUnit::Microsecond), name) => name == "Microsecond",
        (DataType::Duration(TimeUnit::Nanosecond), name) => name == "Nanosecond",
        _ => false,
    };
    if !number {
        return Err(Fault::Changed);
    }
    let wire = cast(wire, &DataType::Int64).map_err(|_| Fault::Changed)?;
    let wire = wire.as_primitive_opt::<Int64Type>().ok_or(Fault::Changed)?;
    let (months, days, nanos) = months_days_nanos(unit).ok_or(Fault::Changed)?;
    let make = |n: i64| {
        Some(IntervalMonthDayNano {
            months: i32::try_from(n.checked_mul(months)?).ok()?,
            days: i32::try_from(n.checked_mul(days)?).ok()?,
            nanoseconds: n.checked_mul(nanos)?,
        })
    };
    let value = |v: Option<i64>| match v {
        None => Ok(None),
        Some(n) => make(n).map(Some).ok_or(Fault::Value("an interval that Arrow cannot hold; leave the column out")),
    };
    Ok(Arc::new(wire.iter().map(value).collect::<Result<IntervalMonthDayNanoArray, _>>()?))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::Decimal128Array;

    use super::*;

    #[test]
    fn addresses_are_printed_as_the_server_prints_them() {
        let text = |address: &str| {
            let mut out = String::new();
            ipv6(&address.parse::<Ipv6Addr>().unwrap().octets(), &mut out);
            out
        };
        assert_eq!(text("::1"), "::1");
        assert_eq!(text("::ffff:1.2.3.4"), "::ffff:1.2.3.4");
        assert_eq!(text("::102:304"), "::1.2.3.4");
        assert_eq!(text("2001:db8:0:0:1:0:0:1"), "2001:db8::1:0:0:1");
    }

    #[test]
    fn another_type_than_announced_is_found_out() {
        let options = TypeOptions::default();
        let wire: ArrayRef = Arc::new(Int32Array::from(vec![1]));
        for kind in [ChKind::String, ChKind::Uuid, ChKind::DateTime, ChKind::Decimal(5, 2), ChKind::Native(DataType::Int64)]
        {
            assert_eq!(convert(&ChType::new(kind), &wire, &options), Err(Fault::Changed));
        }
        let unknown: ArrayRef = Arc::new(BinaryArray::from(vec![b"c".as_slice()]));
        let labels = ChType::new(ChKind::Enum(vec![("a".into(), 1)]));
        assert_eq!(convert(&labels, &unknown, &options), Err(Fault::Changed));
    }

    #[test]
    fn decimals_of_more_digits_than_their_type_are_an_error() {
        let options = TypeOptions::default();
        let wire = |value| -> ArrayRef {
            Arc::new(Decimal128Array::from(vec![Some(value), None]).with_precision_and_scale(38, 2).unwrap())
        };
        let kind = ChType::new(ChKind::Decimal(5, 2));
        assert!(convert(&kind, &wire(99_999), &options).is_ok());
        assert!(matches!(convert(&kind, &wire(100_000), &options), Err(Fault::Value(_))));
    }

    #[test]
    fn bytes_that_are_no_text_are_an_error_or_what_the_option_says() {
        let wire: ArrayRef = Arc::new(BinaryArray::from(vec![b"a\xff".as_slice()]));
        let with =
            |strings| convert(&ChType::new(ChKind::String), &wire, &TypeOptions { strings, ..TypeOptions::default() });
        assert!(matches!(with(StringMode::Error), Err(Fault::Value(_))));
        assert_eq!(with(StringMode::Replace).unwrap().as_string::<i32>().value(0), "a\u{fffd}");
        assert_eq!(with(StringMode::Binary).unwrap().as_binary::<i32>().value(0), b"a\xff");
    }
}
