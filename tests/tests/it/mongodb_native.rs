//! Commands of MongoDB's own language, unions at the server, and how a schema changes.

use bson::{Bson, Document, doc};
use headwater_common::config::Config;
use headwater_common::{Error, ErrorKind};
use headwater_engine::Session;
use headwater_tests::mongodb::MongoDatabase;
use headwater_tests::{lines, table};

use crate::mongodb_pushed::orders;

/// A session that may send texts of its own to the source `mg`.
async fn session(database: &MongoDatabase) -> Session {
    let mut config = Config::default();
    config.engine.allow_native_queries = true;
    let engine = headwater_flight_server::wire::engine(config).await.unwrap();
    engine.create_source("mg", "mongodb", &database.options()).await.unwrap();
    engine.session("test").unwrap()
}

async fn try_table(session: &Session, sql: &str) -> Result<Vec<String>, Error> {
    session.query(sql).await?.collect().await.map(|batches| lines(&batches))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_of_the_servers_own_is_a_table() {
    let database = MongoDatabase::create(&[("orders", orders())]).await;
    let (session, name) = (session(&database).await, database.name());
    let call = |text: &str| format!("query('mg', '{}')", text.replace("{db}", name).replace('\'', "''"));
    let grouped = call(
        r#"{"aggregate": "orders", "$db": "{db}", "pipeline": [
            {"$match": {"cents": {"$gte": 0}}}, {"$group": {"_id": "$customer", "n": {"$sum": 1}, "most": {"$max": "$cents"}}}]}"#,
    );
    let own = format!("SELECT customer, count(*), max(cents) FROM mg.{name}.orders WHERE cents >= 0 GROUP BY customer");
    assert_eq!(table(&session, &format!("SELECT _id, n, most FROM {grouped}")).await, table(&session, &own).await);
    // It joins, filters and sorts like every other table.
    let found =
        call(r#"{"find": "orders", "$db": "{db}", "filter": {"paid": true}, "projection": {"city": 1, "cents": 1}}"#);
    let sql = format!("SELECT f.city, o.cents FROM {found} f JOIN mg.{name}.orders o ON o._id = f._id WHERE f.cents > 300");
    let own = format!("SELECT city, cents FROM mg.{name}.orders WHERE paid AND cents > 300");
    assert_eq!(table(&session, &sql).await, table(&session, &own).await);
    let nested = call(r#"{"aggregate": "orders", "$db": "{db}", "pipeline": [{"$sort": {"_id": 1}}, {"$limit": 2}]}"#);
    let rows = table(&session, &format!("SELECT address['zip'], _doc FROM {nested}")).await;
    assert!(rows[0].starts_with("000|{") && rows[0].contains("\"floor\":0"), "{rows:?}");
    let nothing = call(r#"{"find": "orders", "$db": "{db}", "filter": {"_id": -1}}"#);
    assert_eq!(table(&session, &format!("SELECT count(*) FROM {nothing}")).await, ["0"]);
    let plan = table(&session, &format!("EXPLAIN SELECT n FROM {grouped}")).await.join("\n");
    assert!(plan.contains("$group") && plan.contains("$max"), "{plan}");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_that_write_are_refused_and_nothing_happens() {
    let database = MongoDatabase::create(&[("orders", orders())]).await;
    let (session, name) = (session(&database).await, database.name());
    for text in [
        r#"{"aggregate": "orders", "$db": "{db}", "pipeline": [{"$out": "copy"}]}"#,
        r#"{"aggregate": "orders", "$db": "{db}", "pipeline": [{"$merge": {"into": "copy"}}]}"#,
        r#"{"delete": "orders", "$db": "{db}", "deletes": [{"q": {}, "limit": 0}]}"#,
        r#"{"drop": "orders", "$db": "{db}"}"#,
        r#"{"find": "orders", "$db": "{db}", "filter": {"$where": "true"}}"#,
        r#"{"find": "orders"}"#,
        "SELECT 1",
    ] {
        let text = text.replace("{db}", name);
        let error = try_table(&session, &format!("SELECT * FROM query('mg', '{text}')")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text}: {error}");
    }
    let other = r#"SELECT * FROM query('mg', '{"find": "system.users", "$db": "admin"}')"#;
    assert_eq!(try_table(&session, other).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(database.documents("copy").await, Vec::<Document>::new());
    assert_eq!(database.documents("orders").await.len(), 200);
    // The server's own error is told.
    let wrong = format!(r#"SELECT * FROM query('mg', '{{"find": "orders", "$db": "{name}", "filter": {{"$nope": 1}}}}')"#);
    assert!(try_table(&session, &wrong).await.unwrap_err().to_string().contains("mg"));
}

#[tokio::test(flavor = "multi_thread")]
async fn collections_are_united_at_the_server() {
    let old: Vec<Document> = orders().into_iter().take(60).collect();
    let mut odd = orders();
    odd.iter_mut().for_each(|d| drop(d.insert("cents", d.get_i64("cents").unwrap_or(1) as f64 / 3.0)));
    let database = MongoDatabase::create(&[("orders", orders()), ("old", old), ("odd", odd)]).await;
    let (session, name) = (database.session().await, database.name());
    for (sql, pushed) in [
        ("SELECT customer, count(*), sum(cents) FROM ({} UNION ALL {old}) x GROUP BY customer", true),
        ("SELECT city, cents FROM ({} UNION ALL {old}) x WHERE cents > 400 ORDER BY cents DESC, city LIMIT 7", true),
        ("SELECT count(*), min(at), max(city) FROM ({} UNION ALL {old} UNION ALL {}) x", true),
        ("SELECT count(*) FROM (SELECT cents FROM {} UNION ALL SELECT cents FROM {odd}) x WHERE cents > 3", false),
    ] {
        let filled = |orders: &str| {
            let columns = "SELECT customer, city, cents, at FROM";
            let text =
                sql.replace("FROM {}", &format!("FROM {orders}")).replace("FROM {odd}", &format!("FROM mg.{name}.odd"));
            let text = text.replace("{old}", &format!("{columns} mg.{name}.old"));
            text.replace("{}", &format!("{columns} {orders}"))
        };
        let there = filled(&format!("mg.{name}.orders"));
        // A limit that nothing reaches keeps the union here.
        let here = filled(&format!("(SELECT * FROM mg.{name}.orders LIMIT 1000000) o"));
        let plan = table(&session, &format!("EXPLAIN {there}")).await.join("\n");
        assert_eq!(plan.contains("$unionWith"), pushed, "{plan}");
        assert_eq!(table(&session, &there).await, table(&session, &here).await, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_looked_up_at_the_server_by_their_id() {
    let customer = |i: i64| {
        let mut customer = doc! { "_id": i, "name": format!("c{i}"), "since": bson::DateTime::from_millis(i * 1_000) };
        if i % 3 == 0 {
            customer.remove("name");
        }
        customer
    };
    let mut all = orders();
    all[3].remove("customer");
    all[4].insert("customer", Bson::Null);
    all[5].insert("customer", 99_i64);
    let named = |i: i64| doc! { "_id": format!("c{i}"), "n": i };
    let collections = [
        ("orders", all),
        ("customers", (0..7).map(customer).collect()),
        ("names", (0..4).map(named).collect()),
        ("none", vec![doc! { "_id": -1_i64 }]),
    ];
    let database = MongoDatabase::create(&collections).await;
    let (session, name) = (database.session().await, database.name());
    for (sql, pushed) in [
        ("SELECT o._id, c.name, o.cents FROM {orders} o JOIN {customers} c ON o.customer = c._id", true),
        (
            "SELECT c.name, count(*), sum(o.cents) FROM {orders} o JOIN {customers} c ON c._id = o.customer GROUP BY c.name",
            true,
        ),
        (
            "SELECT c._id, o._id FROM {customers} c JOIN {orders} o ON o.customer = c._id WHERE c.name > 'c2' AND o.paid",
            true,
        ),
        ("SELECT c.since, n.n FROM {customers} c JOIN {names} n ON c.name = n._id", true),
        ("SELECT count(*) FROM {orders} o JOIN {none} x ON o.customer = x._id", true),
        ("SELECT _id FROM {orders} o WHERE customer IN (SELECT _id FROM {customers} WHERE name IS NOT NULL)", true),
        ("SELECT _id FROM {customers} c WHERE EXISTS (SELECT 1 FROM {orders} o WHERE o.customer = c._id)", false),
        ("SELECT _id FROM {orders} o WHERE customer NOT IN (SELECT _id FROM {customers})", false),
        ("SELECT count(*) FROM {orders} o LEFT JOIN {customers} c ON o.customer = c._id WHERE o.cents > 9", false),
        ("SELECT count(*) FROM {orders} o JOIN {customers} c ON o.cents = c.since::bigint", false),
        ("SELECT count(*) FROM {orders} o JOIN {customers} c ON o.city = c.name", false),
        ("SELECT count(*) FROM {orders} o JOIN {customers} c ON o.customer = c._id AND o.cents > c._id", false),
    ] {
        let there = ["orders", "customers", "names", "none"]
            .iter()
            .fold(sql.to_owned(), |sql, table| sql.replace(&format!("{{{table}}}"), &format!("mg.{name}.{table}")));
        // A limit that nothing reaches keeps the join here.
        let here = ["orders", "customers", "names", "none"].iter().fold(sql.to_owned(), |sql, table| {
            sql.replace(&format!("{{{table}}}"), &format!("(SELECT * FROM mg.{name}.{table} LIMIT 1000000)"))
        });
        let told = table(&session, &format!("EXPLAIN {there}")).await.join("\n");
        assert_eq!(told.contains("$lookup"), pushed, "{told}");
        assert_eq!(table(&session, &there).await, table(&session, &here).await, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_changes_is_reported_with_its_versions() {
    let document = |i: i64| doc! { "_id": i, "n": i, "gone": true };
    let database = MongoDatabase::create(&[("t", (0..5).map(document).collect())]).await;
    let (session, name) = (database.session().await, database.name());
    let events = "SELECT version, name, change, path, before, after FROM system.schema_events WHERE source = 'mg'";
    assert_eq!(table(&session, events).await, Vec::<String>::new());
    database.run(doc! { "update": "t", "updates": [{ "q": {}, "u": { "$unset": { "gone": "" } }, "multi": true }] }).await;
    database.insert("t", &[doc! { "_id": 7_i64, "n": "seven", "new": Bson::Double(1.5) }]).await;
    session.query("REFRESH SOURCE mg").await.unwrap();
    let first = table(&session, events).await;
    let conflict = "NULL|long 83.3 %, string 16.7 %";
    let wanted = [
        "2|t|column added|new|NULL|double".to_owned(),
        "2|t|column removed|gone|bool|NULL".to_owned(),
        "2|t|type changed|n|long|json".to_owned(),
        format!("2|t|values changed|n|{conflict}"),
    ];
    assert_eq!(first, wanted);
    database.run(doc! { "create": "u" }).await;
    session.query("REFRESH SOURCE mg").await.unwrap();
    session.query("REFRESH SOURCE mg").await.unwrap();
    let second: Vec<String> = table(&session, events).await.into_iter().filter(|row| !first.contains(row)).collect();
    assert_eq!(second, ["3|u|table added|NULL|NULL|NULL"], "{name}");
}
