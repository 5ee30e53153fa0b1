//! Streams made by hand, whole and broken.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Int16Type, Int32Type, Int64Type, Schema};
use headwater_common::ErrorKind;

use super::*;
use crate::types::{NumericMode, TypeCatalog, TypeOptions, TypeRow, Unrepresentable};

fn base(oid: u32, send: &str) -> TypeRow {
    TypeRow { oid, name: send.into(), typtype: "b".into(), send: send.into(), base_typmod: -1, ..TypeRow::default() }
}

fn catalog() -> TypeCatalog {
    let labels = vec!["low".to_owned(), "high".to_owned()];
    TypeCatalog::new([
        base(20, "int8send"),
        base(21, "int2send"),
        base(23, "int4send"),
        base(25, "textsend"),
        base(1082, "date_send"),
        base(1560, "bit_send"),
        base(1700, "numeric_send"),
        base(3802, "jsonb_send"),
        TypeRow { element: 23, ..base(1007, "array_send") },
        TypeRow { typtype: "e".into(), labels, ..base(20_000, "enum_send") },
        TypeRow { typtype: "r".into(), subtype: 23, ..base(3904, "range_send") },
        TypeRow { typtype: "c".into(), attributes: vec![("a".into(), 23, -1, 0)], ..base(20_001, "record_send") },
    ])
}

fn decoder_with(types: &[(u32, i32)], rows: usize, options: &TypeOptions) -> CopyDecoder {
    let columns: Vec<(String, PgType)> = types
        .iter()
        .enumerate()
        .map(|(i, (oid, dimensions))| (format!("c{i}"), catalog().resolve(*oid, -1, *dimensions, options)))
        .collect();
    let schema = Schema::new(columns.iter().map(|(name, t)| t.field(name, false)).collect::<Vec<_>>());
    CopyDecoder::new(columns, Arc::new(schema), rows).unwrap().for_source("shop")
}

fn decoder(types: &[(u32, i32)]) -> CopyDecoder {
    decoder_with(types, 1000, &TypeOptions::default())
}

fn header() -> Vec<u8> {
    [&SIGNATURE[..], &[0; 8]].concat()
}

fn row(fields: &[Option<&[u8]>]) -> Vec<u8> {
    let mut out = (fields.len() as i16).to_be_bytes().to_vec();
    for field in fields {
        out.extend(field.map_or(-1, |f| f.len() as i32).to_be_bytes());
        out.extend(field.unwrap_or_default());
    }
    out
}

fn stream(rows: &[Vec<Option<&[u8]>>]) -> Vec<u8> {
    let rows: Vec<u8> = rows.iter().flat_map(|r| row(r)).collect();
    [header(), rows, vec![0xff, 0xff]].concat()
}

fn decode(mut decoder: CopyDecoder, bytes: &[u8]) -> Result<Vec<RecordBatch>> {
    decoder.push(bytes)?;
    let mut batches = Vec::new();
    while let Some(batch) = decoder.take_batch() {
        batches.push(batch);
    }
    while let Some(batch) = decoder.finish()? {
        batches.push(batch);
    }
    Ok(batches)
}

fn one_value(oid: u32, dimensions: i32, value: &[u8]) -> Result<Vec<RecordBatch>> {
    decode(decoder(&[(oid, dimensions)]), &stream(&[vec![Some(value)]]))
}

fn refused(oid: u32, dimensions: i32, value: &[u8], says: &str) {
    let error = one_value(oid, dimensions, value).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SourceFailed);
    let text = error.to_string();
    assert!(text.starts_with("source shop: column \"c0\": ") && text.contains(says), "{text}");
}

