//! A filter that MongoDB computes keeps the same documents as here.

use bson::oid::ObjectId;
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, Document, doc};
use headwater_engine::Session;
use headwater_tests::mongodb::MongoDatabase;
use headwater_tests::table;

const COLUMNS: &str = "_id long, n long, d double, m decimal(20, 2), s string, b bool, t date, o object<x long, y string>, \
                       a array<string>, u uuid, oid objectId, j json";

/// Each value in a document of its own; also values that do not fit, when they are null.
fn documents(misfits: bool) -> Vec<Document> {
    let decimal = |text: &str| Bson::Decimal128(text.parse().unwrap());
    let uuid = |byte: u8| Bson::Binary(Binary { subtype: BinarySubtype::Uuid, bytes: vec![byte; 16] });
    let mut values: Vec<(&str, Bson)> = vec![
        ("n", 1.into()),
        ("n", 5_i64.into()),
        ("n", i64::MAX.into()),
        ("n", (-5).into()),
        ("d", 1.5.into()),
        ("d", 0.0.into()),
        ("d", (-0.0).into()),
        ("d", f64::NAN.into()),
        ("d", (-f64::NAN).into()),
        ("d", f64::INFINITY.into()),
        ("d", f64::NEG_INFINITY.into()),
        ("d", 3.into()),
        ("d", 3_i64.into()),
        ("m", decimal("1.50")),
        ("m", decimal("1.5")),
        ("m", decimal("-0.00")),
        ("m", 7.into()),
        ("b", true.into()),
        ("b", false.into()),
        ("t", bson::DateTime::from_millis(0).into()),
        ("t", bson::DateTime::from_millis(-1).into()),
        ("t", bson::DateTime::from_millis(1_700_000_000_000).into()),
        ("o", doc! { "x": 5, "y": "in" }.into()),
        ("o", doc! { "x": Bson::Null }.into()),
        ("o", doc! {}.into()),
        ("a", vec!["x", "y"].into()),
        ("a", Vec::<Bson>::new().into()),
        ("a", vec![Bson::Null].into()),
        ("u", uuid(0)),
        ("u", uuid(0xff)),
        ("oid", ObjectId::from_bytes([7; 12]).into()),
        ("oid", ObjectId::from_bytes([0xff; 12]).into()),
        ("j", "x".into()),
        ("j", 5.into()),
        ("j", doc! { "k": 1 }.into()),
        ("j", vec![1, 2].into()),
        ("n", Bson::Null),
        ("s", Bson::Null),
    ];
    for text in ["", "x", "X", "xy", "x\n", "x\ny", "a%b", "a_b", "a.b", "ä", "x\u{0}", "$where", "{\"$ne\":1}", "zz"] {
        values.push(("s", text.into()));
    }
    if misfits {
        values.extend(values_that_do_not_fit());
    }
    let with_id = |(i, (name, value)): (usize, (&str, Bson))| doc! { "_id": i as i64, name: value };
    values.into_iter().enumerate().map(with_id).collect()
}

/// Values that do not fit the columns.
fn values_that_do_not_fit() -> Vec<(&'static str, Bson)> {
    let decimal = |text: &str| Bson::Decimal128(text.parse().unwrap());
    vec![
        ("n", Bson::from("5")),
        ("n", 5.0.into()),
        ("n", vec![5, 6].into()),
        ("n", vec![Bson::Null].into()),
        ("d", "1.5".into()),
        ("d", i64::MAX.into()),
        ("d", vec![1.5].into()),
        ("m", decimal("1.505")),
        ("m", decimal("NaN")),
        ("m", 1.5.into()),
        ("s", 5.into()),
        ("s", vec!["x", "zz"].into()),
        ("s", ObjectId::from_bytes([7; 12]).into()),
        ("b", 1.into()),
        ("b", vec![true].into()),
        ("t", 0_i64.into()),
        ("t", Bson::Timestamp(bson::Timestamp { time: 0, increment: 1 })),
        ("o", 5.into()),
        ("o", vec![doc! { "x": 5, "y": "in" }].into()),
        ("o", doc! { "x": [5], "y": 5 }.into()),
        ("a", "x".into()),
        ("a", vec![Bson::from("x"), 5.into()].into()),
        ("u", Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes: vec![0; 3] })),
        ("u", "00000000-0000-0000-0000-000000000000".into()),
        ("oid", "070707070707070707070707".into()),
    ]
}

