//! Random queries that must give the same rows on every way: computed by the sources or here, by one thread or eight, in
//! memory or spilled, and by DuckDB and Postgres as judges from outside.
//!
//! ```text
//! generate -> print in each dialect -> run on every route and oracle -> compare -> minimize
//! ```
//!
//! A query is a tree ([`ast`](self)), so it can be printed in each dialect and made smaller. What another engine computes
//! otherwise by design has no text in its dialect; what else differs is a finding unless it stands in the list of agreed
//! differences, which the page `docs/reference/differences.md` explains.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod ast;
mod campaign;
mod check;
mod differences;
mod generate;
mod minimize;
mod oracles;
mod print;
mod print_expr;
mod random;
mod relations;
mod routes;
mod rows;
mod schema;
mod shrink;
mod sources;
mod universe;
mod value;

pub use campaign::{Plan, Report, run};
pub use routes::Sources;
