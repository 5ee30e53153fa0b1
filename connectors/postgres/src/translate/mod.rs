//! Sub-plans as statements of the server.
//!
//! | file | answers |
//! |---|---|
//! | `types` | how do values of a type behave, and what are computed values sent as? |
//! | `functions`, `dates`, `aggregates` | which casts, functions and aggregates are the same there? |
//! | `database` | all of it together, for the translator of `headwater-sqlgen` |
//! | `remote_query` | the statement, its splits, and what a statement in the server's own language returns |

mod aggregates;
mod database;
mod dates;
mod functions;
mod remote_query;
mod types;

pub(crate) use remote_query::{describe, reading, translate};
pub(crate) use types::COMPUTED_OIDS;
