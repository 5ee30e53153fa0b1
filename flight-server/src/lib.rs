//! Arrow Flight SQL over the engine: wiring and wire protocol only, no query logic.
//!
//! | file | what it does |
//! |---|---|
//! | [`wire`] | the one place that names every connector |
//! | [`server`] | listens, TLS, graceful end |
//! | `service` | the commands of Flight SQL |
//! | `connection` | accepted connections |
//! | `session`, `auth` | whose session a call belongs to |
//! | `options` | session options |
//! | `proto` | messages that arrow-flight does not have |
//! | `encode` | record batches as Flight messages of bounded size |
//! | `status` | the one place that makes text and codes for clients |

mod auth;
mod connection;
mod encode;
mod options;
mod proto;
pub mod server;
mod service;
mod session;
mod status;
pub mod wire;

pub use server::{Server, serve};
