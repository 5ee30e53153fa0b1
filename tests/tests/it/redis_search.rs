//! Indexes of RediSearch find keys faster and never change an answer.

use headwater_common::config::Options;
use headwater_engine::Session;
use headwater_tests::redis::{Answer, RedisClient, session_with};
use headwater_tests::{server, table};

/// Host and port of the server whose database 0 only these tests use.
fn address() -> String {
    server("TEST_REDIS_SEARCH_URL").trim_start_matches("redis://").to_owned()
}

/// Hashes with an index; dropped at the end.
struct Indexed {
    prefix: String,
    client: RedisClient,
}

const CITIES: [&str; 9] = ["Oslo", "oslo", "Rome", "Rome,Oslo", " Oslo ", "Malmö", "a-b", "New York", ""];

impl Indexed {
    /// 600 hashes, of which some lack fields.
    fn new() -> Self {
        let prefix = format!("hw{:016x}", rand::random::<u64>());
        let mut client = RedisClient::connect(&address());
        let words = |words: &[&str]| words.iter().map(|w| w.as_bytes().to_vec()).collect::<Vec<_>>();
        let mut commands = Vec::new();
        for i in 0..600_i64 {
            let (key, n) = (format!("{prefix}:{i}"), (i % 50 - 10).to_string());
            commands.push(words(&["HSET", &key, "plain", &i.to_string()]));
            if i % 7 > 0 {
                commands.push(words(&["HSET", &key, "city", CITIES[(i % 9) as usize], "n", &n]));
            }
            if i % 5 > 0 {
                let x = [i as f64 / 8.0, -0.0, 1e300, f64::INFINITY][(i % 4) as usize];
                let big = (i64::MAX - i % 3).to_string();
                commands.push(words(&["HSET", &key, "x", &x.to_string(), "big", &big]));
            }
        }
        client.ask(&commands);
        Self { prefix, client }
    }

    fn run(&mut self, words: &[&str]) -> Answer {
        self.client.run(words)
    }

