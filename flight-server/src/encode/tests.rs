//! What random batches, and batches at the edge, become on the wire.
#![allow(clippy::disallowed_methods, reason = "tokio::test starts a runtime")]

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Decimal128Array, FixedSizeBinaryArray, FixedSizeListArray, Float64Array,
    Int64Array, LargeListArray, ListArray, ListViewArray, NullArray, StringArray, StructArray, TimestampMicrosecondArray,
    UInt8Array, UInt64Array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, TimeUnit};
use arrow_flight::decode::FlightRecordBatchStream;
use futures::TryStreamExt;
use prost::Message;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::types::{Profile, output_schema};
use super::*;

/// A random type; nested ones up to a depth.
fn data_type(random: &mut StdRng, depth: usize) -> DataType {
    let item = |random: &mut StdRng| Arc::new(Field::new("item", data_type(random, depth - 1), true));
    match random.random_range(0..if depth == 0 { 16 } else { 22 }) {
        0 => DataType::Boolean,
        1 => DataType::UInt8,
        2 => DataType::UInt64,
        3 => DataType::Int64,
        4 => DataType::Float64,
        5 => DataType::Float16,
        6 => DataType::Decimal128(20, 3),
        7 => DataType::Timestamp(TimeUnit::Microsecond, Some("Europe/Berlin".into())),
        8 => DataType::Utf8,
        9 => DataType::LargeUtf8,
        10 => DataType::Utf8View,
        11 => DataType::Binary,
        12 => DataType::BinaryView,
        13 => DataType::FixedSizeBinary(5),
        14 => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
        15 => DataType::Null,
        16 => DataType::List(item(random)),
        17 => DataType::LargeList(item(random)),
        18 => DataType::FixedSizeList(item(random), 3),
        19 => DataType::ListView(item(random)),
        _ => {
            let fields =
                (0..random.random_range(1..4)).map(|i| Field::new(format!("f{i}"), data_type(random, depth - 1), true));
            DataType::Struct(fields.collect::<Vec<_>>().into())
        }
    }
}

fn text(random: &mut StdRng) -> Option<String> {
    let length = match random.random_range(0..100) {
        0 => 3_000,
        1..20 => 40,
        20..30 => return None,
        _ => 5,
    };
    Some("ä".repeat(random.random_range(0..=length)))
}

fn nulls(random: &mut StdRng, rows: usize) -> Option<NullBuffer> {
    random.random_bool(0.7).then(|| (0..rows).map(|_| random.random_bool(0.9)).collect())
}

fn offsets(random: &mut StdRng, rows: usize) -> Vec<usize> {
    (0..rows).map(|_| if random.random_range(0..50) == 0 { 60 } else { random.random_range(0..4) }).collect()
}

/// Random values of a type.
fn array(random: &mut StdRng, data_type: &DataType, rows: usize) -> ArrayRef {
    let texts: StringArray = (0..rows).map(|_| text(random)).collect();
    let numbers = Int64Array::from_iter((0..rows).map(|_| random.random_bool(0.9).then(|| random.random::<i64>())));
    match data_type {
        DataType::Boolean => Arc::new(BooleanArray::from_iter(numbers.iter().map(|n| n.map(|n| n > 0)))),
        DataType::UInt8 => Arc::new(UInt8Array::from_iter(numbers.iter().map(|n| n.map(|n| (n & 255) as u8)))),
        DataType::UInt64 => Arc::new(UInt64Array::from_iter(numbers.iter().map(|n| n.map(|n| n as u64)))),
        DataType::Int64 => Arc::new(numbers),
        DataType::Float64 | DataType::Float16 => cast(
            &(Arc::new(Float64Array::from_iter(numbers.iter().map(|n| n.map(|n| (n % 1_000) as f64)))) as ArrayRef),
            data_type,
        )
        .unwrap(),
        DataType::Decimal128(p, s) => {
            let values = Decimal128Array::from_iter(numbers.iter().map(|n| n.map(i128::from)));
            Arc::new(values.with_precision_and_scale(*p, *s).unwrap())
        }
        DataType::Timestamp(_, zone) => {
            let values = TimestampMicrosecondArray::from_iter(numbers.iter().map(|n| n.map(|n| n >> 12)));
            Arc::new(values.with_timezone_opt(zone.clone()))
        }
        DataType::Binary | DataType::BinaryView => {
            let bytes = BinaryArray::from_iter(texts.iter().map(|t| t.map(str::as_bytes)));
            cast(&(Arc::new(bytes) as ArrayRef), data_type).unwrap()
        }
        DataType::FixedSizeBinary(n) => {
            let values = numbers.iter().map(|v| v.map(|v| v.to_le_bytes()[..*n as usize].to_vec()));
            Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(values, *n).unwrap())
        }
        DataType::Null => Arc::new(NullArray::new(rows)),
        DataType::List(item) => {
            let lengths = offsets(random, rows);
            let values = array(random, item.data_type(), lengths.iter().sum());
            Arc::new(ListArray::new(Arc::clone(item), OffsetBuffer::from_lengths(lengths), values, nulls(random, rows)))
        }
        DataType::LargeList(item) => {
            let lengths = offsets(random, rows);
            let values = array(random, item.data_type(), lengths.iter().sum());
            Arc::new(LargeListArray::new(
                Arc::clone(item),
                OffsetBuffer::from_lengths(lengths),
                values,
                nulls(random, rows),
            ))
        }
        DataType::ListView(item) => {
            let lengths = offsets(random, rows);
            let values = array(random, item.data_type(), lengths.iter().sum());
            let mut next = 0;
            let starts = lengths.iter().map(|l| {
                next += *l as i32;
                next - *l as i32
            });
            let starts: Vec<i32> = starts.collect();
            let sizes: ScalarBuffer<i32> = lengths.iter().map(|l| *l as i32).collect();
            Arc::new(ListViewArray::new(Arc::clone(item), starts.into(), sizes, values, nulls(random, rows)))
        }
        DataType::FixedSizeList(item, n) => {
            let values = array(random, item.data_type(), rows * *n as usize);
            Arc::new(FixedSizeListArray::new(Arc::clone(item), *n, values, nulls(random, rows)))
        }
        DataType::Struct(fields) => structure(random, fields, rows),
        other => cast(&(Arc::new(texts) as ArrayRef), other).unwrap(),
    }
}

