//! The `headwater` program from outside: its commands, its terminal, its exit codes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "tokio::test starts a runtime")]

mod demo;
mod doctor;
mod documents;
mod plot;
mod process;
mod serve;
mod sql;
mod terminal;
