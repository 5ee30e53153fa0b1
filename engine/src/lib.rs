//! The engine: one SQL session over many sources.
//!
//! ```text
//! Session::prepare   guard -> parse -> bind            -> Prepared
//! Session::execute   optimize -> plan -> admit -> run  -> QueryResult
//! ```
//!
//! [`Engine`] holds what all sessions share: sources, catalogs, memory, limits. A [`Session`] has its own defaults and
//! settings. Results are streams of Arrow record batches; dropping a [`QueryResult`] stops the query, also at the sources.

mod builder;
mod catalog;
mod change;
mod engine;
pub mod error;
mod execute;
mod guard;
mod memory;
mod placeholders;
mod prepared;
mod session;
mod settings;
mod source_statement;
mod system;

pub use builder::EngineBuilder;
pub use engine::Engine;
pub use execute::QueryResult;
pub use memory::machine_memory_bytes;
pub use prepared::Prepared;
pub use session::Session;
