//! Integration tests against real Postgres servers.

#![allow(clippy::disallowed_methods, reason = "tokio::test starts a runtime")]

#[cfg(test)]
mod types;
