//! Integration tests against real Postgres servers.
