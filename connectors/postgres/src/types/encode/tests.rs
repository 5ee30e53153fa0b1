//! Batches through the encoder and the decoder.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, DictionaryArray, Float64Array, Int8Array, Int32Array, Int64Array,
    LargeStringArray, ListArray, StringArray, StringViewArray, TimestampNanosecondArray,
};
use arrow::datatypes::{DataType, Date64Type, Decimal128Type, Int32Type, Int64Type, Schema};
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::types::{CopyDecoder, NumericMode, TypeCatalog, TypeOptions, TypeRow};

/// Send functions of built-in types and how random values of each are made.
const BASE: [&str; 26] = [
    "boolsend",
    "int2send",
    "int4send",
    "int8send",
    "oidsend",
    "xid8send",
    "float4send",
    "float8send",
    "cash_send",
    "numeric_send",
    "textsend",
    "jsonb_send",
    "byteasend",
    "date_send",
    "time_send",
    "timestamp_send",
    "timestamptz_send",
    "interval_send",
    "uuid_send",
    "inet_send",
    "macaddr_send",
    "macaddr8_send",
    "varbit_send",
    "timetz_send",
    "charsend",
    "point_send",
];

fn base(oid: u32, send: &str) -> TypeRow {
    TypeRow { oid, name: send.into(), typtype: "b".into(), send: send.into(), base_typmod: -1, ..TypeRow::default() }
}

/// Type 100+i is BASE[i], 200+i its array, 300+i its range; 400 an enum, 401 a composite, 402 its array, 403 a multirange.
fn catalog() -> TypeCatalog {
    let mut rows: Vec<TypeRow> = Vec::new();
    for (i, send) in (0u32..).zip(BASE) {
        rows.push(base(100 + i, send));
        rows.push(TypeRow { element: 100 + i, ..base(200 + i, "array_send") });
        rows.push(TypeRow { typtype: "r".into(), subtype: 100 + i, ..base(300 + i, "range_send") });
    }
    let attributes = vec![("a".into(), 101, -1, 0), ("b".into(), 210, -1, 2), ("c".into(), 400, -1, 0)];
    rows.push(TypeRow { typtype: "e".into(), labels: vec!["x".into(), "é".into()], ..base(400, "enum_send") });
    rows.push(TypeRow { typtype: "c".into(), attributes, ..base(401, "record_send") });
    rows.push(TypeRow { element: 401, ..base(402, "array_send") });
    rows.push(TypeRow { typtype: "m".into(), subtype: 103, ..base(403, "multirange_send") });
    TypeCatalog::new(rows)
}

fn resolve(oid: u32) -> PgType {
    let typmod = if oid == 109 { ((30 << 16) | 5) + 4 } else { -1 };
    catalog().resolve(oid, typmod, 1, &TypeOptions { numeric: NumericMode::Text, ..TypeOptions::default() })
}

fn of(send: &str) -> PgType {
    resolve(100 + u32::try_from(BASE.iter().position(|s| *s == send).unwrap()).unwrap())
}

