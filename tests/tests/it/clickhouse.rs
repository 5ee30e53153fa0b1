//! Discovery and reading from ClickHouse, alone and together with Postgres.

use headwater_tests::clickhouse::ClickHouseDatabase;
use headwater_tests::{TestDatabase, rows, table};

const ORDERS: &str = "CREATE TABLE orders (id UInt64, customer Int32, amount Decimal(12, 2), note Nullable(String)) \
    ENGINE = MergeTree ORDER BY id;\n\
    INSERT INTO orders SELECT number, number % 1000, number / 8, if(number % 5 = 0, NULL, concat('note ', toString(number))) \
    FROM numbers(300000);\n";

#[tokio::test(flavor = "multi_thread")]
async fn the_source_filters_counts_and_limits() {
    let database = ClickHouseDatabase::create(ORDERS).await;
    let (session, name) = (database.session().await, database.name());
    let plan = async |sql: String| table(&session, &format!("EXPLAIN {sql}")).await.join("\n");
    let filtered = plan(format!("SELECT note FROM ch.{name}.orders WHERE customer = 7 AND note > 'note 5'")).await;
    assert!(filtered.contains("(`customer` = CAST('7' AS Int32))"), "{filtered}");
    assert!(!filtered.contains("FilterExec"), "{filtered}");
    let counted = plan(format!("SELECT count(*) FROM ch.{name}.orders WHERE customer = 7")).await;
    assert!(counted.contains("SELECT CAST(count(*)"), "{counted}");
    assert_eq!(table(&session, &format!("SELECT count(*) FROM ch.{name}.orders WHERE customer = 7")).await, ["300"]);
    assert_eq!(table(&session, &format!("SELECT count(*), count(*) + 1 FROM ch.{name}.orders")).await, ["300000|300001"]);
    let sql = format!("SELECT id FROM ch.{name}.orders ORDER BY note DESC NULLS LAST, id LIMIT 3");
    assert!(plan(sql.clone()).await.contains("LIMIT 3"), "{}", plan(sql.clone()).await);
    let mut expected = database.lines("SELECT id FROM orders ORDER BY note DESC NULLS LAST, id LIMIT 3").await;
    expected.sort();
    assert_eq!(table(&session, &sql).await, expected);
    let sql = format!("SELECT id FROM ch.{name}.orders ORDER BY note NULLS FIRST, id DESC LIMIT 2");
    assert_eq!(table(&session, &sql).await, ["299990", "299995"]);
    assert_eq!(table(&session, &format!("SELECT 1 FROM ch.{name}.orders LIMIT 5")).await.len(), 5);
    let list: Vec<String> = (0..20_000).map(|i| (i * 2).to_string()).collect();
    let sql = format!("SELECT count(*) FROM ch.{name}.orders WHERE id IN ({})", list.join(", "));
    assert_eq!(table(&session, &sql).await, ["20000"], "a list longer than an address");
}

