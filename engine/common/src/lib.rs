//! What every Headwater crate shares: errors that say who failed and whether a retry can help, limits, configuration,
//! secrets, the clock and the environment, whether a query was stopped.
//!
//! Nothing here knows SQL, Arrow or a database. Only this crate reads the clock and the environment.

pub mod clock;
pub mod config;
pub mod environment;
pub mod error;
pub mod limits;
pub mod nearest;
pub mod retry;
pub mod secret;
pub mod stop;

pub use error::{Error, ErrorKind, Origin, Result};
pub use limits::Limits;
pub use secret::Secret;
