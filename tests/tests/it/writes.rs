//! INSERT, UPDATE and DELETE on Postgres.

use datafusion::common::ScalarValue;
use futures::StreamExt;
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

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_are_left_out_get_their_defaults_and_given_nulls_stay() {
    let sql = "CREATE TABLE d (id int GENERATED BY DEFAULT AS IDENTITY, a text DEFAULT 'new', b int NOT NULL DEFAULT 7, \
        c int DEFAULT 3, e text, twice int GENERATED ALWAYS AS (b * 2) STORED, always int GENERATED ALWAYS AS IDENTITY)";
    for server in SERVERS {
        let database = TestDatabase::create(server, sql).await;
        let session = session(&database).await;
        assert_eq!(affected(&session, "INSERT INTO pg.public.d (e) VALUES ('x'), (NULL)").await, 2);
        assert_eq!(affected(&session, "INSERT INTO pg.public.d (c, a, e) VALUES (NULL, NULL, 'y')").await, 1);
        let select = "INSERT INTO pg.public.d (b, e) SELECT CAST(value AS int), NULL FROM generate_series(20, 21)";
        assert_eq!(affected(&session, select).await, 2);
        let prepared = session.prepare("INSERT INTO pg.public.d (e, c) VALUES (?, ?)").await.unwrap();
        let parameters = vec![ScalarValue::from("p"), ScalarValue::Int32(None)];
        let result = session.execute(&prepared, parameters).await.unwrap();
        assert_eq!(result.affected_rows().await.unwrap(), 1);
        let found = database.texts("SELECT concat_ws('|', id, coalesce(a, '-'), b, coalesce(c, -1), coalesce(e, '-'), twice, always) FROM d ORDER BY id").await;
        let found: Vec<String> = found.into_iter().flatten().collect();
        let expected = [
            "1|new|7|3|x|14|1",
            "2|new|7|3|-|14|2",
            "3|-|7|-1|y|14|3",
            "4|new|20|3|-|40|4",
            "5|new|21|3|-|42|5",
            "6|new|7|-1|p|14|6",
        ];
        assert_eq!(found, expected);
        let (kind, text) = refused(&session, "INSERT INTO pg.public.d (b, e) VALUES (NULL, 'x')").await;
        assert_eq!(kind, ErrorKind::InvalidInput, "{text}");
        for column in ["twice", "always"] {
            let (kind, text) = refused(&session, &format!("INSERT INTO pg.public.d (e, {column}) VALUES ('x', 1)")).await;
            assert!(kind == ErrorKind::InvalidInput && text.contains(column), "{text}");
        }
        assert_eq!(database.texts("SELECT count(*) FROM d").await, [Some("6".to_owned())]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_refuses_leaves_nothing_and_shows_no_row() {
    let sql = "CREATE TABLE r (id int PRIMARY KEY); INSERT INTO r VALUES (1); \
        CREATE TABLE c (id int UNIQUE, short varchar(3), pos int CHECK (pos > 0), r int REFERENCES r (id), n numeric(4,1), t text NOT NULL); \
        CREATE TABLE audited (id int, note text); CREATE TABLE audit (id int); \
        CREATE FUNCTION seen() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO audit VALUES (NEW.id); \
            IF NEW.id = 13 THEN RETURN NULL; END IF; IF NEW.id = 99 THEN RAISE EXCEPTION 'no 99'; END IF; NEW.note = 'by trigger'; RETURN NEW; END $$; \
        CREATE TRIGGER seen BEFORE INSERT OR UPDATE ON audited FOR EACH ROW EXECUTE FUNCTION seen();";
    for server in SERVERS {
        let database = TestDatabase::create(server, sql).await;
        let session = session(&database).await;
        let hidden = "canary-value";
        for (column, value) in
            [("short", "'canary-value'"), ("pos", "-5"), ("r", "424242"), ("n", "12345.6"), ("t", "NULL"), ("id", "1")]
        {
            let fill = if column == "t" { "" } else { ", t" };
            let text = if column == "t" { "" } else { ", 'x'" };
            let id = if column == "id" { "" } else { "id, " };
            let number = if column == "id" { "" } else { "value, " };
            let sql = format!(
                "INSERT INTO pg.public.c ({id}{column}{fill}) SELECT {number}CASE WHEN value = 30000 OR '{column}' = 'id' THEN {value} END{text} \
                 FROM (SELECT CAST(value AS int) AS value FROM generate_series(1, 30000)) g"
            );
            let sql = if column == "t" { sql.replace(" END FROM", " ELSE 'fine' END FROM") } else { sql };
            let (kind, text) = refused(&session, &sql).await;
            assert_eq!(kind, ErrorKind::InvalidInput, "{column}: {text}");
            assert!(!text.contains(hidden) && !text.contains("424242"), "{column}: {text}");
            assert_eq!(database.texts("SELECT count(*) FROM c").await, [Some("0".to_owned())], "{column}");
        }
        let prepared = session.prepare("INSERT INTO pg.public.c (t) VALUES (?)").await.unwrap();
        let nul = session.execute(&prepared, vec![ScalarValue::from(format!("{hidden}\0"))]).await.unwrap();
        let error = nul.affected_rows().await.unwrap_err();
        assert!(error.kind() == ErrorKind::InvalidInput && !error.to_string().contains(hidden), "{error}");
        assert_eq!(affected(&session, "INSERT INTO pg.public.audited (id) VALUES (1), (13), (2)").await, 2);
        assert_eq!(affected(&session, "UPDATE pg.public.audited SET note = 'mine' WHERE id <= 2").await, 2);
        refused(&session, "INSERT INTO pg.public.audited (id) VALUES (3), (99)").await;
        refused(&session, "UPDATE pg.public.audited SET id = 99 WHERE id = 1").await;
        let found = database.texts("SELECT string_agg(id || note, ',' ORDER BY id) FROM audited").await;
        assert_eq!(found, [Some("1by trigger,2by trigger".to_owned())]);
        assert_eq!(database.texts("SELECT count(*) FROM audit").await, [Some("5".to_owned())]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_cannot_be_computed_are_named_by_their_type_only() {
    let sql =
        "CREATE TABLE texts (t text); INSERT INTO texts VALUES ('1'), ('canary-value'); CREATE TABLE numbers (n bigint);";
    let database = TestDatabase::create("TEST_PG15_URL", sql).await;
    let session = session(&database).await;
    // Words of the statement itself may be shown, so none of them is a value: 1 * 424240 + 2, and 12 * 424240 + 2.
    for sql in [
        "INSERT INTO pg.public.numbers (n) SELECT CAST(t AS BIGINT) FROM pg.public.texts",
        "SELECT CAST(t AS BIGINT) FROM pg.public.texts",
        "SELECT CAST(t AS DATE) FROM pg.public.texts",
        "SELECT CAST(t AS DECIMAL(10, 2)) FROM pg.public.texts",
        "SELECT to_timestamp(t) FROM pg.public.texts",
        "SELECT CAST(CAST(length(t) AS BIGINT) * 424240 + 2 AS TINYINT) FROM pg.public.texts",
        "SELECT CAST(length(t) * 424240 + 2 AS DECIMAL(3, 1)) FROM pg.public.texts",
    ] {
        let (kind, text) = match session.query(sql).await {
            Ok(result) => {
                let error = result.collect().await.expect_err(sql);
                (error.kind(), error.to_string())
            }
            Err(error) => (error.kind(), error.to_string()),
        };
        assert_eq!(kind, ErrorKind::InvalidInput, "{sql}: {text}");
        assert!(!text.contains("canary") && !text.contains("424242") && !text.contains("5090882"), "{sql}: {text}");
    }
    assert_eq!(database.texts("SELECT count(*) FROM numbers").await, [Some("0".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_insert_takes_no_more_rows_than_the_server_has_room_for() {
    use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
    use datafusion::arrow::datatypes::{DataType, Field, Schema};
    use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
    use headwater_engine::TableAddress;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    let sql = "CREATE TABLE slow (t text); CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS $$ \
        BEGIN PERFORM pg_sleep(0.01); RETURN NEW; END $$; \
        CREATE TRIGGER pause BEFORE INSERT ON slow FOR EACH ROW EXECUTE FUNCTION pause();";
    let database = TestDatabase::create("TEST_PG15_URL", sql).await;
    let session = session(&database).await;
    let schema = Arc::new(Schema::new(vec![Field::new("t", DataType::Utf8, true)]));
    let batch = {
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(1_000); 1_000]));
        RecordBatch::try_new(Arc::clone(&schema), vec![texts]).unwrap()
    };
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    // 2 GB in all.
    let rows = futures::stream::iter(0..2_000).map(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        Ok(batch.clone())
    });
    let address = TableAddress { catalog: "pg".into(), schema: "public".into(), table: "slow".into() };
    let append = session.append(&address, Box::pin(RecordBatchStreamAdapter::new(schema, rows)));
    let waited = tokio::time::timeout(std::time::Duration::from_secs(3), append).await;
    assert!(waited.is_err(), "the insert ended: {waited:?}");
    let taken = taken.load(Ordering::Relaxed);
    assert!((1..40).contains(&taken), "{taken} MB were taken");
    for _ in 0..50 {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        if database.texts("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'COPY%slow%' AND state = 'active' AND pid <> pg_backend_pid()").await.is_empty() {
            break;
        }
    }
    assert_eq!(database.texts("SELECT count(*) FROM slow").await, [Some("0".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_with_one_connection_copies_within_itself_or_says_why_not() {
    let sql = "CREATE TABLE a AS SELECT i AS id, repeat('x', 100) AS pad FROM generate_series(1, 50000) i; ANALYZE a; \
        CREATE TABLE b (id int, pad text);";
    for server in SERVERS {
        let database = TestDatabase::create(server, sql).await;
        let engine = headwater_tests::engine(headwater_common::Limits::default()).await;
        let options = headwater_common::config::Options::new().with("url", database.url()).with("sslmode", "disable");
        let options = options.with("pool_size", "1").with("pool_wait_ms", "2000");
        engine.create_source("pg", "postgres", &options).await.unwrap();
        let session = engine.session("test").unwrap();
        let copy = async {
            let sql = "INSERT INTO pg.public.b SELECT id, pad FROM pg.public.a";
            session.query(sql).await?.affected_rows().await
        };
        let copied = tokio::time::timeout(std::time::Duration::from_secs(60), copy).await.expect("no deadlock");
        let expected = match copied {
            Ok(rows) => rows,
            Err(e) => {
                assert!(e.to_string().contains("pool_size"), "{e}");
                0
            }
        };
        assert_eq!(database.texts("SELECT count(*) FROM b").await, [Some(expected.to_string())]);
        assert!(expected == 0 || expected == 50_000);
        assert_eq!(headwater_tests::table(&session, "SELECT count(*) FROM pg.public.a").await, ["50000"]);
    }
}
