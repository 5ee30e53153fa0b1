//! The engine: one SQL session over many sources.
//!
//! ```text
//! Session::prepare   guard -> parse -> bind            -> Prepared
//! Session::execute   optimize -> plan -> admit -> run  -> QueryResult
//! ```
//!
//! [`Engine`] holds what all sessions share: sources, catalogs, memory, limits. A [`Session`] has its own defaults and
//! settings. Results are streams of Arrow record batches; dropping a [`QueryResult`] stops the query, also at the sources.

mod append;
mod builder;
mod catalog;
mod change;
mod checked_sum;
mod engine;
pub mod error;
mod execute;
mod executor;
mod explain;
mod guard;
mod information_schema;
mod label;
mod memory;
mod native_query;
mod not_null;
mod placeholders;
mod planner;
mod prepared;
mod run;
mod scans_apart;
mod session;
mod settings;
mod source_statement;
mod system;
mod total_order;
mod unique_names;
mod words;

pub use append::TableAddress;
pub use builder::{EngineBuilder, RULES};
pub use engine::{Engine, OwnTable};
pub use execute::QueryResult;
pub use memory::machine_memory_bytes;
pub use prepared::Prepared;
pub use session::Session;
