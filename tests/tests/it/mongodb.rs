//! Discovery and reading of MongoDB collections.

use bson::oid::ObjectId;
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, Document, doc};
use headwater_common::ErrorKind;
use headwater_tests::mongodb::MongoDatabase;
use headwater_tests::table;

fn id(n: u8) -> ObjectId {
    ObjectId::from_bytes([n; 12])
}

fn decimal(text: &str) -> Bson {
    Bson::Decimal128(text.parse().unwrap())
}

fn uuid(byte: u8) -> Bson {
    Bson::Binary(Binary { subtype: BinarySubtype::Uuid, bytes: vec![byte; 16] })
}

fn regex(pattern: &str, options: &str) -> Bson {
    let text = |text: &str| text.to_owned().try_into().unwrap();
    Bson::RegularExpression(bson::Regex { pattern: text(pattern), options: text(options) })
}

/// Documents with a value of each type, and one without any.
fn every_type() -> Vec<Document> {
    let bytes = Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes: vec![0, 1, 255] });
    vec![
        doc! {
            "_id": id(1), "b": true, "i": 1, "l": 9_007_199_254_740_993_i64, "d": 1.5, "m": decimal("12.345"), "s": "a\u{0}ü",
            "o": { "x": 1, "deep": { "y": "z" } }, "a": [1, 2], "ad": [{ "k": 1 }, { "k": 2 }], "t": bson::DateTime::from_millis(-1),
            "u": uuid(0xab), "bin": bytes, "re": regex("^a", "i"),
            "ts": Bson::Timestamp(bson::Timestamp { time: 5, increment: 6 }), "mixed": 1, "min": Bson::MinKey,
        },
        doc! {
            "_id": id(2), "b": false, "i": -7, "l": 5, "d": 3, "m": decimal("1E+3"), "s": "", "o": { "x": 2_i64 }, "a": [],
            "ad": Bson::Null, "t": bson::DateTime::from_millis(1_700_000_000_123), "mixed": "one", "u": Bson::Null,
        },
        doc! { "_id": id(3) },
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_is_read_as_it_is() {
    let database = MongoDatabase::create(&[("every", every_type())]).await;
    let (session, name) = (database.session().await, database.name());
    let of = async |column: &str| table(&session, &format!("SELECT {column} FROM mg.{name}.every ORDER BY _id")).await;
    let sorted = |mut expected: Vec<&str>| {
        expected.sort_unstable();
        expected.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    for (column, expected) in [
        ("_id", vec!["010101010101010101010101", "020202020202020202020202", "030303030303030303030303"]),
        ("b", vec!["true", "false", "NULL"]),
        ("i", vec!["1", "-7", "NULL"]),
        ("l", vec!["9007199254740993", "5", "NULL"]),
        ("d", vec!["1.5", "3.0", "NULL"]),
        ("m", vec!["12.345", "1000.000", "NULL"]),
        ("s", vec!["a\u{0}ü", "", "NULL"]),
        ("o", vec!["{x: 1, deep: {y: z}}", "{x: 2, deep: NULL}", "NULL"]),
        ("o['deep']['y']", vec!["z", "NULL", "NULL"]),
        ("a", vec!["[1, 2]", "[]", "NULL"]),
        ("ad", vec!["[{k: 1}, {k: 2}]", "NULL", "NULL"]),
        ("t", vec!["1969-12-31T23:59:59.999Z", "2023-11-14T22:13:20.123Z", "NULL"]),
        ("u", vec!["abababab-abab-abab-abab-abababababab", "NULL", "NULL"]),
        ("bin", vec!["0001ff", "NULL", "NULL"]),
        ("re", vec!["{\"$regularExpression\":{\"pattern\":\"^a\",\"options\":\"i\"}}", "NULL", "NULL"]),
        ("ts", vec!["{\"$timestamp\":{\"t\":5,\"i\":6}}", "NULL", "NULL"]),
        ("mixed", vec!["1", "one", "NULL"]),
        ("min", vec!["{\"$minKey\":1}", "NULL", "NULL"]),
    ] {
        assert_eq!(of(column).await, sorted(expected), "{column}");
    }
    let whole = of("_doc").await;
    assert!(whole.contains(&r#"{"_id":{"$oid":"030303030303030303030303"}}"#.to_owned()), "{whole:?}");
    assert_eq!(table(&session, &format!("SELECT count(*), count(mixed) FROM mg.{name}.every")).await, ["3|2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mixed_field_keeps_its_types_in_the_canonical_document() {
    let documents = [1.into(), 1_i64.into(), 1.0.into(), "1".into(), decimal("1.0"), Bson::MaxKey, true.into()];
    let documents: Vec<Document> = (0..).zip(documents).map(|(i, x): (i32, Bson)| doc! { "_id": i, "x": x }).collect();
    let database = MongoDatabase::create(&[("t", documents.clone())]).await;
    let sql = format!("SELECT x, _doc FROM mg.{}.t", database.name());
    let text = |x: &str, i: usize, typed: &str| format!("{x}|{{\"_id\":{{\"$numberInt\":\"{i}\"}},\"x\":{typed}}}");
    let mut expected = vec![
        text("1", 0, r#"{"$numberInt":"1"}"#),
        text("1", 1, r#"{"$numberLong":"1"}"#),
        text("1.0", 2, r#"{"$numberDouble":"1.0"}"#),
        text("1", 3, r#""1""#),
        text(r#"{"$numberDecimal":"1.0"}"#, 4, r#"{"$numberDecimal":"1.0"}"#),
        text(r#"{"$maxKey":1}"#, 5, r#"{"$maxKey":1}"#),
        text("true", 6, "true"),
    ];
    expected.sort();
    let session = database.session_with(&database.options().with("documents", "canonical")).await;
    let rows = table(&session, &sql).await;
    assert_eq!(rows, expected);
    // The driver reads the same documents back.
    let parsed = rows.iter().map(|row| serde_json::from_str::<Document>(row.split_once('|').unwrap().1).unwrap());
    let mut parsed: Vec<Document> = parsed.collect();
    parsed.sort_by_key(|d| d.get_i32("_id").unwrap());
    assert_eq!(parsed, documents);
    let relaxed = table(&database.session().await, &sql).await;
    assert!(relaxed.contains(&r#"1|{"_id":1,"x":1}"#.to_owned()), "{relaxed:?}");
    let sql = format!("SELECT count(*) FROM mg.{}.t WHERE _doc LIKE '%\"x\":{{\"$numberInt\":%'", database.name());
    assert_eq!(table(&session, &sql).await, ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn binary_values_of_every_subtype_are_bytes_and_uuids_have_one_subtype() {
    let binary = |subtype: BinarySubtype, byte: u8| Bson::Binary(Binary { subtype, bytes: vec![byte; 16] });
    let documents = vec![
        doc! { "_id": 1, "new": uuid(1), "old": binary(BinarySubtype::UuidOld, 2), "both": uuid(3) },
        doc! { "_id": 2, "new": uuid(4), "old": binary(BinarySubtype::UuidOld, 5), "both": binary(BinarySubtype::UuidOld, 6) },
    ];
    let database = MongoDatabase::create(&[("t", documents)]).await;
    let (session, name) = (database.session().await, database.name());
    let sql = format!("SELECT new, encode(old, 'hex'), encode(\"both\", 'hex') FROM mg.{name}.t");
    let hex = |byte: &str| byte.repeat(16);
    let expected = [
        format!("01010101-0101-0101-0101-010101010101|{}|{}", hex("02"), hex("03")),
        format!("04040404-0404-0404-0404-040404040404|{}|{}", hex("05"), hex("06")),
    ];
    assert_eq!(table(&session, &sql).await, expected);
    // The bytes of a subtype 3 have another order in each old driver, so they are never read as a UUID.
    let options = database.options().with(&format!("columns.{name}.t"), "_id int, old uuid");
    let sql = format!("SELECT old FROM mg.{name}.t");
    let session = database.session_with(&options).await;
    let error = session.query(&sql).await.unwrap().collect().await.unwrap_err();
    assert!(error.to_string().contains("\"old\", which is uuid"), "{error}");
    assert_eq!(table(&database.session_with(&options.with("misfit", "null")).await, &sql).await, ["NULL", "NULL"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_sample_found_is_listed_with_its_conflicts() {
    let documents =
        (0..4).map(|i| doc! { "_id": i, "x": if i == 0 { Bson::from("a") } else { i.into() }, "o": { "y": [1, true] } });
    let database = MongoDatabase::create(&[("t", documents.collect())]).await;
    let session = database.session().await;
    table(&session, &format!("SELECT x FROM mg.{}.t", database.name())).await;
    let sql = "SELECT path, type, conflict, sampled_rows FROM system.inferred_schemas WHERE source = 'mg'";
    let expected = [
        "_doc|document|NULL|4",
        "_id|long|NULL|4",
        "o.y[]|NULL|bool 50.0 %, int 50.0 %|4",
        "o|object<y array<json>>|NULL|4",
        "x|json|int 75.0 %, string 25.0 %|4",
    ];
    assert_eq!(table(&session, sql).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_does_not_fit_is_an_error_null_or_text() {
    let mut documents: Vec<Document> = (0..50).map(|i| doc! { "_id": i, "n": i, "s": "x" }).collect();
    documents.push(doc! { "_id": 999, "n": "many", "s": "x" });
    documents.extend((1000..1050).map(|i| doc! { "_id": i, "n": i, "s": "x" }));
    let database = MongoDatabase::create(&[("t", documents)]).await;
    let name = database.name();
    // Without a sample that sees the one document, a declaration says what is there.
    let options = database.options().with(&format!("columns.{name}.t"), "_id long, n long, s string");
    let session = database.session_with(&options).await;
    for sql in [
        "SELECT n FROM mg.{}.t",
        "SELECT sum(n) FROM mg.{}.t",
        "SELECT _id FROM mg.{}.t WHERE n > 10",
        "SELECT count(*) FROM mg.{}.t WHERE n <> 10",
        "SELECT n FROM mg.{}.t ORDER BY n LIMIT 3",
        "SELECT n, count(*) FROM mg.{}.t GROUP BY n HAVING count(*) > 1",
    ] {
        let sql = sql.replace("{}", name);
        let error = match session.query(&sql).await {
            Ok(result) => result.collect().await.unwrap_err(),
            Err(e) => e,
        };
        assert_eq!(error.kind(), ErrorKind::SourceFailed, "{sql}: {error}");
        assert!(error.to_string().contains("misfit") && !error.to_string().contains("many"), "{sql}: {error}");
    }
    let read = session.query(&format!("SELECT n FROM mg.{name}.t")).await.unwrap().collect().await.unwrap_err();
    assert!(read.to_string().contains("document 999"), "{read}");
    assert_eq!(table(&session, &format!("SELECT count(*), count(s) FROM mg.{name}.t")).await, ["101|101"]);
    let session = database.session_with(&options.with("misfit", "null")).await;
    assert_eq!(table(&session, &format!("SELECT count(*), count(n) FROM mg.{name}.t")).await, ["101|100"]);
    assert_eq!(table(&session, &format!("SELECT _id FROM mg.{name}.t WHERE n IS NULL")).await, ["999"]);
    assert_eq!(table(&session, &format!("SELECT count(*) FROM mg.{name}.t WHERE n <> 10")).await, ["99"]);
    assert_eq!(table(&session, &format!("SELECT _id FROM mg.{name}.t ORDER BY n NULLS FIRST LIMIT 1")).await, ["999"]);
    let session = database.session_with(&database.options()).await;
    assert_eq!(table(&session, &format!("SELECT n FROM mg.{name}.t WHERE _id = 999")).await, ["many"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_collections_are_read_in_ranges_that_hold_every_document_once() {
    let of = |ids: &dyn Fn(i64) -> Bson| (0..60_000).map(|i| doc! { "_id": ids(i), "v": i }).collect::<Vec<_>>();
    let mut mixed = of(&|i| Bson::Int64(i * 3));
    mixed.push(doc! { "_id": "text", "v": -1_i64 });
    mixed.push(doc! { "_id": f64::NAN, "v": -2_i64 });
    let oid = |i: i64| {
        let mut bytes = [0; 12];
        bytes[4..].copy_from_slice(&i.to_be_bytes());
        Bson::ObjectId(ObjectId::from_bytes(bytes))
    };
    let database = MongoDatabase::create(&[("numbers", mixed), ("ids", of(&oid))]).await;
    let name = database.name();
    let options = database.options().with(&format!("columns.{name}.numbers"), "_id json, v long");
    let session = database.session_with(&options).await;
    for (collection, rows) in [("numbers", 60_002), ("ids", 60_000)] {
        let sql = format!("SELECT v FROM mg.{name}.{collection}");
        // A busy server may say late how many documents it has.
        let mut plan = String::new();
        for _ in 0..40 {
            plan = table(&session, &format!("EXPLAIN {sql}")).await.join("\n");
            if !plan.contains("partitions=1,") {
                break;
            }
            session.query("REFRESH SOURCE mg").await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        }
        assert!(!plan.contains("partitions=1,"), "{plan}");
        let mut found: Vec<i64> = table(&session, &sql).await.iter().map(|v| v.parse().unwrap()).collect();
        found.sort_unstable();
        found.dedup();
        assert_eq!(found.len(), rows, "{collection}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_and_changed_collections_are_noticed() {
    let database = MongoDatabase::create(&[("first", vec![doc! { "_id": 1, "x": 1 }])]).await;
    let (session, name) = (database.session().await, database.name());
    database.run(doc! { "create": "empty" }).await;
    database.insert("new", &[doc! { "_id": 1, "y": "z" }]).await;
    assert_eq!(table(&session, &format!("SELECT y FROM mg.{name}.new")).await, ["z"]);
    assert!(table(&session, &format!("SELECT * FROM mg.{name}.empty")).await.is_empty());
    database.insert("empty", &[doc! { "_id": 1, "later": 5 }]).await;
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    assert_eq!(table(&session, &format!("SELECT later FROM mg.{name}.empty")).await, ["5"]);
    let missing = session.query(&format!("SELECT * FROM mg.{name}.nothing")).await.unwrap_err();
    assert!(missing.to_string().contains("nothing"), "{missing}");
}
