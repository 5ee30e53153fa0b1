//! All readers of one query see one snapshot of the database.
//!
//! The first reader begins a transaction and exports its snapshot; further readers import it. A query takes its first
//! connection from the pool and waits for it; more it takes only when they are free at once, else it waits for one of its own.
//! So no query holds a connection while it waits for one that another query holds, and queries cannot block each other.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Object;
use futures::StreamExt;
use headwater_common::{Error, Result};
use headwater_sqlgen::{Mode, Postgres, Statement, Writer};
use parking_lot::Mutex;
use tokio::sync::{Mutex as AsyncMutex, Notify};
use tokio_postgres::error::SqlState;
use tokio_postgres::{CopyOutStream, SimpleQueryMessage};

use crate::catalog_queries as queries;
use crate::connect::Connections;
use crate::error::classify;

/// The connections of one query to one source.
pub(crate) struct Readers {
    source: String,
    connections: Connections,
    pooler: bool,
    /// The exported snapshot, once there is one. Held while the first connection is made.
    snapshot: AsyncMutex<Option<String>>,
    held: Mutex<Held>,
    returned: Notify,
}

#[derive(Default)]
struct Held {
    idle: Vec<Object>,
    busy: usize,
}

impl Readers {
    pub(crate) fn new(source: &str, connections: Connections, pooler: bool) -> Self {
        Self {
            source: source.to_owned(),
            connections,
            pooler,
            snapshot: AsyncMutex::new(None),
            held: Mutex::new(Held::default()),
            returned: Notify::new(),
        }
    }

    /// A connection in a transaction on the query's snapshot.
    pub(crate) async fn take(&self) -> Result<Object> {
        loop {
            let returned = self.returned.notified();
            if let Some(object) = self.take_idle() {
                return Ok(object);
            }
            let mut snapshot = self.snapshot.lock().await;
            match snapshot.as_deref() {
                None => {
                    let lease = Lease::new(self.connections.get().await?);
                    *snapshot = Some(self.begin_first(lease.object()?).await?);
                    return self.begun(lease);
                }
                Some(id) => {
                    if let Some(object) = self.connections.try_get().await? {
                        let lease = Lease::new(object);
                        self.begin_on(lease.object()?, id).await?;
                        return self.begun(lease);
                    }
                }
            }
            drop(snapshot);
            if self.held.lock().busy == 0 {
                let message = "the query's connection was lost, so its snapshot is gone; run the query again";
                return Err(Error::unavailable(&self.source, message));
            }
            returned.await;
        }
    }

    fn begun(&self, mut lease: Lease) -> Result<Object> {
        let object = lease.0.take().ok_or_else(|| Error::internal("a lease without its connection"))?;
        self.held.lock().busy += 1;
        Ok(object)
    }

    fn take_idle(&self) -> Option<Object> {
        let mut held = self.held.lock();
        let object = held.idle.pop()?;
        held.busy += 1;
        Some(object)
    }

    async fn begin_first(&self, object: &Object) -> Result<String> {
        let failed = |e| classify(&self.source, e);
        if self.pooler {
            object.batch_execute(queries::BEGIN_READ).await.map_err(failed)?;
            object.batch_execute(queries::SAVEPOINT).await.map_err(failed)?;
            return Ok(String::new());
        }
        let messages = object.simple_query(queries::BEGIN_AND_SHARE).await.map_err(failed)?;
        let id = messages.iter().find_map(|m| match m {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        });
        object.batch_execute(queries::SAVEPOINT).await.map_err(failed)?;
        id.ok_or_else(|| Error::source_failed(&self.source, "the server exported no snapshot"))
    }