    /// Makes the index and waits until it has every key.
    fn index(&mut self, more: &[&str]) {
        let prefix = format!("{}:", self.prefix);
        let name = self.prefix.clone();
        let start = ["FT.CREATE", &name, "ON", "HASH", "PREFIX", "1", &prefix];
        let fields =
            ["SCHEMA", "city", "TAG", "n", "NUMERIC", "SORTABLE", "x", "AS", "x_number", "NUMERIC", "big", "NUMERIC"];
        self.run(&[&start[..], more, &fields[..]].concat());
        for _ in 0..200 {
            let Answer::List(info) = self.run(&["FT.INFO", &name]) else { panic!("no list") };
            let text = |answer: &Answer| matches!(answer, Answer::Bytes(b) if b == b"percent_indexed");
            let at = info.iter().position(text).unwrap();
            if info[at + 1] == Answer::Bytes(b"1".to_vec()) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        panic!("the index is not made");
    }

    async fn session(&self) -> Session {
        self.session_of("").await
    }

    async fn session_of(&self, protocol: &str) -> Session {
        let options = Options::new().with("url", format!("redis://{}/0", address())).with("discover", "false");
        let options = options.with("search", "true");
        let options = if protocol.is_empty() { options } else { options.with("protocol", protocol) };
        let options = options.with("tables.h.key", format!("{}:{{id}}", self.prefix)).with("tables.h.type", "hash");
        session_with(&options.with("tables.h.columns", "city TEXT, n INT, x DOUBLE, big BIGINT, plain BIGINT")).await
    }
}

impl Drop for Indexed {
    fn drop(&mut self) {
        let index = vec![b"FT.DROPINDEX".to_vec(), self.prefix.as_bytes().to_vec()];
        let keys = (0..600).map(|i| vec![b"DEL".to_vec(), format!("{}:{i}", self.prefix).into_bytes()]);
        self.client.ask(&std::iter::once(index).chain(keys).collect::<Vec<_>>());
    }
}

async fn plan(session: &Session, sql: &str) -> String {
    table(session, &format!("EXPLAIN {sql}")).await.join("\n")
}

const ASKED: &[&str] = &[
    "city = 'Oslo'",
    "city = 'oslo' OR city = 'Rome'",
    "city IN ('Oslo', 'New York', 'a-b', 'nowhere', 'x')",
    "city = 'a-b' AND plain > 100",
    "city = 'Oslo' AND upper(city) = 'OSLO'",
    "n = 7",
    "n > 30",
    "n >= -3 AND n < 4",
    "n BETWEEN 5 AND 6",
    "7 = n",
    "n IN (1, 2, 3, 4, 5)",
    "big = 9223372036854775806",
    "big >= 9223372036854775807",
    "(n = 1 AND city = 'Rome') OR (n = 2 AND city = 'Oslo')",
    "n = 1 AND city IS NOT NULL",
];

const NOT_ASKED: &[&str] = &[
    "city = ''",
    "city = ' Oslo '",
    "city = 'Rome,Oslo'",
    "city = 'Malmö'",
    "city <> 'Oslo'",
    "city > 'Oslo'",
    "city IS NULL",
    "n <> 1",
    "n IS NULL",
    "n = 1 OR plain = 5",
    "n + 1 = 5",
    "plain = 5",
    // An index over both infinities may lose all of its numbers.
    "x = 0",
    "x = 37.5",
    "x > 50",
    "x >= 1e300",
    "x < 1",
    "city = 'x} | @n:[-inf +inf'",
];

#[tokio::test(flavor = "multi_thread")]
async fn an_index_finds_the_keys_of_the_rows_that_a_scan_finds() {
    let mut indexed = Indexed::new();
    let scanned = indexed.session().await;
    indexed.index(&[]);
    for protocol in ["resp3", "resp2"] {
        let session = indexed.session_of(protocol).await;
        for filter in ASKED.iter().chain(NOT_ASKED) {
            for sql in [
                format!("SELECT id, city, n, x, big, plain FROM r.public.h WHERE {filter}"),
                format!("SELECT count(*), sum(plain) FROM r.public.h WHERE {filter}"),
            ] {
                let (there, here) = (plan(&session, &sql).await, plan(&scanned, &sql).await);
                assert_eq!(there.contains("FT.SEARCH"), ASKED.contains(filter), "{there}");
                assert!(!here.contains("FT.SEARCH"), "{here}");
                assert_eq!(table(&session, &sql).await, table(&scanned, &sql).await, "{sql}");
            }
        }
    }
    // A look-up by key needs no index, and neither does a count of keys.
    let session = indexed.session().await;
    for sql in ["SELECT n FROM r.public.h WHERE id = '3' AND n = -7", "SELECT count(*) FROM r.public.h"] {
        assert!(!plan(&session, sql).await.contains("FT.SEARCH"), "{sql}");
        assert_eq!(table(&session, sql).await, table(&scanned, sql).await, "{sql}");
    }
    let error = session.query("DELETE FROM r.public.h WHERE n = 7").await;
    let error = match error {
        Ok(result) => result.affected_rows().await.map(drop).unwrap_err(),
        Err(error) => error,
    };
    assert!(error.to_string().contains("cannot compute the filter"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_may_miss_a_key_is_not_believed() {
    let mut indexed = Indexed::new();
    indexed.index(&[]);
    let session = indexed.session().await;
    let sql = "SELECT count(*) FROM r.public.h WHERE city = 'Rome'";
    assert!(plan(&session, sql).await.contains("FT.SEARCH"));
    let before: u32 = table(&session, sql).await[0].parse().unwrap();
    let (prefix, key) = (indexed.prefix.clone(), format!("{}:590", indexed.prefix));
    // A hash whose number the index does not take is not in it.
    indexed.run(&["DEL", &key]);
    let without: u32 = table(&session, sql).await[0].parse().unwrap();
    indexed.run(&["HSET", &key, "city", "Rome", "x", "12 apples", "plain", "1"]);
    assert_eq!(table(&session, sql).await, [(without + 1).to_string()]);
    indexed.run(&["HSET", &key, "x", "1"]);
    assert_eq!(table(&session, sql).await, [(without + 1).to_string()]);
    assert!(before >= without);
    // An index that is gone, and one of the same name that has something else.
    indexed.run(&["FT.DROPINDEX", &prefix]);
    assert_eq!(table(&session, sql).await, [(without + 1).to_string()]);
    indexed.index(&["FILTER", "@n > 10"]);
    assert_eq!(table(&session, sql).await, [(without + 1).to_string()]);
    // Neither is one of a server with keys in another database, which hide keys of the same name.
    indexed.run(&["FT.DROPINDEX", &prefix]);
    indexed.index(&[]);
    let session = indexed.session().await;
    assert!(plan(&session, sql).await.contains("FT.SEARCH"));
    assert_eq!(table(&session, sql).await, [(without + 1).to_string()]);
    let mut other = RedisClient::connect(&address());
    other.run(&["SELECT", "1"]);
    other.run(&["HSET", &key, "city", "Oslo"]);
    assert_eq!(table(&session, sql).await, [(without + 1).to_string()]);
    other.run(&["DEL", &key]);
    indexed.run(&["FT.DROPINDEX", &prefix]);
    indexed.index(&["FILTER", "@n > 10"]);
    // A new session does not plan with an index that leaves keys out.
    assert!(!plan(&indexed.session().await, sql).await.contains("FT.SEARCH"));
}
