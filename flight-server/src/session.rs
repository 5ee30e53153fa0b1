//! Sessions and what they hold: prepared statements and results waiting to be fetched.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::ScalarValue;
use headwater_common::clock::Stopwatch;
use headwater_common::{Error, Limits, Result};
use headwater_engine::{Engine, Prepared, Session};
use parking_lot::Mutex;
use tonic::Request;
use tonic::metadata::MetadataMap;

use crate::auth::{self, Credentials};
use crate::connection::ConnectionId;
use crate::options::WireOptions;

/// A session that was not used for this long makes room for a new one when there are as many as there may be.
const SPARE_MS: u64 = 60_000;

/// A prepared statement with the parameters that were bound last.
#[derive(Debug, Clone)]
pub(crate) struct Handle {
    pub(crate) prepared: Prepared,
    /// Schema of the result with these parameters.
    pub(crate) schema: SchemaRef,
    /// One set of values for each row that was bound; `None` before anything was.
    pub(crate) bound: Option<Vec<Vec<ScalarValue>>>,
}

/// One client's session on the wire.
#[derive(Debug)]
pub(crate) struct WireSession {
    pub(crate) session: Session,
    pub(crate) options: Mutex<WireOptions>,
    handles: Mutex<HashMap<String, Handle>>,
    used: Mutex<Stopwatch>,
}

impl WireSession {
    /// Keeps a prepared statement and returns its name, which nobody can guess.
    pub(crate) fn keep(&self, prepared: Prepared) -> Result<String> {
        let most = self.session.engine().limits().prepared_statements;
        let mut handles = self.handles.lock();
        Limits::check("prepared statements of the session", handles.len() as u64 + 1, most, "prepared_statements")?;
        let name = uuid::Uuid::new_v4().to_string();
        let schema = prepared.schema();
        handles.insert(name.clone(), Handle { prepared, schema, bound: None });
        Ok(name)
    }

    pub(crate) fn handle(&self, name: &[u8]) -> Result<Handle> {
        let found = std::str::from_utf8(name).ok().and_then(|n| self.handles.lock().get(n).cloned());
        found.ok_or_else(unknown_handle)
    }

    pub(crate) fn bind(&self, name: &[u8], schema: SchemaRef, bound: Vec<Vec<ScalarValue>>) -> Result<()> {
        let mut handles = self.handles.lock();
        let found = std::str::from_utf8(name).ok().and_then(|n| handles.get_mut(n));
        let found = found.ok_or_else(unknown_handle)?;
        found.schema = schema;
        found.bound = Some(bound);
        Ok(())
    }

    pub(crate) fn close(&self, name: &[u8]) {
        if let Ok(name) = std::str::from_utf8(name) {
            self.handles.lock().remove(name);
        }
    }

    /// Takes a statement that is fetched once.
    pub(crate) fn take(&self, name: &[u8]) -> Result<Handle> {
        let found = std::str::from_utf8(name).ok().and_then(|n| self.handles.lock().remove(n));
        found.ok_or_else(unknown_handle)
    }

    fn idle_ms(&self) -> u64 {
        self.used.lock().elapsed_ms()
    }
}

fn unknown_handle() -> Error {
    Error::not_found("the prepared statement or ticket is used up, closed, expired or belongs to another session")
}

/// What names a session.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    /// A token that a handshake gave out.
    Issued(String),
    /// A user on a connection: clients with configured tokens, with a password in every call, or without either.
    Connection(ConnectionId, String),
}

/// A token that a handshake gave out.
#[derive(Debug)]
struct Issued {
    user: String,
    used: Stopwatch,
}

