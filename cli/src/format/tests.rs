//! What each format writes, to the byte.

use std::sync::{Arc, Mutex};

use arrow::array::{
    ArrayRef, BinaryArray, Date32Builder, Decimal128Array, Int32Array, Int64Builder, ListArray, MapBuilder, StringArray,
};
use arrow::datatypes::Int32Type;

use super::*;

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn batch() -> RecordBatch {
    let price = Decimal128Array::from(vec![Some(1250), None, Some(-5)]).with_precision_and_scale(10, 2).unwrap();
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), None, Some(vec![])]);
    RecordBatch::try_from_iter_with_nullable([
        ("id", Arc::new(Int32Array::from(vec![1, 2, 3])) as ArrayRef, false),
        ("name", Arc::new(StringArray::from(vec![Some("日本, \"x\""), Some(""), None])), true),
        ("price", Arc::new(price), true),
        ("raw", Arc::new(BinaryArray::from_opt_vec(vec![Some(b"\x00\xff"), None, Some(b"")])), true),
        ("list", Arc::new(list), true),
    ])
    .unwrap()
}

fn written(format: Format, batch: &RecordBatch, max_rows: u64) -> Vec<u8> {
    let buffer = Buffer::default();
    let style = Style { format, null: None, max_rows, width: None };
    let mut sink = sink(&style, batch.schema_ref(), Box::new(buffer.clone())).unwrap();
    sink.write(batch).unwrap();
    sink.finish().unwrap();
    let bytes = buffer.0.lock().unwrap();
    bytes.clone()
}

fn text(format: Format) -> String {
    String::from_utf8(written(format, &batch(), 0)).unwrap()
}

#[test]
fn csv_tells_null_from_an_empty_text() {
    let expected = "id,name,price,raw,list\n1,\"日本, \"\"x\"\"\",12.50,00ff,\"[1,null]\"\n2,\"\",,,\n3,,-0.05,\"\",[]\n";
    assert_eq!(text(Format::Csv), expected);
}

#[test]
fn a_table_is_aligned_by_the_width_on_screen() {
    let expected = "\
+----+-----------+-------+------+----------+
| id | name      | price | raw  | list     |
+----+-----------+-------+------+----------+
|  1 | 日本, \"x\" | 12.50 | 00ff | [1,null] |
|  2 |           |  NULL | NULL | NULL     |
|  3 | NULL      | -0.05 |      | []       |
+----+-----------+-------+------+----------+
(3 rows)
";
    assert_eq!(text(Format::Table), expected);
}

#[test]
fn keys_of_maps_are_shown_as_texts() {
    let mut map =
        MapBuilder::new(None, Date32Builder::new(), MapBuilder::new(None, Int64Builder::new(), Int64Builder::new()));
    map.keys().append_value(19_782);
    map.values().keys().append_value(1);
    map.values().values().append_null();
    map.values().append(true).unwrap();
    map.append(true).unwrap();
    map.append(false).unwrap();
    let batch = RecordBatch::try_from_iter_with_nullable([("m", Arc::new(map.finish()) as ArrayRef, true)]).unwrap();
    let of = |format| String::from_utf8(written(format, &batch, 0)).unwrap();
    assert_eq!(of(Format::Csv), "m\n\"{\"\"2024-02-29\"\":{\"\"1\"\":null}}\"\n\n");
    assert_eq!(of(Format::Ndjson), "{\"m\":{\"2024-02-29\":{\"1\":null}}}\n{\"m\":null}\n");
    assert!(of(Format::Table).contains("| {\"2024-02-29\":{\"1\":null}} |"), "{}", of(Format::Table));
}

#[test]
fn rows_that_are_not_shown_are_counted() {
    let text = String::from_utf8(written(Format::Table, &batch(), 2)).unwrap();
    assert!(text.ends_with("(3 rows; 1 not shown, see --max-rows)\n"), "{text}");
}

#[test]
fn tsv_and_json_keep_null() {
    assert!(text(Format::Tsv).contains("\n3\t\\N\t-0.05\t\t[]\n"));
    let value: serde_json::Value = serde_json::from_str(&text(Format::Json)).unwrap();
    assert_eq!((value[1]["price"].is_null(), value[0]["list"][0].as_i64()), (true, Some(1)));
    assert_eq!(text(Format::Ndjson).lines().count(), 3);
}

#[test]
fn a_value_cannot_steer_the_terminal() {
    let column = Arc::new(StringArray::from(vec!["a\u{1b}[2J\nb", "c"])) as ArrayRef;
    let batch = RecordBatch::try_from_iter([("x", column)]).unwrap();
    let of = |format| String::from_utf8(written(format, &batch, 0)).unwrap();
    let lines = "| a\\u{1b}[2J\u{21b5} |\n| b           |\n| c           |\n";
    assert!(of(Format::Table).contains(lines), "{}", of(Format::Table));
    assert!(of(Format::Markdown).contains("| a\\u{1b}[2J<br>b |"), "{}", of(Format::Markdown));
    assert!(of(Format::Vertical).contains("x | a\\u{1b}[2J\n  | b\n"), "{}", of(Format::Vertical));
}

#[test]
fn a_table_fits_its_terminal_and_says_what_it_hides() {
    let columns = (0..9).map(|i| (format!("c{i}"), Arc::new(StringArray::from(vec!["0123456789abcdef"])) as ArrayRef));
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let style = Style { format: Format::Table, null: None, max_rows: 0, width: Some(60) };
    let buffer = Buffer::default();
    let mut sink = sink(&style, batch.schema_ref(), Box::new(buffer.clone())).unwrap();
    sink.write(&batch).unwrap();
    sink.finish().unwrap();
    let text = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
    assert!(text.lines().all(|l| l.chars().count() <= 60), "{text}");
    assert!(text.contains('\u{2026}') && text.ends_with("(1 row; 4 of 9 columns have no room, \\x shows all)\n"), "{text}");
}

#[test]
fn a_plan_is_shown_as_it_is() {
    let texts = |t: &str| Arc::new(StringArray::from(vec![t])) as ArrayRef;
    let columns = [("plan_type", texts("physical_plan")), ("plan", texts("A\n  B\n"))];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let text = String::from_utf8(written(Format::Table, &batch, 0)).unwrap();
    assert_eq!(text, "-- physical plan\nA\n  B\n(1 row)\n");
}

#[test]
fn arrow_and_parquet_read_back() {
    let batch = batch();
    let ipc = written(Format::Arrow, &batch, 0);
    let mut reader = arrow::ipc::reader::StreamReader::try_new(ipc.as_slice(), None).unwrap();
    assert_eq!(reader.next().unwrap().unwrap(), batch);
    let parquet = written(Format::Parquet, &batch, 0);
    assert_eq!((&parquet[..4], &parquet[parquet.len() - 4..]), (&b"PAR1"[..], &b"PAR1"[..]));
}
