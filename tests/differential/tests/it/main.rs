//! Ten thousand random queries give the same rows on every route and in every oracle.
#![allow(clippy::disallowed_methods, reason = "tokio::test starts a runtime")]

use headwater_differential::{Plan, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_queries_give_the_same_rows_on_every_way() {
    let plan = Plan { seed: 20_261, first: 0, queries: 10_000, minutes: None, workers: 2, differences_max: 10 };
    let report = run(plan, |line| println!("{line}")).await;
    println!("{report}");
    assert!(report.differences.is_empty(), "{}", report.differences.join("\n"));
    assert_eq!(report.queries, 10_000);
    let equal = |name: &str| report.equal.get(name).copied().unwrap_or(0);
    assert!(equal("postgres") > 8_500, "{report}");
    assert!(equal("DuckDB") > 5_000 && equal("Postgres") > 5_000, "{report}");
}
