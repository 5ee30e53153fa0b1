//! A flag that a long fit looks at, so that a cancelled query stops inside a series.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use headwater_common::{Error, Result, stop};

/// Shared by the query and its fits.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// The flag of the query that this thread computes for; outside of queries one that nobody sets.
    pub fn of_query() -> Self {
        Self(stop::current().unwrap_or_default())
    }

    /// Asks all fits to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether [`Cancel::cancel`] was called.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// An error once [`Cancel::cancel`] was called.
    pub fn check(&self) -> Result<()> {
        match self.is_cancelled() {
            true => Err(Error::cancelled("the fit was cancelled")),
            false => Ok(()),
        }
    }
}
