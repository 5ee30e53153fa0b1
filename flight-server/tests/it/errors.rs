//! Codes and texts of errors.

use std::time::Duration;

use arrow_flight::FlightDescriptor;
use futures::TryStreamExt;
use headwater_common::config::Config;
use tonic::{Code, Request};

use crate::{client, raw, start};

#[tokio::test(flavor = "multi_thread")]
async fn errors_have_the_code_of_their_cause() {
    let running = start(Config::default()).await;
    let mut client = client(&running).await;
    for (sql, code) in [
        ("SELEC 1", "invalid argument"),
        ("SELECT * FROM nowhere", "not found"),
        ("SELECT nothing", "invalid argument"),
        ("CREATE TABLE t (a int)", "not implemented"),
        ("SELECT 1; SELECT 2", "invalid argument"),
    ] {
        let error = client.execute(sql.to_owned(), None).await.unwrap_err().to_string();
        assert!(error.to_lowercase().contains(code), "{sql}: {error}");
        assert!(!error.contains("Plan(") && !error.contains("backtrace"), "{sql}: {error}");
    }
    let info = client.execute("SELECT 10 / (value - 5) FROM generate_series(1, 9)".into(), None).await.unwrap();
    let stream = client.do_get(info.endpoint[0].ticket.clone().unwrap()).await.unwrap();
    let error = stream.try_collect::<Vec<_>>().await.unwrap_err().to_string();
    assert!(error.to_lowercase().contains("divide by zero"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_errors_of_users_are_never_internal() {
    let running = start(Config::default()).await;
    let mut raw = raw(&running).await;
    let (invalid, missing, unsupported) = (Code::InvalidArgument, Code::NotFound, Code::Unimplemented);
    let cases = [
        ("", invalid),
        ("   ", invalid),
        ("-- nothing", invalid),
        ("SELEC 1", invalid),
        ("SELECT FROM", invalid),
        ("SELECT (1", invalid),
        ("SELECT 'open", invalid),
        ("SELECT 1; SELECT 2", invalid),
        ("SELECT nothing", invalid),
        ("SELECT 1 + 'x' FROM (VALUES (1)) t(a) GROUP BY b", invalid),
        ("SELECT a, count(*) FROM (VALUES (1, 2)) t(a, b)", invalid),
        ("SELECT no_such_function(1)", invalid),
        ("SELECT abs(1, 2, 3)", invalid),
        ("SELECT abs(DATE '2024-01-01')", invalid),
        ("SELECT CAST('x' AS no_such_type)", unsupported),
        ("SELECT * FROM (VALUES (1)) t(a) WHERE a", invalid),
        ("SELECT $0", invalid),
        ("SELECT $1, $3", invalid),
        ("SELECT $name", invalid),
        ("SELECT * FROM nowhere", missing),
        ("SELECT * FROM no.such.table_here", missing),
        ("SELECT * FROM system.no_such_table", missing),
        ("INSERT INTO nowhere VALUES (1)", missing),
        ("CREATE TABLE t (a int)", unsupported),
        ("DROP TABLE t", unsupported),
        ("BEGIN", unsupported),
        ("COPY (SELECT 1) TO '/tmp/x.csv'", Code::PermissionDenied),
        ("SET limits.memory_bytes = 1", Code::PermissionDenied),
        ("SET no.such.setting = 1", invalid),
        ("DROP SOURCE nothing_there", missing),
    ];
    for (sql, expected) in cases {
        let answer = match raw.get_flight_info(FlightDescriptor::new_cmd(sql)).await {
            Ok(info) => {
                let ticket = info.into_inner().endpoint[0].ticket.clone().unwrap();
                let stream = raw.do_get(ticket).await.unwrap().into_inner();
                stream.try_collect::<Vec<_>>().await.err()
            }
            Err(status) => Some(status),
        };
        let status = answer.unwrap_or_else(|| panic!("{sql} is no error"));
        assert_eq!(status.code(), expected, "{sql}: {status}");
        for internals in ["Plan(", "Some(", "backtrace", "Diagnostic", "ParserError(", "DataFusion"] {
            assert!(!status.message().contains(internals), "{sql}: {status}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_limit_of_a_client_is_kept() {
    let running = start(Config::default()).await;
    let mut raw = raw(&running).await;
    let endless =
        "SELECT sum(a.value % 7 + b.value) FROM generate_series(1, 1000000) a CROSS JOIN generate_series(1, 1000000) b";
    let info = raw.get_flight_info(FlightDescriptor::new_cmd(endless)).await.unwrap().into_inner();
    let mut request = Request::new(info.endpoint[0].ticket.clone().unwrap());
    // The header alone: the client's own timer must not be what ends the call.
    request.metadata_mut().insert("grpc-timeout", "400m".parse().unwrap());
    let stream = raw.do_get(request).await.unwrap().into_inner();
    let ended = tokio::time::timeout(Duration::from_secs(10), stream.try_collect::<Vec<_>>()).await.unwrap();
    assert_eq!(ended.unwrap_err().code(), Code::DeadlineExceeded);
}
