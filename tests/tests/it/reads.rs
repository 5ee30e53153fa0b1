//! Reading from Postgres.

use headwater_tests::{TestDatabase, session, table};

use crate::SERVERS;

const ORDERS: &str = "CREATE TABLE orders (id bigint PRIMARY KEY, customer int, amount numeric(12,2), note text); \
    INSERT INTO orders SELECT i, i % 1000, i / 7.0, CASE WHEN i % 5 = 0 THEN NULL ELSE 'note ' || i END \
    FROM generate_series(1, 200000) i; ANALYZE orders;";

#[tokio::test(flavor = "multi_thread")]
async fn parallel_readers_return_every_row_once() {
    for server in SERVERS {
        let database = TestDatabase::create(server, ORDERS).await;
        let session = session(&database).await;
        let plan = table(&session, "EXPLAIN SELECT id, amount FROM pg.public.orders").await.join("\n");
        assert!(plan.contains("partitions=4") && plan.contains("ctid"), "{plan}");
        let sql =
            "SELECT count(id), count(DISTINCT id), sum(id), sum(amount), count(note), max(note) FROM pg.public.orders";
        let expected = database
            .texts("SELECT concat_ws('|', count(id), count(DISTINCT id), sum(id), sum(amount), count(note), max(note COLLATE \"C\")) FROM orders")
            .await;
        assert_eq!(table(&session, sql).await, vec![expected[0].clone().unwrap()]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_source_filters_counts_and_limits() {
    for server in SERVERS {
        let database = TestDatabase::create(server, ORDERS).await;
        let session = session(&database).await;
        let plan = |sql: &'static str| {
            let session = session.clone();
            async move { table(&session, &format!("EXPLAIN {sql}")).await.join("\n") }
        };
        let filtered = plan("SELECT note FROM pg.public.orders WHERE customer = 7 AND note > 'note 5'").await;
        assert!(filtered.contains("(\"customer\" = '7'::int4)") && filtered.contains("COLLATE"), "{filtered}");
        assert!(!filtered.contains("FilterExec"), "{filtered}");
        let counted = plan("SELECT count(*) FROM pg.public.orders WHERE customer = 7").await;
        assert!(counted.contains("SELECT CAST(pg_catalog.count(*)"), "{counted}");
        assert_eq!(table(&session, "SELECT count(*) FROM pg.public.orders WHERE customer = 7").await, ["200"]);
        assert_eq!(table(&session, "SELECT count(*) AS n, count(*) + 1 FROM pg.public.orders").await, ["200000|200001"]);
        let top = plan("SELECT id, note FROM pg.public.orders ORDER BY note DESC NULLS LAST, id LIMIT 3").await;
        assert!(top.contains("LIMIT 3"), "{top}");
        let sql = "SELECT id FROM pg.public.orders ORDER BY note DESC NULLS LAST, id LIMIT 3";
        let expected =
            database.texts("SELECT id FROM orders ORDER BY note COLLATE \"C\" DESC NULLS LAST, id LIMIT 3").await;
        let mut expected: Vec<String> = expected.into_iter().flatten().collect();
        expected.sort();
        assert_eq!(table(&session, sql).await, expected);
        let limited = plan("SELECT id FROM pg.public.orders LIMIT 5").await;
        assert!(limited.contains("LIMIT 5"), "{limited}");
        assert_eq!(table(&session, "SELECT 1 FROM pg.public.orders LIMIT 5").await.len(), 5);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_relation_is_found_with_its_keys() {
    let sql = "CREATE TABLE a (id int PRIMARY KEY, name text NOT NULL UNIQUE); \
        CREATE TABLE b (x int, y int, a int REFERENCES a (id) ON DELETE CASCADE, PRIMARY KEY (y, x)); \
        CREATE VIEW v AS SELECT id FROM a; CREATE MATERIALIZED VIEW m AS SELECT id FROM a; \
        CREATE TABLE p (k int, v text) PARTITION BY RANGE (k); \
        CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10); \
        CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20); \
        CREATE SCHEMA \"Odd \"\"schema\"; CREATE TABLE \"Odd \"\"schema\".\"We'ird\" (\"co\"\"l\" int); \
        CREATE SCHEMA empty; INSERT INTO a VALUES (1, 'x'); REFRESH MATERIALIZED VIEW m; \
        INSERT INTO p SELECT i, i::text FROM generate_series(0, 19) i; INSERT INTO \"Odd \"\"schema\".\"We'ird\" VALUES (42);";
    for server in SERVERS {
        let database = TestDatabase::create(server, sql).await;
        let session = session(&database).await;
        assert_eq!(table(&session, "SELECT id FROM pg.public.v UNION ALL SELECT id FROM pg.public.m").await, ["1", "1"]);
        assert_eq!(table(&session, "SELECT count(*), sum(k) FROM pg.public.p").await, ["20|190"]);
        assert_eq!(table(&session, "SELECT \"co\"\"l\" FROM pg.\"Odd \"\"schema\".\"We'ird\"").await, ["42"]);
        let catalog = session.engine().catalogs().remove(0);
        let found = catalog.discovery();
        assert!(found.schemas.contains_key("empty"));
        let public = &found.schemas["public"].tables;
        assert_eq!(public["b"].primary_key.as_ref().unwrap().1, vec![1, 0]);
        assert_eq!(public["a"].unique_keys, vec![vec![1]]);
        let foreign = &public["b"].foreign_keys[0];
        assert_eq!((foreign.references.table.as_str(), foreign.on_delete.as_str()), ("a", "CASCADE"));
        let kinds: Vec<&str> = ["a", "v", "m", "p"].iter().map(|t| public[*t].kind.as_str()).collect();
        assert_eq!(kinds, ["TABLE", "VIEW", "MATERIALIZED VIEW", "PARTITIONED TABLE"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_made_outside_are_noticed() {
    for server in SERVERS {
        let database = TestDatabase::create(server, "CREATE TABLE t (a int); INSERT INTO t VALUES (1)").await;
        let session = session(&database).await;
        assert_eq!(table(&session, "SELECT * FROM pg.public.t").await, ["1"]);
        database.run("ALTER TABLE t ADD COLUMN b text DEFAULT 'new'; CREATE TABLE u (x int)").await;
        tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
        assert_eq!(table(&session, "SELECT * FROM pg.public.t").await, ["1|new"]);
        assert_eq!(table(&session, "SELECT count(*) FROM pg.public.u").await, ["0"]);
        // Within the time a discovery is trusted, a changed type is an error and never a wrong value.
        database.run("ALTER TABLE t ALTER COLUMN a TYPE bigint").await;
        let mut found = Vec::new();
        for _ in 0..5 {
            let read = match session.query("SELECT a FROM pg.public.t").await {
                Ok(result) => result.collect().await,
                Err(error) => Err(error),
            };
            match read {
                Ok(batches) => {
                    found = headwater_tests::lines(&batches);
                    break;
                }
                Err(error) => assert!(error.is_retryable(), "{error}"),
            }
        }
        assert_eq!(found, ["1"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_whose_triggers_are_switched_off_are_not_believed() {
    let sql = "CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (id int, parent int NOT NULL REFERENCES parent); \
        INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1, 1)";
    for server in SERVERS {
        let database = TestDatabase::create(server, sql).await;
        let session = session(&database).await;
        let joined = "SELECT count(*) FROM pg.public.child c JOIN pg.public.parent p ON p.id = c.parent";
        assert_eq!(table(&session, joined).await, ["1"]);
        database.run("ALTER TABLE child DISABLE TRIGGER ALL; INSERT INTO child VALUES (2, 98)").await;
        tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
        assert_eq!(table(&session, joined).await, ["1"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_sees_one_moment_of_the_database() {
    let sql = "CREATE TABLE account (id int PRIMARY KEY, balance bigint, pad text); \
        INSERT INTO account SELECT i, 100, repeat('x', 200) FROM generate_series(1, 60000) i; ANALYZE account;";
    for server in SERVERS {
        let database = TestDatabase::create(server, sql).await;
        let session = session(&database).await;
        let writer = headwater_tests::connect(&database.url()).await;
        let moving = tokio::spawn(async move {
            for i in 0..400 {
                let (from, to) = (1 + i * 7 % 60_000, 60_000 - i * 11 % 50_000);
                let sql = format!(
                    "BEGIN; UPDATE account SET balance = balance - 10 WHERE id = {from}; \
                     UPDATE account SET balance = balance + 10 WHERE id = {to}; COMMIT"
                );
                writer.batch_execute(&sql).await.unwrap();
            }
        });
        for _ in 0..8 {
            // A join on the key alone would read the table once.
            let sql = "SELECT sum(a.balance), count(*) FROM pg.public.account a JOIN pg.public.account b ON a.id = b.id + 0 \
                WHERE a.pad IS NOT NULL AND a.balance = b.balance";
            assert_eq!(table(&session, sql).await, ["6000000|60000"]);
        }
        moving.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_hold_nulls_in_spite_of_not_null_are_read() {
    let not_valid = "CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, NULL), (2, 5); \
        ALTER TABLE t ADD CONSTRAINT t_v NOT NULL v NOT VALID;";
    let not_inherited = "CREATE TABLE t (id int, v int NOT NULL); CREATE TABLE child () INHERITS (t); \
        ALTER TABLE child ALTER v DROP NOT NULL; INSERT INTO t VALUES (2, 5); INSERT INTO child VALUES (1, NULL);";
    for (server, sql) in SERVERS.into_iter().zip([not_inherited, not_valid]) {
        let database = TestDatabase::create(server, sql).await;
        let session = session(&database).await;
        assert_eq!(table(&session, "SELECT id FROM pg.public.t WHERE v IS NULL").await, ["1"], "{server}");
        assert_eq!(table(&session, "SELECT id FROM pg.public.t WHERE v IS NOT NULL").await, ["2"], "{server}");
        assert_eq!(table(&session, "SELECT id, v FROM pg.public.t").await, ["1|NULL", "2|5"], "{server}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_of_a_collation_that_finds_others_equal_keep_their_rows() {
    let sql = "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false); \
        CREATE TABLE t (id int PRIMARY KEY, ci text COLLATE ci); INSERT INTO t VALUES (1, 'Abc'), (2, 'aBC'), (3, 'abd'), (5, 'ABD'); ANALYZE t;";
    let database = TestDatabase::create(SERVERS[0], sql).await;
    let session = session(&database).await;
    let found = table(&session, "SELECT id FROM pg.public.t WHERE ci IN (SELECT ci FROM pg.public.t WHERE id < 3)").await;
    assert_eq!(found, ["1", "2"]);
}
