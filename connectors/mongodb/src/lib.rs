//! The MongoDB connector.
//!
//! | file | what it does |
//! |---|---|
//! | `config` | options and connection string |
//! | `connect` | commands and cursors |
//! | `discover`, `statistics` | databases, collections, and columns from a sample of documents |
//! | `types` | the Arrow type of each kind of value, and documents from and to Arrow |
//! | `pushdown` | which filters the server computes, and their conditions |
//! | `estimate` | whether an index finds few rows, as the server's planner says |
//! | `expression`, `command` | fields as expressions, and the commands of scans |
//! | `translate` | which sub-plans the server computes, and their pipelines |
//! | `native` | commands of the server's own language, for `query()` |
//! | `scan` | cursors into record batches |
//! | `write` | INSERT, UPDATE and DELETE |
//! | `error` | the server's errors without its row values |

mod command;
mod config;
mod connect;
mod discover;
mod error;
mod estimate;
mod expression;
mod native;
mod pushdown;
mod scan;
mod source;
mod statistics;
mod translate;
pub mod types;
mod write;

pub use source::MongoConnector;
