//! A flag that a long fit looks at, so that a cancelled query stops inside a series.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use headwater_common::{Error, Result};

/// Shared by the query and its fits.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks all fits to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// An error once [`Cancel::cancel`] was called.
    pub fn check(&self) -> Result<()> {
        match self.0.load(Ordering::Relaxed) {
            true => Err(Error::cancelled("the fit was cancelled")),
            false => Ok(()),
        }
    }
}
