//! Integration tests against real Postgres servers.

#[cfg(test)]
mod types;
