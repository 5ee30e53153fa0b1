//! The pool of connections.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, TimeoutType, Timeouts};
use headwater_common::clock::Stopwatch;
use headwater_common::retry::Backoff;
use headwater_common::{Error, ErrorKind, Result};
use tokio_postgres::config::SslNegotiation;
use tokio_postgres::{CancelToken, NoTls, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::catalog_queries as queries;
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
    /// No further try begins later than this after the first one.
    patience: Duration,
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
            Security::Tls(tls) => Manager::from_config(pg, MergedTls(tls.clone(), config.response_timeout), method),
            Security::Plain => {
                // What merges messages stands in for TLS; nothing is encrypted, as was asked.
                pg.ssl_mode(tokio_postgres::config::SslMode::Require).ssl_negotiation(SslNegotiation::Direct);
                Manager::from_config(pg, MergedPlain(config.response_timeout), method)
            }
            Security::Socket => Manager::from_config(pg, NoTls, method),
        };
        let pool = Pool::builder(manager)
            .max_size(config.pool_size)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|e| Error::internal(format!("pool: {e}")))?;
        let (wait, patience, size) = (config.pool_wait, config.connect_timeout, config.pool_size);
        Ok(Self { source: source.to_owned(), pool, security, wait, patience, size })
    }

    /// Most connections.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Runs one text of statements on a connection, as the first thing that is done there, and returns both.
    ///
    /// Nothing has been read or changed before, so this may be tried again: at once for each connection of the pool that the
    /// server has ended meanwhile, with growing delays while the server cannot be reached. It waits when all connections are in
    /// use, but only once.
    pub(crate) async fn begin(&self, text: &str) -> Result<(Lease, Vec<SimpleQueryMessage>)> {
        let timeouts =
            Timeouts { wait: Some(self.wait), create: Some(self.patience.saturating_mul(ANSWERS)), ..Timeouts::default() };
        let (started, mut ended, mut attempt) = (Stopwatch::start(), 0, 0);
        loop {
            let object = match self.pool.timeout_get(&timeouts).await {
                Ok(object) => Ok(object),
                Err(PoolError::Backend(e)) => Err(classify(&self.source, e)),
                Err(e @ PoolError::Timeout(TimeoutType::Create)) => Err(self.error(e)),
                Err(e) => return Err(self.error(e)),
            };
            let (error, reused) = match object {
                Ok(object) => match self.run(object, text).await {
                    Ok(begun) => return Ok(begun),
                    Err(failed) => failed,
                },
                Err(error) => (error, false),
            };
            if !lost(&error) {
                return Err(error);
            }
            if reused && ended < self.size {
                ended += 1;
                continue;
            }
            let spent = u128::from(started.elapsed_ms());
            match BACKOFF.delay(attempt, even()).filter(|_| spent < self.patience.as_millis()) {
                Some(delay) => tokio::time::sleep(delay).await,
                None => return Err(error),
            }
            attempt += 1;
        }
    }

    /// The same on a connection that is free or can be made now; `None` when there is none.
    pub(crate) async fn try_begin(&self, text: &str) -> Result<Option<(Lease, Vec<SimpleQueryMessage>)>> {
        let timeouts = Timeouts {
            wait: Some(Duration::ZERO),
            create: Some(self.patience.saturating_mul(ANSWERS)),
            ..Timeouts::default()
        };
        for _ in 0..=self.size {
            let object = match self.pool.timeout_get(&timeouts).await {
                Ok(object) => object,
                Err(PoolError::Timeout(TimeoutType::Wait)) => return Ok(None),
                Err(e) => return Err(self.error(e)),
            };
            match self.run(object, text).await {
                Ok(begun) => return Ok(Some(begun)),
                Err((error, reused)) if !lost(&error) || !reused => return Err(error),
                Err(_) => {}
            }
        }
        Ok(None)
    }

    /// Runs a text; a failure says whether the connection had been used before.
    async fn run(&self, object: Object, text: &str) -> Result<(Lease, Vec<SimpleQueryMessage>), (Error, bool)> {
        let mut lease = Lease::new(object);
        let ran = match lease.object() {
            Ok(object) => object.simple_query(text).await.map_err(|e| classify(&self.source, e)),
            Err(e) => Err(e),
        };
        match ran {
            Ok(messages) => Ok((lease, messages)),
            Err(error) => {
                let object = lease.0.take();
                let reused = object.as_ref().is_some_and(|o| Object::metrics(o).recycle_count > 0);
                match object {
                    Some(object) if lost(&error) => drop(Object::take(object)),
                    other => other.into_iter().for_each(roll_back),
                }
                Err((error, reused))
            }
        }
    }

    fn error(&self, error: PoolError) -> Error {
        match error {
            PoolError::Timeout(TimeoutType::Create) => {
                let ms = (self.patience.saturating_mul(ANSWERS)).as_millis();
                let message =
                    format!("the server did not complete a connection within {ms} ms; raise option connect_timeout_ms");
                Error::unavailable(&self.source, message).retryable(true)
            }
            PoolError::Timeout(_) => Error::unavailable(
                &self.source,
                format!(
                    "all {} connections were in use for {} ms; raise option pool_size or pool_wait_ms",
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
            Security::Plain => token.cancel_query(MergedPlain(self.patience)).await,
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

/// Answers of the server before a connection can be used: the connection itself, its encryption, who it is of.
const ANSWERS: u32 = 3;
/// How patiently a server that cannot be reached is tried again.
const BACKOFF: Backoff =
    Backoff { delay_base: Duration::from_millis(50), delay_max: Duration::from_millis(400), retries: 3 };

/// Whether the connection, and not the statement, failed.
fn lost(error: &Error) -> bool {
    error.kind() == ErrorKind::Unavailable && error.is_retryable()
}

/// An even random number in `[0, 1)`.
fn even() -> f64 {
    let drawn = RandomState::new().build_hasher().finish() >> 11;
    drawn as f64 / (1u64 << 53) as f64
}

/// A connection that may be in a transaction: it goes back to the pool only after its transaction ended, also when the future
/// that held it was dropped halfway.
pub(crate) struct Lease(Option<Object>);

impl Lease {
    fn new(object: Object) -> Self {
        Self(Some(object))
    }

    /// The connection.
    pub(crate) fn object(&self) -> Result<&Object> {
        self.0.as_ref().ok_or_else(no_connection)
    }

    /// The connection, for one who ends its transaction or has none.
    pub(crate) fn into_object(mut self) -> Result<Object> {
        self.0.take().ok_or_else(no_connection)
    }
}

fn no_connection() -> Error {
    Error::internal("a lease without its connection")
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(roll_back);
    }
}

/// Ends a connection's transaction in the background and gives it back to the pool.
pub(crate) fn roll_back(object: Object) {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        drop(Object::take(object));
        return;
    };
    runtime.spawn(async move {
        if object.batch_execute(queries::ROLLBACK).await.is_err() {
            drop(Object::take(object));
        }
    });
}