/// Random binary values, as Postgres could send them.
fn value(pg_type: &PgType, rng: &mut StdRng) -> Vec<u8> {
    use crate::types::{PgKind, numeric, text_form};
    let mut out = Vec::new();
    let random = |n: usize, rng: &mut StdRng| (0..n).map(|_| rng.random::<u8>()).collect::<Vec<u8>>();
    match pg_type.kind() {
        PgKind::Bool => vec![rng.random_range(0..2)],
        PgKind::Int2 => random(2, rng),
        PgKind::Int4 | PgKind::Oid => random(4, rng),
        PgKind::Int8 | PgKind::Xid8 | PgKind::Money => random(8, rng),
        PgKind::Float4 => rng.random::<f32>().to_be_bytes().to_vec(),
        PgKind::Float8 => rng.random::<f64>().to_be_bytes().to_vec(),
        PgKind::Numeric(_) => {
            let digits = rng.random_range(-(10i128.pow(30)) + 1..10i128.pow(30)) >> rng.random_range(0..90);
            numeric::from_i128(digits, 5, Some(5), &mut out).unwrap();
            out
        }
        PgKind::Text | PgKind::Enum(_) => ["", "é", "x", "日本"][rng.random_range(0..4)].as_bytes().to_vec(),
        PgKind::Jsonb => b"\x01{\"a\": 1}".to_vec(),
        PgKind::Bytea => {
            let n = rng.random_range(0..20);
            random(n, rng)
        }
        PgKind::Date => rng.random_range(-2_451_507..2_145_031_948i32).to_be_bytes().to_vec(),
        PgKind::Time => rng.random_range(0..86_400_000_000i64).to_be_bytes().to_vec(),
        PgKind::Timestamp | PgKind::TimestampTz => {
            rng.random_range(-211_813_488_000_000_000..8_000_000_000_000_000_000i64).to_be_bytes().to_vec()
        }
        PgKind::Interval => [&rng.random_range(-1i64 << 50..1 << 50).to_be_bytes()[..], &random(8, rng)].concat(),
        PgKind::Uuid | PgKind::Point => random(16, rng),
        PgKind::Inet if rng.random() => [&[2, rng.random_range(0..=32), 0, 4][..], &random(4, rng)].concat(),
        PgKind::Inet => {
            let words: Vec<u8> = (0..8).flat_map(|_| if rng.random() { [0, 0] } else { rng.random::<[u8; 2]>() }).collect();
            [&[3, rng.random_range(0..=128), 0, 16][..], &words].concat()
        }
        PgKind::MacAddr => random(6, rng),
        PgKind::MacAddr8 => random(8, rng),
        PgKind::Bit => {
            let text: String = (0..rng.random_range(0..20)).map(|_| if rng.random() { '1' } else { '0' }).collect();
            text_form::parse_bits(&text, &mut out).unwrap();
            out
        }
        PgKind::TimeTz => {
            let west = rng.random_range(-57_599..57_600i32);
            [&rng.random_range(0..=86_400_000_000i64).to_be_bytes()[..], &west.to_be_bytes()].concat()
        }
        PgKind::InternalChar => random(1, rng),
        PgKind::Composite(attributes) => {
            out.extend((attributes.len() as i32).to_be_bytes());
            for attribute in attributes.iter() {
                out.extend(attribute.pg_type.oid().to_be_bytes());
                field(&mut out, &attribute.pg_type, rng);
            }
            out
        }
        PgKind::Range(subtype) => range(subtype, rng),
        PgKind::Multirange(subtype) => {
            let count = rng.random_range(0..3i32);
            out.extend(count.to_be_bytes());
            for _ in 0..count {
                let range = range(subtype, rng);
                out.extend((range.len() as i32).to_be_bytes());
                out.extend(range);
            }
            out
        }
        PgKind::Array { element, dimensions } => array(element, *dimensions, rng),
        other => panic!("no random values of {other:?}"),
    }
}

fn field(out: &mut Vec<u8>, pg_type: &PgType, rng: &mut StdRng) -> bool {
    if rng.random_ratio(1, 5) {
        out.extend((-1i32).to_be_bytes());
        return true;
    }
    let value = value(pg_type, rng);
    out.extend((value.len() as i32).to_be_bytes());
    out.extend(value);
    false
}

fn range(subtype: &PgType, rng: &mut StdRng) -> Vec<u8> {
    let flags = [0x01, 0x00, 0x02, 0x06, 0x08, 0x12, 0x18][rng.random_range(0..7)];
    let mut out = vec![flags];
    for infinite in [0x08u8, 0x10] {
        if flags & (infinite | 1) == 0 {
            let bound = value(subtype, rng);
            out.extend((bound.len() as i32).to_be_bytes());
            out.extend(bound);
        }
    }
    out
}

fn array(element: &PgType, dimensions: usize, rng: &mut StdRng) -> Vec<u8> {
    let sizes: Vec<i32> = (0..dimensions).map(|_| rng.random_range(1..4)).collect();
    let sizes = if rng.random_ratio(1, 4) { Vec::new() } else { sizes };
    let mut elements = Vec::new();
    let count = if sizes.is_empty() { 0 } else { sizes.iter().product() };
    let has_null = (0..count).fold(false, |found, _| field(&mut elements, element, rng) | found);
    let mut out = (sizes.len() as i32).to_be_bytes().to_vec();
    out.extend(i32::from(has_null).to_be_bytes());
    out.extend(element.oid().to_be_bytes());
    sizes.iter().for_each(|s| out.extend([s.to_be_bytes(), 1i32.to_be_bytes()].concat()));
    out.extend(elements);
    out
}

