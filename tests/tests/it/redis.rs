//! Discovery and reading of every type from Redis.

use headwater_common::config::Options;
use headwater_tests::redis::{RedisDatabase, session_with};
use headwater_tests::{rows, table};

const ALL: &str = r#"
    HSET user:1 name Ann age 41 score 1.50
    HSET user:2 name Bob age 7
    HSET user:3 name Cid note x
    PEXPIRE user:2 90000000
    SET counter:a 5
    SET counter:b -7
    SET page:1 <html>
    SET page:2 {"a":1
    SET config:1 {"a":1,"b":{"c":[1,2]},"t":"x"}
    SET config:2 {"b":null,"a":2.5}
    JSON.SET doc:1 $ {"n":1,"f":1.50,"t":"x","o":{"k":[1,2]},"ok":true}
    JSON.SET doc:2 $ {"n":null,"t":"y","big":12345678901234567890}
    JSON.SET doc:3 $ [1,2]
    RPUSH queue:1 a b a
    RPUSH queue:2 c
    SADD tags:1 x y
    ZADD board:1 1.5 ann -0.5 bob inf cid
    ZADD board:2 7 dan
    XADD events:1 1-1 kind open n 1
    XADD events:1 5-0 kind close
    XADD events:2 1700000000123-7 n 2
    TS.ADD ts:cpu 1000 1.5 LABELS host web1 unit percent
    TS.ADD ts:cpu 2000 -0.25
    TS.ADD ts:mem 1500 3 LABELS host web2
"#;

async fn all() -> (RedisDatabase, headwater_engine::Session) {
    let database = RedisDatabase::create(ALL);
    let session = database.session().await;
    (database, session)
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_are_one_row_are_read() {
    let (_database, session) = all().await;
    let users = "SELECT id, name, age, score, note, _key, _type, _ttl > 80000000 FROM r.public.user";
    assert_eq!(
        table(&session, users).await,
        ["1|Ann|41|1.5|NULL|user:1|hash|NULL", "2|Bob|7|NULL|NULL|user:2|hash|true", "3|Cid|NULL|NULL|x|user:3|hash|NULL"]
    );
    assert_eq!(table(&session, "SELECT id, value FROM r.public.counter").await, ["a|5", "b|-7"]);
    assert_eq!(table(&session, "SELECT sum(value) FROM r.public.counter").await, ["-2"]);
    assert_eq!(table(&session, "SELECT id, value FROM r.public.page").await, ["1|<html>", "2|{\"a\":1"]);
    assert_eq!(
        table(&session, "SELECT id, a, b, t FROM r.public.config").await,
        ["1|1.0|{\"c\":[1,2]}|x", "2|2.5|NULL|NULL"]
    );
    assert_eq!(
        table(&session, "SELECT id, n, f, t, o, ok, big FROM r.public.doc").await,
        [
            "1|1|1.5|x|{\"k\":[1,2]}|true|NULL",
            "2|NULL|NULL|y|NULL|NULL|1.2345678901234567e19",
            "3|NULL|NULL|NULL|NULL|NULL|NULL"
        ]
    );
    assert_eq!(table(&session, "SELECT t FROM r.public.doc WHERE id = '1'").await, ["x"]);
    assert_eq!(table(&session, "SELECT count(*), count(age) FROM r.public.user").await, ["3|2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_many_rows_are_read() {
    let (_database, session) = all().await;
    assert_eq!(table(&session, "SELECT id, index, value FROM r.public.queue").await, ["1|0|a", "1|1|b", "1|2|a", "2|0|c"]);
    assert_eq!(table(&session, "SELECT id, member FROM r.public.tags").await, ["1|x", "1|y"]);
    assert_eq!(
        table(&session, "SELECT id, member, score, rank FROM r.public.board").await,
        ["1|ann|1.5|1", "1|bob|-0.5|0", "1|cid|inf|2", "2|dan|7.0|0"]
    );
    assert_eq!(
        table(&session, "SELECT id, stream_id, timestamp, kind, n FROM r.public.events").await,
        [
            "1|1-1|1970-01-01T00:00:00.001Z|open|1",
            "1|5-0|1970-01-01T00:00:00.005Z|close|NULL",
            "2|1700000000123-7|2023-11-14T22:13:20.123Z|NULL|2"
        ]
    );
    assert_eq!(
        table(&session, "SELECT id, timestamp, value, host, unit FROM r.public.ts").await,
        [
            "cpu|1970-01-01T00:00:01Z|1.5|web1|percent",
            "cpu|1970-01-01T00:00:02Z|-0.25|web1|percent",
            "mem|1970-01-01T00:00:01.500Z|3.0|web2|NULL"
        ]
    );
    for (name, count) in [("queue", 4), ("tags", 2), ("board", 4), ("events", 3), ("ts", 3)] {
        assert_eq!(table(&session, &format!("SELECT count(*) FROM r.public.{name}")).await, [count.to_string()], "{name}");
        assert_eq!(
            table(&session, &format!("SELECT count(id) FROM r.public.{name} WHERE id > ''")).await,
            [count.to_string()]
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn declared_tables_have_their_types() {
    let database = RedisDatabase::create(
        "HSET user:7 name Ann born 2001-02-03 at 2024-01-01T00:00:00Z paid 12.50 ok true\n\
         HSET user:007 name Eve\nHSET user:x name Mal\nHSET user:8:cart name Cart\n\
         SETBIT seen:1 3 1\nSETBIT seen:1 9 1\nPFADD uniq:1 a b c a\n\
         SET line:1 1,\"a,b\",\nSET m:a:b 1.5\nSET m:a:c 2\nSET wide:x:y:z 1\n",
    );
    let declare = [
        ("users.key", "user:{id}"),
        ("users.type", "hash"),
        ("users.columns", "id BIGINT, name TEXT, born DATE, at TIMESTAMPTZ, paid DECIMAL(8, 2), ok BOOLEAN"),
        ("seen.key", "seen:{id}"),
        ("seen.type", "bitmap"),
        ("uniq.key", "uniq:{id}"),
        ("uniq.type", "hyperloglog"),
        ("lines.key", "line:{id}"),
        ("lines.type", "string"),
        ("lines.format", "csv"),
        ("lines.columns", "n INT, t TEXT, e TEXT"),
        ("m.key", "m:{host}:{name}"),
        ("m.type", "string"),
        ("m.columns", "value DOUBLE"),
        ("wide.key", "wide:{all*}"),
        ("wide.type", "string"),
    ];
    let options = database.options().with("discover", "false").with("memory", "true");
    let options = declare.iter().fold(options, |o, (name, value)| o.with(&format!("tables.{name}"), *value));
    let session = session_with(&options).await;
    let sql = "SELECT id, name, born, at, paid, ok, _memory > 0 FROM r.public.users";
    assert_eq!(table(&session, sql).await, ["7|Ann|2001-02-03|2024-01-01T00:00:00Z|12.50|true|true"]);
    assert_eq!(table(&session, "SELECT name FROM r.public.users WHERE id = 7").await, ["Ann"]);
    assert_eq!(table(&session, "SELECT count, length FROM r.public.seen").await, ["2|2"]);
    assert_eq!(table(&session, "SELECT count FROM r.public.uniq").await, ["3"]);
    assert_eq!(table(&session, "SELECT n, t, e FROM r.public.lines").await, ["1|a,b|NULL"]);
    assert_eq!(table(&session, "SELECT host, name, value FROM r.public.m").await, ["a|b|1.5", "a|c|2.0"]);
    assert_eq!(table(&session, "SELECT \"all\", value FROM r.public.wide").await, ["x:y:z|1"]);
    let schema = rows(&session, "SELECT id, paid FROM r.public.users").await[0].schema();
    assert_eq!(schema.field(0).data_type().to_string(), "Int64");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_values_may_be_any_bytes() {
    let database = RedisDatabase::create("");
    let mut client = database.client();
    let key = |tail: &[u8]| [b"bin:".as_slice(), tail].concat();
    for tail in [&b"\xff\x00*"[..], b"a\r\nb", b"[x]?\\", "\u{e9}".as_bytes()] {
        client.ask(&[vec![b"SET".to_vec(), key(tail), [tail, b"=v\0"].concat()]]);
    }
    let declare = |options: Options| options.with("tables.bin.key", "bin:{id}").with("tables.bin.type", "string");
    let session = session_with(&declare(database.options()).with("strings", "binary")).await;
    let sql = "SELECT encode(id, 'hex'), encode(value, 'hex') FROM r.public.bin";
    assert_eq!(
        table(&session, sql).await,
        ["5b785d3f5c|5b785d3f5c3d7600", "610d0a62|610d0a623d7600", "c3a9|c3a93d7600", "ff002a|ff002a3d7600"]
    );
    let sql = "SELECT encode(value, 'hex') FROM r.public.bin WHERE id = X'ff002a'";
    assert_eq!(table(&session, sql).await, ["ff002a3d7600"]);
    let session = session_with(&declare(database.options())).await;
    let error = session.query("SELECT id FROM r.public.bin").await.unwrap().collect().await.unwrap_err().to_string();
    assert!(error.contains("not UTF-8") && error.contains("BYTEA"), "{error}");
    assert_eq!(table(&session, "SELECT count(*) FROM r.public.bin").await, ["4"]);
    assert_eq!(
        table(&session, "SELECT value FROM r.public.bin WHERE id = '\u{e9}'").await,
        ["c3a93d7600"],
        "values that are no texts are bytes"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_other_types_are_skipped_or_an_error() {
    let database = RedisDatabase::create("SET k:1 a\nHSET k:2 f v\nRPUSH k:3 x\n");
    let declare = |options: Options| options.with("tables.k.key", "k:{id}").with("tables.k.type", "string");
    let session = session_with(&declare(database.options())).await;
    assert_eq!(table(&session, "SELECT id, value FROM r.public.k").await, ["1|a"]);
    assert_eq!(table(&session, "SELECT id, value FROM r.public.k WHERE id IN ('1', '2', '9')").await, ["1|a"]);
    assert_eq!(table(&session, "SELECT _key FROM r.public.k WHERE id IN ('1', '2', '9')").await, ["k:1"]);
    let session = session_with(&declare(database.options()).with("wrong_type", "error")).await;
    for sql in ["SELECT value FROM r.public.k", "SELECT count(*) FROM r.public.k", "SELECT _key FROM r.public.k"] {
        let error = session.query(sql).await.unwrap().collect().await.unwrap_err().to_string();
        assert!(error.contains("wrong_type"), "{sql}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_do_not_fit_are_an_error_or_null() {
    let database = RedisDatabase::create("HSET u:1 age 1\nHSET u:2 age secret\nSET j:1 {\"a\":1}\nSET j:2 secret\n");
    let declare = [("u.key", "u:{id}"), ("u.type", "hash"), ("u.columns", "age INT"), ("j.key", "j:{id}")];
    let more = [("j.type", "string"), ("j.format", "json"), ("j.columns", "a INT")];
    let options = declare.iter().chain(&more).fold(database.options(), |o, (n, v)| o.with(&format!("tables.{n}"), *v));
    let session = session_with(&options).await;
    for sql in ["SELECT age FROM r.public.u", "SELECT a FROM r.public.j"] {
        let error = session.query(sql).await.unwrap().collect().await.unwrap_err().to_string();
        assert!(error.contains("mismatch") && !error.contains("secret"), "{error}");
    }
    let session = session_with(&options.with("mismatch", "null")).await;
    assert_eq!(table(&session, "SELECT id, age FROM r.public.u").await, ["1|1", "2|NULL"]);
    assert_eq!(table(&session, "SELECT id, a FROM r.public.j").await, ["1|1", "2|NULL"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hash_without_the_wanted_fields_is_a_row_and_a_missing_key_is_none() {
    let database = RedisDatabase::create("HSET u:1 a 1\nHSET u:2 b 2\n");
    let options = database.options().with("tables.u.key", "u:{id}").with("tables.u.type", "hash");
    let session = session_with(&options.with("tables.u.columns", "a INT, b INT")).await;
    assert_eq!(table(&session, "SELECT a FROM r.public.u").await, ["1", "NULL"]);
    assert_eq!(table(&session, "SELECT a FROM r.public.u WHERE id IN ('2', '3')").await, ["NULL"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_tables_and_values_are_read_whole() {
    let database = RedisDatabase::create("");
    let mut client = database.client();
    let words = |words: &[&str]| words.iter().map(|w| w.as_bytes().to_vec()).collect::<Vec<_>>();
    for chunk in 0..30 {
        let set = |i: i32| words(&["HSET", &format!("h:{i}"), "n", &i.to_string(), "t", &format!("text {i}")]);
        client.ask(&(chunk * 1_000..(chunk + 1) * 1_000).map(set).collect::<Vec<_>>());
    }
    for i in 0..5_000 {
        client.run(&["XADD", "s:1", &format!("{}-{}", i / 7, i % 7 + 1), "n", &i.to_string()]);
    }
    let session = session_with(&database.options().with("sample_keys", "40000")).await;
    assert_eq!(table(&session, "SELECT count(*) FROM r.public.h").await, ["30000"]);
    let sql = "SELECT count(n), sum(n), count(DISTINCT id), max(t) FROM r.public.h";
    assert_eq!(table(&session, sql).await, ["30000|449985000|30000|text 9999"]);
    let sql = "SELECT count(n), sum(n), count(DISTINCT stream_id) FROM r.public.s";
    assert_eq!(table(&session, sql).await, ["5000|12497500|5000"]);
    assert_eq!(table(&session, "SELECT n FROM r.public.h LIMIT 5").await.len(), 5);
    assert_eq!(table(&session, "SELECT 1 FROM r.public.s LIMIT 1200").await.len(), 1_200);
    let sql = "SELECT n FROM r.public.s ORDER BY timestamp DESC LIMIT 2";
    assert_eq!(table(&session, sql).await.len(), 2);
    assert_eq!(
        table(&session, "SELECT count(*) FROM (SELECT n FROM r.public.s ORDER BY timestamp DESC LIMIT 3000)").await,
        ["3000"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_neither_lost_nor_doubled_while_the_table_is_resized() {
    let database = RedisDatabase::create("");
    let mut client = database.client();
    let set = |i: usize, kind: &str| vec![b"SET".to_vec(), format!("{kind}:{i}").into_bytes(), i.to_string().into_bytes()];
    client.ask(&(0..20_000).map(|i| set(i, "stay")).collect::<Vec<_>>());
    let options = database.options().with("tables.stay.key", "stay:{id}").with("tables.stay.type", "string");
    let session = session_with(&options.with("tables.stay.columns", "value BIGINT").with("scan_count", "50")).await;
    let mut writer = database.client();
    let changes = std::thread::spawn(move || {
        for round in 0..12 {
            writer.ask(&(0..40_000).map(|i| set(i, &format!("pass{round}"))).collect::<Vec<_>>());
            let delete = |i| vec![b"DEL".to_vec(), format!("pass{round}:{i}").into_bytes()];
            writer.ask(&(0..40_000).map(delete).collect::<Vec<_>>());
        }
    });
    let mut rounds = 0;
    while !changes.is_finished() || rounds < 3 {
        let sql = "SELECT count(value), count(DISTINCT id), sum(value) FROM r.public.stay WHERE value >= 0";
        assert_eq!(table(&session, sql).await, ["20000|20000|199990000"], "round {rounds}");
        rounds += 1;
    }
    changes.join().unwrap();
}
