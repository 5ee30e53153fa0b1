//! The engine without sources: statements, settings, limits and its own tables.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod statements;
