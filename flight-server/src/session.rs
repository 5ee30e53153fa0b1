//! Sessions and what they hold: prepared statements and results waiting to be fetched.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use datafusion::common::ScalarValue;
use headwater_common::clock::Stopwatch;
use headwater_common::{Error, Limits, Result};
use headwater_engine::{Engine, Prepared, Session};
use parking_lot::Mutex;
use tonic::Request;

use crate::auth::{self, Credentials};

/// A prepared statement with the parameters that were bound last.
#[derive(Debug, Clone)]
pub(crate) struct Handle {
    pub(crate) prepared: Prepared,
    /// One set of values for each row that was bound.
    pub(crate) bound: Vec<Vec<ScalarValue>>,
}

/// One client's session on the wire.
#[derive(Debug)]
pub(crate) struct WireSession {
    pub(crate) session: Session,
    handles: Mutex<HashMap<String, Handle>>,
    used: Mutex<Stopwatch>,
}

impl WireSession {
    /// Keeps a prepared statement and returns its name, which nobody can guess.
    pub(crate) fn keep(&self, prepared: Prepared, most: u64) -> Result<String> {
        let mut handles = self.handles.lock();
        Limits::check("prepared statements of the session", handles.len() as u64 + 1, most, "prepared_statements")?;
        let name = uuid::Uuid::new_v4().to_string();
        handles.insert(name.clone(), Handle { prepared, bound: Vec::new() });
        Ok(name)
    }

    pub(crate) fn handle(&self, name: &[u8]) -> Result<Handle> {
        let found = std::str::from_utf8(name).ok().and_then(|n| self.handles.lock().get(n).cloned());
        found.ok_or_else(|| Error::not_found("the prepared statement is closed, expired or belongs to another session"))
    }

    pub(crate) fn bind(&self, name: &[u8], bound: Vec<Vec<ScalarValue>>) -> Result<()> {
        let mut handles = self.handles.lock();
        let found = std::str::from_utf8(name).ok().and_then(|n| handles.get_mut(n));
        let found = found.ok_or_else(|| Error::not_found("the prepared statement is closed or expired"))?;
        found.bound = bound;
        Ok(())
    }

    pub(crate) fn close(&self, name: &[u8]) {
        if let Ok(name) = std::str::from_utf8(name) {
            self.handles.lock().remove(name);
        }
    }

    /// Takes a statement that is fetched once.
    pub(crate) fn take(&self, name: &[u8]) -> Result<Handle> {
        let handle = self.handle(name)?;
        self.close(name);
        Ok(handle)
    }
}

/// All sessions of a server.
#[derive(Debug)]
pub(crate) struct Sessions {
    engine: Engine,
    by_key: Mutex<HashMap<String, Arc<WireSession>>>,
    /// Tokens given out by handshakes, with their users.
    issued: Mutex<HashMap<String, String>>,
}

impl Sessions {
    pub(crate) fn new(engine: Engine) -> Self {
        Self { engine, by_key: Mutex::default(), issued: Mutex::default() }
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Checks a handshake and gives out a token, which names the new session.
    pub(crate) fn log_in(&self, credentials: Credentials) -> Result<String> {
        let config = &self.engine.config().server;
        let user = match credentials {
            Credentials::Basic(user, password) if auth::required(config) => auth::user(config, &user, &password)?,
            Credentials::Basic(user, _) => user,
            Credentials::Bearer(token) => {
                if auth::token_user(config, &token).is_some() || self.issued.lock().contains_key(&token) {
                    return Ok(token);
                }
                return Err(auth::refused());
            }
            Credentials::None if auth::required(config) => return Err(auth::refused()),
            Credentials::None => "anonymous".to_owned(),
        };
        let token = uuid::Uuid::new_v4().simple().to_string();
        let mut issued = self.issued.lock();
        Limits::check("open sessions", issued.len() as u64 + 1, self.engine.limits().sessions, "sessions")?;
        issued.insert(token.clone(), user);
        Ok(token)
    }

    /// The session of a call: by its token, or by its connection where no caller must say who it is.
    pub(crate) fn of<T>(&self, request: &Request<T>) -> Result<Arc<WireSession>> {
        let config = &self.engine.config().server;
        let (key, user) = match auth::credentials(request.metadata())? {
            Credentials::Bearer(token) => {
                let issued = self.issued.lock().get(&token).cloned();
                let user = issued.or_else(|| auth::token_user(config, &token));
                match user {
                    Some(user) => (token, user),
                    None if auth::required(config) => return Err(auth::refused()),
                    None => (connection(request.remote_addr()), "anonymous".to_owned()),
                }
            }
            Credentials::Basic(user, password) if auth::required(config) => {
                let user = auth::user(config, &user, &password)?;
                (format!("{} {user}", connection(request.remote_addr())), user)
            }
            Credentials::None if auth::required(config) => return Err(auth::refused()),
            _ => (connection(request.remote_addr()), "anonymous".to_owned()),
        };
        self.open(key, &user)
    }

    fn open(&self, key: String, user: &str) -> Result<Arc<WireSession>> {
        let mut sessions = self.by_key.lock();
        if let Some(found) = sessions.get(&key) {
            *found.used.lock() = Stopwatch::start();
            return Ok(Arc::clone(found));
        }
        let idle = self.engine.config().server.session_idle_ms;
        sessions.retain(|_, s| s.used.lock().elapsed_ms() < idle);
        Limits::check("open sessions", sessions.len() as u64 + 1, self.engine.limits().sessions, "sessions")?;
        let session = self.engine.session(user)?;
        let made = Arc::new(WireSession { session, handles: Mutex::default(), used: Mutex::new(Stopwatch::start()) });
        sessions.insert(key, Arc::clone(&made));
        Ok(made)
    }
}

fn connection(peer: Option<SocketAddr>) -> String {
    peer.map_or_else(|| "local".to_owned(), |address| format!("peer {address}"))
}