#[test]
fn values_and_nulls_arrive_in_their_rows() {
    let rows = [
        vec![Some(&b"\0\x07"[..]), Some(&b"\xc3\xa9"[..]), Some(&[1, b'{', b'}'][..]), Some(&b"high"[..])],
        vec![None, None, None, None],
        vec![Some(&b"\xff\xff"[..]), Some(&b""[..]), Some(&[1, b'1'][..]), Some(&b"new"[..])],
    ];
    let batches = decode(decoder(&[(21, 0), (25, 0), (3802, 0), (20_000, 0)]), &stream(&rows)).unwrap();
    assert_eq!(batches.len(), 1);
    let numbers = batches[0].column(0).as_primitive::<Int16Type>().iter().collect::<Vec<_>>();
    assert_eq!(numbers, [Some(7), None, Some(-1)]);
    let text = |i: usize| batches[0].column(i).as_string::<i32>().iter().collect::<Vec<_>>();
    assert_eq!(text(1), [Some("é"), None, Some("")]);
    assert_eq!(text(2), [Some("{}"), None, Some("1")]);
    let labels = batches[0].column(3).as_dictionary::<Int32Type>().downcast_dict::<arrow::array::StringArray>().unwrap();
    assert_eq!(labels.into_iter().collect::<Vec<_>>(), [Some("high"), None, Some("new")], "a new label is added");
}

#[test]
fn a_stream_cut_anywhere_is_an_error_and_never_a_short_result() {
    let array = [1i32, 1, 23, 2, 1, 4, 5].iter().flat_map(|v| v.to_be_bytes()).chain([0xff; 4]).collect::<Vec<u8>>();
    let rows =
        [vec![Some(&b"\0\0\0\0\0\0\0\x03"[..]), Some(&b"abc"[..]), Some(&array[..])], vec![None, Some(&b"de"[..]), None]];
    let whole = stream(&rows);
    // The array above says two elements: the first of four bytes, the second NULL.
    assert_eq!(decode(decoder(&[(20, 0), (25, 0), (1007, 1)]), &whole).unwrap()[0].num_rows(), 2);
    for end in 0..whole.len() {
        let error = decode(decoder(&[(20, 0), (25, 0), (1007, 1)]), &whole[..end]).unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Unavailable, true), "cut at {end}");
    }
    let longer = [&whole[..], &[0]].concat();
    assert!(decode(decoder(&[(20, 0), (25, 0), (1007, 1)]), &longer).is_err());
}

#[test]
fn chunks_may_be_split_anywhere() {
    let rows: Vec<_> = (0..5).map(|_| vec![Some(&b"\0\0\0\x09"[..]), Some(&b"text"[..])]).collect();
    let whole = stream(&rows);
    for size in 1..=whole.len() {
        let mut decoder = decoder_with(&[(23, 0), (25, 0)], 2, &TypeOptions::default());
        let mut rows = 0;
        for chunk in whole.chunks(size) {
            decoder.push(chunk).unwrap();
            while let Some(batch) = decoder.take_batch() {
                assert_eq!(batch.num_rows(), 2);
                rows += batch.num_rows();
            }
        }
        while let Some(batch) = decoder.finish().unwrap() {
            rows += batch.num_rows();
        }
        assert_eq!(rows, 5, "chunks of {size}");
    }
}

#[test]
fn wide_rows_make_small_batches() {
    let wide = vec![b'x'; BATCH_BYTES / 2];
    let batches = decode(decoder(&[(25, 0)]), &stream(&vec![vec![Some(&wide[..])]; 5])).unwrap();
    assert_eq!(batches.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [2, 2, 1]);
    // 1,000,000 bits are 125,000 bytes on the wire and 1,000,000 as text.
    let bits = [&1_000_000i32.to_be_bytes()[..], &vec![0; 125_000]].concat();
    let batches = decode(decoder(&[(1560, 0)]), &stream(&vec![vec![Some(&bits[..])]; 4])).unwrap();
    assert_eq!(batches.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [3, 1]);
}

#[test]
fn rows_without_columns_are_counted() {
    let batches = decode(decoder(&[]), &stream(&[vec![], vec![], vec![]])).unwrap();
    assert_eq!(batches[0].num_rows(), 3);
    assert!(decode(decoder(&[(23, 0)]), &stream(&[])).unwrap().is_empty());
}