#[tokio::test(flavor = "multi_thread")]
async fn compressions_and_settings_return_the_same_rows() {
    let database = ClickHouseDatabase::create(ORDERS).await;
    let expected = database.lines("SELECT count(), sum(id), toDecimalString(sum(amount), 2), max(note) FROM orders").await
        [0]
    .replace('\t', "|");
    for (option, value) in [
        ("compression", "lz4"),
        ("compression", "zstd"),
        ("compression", "none"),
        ("settings", "max_threads=1, max_block_size=1000, output_format_arrow_string_as_string=1"),
        ("final", "true"),
    ] {
        let session = database.session_with(&database.options().with(option, value)).await;
        let sql = format!("SELECT count(id), sum(id), sum(amount), max(note) FROM ch.{}.orders", database.name());
        assert_eq!(table(&session, &sql).await, [expected.as_str()], "{option} = {value}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_and_clickhouse_are_joined() {
    let database = ClickHouseDatabase::create(ORDERS).await;
    let sql = "CREATE TABLE customers (id int PRIMARY KEY, name text); \
               INSERT INTO customers SELECT i, 'customer ' || i FROM generate_series(0, 1500) i";
    let postgres = TestDatabase::create("TEST_PG18_URL", sql).await;
    let engine = headwater_tests::engine(headwater_common::Limits::default()).await;
    let options = headwater_common::config::Options::new().with("url", postgres.url()).with("sslmode", "disable");
    engine.create_source("pg", "postgres", &options).await.unwrap();
    engine.create_source("ch", "clickhouse", &database.options()).await.unwrap();
    let session = engine.session("test").unwrap();
    let sql = format!(
        "SELECT c.name, count(*), sum(o.amount) FROM pg.public.customers c JOIN ch.{}.orders o ON o.customer = c.id \
         WHERE c.id < 3 GROUP BY c.name",
        database.name()
    );
    let expected = database
        .lines("SELECT concat('customer ', toString(customer)), count(), sum(amount) FROM orders WHERE customer < 3 GROUP BY 1 ORDER BY 1")
        .await;
    let decimal = |line: &String| {
        let parts: Vec<&str> = line.split('\t').collect();
        (parts[0].to_owned(), parts[1].to_owned(), parts[2].parse::<f64>().unwrap())
    };
    let found: Vec<_> = table(&session, &sql).await.iter().map(|l| decimal(&l.replace('|', "\t"))).collect();
    assert_eq!(found, expected.iter().map(decimal).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_relation_is_found() {
    let sql = "CREATE TABLE t (day Date COMMENT 'when', k UInt32, twice UInt64 MATERIALIZED k * 2, more UInt64 ALIAS k + 1, \
        st AggregateFunction(sum, UInt64), gone UInt8 EPHEMERAL, d UInt8 DEFAULT 7) \
        ENGINE = MergeTree PARTITION BY toYYYYMM(day) ORDER BY (k, day) COMMENT 'a table';\n\
        INSERT INTO t (day, k) VALUES ('2024-01-05', 1), ('2024-03-09', 1);\n\
        CREATE VIEW v AS SELECT k FROM t;\n\
        CREATE MATERIALIZED VIEW m ENGINE = MergeTree ORDER BY k POPULATE AS SELECT k FROM t;\n\
        CREATE VIEW pv AS SELECT k FROM t WHERE k = {p:UInt32};\n\
        CREATE TABLE `We'ird \\\\ \"ta`.`b\\`le` (`co\\`l \\\\ '\"` UInt8) ENGINE = Memory;\n";
    let sql = sql.replace("`We'ird \\\\ \"ta`.`b\\`le`", "`We'ird \\\\ \"b\\`le`");
    let database = ClickHouseDatabase::create(&sql).await;
    let (session, name) = (database.session().await, database.name());
    let sql = format!("SELECT * FROM ch.{name}.t ORDER BY day");
    let found = rows(&session, &sql).await;
    let schema = found[0].schema();
    let columns: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    assert_eq!(columns, ["day", "k", "twice", "more", "d"], "a state and a column without values are left out");
    assert_eq!(table(&session, &sql).await, ["2024-01-05|1|2|2|7", "2024-03-09|1|2|2|7"]);
    assert_eq!(table(&session, &format!("SELECT count(*) FROM ch.{name}.v")).await, ["2"]);
    assert_eq!(table(&session, &format!("SELECT sum(k) FROM ch.{name}.m")).await, ["2"]);
    assert_eq!(table(&session, &format!("SELECT DISTINCT k FROM ch.{name}.t")).await, ["1"], "a primary key is not unique");
    database.run("INSERT INTO `We'ird \\\\ \"b\\`le` VALUES (5)").await;
    let sql = format!("SELECT \"co`l \\ '\"\"\" FROM ch.{name}.\"We'ird \\ \"\"b`le\"");
    assert_eq!(table(&session, &sql).await, ["5"]);
    let listed = session.query(&format!("SELECT * FROM ch.{name}.pv")).await;
    assert!(listed.is_err(), "a view with parameters is no table");
}

#[tokio::test(flavor = "multi_thread")]
async fn views_take_arguments() {
    let sql = "CREATE TABLE t (day Date, k Int32, note Nullable(String)) ENGINE = MergeTree ORDER BY k;\n\
        INSERT INTO t SELECT toDate('2024-01-01') + number % 31, number, if(number % 2 = 0, NULL, concat('it''s \\\\ ', toString(number))) \
        FROM numbers(1000);\n\
        CREATE VIEW `Late r` AS SELECT * FROM t WHERE day >= {since:Date} AND k < {most:Int32};\n\
        CREATE VIEW noted AS SELECT k, note FROM t WHERE note IS NOT DISTINCT FROM {note:Nullable(String)};\n\
        CREATE VIEW plain AS SELECT k FROM t;\n";
    let database = ClickHouseDatabase::create(sql).await;
    let (session, name) = (database.session().await, database.name());
    let late = format!("ch.{name}.\"Late r\"(since => '2024-01-31', most => 100)");
    assert_eq!(
        table(&session, &format!("SELECT k, day FROM {late} ORDER BY k")).await,
        ["30|2024-01-31", "61|2024-01-31", "92|2024-01-31"]
    );
    // Its name is the view's; the rest of the query goes to the server with it.
    let joined = format!(
        "SELECT \"Late r\".k, n.note FROM {late} JOIN ch.{name}.noted(note = 'it''s \\ 61') n ON n.k = \"Late r\".k"
    );
    assert_eq!(table(&session, &joined).await, ["61|it's \\ 61"]);
    assert_eq!(table(&session, &format!("SELECT count(*) FROM ch.{name}.noted(note => NULL)")).await, ["500"]);
    let escaped = format!("SELECT count(*) FROM ch.{name}.noted(note => 'x'') OR (1 = 1 --\\')");
    assert_eq!(table(&session, &escaped).await, ["0"]);
    for (call, word) in [
        (format!("ch.{name}.\"Late r\"(since => '2024-01-31')"), "most"),
        (format!("ch.{name}.\"Late r\"(since => 'soon', most => 1)"), "cannot read or convert a value"),
        (format!("ch.{name}.\"Late r\"(since => now(), most => 1)"), "are names with numbers, texts"),
        (format!("ch.{name}.nothing(a => 1)"), "nothing"),
        (format!("ch.{name}.noted()"), "needs arguments"),
        ("elsewhere.public.v(a => 1)".to_owned(), "there is no source \"elsewhere\""),
    ] {
        let error = match session.query(&format!("SELECT * FROM {call}")).await {
            Ok(result) => result.collect().await.unwrap_err(),
            Err(error) => error,
        };
        assert!(error.to_string().contains(word), "{call}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_outside_are_noticed() {
    let database = ClickHouseDatabase::create("CREATE TABLE t (a Int32, b String) ENGINE = MergeTree ORDER BY a;\n").await;
    let (session, name) = (database.session().await, database.name());
    database.run("INSERT INTO t VALUES (1, 'x')").await;
    assert_eq!(table(&session, &format!("SELECT * FROM ch.{name}.t")).await, ["1|x"]);
    database.run("ALTER TABLE t ADD COLUMN c UInt8 DEFAULT 9, MODIFY COLUMN b Nullable(String)").await;
    let deadline = std::time::Duration::from_millis(1_100);
    tokio::time::sleep(deadline).await;
    assert_eq!(table(&session, &format!("SELECT * FROM ch.{name}.t")).await, ["1|x|9"]);
    database.run("ALTER TABLE t DROP COLUMN c").await;
    let sql = format!("SELECT * FROM ch.{name}.t");
    let mut tries = 0;
    let found = loop {
        tries += 1;
        let outcome = match session.query(&sql).await {
            Ok(result) => result.collect().await,
            Err(e) => Err(e),
        };
        match outcome {
            Ok(batches) => break headwater_tests::lines(&batches),
            Err(e) => assert!(tries < 3 && e.is_retryable(), "{e}"),
        }
    };
    assert_eq!(found, ["1|x"]);
    database.run("CREATE TABLE new (z Int8) ENGINE = Memory").await;
    tokio::time::sleep(deadline).await;
    assert_eq!(table(&session, &format!("SELECT count(*) FROM ch.{name}.new")).await, ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_that_may_only_read_reads() {
    let database = ClickHouseDatabase::create(ORDERS).await;
    let options = database.options().with("user", "reader").with("password", "reader");
    let (session, name) = (database.session_with(&options).await, database.name());
    let expected = database.lines("SELECT count(), sum(id), max(note) FROM orders").await[0].replace('\t', "|");
    let sql = format!("SELECT count(id), sum(id), max(note) FROM ch.{name}.orders");
    assert_eq!(table(&session, &sql).await, [expected]);
    let sql = format!("SELECT id FROM ch.{name}.orders WHERE note = 'note 77' OR id IN (1, 2)");
    assert_eq!(table(&session, &sql).await, ["1", "2", "77"]);
    let refused = session.query(&format!("INSERT INTO ch.{name}.orders VALUES (1, 1, 1, 'x')")).await;
    let refused = match refused {
        Ok(result) => result.affected_rows().await.unwrap_err(),
        Err(e) => e,
    };
    assert_eq!(refused.kind(), headwater_common::ErrorKind::PermissionDenied, "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn final_reads_what_merges_would_leave() {
    let sql = "CREATE TABLE r (k UInt32, v String) ENGINE = ReplacingMergeTree ORDER BY k;\n\
        SYSTEM STOP MERGES r;\n\
        INSERT INTO r VALUES (1, 'old'), (2, 'b');\n\
        INSERT INTO r VALUES (1, 'new');\n";
    let database = ClickHouseDatabase::create(sql).await;
    let name = database.name();
    let all = database.session().await;
    assert_eq!(table(&all, &format!("SELECT * FROM ch.{name}.r")).await, ["1|new", "1|old", "2|b"]);
    let merged = database.session_with(&database.options().with("final", format!("{name}.r"))).await;
    assert_eq!(table(&merged, &format!("SELECT * FROM ch.{name}.r")).await, ["1|new", "2|b"]);
    assert_eq!(table(&merged, &format!("SELECT v FROM ch.{name}.r WHERE v <> 'new'")).await, ["b"]);
    assert_eq!(table(&merged, &format!("SELECT count(*) FROM ch.{name}.r")).await, ["2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn named_tuples_are_read_by_statements_of_their_own() {
    let sql = "CREATE TABLE t (id Int32, tu Tuple(a Int32, b Nullable(String)), l Array(Tuple(x Int32, y String))) \
        ENGINE = MergeTree ORDER BY id;\nINSERT INTO t VALUES (1, (1, 'x'), [(1, 'p')]), (2, (2, NULL), []);\n";
    let database = ClickHouseDatabase::create(sql).await;
    let (session, name) = (database.session().await, database.name());
    for end in ["ORDER BY id LIMIT 2", "WHERE id IN (SELECT id FROM ch.NAME.t) ORDER BY id"] {
        let sql = format!("SELECT id, tu, l FROM ch.NAME.t {end}").replace("NAME", name);
        assert_eq!(table(&session, &sql).await.len(), 2, "{sql}");
    }
}
