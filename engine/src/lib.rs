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
mod by_type;
mod catalog;
mod change;
mod checked_sum;
mod constant_row;
mod cursor;
mod engine;
pub mod error;
mod exact_percentile;
mod exact_writes;
mod execute;
mod executor;
mod explain;
mod explain_rewrites;
mod float_joins;
mod float_literals;
mod function_hint;
mod functions;
mod guard;
mod information_schema;
mod insert_values;
mod interval_order;
mod interval_text;
mod json_operators;
mod keyword_forms;
mod known_table;
mod label;
mod look_up;
mod memory;
mod missing_table;
mod models;
mod native_query;
mod not_null;
mod operators;
mod ordered_sets;
mod peer_frames;
mod placeholders;
mod plan_guard;
mod planner;
mod prepared;
mod ranks;
mod recursion_rounds;
mod run;
mod scans_apart;
mod session;
mod settings;
mod settled;
mod source_statement;
mod steady_order;
mod syntax;
mod system;
mod table_argument;
mod table_clauses;
mod time_series;
mod token_edits;
mod total_order;
mod unique_names;
mod view_arguments;
mod words;

pub use append::TableAddress;
pub use builder::{EngineBuilder, RULES, RegisterFunctions, ResolveFunctions};
pub use engine::{Engine, OwnTable};
pub use execute::QueryResult;
pub use memory::machine_memory_bytes;
pub use prepared::Prepared;
pub use session::Session;
