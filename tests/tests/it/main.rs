//! Whole queries over real servers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "tokio::test starts a runtime")]

mod clients;
mod clickhouse;
mod clickhouse_echo;
mod clickhouse_faults;
mod clickhouse_filters;
mod clickhouse_parallel;
mod clickhouse_writes;
mod connections;
mod echo;
mod faults;
mod files;
mod filters;
mod flight;
mod injections;
mod reads;
mod relations;
mod secrets;
mod tokens;
mod slt;
mod writes;

/// The servers that every Postgres promise is kept on.
const SERVERS: [&str; 2] = ["TEST_PG15_URL", "TEST_PG18_URL"];