/// A random stream of `rows` rows of a few random types.
fn stream(seed: u64, rows: usize) -> (Vec<(String, PgType)>, Vec<u8>) {
    let mut rng = StdRng::seed_from_u64(seed);
    let columns: Vec<(String, PgType)> = (0..rng.random_range(1..6))
        .map(|i| {
            let plain = rng.random_range(0..BASE.len() as u32);
            let oid = [100 + plain, 200 + plain, 300 + plain, 400 + rng.random_range(0..4)][rng.random_range(0..4)];
            (format!("c{i}"), resolve(oid))
        })
        .collect();
    let mut out = [&SIGNATURE[..], &[0; 8]].concat();
    for _ in 0..rows {
        out.extend((columns.len() as i16).to_be_bytes());
        for (_, pg_type) in &columns {
            field(&mut out, pg_type, &mut rng);
        }
    }
    out.extend([0xff, 0xff]);
    (columns, out)
}

fn decode(columns: &[(String, PgType)], bytes: &[u8], batch_rows: usize) -> Result<Vec<RecordBatch>> {
    let schema = Schema::new(columns.iter().map(|(name, t)| t.field(name, false)).collect::<Vec<_>>());
    let mut decoder = CopyDecoder::new(columns.to_vec(), Arc::new(schema), batch_rows)?;
    decoder.push(bytes)?;
    let mut batches: Vec<RecordBatch> = std::iter::from_fn(|| decoder.take_batch()).collect();
    while let Some(batch) = decoder.finish()? {
        batches.push(batch);
    }
    Ok(batches)
}

fn encode(columns: &[(String, PgType)], batches: &[RecordBatch]) -> Vec<u8> {
    let mut encoder = CopyEncoder::new(columns.to_vec());
    let mut out: Vec<u8> = batches.iter().flat_map(|b| encoder.encode(b).unwrap().concat()).collect();
    out.extend(encoder.finish());
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn every_stream_is_written_as_it_was_read(seed: u64, rows in 0usize..30, batch_rows in 1usize..20) {
        let (columns, bytes) = stream(seed, rows);
        let batches = decode(&columns, &bytes, batch_rows).unwrap();
        prop_assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), rows);
        prop_assert_eq!(&encode(&columns, &batches), &bytes);
        // A slice is written as the rows it shows.
        let halves: Vec<RecordBatch> = batches.iter().flat_map(|b| {
            let half = b.num_rows() / 2;
            [b.slice(0, half), b.slice(half, b.num_rows() - half)]
        }).collect();
        prop_assert_eq!(&encode(&columns, &halves), &bytes);
    }

    #[test]
    fn a_cut_stream_is_never_a_short_result(seed: u64, at: prop::sample::Index) {
        let (columns, bytes) = stream(seed, 4);
        prop_assert!(decode(&columns, &bytes[..at.index(bytes.len())], 3).is_err());
    }

    #[test]
    fn flipped_bits_never_panic(seed: u64, flips in prop::collection::vec((any::<prop::sample::Index>(), 1u8..), 1..6)) {
        let (columns, mut bytes) = stream(seed, 4);
        for (at, flip) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
        }
        if let Ok(batches) = decode(&columns, &bytes, 3) {
            prop_assert!(batches.iter().map(RecordBatch::num_rows).sum::<usize>() <= bytes.len());
        }
    }
}

fn write(pg_type: PgType, array: ArrayRef) -> Result<ArrayRef> {
    let batch = RecordBatch::try_from_iter_with_nullable([("c", array, true)]).unwrap();
    let columns = vec![("c".to_owned(), pg_type)];
    let mut encoder = CopyEncoder::new(columns.clone());
    let mut bytes = encoder.encode(&batch)?.concat();
    bytes.extend(encoder.finish());
    Ok(Arc::clone(decode(&columns, &bytes, 1000)?[0].column(0)))
}

