//! Random queries give the same rows on every route and in every oracle.
#![allow(clippy::disallowed_methods, reason = "tokio::test starts a runtime")]

use headwater_differential::{Plan, run};

/// Both Postgres servers get their turn. A campaign of any size is `cargo xtask differential --queries N --seed S`.
const QUERIES: u64 = 10_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_queries_give_the_same_rows_on_every_way() {
    let plan = Plan { seed: 20_261, first: 0, queries: QUERIES, minutes: None, workers: 2, differences_max: 10 };
    let report = run(plan, |line| println!("{line}")).await;
    println!("{report}");
    assert!(report.differences.is_empty(), "{}", report.differences.join("\n"));
    assert_eq!(report.queries, QUERIES);
    let equal = |name: &str| report.equal.get(name).copied().unwrap_or(0);
    let pushed = [("postgres", 2), ("clickhouse", 4), ("clickhouse, postgres and parquet", 4)];
    for (placement, share) in pushed {
        assert!(equal(placement) > QUERIES / share * 80 / 100, "{report}");
    }
    assert!(equal("DuckDB") > QUERIES / 3 && equal("Postgres") > QUERIES / 3, "{report}");
}
