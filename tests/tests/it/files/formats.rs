//! JSON, Arrow IPC, Parquet and compressed files.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, DictionaryArray, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::Int32Type;
use headwater_common::config::Options;
use headwater_tests::table;

use super::{columns, error, folder, numbers, ordered, over, over_with, parquet, write};

#[tokio::test(flavor = "multi_thread")]
async fn json_keeps_numbers_texts_and_nesting() {
    let dir = folder(&[
        (
            "lines.ndjson",
            "{\"z\":1,\"a\":{\"n\":[1,2],\"s\":\"00123\"}}\n{\"z\":2.5,\"a\":{\"n\":[]},\"t\":\"2024-01-01\"}\n",
        ),
        ("list.json", " [ {\"a\": 1} ,\n {\"a\": null, \"b\": \"],[\"} ] "),
        ("mixed.jsonl", "{\"a\":1}\n{\"a\":\"x\"}\n{\"a\":true}\n"),
        ("big.json", "{\"a\":12345678901234567890}\n{\"a\":1}\n"),
        ("scalar.json", "1\n2\n"),
        ("cut.json", "{\"a\":1}\n{\"a\":"),
        ("twice.json", "{\"a\":1,\"a\":2}"),
    ]);
    let session = over(dir.path()).await;
    let types = columns(&session, "f.public.lines").await;
    assert!(types.starts_with("z Float64, a Struct(\"n\": List(Int64), \"s\": Utf8), t Utf8"), "{types}");
    let rows = ordered(&session, "SELECT z, a['s'], a['n'][2], t FROM f.public.lines").await;
    assert_eq!(rows, ["1.0|00123|2|NULL", "2.5|NULL|NULL|2024-01-01"]);
    assert_eq!(ordered(&session, "SELECT a, b FROM f.public.list").await, ["1|NULL", "NULL|],["]);
    assert_eq!(ordered(&session, "SELECT a FROM f.public.mixed").await, ["1", "x", "true"]);
    assert_eq!(ordered(&session, "SELECT a FROM f.public.big").await, ["12345678901234567890", "1"]);
    for (name, message) in [("scalar", "must be an object"), ("cut", "cut.json: row 2"), ("twice", "\"a\" is there twice")]
    {
        let e = error(&session, &format!("SELECT * FROM f.public.{name}")).await.to_string();
        assert!(e.contains(message), "{name}: {e}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_json_row_that_does_not_fit_is_an_error_with_its_place() {
    let good: String = (0..30_000).map(|i| format!("{{\"a\":{i},\"b\":{{\"c\":1}}}}\n")).collect();
    for (bad, message) in [
        ("{\"a\":1.5}", "row 30001: the value of column \"a\""),
        ("{\"a\":\"canary\"}", "row 30001: the value of column \"a\""),
        ("{\"a\":1,\"new\":2}", "field \"new\" is not a column"),
        ("{\"b\":{\"c\":2.5}}", "row 30001: the value of column \"b\""),
        ("{\"b\":\"canary\"}", "another shape"),
        ("{\"a\":", "row 30001: the value is cut off"),
    ] {
        let dir = folder(&[("t.json", &format!("{good}{bad}\n"))]);
        let session = over(dir.path()).await;
        for sql in ["SELECT max(a) FROM f.public.t", "SELECT b FROM f.public.t"] {
            let e = error(&session, sql).await.to_string();
            assert!(e.contains("t.json") && e.contains(message) && !e.contains("canary"), "{bad}: {e}");
        }
    }
    let dir = folder(&[("t.json", &format!("{good}{{\"a\":1.5,\"new\":2}}\n"))]);
    let session = over_with(dir.path(), Options::new().with("columns.t", "a DOUBLE")).await;
    assert_eq!(table(&session, "SELECT count(*), min(a), max(a) FROM f.public.t").await, ["30001|0.0|29999.0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn gzip_and_zstd_are_read_and_bombs_are_not() {
    let text: String = (0..50_000).map(|i| format!("{i},row {i}\n")).collect();
    let text = format!("id,note\n{text}");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let dir = folder(&[]);
    write(dir.path(), "g.csv.gz", &gzip);
    write(dir.path(), "z.csv.zst", &zstd::encode_all(text.as_bytes(), 1).unwrap());
    write(dir.path(), "cut.csv.gz", &gzip[..gzip.len() - 20]);
    write(dir.path(), "j.json.gz", &{
        let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        e.write_all(b"{\"a\":1}\n{\"a\":2}\n").unwrap();
        e.finish().unwrap()
    });
    let mut bomb = b"id,note\n".to_vec();
    bomb.extend(b"1,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n".repeat(3_000_000));
    write(dir.path(), "bomb.csv.zst", &zstd::encode_all(bomb.as_slice(), 1).unwrap());
    let session = over(dir.path()).await;
    for name in ["g", "z"] {
        let sql = format!("SELECT count(*), sum(id), max(note) FROM f.public.{name}");
        assert_eq!(table(&session, &sql).await, ["50000|1249975000|row 9999"]);
    }
    assert_eq!(table(&session, "SELECT sum(a) FROM f.public.j").await, ["3"]);
    let e = error(&session, "SELECT count(*) FROM f.public.cut").await.to_string();
    assert!(e.contains("cut.csv.gz") && e.contains("broken or cut off"), "{e}");
    let e = error(&session, "SELECT count(*) FROM f.public.bomb").await;
    assert_eq!(e.kind(), headwater_common::ErrorKind::LimitExceeded, "{e}");
    assert!(e.to_string().contains("limits.decompression_ratio"), "{e}");
}

#[tokio::test(flavor = "multi_thread")]
async fn arrow_files_and_streams_are_read_and_lies_about_lengths_refused() {
    use arrow::ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
    let batch = numbers(0, 5_000);
    let words: DictionaryArray<Int32Type> = (0..5_000).map(|i| ["a", "b", "c"][i % 3]).collect();
    let batch = RecordBatch::try_from_iter([
        ("id", batch.column(0).clone()),
        ("note", batch.column(1).clone()),
        ("word", Arc::new(words) as ArrayRef),
    ])
    .unwrap();
    let packed = || IpcWriteOptions::default().try_with_compression(Some(arrow::ipc::CompressionType::ZSTD)).unwrap();
    let mut file = FileWriter::try_new_with_options(Vec::new(), &batch.schema(), packed()).unwrap();
    for part in 0..5 {
        file.write(&batch.slice(part * 1000, 1000)).unwrap();
    }
    let file = file.into_inner().unwrap();
    let mut stream = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    stream.write(&batch).unwrap();
    stream.write(&batch.slice(0, 0)).unwrap();
    let stream = stream.into_inner().unwrap();
    let dir = folder(&[]);
    write(dir.path(), "file.arrow", &file);
    write(dir.path(), "stream.arrows", &stream);
    write(dir.path(), "cut.arrow", &stream[..stream.len() - 200]);
    // The length that a compressed buffer says it becomes: a terabyte.
    let mut lie = file.clone();
    let zstd_magic = [0x28, 0xB5, 0x2F, 0xFD];
    let at = lie.windows(4).position(|w| w == zstd_magic).unwrap() - 8;
    lie[at..at + 8].copy_from_slice(&(1_i64 << 40).to_le_bytes());
    write(dir.path(), "lie.arrow", &lie);
    let session = over(dir.path()).await;
    for name in ["file", "stream"] {
        let sql = format!("SELECT count(*), sum(id), max(note), count(DISTINCT word) FROM f.public.{name}");
        assert_eq!(table(&session, &sql).await, ["5000|12497500|text 999|3"], "{name}");
        assert_eq!(table(&session, &format!("SELECT count(*) FROM f.public.{name} WHERE word = 'b'")).await, ["1667"]);
    }
    let e = error(&session, "SELECT sum(id) FROM f.public.cut").await.to_string();
    assert!(e.contains("cut.arrow") && e.contains("cut off"), "{e}");
    let e = error(&session, "SELECT sum(id), max(note) FROM f.public.lie").await;
    assert!(e.to_string().contains("limits.decompression_ratio"), "{e}");
}

#[tokio::test(flavor = "multi_thread")]
async fn parquet_keeps_nan_binary_and_odd_names() {
    let floats: ArrayRef = Arc::new(Float64Array::from(vec![1.0, f64::NAN, -3.0]));
    let bytes: ArrayRef = Arc::new(BinaryArray::from_vec(vec![b"x", b"y", b"z"]));
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["1", "2", "3"]));
    let batch = RecordBatch::try_from_iter([("F", floats), ("b", bytes), ("a \"b\"", texts)]).unwrap();
    let dir = folder(&[]);
    write(dir.path(), "t.parquet", &parquet(&batch, 10));
    // Row groups whose statistics leave NaN out are read for filters that NaN passes.
    let floats = |values: Vec<f64>| Arc::new(Float64Array::from(values)) as ArrayRef;
    let batch = RecordBatch::try_from_iter([("f", floats(vec![1.0, f64::NAN, 7.0, 8.0]))]).unwrap();
    write(dir.path(), "n.parquet", &parquet(&batch, 2));
    let session = over(dir.path()).await;
    assert_eq!(table(&session, "SELECT max(\"F\"), min(\"F\") FROM f.public.t").await, ["NaN|-3.0"]);
    assert_eq!(table(&session, "SELECT f FROM f.public.n WHERE f > 7.5").await, ["8.0", "NaN"]);
    assert_eq!(table(&session, "SELECT f FROM f.public.n ORDER BY f DESC LIMIT 1").await, ["NaN"]);
    assert_eq!(table(&session, "SELECT f FROM f.public.n WHERE f = 1.0").await, ["1.0"]);
    assert_eq!(columns(&session, "f.public.t").await, "F Float64, b Binary, a \"b\" Utf8");
    let session = over_with(dir.path(), Options::new().with("parquet_binary_as_string", "true")).await;
    assert_eq!(ordered(&session, "SELECT b || \"a \"\"b\"\"\" FROM f.public.t").await, ["x1", "y2", "z3"]);
}

/// An INTERVAL of Parquet has months, of which Arrow's reader knows nothing unless an Arrow writer says that there are none.
#[tokio::test(flavor = "multi_thread")]
async fn an_interval_of_parquet_is_refused_and_no_other_column() {
    use arrow::array::{Int64Array, IntervalDayTimeArray};
    use datafusion::parquet::arrow::arrow_writer::{ArrowWriter, ArrowWriterOptions};
    let interval = arrow::datatypes::IntervalDayTime::new(2, 3);
    let columns: [(&str, ArrayRef); 2] =
        [("id", Arc::new(Int64Array::from(vec![1]))), ("iv", Arc::new(IntervalDayTimeArray::from(vec![interval])))];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let written = |said: bool| {
        let options = ArrowWriterOptions::new().with_skip_arrow_metadata(!said);
        let mut writer = ArrowWriter::try_new_with_options(Vec::new(), batch.schema(), options).unwrap();
        writer.write(&batch).unwrap();
        writer.into_inner().unwrap()
    };
    let dir = folder(&[]);
    write(dir.path(), "plain.parquet", &written(false));
    write(dir.path(), "arrow.parquet", &written(true));
    let session = over(dir.path()).await;
    assert_eq!(ordered(&session, "SELECT id FROM f.public.plain").await, ["1"]);
    assert_eq!(ordered(&session, "SELECT count(*) FROM f.public.plain").await, ["1"]);
    let day = "SELECT iv = INTERVAL '2 days 3 milliseconds' FROM f.public.arrow";
    assert_eq!(ordered(&session, day).await, ["true"]);
    for sql in ["SELECT * FROM f.public.plain", "SELECT id FROM f.public.plain WHERE iv > INTERVAL '1 day'"] {
        let e = error(&session, sql).await.to_string();
        assert!(e.contains("\"iv\" of public.plain is an INTERVAL of Parquet"), "{e}");
    }
}
