//! Session options, with messages written down here from the specification.

use std::collections::HashMap;

use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::{ActionCreatePreparedStatementRequest, Any, ProstMessageExt};
use arrow_flight::{Action, FlightDescriptor};
use futures::TryStreamExt;
use headwater_common::config::Config;
use prost::Message;
use tonic::transport::Channel;

use crate::{raw, start};

#[derive(Clone, PartialEq, prost::Oneof)]
enum Value {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(bool, tag = "2")]
    Flag(bool),
    #[prost(sfixed64, tag = "3")]
    Whole(i64),
    #[prost(double, tag = "4")]
    Real(f64),
}

#[derive(Clone, PartialEq, Message)]
struct OptionValue {
    #[prost(oneof = "Value", tags = "1, 2, 3, 4")]
    value: Option<Value>,
}

#[derive(Clone, PartialEq, Message)]
struct Options {
    #[prost(map = "string, message", tag = "1")]
    options: HashMap<String, OptionValue>,
}

#[derive(Clone, PartialEq, Message)]
struct Problem {
    #[prost(int32, tag = "1")]
    value: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Problems {
    #[prost(map = "string, message", tag = "1")]
    errors: HashMap<String, Problem>,
}

#[derive(Clone, PartialEq, Message)]
struct Created {
    #[prost(bytes = "vec", tag = "1")]
    handle: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    dataset_schema: Vec<u8>,
    #[prost(bool, optional, tag = "4")]
    is_update: Option<bool>,
}

type Raw = FlightServiceClient<Channel>;

async fn act(raw: &mut Raw, action: &str, body: Vec<u8>) -> Vec<u8> {
    let results: Vec<_> = raw.do_action(Action::new(action, body)).await.unwrap().into_inner().try_collect().await.unwrap();
    results.first().map(|r| r.body.to_vec()).unwrap_or_default()
}

async fn set(raw: &mut Raw, name: &str, value: Option<Value>) -> i32 {
    let options = Options { options: HashMap::from([(name.to_owned(), OptionValue { value })]) };
    let answer = act(raw, "SetSessionOptions", options.encode_to_vec()).await;
    Problems::decode(answer.as_slice()).unwrap().errors.get(name).map_or(0, |p| p.value)
}

async fn get(raw: &mut Raw, name: &str) -> Option<Value> {
    let answer = act(raw, "GetSessionOptions", Vec::new()).await;
    Options::decode(answer.as_slice()).unwrap().options.remove(name).and_then(|v| v.value)
}

fn text(text: &str) -> Option<Value> {
    Some(Value::Text(text.to_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn options_are_set_read_and_set_back() {
    let running = start(Config::default()).await;
    let mut raw = raw(&running).await;
    assert_eq!(get(&mut raw, "catalog").await, text("headwater"));
    for value in [Some(Value::Whole(5)), text("5"), Some(Value::Real(5.0))] {
        assert_eq!(set(&mut raw, "limits.result_rows", value).await, 0);
        assert_eq!(get(&mut raw, "limits.result_rows").await, Some(Value::Whole(5)));
        assert_eq!(set(&mut raw, "limits.result_rows", None).await, 0);
        assert_eq!(get(&mut raw, "limits.result_rows").await, Some(Value::Whole(0)));
    }
    assert_eq!(set(&mut raw, "timezone", text("Europe/Berlin")).await, 0);
    assert_eq!(get(&mut raw, "timezone").await, text("Europe/Berlin"));
    assert_eq!(set(&mut raw, "datafusion.explain.logical_plan_only", Some(Value::Flag(true))).await, 0);
    assert_eq!(set(&mut raw, "datafusion.explain.logical_plan_only", text("false")).await, 0);
    assert_eq!(get(&mut raw, "datafusion.explain.logical_plan_only").await, Some(Value::Flag(false)));
    assert_eq!(set(&mut raw, "schema", text("system")).await, 0);
    raw.get_flight_info(FlightDescriptor::new_cmd("SELECT * FROM settings")).await.unwrap();
    assert_eq!(set(&mut raw, "flight.type_profile", text("odbc")).await, 0);
    assert_eq!(get(&mut raw, "flight.type_profile").await, text("odbc"));
    assert_eq!(set(&mut raw, "flight.compression", text("zstd")).await, 0);
    let info = raw.get_flight_info(FlightDescriptor::new_cmd("SELECT 7 AS n")).await.unwrap().into_inner();
    let stream = raw.do_get(info.endpoint[0].ticket.clone().unwrap()).await.unwrap().into_inner();
    let messages: Vec<_> = stream.try_collect().await.unwrap();
    let header = arrow::ipc::root_as_message(&messages[1].data_header).unwrap();
    assert!(header.header_as_record_batch().unwrap().compression().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_option_has_its_own_error() {
    let running = start(Config::default()).await;
    let mut raw = raw(&running).await;
    let (name, value, error) = (1, 2, 3);
    for (option, given, expected) in [
        ("no_such_option", text("1"), name),
        ("catalog", text("no_such_catalog"), value),
        ("schema", text("no_such_schema"), value),
        ("limits.result_rows", text("many"), value),
        ("limits.memory_bytes", Some(Value::Whole(1)), error),
        ("limits.terms", Some(Value::Whole(1 << 40)), error),
        ("timezone", text("Nowhere/Land"), value),
        ("flight.type_profile", text("fancy"), value),
    ] {
        assert_eq!(set(&mut raw, option, given).await, expected, "{option}");
    }
    assert_eq!(get(&mut raw, "catalog").await, text("headwater"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_session_forgets_its_statements() {
    let running = start(Config::default()).await;
    let mut raw = raw(&running).await;
    let request = ActionCreatePreparedStatementRequest { query: "SELECT 1".into(), transaction_id: None };
    let answer = act(&mut raw, "CreatePreparedStatement", request.as_any().encode_to_vec()).await;
    let created = Created::decode(Any::decode(answer.as_slice()).unwrap().value).unwrap();
    let command = arrow_flight::sql::CommandPreparedStatementQuery { prepared_statement_handle: created.handle.into() };
    let descriptor = FlightDescriptor::new_cmd(command.as_any().encode_to_vec());
    raw.get_flight_info(descriptor.clone()).await.unwrap();
    assert_eq!(set(&mut raw, "limits.result_rows", text("5")).await, 0);
    let closed = act(&mut raw, "CloseSession", Vec::new()).await;
    assert_eq!(Problem::decode(closed.as_slice()).unwrap().value, 1);
    assert_eq!(raw.get_flight_info(descriptor).await.unwrap_err().code(), tonic::Code::NotFound);
    assert_eq!(get(&mut raw, "limits.result_rows").await, Some(Value::Whole(0)), "a new session has the defaults");
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_for_options_opens_no_session() {
    let mut config = Config::default();
    config.limits.sessions = 1;
    let running = start(config).await;
    let mut one = raw(&running).await;
    let mut other = raw(&running).await;
    assert_eq!(set(&mut one, "limits.result_rows", text("5")).await, 0);
    // No second session fits; asking works all the same and shows the defaults.
    assert_eq!(get(&mut other, "limits.result_rows").await, Some(Value::Whole(0)));
    let refused = other.get_flight_info(FlightDescriptor::new_cmd("SELECT 1")).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
    drop(one);
    // The first connection takes its session along.
    for _ in 0..100 {
        if other.get_flight_info(FlightDescriptor::new_cmd("SELECT 1")).await.is_ok() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the session of a closed connection is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn updates_are_told_from_queries() {
    let running = start(Config::default()).await;
    let mut raw = raw(&running).await;
    for (sql, update) in
        [("SELECT 1", false), ("EXPLAIN SELECT 1", false), ("SHOW SOURCES", false), ("SET limits.terms = 5", true)]
    {
        let request = ActionCreatePreparedStatementRequest { query: sql.into(), transaction_id: None };
        let answer = act(&mut raw, "CreatePreparedStatement", request.as_any().encode_to_vec()).await;
        let any = Any::decode(answer.as_slice()).unwrap();
        assert!(any.type_url.ends_with("ActionCreatePreparedStatementResult"));
        let created = Created::decode(any.value).unwrap();
        assert_eq!((created.is_update, created.dataset_schema.is_empty()), (Some(update), update), "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_name_the_schema_of_a_new_session() {
    let running = start(Config::default()).await;
    let mut raw = raw(&running).await;
    let mut request = tonic::Request::new(FlightDescriptor::new_cmd("SELECT * FROM settings"));
    request.metadata_mut().insert("schema", "system".parse().unwrap());
    raw.get_flight_info(request).await.unwrap();
    assert_eq!(get(&mut raw, "schema").await, text("system"));
}
