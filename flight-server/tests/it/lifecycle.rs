//! Who may call, and how calls and servers end.

use std::time::Duration;

use arrow_flight::sql::client::FlightSqlServiceClient;
use futures::StreamExt;
use headwater_common::Secret;
use headwater_common::config::{Config, ServerConfig};
use headwater_engine::Engine;
use headwater_flight_server::Server;
use tonic::transport::Channel;

use crate::{client, fetch, query, start};

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_stream_stops_its_query() {
    let mut config = Config::default();
    config.limits.concurrent_queries = 1;
    let running = start(config).await;
    let mut client = client(&running).await;
    let endless = "SELECT a.value + b.value FROM generate_series(1, 100000) a CROSS JOIN generate_series(1, 1000000) b";
    let info = client.execute(endless.into(), None).await.unwrap();
    let mut stream = client.do_get(info.endpoint[0].ticket.clone().unwrap()).await.unwrap();
    stream.next().await.unwrap().unwrap();
    drop(stream);
    // Only one query may run, so this one waits for the end of the other.
    let next = tokio::time::timeout(Duration::from_secs(10), query(&mut client, "SELECT 1")).await;
    assert_eq!(next.expect("the dropped query still runs")[0].num_rows(), 1);
    drop(running.engine);
}

#[tokio::test(flavor = "multi_thread")]
async fn users_and_tokens_are_asked_for() {
    let server = ServerConfig {
        users: vec![("ann".into(), Secret::new("pw"))],
        tokens: vec![("ci".into(), Secret::new("t0ken"))],
        ..ServerConfig::default()
    };
    let running = start(Config { server, ..Config::default() }).await;
    let mut anonymous = client(&running).await;
    assert!(anonymous.execute("SELECT 1".into(), None).await.is_err());
    assert!(anonymous.handshake("ann", "wrong").await.is_err());
    anonymous.handshake("ann", "pw").await.unwrap();
    assert_eq!(query(&mut anonymous, "SELECT 1").await[0].num_rows(), 1);
    let mut with_token = client(&running).await;
    with_token.set_token("t0ken".into());
    assert_eq!(query(&mut with_token, "SELECT 1").await[0].num_rows(), 1);
    let mut forged = client(&running).await;
    forged.set_token("t0ken2".into());
    assert!(forged.execute("SELECT 1".into(), None).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_address_needs_tls_and_users() {
    let engine = Engine::builder().build().await.unwrap();
    let config = ServerConfig { flight_listen: "0.0.0.0:0".into(), ..ServerConfig::default() };
    let error = Server::bind(engine, &config).await.unwrap_err().to_string();
    assert!(error.contains("server.tls.certificate"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_lets_running_streams_end() {
    let mut running = start(Config::default()).await;
    let mut client = client(&running).await;
    let info = client.execute("SELECT value, repeat('x', 100) FROM generate_series(1, 300000)".into(), None).await.unwrap();
    let mut stream = client.do_get(info.endpoint[0].ticket.clone().unwrap()).await.unwrap();
    let mut rows = stream.next().await.unwrap().unwrap().num_rows();
    running.stop.take().unwrap().send(()).unwrap();
    while let Some(batch) = stream.next().await {
        rows += batch.unwrap().num_rows();
    }
    assert_eq!(rows, 300_000);
    drop((stream, client));
    tokio::time::timeout(Duration::from_secs(20), running.ended).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_of_another_session_are_not_found() {
    let server = ServerConfig {
        users: vec![("ann".into(), Secret::new("a")), ("bob".into(), Secret::new("b"))],
        ..ServerConfig::default()
    };
    let running = start(Config { server, ..Config::default() }).await;
    let mut clients = Vec::new();
    for (user, password) in [("ann", "a"), ("bob", "b"), ("ann", "a")] {
        let mut one = client(&running).await;
        one.handshake(user, password).await.unwrap();
        clients.push(one);
    }
    let mut prepared = clients[0].prepare("SELECT 1".into(), None).await.unwrap();
    let info = prepared.execute().await.unwrap();
    let ticket = info.endpoint[0].ticket.clone().unwrap();
    for other in clients.iter_mut().skip(1) {
        let error = other.do_get(ticket.clone()).await.err().map(|e| e.to_string()).unwrap_or_default();
        assert!(error.contains("belongs to another session"), "{error}");
    }
    // The same session on a second connection, by its token.
    let token = clients[0].token().cloned().unwrap();
    let mut second = client(&running).await;
    second.set_token(token);
    assert_eq!(fetch(&mut second, info).await[0].num_rows(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_session_expires_with_its_token() {
    let server =
        ServerConfig { users: vec![("ann".into(), Secret::new("a"))], session_idle_ms: 300, ..ServerConfig::default() };
    let running = start(Config { server, ..Config::default() }).await;
    let mut client = client(&running).await;
    client.handshake("ann", "a").await.unwrap();
    for _ in 0..5 {
        query(&mut client, "SELECT 1").await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(Duration::from_millis(900)).await;
    let error = client.execute("SELECT 1".into(), None).await.unwrap_err().to_string();
    assert!(error.contains("wrong user name, password or token"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_connections_that_come_and_go_leave_nothing() {
    let mut config = Config::default();
    config.limits.sessions = 20;
    let running = start(config).await;
    for _ in 0..100 {
        let mut client: FlightSqlServiceClient<Channel> = client(&running).await;
        // The end of a connection is noticed a moment later.
        let mut left = 50;
        while let Err(e) = client.execute("SELECT 1".into(), None).await {
            left -= 1;
            assert!(left > 0, "{e}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
