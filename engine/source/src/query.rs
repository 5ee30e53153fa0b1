//! What all scans of one query share.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use headwater_common::Limits;
use parking_lot::Mutex;

type State = Arc<dyn Any + Send + Sync>;

/// Lives as long as a query runs. The engine puts it into the session configuration of the query's task context.
///
/// Connectors keep per-query state here by source name, such as one snapshot that all readers of a database share. The state
/// is dropped with the query.
pub struct QueryContext {
    /// Identifier of the query in logs and in names of remote work.
    pub id: String,
    /// The limits in force for this query.
    pub limits: Arc<Limits>,
    states: Mutex<HashMap<String, State>>,
    stopped: Arc<AtomicBool>,
}

impl fmt::Debug for QueryContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryContext").field("id", &self.id).finish_non_exhaustive()
    }
}

impl QueryContext {
    /// A context for one query.
    pub fn new(id: impl Into<String>, limits: Arc<Limits>) -> Self {
        Self { id: id.into(), limits, states: Mutex::new(HashMap::new()), stopped: Arc::default() }
    }

    /// The same query from its start, without any state.
    pub fn anew(&self) -> Self {
        Self {
            id: self.id.clone(),
            limits: Arc::clone(&self.limits),
            states: Mutex::default(),
            stopped: Arc::clone(&self.stopped),
        }
    }

    /// Says that nobody waits for the query any more.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Whether [`QueryContext::stop`] was called, for work that cannot be stopped by dropping it.
    pub fn stopped(&self) -> &Arc<AtomicBool> {
        &self.stopped
    }

    /// The state of type `T` under `key`, made by `make` at first use.
    pub fn state<T: Any + Send + Sync>(&self, key: &str, make: impl FnOnce() -> Arc<T>) -> Arc<T> {
        let mut states = self.states.lock();
        if let Some(found) = states.get(key).and_then(|s| Arc::clone(s).downcast::<T>().ok()) {
            return found;
        }
        let made = make();
        states.insert(key.to_owned(), Arc::<T>::clone(&made) as State);
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_is_made_once_per_key() {
        let query = QueryContext::new("q", Arc::new(Limits::default()));
        let first = query.state("shop", || Arc::new(7u32));
        let again = query.state("shop", || Arc::new(8u32));
        let other = query.state("crm", || Arc::new(9u32));
        assert_eq!((*first, *again, *other), (7, 7, 9));
    }
}
