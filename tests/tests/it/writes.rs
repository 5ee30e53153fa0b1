//! INSERT, UPDATE and DELETE on Postgres.

use headwater_common::ErrorKind;
use headwater_engine::Session;
use headwater_tests::{TestDatabase, session};

use crate::SERVERS;

const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, name text, score double precision, tag uuid, body jsonb, \
        made timestamptz NOT NULL DEFAULT '2024-01-01 00:00:00+00', twice int GENERATED ALWAYS AS (id * 2) STORED); \
    CREATE TABLE log (id bigint GENERATED ALWAYS AS IDENTITY, at tsvector, message text);";

async fn affected(session: &Session, sql: &str) -> u64 {
    session.query(sql).await.unwrap_or_else(|e| panic!("{sql}: {e}")).affected_rows().await.unwrap()
}

async fn refused(session: &Session, sql: &str) -> (ErrorKind, String) {
    let error = match session.query(sql).await {
        Ok(result) => result.affected_rows().await.expect_err(sql),
        Err(error) => error,
    };
    (error.kind(), error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_inserted_updated_and_deleted_with_their_number() {
    for server in SERVERS {
        let database = TestDatabase::create(server, TABLE).await;
        let session = session(&database).await;
        let sql = "INSERT INTO pg.public.t (id, name, score, tag, body) VALUES \
            (1, 'a''b', 1.5, '550e8400-e29b-41d4-a716-446655440000', '{\"k\": 1}'), (2, NULL, NULL, NULL, NULL), (3, 'ü\\', 0, NULL, NULL)";
        assert_eq!(affected(&session, sql).await, 3);
        let found = database
            .texts("SELECT concat_ws('|', id, name, score, tag, body, made AT TIME ZONE 'UTC', twice) FROM t ORDER BY id")
            .await;
        assert_eq!(
            found[0].as_deref(),
            Some("1|a'b|1.5|550e8400-e29b-41d4-a716-446655440000|{\"k\": 1}|2024-01-01 00:00:00|2")
        );
        assert_eq!(found[2].as_deref(), Some("3|ü\\|0|2024-01-01 00:00:00|6"));
        assert_eq!(affected(&session, "UPDATE pg.public.t SET name = 'x', id = id + 10 WHERE id >= 2").await, 2);
        assert_eq!(
            affected(&session, "UPDATE pg.public.t SET tag = '550e8400-e29b-41d4-a716-446655440001' WHERE name = 'x'")
                .await,
            2
        );
        assert_eq!(affected(&session, "DELETE FROM pg.public.t WHERE id = 12").await, 1);
        assert_eq!(database.texts("SELECT id FROM t ORDER BY id").await, [Some("1".to_owned()), Some("13".to_owned())]);
        assert_eq!(affected(&session, "INSERT INTO pg.public.log (at, message) VALUES ('fat cat', 'm')").await, 1);
        assert_eq!(database.texts("SELECT id || ' ' || at::text FROM log").await, [Some("1 'cat' 'fat'".to_owned())]);
        assert_eq!(
            affected(&session, "INSERT INTO pg.public.t (id) SELECT value + 100 FROM generate_series(1, 20000)").await,
            20_000
        );
        assert_eq!(affected(&session, "DELETE FROM pg.public.t").await, 20_002);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_insert_leaves_nothing() {
    let database = TestDatabase::create("TEST_PG15_URL", TABLE).await;
    let session = session(&database).await;
    let (kind, text) =
        refused(&session, "INSERT INTO pg.public.t (id) SELECT value % 15000 FROM generate_series(1, 20000)").await;
    assert_eq!(kind, ErrorKind::InvalidInput, "{text}");
    assert!(text.contains("duplicate key") && !text.contains("=("), "the row's values must not be shown: {text}");
    let failing =
        "INSERT INTO pg.public.t (id) SELECT CAST(10 / (20000 - value) AS int) + value FROM generate_series(1, 20000)";
    refused(&session, failing).await;
    assert_eq!(database.texts("SELECT count(*) FROM t").await, [Some("0".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_would_touch_other_rows_is_refused() {
    let fill = format!("{TABLE} INSERT INTO t (id, name) SELECT i, 'n' || i FROM generate_series(1, 10) i");
    let database = TestDatabase::create("TEST_PG15_URL", &fill).await;
    let session = session(&database).await;
    for sql in [
        "DELETE FROM pg.public.t WHERE id IN (SELECT id FROM pg.public.t WHERE id < 3)",
        "DELETE FROM pg.public.t WHERE EXISTS (SELECT 1 FROM pg.public.log)",
        "DELETE FROM pg.public.t WHERE id = (SELECT max(id) FROM pg.public.t)",
        "DELETE FROM pg.public.t WHERE upper(name) = 'N1'",
        "DELETE FROM pg.public.t WHERE score < 1.0",
        "UPDATE pg.public.t SET name = 'x' WHERE random() < 0.5",
        "UPDATE pg.public.t SET name = upper(name)",
        "UPDATE pg.public.t SET name = 'x' FROM pg.public.log WHERE log.id = t.id",
    ] {
        let (kind, text) = refused(&session, sql).await;
        assert!(matches!(kind, ErrorKind::Unsupported | ErrorKind::InvalidInput), "{sql}: {kind:?} {text}");
    }
    assert_eq!(affected(&session, "DELETE FROM pg.public.t WHERE false").await, 0);
    assert_eq!(affected(&session, "DELETE FROM pg.public.t WHERE id = 1 AND id = 2").await, 0);
    assert_eq!(affected(&session, "DELETE FROM pg.public.t WHERE id = NULL").await, 0);
    assert_eq!(database.texts("SELECT count(*) FROM t WHERE name <> 'x'").await, [Some("10".to_owned())]);
}
