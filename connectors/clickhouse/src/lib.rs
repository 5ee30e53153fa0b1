//! The ClickHouse connector.
//!
//! | file | what it does |
//! |---|---|
//! | `config` | options and connection URL |
//! | `connect`, `tls` | HTTP requests, their compression, settings and encryption |
//! | `settings` | the server's settings that answers depend on, and the values they are pinned to |
//! | `discover`, `statistics`, `catalog_queries` | tables, columns, keys and statistics from the system tables |
//! | `types` | the Arrow type of each type, and its values from and to the server's Arrow stream |
//! | `pushdown` | which filters and orders the server computes, and their text |
//! | `ranges` | ranges of the primary key that several readers share |
//! | `translate` | which sub-plans the server computes, and their text; statements in the server's own language |
//! | `body`, `scan` | an Arrow stream into record batches; errors in mid-stream |
//! | `write` | INSERT and DELETE |
//! | `error` | the server's errors without its row values |

mod body;
mod catalog_queries;
mod config;
mod connect;
mod discover;
mod error;
mod pushdown;
mod ranges;
mod scan;
mod settings;
mod source;
mod statistics;
mod tls;
mod translate;
pub mod types;
mod write;

pub use body::ArrowBody;
pub use source::ClickHouseConnector;
