//! Integration tests against real Postgres servers.

mod types;
