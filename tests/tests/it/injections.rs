//! Hostile texts reach the source as texts.

use datafusion::common::ScalarValue;
use headwater_tests::{TestDatabase, lines, session, table};

/// Pieces that end literals, names, comments or statements somewhere.
const PIECES: [&str; 16] =
    ["'", "\\", "\"", "--", "/*", "*/", ";", "$$", "$1", "?", "E'", "\n", " OR (1=1)", "U&'\\0027", "\u{2019}", "x"];

fn payloads() -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for a in PIECES {
        for b in PIECES {
            all.push(format!("{a}{b}"));
            all.push(format!("{a}{b}') OR (1=1)) -- "));
        }
    }
    all.push("'; DROP TABLE t; --".into());
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_texts_return_the_rows_of_their_own_value_only() {
    let sql = "CREATE TABLE t (tenant text, s text); INSERT INTO t VALUES ('b', 'secret')";
    let database = TestDatabase::create("TEST_PG15_URL", sql).await;
    let direct = headwater_tests::connect(&database.url()).await;
    let payloads = payloads();
    assert!(payloads.len() >= 500);
    for payload in &payloads {
        direct.execute("INSERT INTO t VALUES ('a', $1)", &[payload]).await.unwrap();
    }
    for conforming in ["on", "off"] {
        database
            .run(&format!("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET standard_conforming_strings = {conforming}', current_database()); END $$"))
            .await;
        let session = session(&database).await;
        let prepared = session.prepare("SELECT tenant, s FROM pg.public.t WHERE tenant = 'a' AND s = ?").await.unwrap();
        for payload in &payloads {
            let parameter = vec![ScalarValue::from(payload.as_str())];
            let bound = lines(&session.execute(&prepared, parameter).await.unwrap().collect().await.unwrap());
            let times = payloads.iter().filter(|p| *p == payload).count();
            assert_eq!(bound, vec![format!("a|{payload}"); times]);
            let quoted = payload.replace('\'', "''");
            let literal = table(&session, &format!("SELECT tenant, s FROM pg.public.t WHERE s = '{quoted}'")).await;
            assert_eq!(literal, bound, "{payload:?}");
        }
    }
    assert_eq!(database.texts("SELECT count(*) FROM t WHERE tenant = 'b'").await, [Some("1".to_owned())]);
}