/// All sessions of a server.
#[derive(Debug)]
pub(crate) struct Sessions {
    engine: Engine,
    by_key: Mutex<HashMap<Key, Arc<WireSession>>>,
    issued: Mutex<HashMap<String, Issued>>,
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
        make_room(&mut issued, self.engine.limits().sessions, |i| i.used.elapsed_ms())?;
        issued.insert(token.clone(), Issued { user, used: Stopwatch::start() });
        Ok(token)
    }

    /// Who calls: by a token, or by the connection where no caller must say who it is.
    fn caller<T>(&self, request: &Request<T>) -> Result<(Key, String)> {
        let config = &self.engine.config().server;
        let connection = request.extensions().get::<ConnectionId>().copied().unwrap_or_default();
        let on_connection = |user: String| (Key::Connection(connection, user.clone()), user);
        match auth::credentials(request.metadata())? {
            Credentials::Bearer(token) => {
                if let Some(issued) = self.issued.lock().get_mut(&token) {
                    issued.used = Stopwatch::start();
                    return Ok((Key::Issued(token), issued.user.clone()));
                }
                match auth::token_user(config, &token) {
                    Some(user) => Ok(on_connection(user)),
                    None if auth::required(config) => Err(auth::refused()),
                    None => Ok(on_connection("anonymous".to_owned())),
                }
            }
            Credentials::Basic(user, password) if auth::required(config) => {
                Ok(on_connection(auth::user(config, &user, &password)?))
            }
            Credentials::None if auth::required(config) => Err(auth::refused()),
            _ => Ok(on_connection("anonymous".to_owned())),
        }
    }

    /// The session of a call; a new one when the caller has none.
    pub(crate) fn of<T>(&self, request: &Request<T>) -> Result<Arc<WireSession>> {
        let (key, user) = self.caller(request)?;
        let mut sessions = self.by_key.lock();
        if let Some(found) = sessions.get(&key) {
            *found.used.lock() = Stopwatch::start();
            return Ok(Arc::clone(found));
        }
        make_room(&mut sessions, self.engine.limits().sessions, |s| s.idle_ms())?;
        let session = self.engine.session(&user)?;
        set_defaults(&session, request.metadata())?;
        let made = Arc::new(WireSession {
            session,
            options: Mutex::default(),
            handles: Mutex::default(),
            used: Mutex::new(Stopwatch::start()),
        });
        sessions.insert(key, Arc::clone(&made));
        Ok(made)
    }

    /// The session of a call, if the caller has one.
    pub(crate) fn find<T>(&self, request: &Request<T>) -> Result<Option<Arc<WireSession>>> {
        let (key, _) = self.caller(request)?;
        let found = self.by_key.lock().get(&key).map(Arc::clone);
        if let Some(session) = &found {
            *session.used.lock() = Stopwatch::start();
        }
        Ok(found)
    }

    /// Ends the caller's session: its statements are gone, and a token that a handshake gave out is no longer known.
    pub(crate) fn end<T>(&self, request: &Request<T>) -> Result<()> {
        let (key, _) = self.caller(request)?;
        self.by_key.lock().remove(&key);
        if let Key::Issued(token) = &key {
            self.issued.lock().remove(token);
        }
        Ok(())
    }

    /// Ends the sessions that only their connection names.
    pub(crate) fn connection_ended(&self, ended: ConnectionId) {
        self.by_key.lock().retain(|key, _| !matches!(key, Key::Connection(id, _) if *id == ended));
    }

    /// Ends sessions and forgets tokens that were not used for the configured time. One with a running call is in use.
    pub(crate) fn expire(&self) {
        let idle = self.engine.config().server.session_idle_ms;
        let mut sessions = self.by_key.lock();
        sessions.retain(|_, s| Arc::strong_count(s) > 1 || s.idle_ms() < idle);
        self.issued
            .lock()
            .retain(|token, i| i.used.elapsed_ms() < idle || sessions.contains_key(&Key::Issued(token.clone())));
    }

    /// Number of open sessions and of known tokens.
    #[cfg(test)]
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.by_key.lock().len(), self.issued.lock().len())
    }
}

/// Refuses one more entry than there may be, unless one can go that nobody uses.
fn make_room<K: Clone + Eq + Hash, V>(entries: &mut HashMap<K, V>, most: u64, idle_ms: impl Fn(&V) -> u64) -> Result<()> {
    if most == 0 || (entries.len() as u64) < most {
        return Ok(());
    }
    let longest = entries.iter().map(|(k, v)| (idle_ms(v), k)).max_by_key(|(idle, _)| *idle);
    match longest.filter(|(idle, _)| *idle >= SPARE_MS).map(|(_, k)| k.clone()) {
        Some(key) => drop(entries.remove(&key)),
        None => Limits::check("open sessions", entries.len() as u64 + 1, most, "sessions")?,
    }
    Ok(())
}

/// Defaults that a client names in the headers of its first call, such as JDBC's `?schema=sales`.
fn set_defaults(session: &Session, metadata: &MetadataMap) -> Result<()> {
    let text = |name: &str| metadata.get(name).and_then(|v| v.to_str().ok()).filter(|v| !v.is_empty());
    let (catalog, schema) = (text("catalog").or_else(|| text("database")), text("schema"));
    if catalog.is_some() || schema.is_some() {
        session.set_default(catalog, schema)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "tokio::test starts a runtime")]

    use super::*;
    use headwater_common::config::Config;

    async fn sessions(idle_ms: u64, most: u64) -> Sessions {
        let mut config = Config::default();
        config.server.session_idle_ms = idle_ms;
        config.limits.sessions = most;
        Sessions::new(Engine::builder().config(config).build().await.unwrap())
    }

    fn bearer(token: &str) -> Request<()> {
        let mut request = Request::new(());
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        request
    }

    #[tokio::test]
    async fn idle_sessions_and_their_tokens_are_forgotten() {
        let sessions = sessions(30, 10).await;
        let token = sessions.log_in(Credentials::Basic("ann".into(), "pw".into())).unwrap();
        let unused = sessions.log_in(Credentials::None).unwrap();
        let wire = sessions.of(&bearer(&token)).unwrap();
        assert_ne!(token, unused);
        assert_eq!(wire.session.user(), "ann");
        assert_eq!(sessions.counts(), (1, 2));
        tokio::time::sleep(std::time::Duration::from_millis(60)).await;
        sessions.expire();
        assert_eq!(sessions.counts(), (1, 1), "a session with a running call is in use");
        drop(wire);
        sessions.expire();
        assert_eq!(sessions.counts(), (0, 0));
    }

    #[tokio::test]
    async fn the_number_of_sessions_and_tokens_is_limited() {
        let sessions = sessions(60_000, 2).await;
        for _ in 0..2 {
            sessions.log_in(Credentials::None).unwrap();
        }
        let refused = sessions.log_in(Credentials::None).unwrap_err().to_string();
        assert!(refused.contains("limits.sessions"), "{refused}");
    }

    #[tokio::test]
    async fn an_ended_connection_takes_its_sessions_along() {
        let sessions = sessions(60_000, 10).await;
        let mut request = Request::new(());
        request.extensions_mut().insert(ConnectionId::default());
        let first = sessions.of(&request).unwrap();
        assert!(sessions.find(&request).unwrap().is_some_and(|s| Arc::ptr_eq(&s, &first)));
        sessions.connection_ended(ConnectionId::default());
        assert!(sessions.find(&request).unwrap().is_none());
        assert_eq!(sessions.counts(), (0, 0));
    }
}
