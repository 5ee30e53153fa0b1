//! The Postgres connector.
//!
//! | file | what it does |
//! |---|---|
//! | `config` | options and connection URL |
//! | `connect`, `patience` | pool, TLS, server version, how long a silent server is waited for |
//! | `discover`, `statistics`, `catalog_queries` | tables, columns, keys and statistics from the system catalog |
//! | `types` | the Arrow type of each type, and binary COPY in both directions |
//! | `pushdown` | which filters and orders the server computes, and their text |
//! | `translate` | which sub-plans the server computes, and their text; statements in the server's own language |
//! | `scan`, `snapshot` | binary COPY into record batches, all readers of a query on one snapshot |
//! | `write` | INSERT through COPY, UPDATE and DELETE |
//! | `error` | the server's errors without its row values |

mod catalog_queries;
mod config;
mod connect;
mod diagnose;
mod discover;
mod error;
mod merge;
mod patience;
mod pushdown;
mod scan;
mod snapshot;
mod source;
mod statistics;
mod tls;
mod translate;
pub mod types;
mod write;

pub use source::PostgresConnector;
