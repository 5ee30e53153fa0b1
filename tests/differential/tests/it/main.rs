//! Random queries give the same rows on every route and in every oracle.
#![allow(clippy::disallowed_methods, reason = "tokio::test starts a runtime")]
#![allow(clippy::print_stdout, reason = "the seed of a failed run is shown")]

use headwater_differential::{Plan, Report, Sources, run};

/// Both Postgres servers get their turn. A campaign of any size is `cargo xtask differential --queries N --seed S`.
const QUERIES: u64 = 10_000;
/// All run in MongoDB, and three of four in Redis too.
const STORE_QUERIES: u64 = 2_000;

async fn report(sources: Sources, seed: u64, queries: u64) -> Report {
    let plan = Plan { seed, first: 0, queries, minutes: None, workers: 2, sources, differences_max: 10 };
    let report = run(plan, |line| println!("{line}")).await;
    println!("{report}");
    assert!(report.differences.is_empty(), "{}", report.differences.join("\n"));
    assert_eq!(report.queries, queries);
    report
}

/// Whether most of these comparisons were made and equal.
fn made(report: &Report, name: &str, expected: u64) {
    let equal = report.equal.get(name).copied().unwrap_or(0);
    assert!(equal > expected * 80 / 100, "{name}: {equal} of {expected}\n{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_queries_give_the_same_rows_on_every_way() {
    let report = report(Sources::Sql, 20_261, QUERIES).await;
    for (name, share) in [("postgres", 2), ("clickhouse", 4), ("clickhouse, postgres and parquet", 4)] {
        made(&report, name, QUERIES / share);
    }
    for name in ["DuckDB", "Postgres"] {
        made(&report, name, QUERIES * 5 / 12);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_queries_over_stores_give_the_same_rows_pushed_down_or_not() {
    let report = report(Sources::Stores, 20_262, STORE_QUERIES).await;
    made(&report, "mongodb", STORE_QUERIES);
    made(&report, "redis", STORE_QUERIES * 3 / 4);
    made(&report, "DuckDB", STORE_QUERIES / 4);
    for name in ["mongodb, redis, postgres and parquet", "mongodb and parquet"] {
        assert!(report.equal.get(name).is_some_and(|n| *n > 20), "{name}: {report}");
    }
}
