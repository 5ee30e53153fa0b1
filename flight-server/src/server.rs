//! Listens, and ends in good order.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arrow_flight::flight_service_server::FlightServiceServer;
use headwater_common::config::ServerConfig;
use headwater_common::{Error, Result};
use headwater_engine::Engine;
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Identity, Server as Transport, ServerTlsConfig};

use crate::auth;
use crate::service::Service;
use crate::session::Sessions;

/// Windows of HTTP/2: large enough that a fast client never waits for one.
const STREAM_WINDOW_BYTES: u32 = 8 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 16 << 20;
const FRAME_BYTES: u32 = 1 << 20;

/// A bound server that does not serve yet.
#[derive(Debug)]
pub struct Server {
    engine: Engine,
    config: ServerConfig,
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Binds the configured address. Listening beyond this machine needs TLS and users, or `server.insecure`.
    pub async fn bind(engine: Engine, config: &ServerConfig) -> Result<Self> {
        let wanted = &config.flight_listen;
        let listener = TcpListener::bind(wanted).await.map_err(|e| {
            Error::configuration(format!("cannot listen on {wanted}: {e}; choose another address in server.flight_listen"))
        })?;
        let address = listener.local_addr().map_err(|e| Error::internal(e.to_string()))?;
        let open = !address.ip().is_loopback() && !config.insecure;
        if open && (config.tls_certificate.is_none() || !auth::required(config)) {
            return Err(Error::configuration(format!(
                "listening on {address} needs server.tls.certificate, server.tls.key and server.auth, or server.insecure = true"
            )));
        }
        Ok(Self { engine, config: config.clone(), listener, address })
    }

    /// The address that clients connect to.
    pub fn local_address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` is ready. Then no new call is taken, running ones may end within the grace time, and what is left
    /// is cut off.
    pub async fn serve(self, shutdown: impl Future<Output = ()> + Send) -> Result<()> {
        let limits = Arc::clone(self.engine.limits());
        let receive = usize::try_from(limits.message_receive_bytes).unwrap_or(usize::MAX);
        let service = Service::new(Arc::new(Sessions::new(self.engine.clone())));
        let flight =
            FlightServiceServer::new(service).max_decoding_message_size(receive).max_encoding_message_size(usize::MAX);
        let (health, health_service) = tonic_health::server::health_reporter();
        health.set_serving::<FlightServiceServer<Service>>().await;
        let mut transport = Transport::builder()
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_frame_size(FRAME_BYTES)
            .max_concurrent_streams(200)
            .http2_keepalive_interval(Some(Duration::from_secs(30)));
        if let Some(tls) = tls(&self.config)? {
            transport = transport.tls_config(tls).map_err(|e| Error::configuration(format!("server.tls: {e}")))?;
        }
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        // Small answers must not wait for the client's acknowledgement of the last one.
        let incoming = TcpIncoming::from(self.listener).with_nodelay(Some(true));
        let serving =
            transport.add_service(health_service).add_service(flight).serve_with_incoming_shutdown(incoming, async {
                // An error means that the sender is gone, which ends the server too.
                let _ = stopped.await;
            });
        tokio::pin!(serving);
        let failed = |e: tonic::transport::Error| Error::internal(format!("server: {e}"));
        tokio::select! {
            ended = &mut serving => return ended.map_err(failed),
            () = shutdown => drop(stop),
        }
        let grace = Duration::from_millis(self.config.shutdown_grace_ms);
        match tokio::time::timeout(grace, serving).await {
            Ok(ended) => ended.map_err(failed)?,
            Err(_) => tracing::warn!("calls were cut off after server.shutdown_grace_ms"),
        }
        self.engine.shutdown().await;
        Ok(())
    }
}

/// Binds and serves.
pub async fn serve(engine: Engine, config: &ServerConfig, shutdown: impl Future<Output = ()> + Send) -> Result<()> {
    let server = Server::bind(engine, config).await?;
    tracing::info!(address = %server.local_address(), "Flight SQL is ready");
    server.serve(shutdown).await
}

fn tls(config: &ServerConfig) -> Result<Option<ServerTlsConfig>> {
    let (Some(certificate), Some(key)) = (&config.tls_certificate, &config.tls_key) else { return Ok(None) };
    let read = |name: &str, path: &std::path::Path| {
        std::fs::read(path).map_err(|e| Error::configuration(format!("{name}: cannot read {}: {e}", path.display())))
    };
    let identity = Identity::from_pem(read("server.tls.certificate", certificate)?, read("server.tls.key", key)?);
    let mut tls = ServerTlsConfig::new().identity(identity);
    if let Some(ca) = &config.tls_client_ca {
        tls = tls.client_ca_root(Certificate::from_pem(read("server.tls.client_ca", ca)?));
    }
    Ok(Some(tls))
}
