//! Bytes that no client sends: every call answers with a clear error, and the server lives on.

use arrow_flight::sql::{Any, Command};
use arrow_flight::{Action, Criteria, Empty, FlightData, FlightDescriptor, Ticket};
use futures::TryStreamExt;
use headwater_common::config::Config;
use prost::Message;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tonic::{Code, Status};

use crate::{client, query, raw, start};

const NAMES: [&str; 12] = [
    "CommandStatementQuery",
    "CommandPreparedStatementQuery",
    "CommandGetTables",
    "CommandGetSqlInfo",
    "CommandGetPrimaryKeys",
    "CommandGetCrossReference",
    "CommandGetXdbcTypeInfo",
    "CommandStatementIngest",
    "CommandStatementUpdate",
    "CommandStatementSubstraitPlan",
    "TicketStatementQuery",
    "CommandOfTomorrow",
];
const ACTIONS: [&str; 9] = [
    "CreatePreparedStatement",
    "ClosePreparedStatement",
    "SetSessionOptions",
    "GetSessionOptions",
    "CloseSession",
    "BeginTransaction",
    "CreatePreparedSubstraitPlan",
    "CancelQuery",
    "Nonsense",
];

/// Random bytes, half of them as the value of a known message.
fn bytes(random: &mut StdRng) -> Vec<u8> {
    let plain: Vec<u8> = (0..random.random_range(0..60)).map(|_| random.random()).collect();
    if random.random_bool(0.5) {
        return plain;
    }
    let name = NAMES[random.random_range(0..NAMES.len())];
    Any { type_url: format!("type.googleapis.com/arrow.flight.protocol.sql.{name}"), value: plain.into() }.encode_to_vec()
}

fn check(call: &str, answer: Result<(), Status>) {
    let Err(status) = answer else { return };
    let expected = [
        Code::InvalidArgument,
        Code::NotFound,
        Code::Unimplemented,
        Code::PermissionDenied,
        Code::ResourceExhausted,
        Code::AlreadyExists,
        Code::Cancelled,
    ];
    assert!(expected.contains(&status.code()), "{call}: {status}");
    assert!(!status.message().contains("Error {") && !status.message().contains("Some("), "{call}: {status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn random_bytes_in_every_call_are_clear_errors() {
    let running = start(Config::default()).await;
    let mut raw = raw(&running).await;
    let mut random = StdRng::seed_from_u64(11);
    for _ in 0..400 {
        let descriptor = FlightDescriptor::new_cmd(bytes(&mut random));
        check("GetFlightInfo", raw.get_flight_info(descriptor.clone()).await.map(drop));
        check("GetSchema", raw.get_schema(descriptor.clone()).await.map(drop));
        check("PollFlightInfo", raw.poll_flight_info(descriptor.clone()).await.map(drop));
        let got = match raw.do_get(Ticket::new(bytes(&mut random))).await {
            Ok(stream) => stream.into_inner().try_collect::<Vec<_>>().await.map(drop),
            Err(status) => Err(status),
        };
        check("DoGet", got);
        let action = ACTIONS[random.random_range(0..ACTIONS.len())];
        let done = match raw.do_action(Action::new(action, bytes(&mut random))).await {
            Ok(stream) => stream.into_inner().try_collect::<Vec<_>>().await.map(drop),
            Err(status) => Err(status),
        };
        check(action, done);
        let mut data: Vec<FlightData> = (0..random.random_range(0..4))
            .map(|_| FlightData {
                data_header: bytes(&mut random).into(),
                data_body: bytes(&mut random).into(),
                ..FlightData::default()
            })
            .collect();
        if let Some(first) = data.first_mut() {
            first.flight_descriptor = random.random_bool(0.9).then_some(descriptor);
        }
        let put = match raw.do_put(futures::stream::iter(data)).await {
            Ok(stream) => stream.into_inner().try_collect::<Vec<_>>().await.map(drop),
            Err(status) => Err(status),
        };
        check("DoPut", put);
    }
    let refused = |answer: Result<(), Status>| answer.unwrap_err().code();
    assert_eq!(refused(raw.list_flights(Criteria::default()).await.map(drop)), Code::Unimplemented);
    assert_eq!(refused(raw.do_exchange(futures::stream::empty()).await.map(drop)), Code::Unimplemented);
    let mut client = client(&running).await;
    assert_eq!(query(&mut client, "SELECT 1").await[0].num_rows(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_announced_actions_are_those_that_are_served() {
    let running = start(Config::default()).await;
    let mut raw = raw(&running).await;
    let actions: Vec<_> = raw.list_actions(Empty {}).await.unwrap().into_inner().try_collect().await.unwrap();
    let announced: Vec<&str> = actions.iter().map(|a| a.r#type.as_str()).collect();
    assert_eq!(announced, ACTIONS[..5]);
    for name in ACTIONS {
        let answer = raw.do_action(Action::new(name, "")).await;
        let code = answer.map_or_else(|s| s.code(), |_| Code::Ok);
        assert_eq!(code == Code::Unimplemented, !announced.contains(&name), "{name}: {code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_commands_say_what_is_wrong() {
    let running = start(Config::default()).await;
    let mut raw = raw(&running).await;
    let packed = |name: &str| {
        let type_url = format!("type.googleapis.com/arrow.flight.protocol.sql.{name}");
        FlightDescriptor::new_cmd(Any { type_url, value: Default::default() }.encode_to_vec())
    };
    for (descriptor, code, text) in [
        (packed("CommandOfTomorrow"), Code::Unimplemented, "CommandOfTomorrow is not a command of GetFlightInfo"),
        (packed("CommandStatementSubstraitPlan"), Code::Unimplemented, "send SQL"),
        (packed("CommandStatementIngest"), Code::Unimplemented, "CommandStatementIngest is not a command"),
        (FlightDescriptor::new_path(vec!["a".into()]), Code::InvalidArgument, "paths are not served"),
        (FlightDescriptor::new_cmd(""), Code::InvalidArgument, "no command"),
        (
            FlightDescriptor::new_cmd(vec![0xffu8, 0x00]),
            Code::InvalidArgument,
            "neither a Flight SQL message nor a SQL text",
        ),
    ] {
        let status = raw.get_flight_info(descriptor).await.unwrap_err();
        assert_eq!(status.code(), code, "{status}");
        assert!(status.message().contains(text), "{status}");
    }
    let update = arrow_flight::sql::CommandStatementUpdate { query: "SELECT 1".into(), transaction_id: None };
    let ticket = Ticket::new(Command::CommandStatementUpdate(update).into_any().encode_to_vec());
    assert_eq!(raw.do_get(ticket).await.unwrap_err().code(), Code::Unimplemented);
}