#[test]
fn malformed_frames_are_errors() {
    let whole = stream(&[vec![Some(&b"\0\0\0\x09"[..])]]);
    let broken = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = whole.clone();
        change(&mut bytes);
        decode(decoder(&[(23, 0)]), &bytes).unwrap_err().to_string()
    };
    assert!(broken(&|b| b[0] = b'X').contains("signature"));
    assert!(broken(&|b| b[12] = 1).contains("critical flags"), "rows with type numbers");
    assert!(broken(&|b| b[15..19].copy_from_slice(&(-5i32).to_be_bytes())).contains("extension"));
    assert!(broken(&|b| b[15..19].copy_from_slice(&i32::MAX.to_be_bytes())).contains("extension"));
    assert!(broken(&|b| b[20] = 2).contains("number of fields"));
    assert!(broken(&|b| b[21..25].copy_from_slice(&(-2i32).to_be_bytes())).contains("negative length"));
    assert!(broken(&|b| b[21..25].copy_from_slice(&i32::MAX.to_be_bytes())).contains("1 GiB"));
    assert!(broken(&|b| b[21..25].copy_from_slice(&9i32.to_be_bytes())).contains("broke off"));
    let extended = [&SIGNATURE[..], &[0, 0, 0, 1, 0, 0, 0, 3], b"abc", &whole[19..]].concat();
    assert_eq!(decode(decoder(&[(23, 0)]), &extended).unwrap()[0].num_rows(), 1, "an extension is skipped");
}

#[test]
fn values_that_do_not_fit_their_type_are_errors_that_name_the_column() {
    let words = |words: &[i32]| words.iter().flat_map(|w| w.to_be_bytes()).collect::<Vec<u8>>();
    refused(23, 0, &[1, 2, 3], "3 bytes instead of 4");
    refused(25, 0, b"\xff", "UTF-8");
    refused(3802, 0, b"\x02{}", "jsonb");
    refused(1007, 1, &words(&[1, 0, 25, 1, 1, -1]), "type number 25 instead of 23");
    refused(1007, 1, &words(&[2, 0, 23, 1, 1, 1, 1, -1]), "1 array dimension(s) but a value has 2");
    refused(1007, 2, &words(&[1, 0, 23, 1, 1, -1]), "2 array dimension(s) but a value has 1");
    refused(1007, 2, &words(&[2, 0, 23, 1, 1, 0, 1]), "dimension size");
    refused(1007, 1, &words(&[1, 0, 23, i32::MAX, 1, -1]), "dimension size");
    refused(1007, 2, &words(&[2, 0, 23, 65_536, 1, 65_536, 1]), "dimension size");
    refused(1007, 1, &words(&[-1, 0, 23]), "dimension count");
    refused(1007, 1, &words(&[1, 0, 23, 1, 1, -1, 0]), "after its end");
    refused(20_001, 0, &words(&[2, 23, -1, 23, -1]), "refresh the source");
    refused(20_001, 0, &words(&[1, 20, -1]), "type number 20 instead of 23");
    refused(3904, 0, &[0x80], "flags of a range");
    refused(3904, 0, &[0, 0xff, 0xff, 0xff, 0xff], "null bound");
}

#[test]
fn texts_that_are_utf8_only_together_are_refused() {
    let rows = [vec![Some(&b"\xc3"[..])], vec![Some(&b"\xa9"[..])]];
    assert!(decode(decoder(&[(25, 0)]), &stream(&rows)).unwrap_err().to_string().contains("UTF-8"));
}

