//! When keys are not sent, and what is said about them.

use headwater_tests::table;

use super::{Fetched, LARGE, World};

#[tokio::test(flavor = "multi_thread")]
async fn without_keys_nothing_is_asked() {
    let world = World::create().await;
    for (sql, rows) in [
        (
            "SELECT p.id, v.page FROM (SELECT * FROM pg.public.pick WHERE upper(code) = 'none') p LEFT JOIN ch.db.visit v ON p.big = v.customer",
            0,
        ),
        (
            "SELECT p.id, v.page FROM (SELECT * FROM pg.public.pick WHERE id = 3) p LEFT JOIN ch.db.visit v ON p.big = v.customer",
            1,
        ),
    ] {
        assert_eq!(world.same(sql).await.len(), rows);
        assert_eq!(world.fetched("ch", sql).await, Fetched { rows: 0, keys: 0, statements: 0 }, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_side_that_turns_out_large_is_not_sent() {
    let world = World::create().await;
    // Nobody can know before it runs that this filter keeps all rows.
    let sql = "SELECT count(*), sum(v.weight) FROM (SELECT id FROM pg.public.customer WHERE length(concat(region, 'x')) + id > 0) c \
               JOIN ch.db.visit v ON c.id = v.customer";
    assert!(world.binds(sql).await);
    let found = world.fetched("ch", sql).await;
    assert_eq!((found.rows, found.keys), (LARGE, 0));
    assert_eq!(world.same(sql).await, ["6000|2249625.0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_keys_are_several_statements() {
    let world = World::create().await;
    world.postgres.run("CREATE TABLE wide AS SELECT i::bigint AS id, i % 7 AS v FROM generate_series(1, 700000) i; ALTER TABLE wide ADD PRIMARY KEY (id); ANALYZE wide").await;
    for session in [&world.with, &world.without] {
        session.query("REFRESH SOURCE pg").await.unwrap();
    }
    let sql = "SELECT count(*), sum(w.v), min(w.id), max(w.id) FROM (SELECT value * 10 AS id FROM range(0, 60000)) k JOIN pg.public.wide w ON w.id = k.id";
    let rows = world.same(sql).await;
    assert_eq!(rows, ["59999|180000|10|599990"]);
    let found = world.fetched("pg", sql).await;
    // Metrics are shown in thousands.
    assert_eq!(found, Fetched { rows: 60_000, keys: 60_000, statements: 2 });
    let some = sql.replace("60000", "5000");
    world.same(&some).await;
    assert_eq!(world.fetched("pg", &some).await.rows, 5_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn little_memory_does_without_keys() {
    let world = World::create().await;
    let sql = "SELECT p.id, v.page FROM pg.public.pick p JOIN ch.db.visit v ON p.big = v.customer";
    let rows = world.same(sql).await;
    world.with.set("limits.source_rows", "100").unwrap();
    assert_eq!(table(&world.with, &world.named(sql)).await, rows, "few rows are read");
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_says_which_keys_go_where() {
    let world = World::create().await;
    let sql = "SELECT p.id, v.page FROM pg.public.pick p JOIN ch.db.visit v ON p.big = v.customer";
    let name = world.clickhouse.name();
    let plan = table(&world.with, &format!("EXPLAIN {}", world.named(sql))).await.join("\n");
    assert!(plan.contains(&format!("CollectKeysExec: keys from big@1 into ch.{name}.visit.customer")), "{plan}");
    assert!(plan.contains("keys=[customer from big@1]"), "{plan}");
    let told = table(&world.with, &format!("EXPLAIN (PUSHDOWN) {}", world.named(sql))).await.join("\n");
    assert!(told.contains("|customer|keys from big@1: sent when the query runs, if they save rows"), "{told}");
    let analyzed = table(&world.with, &format!("EXPLAIN ANALYZE {}", world.named(sql))).await.join("\n");
    for metric in ["keys_sent=4", "round_trips=1", "table_rows=6.00 K", "output_rows=6"] {
        assert!(analyzed.contains(metric), "{metric}: {analyzed}");
    }
    let without = table(&world.without, &format!("EXPLAIN {}", world.named(sql))).await.join("\n");
    assert!(!without.contains("keys"), "{without}");
}
