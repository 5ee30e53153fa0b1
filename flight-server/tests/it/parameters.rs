//! Bound parameters.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, Decimal128Array, Float64Array, Int32Array, Int64Array, NullArray, RecordBatch, StringArray,
    Time64MicrosecondArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use arrow_flight::sql::client::{FlightSqlServiceClient, PreparedStatement};
use headwater_common::config::Config;
use tonic::transport::Channel;

use crate::{client, fetch, start};

#[tokio::test(flavor = "multi_thread")]
async fn parameters_are_bound_row_by_row() {
    let running = start(Config::default()).await;
    let mut client = client(&running).await;
    let sql = "SELECT x FROM (VALUES (1), (2), (3)) t(x) WHERE x >= ?".to_owned();
    let mut prepared = client.prepare(sql, None).await.unwrap();
    assert_eq!(prepared.parameter_schema().unwrap().field(0).data_type(), &DataType::Int64);
    let schema = Schema::new(vec![Field::new("p", DataType::Utf8, true)]);
    let values = RecordBatch::try_new(schema.into(), vec![std::sync::Arc::new(StringArray::from(vec!["2", "3"]))]).unwrap();
    prepared.set_parameters(values).unwrap();
    let info = prepared.execute().await.unwrap();
    let batches = fetch(&mut client, info).await;
    let found: Vec<i64> = batches.iter().flat_map(|b| b.column(0).as_primitive::<Int64Type>().values().to_vec()).collect();
    assert_eq!(found, [2, 3, 3]);
    prepared.close().await.unwrap();
    let mut wrong = client.prepare("SELECT ? + 1".to_owned(), None).await.unwrap();
    let schema = Schema::new(vec![Field::new("a", DataType::Int64, true), Field::new("b", DataType::Int64, true)]);
    let two = [1, 2].map(|n| std::sync::Arc::new(Int64Array::from(vec![n])) as _);
    wrong.set_parameters(RecordBatch::try_new(schema.into(), two.to_vec()).unwrap()).unwrap();
    let error = wrong.execute().await.unwrap_err().to_string();
    assert!(error.contains("1 parameters but 2"), "{error}");
}

type Prepared = PreparedStatement<Channel>;

fn values(columns: Vec<ArrayRef>) -> RecordBatch {
    let fields = columns.iter().enumerate().map(|(i, c)| Field::new(format!("p{i}"), c.data_type().clone(), true));
    RecordBatch::try_new(Schema::new(fields.collect::<Vec<_>>()).into(), columns).unwrap()
}

/// The rows for these parameters, as texts.
async fn rows(
    client: &mut FlightSqlServiceClient<Channel>,
    prepared: &mut Prepared,
    columns: Vec<ArrayRef>,
) -> Vec<String> {
    prepared.set_parameters(values(columns)).unwrap();
    let info = prepared.execute().await.unwrap();
    headwater_text(&fetch(client, info).await)
}