fn refused(pg_type: PgType, array: ArrayRef, says: &str) {
    let text = write(pg_type, array).unwrap_err().to_string();
    assert!(text.contains("column \"c\"") && text.contains(says), "{text}");
}

#[test]
fn other_layouts_are_taken_when_nothing_is_lost() {
    let read = write(of("int8send"), Arc::new(Int8Array::from(vec![Some(-5), None]))).unwrap();
    assert_eq!(read.as_primitive::<Int64Type>(), &Int64Array::from(vec![Some(-5), None]));
    let read = write(of("int4send"), Arc::new(Int64Array::from(vec![7]))).unwrap();
    assert_eq!(read.as_primitive::<Int32Type>(), &Int32Array::from(vec![7]));
    let texts: [ArrayRef; 3] = [
        Arc::new(LargeStringArray::from(vec![Some("a"), None])),
        Arc::new(StringViewArray::from(vec![Some("a"), None])),
        Arc::new(DictionaryArray::<Int32Type>::from_iter([Some("a"), None])),
    ];
    for text in texts {
        let read = write(of("textsend"), text).unwrap();
        assert_eq!(read.as_string::<i32>(), &StringArray::from(vec![Some("a"), None]));
    }
    let read = write(of("timestamp_send"), Arc::new(TimestampNanosecondArray::from(vec![1_000]))).unwrap();
    assert_eq!(read.as_primitive::<arrow::datatypes::TimestampMicrosecondType>().value(0), 1);
    let read = write(of("numeric_send"), Arc::new(Int64Array::from(vec![-3]))).unwrap();
    assert_eq!(read.as_primitive::<Decimal128Type>().value(0), -300_000);
    let read = write(of("cash_send"), Arc::new(StringArray::from(vec!["x"])));
    assert!(read.is_err());
    let read = write(resolve(210), Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1)])])));
    assert!(read.is_err(), "numbers are no texts");
    let read = write(of("uuid_send"), Arc::new(BinaryArray::from(vec![&[0u8; 16][..]]))).unwrap();
    assert_eq!(read.as_string::<i32>().value(0), "00000000-0000-0000-0000-000000000000");
    let nothing = write(resolve(401), arrow::array::new_null_array(&DataType::Null, 2)).unwrap();
    assert_eq!((nothing.len(), nothing.null_count()), (2, 2));
}

#[test]
fn what_would_be_rounded_or_cut_is_refused() {
    refused(of("int2send"), Arc::new(Int32Array::from(vec![40_000])), "outside the range");
    refused(of("int4send"), Arc::new(Float64Array::from(vec![1.0])), "no exact conversion");
    refused(of("float4send"), Arc::new(Float64Array::from(vec![1.0])), "no exact conversion");
    refused(of("timestamp_send"), Arc::new(TimestampNanosecondArray::from(vec![1_001])), "finer than a microsecond");
    let zoned = TimestampNanosecondArray::from(vec![0]).with_timezone("UTC");
    refused(of("timestamp_send"), Arc::new(zoned), "no exact conversion");
    let half_day = arrow::array::PrimitiveArray::<Date64Type>::from(vec![43_200_000]);
    refused(of("date_send"), Arc::new(half_day), "whole day");
    refused(of("date_send"), Arc::new(arrow::array::Date32Array::from(vec![i32::MIN])), "outside the range of Postgres");
    let fine = arrow::array::Decimal128Array::from(vec![1]).with_precision_and_scale(10, 6).unwrap();
    refused(of("numeric_send"), Arc::new(fine.clone()), "more decimal places");
    refused(of("cash_send"), Arc::new(fine), "outside the range");
    refused(of("uuid_send"), Arc::new(StringArray::from(vec!["no"])), "not a uuid");
    refused(of("int4send"), Arc::new(Int64Array::from(vec![i64::MAX])), "outside the range");
}

