//! Connections to the nodes, and pipelines of commands over them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use headwater_common::{Error, Result};
use headwater_source::tls::{certificates, private_key, unreadable};
use parking_lot::Mutex;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, Cmd, ConnectionAddr, IntoConnectionInfo, Pipeline, RedisConnectionInfo,
    RedisError, TlsCertificates, Value,
};

use crate::commands::Command;
use crate::config::{Address, Login, Mode, RedisConfig, Tls};
use crate::error::{failed, refused};
use crate::topology::{Topology, cluster_topology, master_address};

/// Bytes of commands that may wait for the socket.
const WRITE_BYTES: usize = 256 << 10;

/// Connections of one source.
pub(crate) struct Connections {
    source: String,
    config: RedisConfig,
    certificates: Option<TlsCertificates>,
    /// By node and place.
    open: Mutex<HashMap<(Address, usize), MultiplexedConnection>>,
    next: AtomicUsize,
    topology: Mutex<Option<Arc<Topology>>>,
    closed: AtomicBool,
}

impl std::fmt::Debug for Connections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connections").field("source", &self.source).finish_non_exhaustive()
    }
}

impl Connections {
    /// Connects when it is first used.
    pub(crate) fn new(source: &str, config: &RedisConfig) -> Result<Self> {
        Ok(Self {
            source: source.to_owned(),
            certificates: config.tls.as_ref().map(tls_certificates).transpose()?,
            config: config.clone(),
            open: Mutex::default(),
            next: AtomicUsize::new(0),
            topology: Mutex::default(),
            closed: AtomicBool::new(false),
        })
    }

    /// A place among the connections to a node; the work of a scan stays on one.
    pub(crate) fn place(&self) -> usize {
        self.next.fetch_add(1, Ordering::Relaxed) % self.config.pool_size
    }

    /// The nodes and their slots, as they were last seen.
    pub(crate) async fn topology(&self) -> Result<Arc<Topology>> {
        let known = self.topology.lock().clone();
        if let Some(known) = known {
            return Ok(known);
        }
        let found = Arc::new(match &self.config.mode {
            Mode::Standalone => Topology::one((self.config.host.clone(), self.config.port)),
            Mode::Sentinel { master } => Topology::one(self.any_seed(|seed| self.sentinel(seed, master)).await?),
            Mode::Cluster => self.any_seed(|seed| self.cluster(seed)).await?,
        });
        *self.topology.lock() = Some(Arc::clone(&found));
        Ok(found)
    }

    /// The nodes are looked at again when they are next needed.
    pub(crate) fn forget_topology(&self) {
        if self.config.mode != Mode::Standalone {
            *self.topology.lock() = None;
        }
    }

    /// The answer of the first seed that gives one.
    async fn any_seed<T, F: Future<Output = Result<T>>>(&self, ask: impl Fn(Address) -> F) -> Result<T> {
        let mut last = None;
        for seed in self.config.seeds() {
            match ask(seed).await {
                Ok(found) => return Ok(found),
                Err(e) => last = Some(e),
            }
        }
        Err(last.unwrap_or_else(|| Error::unavailable(&self.source, "no node is named")))
    }

    async fn sentinel(&self, seed: Address, master: &str) -> Result<Address> {
        let login = &self.config.sentinel_login;
        let mut connection = self.connect(&seed, login, 0).await.map_err(|e| failed(&self.source, &e))?;
        let command = [b"SENTINEL".to_vec(), b"GET-MASTER-ADDR-BY-NAME".to_vec(), master.as_bytes().to_vec()];
        let answer = send(&mut connection, &[Command::new(command)]).await.map_err(|e| failed(&self.source, &e))?;
        let address = answer.into_iter().next().and_then(master_address);
        address.ok_or_else(|| {
            Error::unavailable(&self.source, "no sentinel knows the master; check option \"sentinel_master\"")
        })
    }

    async fn cluster(&self, seed: Address) -> Result<Topology> {
        let answers = self.ask(&seed, 0, &[Command::words(["CLUSTER", "NODES"])], true).await?;
        let nodes = answers.into_iter().next().unwrap_or_default();
        if let Value::ServerError(e) = &nodes {
            return Err(refused(&self.source, e));
        }
        cluster_topology(&self.source, &seed.0, nodes)
    }

