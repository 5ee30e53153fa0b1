//! INSERT, UPDATE and DELETE on Redis change what they say and nothing else.

use headwater_common::ErrorKind;
use headwater_engine::Session;
use headwater_tests::redis::{Answer, RedisDatabase, session_with};
use headwater_tests::table;

async fn affected(session: &Session, sql: &str) -> u64 {
    let result = session.query(sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    result.affected_rows().await.unwrap_or_else(|e| panic!("{sql}: {e}"))
}

async fn refused(session: &Session, sql: &str) -> (ErrorKind, String) {
    let error = match session.query(sql).await {
        Ok(result) => result.affected_rows().await.expect_err(sql),
        Err(e) => e,
    };
    (error.kind(), error.to_string())
}

async fn setup(replaces: bool) -> (RedisDatabase, Session) {
    let database = RedisDatabase::create("");
    let tables = [
        ("h", "hash", "id BIGINT, a TEXT, n INT, f DOUBLE, at TIMESTAMPTZ"),
        ("s", "string", "value TEXT"),
        ("b", "string", "value BYTEA"),
        ("j", "json", "t TEXT, n BIGINT, ok BOOLEAN"),
        ("l", "list", "value TEXT"),
        ("e", "set", "member TEXT"),
        ("z", "zset", "member TEXT"),
        ("x", "stream", "f TEXT, g TEXT"),
        ("t", "timeseries", "host TEXT"),
    ];
    let mut options = database.options().with("discover", "false");
    for (name, kind, columns) in tables {
        for (part, value) in [("key", format!("{name}:{{id}}").as_str()), ("type", kind), ("columns", columns)] {
            options = options.with(&format!("tables.{name}.{part}"), value);
        }
    }
    let session = session_with(&options.with("existing", if replaces { "replace" } else { "error" })).await;
    (database, session)
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_every_type_are_written_and_read_back() {
    let (database, session) = setup(false).await;
    let insert = "INSERT INTO r.public.h (id, a, n, f, at) VALUES (1, 'x''y', 5, 1.5, '2024-01-01T00:00:00Z'), (2, NULL, 6, NULL, NULL)";
    assert_eq!(affected(&session, insert).await, 2);
    let read = table(&session, "SELECT id, a, n, f, at FROM r.public.h").await;
    assert_eq!(read, ["1|x'y|5|1.5|2024-01-01T00:00:00Z", "2|NULL|6|NULL|NULL"]);
    assert_eq!(
        affected(&session, "INSERT INTO r.public.s (id, value, _ttl) VALUES ('1', 'v', 90000), ('2', '', NULL)").await,
        2
    );
    assert_eq!(table(&session, "SELECT id, value, _ttl > 80000 FROM r.public.s").await, ["1|v|true", "2||NULL"]);
    assert_eq!(affected(&session, "INSERT INTO r.public.b (_key, value) VALUES ('b:k', X'00ff0d0a')").await, 1);
    assert_eq!(database.client().run(&["GET", "b:k"]), Answer::Bytes(b"\x00\xff\r\n".to_vec()));
    assert_eq!(affected(&session, "INSERT INTO r.public.j (id, t, n, ok) VALUES ('1', 'q\"', 7, true)").await, 1);
    assert_eq!(table(&session, "SELECT id, t, n, ok FROM r.public.j").await, ["1|q\"|7|true"]);
    for (name, column) in [("l", "value"), ("e", "member")] {
        let insert = format!("INSERT INTO r.public.{name} (id, {column}) VALUES ('1', 'b'), ('1', 'a'), ('2', 'c')");
        assert_eq!(affected(&session, &insert).await, 3);
        let read = table(&session, &format!("SELECT id, {column} FROM r.public.{name}")).await;
        assert_eq!(read, ["1|a", "1|b", "2|c"], "{name}");
    }
    assert_eq!(table(&session, "SELECT index, value FROM r.public.l WHERE id = '1'").await, ["0|b", "1|a"]);
    assert_eq!(
        affected(&session, "INSERT INTO r.public.z (id, member, score) VALUES ('1', 'a', 0.1), ('1', 'b', -1e300)").await,
        2
    );
    assert_eq!(table(&session, "SELECT member, score, rank FROM r.public.z").await, ["a|0.1|1", "b|-1e300|0"]);
    assert_eq!(affected(&session, "INSERT INTO r.public.x (id, f, g) VALUES ('1', 'v', NULL), ('1', 'w', 'u')").await, 2);
    assert_eq!(table(&session, "SELECT f, g FROM r.public.x").await, ["v|NULL", "w|u"]);
    let copied =
        "INSERT INTO r.public.s (id, value) SELECT 'copy' || CAST(id AS text), a FROM r.public.h WHERE a IS NOT NULL";
    assert_eq!(affected(&session, copied).await, 1);
    assert_eq!(table(&session, "SELECT value FROM r.public.s WHERE id = 'copy1'").await, ["x'y"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_insert_leaves_nothing() {
    let (database, session) = setup(false).await;
    let mut client = database.client();
    client.run(&["SET", "s:there", "old"]);
    client.run(&["SET", "z:1", "no set"]);
    client.run(&["SADD", "e:1", "a"]);
    for (sql, kind) in [
        ("INSERT INTO r.public.s (id, value) VALUES ('new', 'x'), ('there', 'y')", ErrorKind::AlreadyExists),
        ("INSERT INTO r.public.s (id, value) VALUES ('new', 'x'), ('new', 'y')", ErrorKind::AlreadyExists),
        ("INSERT INTO r.public.e (id, member) VALUES ('2', 'x'), ('1', 'a')", ErrorKind::AlreadyExists),
        ("INSERT INTO r.public.s (id, value) VALUES ('new', 'x'), ('new2', NULL)", ErrorKind::InvalidInput),
        ("INSERT INTO r.public.s (id, value) VALUES ('new', 'x'), ('a:b', 'y')", ErrorKind::InvalidInput),
        ("INSERT INTO r.public.s (id, value) VALUES ('new', 'x'), (NULL, 'y')", ErrorKind::InvalidInput),
        ("INSERT INTO r.public.s (_key, id, value) VALUES ('s:new', 'other', 'x')", ErrorKind::InvalidInput),
        ("INSERT INTO r.public.s (_key, value) VALUES ('new', 'x')", ErrorKind::InvalidInput),
        ("INSERT INTO r.public.s (id, value, _ttl) VALUES ('new', 'x', 0)", ErrorKind::InvalidInput),
        ("INSERT INTO r.public.h (id) VALUES (1)", ErrorKind::InvalidInput),
        ("INSERT INTO r.public.z (id, member, score) VALUES ('2', 'a', 1), ('1', 'b', 1)", ErrorKind::SourceFailed),
        ("INSERT INTO r.public.z (id, member, score) VALUES ('2', 'a', CAST('NaN' AS double))", ErrorKind::InvalidInput),
        ("INSERT INTO r.public.l (id, index, value) VALUES ('1', 4, 'x')", ErrorKind::InvalidInput),
        ("INSERT INTO r.public.t (id, timestamp, value) VALUES ('1', '2024-01-01T00:00:00Z', 1)", ErrorKind::Unsupported),
        (
            "INSERT INTO r.public.s (id, value) SELECT CAST(value AS text), CAST(10 / (3 - value) AS text) FROM generate_series(1, 5)",
            ErrorKind::InvalidInput,
        ),
    ] {
        let (found, text) = refused(&session, sql).await;
        assert_eq!(found, kind, "{sql}: {text}");
    }
    assert_eq!(client.run(&["DBSIZE"]), Answer::Int(3));
    assert_eq!(client.run(&["GET", "s:there"]), Answer::Bytes(b"old".to_vec()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_insert_replaces_when_it_is_told_to() {
    let (database, session) = setup(true).await;
    let mut client = database.client();
    client.run(&["HSET", "h:1", "a", "old", "rest", "r"]);
    client.run(&["RPUSH", "s:1", "x"]);
    assert_eq!(affected(&session, "INSERT INTO r.public.h (id, n) VALUES (1, 2)").await, 1);
    assert_eq!(client.run(&["HLEN", "h:1"]), Answer::Int(1));
    assert_eq!(affected(&session, "INSERT INTO r.public.s (id, value) VALUES ('1', 'x')").await, 1);
    assert_eq!(table(&session, "SELECT value FROM r.public.s").await, ["x"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn deletes_remove_what_the_filter_says() {
    let (database, session) = setup(false).await;
    let mut client = database.client();
    let fill = |client: &mut headwater_tests::redis::RedisClient| {
        client.run(&["FLUSHDB"]);
        for i in 0..1_200 {
            client.run(&["HSET", &format!("h:{i}"), "n", &i.to_string()]);
        }
        for words in
            ["SET h:s x", "HSET h:a:b n 1", "ZADD z:1 1 a 2 b 0 c -0.0 d", "ZADD z:2 2 e", "RPUSH l:1 a b c", "RPUSH l:2 d"]
        {
            client.run(&words.split(' ').collect::<Vec<_>>());
        }
        for id in ["1-1", "5-1", "5-2", "9-1"] {
            client.run(&["XADD", "x:1", id, "f", "v"]);
        }
    };
    for (sql, count, check) in [
        ("DELETE FROM r.public.h WHERE id = 7", 1, "SELECT count(*), min(n) FROM r.public.h WHERE n >= 7|1192|8"),
        ("DELETE FROM r.public.h WHERE id IN (7, 8, 5000)", 2, "SELECT count(*) FROM r.public.h|1198"),
        ("DELETE FROM r.public.h WHERE id = 5000", 0, "SELECT count(*) FROM r.public.h|1200"),
        ("DELETE FROM r.public.h", 1200, "SELECT count(*) FROM r.public.h|0"),
        ("DELETE FROM r.public.z WHERE score >= 2.0", 2, "SELECT count(*) FROM r.public.z|3"),
        ("DELETE FROM r.public.z WHERE score < 1.0", 2, "SELECT member FROM r.public.z WHERE score <= 1.0|a"),
        ("DELETE FROM r.public.z WHERE id = '2' AND score < 2.0", 0, "SELECT count(*) FROM r.public.z|5"),
        ("DELETE FROM r.public.l WHERE id = '1'", 3, "SELECT value FROM r.public.l|d"),
        ("DELETE FROM r.public.x WHERE timestamp = '1970-01-01T00:00:00.005Z'", 2, "SELECT count(*) FROM r.public.x|2"),
    ] {
        fill(&mut client);
        assert_eq!(affected(&session, sql).await, count, "{sql}");
        let (query, expected) = check.split_once('|').unwrap();
        assert_eq!(table(&session, query).await, [expected], "{sql}");
        assert_eq!(client.run(&["EXISTS", "h:s", "h:a:b"]), Answer::Int(2), "{sql}: other keys stay");
    }
    fill(&mut client);
    for sql in [
        "DELETE FROM r.public.h WHERE n = 1",
        "DELETE FROM r.public.h WHERE id > 3",
        "DELETE FROM r.public.l WHERE value = 'a'",
    ] {
        let (kind, text) = refused(&session, sql).await;
        assert_eq!(kind, ErrorKind::Unsupported, "{sql}: {text}");
    }
    assert_eq!(client.run(&["DBSIZE"]), Answer::Int(1_207));
}

#[tokio::test(flavor = "multi_thread")]
async fn updates_change_what_the_filter_says() {
    let (database, session) = setup(false).await;
    let mut client = database.client();
    for words in [
        "HSET h:1 a x n 1 rest r",
        "HSET h:2 a y",
        "SET h:3 x",
        "SET s:1 a PX 90000",
        "SET s:2 b",
        "JSON.SET j:1 $ {\"t\":\"a\",\"o\":[1]}",
    ] {
        client.run(&words.split(' ').collect::<Vec<_>>());
    }
    assert_eq!(affected(&session, "UPDATE r.public.h SET a = 'new', n = 9 WHERE id = 1").await, 1);
    assert_eq!(table(&session, "SELECT id, a, n FROM r.public.h").await, ["1|new|9", "2|y|NULL"]);
    assert_eq!(client.run(&["HGET", "h:1", "rest"]), Answer::Bytes(b"r".to_vec()));
    assert_eq!(affected(&session, "UPDATE r.public.h SET n = 3").await, 2);
    assert_eq!(affected(&session, "UPDATE r.public.h SET n = 3 WHERE id IN (3, 4)").await, 0);
    assert_eq!(affected(&session, "UPDATE r.public.s SET value = 'c'").await, 2);
    assert_eq!(table(&session, "SELECT id, value, _ttl > 0 FROM r.public.s").await, ["1|c|true", "2|c|NULL"]);
    assert_eq!(affected(&session, "UPDATE r.public.s SET _ttl = NULL WHERE id = '1'").await, 1);
    assert_eq!(affected(&session, "UPDATE r.public.s SET _ttl = 70000 WHERE id = '2'").await, 1);
    assert_eq!(table(&session, "SELECT id, _ttl > 60000 FROM r.public.s").await, ["1|NULL", "2|true"]);
    assert_eq!(affected(&session, "UPDATE r.public.j SET t = 'q\"', n = 4, ok = false WHERE id = '1'").await, 1);
    assert_eq!(table(&session, "SELECT t, n, ok FROM r.public.j").await, ["q\"|4|false"]);
    for sql in [
        "UPDATE r.public.h SET n = n + 1",
        "UPDATE r.public.h SET a = NULL",
        "UPDATE r.public.h SET id = 5 WHERE id = 1",
        "UPDATE r.public.h SET _ttl = 0",
        "UPDATE r.public.h SET n = 5 WHERE a = 'new'",
        "UPDATE r.public.l SET value = 'x'",
    ] {
        let (kind, text) = refused(&session, sql).await;
        assert_eq!(kind, ErrorKind::Unsupported, "{sql}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_would_not_do_is_refused_before_anything_is_written() {
    let (database, session) = setup(false).await;
    let mut client = database.client();
    for sql in [
        "INSERT INTO r.public.h (id, n, _ttl) VALUES (1, 1, 5000), (2, 1, 9223372036854775807)",
        "INSERT INTO r.public.h (id, n, _type) VALUES (1, 1, 'string')",
    ] {
        let (kind, text) = refused(&session, sql).await;
        assert_eq!(kind, ErrorKind::InvalidInput, "{sql}: {text}");
    }
    assert_eq!(client.run(&["DBSIZE"]), Answer::Int(0));
    client.run(&["JSON.SET", "j:3", "$", "[1,2]"]);
    let (_, text) = refused(&session, "UPDATE r.public.j SET n = 1 WHERE id = '3'").await;
    assert!(text.contains("\"j:3\" is no object"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_are_numbers_are_ordered_as_numbers() {
    let database = RedisDatabase::create("");
    let mut options = database.options().with("discover", "false");
    for (part, value) in [("key", "z:{id}"), ("type", "zset"), ("columns", "id TEXT, member BIGINT")] {
        options = options.with(&format!("tables.z.{part}"), value);
    }
    let session = session_with(&options).await;
    let sql = "INSERT INTO r.public.z (id, member, score) VALUES ('a', 10, 1), ('a', 9, 1), ('a', 100, 1), ('a', -1, 2)";
    assert_eq!(affected(&session, sql).await, 4);
    let sql = "SELECT member, score FROM r.public.z WHERE id = 'a' ORDER BY score, member LIMIT 2";
    assert_eq!(table(&session, sql).await, ["10|1.0", "9|1.0"]);
}
