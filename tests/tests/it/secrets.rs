//! A secret is in no message, log, plan or system table, however a source fails.

use std::io::Write;
use std::sync::{Arc, Mutex};

use headwater_common::Limits;
use headwater_common::config::Options;
use headwater_engine::Engine;
use headwater_tests::{TestDatabase, engine, server};

/// Looks like no other word.
const CANARY: &str = "cAnArY7731";

/// What a user can look at, and what fails at the server.
const STATEMENTS: [&str; 12] = [
    "SELECT * FROM system.sources",
    "SHOW SOURCES",
    "SELECT * FROM system.settings",
    "EXPLAIN SELECT * FROM works.public.t",
    "EXPLAIN ANALYZE SELECT * FROM works.public.t WHERE a = 1",
    "EXPLAIN VERBOSE SELECT count(*) FROM works.public.t",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM information_schema.df_settings",
    "SHOW ALL",
    "SELECT nothing FROM works.public.t",
    "INSERT INTO works.public.t (a) VALUES (1)",
    "DELETE FROM works.public.t",
];

/// Everything that is logged while a test runs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Options that cannot lead to a source, each with the canary as a secret.
fn failing(address: &str) -> Vec<Options> {
    let urls = [
        format!("postgres://app:{CANARY}@{address}/postgres"),
        format!("postgres://app:{CANARY}@{address}/postgres?sslmode=disable"),
        format!("postgres://app:{CANARY}@127.0.0.1:1/x"),
        format!("postgres://app:{CANARY}@no.such.host.invalid/x"),
        format!("postgres://app:{CANARY}@127.0.0.1:99999/x"),
        format!("postgres://app:{CANARY}@[::1/x"),
        format!("postgres://app:1/{CANARY}@127.0.0.1/x"),
        format!("postgres://app:12?{CANARY}@127.0.0.1/x"),
        format!("postgres://app:12#{CANARY}@127.0.0.1/x"),
        format!("postgres://app:{CANARY}%zz@127.0.0.1/x"),
        format!("postgres://app:{CANARY}@127.0.0.1/x?nonsense=1"),
        format!("postgres://app:{CANARY}@127.0.0.1/x?connect_timeout={CANARY}"),
        format!("postgres://app:{CANARY}@127.0.0.1/x?sslmode={CANARY}"),
        format!("mysql://app:{CANARY}@127.0.0.1/x"),
        CANARY.to_owned(),
        format!("postgres:{CANARY}"),
        format!("http://{CANARY}@127.0.0.1"),
        format!("postgres://app@{address}/postgres?password={CANARY}"),
        format!("postgres://app@{address}/postgres?password={CANARY}&sslmode=verify-full"),
        format!("postgres://app@127.0.0.1:1/x?password={CANARY}&port=abc"),
    ];
    let url = |u: &str| Options::new().with("url", u);
    let mut all: Vec<Options> = urls.iter().map(|u| url(u)).collect();
    let (host, port) = address.split_once(':').unwrap();
    let base = || Options::new().with("host", host).with("port", port).with("user", "app").with("password", CANARY);
    all.extend([
        base(),
        base().with("sslmode", "disable"),
        base().with("sslmode", "require"),
        base().with("sslmode", "verify-ca"),
        base().with("sslmode", "verify-full").with("ssl_root_certificate", server("TEST_OTHER_CA")),
        base().with("sslmode", "verify-full").with("ssl_root_certificate", "/no/such/file"),
        base().with("ssl_certificate", server("TEST_CLIENT_CERT")),
        base().with("ssl_certificate", server("TEST_CLIENT_CERT")).with("ssl_key", server("TEST_CA")),
        base().with("user", "nobody").with("sslmode", "disable"),
        base().with("database", "no such database").with("sslmode", "disable"),
        base().with("host", "127.0.0.1").with("port", "1"),
        base().with("host", "no.such.host.invalid"),
        base().with("port", CANARY),
        base().with("port", "70000"),
        base().with("sslmode", CANARY),
        base().with("pool_size", CANARY),
        base().with("pgbouncer", CANARY),
        base().with("numeric", CANARY),
        base().with("infinity", CANARY),
        base().with("arrays", CANARY),
        base().with("pasword", CANARY),
        base().with("connect_timeout_ms", CANARY),
    ]);
    all
}

#[tokio::test]
async fn no_output_holds_a_secret() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let address = server("TEST_PG15_URL").rsplit_once('@').unwrap().1.split_once('/').unwrap().0.to_owned();
    let engine = engine(Limits::default()).await;
    let session = engine.session("test").unwrap();
    let mut shown = String::new();
    let all = failing(&address);
    assert!(all.len() >= 40, "{}", all.len());
    for (i, options) in all.iter().enumerate() {
        let error = engine.create_source(&format!("s{i}"), "postgres", options).await.expect_err("no source");
        shown.push_str(&format!("{i}: {error} | {error:?} | {options:?}\n"));
        let mut cause = std::error::Error::source(&error);
        while let Some(e) = cause {
            shown.push_str(&format!("  {e} | {e:?}\n"));
            cause = e.source();
        }
        let list: Vec<String> =
            options.names().map(|n| format!("{n} '{}'", options.get(n).unwrap().replace('\'', "''"))).collect();
        let sql = format!("CREATE SOURCE t{i} TYPE postgres OPTIONS ({})", list.join(", "));
        let error = session.query(&sql).await.expect_err("no source");
        shown.push_str(&format!("{error} | {error:?}\n"));
        for broken in [sql.replace(')', ""), sql.replace("OPTIONS", "OPTION"), sql.replace("password '", "password = = '")]
        {
            if let Err(error) = session.query(&broken).await {
                shown.push_str(&format!("{error} | {error:?}\n"));
            }
        }
    }
    shown.push_str(&working(&engine).await);
    shown.push_str(&String::from_utf8_lossy(&log.0.lock().unwrap()));
    let hits: Vec<&str> = shown.lines().filter(|l| l.contains(CANARY)).collect();
    assert!(hits.is_empty(), "{hits:#?}");
}

/// Everything that is shown of a source that works.
async fn working(engine: &Engine) -> String {
    let (mut shown, session) = (String::new(), engine.session("test").unwrap());
    let database = TestDatabase::create("TEST_PG15_URL", "CREATE TABLE t (a int)").await;
    // A source that works, with the canary where only the server could show it.
    let role = format!("hw_secret_{:08x}", rand::random::<u32>());
    database.run(&format!("CREATE ROLE {role} LOGIN PASSWORD '{CANARY}'; GRANT SELECT ON t TO {role}")).await;
    let options =
        Options::new().with("url", database.url()).with("user", &role).with("password", CANARY).with("sslmode", "disable");
    engine.create_source("works", "postgres", &options).await.unwrap();
    for sql in STATEMENTS {
        let result = match session.query(sql).await {
            Ok(result) => result.collect().await,
            Err(error) => Err(error),
        };
        shown.push_str(&match result {
            Ok(batches) => headwater_tests::lines(&batches).join("\n"),
            Err(error) => format!("{sql}: {error} | {error:?}"),
        });
    }
    shown.push_str(&format!("{engine:?} {session:?} {:?}", engine.sources().all()));
    database.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
    shown
}
