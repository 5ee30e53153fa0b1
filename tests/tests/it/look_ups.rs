//! A prepared look-up of one row by its key returns what the statement with the key in its text returns, also when it runs again.

use std::sync::Arc;

use datafusion::common::ScalarValue;
use headwater_common::ErrorKind;
use headwater_common::config::{Config, Options};
use headwater_engine::{Engine, Prepared, Session};
use headwater_postgres::PostgresConnector;
use headwater_tests::{TestDatabase, lines, table};

use crate::SERVERS;

const SHOP: &str = "
CREATE TABLE item (id int PRIMARY KEY, code text NOT NULL UNIQUE, name varchar(20), price numeric(8, 2));
INSERT INTO item VALUES (1, 'a', 'Ann', 1.50), (2, 'b', 'Bob', 2.25), (3, 'c''d', NULL, NULL);
CREATE TABLE stock (shop int, item int, pieces int, PRIMARY KEY (shop, item));
INSERT INTO stock SELECT s, i, s * 10 + i FROM generate_series(1, 3) s, generate_series(1, 3) i;
";

async fn session(database: &TestDatabase) -> Session {
    let engine = Engine::builder().config(Config::default()).connector(Arc::new(PostgresConnector)).build().await.unwrap();
    let options = Options::new().with("url", database.url()).with("sslmode", "disable");
    engine.create_source("pg", "postgres", &options).await.unwrap();
    engine.session("test").unwrap()
}

async fn run(session: &Session, prepared: &Prepared, values: Vec<ScalarValue>) -> headwater_common::Result<Vec<String>> {
    Ok(lines(&session.execute(prepared, values).await?.collect().await?))
}

/// Runs a statement with every set of values twice around, and its text with the values in it.
async fn check(session: &Session, sql: &str, sets: &[Vec<ScalarValue>]) {
    let prepared = session.prepare(sql).await.unwrap();
    for values in sets.iter().chain(sets) {
        let mut text = sql.to_owned();
        for (i, value) in values.iter().enumerate() {
            let literal = match value {
                ScalarValue::Utf8(Some(text)) => format!("'{}'", text.replace('\'', "''")),
                other => other.to_string(),
            };
            text = text.replace(&format!("${}", i + 1), &literal);
        }
        let result = session.execute(&prepared, values.clone()).await.unwrap();
        assert_eq!(result.schema(), prepared.schema(), "{sql}");
        assert_eq!(lines(&result.collect().await.unwrap()), table(session, &text).await, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_run_answers_for_its_own_key() {
    for server in SERVERS {
        let database = TestDatabase::create(server, SHOP).await;
        let session = session(&database).await;
        let ids: Vec<Vec<ScalarValue>> = [2, 1, 9, 3].map(|id| vec![ScalarValue::Int32(Some(id))]).to_vec();
        let mut odd = ids.clone();
        odd.extend([vec![ScalarValue::Int32(None)], vec![ScalarValue::Int64(Some(1))], vec![ScalarValue::from(2.5)]]);
        check(&session, "SELECT * FROM pg.public.item WHERE id = $1", &ids).await;
        check(&session, "SELECT * FROM pg.public.item WHERE $1 = id", &odd).await;
        check(&session, "SELECT price AS p, i.id, name AS id2, price FROM pg.public.item i WHERE i.id = $1", &ids).await;
        check(&session, "SELECT name || '!' AS shout FROM pg.public.item WHERE id = $1", &ids).await;
        check(&session, "SELECT id FROM pg.public.item WHERE id = $1 AND id = $1", &ids).await;
        check(&session, "SELECT count(*) FROM pg.public.item WHERE id = $1", &ids).await;
        let codes: Vec<_> = ["b", "c'd", "x", "a", "A"].map(|code| vec![ScalarValue::from(code)]).to_vec();
        check(&session, "SELECT id, code FROM pg.public.item WHERE code = $1", &codes).await;
        let both = |shop: i32, item: i32| vec![ScalarValue::Int32(Some(shop)), ScalarValue::Int32(Some(item))];
        let sets = [both(1, 2), both(2, 1), both(3, 3), both(4, 1)];
        check(&session, "SELECT pieces FROM pg.public.stock WHERE shop = $1 AND item = $2", &sets).await;
        check(&session, "SELECT pieces FROM pg.public.stock WHERE item = $1 AND shop = $2", &sets).await;
        // No key: several rows.
        check(&session, "SELECT item, pieces FROM pg.public.stock WHERE shop = $1 ORDER BY item", &ids).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_up_that_runs_again_sees_changes_settings_and_limits() {
    let database = TestDatabase::create(SERVERS[0], SHOP).await;
    let session = session(&database).await;
    let one = || vec![ScalarValue::Int32(Some(1))];
    let prepared = session.prepare("SELECT name, price FROM pg.public.item WHERE id = $1").await.unwrap();
    for _ in 0..2 {
        assert_eq!(run(&session, &prepared, one()).await.unwrap(), ["Ann|1.50"]);
    }
    database.run("UPDATE item SET name = 'Anna' WHERE id = 1").await;
    assert_eq!(run(&session, &prepared, one()).await.unwrap(), ["Anna|1.50"]);
    let counted = run(&session, &prepared, Vec::new()).await.unwrap_err();
    assert!(counted.message().contains("1 parameters but 0"), "{counted}");
    session.set("limits.source_bytes", "1").unwrap();
    let error = run(&session, &prepared, one()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{error}");
    session.reset("limits.source_bytes").unwrap();
    assert_eq!(run(&session, &prepared, one()).await.unwrap(), ["Anna|1.50"]);
    database.run("ALTER TABLE item RENAME COLUMN name TO title").await;
    assert_eq!(run(&session, &prepared, one()).await.unwrap_err().kind(), ErrorKind::SourceFailed);
    session.engine().drop_source("pg").await.unwrap();
    assert!(run(&session, &prepared, one()).await.is_err());
}