const FILTERS: &[&str] = &[
    "n = 5",
    "n <> 5",
    "NOT (n = 5)",
    "n < 5",
    "n >= 5",
    "n BETWEEN -5 AND 1",
    "n NOT BETWEEN -5 AND 1",
    "n IN (1, 5, 77)",
    "n NOT IN (1, 5)",
    "n IN (1, NULL)",
    "n NOT IN (1, NULL)",
    "n IS NULL",
    "n IS NOT NULL",
    "n IS DISTINCT FROM 5",
    "n IS NOT DISTINCT FROM 5",
    "(n = 5) IS NOT TRUE",
    "(n = 5) IS UNKNOWN",
    "(n < 5) IS FALSE",
    "n = 5 OR s = 'x'",
    "NOT (n = 5 AND s = 'x')",
    "NOT (n > 1 OR s = 'x')",
    "d = 1.5",
    "d <> 1.5",
    "d < 1.5",
    "d <= 1.5",
    "d > 1.5",
    "d >= 3.0",
    "NOT (d > 1.5)",
    "d = 0.0",
    "d < 0.0",
    "d > 0.0",
    "d <= 0.0",
    "d <> 0.0",
    "d = 'NaN'::double",
    "d IN (1.5, 3.0)",
    "d NOT IN (1.5, 3.0)",
    "d IS NULL",
    "m = 1.5",
    "m <> 1.5",
    "m < 1.51",
    "m > 1.5",
    "m IN (1.5, 7)",
    "m IS NULL",
    "m IS NOT NULL",
    "s = 'x'",
    "s <> 'x'",
    "s < 'x'",
    "s >= 'x'",
    "s IN ('x', '', '$where')",
    "s NOT IN ('x', '')",
    "s LIKE 'x%'",
    "s LIKE '%x'",
    "s LIKE 'x'",
    "s LIKE 'x_'",
    "s LIKE '_'",
    "s LIKE '%'",
    "s LIKE 'x%y'",
    "s LIKE 'a.b'",
    "s LIKE '%.%'",
    "s NOT LIKE 'x%'",
    "s NOT LIKE 'x%y'",
    "s NOT LIKE '%'",
    "s ILIKE 'x'",
    "s LIKE 'a\\%b'",
    "s = '{\"$ne\":1}'",
    "s IS NULL",
    "s IS NOT NULL",
    "b",
    "NOT b",
    "b IS NOT TRUE",
    "b IS NOT FALSE",
    "b = false",
    "b IS NULL",
    "t = '1970-01-01T00:00:00Z'",
    "t < '1970-01-01T00:00:00Z'",
    "t >= '1970-01-01T00:00:00Z'",
    "t <> '1970-01-01T00:00:00Z'",
    "o['x'] = 5",
    "o['x'] <> 5",
    "o['x'] IS NULL",
    "o['y'] = 'in'",
    "o['y'] LIKE 'i%'",
    "o IS NULL",
    "o IS NOT NULL",
    "a IS NULL",
    "array_has(a, 'x')",
    "NOT array_has(a, 'x')",
    "array_contains(a, 'y') AND n IS NULL",
    "u = '00000000-0000-0000-0000-000000000000'",
    "u IN ('ffffffff-ffff-ffff-ffff-ffffffffffff')",
    "u IS NULL",
    "u IS NOT NULL",
    "oid = '070707070707070707070707'",
    "oid <> '070707070707070707070707'",
    "oid > '070707070707070707070707'",
    "oid = 'no id'",
    "oid > 'no id'",
    "oid LIKE '07%'",
    "j IS NULL",
    "j IS NOT NULL",
    "j = '5'",
    "_id < 10 AND n IS NOT NULL",
    "true",
    "n = 5 AND NULL",
];

