//! Whole queries over real servers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "tokio::test starts a runtime")]

mod connections;
mod echo;
mod faults;
mod filters;
mod injections;
mod reads;
mod relations;
mod secrets;
mod tokens;
mod writes;

/// The servers that every Postgres promise is kept on.
const SERVERS: [&str; 2] = ["TEST_PG15_URL", "TEST_PG18_URL"];
