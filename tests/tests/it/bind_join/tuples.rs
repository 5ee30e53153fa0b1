//! Joins on several columns ask for the pairs that there are.

use super::World;

const GRID: &str = "
CREATE TABLE grid (a int, b int, v int);
INSERT INTO grid SELECT i, j, i * 1000 + j FROM generate_series(1, 100) i, generate_series(1, 100) j;
CREATE TABLE diagonal (a bigint, b int);
INSERT INTO diagonal SELECT i, 21 - i FROM generate_series(1, 20) i;
INSERT INTO diagonal VALUES (NULL, 3), (4, NULL), (NULL, NULL), (5000000000, 1), (7, 14);
ANALYZE grid, diagonal;
";

#[tokio::test(flavor = "multi_thread")]
async fn pairs_of_keys_are_fetched_and_no_others() {
    let world = World::create().await;
    world.postgres.run(GRID).await;
    for statement in [
        "CREATE TABLE grid (a Int32, b Int64, v Int64) ENGINE = MergeTree ORDER BY a",
        "INSERT INTO grid SELECT 1 + intDiv(number, 100), 1 + number % 100, number FROM numbers(10000)",
        "CREATE TABLE diagonal (a Nullable(Int64), b Nullable(Int64)) ENGINE = MergeTree ORDER BY tuple()",
        "INSERT INTO diagonal SELECT 1 + number, 20 - number FROM numbers(20)",
        "INSERT INTO diagonal VALUES (NULL, 3), (4, NULL), (NULL, NULL), (5000000000, 1), (7, 14)",
    ] {
        world.clickhouse.run(statement).await;
    }
    for session in [&world.with, &world.without] {
        session.query("REFRESH SOURCE pg").await.unwrap();
        session.query("REFRESH SOURCE ch").await.unwrap();
    }
    for (source, small, large) in [("pg", "ch.db.diagonal", "pg.public.grid"), ("ch", "pg.public.diagonal", "ch.db.grid")] {
        let on = "g.a = d.a AND g.b = d.b";
        let sql = format!("SELECT d.a, d.b, g.v FROM {small} d JOIN {large} g ON {on}");
        // One pair is there twice.
        assert_eq!(world.same(&sql).await.len(), 21);
        let found = world.fetched(source, &sql).await;
        assert_eq!((found.rows, found.statements), (20, 1), "{sql}: {found:?}");
        for (kind, rows) in [("LEFT", 25), ("LEFT SEMI", 21), ("LEFT ANTI", 4)] {
            let columns = if kind == "LEFT" { "d.a, d.b, g.v" } else { "d.a, d.b" };
            let sql = format!("SELECT {columns} FROM {small} d {kind} JOIN {large} g ON {on}");
            assert_eq!(world.same(&sql).await.len(), rows, "{sql}");
            assert_eq!(world.fetched(source, &sql).await.rows, 20, "{sql}");
        }
        // Nulls that are equal are in no pair, and are found all the same.
        let nulls = format!("SELECT a, b FROM {small} INTERSECT SELECT a, b FROM {large}");
        assert_eq!(world.same(&nulls).await.len(), 20);
        // Every pair is there: the columns one by one say the same.
        let all = format!(
            "SELECT g.v FROM {small} d JOIN {small} e ON d.a < 4 AND e.b < 4 JOIN {large} g ON g.a = d.a AND g.b = e.b"
        );
        assert!(!world.same(&all).await.is_empty());
    }
}
