//! Time series that the server's index of labels names are those that are found by reading every series.

use headwater_common::config::Options;
use headwater_engine::Session;
use headwater_tests::redis::{RedisClient, session_with};
use headwater_tests::{server, table};

/// Series of one test on the server whose databases nobody flushes, which would make its index forget them.
struct Series {
    prefix: String,
    keys: Vec<String>,
}

fn address() -> String {
    server("TEST_REDIS_SEARCH_URL").trim_start_matches("redis://").to_owned()
}

impl Series {
    fn create() -> Self {
        let mut made = Self { prefix: format!("series{:08x}", rand::random::<u32>()), keys: Vec::new() };
        let labels = [
            "host web1 unit p",
            "host web2 unit q",
            "host web1 unit q",
            "host web3",
            "host web-1.x",
            "unit p",
            "host web1 host web2",
            "host web2 host web1",
            "host WEB1 unit p",
        ];
        for i in 0..40 {
            made.fill(&format!("{i}"), labels[i % labels.len()], i);
        }
        // A key that the pattern does not describe, and one with a value of another type.
        made.fill("1:2", "host web1 unit p", 7);
        let key = format!("{}:text", made.prefix);
        RedisClient::connect(&address()).run(&["SET", &key, "x"]);
        made.keys.push(key);
        made
    }

    fn fill(&mut self, id: &str, labels: &str, offset: usize) {
        let (mut client, key) = (RedisClient::connect(&address()), format!("{}:{id}", self.prefix));
        let create = format!("TS.CREATE {key} LABELS {labels}");
        client.run(&create.split(' ').collect::<Vec<_>>());
        for n in 0..60 {
            let value = ["0", "-0.0", "1.5", "-3", "1e300"][(n + offset) % 5];
            client.run(&["TS.ADD", &key, &(n * 37 + offset).to_string(), value]);
        }
        self.keys.push(key);
    }

    async fn session(&self, options: &[(&str, &str)]) -> Session {
        let base = Options::new().with("url", server("TEST_REDIS_SEARCH_URL")).with("discover", "false");
        let base = base.with("tables.t.key", format!("{}:{{id}}", self.prefix)).with("tables.t.type", "timeseries");
        let base = base.with("tables.t.columns", "host TEXT, unit TEXT");
        session_with(&options.iter().fold(base, |all, (name, value)| all.with(name, *value))).await
    }
}

impl Drop for Series {
    fn drop(&mut self) {
        let mut client = RedisClient::connect(&address());
        self.keys.iter().for_each(|key| drop(client.run(&["DEL", key])));
    }
}

const FILTERS: [(&str, bool); 13] = [
    ("host = 'web1'", true),
    ("'web-1.x' = host", true),
    ("host IN ('web1', 'web2')", true),
    ("host IN ('web1', 'web2', 'web3', 'none', 'WEB1')", true),
    ("host = 'web1' AND unit = 'p'", true),
    ("host = 'none'", true),
    ("host = 'web1' AND timestamp >= '1970-01-01T00:00:00.300Z' AND timestamp < '1970-01-01T00:00:01.200Z'", true),
    ("host = 'web1' OR unit = 'p'", false),
    ("host <> 'web1'", false),
    ("host = 'web1' AND value > 0", false),
    ("host = 'web1' AND id = '1'", false),
    ("host = 'a,b'", false),
    ("host IS NULL", false),
];

#[tokio::test(flavor = "multi_thread")]
async fn series_are_found_by_their_labels() {
    let series = Series::create();
    let plain = series.session(&[]).await;
    for protocol in ["resp3", "resp2"] {
        let labelled = series.session(&[("labels", "true"), ("protocol", protocol)]).await;
        for (filter, is_asked) in FILTERS {
            for (select, group) in [
                ("id, date_bin(INTERVAL '100 milliseconds', timestamp) AS b, count(*), min(value), max(value)", "id, b"),
                ("date_bin(INTERVAL '1 second', timestamp) AS b, id, max(value)", "b, id"),
                ("date_bin(INTERVAL '1 day', timestamp) AS b, id", "b, id"),
            ] {
                let sql = format!("SELECT {select} FROM r.public.t WHERE {filter} GROUP BY {group}");
                let expected = table(&plain, &sql).await;
                assert_eq!(table(&labelled, &sql).await, expected, "{sql}");
                assert_eq!(filter != "host = 'none'" && is_asked, is_asked && !expected.is_empty(), "{sql}");
                let plan = table(&labelled, &format!("EXPLAIN {sql}")).await.join("\n");
                assert_eq!(plan.contains("TS.MRANGE"), is_asked, "{sql}: {plan}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_index_of_labels_is_asked_only_when_an_option_says_so() {
    let series = Series::create();
    let sql = "SELECT id, date_bin(INTERVAL '1 second', timestamp) AS b, max(value) FROM r.public.t WHERE host = 'web1' \
               GROUP BY id, b";
    let told = async |options: &[(&str, &str)]| {
        let session = series.session(options).await;
        table(&session, &format!("EXPLAIN (PUSHDOWN) {sql}")).await.join("\n")
    };
    let off = told(&[]).await;
    assert!(!off.contains("TS.MRANGE") && off.contains("option \"labels\""), "{off}");
    let on = told(&[("labels", "true")]).await;
    assert!(on.contains(r#""FILTER","host=web1""#), "{on}");
    // A key of another type must be an error, and only reading every key finds one.
    let strict = told(&[("labels", "true"), ("wrong_type", "error")]).await;
    assert!(!strict.contains("TS.MRANGE"), "{strict}");
}