fn headwater_text(batches: &[RecordBatch]) -> Vec<String> {
    let cell = |c: &ArrayRef, row| match c.is_null(row) {
        true => "NULL".to_owned(),
        false => arrow::util::display::array_value_to_string(c, row).unwrap(),
    };
    let line = |b: &RecordBatch, row| b.columns().iter().map(|c| cell(c, row)).collect::<Vec<_>>().join("|");
    batches.iter().flat_map(|b| (0..b.num_rows()).map(move |row| line(b, row))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn placeholders_of_both_kinds_and_a_parameter_used_twice() {
    let running = start(Config::default()).await;
    let mut client = client(&running).await;
    let texts = |t: &str| Arc::new(StringArray::from(vec![t])) as ArrayRef;
    let ints = |n: i32| Arc::new(Int32Array::from(vec![n])) as ArrayRef;
    let sql = "SELECT $1 + $1 AS a, $2 || '-' || $2 AS b, '$1 ?' AS c";
    let mut prepared = client.prepare(sql.into(), None).await.unwrap();
    assert_eq!(rows(&mut client, &mut prepared, vec![ints(4), texts("x")]).await, ["8|x-x|$1 ?"]);
    let sql = "SELECT \"?\", '?' /* ? */ -- ?\n FROM (SELECT 1 AS \"?\") t WHERE \"?\" < ? + ?";
    let mut prepared = client.prepare(sql.into(), None).await.unwrap();
    assert_eq!(prepared.parameter_schema().unwrap().fields().len(), 2);
    assert_eq!(rows(&mut client, &mut prepared, vec![ints(1), ints(1)]).await, ["1|?"]);
    assert!(client.prepare("SELECT ?, $1".into(), None).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handle_is_used_again_with_other_values() {
    let running = start(Config::default()).await;
    let mut client = client(&running).await;
    let mut prepared = client.prepare("SELECT CAST($1 AS bigint) * 2".into(), None).await.unwrap();
    for n in 0..5i64 {
        let bound: ArrayRef = Arc::new(Int64Array::from(vec![n]));
        assert_eq!(rows(&mut client, &mut prepared, vec![bound]).await, [(2 * n).to_string()]);
    }
    let info = prepared.execute().await.unwrap();
    let ticket = info.endpoint[0].ticket.clone().unwrap();
    for _ in 0..2 {
        let stream = client.do_get(ticket.clone()).await.unwrap();
        let batches: Vec<RecordBatch> = futures::TryStreamExt::try_collect(stream).await.unwrap();
        assert_eq!(headwater_text(&batches), ["8"]);
    }
    let none: ArrayRef = Arc::new(Int64Array::from(Vec::<i64>::new()));
    assert!(rows(&mut client, &mut prepared, vec![none]).await.is_empty(), "no row of parameters, no result");
}

#[tokio::test(flavor = "multi_thread")]
async fn nulls_casts_and_values_of_any_type() {
    let running = start(Config::default()).await;
    let mut client = client(&running).await;
    let mut any = client.prepare("SELECT ? AS a, ? AS b".into(), None).await.unwrap();
    for (columns, types, row) in [
        (
            vec![Arc::new(Int32Array::from(vec![7])) as ArrayRef, Arc::new(StringArray::from(vec!["x"])) as _],
            ["Int32", "Utf8"],
            "7|x",
        ),
        (
            vec![Arc::new(NullArray::new(1)) as _, Arc::new(Int64Array::from(vec![None])) as _],
            ["Utf8", "Int64"],
            "NULL|NULL",
        ),
    ] {
        any.set_parameters(values(columns)).unwrap();
        let info = any.execute().await.unwrap();
        let announced = info.clone().try_decode_schema().unwrap();
        let found: Vec<String> = announced.fields().iter().map(|f| f.data_type().to_string()).collect();
        assert_eq!(found, types);
        assert_eq!(headwater_text(&fetch(&mut client, info).await), [row]);
    }
    let sql = "SELECT count(*) FROM (VALUES (TIMESTAMP '2024-01-02 00:00:00', CAST(1.50 AS decimal(10,2)), 3)) t(a, b, c) \
        WHERE a >= ? AND b = ? AND c = ?";
    let mut typed = client.prepare(sql.into(), None).await.unwrap();
    let fitting = vec![
        Arc::new(StringArray::from(vec!["2024-01-01T00:00:00"])) as ArrayRef,
        Arc::new(StringArray::from(vec!["1.5"])) as _,
        Arc::new(Int32Array::from(vec![3])) as _,
    ];
    assert_eq!(rows(&mut client, &mut typed, fitting).await, ["1"]);
    let nothing = (0..3).map(|_| Arc::new(NullArray::new(1)) as ArrayRef).collect();
    assert_eq!(rows(&mut client, &mut typed, nothing).await, ["0"]);
    let wrong = vec![
        Arc::new(StringArray::from(vec!["yesterday"])) as ArrayRef,
        Arc::new(StringArray::from(vec!["1.5"])) as _,
        Arc::new(Int32Array::from(vec![3])) as _,
    ];
    typed.set_parameters(values(wrong)).unwrap();
    let error = typed.execute().await.unwrap_err().to_string();
    assert!(error.contains("parameter $1") && !error.contains("yesterday"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_a_column_cannot_hold_are_compared_as_they_are() {
    let running = start(Config::default()).await;
    let mut client = client(&running).await;
    let table = "(SELECT CAST(7 AS INT) AS i, arrow_cast(5, 'UInt64') AS u, CAST(1.50 AS DECIMAL(8,2)) AS d, DATE '9999-12-31' AS day, \
        arrow_cast('2024-01-01T00:00:00.123', 'Timestamp(ms)') AS ms, arrow_cast('10:00:00', 'Time32(s)') AS clock) t";
    let micros = |t: i64| Arc::new(TimestampMicrosecondArray::from(vec![t])) as ArrayRef;
    let ints = |n: i64| Arc::new(Int64Array::from(vec![n])) as ArrayRef;
    let floats = |x: f64| Arc::new(Float64Array::from(vec![x])) as ArrayRef;
    let decimal = || Arc::new(Decimal128Array::from(vec![1_505]).with_precision_and_scale(6, 3).unwrap()) as ArrayRef;
    let clock = |t: i64| Arc::new(Time64MicrosecondArray::from(vec![t])) as ArrayRef;
    let (inside, ten) = (1_704_067_200_123_456, 36_000_000_000);
    for (condition, value, found) in [
        ("ms > ?", micros(inside), 0),
        ("ms >= ?", micros(inside), 0),
        ("ms < ?", micros(inside), 1),
        ("? >= ms", micros(inside), 1),
        ("ms = ?", micros(inside), 0),
        ("ms <> ?", micros(inside), 1),
        ("ms IS DISTINCT FROM ?", micros(inside), 1),
        ("ms IN (?)", micros(inside), 0),
        ("ms BETWEEN ? AND '9999-12-31'", micros(inside), 0),
        ("ms = ?", micros(1_704_067_200_123_000), 1),
        ("day > ?", micros(inside), 1),
        ("i < ?", ints(1 << 40), 1),
        ("i = ?", ints((1 << 32) + 7), 0),
        ("i > ?", floats(6.5), 1),
        ("u > ?", ints(-1), 1),
        ("u IN (?, 4)", ints(-5), 0),
        ("d < ?", decimal(), 1),
        ("d = ?", decimal(), 0),
        ("d < ?", floats(1.505), 1),
        ("clock < ?", clock(ten + 1), 1),
        ("clock = ?", clock(ten + 1), 0),
        ("clock = ?", clock(ten), 1),
    ] {
        let mut prepared = client.prepare(format!("SELECT count(*) FROM {table} WHERE {condition}"), None).await.unwrap();
        assert_eq!(rows(&mut client, &mut prepared, vec![value]).await, [found.to_string()], "{condition}");
    }
    for (wrong, value) in [("SELECT i + ? FROM", ints(1 << 40)), ("SELECT i = ? OR i + ? = 0 FROM", ints(1 << 40))] {
        let sql = format!("{wrong} {table}").replacen('?', "$1", 2);
        let mut prepared = client.prepare(sql, None).await.unwrap();
        prepared.set_parameters(values(vec![value])).unwrap();
        assert!(prepared.execute().await.unwrap_err().to_string().contains("cannot become"), "{wrong}");
    }
}
