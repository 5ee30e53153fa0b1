//! Statements and their results.

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use arrow_flight::sql::{CommandStatementQuery, ProstMessageExt};
use arrow_flight::{FlightDescriptor, IpcMessage};
use headwater_common::config::Config;
use prost::Message;

use crate::{client, fetch, query, raw, start};

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_returns_its_rows_with_the_announced_schema() {
    let running = start(Config::default()).await;
    let mut client = client(&running).await;
    let batches = query(&mut client, "SELECT x FROM (VALUES (1), (2)) t(x) ORDER BY x").await;
    assert_eq!(batches[0].column(0).as_primitive::<Int64Type>().values(), &[1, 2]);
    for sql in [
        "SELECT arrow_cast('a', 'Utf8View') v, arrow_cast('b', 'Dictionary(Int32, Utf8)') d, arrow_cast('c', 'LargeUtf8') l",
        "SELECT arrow_cast([1, 2], 'LargeList(Int64)') l, [arrow_cast('x', 'Utf8View')] n, struct(1, 'a') s",
        "SELECT CAST(1.5 AS decimal(10,2)), DATE '2024-01-01', TIMESTAMP '2024-01-01 00:00:00', INTERVAL '1 day', X'00', NULL",
        "SELECT 1 WHERE false",
        "SELECT count(*), max(value) FROM generate_series(1, 100000)",
        "EXPLAIN SELECT 1",
        "SHOW SOURCES",
        "SELECT * FROM system.settings",
    ] {
        query(&mut client, sql).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_ask_for_a_schema_gives_the_same() {
    let running = start(Config::default()).await;
    let (mut client, mut raw) = (client(&running).await, raw(&running).await);
    for sql in [
        "SELECT 1 AS a, 'x' AS b, NULL AS c, arrow_cast('v', 'Utf8View') AS v",
        "SELECT arrow_cast([1], 'LargeList(Int64)') l, arrow_cast('d', 'Dictionary(Int32, Utf8)') d, {a: 1} s",
        "SELECT name, value FROM system.settings",
        "EXPLAIN SELECT 1",
    ] {
        let command = CommandStatementQuery { query: sql.into(), transaction_id: None };
        let descriptor = FlightDescriptor::new_cmd(command.as_any().encode_to_vec());
        let asked = raw.get_schema(descriptor.clone()).await.unwrap().into_inner();
        let asked = arrow::datatypes::Schema::try_from(IpcMessage(asked.schema)).unwrap();
        let polled = raw.poll_flight_info(descriptor.clone()).await.unwrap().into_inner();
        assert_eq!((polled.progress, polled.flight_descriptor.is_none()), (Some(1.0), true), "the answer is complete");
        let polled = polled.info.unwrap();
        let announced = raw.get_flight_info(descriptor).await.unwrap().into_inner().try_decode_schema().unwrap();
        assert_eq!(asked, announced);
        assert_eq!(polled.clone().try_decode_schema().unwrap(), announced);
        let mut prepared = client.prepare(sql.into(), None).await.unwrap();
        assert_eq!(prepared.dataset_schema().unwrap(), &announced);
        let info = prepared.execute().await.unwrap();
        for batch in fetch(&mut client, info).await {
            assert_eq!(*batch.schema(), announced);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_descriptor_of_plain_text_is_a_query() {
    let running = start(Config::default()).await;
    let mut raw = raw(&running).await;
    let info = raw.get_flight_info(FlightDescriptor::new_cmd("SELECT 'ü' AS x")).await.unwrap().into_inner();
    let stream = raw.do_get(info.endpoint[0].ticket.clone().unwrap()).await.unwrap().into_inner();
    let stream = futures::TryStreamExt::map_err(stream, |s| arrow_flight::error::FlightError::Tonic(Box::new(s)));
    let decoded = arrow_flight::decode::FlightRecordBatchStream::new_from_flight_data(stream);
    let batches: Vec<_> = futures::TryStreamExt::try_collect(decoded).await.unwrap();
    assert_eq!(batches[0].column(0).as_string::<i32>().value(0), "ü");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_few_types_gets_types_that_it_knows() {
    let running = start(Config::default()).await;
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{}", running.address)).unwrap();
    let channel = channel.user_agent("grpc-java-netty/1.71.0").unwrap().connect().await.unwrap();
    let mut java = arrow_flight::sql::client::FlightSqlServiceClient::new(channel);
    let sql = "SELECT arrow_cast(200, 'UInt8') a, arrow_cast(18446744073709551615, 'UInt64') b, \
        arrow_cast(1.5, 'Float16') c, arrow_cast('x', 'LargeUtf8') d";
    let batches = query(&mut java, sql).await;
    let shown: Vec<String> =
        (0..4).map(|i| arrow::util::display::array_value_to_string(batches[0].column(i), 0).unwrap()).collect();
    assert_eq!(shown, ["200", "18446744073709551615", "1.5", "x"]);
    let types: Vec<String> = batches[0].schema().fields().iter().map(|f| f.data_type().to_string()).collect();
    assert_eq!(types, ["Int16", "Decimal128(20, 0)", "Float32", "Utf8"]);
}