    async fn begin_on(&self, object: &Object, id: &str) -> Result<()> {
        let failed = |e| classify(&self.source, e);
        object.batch_execute(queries::BEGIN_READ).await.map_err(failed)?;
        if !id.is_empty() {
            let set = Writer::new(&Postgres, Mode::Inline).statement(&Statement::SetSnapshot(id.to_owned()))?.finish();
            object.batch_execute(&set.text).await.map_err(|e| {
                let error = classify(&self.source, e);
                // The snapshot lives only as long as the connection that shared it.
                let message = format!("the connection that held the query's snapshot was lost ({})", error.message());
                Error::unavailable(&self.source, message)
            })?;
        }
        object.batch_execute(queries::SAVEPOINT).await.map_err(failed)
    }

    /// Gives a connection back for the query's next reader. It must be at the state in which [`Self::take`] gave it.
    pub(crate) fn give_back(&self, object: Object) {
        let mut held = self.held.lock();
        held.busy -= 1;
        held.idle.push(object);
        drop(held);
        self.returned.notify_waiters();
    }

    /// Closes a connection whose state is unknown.
    pub(crate) fn discard(&self, object: Object) {
        drop(Object::take(object));
        self.held.lock().busy -= 1;
        self.returned.notify_waiters();
    }

    /// Ends what a reader left behind, in the background, and gives its connection back.
    ///
    /// A cancel request travels on a connection of its own, so it can reach the server after the work has ended and then hit
    /// whatever runs next. Work that ends by itself is therefore not cancelled, and a connection that was cancelled is used again
    /// only when the server has said that the cancel ended this very work.
    pub(crate) fn abandon(self: Arc<Self>, object: Object, left: Left) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            self.discard(object);
            return;
        };
        runtime.spawn(async move {
            let usable = match left {
                Left::Nothing => true,
                Left::Copy(mut copy) => match tokio::time::timeout(ENDS_BY_ITSELF, drain(&mut copy)).await {
                    Ok(_) => true,
                    Err(_) => {
                        self.connections.cancel(object.cancel_token()).await;
                        tokio::time::timeout(ENDS_CANCELLED, drain(&mut copy)).await == Ok(Ended::Cancelled)
                    }
                },
                Left::Starting => {
                    let ended = tokio::time::timeout(ENDS_BY_ITSELF, object.batch_execute(queries::ROLLBACK_TO)).await;
                    if ended.is_err() {
                        self.connections.cancel(object.cancel_token()).await;
                    }
                    ended.is_ok()
                }
            };
            if usable && object.batch_execute(queries::ROLLBACK_TO).await.is_ok() {
                self.give_back(object);
            } else {
                self.discard(object);
            }
        });
    }
}

/// How long work may take to end by itself before it is cancelled.
const ENDS_BY_ITSELF: Duration = Duration::from_millis(100);
/// How long cancelled work may take to end before its connection is closed.
const ENDS_CANCELLED: Duration = Duration::from_secs(10);

/// What a reader left on its connection.
pub(crate) enum Left {
    /// Every statement has been answered.
    Nothing,
    /// A statement was sent and its answer not awaited.
    Starting,
    /// A COPY that still sends.
    Copy(Pin<Box<CopyOutStream>>),
}

/// How a COPY ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Complete,
    Cancelled,
    Failed,
}

async fn drain(copy: &mut Pin<Box<CopyOutStream>>) -> Ended {
    while let Some(item) = copy.next().await {
        if let Err(e) = item {
            let cancelled = e.code() == Some(&SqlState::QUERY_CANCELED);
            return if cancelled { Ended::Cancelled } else { Ended::Failed };
        }
    }
    Ended::Complete
}

impl Drop for Readers {
    fn drop(&mut self) {
        std::mem::take(&mut self.held.get_mut().idle).into_iter().for_each(roll_back);
    }
}

/// A connection that may be in a transaction: it goes back to the pool only after its transaction ended, also when the future
/// that held it was dropped halfway.
struct Lease(Option<Object>);

impl Lease {
    fn new(object: Object) -> Self {
        Self(Some(object))
    }

    fn object(&self) -> Result<&Object> {
        self.0.as_ref().ok_or_else(|| Error::internal("a lease without its connection"))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(roll_back);
    }
}

/// Ends a connection's transaction in the background and gives it back to the pool.
fn roll_back(object: Object) {
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
