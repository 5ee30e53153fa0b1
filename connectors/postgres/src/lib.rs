//! The Postgres connector.

pub mod types;
