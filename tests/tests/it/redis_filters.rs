//! What Redis computes of a query returns the rows that it returns here.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use datafusion::catalog::MemTable;
use datafusion::common::ScalarValue;
use headwater_engine::Session;
use headwater_tests::redis::{Answer, RedisDatabase, address, session_with};
use headwater_tests::{lines, proxy, rows, table};

async fn plan(session: &Session, sql: &str) -> String {
    table(session, &format!("EXPLAIN {sql}")).await.join("\n")
}

/// The name of a copy of a table in memory.
async fn copy(session: &Session, name: &str) -> String {
    let batches = rows(session, &format!("SELECT * FROM r.public.{name}")).await;
    let copy = MemTable::try_new(batches[0].schema(), vec![batches]).unwrap();
    session.register_table(&format!("copy_{name}"), Arc::new(copy)).unwrap();
    format!("headwater.public.copy_{name}")
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_looked_up_in_one_round_trip() {
    let database = RedisDatabase::create("HSET user:1 name Ann age 41\nHSET user:2 name Bob age 7\n");
    let session = database.session().await;
    let sql = "SELECT name, age, _ttl FROM r.public.user WHERE id = '1'";
    let shown = plan(&session, sql).await;
    assert!(shown.contains(r#"remote=[[["HMGET","user:1","name","age"],["PTTL","user:1"]]]"#), "{shown}");
    assert!(!shown.contains("FilterExec"), "{shown}");
    assert_eq!(table(&session, sql).await, ["Ann|41|NULL"]);
    let (port, trips) = proxy::counting(address()).await;
    let session = session_with(&database.options_at(&format!("127.0.0.1:{port}")).with("pool_size", "1")).await;
    assert_eq!(table(&session, sql).await, ["Ann|41|NULL"]);
    let before = trips.load(Ordering::Acquire);
    for _ in 0..10 {
        assert_eq!(table(&session, sql).await, ["Ann|41|NULL"]);
    }
    assert_eq!(trips.load(Ordering::Acquire) - before, 10, "round trips of 10 look-ups");
    let prepared = session.prepare("SELECT name, age, _ttl FROM r.public.user WHERE id = $1").await.unwrap();
    let before = trips.load(Ordering::Acquire);
    for (id, found) in [("1", "Ann|41|NULL"), ("2", "Bob|7|NULL"), ("1", "Ann|41|NULL")] {
        let result = session.execute(&prepared, vec![ScalarValue::from(id)]).await.unwrap();
        assert_eq!(lines(&result.collect().await.unwrap()), [found]);
    }
    assert_eq!(trips.load(Ordering::Acquire) - before, 3, "round trips of 3 prepared look-ups");
    for (sql, found) in [
        ("SELECT name FROM r.public.user WHERE id IN ('1', '2', '3')", vec!["Ann", "Bob"]),
        ("SELECT name FROM r.public.user WHERE _key = 'user:2'", vec!["Bob"]),
        ("SELECT name FROM r.public.user WHERE _key = 'user:2' AND id = '1'", vec![]),
        ("SELECT name FROM r.public.user WHERE id = '1' OR id = '2' OR id = '1'", vec!["Ann", "Bob"]),
        ("SELECT name FROM r.public.user WHERE id = '1:2'", vec![]),
        ("SELECT name FROM r.public.user WHERE id = ''", vec![]),
        ("SELECT id FROM r.public.user WHERE id IN ('2', '9')", vec!["2"]),
        ("SELECT count(*) FROM r.public.user WHERE id IN ('2', '9')", vec!["1"]),
        ("SELECT name FROM r.public.user WHERE id = '1' AND age > 50", vec![]),
        ("SELECT name FROM r.public.user WHERE id <> '1'", vec!["Bob"]),
    ] {
        assert_eq!(table(&session, sql).await, found, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn globs_in_keys_are_only_texts() {
    let payloads = [
        "*",
        "?",
        "[a]",
        "[^a]",
        "[a-z]",
        "\\",
        "\\*",
        "a*b",
        "a?b",
        "**",
        "[",
        "]",
        "a[b",
        "a]b",
        "^",
        "-",
        "a-b",
        "{a}",
        "a\"b",
        "a'b",
        "a b",
        "\u{e9}",
        "a\nb",
        "a\r\nDEL x\r\n",
        "%",
        "a%b",
        "a_b",
        "$1",
        "0",
        "\u{0}",
        "*\\",
        "\\[",
        "[]",
        "[!a]",
    ];
    let database = RedisDatabase::create("SET keep 1\n");
    let mut client = database.client();
    for (i, a) in payloads.iter().enumerate() {
        for b in ["x", "y", a] {
            let key = format!("p:{a}:{b}").into_bytes();
            client.ask(&[vec![b"SET".to_vec(), key, i.to_string().into_bytes()]]);
        }
    }
    let options = database.options().with("tables.p.key", "p:{a}:{b}").with("tables.p.type", "string");
    let session = session_with(&options.with("tables.p.columns", "value BIGINT")).await;
    let copy = copy(&session, "p").await;
    assert_eq!(table(&session, &format!("SELECT count(*) FROM {copy}")).await, [(payloads.len() * 3).to_string()]);
    for text in payloads {
        let quoted = text.replace('\'', "''");
        let escaped = quoted.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        let filters = [
            format!("a = '{quoted}'"),
            format!("b = '{quoted}'"),
            format!("a = '{quoted}' AND b = 'x'"),
            format!("a = '{quoted}' AND b IN ('x', '{quoted}')"),
            format!("_key = 'p:{quoted}:x'"),
            format!("a LIKE '{escaped}%'"),
            format!("_key LIKE 'p:{escaped}%'"),
            format!("b LIKE '{escaped}%' AND a = '{quoted}'"),
        ];
        for filter in filters {
            let sql = |source: &str| format!("SELECT a, b, value FROM {source} WHERE {filter}");
            let (pushed, local) = (table(&session, &sql("r.public.p")).await, table(&session, &sql(&copy)).await);
            assert_eq!(pushed, local, "{filter:?}");
        }
    }
    assert_eq!(client.run(&["GET", "keep"]), Answer::Bytes(b"1".to_vec()), "nothing was run that was not meant");
}

#[tokio::test(flavor = "multi_thread")]
async fn prefixes_become_globs() {
    let database = RedisDatabase::create("SET m:a1:x 1\nSET m:a2:x 2\nSET m:b1:x 3\nSET m:a1:y 4\n");
    let options = database.options().with("tables.m.key", "m:{host}:{name}").with("tables.m.type", "string");
    let session = session_with(&options.with("tables.m.columns", "value BIGINT")).await;
    for (filter, glob, found) in [
        ("host LIKE 'a%'", "m:a*:*", vec!["1", "2", "4"]),
        ("host = 'a1'", "m:a1:*", vec!["1", "4"]),
        ("name = 'x'", "m:*:x", vec!["1", "2", "3"]),
        ("host LIKE 'a%' AND name = 'x'", "m:a*:x", vec!["1", "2"]),
        ("_key LIKE 'm:a1%'", "m:a1*", vec!["1", "4"]),
        ("_key LIKE 'x%'", "m:*:*", vec![]),
    ] {
        let sql = format!("SELECT value FROM r.public.m WHERE {filter}");
        let shown = plan(&session, &sql).await;
        assert!(shown.contains(&format!(r#""MATCH","{glob}""#)) && !shown.contains("FilterExec"), "{shown}");
        assert_eq!(table(&session, &sql).await, found, "{filter}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_of_scores_are_those_of_this_engine() {
    let database = RedisDatabase::create(
        "ZADD z:1 0 a -0.0 b -0 c 1 d 1.5 e -1.5 f inf g -inf h 5e-324 i 0.1 j\nZADD z:2 1 k 1 l 1 m 0 n\nZADD z:3 -3 o\n",
    );
    let session = database.session().await;
    let copy = copy(&session, "z").await;
    let values = ["0.0", "-0.0", "1.0", "1.5", "-1.5", "0.1", "1e308", "'inf'::double", "'-inf'::double", "5e-324"];
    let mut pushed_plans = 0;
    for value in values {
        for op in ["=", "<", "<=", ">", ">=", "<>"] {
            for more in
                ["", " AND id = '1'", " AND score <= 1.0", " ORDER BY score LIMIT 2", " ORDER BY score DESC LIMIT 3"]
            {
                let sql =
                    |s: &str| format!("SELECT id, member, score FROM {s} WHERE score {op} CAST({value} AS double){more}");
                pushed_plans += usize::from(plan(&session, &sql("r.public.z")).await.contains("BYSCORE"));
                if more.contains("ORDER") {
                    let only = |s: &str| format!("SELECT score FROM ({})", sql(s));
                    assert_eq!(
                        table(&session, &only("r.public.z")).await,
                        table(&session, &only(&copy)).await,
                        "{op} {value}{more}"
                    );
                    continue;
                }
                assert_eq!(
                    table(&session, &sql("r.public.z")).await,
                    table(&session, &sql(&copy)).await,
                    "{op} {value}{more}"
                );
                let count = |s: &str| format!("SELECT count(*) FROM ({})", sql(s));
                assert_eq!(
                    table(&session, &count("r.public.z")).await,
                    table(&session, &count(&copy)).await,
                    "{op} {value}{more}"
                );
            }
        }
    }
    assert!(pushed_plans > 200, "{pushed_plans}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_rows_of_an_order_are_read_from_sorted_sets() {
    let database =
        RedisDatabase::create("ZADD z:1 0 a -0.0 b 1 d 1.5 e -1.5 f\nZADD z:2 0 k -0.0 l 1 m 0 n\nZADD z:3 9 o\n");
    let session = database.session().await;
    let copy = copy(&session, "z").await;
    for (order, words) in [
        ("score", r#""ZRANGE",null,"0","LAST","WITHSCORES""#),
        ("score DESC", r#""ZRANGE",null,"0","LAST","REV","WITHSCORES""#),
        ("score, member", r#""ZRANGE",null,"0","LAST""#),
        ("score DESC, member DESC", r#""ZRANGE",null,"0","LAST","REV""#),
    ] {
        for limit in 1..9 {
            let columns = if order.contains("member") { "score, member" } else { "score" };
            let sql = |s: &str| format!("SELECT {columns} FROM {s} ORDER BY {order} LIMIT {limit}");
            let shown = plan(&session, &sql("r.public.z")).await;
            assert!(shown.contains(&words.replace("LAST", &(limit - 1).to_string())), "{shown}");
            assert_eq!(table(&session, &sql("r.public.z")).await, table(&session, &sql(&copy)).await, "{order} {limit}");
        }
    }
    for order in ["rank", "rank DESC", "member", "score, id", "score, member DESC", "score DESC, rank"] {
        let sql = |s: &str| format!("SELECT rank, score FROM {s} ORDER BY {order} LIMIT 4");
        let ranks = |s: &str| format!("SELECT count(*), sum(rank), sum(score) FROM ({})", sql(s));
        if order.contains("rank") || order.contains("member") {
            let (pushed, local) = (table(&session, &ranks("r.public.z")).await, table(&session, &ranks(&copy)).await);
            assert_eq!(pushed[0].split('|').next(), local[0].split('|').next(), "{order}");
        }
    }
    let shown = plan(&session, "SELECT member FROM r.public.z LIMIT 2").await;
    assert!(shown.contains(r#""ZRANGE",null,"0","1""#), "{shown}");
    assert_eq!(table(&session, "SELECT member FROM r.public.z LIMIT 7").await.len(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_of_time_are_read_from_streams_and_series() {
    let mut fill = String::new();
    for (key, count) in [("s:1", 2_500), ("s:2", 3)] {
        (0..count).for_each(|i| fill.push_str(&format!("XADD {key} {}-{} n {i}\n", i / 3, i % 3 + 1)));
    }
    (0..2_500).for_each(|i| fill.push_str(&format!("TS.ADD t:1 {} {i}\n", i * 2)));
    let database = RedisDatabase::create(&fill);
    let session = database.session().await;
    for (name, columns, command) in [("s", "stream_id, timestamp, n", "XRANGE"), ("t", "timestamp, value", "TS.RANGE")] {
        let copy = copy(&session, name).await;
        for op in ["=", "<", "<=", ">", ">=", "<>"] {
            for time in [
                "1970-01-01T00:00:00Z",
                "1970-01-01T00:00:00.500Z",
                "1970-01-01T00:00:00.5005Z",
                "1969-01-01T00:00:00Z",
                "2262-01-01T00:00:00Z",
            ] {
                for more in ["", " AND id = '1'", " AND timestamp < '1970-01-01T00:00:00.700Z'"] {
                    let sql = |s: &str| {
                        format!("SELECT id, {columns} FROM {s} WHERE timestamp {op} CAST('{time}' AS timestamptz){more}")
                    };
                    assert_eq!(
                        table(&session, &sql(&format!("r.public.{name}"))).await,
                        table(&session, &sql(&copy)).await,
                        "{op} {time}{more}"
                    );
                    let count = |s: &str| format!("SELECT count(*) FROM ({})", sql(s));
                    let pushed = table(&session, &count(&format!("r.public.{name}"))).await;
                    assert_eq!(pushed, table(&session, &count(&copy)).await, "{op} {time}{more}");
                }
            }
        }
        let sql = format!(
            "SELECT {columns} FROM r.public.{name} WHERE timestamp >= '1970-01-01T00:00:00.100Z' AND timestamp < '1970-01-01T00:00:00.200Z'"
        );
        let shown = plan(&session, &sql).await;
        assert!(shown.contains(command) && shown.contains(r#""100","199""#) && !shown.contains("FilterExec"), "{shown}");
        for order in ["timestamp", "timestamp DESC"] {
            for limit in [1, 999, 1_000, 1_001, 2_200] {
                let sql = |s: &str| format!("SELECT timestamp FROM {s} ORDER BY {order} LIMIT {limit}");
                let pushed = lines(&rows(&session, &sql(&format!("r.public.{name}"))).await);
                assert_eq!(pushed, lines(&rows(&session, &sql(&copy)).await), "{order} {limit}");
            }
        }
    }
    let sql = "SELECT n FROM r.public.s WHERE stream_id = '100-2' AND id = '1'";
    let shown = plan(&session, sql).await;
    assert!(shown.contains(r#"["XRANGE","s:1","100-2","100-2""#), "{shown}");
    assert_eq!(table(&session, sql).await, ["301"]);
    assert_eq!(table(&session, "SELECT n FROM r.public.s WHERE stream_id = '100'").await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_of_time_series_are_aggregated_by_the_server() {
    let values = ["1.5", "-0.0", "0", "-7", "1e300", "0.1", "0", "-0.0"];
    let mut fill = String::new();
    for (key, step, count) in [("t:a", 7, 4_000), ("t:b", 13, 2_000), ("t:zeros", 5, 300), ("t:one", 1, 1)] {
        for i in 0..count {
            let value = if key == "t:zeros" { values[1 + i % 2] } else { values[i % values.len()] };
            fill.push_str(&format!("TS.ADD {key} {} {value}\n", i * step + 3));
        }
    }
    let database = RedisDatabase::create(&fill);
    let session = database.session().await;
    let copy = copy(&session, "t").await;
    let mut pushed = 0;
    for width in ["1 second", "250 milliseconds", "10 milliseconds", "1 day", "7 milliseconds", "500 microseconds"] {
        for (select, group) in [
            ("id, date_bin(INTERVAL 'W', timestamp) AS b, count(*), count(value), min(value), max(value)", "id, b"),
            ("date_bin(INTERVAL 'W', timestamp) AS b, id, max(value)", "b, id"),
            ("date_bin(INTERVAL 'W', timestamp) AS b, count(*)", "b"),
            ("id, date_bin(INTERVAL 'W', timestamp) AS b, sum(value)", "id, b"),
        ] {
            for filter in [
                "",
                "WHERE id = 'a'",
                "WHERE id IN ('zeros', 'one', 'none')",
                "WHERE timestamp >= '1970-01-01T00:00:01.001Z' AND timestamp < '1970-01-01T00:00:09.999Z'",
                "WHERE value > 0",
                "WHERE id LIKE 'z%'",
            ] {
                let sql = |s: &str| format!("SELECT {} FROM {s} {filter} GROUP BY {group}", select.replace('W', width));
                let found = table(&session, &sql("r.public.t")).await;
                assert_eq!(found, table(&session, &sql(&copy)).await, "{select} {width} {filter}");
                let shown = plan(&session, &sql("r.public.t")).await;
                let is_pushed = shown.contains("AGGREGATION");
                assert!(!is_pushed || shown.contains("RemoteQueryExec"), "{shown}");
                pushed += usize::from(is_pushed);
            }
        }
    }
    assert!(pushed >= 20, "only {pushed} queries were computed by the source");
}
