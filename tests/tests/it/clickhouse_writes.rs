//! INSERT and DELETE on ClickHouse.

use headwater_common::ErrorKind;
use headwater_engine::Session;
use headwater_tests::clickhouse::ClickHouseDatabase;

const TABLE: &str = "CREATE TABLE t (id UInt32, name Nullable(String), made DateTime DEFAULT '2024-01-01 00:00:00', \
        twice UInt64 MATERIALIZED id * 2) ENGINE = MergeTree ORDER BY id;\n\
    CREATE TABLE typed (id UInt8, i Int128, u UInt256, d Date, d32 Date32, t DateTime64(6), e Enum8('a' = 1, 'b''c' = 2), \
        uuid UUID, ip IPv4, ip6 IPv6, l Array(Nullable(Int32)), s LowCardinality(String), dec Decimal(12, 2), f Float64, \
        b Bool, tm Time) ENGINE = MergeTree ORDER BY id;\n";

async fn affected(session: &Session, sql: &str) -> u64 {
    session
        .query(sql)
        .await
        .unwrap_or_else(|e| panic!("{sql}: {e}"))
        .affected_rows()
        .await
        .unwrap_or_else(|e| panic!("{e}"))
}

async fn refused(session: &Session, sql: &str) -> (ErrorKind, String) {
    let error = match session.query(sql).await {
        Ok(result) => result.affected_rows().await.expect_err(sql),
        Err(error) => error,
    };
    (error.kind(), error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_inserted_and_deleted_with_their_number() {
    let database = ClickHouseDatabase::create(TABLE).await;
    let (session, name) = (database.session().await, database.name());
    let sql = format!("INSERT INTO ch.{name}.t (id, name) VALUES (1, 'a''b'), (2, NULL), (3, 'ü\\\n')");
    assert_eq!(affected(&session, &sql).await, 3);
    assert_eq!(affected(&session, &sql).await, 3, "the same rows twice are twice in the table");
    let found = database.lines("SELECT DISTINCT id, name, made, twice FROM t ORDER BY id").await;
    assert_eq!(found[0], "1\ta\\'b\t2024-01-01 00:00:00\t2");
    assert_eq!(found[1], "2\t\\N\t2024-01-01 00:00:00\t4");
    assert_eq!(found[2], "3\tü\\\\\\n\t2024-01-01 00:00:00\t6");
    let sql = format!("INSERT INTO ch.{name}.t (id) SELECT value + 100 FROM generate_series(1, 300000)");
    assert_eq!(affected(&session, &sql).await, 300_000);
    assert_eq!(database.text("SELECT count(), sum(id) FROM t").await.trim(), "300006\t45030150012");
    assert_eq!(affected(&session, &format!("DELETE FROM ch.{name}.t WHERE id = 2 OR name = 'a''b'")).await, 4);
    assert_eq!(database.text("SELECT count() FROM t").await.trim(), "300002");
    assert_eq!(affected(&session, &format!("DELETE FROM ch.{name}.t WHERE name = 'none'")).await, 0);
    assert_eq!(affected(&session, &format!("DELETE FROM ch.{name}.t")).await, 300_002);
    assert_eq!(database.text("SELECT count() FROM t").await.trim(), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_is_written_as_it_is_read() {
    let database = ClickHouseDatabase::create(TABLE).await;
    let (session, name) = (database.session().await, database.name());
    database
        .run(
            "INSERT INTO typed VALUES (1, -170141183460469231731687303715884105728, \
             115792089237316195423570985008687907853269984665640564039457584007913129639935, '2149-06-06', '1900-01-01', \
             '2024-02-29 23:59:59.999999', 'b\\'c', '550e8400-e29b-41d4-a716-446655440000', '1.2.3.4', '2001:db8::1', \
             [1, NULL, -2147483648], '', -9999999999.99, -0., true, '23:59:59')",
        )
        .await;
    assert_eq!(affected(&session, &format!("INSERT INTO ch.{name}.typed SELECT * FROM ch.{name}.typed")).await, 1);
    assert_eq!(database.text("SELECT count(), uniqExact(tuple(*)) FROM typed").await.trim(), "2\t1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_insert_leaves_nothing() {
    let database = ClickHouseDatabase::create(TABLE).await;
    let (session, name) = (database.session().await, database.name());
    let failing = format!(
        "INSERT INTO ch.{name}.t (id) SELECT CAST(10 / (200000 - value) AS int) + value FROM generate_series(1, 200000)"
    );
    refused(&session, &failing).await;
    let (kind, text) = refused(&session, &format!("INSERT INTO ch.{name}.t (id, name) VALUES (NULL, 'x')")).await;
    assert_eq!(kind, ErrorKind::InvalidInput, "{text}");
    let (kind, text) =
        refused(&session, &format!("INSERT INTO ch.{name}.t (id, made) VALUES (1, '1950-01-01T00:00:00Z')")).await;
    assert!(kind == ErrorKind::InvalidInput && text.contains("does not fit"), "{text}");
    let columns = "(id, i, u, d, d32, t, e, uuid, ip, ip6, s, dec, f, b, tm)";
    let row = |d: &str, e: &str, uuid: &str| {
        format!(
            "INSERT INTO ch.{name}.typed {columns} VALUES (1, 1, '2', '{d}', '2024-01-01', '2024-01-01T00:00:00Z', '{e}', \
             '{uuid}', '1.2.3.4', '::1', 's', 1.5, 1.5, true, '10:00:00')"
        )
    };
    let good = "550e8400-e29b-41d4-a716-446655440000";
    for sql in [row("2024-01-01", "none", good), row("1960-01-01", "a", good), row("2024-01-01", "a", "no uuid")] {
        let (_, text) = refused(&session, &sql).await;
        assert!(!text.contains("no uuid"), "{text}");
    }
    for table in ["t", "typed"] {
        assert_eq!(database.text(&format!("SELECT count() FROM {table}")).await.trim(), "0", "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_not_exact_is_refused() {
    let database =
        ClickHouseDatabase::create(&format!("{TABLE}INSERT INTO t (id) SELECT number FROM numbers(10);\n")).await;
    let (session, name) = (database.session().await, database.name());
    database.run("CREATE TABLE log (x Float64) ENGINE = Log").await;
    for sql in [
        "DELETE FROM ch.DB.t WHERE upper(name) = 'N1'",
        "DELETE FROM ch.DB.t WHERE id IN (SELECT id FROM ch.DB.t WHERE id < 3)",
        "DELETE FROM ch.DB.log WHERE x = 1.0",
        "UPDATE ch.DB.t SET name = 'x' WHERE id = 1",
    ] {
        let (kind, text) = refused(&session, &sql.replace("DB", name)).await;
        assert!(
            matches!(kind, ErrorKind::Unsupported | ErrorKind::InvalidInput | ErrorKind::NotFound),
            "{sql}: {kind:?} {text}"
        );
    }
    assert_eq!(database.text("SELECT count() FROM t WHERE name IS NULL").await.trim(), "10");
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_are_left_out_are_filled_by_the_server() {
    let sql = "CREATE TABLE d (id Int32, a Int32 DEFAULT 7, n Nullable(Int32) DEFAULT 4, v Variant(Int32, String), l Array(Int32)) \
        ENGINE = MergeTree ORDER BY id;\n";
    let database = ClickHouseDatabase::create(sql).await;
    let (session, name) = (database.session().await, database.name());
    assert_eq!(affected(&session, &format!("INSERT INTO ch.{name}.d (id) VALUES (1)")).await, 1);
    assert_eq!(affected(&session, &format!("INSERT INTO ch.{name}.d (n, id) VALUES (NULL, 2)")).await, 1);
    assert_eq!(database.lines("SELECT * FROM d ORDER BY id").await, ["1\t7\t4\t\\N\t[]", "2\t7\t\\N\t\\N\t[]"]);
    let (_, text) = refused(&session, &format!("INSERT INTO ch.{name}.d (id, a) VALUES (3, NULL)")).await;
    assert!(text.contains("is NOT NULL"), "{text}");
}
