//! The engine without sources: statements, settings, limits and its own tables.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "tokio::test starts a runtime")]

mod arithmetic;
mod guard;
mod join_order;
mod push_down;
mod sketch;
mod statements;
mod stopping;