    /// Sends commands in one go and returns their answers, errors among them. What only reads and does not depend on an answer
    /// before (`again`) is sent again when a connection turns out to have been closed meanwhile.
    pub(crate) async fn ask(&self, node: &Address, place: usize, commands: &[Command], again: bool) -> Result<Vec<Value>> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::unavailable(&self.source, "the source was dropped").retryable(false));
        }
        let key = (node.clone(), place % self.config.pool_size);
        let known = self.open.lock().get(&key).cloned();
        if let Some(mut connection) = known {
            match send(&mut connection, commands).await {
                Err(e) if again && e.is_connection_dropped() => self.forget(&key),
                other => return other.map_err(|e| self.broken(&key, &e)),
            }
        }
        let connected = self.connect(node, &self.config.login, self.config.db).await;
        let mut connection = connected.map_err(|e| self.broken(&key, &e))?;
        self.open.lock().insert(key.clone(), connection.clone());
        send(&mut connection, commands).await.map_err(|e| self.broken(&key, &e))
    }

    /// A connection that nobody else uses, for commands whose effect lasts, such as WATCH.
    pub(crate) async fn own(&self, node: &Address) -> Result<Own> {
        let connection = self.connect(node, &self.config.login, self.config.db).await;
        Ok(Own { source: self.source.clone(), connection: connection.map_err(|e| failed(&self.source, &e))? })
    }

    fn forget(&self, key: &(Address, usize)) {
        self.open.lock().remove(key);
    }

    fn broken(&self, key: &(Address, usize), error: &RedisError) -> Error {
        if error.is_io_error() || error.is_unrecoverable_error() {
            self.forget(key);
            self.forget_topology();
        }
        failed(&self.source, error)
    }

    async fn connect(&self, node: &Address, login: &Login, db: i64) -> Result<MultiplexedConnection, RedisError> {
        let (host, port) = node.clone();
        let mut settings = RedisConnectionInfo::default().set_db(db).set_protocol(self.config.protocol);
        settings = settings.set_lib_name("headwater", env!("CARGO_PKG_VERSION"));
        if let Some(user) = &login.user {
            settings = settings.set_username(user);
        }
        if let Some(password) = &login.password {
            settings = settings.set_password(password.expose());
        }
        let client = match &self.certificates {
            Some(certificates) => {
                let address = ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None };
                let info = address.into_connection_info()?.set_redis_settings(settings);
                Client::build_with_tls(info, certificates.clone())?
            }
            None => Client::open(ConnectionAddr::Tcp(host, port).into_connection_info()?.set_redis_settings(settings))?,
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.config.connect_timeout))
            .set_response_timeout(Some(self.config.response_timeout))
            .set_write_backpressure_boundary(WRITE_BYTES);
        client.get_multiplexed_async_connection_with_config(&config).await
    }

    /// Refuses new requests and ends the connections.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.open.lock().clear();
    }
}

/// A connection that nobody else uses.
#[derive(Debug)]
pub(crate) struct Own {
    source: String,
    connection: MultiplexedConnection,
}

impl Own {
    /// Sends commands in one go and returns their answers, errors among them.
    pub(crate) async fn ask(&mut self, commands: &[Command]) -> Result<Vec<Value>> {
        send(&mut self.connection, commands).await.map_err(|e| failed(&self.source, &e))
    }
}

async fn send(connection: &mut MultiplexedConnection, commands: &[Command]) -> Result<Vec<Value>, RedisError> {
    let mut pipeline = Pipeline::with_capacity(commands.len());
    for command in commands {
        let arguments = command.arguments();
        let mut cmd = Cmd::with_capacity(arguments.len(), arguments.iter().map(Vec::len).sum());
        for argument in arguments {
            cmd.arg(argument.as_slice());
        }
        pipeline.add_command(cmd);
    }
    let answers = connection.req_packed_commands(&pipeline, 0, commands.len()).await?;
    if answers.len() != commands.len() {
        return Err(RedisError::from((redis::ErrorKind::Parse, "fewer answers than commands")));
    }
    Ok(answers)
}

fn tls_certificates(tls: &Tls) -> Result<TlsCertificates> {
    let read = |option: &str, path: &std::path::Path| std::fs::read(path).map_err(|e| unreadable(option, path, &e));
    let root_cert = match &tls.root_certificate {
        Some(path) => {
            certificates("ssl_root_certificate", path)?;
            Some(read("ssl_root_certificate", path)?)
        }
        None => None,
    };
    let client_tls = match (&tls.certificate, &tls.key) {
        (Some(certificate), Some(key)) => {
            certificates("ssl_certificate", certificate)?;
            private_key("ssl_key", key)?;
            let (client_cert, client_key) = (read("ssl_certificate", certificate)?, read("ssl_key", key)?);
            Some(ClientTlsConfig { client_cert, client_key })
        }
        _ => None,
    };
    Ok(TlsCertificates { client_tls, root_cert })
}