#[test]
fn arrays_ranges_and_composites_nest() {
    let words = |words: &[i32]| words.iter().flat_map(|w| w.to_be_bytes()).collect::<Vec<u8>>();
    let batch = &one_value(1007, 2, &words(&[2, 1, 23, 2, 1, 2, 1, 4, 10, -1, 4, 12, 4, 13])).unwrap()[0];
    let outer = batch.column(0).as_list::<i32>().value(0);
    let inner = |i: usize| outer.as_list::<i32>().value(i).as_primitive::<Int32Type>().iter().collect::<Vec<_>>();
    assert_eq!((inner(0), inner(1)), (vec![Some(10), None], vec![Some(12), Some(13)]));
    let batch = &one_value(1007, 2, &words(&[0, 0, 23])).unwrap()[0];
    assert_eq!(batch.column(0).as_list::<i32>().value_length(0), 0);
    let range = [&[0x02 | 0x10][..], &words(&[4, 5])].concat();
    let batch = &one_value(3904, 0, &range).unwrap()[0];
    let range = batch.column(0).as_struct();
    assert_eq!(range.column(0).as_primitive::<Int32Type>().value(0), 5);
    assert!(range.column(1).is_null(0) && range.column(2).as_boolean().value(0) && !range.column(4).as_boolean().value(0));
}

#[test]
fn a_null_for_a_not_null_column_is_an_error() {
    let pg_type = catalog().resolve(23, -1, 0, &TypeOptions::default());
    let schema = Arc::new(Schema::new(vec![pg_type.field("id", true)]));
    let decoder = CopyDecoder::new(vec![("id".into(), pg_type)], schema, 10).unwrap();
    assert!(decode(decoder, &stream(&[vec![None]])).unwrap_err().to_string().contains("declared NOT NULL"));
}

#[test]
fn options_decide_about_infinity_and_nan() {
    let nan = [0, 0, 0, 0, 0xc0, 0, 0, 0];
    let row = vec![Some(&b"\x7f\xff\xff\xff"[..]), Some(&nan[..])];
    let numeric = NumericMode::Decimal(10, 2);
    let read = |infinity, numeric_special| {
        let options = TypeOptions { numeric, infinity, numeric_special, ..TypeOptions::default() };
        decode(decoder_with(&[(1082, 0), (1700, 0)], 10, &options), &stream(std::slice::from_ref(&row)))
    };
    let error = read(Unrepresentable::Error, Unrepresentable::Null).unwrap_err().to_string();
    assert!(error.contains("\"c0\"") && error.contains("\"infinity\""), "{error}");
    let error = read(Unrepresentable::Null, Unrepresentable::Error).unwrap_err().to_string();
    assert!(error.contains("\"c1\"") && error.contains("\"numeric_special\""), "{error}");
    let batch = &read(Unrepresentable::Null, Unrepresentable::Null).unwrap()[0];
    assert!(batch.column(0).is_null(0) && batch.column(1).is_null(0));
    let batch = &read(Unrepresentable::Clamp, Unrepresentable::Null).unwrap()[0];
    assert_eq!(batch.column(0).as_primitive::<Date32Type>().value(0), 2_932_896);
}

#[test]
fn after_an_error_nothing_more_is_returned() {
    let mut decoder = decoder_with(&[(20, 0)], 1, &TypeOptions::default());
    let bad = [header(), row(&[Some(&1i64.to_be_bytes())]), row(&[Some(&[1])])].concat();
    assert!(decoder.push(&bad).is_err());
    assert!(decoder.take_batch().is_none() && decoder.push(&[]).is_err() && decoder.finish().is_err());
}

#[test]
fn a_batch_starts_anew_after_the_last() {
    let values: Vec<[u8; 8]> = (0..10i64).map(i64::to_be_bytes).collect();
    let rows: Vec<_> = values.iter().map(|v| vec![Some(&v[..])]).collect();
    let batches = decode(decoder_with(&[(20, 0)], 3, &TypeOptions::default()), &stream(&rows)).unwrap();
    let all: Vec<i64> = batches.iter().flat_map(|b| b.column(0).as_primitive::<Int64Type>().values().to_vec()).collect();
    assert_eq!((batches.len(), all), (4, (0..10).collect()));
}
