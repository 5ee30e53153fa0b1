//! The Redis connector.
//!
//! | file | what it does |
//! |---|---|
//! | `config`, `declared` | options, connection URL, tables that options declare |
//! | `connect`, `topology` | connections, TLS, nodes of clusters and masters behind sentinels |
//! | `pattern`, `table`, `columns` | patterns of keys, and what the columns of a table hold |
//! | `discover`, `families`, `infer`, `statistics` | tables, columns and numbers of rows from a sample of the keys |
//! | `pushdown`, `request` | which filters and orders the server computes, and what is asked of it |
//! | `commands`, `program` | the commands that read a key, as data and as text |
//! | `search` | keys from an index of RediSearch |
//! | `scan`, `cursor` | SCAN, look-ups and their pipelines |
//! | `translate`, `series`, `labels` | aggregates of time series that the server computes |
//! | `elements`, `json`, `value` | the elements of a value in the server's answers |
//! | `rows`, `sink` | rows into record batches |
//! | `write` | INSERT, UPDATE and DELETE |
//! | `error` | the server's errors without its row values |

mod columns;
mod commands;
mod config;
mod connect;
mod cursor;
mod declared;
mod discover;
mod elements;
mod error;
mod families;
mod infer;
mod json;
mod labels;
mod pattern;
mod program;
mod pushdown;
mod request;
mod rows;
mod scan;
mod search;
mod series;
mod sink;
mod source;
mod statistics;
mod table;
mod topology;
mod translate;
mod value;
mod write;

pub use source::RedisConnector;