async fn compare(session: &Session, name: &str) -> usize {
    let mut pushed = 0;
    for filter in FILTERS {
        let there = format!("SELECT _id FROM mg.{name}.t WHERE {filter}");
        // A filter does not go below a limit.
        let here = format!("SELECT _id FROM (SELECT * FROM mg.{name}.t LIMIT 1000000) WHERE {filter}");
        assert_eq!(table(session, &there).await, table(session, &here).await, "{filter}");
        let count = format!("SELECT count(*) FROM mg.{name}.t WHERE {filter}");
        let counted = format!("SELECT count(*) FROM (SELECT * FROM mg.{name}.t LIMIT 1000000) WHERE {filter}");
        assert_eq!(table(session, &count).await, table(session, &counted).await, "{filter}");
        let plan = table(session, &format!("EXPLAIN {there}")).await.join("\n");
        pushed += usize::from(!plan.contains("FilterExec"));
    }
    pushed
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_keep_the_same_documents_there_and_here() {
    let database = MongoDatabase::create(&[("t", documents(false))]).await;
    let options = database.options().with(&format!("columns.{}.t", database.name()), COLUMNS);
    let session = database.session_with(&options).await;
    let pushed = compare(&session, database.name()).await;
    assert!(pushed * 3 > FILTERS.len() * 2, "only {pushed} of {} filters were pushed", FILTERS.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_do_not_fit_are_null_to_filters_too() {
    let database = MongoDatabase::create(&[("t", documents(true))]).await;
    let options = database.options().with(&format!("columns.{}.t", database.name()), COLUMNS).with("misfit", "null");
    let session = database.session_with(&options).await;
    let pushed = compare(&session, database.name()).await;
    assert!(pushed * 2 > FILTERS.len(), "only {pushed} of {} filters were pushed", FILTERS.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_up_by_id_is_sent_as_an_object_id() {
    let ids: Vec<ObjectId> = (0..10).map(|i| ObjectId::from_bytes([i; 12])).collect();
    let documents = ids.iter().map(|id| doc! { "_id": *id, "v": id.to_hex() }).collect();
    let database = MongoDatabase::create(&[("t", documents)]).await;
    let (session, name) = (database.session().await, database.name());
    let sql = format!("SELECT v FROM mg.{name}.t WHERE _id = '{}'", ids[3].to_hex());
    let plan = table(&session, &format!("EXPLAIN {sql}")).await.join("\n");
    assert!(plan.contains(r#""$eq":{"$oid":"030303030303030303030303"}"#), "{plan}");
    assert_eq!(table(&session, &sql).await, [ids[3].to_hex()]);
}

/// Texts that would change a command if they were a part of its text.
const PAYLOADS: &[&str] = &[
    "'; return true; var x='",
    "{\"$gt\": \"\"}",
    "{\"$ne\": null}",
    "{\"$where\": \"sleep(5000)\"}",
    "$where",
    "$$ROOT",
    "$s",
    "\"}},{\"$match\":{}}",
    "\"},\"limit\":0,\"x\":{\"",
    "{\"$oid\":\"030303030303030303030303\"}",
    "{\"$numberLong\":\"1\"}",
    "{\"$regularExpression\":{\"pattern\":\".*\",\"options\":\"\"}}",
    "{\"$code\":\"function(){return true}\"}",
    ".*",
    "^",
    "a|.*",
    "(?s).*",
    "\\x00",
    "\u{0}",
    "\u{1}\n\r\t\u{2028}",
    "\u{202e}\u{feff}",
    "%7B%22%24gt%22%3A%22%22%7D",
    "1; db.dropDatabase()",
    "\\\"",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_never_an_operator() {
    let mut documents: Vec<Document> =
        PAYLOADS.iter().enumerate().map(|(i, s)| doc! { "_id": i as i64, "s": *s, "o": { "s": *s }, "a": [*s] }).collect();
    documents.push(doc! { "_id": 1000_i64, "s": "other", "o": { "s": "other" }, "a": ["other"] });
    let database = MongoDatabase::create(&[("t", documents)]).await;
    let (session, name) = (database.session().await, database.name());
    for (i, payload) in PAYLOADS.iter().enumerate() {
        let quoted = payload.replace('\'', "''");
        let mut filters = vec![
            format!("s = '{quoted}'"),
            format!("s IN ('{quoted}', 'nothing')"),
            format!("o['s'] = '{quoted}'"),
            format!("array_has(a, '{quoted}')"),
            format!("s <> 'other' AND NOT (s <> '{quoted}')"),
        ];
        if !payload.contains(['%', '_', '\\', '\u{0}']) {
            filters.push(format!("s LIKE '{quoted}'"));
        }
        for filter in filters {
            let found = table(&session, &format!("SELECT _id FROM mg.{name}.t WHERE {filter}")).await;
            assert_eq!(found, [i.to_string()], "{filter}");
            let counted = table(&session, &format!("SELECT count(*) FROM mg.{name}.t WHERE {filter}")).await;
            assert_eq!(counted, ["1"], "{filter}");
        }
        let grouped = format!("SELECT s, count(*) FROM mg.{name}.t WHERE s = '{quoted}' GROUP BY s HAVING s = '{quoted}'");
        assert_eq!(table(&session, &grouped).await, [format!("{payload}|1")], "{payload}");
    }
    assert_eq!(database.documents("t").await.len(), PAYLOADS.len() + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn field_names_with_dots_and_dollars_are_read_and_not_sent() {
    let mut documents = vec![doc! { "_id": 1, "plain": 1 }];
    documents.push(Document::from_iter([
        ("_id".to_owned(), 2.into()),
        ("a.b".to_owned(), 7.into()),
        ("x$".to_owned(), 8.into()),
    ]));
    let database = MongoDatabase::create(&[("t", documents)]).await;
    let (session, name) = (database.session().await, database.name());
    assert_eq!(table(&session, &format!("SELECT \"a.b\" FROM mg.{name}.t WHERE \"a.b\" = 7")).await, ["7"]);
    assert_eq!(table(&session, &format!("SELECT \"x$\" FROM mg.{name}.t WHERE \"x$\" = 8")).await, ["8"]);
    let plan = table(&session, &format!("EXPLAIN SELECT plain FROM mg.{name}.t WHERE \"a.b\" = 7")).await.join("\n");
    assert!(plan.contains("FilterExec"), "{plan}");
}
