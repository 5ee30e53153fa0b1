//! The pool of connections.

use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, Timeouts};
use headwater_common::{Error, Result};
use tokio_postgres::config::SslNegotiation;
use tokio_postgres::{CancelToken, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::config::{PostgresConfig, SslMode};
use crate::error::classify;
use crate::merge::{MergedPlain, MergedTls};
use crate::tls;

/// How a connection is made.
#[derive(Clone)]
enum Security {
    Tls(MakeRustlsConnect),
    Plain,
    /// Over a Unix socket, which the driver reads by itself.
    Socket,
}

/// Connections of one source.
#[derive(Clone)]
pub(crate) struct Connections {
    source: String,
    pool: Pool,
    security: Security,
    wait: Duration,
    size: usize,
}

impl std::fmt::Debug for Connections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connections").field("source", &self.source).field("size", &self.size).finish_non_exhaustive()
    }
}

impl Connections {
    /// A pool that connects when it is first used.
    pub(crate) fn new(source: &str, config: &PostgresConfig) -> Result<Self> {
        tls::install_provider();
        let mut pg = tokio_postgres::Config::new();
        pg.host(&config.host)
            .port(config.port)
            .dbname(&config.database)
            .user(&config.user)
            .application_name("headwater")
            .connect_timeout(config.connect_timeout)
            .keepalives_idle(Duration::from_secs(30))
            .tcp_user_timeout(Duration::from_secs(30));
        if let Some(password) = &config.password {
            pg.password(password.expose());
        }
        if config.statement_timeout_ms > 0 && !config.pgbouncer {
            pg.options(format!("-c statement_timeout={}", config.statement_timeout_ms));
        }
        pg.ssl_mode(match config.ssl_mode {
            SslMode::Disable => tokio_postgres::config::SslMode::Disable,
            SslMode::Prefer => tokio_postgres::config::SslMode::Prefer,
            _ => tokio_postgres::config::SslMode::Require,
        });
        let security = match tls::client_config(config)? {
            Some(tls) => Security::Tls(MakeRustlsConnect::new(tls)),
            None if config.host.starts_with(['/', '@']) => Security::Socket,
            None => Security::Plain,
        };
        let method = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = match &security {
            Security::Tls(tls) => Manager::from_config(pg, MergedTls(tls.clone()), method),
            Security::Plain => {
                // What merges messages stands in for TLS; nothing is encrypted, as was asked.
                pg.ssl_mode(tokio_postgres::config::SslMode::Require).ssl_negotiation(SslNegotiation::Direct);
                Manager::from_config(pg, MergedPlain, method)
            }
            Security::Socket => Manager::from_config(pg, NoTls, method),
        };
        let pool = Pool::builder(manager)
            .max_size(config.pool_size)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|e| Error::internal(format!("pool: {e}")))?;
        Ok(Self { source: source.to_owned(), pool, security, wait: config.pool_wait, size: config.pool_size })
    }

    /// Most connections.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// A connection; waits for one when all are in use.
    pub(crate) async fn get(&self) -> Result<Object> {
        self.get_within(self.wait).await
    }

    /// A connection if one is free or can be made now.
    pub(crate) async fn try_get(&self) -> Result<Option<Object>> {
        let timeouts = Timeouts { wait: Some(Duration::ZERO), ..Timeouts::default() };
        match self.pool.timeout_get(&timeouts).await {
            Ok(object) => Ok(Some(object)),
            Err(PoolError::Timeout(_)) => Ok(None),
            Err(e) => Err(self.error(e)),
        }
    }

    async fn get_within(&self, wait: Duration) -> Result<Object> {
        let timeouts = Timeouts { wait: Some(wait), ..Timeouts::default() };
        self.pool.timeout_get(&timeouts).await.map_err(|e| self.error(e))
    }

    fn error(&self, error: PoolError) -> Error {
        match error {
            PoolError::Timeout(_) => Error::unavailable(
                &self.source,
                format!(
                    "all {} connections were in use for {} ms; raise option pool_size",
                    self.size,
                    self.wait.as_millis()
                ),
            ),
            PoolError::Backend(e) => classify(&self.source, e),
            PoolError::Closed => Error::unavailable(&self.source, "the source was dropped"),
            other => Error::internal(format!("pool: {other}")),
        }
    }

    /// Asks the server to stop what a connection does.
    pub(crate) async fn cancel(&self, token: CancelToken) {
        let sent = match &self.security {
            Security::Tls(tls) => token.cancel_query(tls.clone()).await,
            Security::Plain => token.cancel_query(MergedPlain).await,
            Security::Socket => token.cancel_query(NoTls).await,
        };
        if let Err(e) = sent {
            tracing::warn!(source = self.source, error = %e, "cannot cancel at the source");
        }
    }

    /// Closes idle connections; those in use close when they are given back.
    pub(crate) fn close(&self) {
        self.pool.close();
    }
}