fn structure(random: &mut StdRng, fields: &Fields, rows: usize) -> ArrayRef {
    let columns = fields.iter().map(|f| array(random, f.data_type(), rows)).collect();
    Arc::new(StructArray::new(fields.clone(), columns, nulls(random, rows)))
}

fn encoder(schema: SchemaRef, message_bytes: u64, compression: Option<CompressionType>) -> Encoder {
    Encoder::new(&Sending { schema, message_bytes, compression, deadline: None }).unwrap()
}

async fn decoded(schema: &SchemaRef, messages: Vec<FlightData>) -> RecordBatch {
    let all = std::iter::once(schema_message(schema)).chain(messages).map(Ok);
    let batches: Vec<RecordBatch> =
        FlightRecordBatchStream::new_from_flight_data(futures::stream::iter(all)).try_collect().await.unwrap();
    for batch in &batches {
        assert_eq!(batch.schema(), *schema);
    }
    concat_batches(schema, &batches).unwrap()
}

#[tokio::test]
async fn random_batches_arrive_whole_in_messages_below_the_limit() {
    for seed in 0..400 {
        let mut random = StdRng::seed_from_u64(seed);
        let fields: Vec<FieldRef> = (0..random.random_range(1..5))
            .map(|i| Arc::new(Field::new(format!("c{i}"), data_type(&mut random, 3), true)))
            .collect();
        let rows = [0, 1, 7, 700][random.random_range(0..4)];
        let columns = fields.iter().map(|f| array(&mut random, f.data_type(), rows)).collect();
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
        let batch = batch.slice(rows / 7, rows - rows / 7);
        let profile = Profile::NAMES[random.random_range(0..3)].1;
        let limit = [96 << 10, 1 << 20, 4 << 20][random.random_range(0..3)];
        let compression = [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)][random.random_range(0..3)];
        let schema = output_schema(batch.schema_ref(), profile);
        let expected = output_batch(&batch, &schema).unwrap();
        match encoder(Arc::clone(&schema), limit, compression).encode(&batch) {
            Ok(messages) => {
                for message in &messages {
                    let header = arrow::ipc::root_as_message(&message.data_header).unwrap();
                    let rows = header.header_as_record_batch().unwrap().length();
                    let most = if rows == 1 { limit as usize * ROW_FACTOR } else { limit as usize };
                    assert!(message.encoded_len() <= most, "seed {seed}: {} bytes of {rows} rows", message.encoded_len());
                }
                assert_eq!(decoded(&schema, messages).await, expected, "seed {seed}");
            }
            Err(status) => {
                assert_eq!(status.code(), tonic::Code::ResourceExhausted, "seed {seed}: {status}");
                let one = |i: usize| {
                    expected.slice(i, 1).columns().iter().map(|c| c.to_data().get_slice_memory_size().unwrap()).sum()
                };
                let largest: usize = (0..expected.num_rows()).map(one).max().unwrap();
                assert!(largest * 2 > limit as usize * ROW_FACTOR, "seed {seed}: {status}, largest {largest}");
            }
        }
    }
}

#[test]
fn one_row_over_every_limit_is_a_clear_error() {
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(20 << 20), "y".into()]));
    let batch = RecordBatch::try_from_iter([("t", texts)]).unwrap();
    let error = encoder(batch.schema(), 4 << 20, None).encode(&batch).unwrap_err();
    assert_eq!(error.code(), tonic::Code::ResourceExhausted);
    assert!(error.message().contains("one row takes"), "{error}");
}

#[test]
fn types_for_the_jdbc_driver_hold_every_value() {
    let numbers: ArrayRef = Arc::new(UInt64Array::from(vec![Some(u64::MAX), None]));
    let small: ArrayRef = Arc::new(UInt8Array::from(vec![Some(200), Some(0)]));
    let list = Arc::new(Field::new("item", DataType::UInt8, true));
    let nested = ListArray::new(list, OffsetBuffer::from_lengths([1, 1]), Arc::clone(&small), None);
    let batch = RecordBatch::try_from_iter([("n", numbers), ("s", small), ("l", Arc::new(nested) as _)]).unwrap();
    let schema = output_schema(batch.schema_ref(), Profile::Jdbc);
    let shown = output_batch(&batch, &schema).unwrap();
    let cell = |column: usize| arrow::util::display::array_value_to_string(shown.column(column), 0).unwrap();
    assert_eq!((cell(0).as_str(), cell(1).as_str(), cell(2).as_str()), ("18446744073709551615", "200", "[200]"));
    assert_eq!(schema.field(0).data_type(), &DataType::Decimal128(20, 0));
}

#[test]
fn a_value_that_does_not_fit_is_an_error_and_never_null() {
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1 << 40]));
    let batch = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
    let narrow = Arc::new(Schema::new(vec![Field::new("n", DataType::Int32, true)]));
    assert!(output_batch(&batch, &narrow).is_err());
}
