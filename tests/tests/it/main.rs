//! Whole queries over real servers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "the seed of a failed run is shown")]
#![allow(clippy::clone_on_ref_ptr, reason = "short arrays of the tests")]
#![allow(clippy::disallowed_methods, reason = "tokio::test starts a runtime")]

mod all_sources;
mod bind_join;
mod clickhouse;
mod clickhouse_echo;
mod clickhouse_faults;
mod clickhouse_filters;
mod clickhouse_parallel;
mod clickhouse_writes;
mod clients;
mod connections;
mod echo;
mod faults;
mod fetched;
mod files;
mod filters;
mod flight;
mod injections;
mod join_order;
mod learning;
mod look_ups;
mod ml;
mod models;
mod models_store;
mod mongodb;
mod mongodb_faults;
mod mongodb_filters;
mod mongodb_native;
mod mongodb_pushed;
mod mongodb_security;
mod mongodb_writes;
mod plan_guard;
mod pushdown;
mod pushdown_queries;
mod pushed;
mod reads;
mod redis;
mod redis_cluster;
mod redis_faults;
mod redis_filters;
mod redis_labels;
mod redis_large;
mod redis_search;
mod redis_writes;
mod relations;
mod rewrites;
mod secrets;
mod slt;
mod split_or_joins;
mod store_faults;
mod tokens;
mod tpch;
mod writes;

/// The servers that every Postgres promise is kept on.
const SERVERS: [&str; 2] = ["TEST_PG15_URL", "TEST_PG18_URL"];
