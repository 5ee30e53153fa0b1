//! Kinds of relations, their statistics, and how much of one is read.

use datafusion::common::ScalarValue;
use datafusion::common::stats::Precision;
use headwater_common::config::Options;
use headwater_common::{ErrorKind, Limits};
use headwater_engine::Session;
use headwater_tests::{TestDatabase, engine, session, table};

use crate::SERVERS;

async fn plan(session: &Session, sql: &str) -> String {
    table(session, &format!("EXPLAIN {sql}")).await.join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_children_and_foreign_tables_are_read_once() {
    let far = TestDatabase::create(
        "TEST_PG18_URL",
        "CREATE TABLE far (k int, v text); INSERT INTO far SELECT i, 'far ' || i FROM generate_series(1, 1000) i",
    )
    .await;
    let url = far.url();
    let (address, name) = url.rsplit_once('@').unwrap().1.split_once('/').unwrap();
    let port = address.rsplit_once(':').unwrap().1;
    let sql = format!(
        "CREATE EXTENSION postgres_fdw; \
         CREATE SERVER other FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '{port}', dbname '{name}'); \
         CREATE USER MAPPING FOR app SERVER other OPTIONS (user 'app', password 'secret'); \
         CREATE FOREIGN TABLE far (k int, v text) SERVER other; \
         CREATE TABLE p (k int, v text) PARTITION BY RANGE (k); \
         CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (200000); \
         CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (200000) TO (500000) PARTITION BY RANGE (k); \
         CREATE TABLE p21 PARTITION OF p2 FOR VALUES FROM (200000) TO (300000); \
         INSERT INTO p SELECT i, 'v' || i FROM generate_series(0, 299999) i; \
         CREATE TABLE mixed (k int, v text) PARTITION BY RANGE (k); \
         CREATE TABLE mixed1 PARTITION OF mixed FOR VALUES FROM (100000) TO (400000); \
         CREATE TABLE mixed2 PARTITION OF mixed FOR VALUES FROM (0) TO (100000) PARTITION BY RANGE (k); \
         CREATE FOREIGN TABLE mixed21 PARTITION OF mixed2 FOR VALUES FROM (0) TO (50000) SERVER other OPTIONS (table_name 'far'); \
         INSERT INTO mixed SELECT i, 'v' FROM generate_series(100000, 299999) i; \
         CREATE TABLE parent (a int, pad text); CREATE TABLE child (b int) INHERITS (parent); \
         INSERT INTO parent SELECT i, repeat('x', 50) FROM generate_series(1, 100000) i; \
         INSERT INTO child SELECT i, repeat('y', 50), i FROM generate_series(100001, 200000) i; ANALYZE;"
    );
    let database = TestDatabase::create("TEST_PG15_URL", &sql).await;
    let session = session(&database).await;
    assert_eq!(table(&session, "SELECT count(v), sum(k), max(v) FROM pg.public.far").await, ["1000|500500|far 999"]);
    assert!(plan(&session, "SELECT k, v FROM pg.public.p").await.contains("partitions=4"));
    let sum = "SELECT count(v), count(DISTINCT k), sum(k) FROM pg.public.p";
    assert_eq!(table(&session, sum).await, ["300000|300000|44999850000"]);
    assert!(plan(&session, "SELECT k, v FROM pg.public.mixed").await.contains("partitions=1"), "a part is elsewhere");
    assert_eq!(table(&session, "SELECT count(v), count(DISTINCT k) FROM pg.public.mixed").await, ["201000|201000"]);
    assert!(plan(&session, "SELECT a, pad FROM pg.public.parent").await.contains("partitions=4"));
    assert_eq!(table(&session, "SELECT count(pad), count(DISTINCT a) FROM pg.public.parent").await, ["200000|200000"]);
    let found = session.engine().catalogs().remove(0).discovery();
    let public = &found.schemas["public"].tables;
    assert_eq!((public["far"].kind.as_str(), public["parent"].row_count), ("FOREIGN TABLE", Some(200_000)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_an_index_answers_is_not_split() {
    let sql = "CREATE TABLE o (id bigint PRIMARY KEY, customer int, pad text); \
        INSERT INTO o SELECT i, i % 1000, repeat('x', 60) FROM generate_series(1, 400000) i; CREATE INDEX ON o (customer); \
        VACUUM ANALYZE o;";
    for server in SERVERS {
        let (create, vacuum) = sql.split_at(sql.find("VACUUM").unwrap());
        let database = TestDatabase::create(server, create).await;
        database.run(vacuum).await;
        let session = session(&database).await;
        for (filter, partitions) in [
            ("id = 77", 1),
            ("id BETWEEN 100 AND 900", 1),
            ("id IN (1, 2, 3)", 1),
            ("pad <> 'y'", 4),
            ("id > 10", 4),
            ("pad = 'none'", 4),
        ] {
            let sql = format!("SELECT id, pad FROM pg.public.o WHERE {filter}");
            let plan = plan(&session, &sql).await;
            assert!(plan.contains(&format!("partitions={partitions},")), "{server} {filter}: {plan}");
        }
        assert_eq!(
            table(&session, "SELECT count(pad), sum(id) FROM pg.public.o WHERE id > 10").await,
            ["399990|80000199945"]
        );
        assert_eq!(table(&session, "SELECT count(pad) FROM pg.public.o WHERE id BETWEEN 100 AND 900").await, ["801"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_reach_the_planner() {
    let sql = "CREATE TABLE s (id int, grade int, note text, d date); INSERT INTO s SELECT i, i % 5, \
        CASE WHEN i % 4 = 0 THEN NULL ELSE 'n' || i % 50 END, DATE '2024-01-01' + i % 100 FROM generate_series(1, 10000) i; \
        ANALYZE s; CREATE TABLE never (id int); CREATE VIEW w AS SELECT * FROM s;";
    for server in SERVERS {
        let database = TestDatabase::create(server, sql).await;
        let session = session(&database).await;
        table(&session, "SELECT 1").await;
        let catalog = session.engine().catalogs().remove(0);
        let found = catalog.discovery();
        let meta = std::sync::Arc::clone(&found.schemas["public"].tables["s"]);
        let provider = std::sync::Arc::clone(catalog.source()).provider(meta).await.unwrap();
        let statistics = provider.statistics().unwrap();
        assert_eq!(statistics.num_rows, Precision::Inexact(10_000));
        assert!(*statistics.total_byte_size.get_value().unwrap() > 100_000);
        let [id, grade, note, day] = statistics.column_statistics.as_slice() else { panic!("four columns") };
        assert_eq!(id.distinct_count, Precision::Inexact(10_000));
        assert_eq!(id.min_value, Precision::Inexact(ScalarValue::Int32(Some(1))));
        assert_eq!(id.max_value, Precision::Inexact(ScalarValue::Int32(Some(10_000))));
        assert_eq!((&grade.distinct_count, &grade.null_count), (&Precision::Inexact(5), &Precision::Inexact(0)));
        let nulls = *note.null_count.get_value().unwrap();
        assert!((2_300..2_700).contains(&nulls), "{nulls}");
        assert_eq!(grade.max_value, Precision::Inexact(ScalarValue::Int32(Some(4))), "from the most common values");
        assert_eq!(day.min_value, Precision::Inexact(ScalarValue::Date32(Some(19_723))));
        let public = &found.schemas["public"].tables;
        assert_eq!((public["never"].row_count, public["w"].row_count), (None, None));
        let plan = plan(&session, "SELECT count(DISTINCT note) FROM pg.public.s WHERE grade = 3").await;
        assert!(plan.contains("count("), "{plan}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn very_wide_and_empty_shapes_are_read() {
    let columns = (0..1_600).map(|i| format!("c{i} int DEFAULT {i}")).collect::<Vec<_>>().join(", ");
    let sql = format!(
        "CREATE TABLE wide ({columns}); INSERT INTO wide DEFAULT VALUES; CREATE TABLE nothing (); \
         INSERT INTO nothing DEFAULT VALUES; INSERT INTO nothing DEFAULT VALUES; CREATE TABLE blank (id int); \
         CREATE VIEW random_view AS SELECT random() AS r, random() AS q FROM generate_series(1, 1000); \
         CREATE TABLE large (id int, body text); INSERT INTO large SELECT i, repeat(chr(96 + i), 20000000) FROM generate_series(1, 4) i;"
    );
    for server in SERVERS {
        let database = TestDatabase::create(server, &sql).await;
        let session = session(&database).await;
        let found = headwater_tests::rows(&session, "SELECT * FROM pg.public.wide").await;
        assert_eq!((found[0].num_columns(), found[0].num_rows()), (1_600, 1));
        assert_eq!(table(&session, "SELECT c1599, c0 FROM pg.public.wide WHERE c777 = 777").await, ["1599|0"]);
        assert_eq!(table(&session, "SELECT count(*) FROM pg.public.nothing").await, ["2"]);
        assert_eq!(table(&session, "SELECT 1 AS one FROM pg.public.nothing").await, ["1", "1"]);
        assert!(table(&session, "SELECT * FROM pg.public.blank").await.is_empty());
        let once = "SELECT count(*) FROM pg.public.random_view WHERE r < 0.5";
        let found: u64 = table(&session, once).await[0].parse().unwrap();
        assert!((350..650).contains(&found), "{found}");
        let lengths = "SELECT id, character_length(body), substr(body, 19999999) FROM pg.public.large";
        assert_eq!(table(&session, lengths).await, ["1|20000000|aa", "2|20000000|bb", "3|20000000|cc", "4|20000000|dd"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_the_user_may_see_is_there() {
    let role = format!("hw_role_{:08x}", rand::random::<u32>());
    let sql = format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'low'; CREATE TABLE open (id int, name text); CREATE TABLE shut (id int); \
         CREATE TABLE part (id int, hidden text); CREATE SCHEMA closed; CREATE TABLE closed.t (id int); \
         CREATE TABLE own (tenant text, v int); ALTER TABLE own ENABLE ROW LEVEL SECURITY; \
         CREATE POLICY mine ON own USING (tenant = current_user); GRANT SELECT, INSERT, UPDATE, DELETE ON own TO {role}; \
         INSERT INTO own VALUES ('{role}', 1), ('other', 2), ('other', 3); GRANT SELECT ON open TO {role}; \
         GRANT SELECT (id) ON part TO {role}; INSERT INTO open VALUES (1, 'a'); INSERT INTO part VALUES (7, 'secret'); \
         CREATE VIEW guarded WITH (security_barrier) AS SELECT v FROM own WHERE tenant = 'other'; GRANT SELECT ON guarded TO {role};"
    );
    for server in SERVERS {
        let database = TestDatabase::create(server, &sql).await;
        let engine = engine(Limits::default()).await;
        let base = Options::new().with("url", database.url()).with("sslmode", "disable");
        engine.create_source("pg", "postgres", &base.with("user", &role).with("password", "low")).await.unwrap();
        let session = engine.session("test").unwrap();
        let found = engine.catalogs().remove(0).discovery();
        let names: Vec<&str> = found.schemas["public"].tables.keys().map(String::as_str).collect();
        assert_eq!(names, ["guarded", "open", "own", "part"]);
        assert!(!found.schemas.contains_key("closed"));
        assert_eq!(table(&session, "SELECT * FROM pg.public.part").await, ["7"]);
        assert_eq!(table(&session, "SELECT count(*) FROM pg.public.own").await, ["1"], "row security counts too");
        assert_eq!(table(&session, "SELECT v FROM pg.public.own").await, ["1"]);
        assert_eq!(table(&session, "SELECT count(*) FROM pg.public.guarded WHERE v > 0").await, ["2"]);
        let affected = |sql: &'static str| {
            let session = session.clone();
            async move { session.query(sql).await.unwrap().affected_rows().await }
        };
        assert_eq!(affected("UPDATE pg.public.own SET v = v + 1").await.unwrap(), 1);
        let error = affected("INSERT INTO pg.public.own (tenant, v) VALUES ('other', 9)").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
        let error = affected("INSERT INTO pg.public.open (id) VALUES (2)").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
        assert_eq!(affected("DELETE FROM pg.public.own").await.unwrap(), 1);
        assert_eq!(database.texts("SELECT sum(v) FROM own").await, [Some("5".to_owned())]);
        database.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_any_kind_made_outside_are_never_a_wrong_value() {
    let sql = "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TABLE t (a int[], m mood, n numeric(10,2)); \
        INSERT INTO t VALUES ('{1,2}', 'ok', 1.25); CREATE TABLE gone (id int); CREATE TABLE old (id int); INSERT INTO old VALUES (5)";
    for server in SERVERS {
        let database = TestDatabase::create(server, sql).await;
        let session = session(&database).await;
        assert_eq!(table(&session, "SELECT a, m, n FROM pg.public.t").await, ["[1, 2]|ok|1.25"]);
        let changes = [
            ("ALTER TABLE t ALTER a TYPE text[] USING a::text[]", "SELECT a FROM pg.public.t", vec!["[1, 2]"]),
            ("ALTER TYPE mood ADD VALUE 'new' BEFORE 'sad'", "SELECT m FROM pg.public.t", vec!["ok"]),
            ("UPDATE t SET m = 'new'", "SELECT m FROM pg.public.t WHERE m = 'new'", vec!["new"]),
            ("ALTER TYPE mood RENAME VALUE 'new' TO 'glad'", "SELECT m FROM pg.public.t WHERE m = 'glad'", vec!["glad"]),
            (
                "ALTER TABLE t ALTER n TYPE numeric(20,6); UPDATE t SET n = 0.000001",
                "SELECT n FROM pg.public.t",
                vec!["0.000001"],
            ),
            ("ALTER TABLE t RENAME m TO mm", "SELECT mm FROM pg.public.t", vec!["glad"]),
            ("ALTER TABLE old RENAME TO fresh", "SELECT id FROM pg.public.fresh", vec!["5"]),
            (
                "DROP TABLE gone; CREATE TABLE gone (id text); INSERT INTO gone VALUES ('x')",
                "SELECT id FROM pg.public.gone",
                vec!["x"],
            ),
        ];
        for (change, query, expected) in changes {
            database.run(change).await;
            let mut found = Err("not tried".to_owned());
            for wait in [0, 0, 50, 1_200, 0] {
                tokio::time::sleep(std::time::Duration::from_millis(wait)).await;
                let read = match session.query(query).await {
                    Ok(result) => result.collect().await,
                    Err(error) => Err(error),
                };
                found = read.map(|b| headwater_tests::lines(&b)).map_err(|e| e.to_string());
                if found.is_ok() {
                    break;
                }
            }
            assert_eq!(found.as_ref().map(|lines| lines.iter().map(String::as_str).collect()), Ok(expected), "{change}");
        }
        database.run("DROP TABLE fresh").await;
        tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
        let error = session.query("SELECT id FROM pg.public.fresh").await.unwrap_err();
        assert!(error.to_string().contains("fresh"), "{error}");
    }
}
