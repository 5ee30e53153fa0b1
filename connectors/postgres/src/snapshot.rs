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
use crate::connect::{Connections, Lease, roll_back};
use crate::error::classify;

/// The connections of one query to one source.
pub(crate) struct Readers {
    source: String,
    connections: Connections,
    pooler: bool,
    /// Sets the longest run time of a statement, where the connection itself has none.
    statement_timeout: Option<String>,
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
    pub(crate) fn new(source: &str, connections: Connections, pooler: bool, statement_timeout: Option<String>) -> Self {
        Self {
            source: source.to_owned(),
            connections,
            pooler,
            statement_timeout,
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
                    let (lease, id) = self.begin_first().await?;
                    *snapshot = Some(id);
                    return self.begun(lease);
                }
                Some(id) => {
                    if let Some((lease, _)) = self.connections.try_begin(queries::BEGIN_READ).await? {
                        self.join(lease.object()?, id).await?;
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

    fn begun(&self, lease: Lease) -> Result<Object> {
        let object = lease.into_object()?;
        self.held.lock().busy += 1;
        Ok(object)
    }

    fn take_idle(&self) -> Option<Object> {
        let mut held = self.held.lock();
        let object = held.idle.pop()?;
        held.busy += 1;
        Some(object)
    }

    async fn begin_first(&self) -> Result<(Lease, String)> {
        let begin = if self.pooler { queries::BEGIN_READ } else { queries::BEGIN_AND_SHARE };
        let (lease, messages) = self.connections.begin(begin).await?;
        let id = messages.iter().find_map(|m| match m {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        });
        if id.is_none() && !self.pooler {
            return Err(Error::source_failed(&self.source, "the server exported no snapshot"));
        }
        self.prepare(lease.object()?).await?;
        Ok((lease, id.unwrap_or_default()))
    }

    /// Makes a transaction see the query's snapshot.
    async fn join(&self, object: &Object, id: &str) -> Result<()> {
        if !id.is_empty() {
            let set = Writer::new(&Postgres, Mode::Inline).statement(&Statement::SetSnapshot(id.to_owned()))?.finish();
            object.batch_execute(&set.text).await.map_err(|e| {
                let error = classify(&self.source, e);
                // The snapshot lives only as long as the connection that shared it.
                let message = format!("the connection that held the query's snapshot was lost ({})", error.message());
                Error::unavailable(&self.source, message)
            })?;
        }
        self.prepare(object).await
    }

    /// Limits the transaction's statements in time and marks where a cancelled read goes back to.
    async fn prepare(&self, object: &Object) -> Result<()> {
        let failed = |e| classify(&self.source, e);
        if let Some(limit) = &self.statement_timeout {
            object.batch_execute(limit).await.map_err(failed)?;
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
