//! The service over a real socket.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "tokio::test starts a runtime")]

mod errors;
mod hostile;
mod lifecycle;
mod messages;
mod metadata;
mod options;
mod parameters;
mod queries;

use arrow::array::RecordBatch;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::{FlightInfo, Ticket};
use futures::TryStreamExt;
use headwater_common::config::Config;
use headwater_engine::Engine;
use headwater_flight_server::Server;
use tokio::sync::oneshot;
use tonic::transport::{Channel, Endpoint};

struct Running {
    address: std::net::SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    ended: tokio::task::JoinHandle<()>,
    engine: Engine,
}

async fn start(mut config: Config) -> Running {
    config.server.flight_listen = "127.0.0.1:0".into();
    let engine = Engine::builder().config(config.clone()).build().await.unwrap();
    let server = Server::bind(engine.clone(), &config.server).await.unwrap();
    let address = server.local_address();
    let (stop, stopped) = oneshot::channel::<()>();
    let ended = tokio::spawn(async move {
        server.serve(async { drop(stopped.await) }).await.unwrap();
    });
    Running { address, stop: Some(stop), ended, engine }
}

async fn channel(running: &Running) -> Channel {
    Endpoint::from_shared(format!("http://{}", running.address)).unwrap().connect().await.unwrap()
}

async fn client(running: &Running) -> FlightSqlServiceClient<Channel> {
    FlightSqlServiceClient::new(channel(running).await)
}

async fn fetch(client: &mut FlightSqlServiceClient<Channel>, info: FlightInfo) -> Vec<RecordBatch> {
    let announced = info.clone().try_decode_schema().unwrap();
    let ticket: Ticket = info.endpoint[0].ticket.clone().unwrap();
    let stream = client.do_get(ticket).await.unwrap();
    let batches: Vec<RecordBatch> = stream.try_collect().await.unwrap();
    for batch in &batches {
        assert_eq!(batch.schema().fields(), announced.fields(), "the stream has the announced schema");
    }
    batches
}

async fn query(client: &mut FlightSqlServiceClient<Channel>, sql: &str) -> Vec<RecordBatch> {
    let info = client.execute(sql.to_owned(), None).await.unwrap();
    fetch(client, info).await
}

/// A client of the plain Flight calls.
async fn raw(running: &Running) -> FlightServiceClient<Channel> {
    FlightServiceClient::new(channel(running).await).max_decoding_message_size(64 << 20)
}
