//! Every source as the small and as the large side.

use headwater_tests::table;

use super::{Fetched, World};

#[tokio::test(flavor = "multi_thread")]
async fn only_rows_with_the_keys_are_fetched_from_any_source() {
    let world = World::create().await;
    let small = [
        ("pg", "(SELECT customer, code FROM pg.public.pick WHERE id < 5)"),
        ("ch", "ch.db.pick"),
        ("mg", "mg.db.pick"),
        ("f", "f.public.pick"),
        ("f", "f.public.listed"),
    ];
    let large = [
        ("pg", "pg.public.orders l", "l.customer = s.customer", "l.id"),
        ("pg", "pg.public.orders l", "l.code = s.code", "l.id"),
        ("ch", "ch.db.visit l", "l.customer = s.customer", "l.at"),
        ("ch", "ch.db.visit l", "l.page = s.code", "l.at"),
        ("mg", "mg.db.review l", "l.customer = s.customer", "l._id"),
        ("mg", "mg.db.review l", "l.code = s.code", "l._id"),
        ("r", "r.public.user l", "l._key = concat('user:', CAST(s.customer AS VARCHAR))", "l.name"),
    ];
    for (small_source, small_table) in small {
        for (source, large_table, on, column) in large {
            if source == small_source {
                continue;
            }
            let sql = format!("SELECT s.code, {column} FROM {small_table} s JOIN {large_table} ON {on}");
            let rows = world.same(&sql).await;
            let found = world.fetched(source, &sql).await;
            assert!(found.keys > 0 && found.keys <= 5, "{sql}: {found:?}");
            assert!(found.rows >= rows.len().min(1) && found.rows <= 20, "{sql}: {found:?}");
            assert_eq!(found.statements, 1, "{sql}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_redis_is_looked_up() {
    let world = World::create().await;
    let sql = "SELECT p.code, u.name FROM pg.public.pick p JOIN r.public.user u ON u._key = concat('user:', CAST(p.customer AS VARCHAR))";
    assert_eq!(world.same(sql).await, ["c7|n7", "c8|n8", "c9|n7"]);
    assert_eq!(world.fetched("r", sql).await, Fetched { rows: 2, keys: 4, statements: 1 });
    // Other tests make the server scan too, so the fewest of several times count.
    let commands = || (world.redis.called(&["hmget", "hgetall", "mget"]), world.redis.called(&["scan"]));
    let mut scans = u64::MAX;
    for _ in 0..20 {
        let before = commands();
        table(&world.with, sql).await;
        let after = commands();
        assert!(after.0 > before.0);
        scans = scans.min(after.1 - before.1);
    }
    assert_eq!(scans, 0, "the keys of the database were scanned");
}

#[tokio::test(flavor = "multi_thread")]
async fn parquet_files_prune_by_the_keys() {
    let world = World::create().await;
    // Files are restricted by DataFusion's own filter of the join: groups of rows without a key are not read.
    let sql = "SELECT n.note, p.id FROM pg.public.pick p JOIN f.public.numbers n ON p.big = n.id AND p.big < 10000";
    assert_eq!(world.same(sql).await.len(), 3);
    let plan = table(&world.with, &format!("EXPLAIN ANALYZE {sql}")).await.join("\n");
    let scan = plan.lines().find(|l| l.contains("DataSourceExec")).unwrap();
    assert!(scan.contains("row_groups_pruned_statistics=40 total \u{2192} 2 matched"), "{scan}");
    let build = "SELECT f.name, o.id FROM pg.public.orders o JOIN f.public.pick f ON o.customer = f.customer";
    assert_eq!(world.same(build).await.len(), 6);
    assert_eq!(world.fetched("pg", build).await.rows, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_join_gives_the_same_rows() {
    let world = World::create().await;
    for sql in [
        "SELECT p.id, v.page FROM pg.public.pick p LEFT JOIN ch.db.visit v ON p.big = v.customer",
        "SELECT p.id, v.page FROM ch.db.visit v RIGHT JOIN pg.public.pick p ON p.big = v.customer",
        "SELECT p.id, count(v.page) FROM pg.public.pick p RIGHT JOIN ch.db.visit v ON p.big = v.customer GROUP BY p.id",
        "SELECT p.id, count(*) FROM pg.public.pick p FULL JOIN ch.db.visit v ON p.big = v.customer GROUP BY p.id",
        "SELECT page FROM ch.db.visit WHERE customer IN (SELECT big FROM pg.public.pick)",
        "SELECT count(*) FROM ch.db.visit WHERE customer NOT IN (SELECT big FROM pg.public.pick WHERE big IS NOT NULL)",
        "SELECT count(*) FROM ch.db.visit WHERE customer NOT IN (SELECT big FROM pg.public.pick)",
        "SELECT id FROM pg.public.pick p WHERE big NOT IN (SELECT customer FROM ch.db.visit)",
        "SELECT id FROM pg.public.pick p WHERE EXISTS (SELECT 1 FROM ch.db.visit v WHERE v.customer = p.big)",
        "SELECT id FROM pg.public.pick p WHERE NOT EXISTS (SELECT 1 FROM ch.db.visit v WHERE v.customer = p.big)",
        "SELECT id FROM pg.public.pick p WHERE big IN (SELECT customer FROM ch.db.visit) OR id = 3",
        "SELECT p.id, v.page FROM pg.public.pick p JOIN ch.db.visit v ON p.big = v.customer AND p.code = v.page",
        "SELECT p.id, v.page FROM pg.public.pick p JOIN ch.db.visit v ON p.customer = v.customer AND v.weight > p.id * 2",
        "SELECT p.id, v.page FROM pg.public.pick p JOIN ch.db.visit v ON p.big IS NOT DISTINCT FROM v.customer",
        "SELECT p.id, v.n FROM pg.public.pick p JOIN (SELECT customer, count(*) AS n FROM ch.db.visit GROUP BY customer) v ON p.big = v.customer",
        "SELECT p.id, v.page FROM pg.public.pick p JOIN (SELECT customer, page FROM ch.db.visit ORDER BY at LIMIT 10) v ON p.big = v.customer",
        "SELECT p.id, u.c FROM pg.public.pick p JOIN (SELECT customer AS c FROM ch.db.visit UNION ALL SELECT customer FROM mg.db.review) u ON p.big = u.c",
        "SELECT p.id, r.stars, v.page FROM pg.public.pick p JOIN mg.db.review r ON p.big = r.customer JOIN ch.db.visit v ON v.customer = r.customer",
        "SELECT p.id, x.s FROM pg.public.pick p LEFT JOIN (SELECT r.customer AS c, max(v.weight) AS s FROM mg.db.review r JOIN ch.db.visit v ON v.customer = r.customer GROUP BY r.customer) x ON x.c = p.big",
        "WITH RECURSIVE w(n) AS (SELECT 1 UNION ALL SELECT w.n + 1 FROM w JOIN ch.db.pick p ON p.customer = w.n + 6 WHERE w.n < 3) SELECT * FROM w",
        "SELECT a.id, b.customer FROM pg.public.pick a JOIN ch.db.visit b ON a.customer + 1 = b.customer",
        "SELECT c.region, count(*) FROM mg.db.pick p JOIN pg.public.customer c ON c.id = p.customer GROUP BY c.region",
    ] {
        world.same(sql).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_pass_joins_groups_and_unions_on_their_way_to_the_scans() {
    let world = World::create().await;
    let grouped = "SELECT p.id, v.n FROM pg.public.pick p JOIN (SELECT customer, count(*) AS n FROM ch.db.visit GROUP BY customer) v ON p.big = v.customer";
    assert_eq!(world.fetched("ch", grouped).await.rows, 3);
    let here = "SELECT p.id, v.n FROM pg.public.pick p JOIN (SELECT customer, stddev(weight) AS n FROM ch.db.visit GROUP BY customer) v ON p.big = v.customer";
    assert_eq!(world.same(here).await.len(), 3);
    assert_eq!(world.fetched("ch", here).await.rows, 6);
    let chain = "SELECT p.id, r.stars, v.page FROM pg.public.pick p JOIN mg.db.review r ON p.big = r.customer JOIN ch.db.visit v ON v.customer = r.customer";
    assert_eq!((world.fetched("mg", chain).await.rows, world.fetched("ch", chain).await.rows), (6, 6));
    let union = "SELECT p.id, u.c FROM pg.public.pick p JOIN (SELECT customer AS c FROM ch.db.visit UNION ALL SELECT customer FROM mg.db.review) u ON p.big = u.c";
    assert_eq!((world.fetched("mg", union).await.rows, world.fetched("ch", union).await.rows), (6, 6));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_whose_missing_rows_matter_takes_no_keys() {
    let world = World::create().await;
    for sql in [
        "SELECT p.id, count(*) FROM pg.public.pick p FULL JOIN ch.db.visit v ON p.big = v.customer GROUP BY p.id",
        "SELECT count(*) FROM ch.db.visit WHERE customer NOT IN (SELECT big FROM pg.public.pick)",
        "SELECT p.id, v.page FROM pg.public.pick p JOIN (SELECT customer, page FROM ch.db.visit ORDER BY at LIMIT 10) v ON p.big = v.customer",
        "SELECT p.id FROM pg.public.pick p JOIN ch.db.visit v ON p.big = v.customer + 1",
    ] {
        let plan = table(&world.with, &format!("EXPLAIN {}", world.named(sql))).await.join("\n");
        assert!(!plan.contains("source=ch, partitions=1, keys") && !takes(&plan, "ch"), "{sql}: {plan}");
        world.same(sql).await;
    }
}

fn takes(plan: &str, source: &str) -> bool {
    plan.lines().any(|l| l.contains(&format!("source={source},")) && l.contains("keys=["))
}
