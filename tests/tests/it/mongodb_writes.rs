//! INSERT, UPDATE and DELETE on MongoDB collections.

use bson::oid::ObjectId;
use bson::{Bson, Document, doc};
use headwater_common::{Error, ErrorKind};
use headwater_engine::Session;
use headwater_tests::mongodb::MongoDatabase;
use headwater_tests::table;

async fn changed(session: &Session, sql: &str) -> Result<u64, Error> {
    session.query(sql).await?.affected_rows().await
}

const COLUMNS: &str =
    "_id objectId, n long, m decimal(12, 2), s string, o object<x long, y string>, a array<long>, t date, u uuid, j json";

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_written_with_their_types() {
    let database = MongoDatabase::create(&[("t", vec![doc! { "_id": ObjectId::from_bytes([9; 12]) }])]).await;
    let name = database.name();
    let session = database.session_with(&database.options().with(&format!("columns.{name}.t"), COLUMNS)).await;
    let id = "010101010101010101010101";
    let sql = format!(
        "INSERT INTO mg.{name}.t (_id, n, m, s, o, a, t, u) VALUES ('{id}', 5, 1.50, '{{\"$gt\": 1}}', \
         {{x: 1, y: 'z'}}, [1, NULL], '2024-02-29T00:00:00Z', '00112233-4455-6677-8899-aabbccddeeff')"
    );
    assert_eq!(changed(&session, &sql).await.unwrap(), 1);
    let written = database.documents("t").await.remove(0);
    let expected = doc! {
        "_id": ObjectId::parse_str(id).unwrap(), "n": 5_i64, "m": Bson::Decimal128("1.50".parse().unwrap()), "s": "{\"$gt\": 1}",
        "o": { "x": 1_i64, "y": "z" }, "a": [1_i64, Bson::Null], "t": bson::DateTime::from_millis(1_709_164_800_000),
        "u": bson::Uuid::parse_str("00112233-4455-6677-8899-aabbccddeeff").unwrap(),
    };
    assert_eq!(written, expected);
    assert_eq!(changed(&session, &format!("INSERT INTO mg.{name}.t (s) VALUES ('made'), ('made')")).await.unwrap(), 2);
    assert_eq!(table(&session, &format!("SELECT count(DISTINCT _id) FROM mg.{name}.t WHERE s = 'made'")).await, ["2"]);
    for (sql, kind) in [
        ("(_id) VALUES ('no id')", ErrorKind::InvalidInput),
        ("(u) VALUES ('no uuid')", ErrorKind::InvalidInput),
        ("(j) VALUES ('5')", ErrorKind::InvalidInput),
        ("(_id) VALUES ('010101010101010101010101')", ErrorKind::AlreadyExists),
    ] {
        let error = changed(&session, &format!("INSERT INTO mg.{name}.t {sql}")).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{sql}: {error}");
        assert!(!error.to_string().contains("0101010101"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_insert_without_id_is_refused_where_ids_are_no_object_ids() {
    let database = MongoDatabase::create(&[("t", vec![doc! { "_id": 1_i64, "v": 1_i64 }])]).await;
    let (session, name) = (database.session().await, database.name());
    for sql in ["(v) VALUES (2)", "(_id, v) VALUES (NULL, 2)", "(_id, v) VALUES (5, 2), (NULL, 3)"] {
        let error = changed(&session, &format!("INSERT INTO mg.{name}.t {sql}")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.to_string().contains("give each row its _id"), "{error}");
    }
    assert_eq!(changed(&session, &format!("INSERT INTO mg.{name}.t (_id, v) VALUES (2, 2)")).await.unwrap(), 1);
    assert_eq!(table(&session, &format!("SELECT _id FROM mg.{name}.t ORDER BY 1")).await, ["1", "2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_insert_leaves_nothing() {
    let database = MongoDatabase::create(&[("t", vec![doc! { "_id": 1500_i64, "v": 1_i64 }])]).await;
    let (session, name) = (database.session().await, database.name());
    let sql = format!("INSERT INTO mg.{name}.t (_id, v) SELECT value, value FROM generate_series(0, 2999) AS g(value)");
    let error = changed(&session, &sql).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
    assert_eq!(database.documents("t").await.len(), 1);
}

fn several() -> Vec<Document> {
    vec![
        doc! { "_id": 1, "n": 1, "s": "a" },
        doc! { "_id": 2, "n": 2 },
        doc! { "_id": 3, "n": Bson::Null, "s": "a" },
        doc! { "_id": 4, "s": "b" },
        doc! { "_id": 5, "n": [2, 3], "s": "b" },
        doc! { "_id": 6, "n": "2", "s": "b" },
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_reach_what_their_filters_say_and_nothing_else() {
    let database = MongoDatabase::create(&[("t", several())]).await;
    let name = database.name();
    let options = database.options().with(&format!("columns.{name}.t"), "_id long, n long, s string, d double");
    let session = database.session_with(&options.with("misfit", "null")).await;
    let ids = async || -> Vec<i32> { database.documents("t").await.iter().map(|d| d.get_i32("_id").unwrap()).collect() };
    assert_eq!(changed(&session, &format!("UPDATE mg.{name}.t SET s = '$n' WHERE n <> 1")).await.unwrap(), 1);
    assert_eq!(database.documents("t").await[1].get_str("s").unwrap(), "$n");
    assert_eq!(changed(&session, &format!("UPDATE mg.{name}.t SET s = NULL, n = 7 WHERE _id = 4")).await.unwrap(), 1);
    assert_eq!(database.documents("t").await[3], doc! { "_id": 4, "n": 7_i64 });
    // What does not fit its column is no null to a change.
    assert_eq!(changed(&session, &format!("DELETE FROM mg.{name}.t WHERE n IS NULL")).await.unwrap(), 1);
    assert_eq!(ids().await, [1, 2, 4, 5, 6]);
    assert_eq!(changed(&session, &format!("DELETE FROM mg.{name}.t WHERE NOT (n = 2)")).await.unwrap(), 2);
    assert_eq!(ids().await, [2, 5, 6]);
    for sql in ["DELETE FROM mg.{}.t WHERE d < 0.0", "DELETE FROM mg.{}.t WHERE n + 1 = 3", "UPDATE mg.{}.t SET n = n + 1"]
    {
        let error = changed(&session, &sql.replace("{}", name)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{sql}: {error}");
    }
    let error = changed(&session, &format!("UPDATE mg.{name}.t SET _id = 9 WHERE n = 2")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert_eq!(changed(&session, &format!("DELETE FROM mg.{name}.t")).await.unwrap(), 3);
    assert!(ids().await.is_empty());
}