#[test]
fn lists_that_are_no_postgres_array_are_refused() {
    let catalog = catalog();
    let square = catalog.resolve(202, -1, 2, &TypeOptions::default());
    let nested = |inner: Vec<Option<Vec<Option<i32>>>>| -> ArrayRef {
        let inner = ListArray::from_iter_primitive::<Int32Type, _, _>(inner);
        let field = Arc::new(arrow::datatypes::Field::new_list_field(inner.data_type().clone(), true));
        let offsets = arrow::buffer::OffsetBuffer::from_lengths([inner.len()]);
        Arc::new(ListArray::new(field, offsets, Arc::new(inner), None))
    };
    let cell = |n: i32| Some(n);
    assert!(write(square.clone(), nested(vec![Some(vec![cell(1), None]), Some(vec![cell(2), cell(3)])])).is_ok());
    assert!(write(square.clone(), nested(vec![])).is_ok());
    refused(square.clone(), nested(vec![Some(vec![cell(1)]), Some(vec![])]), "rectangular");
    refused(square.clone(), nested(vec![Some(vec![]), Some(vec![])]), "inner list is empty");
    refused(square.clone(), nested(vec![Some(vec![cell(1)]), None]), "inner list is null");
    let flat = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![cell(1)])]);
    refused(square, Arc::new(flat), "nested less deeply");
}

#[test]
fn other_units_and_list_layouts_are_taken() {
    use arrow::compute::cast;
    use arrow::datatypes::{Field, IntervalUnit, TimeUnit};
    let item = || Arc::new(Field::new_list_field(DataType::Int32, true));
    let cases: Vec<(PgType, ArrayRef, Vec<DataType>)> = vec![
        (
            resolve(202),
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), None])),
            vec![
                DataType::LargeList(item()),
                DataType::FixedSizeList(item(), 2),
                DataType::ListView(item()),
                DataType::LargeListView(item()),
            ],
        ),
        (
            of("time_send"),
            Arc::new(arrow::array::Time64MicrosecondArray::from(vec![Some(5_000_000), None])),
            vec![
                DataType::Time32(TimeUnit::Second),
                DataType::Time32(TimeUnit::Millisecond),
                DataType::Time64(TimeUnit::Nanosecond),
            ],
        ),
        (of("date_send"), Arc::new(arrow::array::Date32Array::from(vec![Some(-3), None])), vec![DataType::Date64]),
        (
            of("timestamptz_send"),
            Arc::new(arrow::array::TimestampMicrosecondArray::from(vec![Some(7_000_000), None]).with_timezone("UTC")),
            vec![
                DataType::Timestamp(TimeUnit::Second, Some("UTC".into())),
                DataType::Timestamp(TimeUnit::Nanosecond, Some("+02:00".into())),
            ],
        ),
        (
            of("numeric_send"),
            Arc::new(
                arrow::array::Decimal128Array::from(vec![Some(1_250_000), None]).with_precision_and_scale(30, 5).unwrap(),
            ),
            vec![
                DataType::Decimal256(60, 7),
                DataType::Decimal128(20, 2),
                DataType::Decimal64(12, 3),
                DataType::Decimal32(6, 1),
            ],
        ),
        (
            of("interval_send"),
            Arc::new(arrow::array::IntervalMonthDayNanoArray::from(vec![Some(
                arrow::datatypes::IntervalMonthDayNano::new(14, 0, 0),
            )])),
            vec![DataType::Interval(IntervalUnit::YearMonth)],
        ),
        (
            of("byteasend"),
            Arc::new(BinaryArray::from(vec![Some(&b"ab"[..]), None])),
            vec![DataType::LargeBinary, DataType::BinaryView],
        ),
    ];
    for (pg_type, stated, others) in cases {
        assert_eq!(&write(pg_type.clone(), Arc::clone(&stated)).unwrap(), &stated);
        for other in others {
            let given: ArrayRef = match &other {
                // arrow has no cast to it.
                DataType::Interval(_) => Arc::new(arrow::array::IntervalYearMonthArray::from(vec![14])),
                _ => cast(&stated, &other).unwrap(),
            };
            assert_eq!(&write(pg_type.clone(), given).unwrap(), &stated, "{other}");
        }
    }
}
