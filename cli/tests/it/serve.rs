//! `headwater serve`.

use std::time::Duration;

use headwater_tests::TestDatabase;

use crate::process::{Running, config, postgres, program, run};

const SLOW: &str = "CREATE TABLE t (id int); INSERT INTO t VALUES (1); \
    CREATE VIEW slow AS SELECT i AS id FROM generate_series(1, 1000) i, pg_sleep(3)";

fn address(log: &str) -> String {
    let rest = log.rsplit_once("address=").unwrap().1;
    rest.split_whitespace().next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_away_does_not_stop_the_start_and_sigterm_lets_streams_end() {
    let database = TestDatabase::create("TEST_PG15_URL", SLOW).await;
    let folder = tempfile::tempdir().unwrap();
    let away = postgres("away", "postgres://ann:hunter2@127.0.0.1:1/x");
    let text = format!("[server]\nflight_listen = \"127.0.0.1:1\"\n{}{away}", postgres("pg", &database.url()));
    let path = config(folder.path(), &text);
    let mut server = Running::start(program().args(["serve", "--config", &path, "--listen", "127.0.0.1:0"]));
    let log = server.err_until("Flight SQL is ready");
    assert!(log.contains("tables=2") && log.contains("source is unavailable") && !log.contains("hunter2"), "{log}");
    let url = format!("grpc://{}", address(&log));
    let one = run(&["sql", "--url", &url, "--format", "csv", "-c", "SELECT id FROM pg.public.t"]);
    assert_eq!((one.code, one.out.as_str()), (Some(0), "id\n1\n"), "{one:?}");
    let lost = run(&["sql", "--url", &url, "-c", "SELECT * FROM away.public.t"]);
    assert!(lost.code == Some(1) && lost.err.contains("source away"), "{lost:?}");
    let client =
        std::thread::spawn(move || run(&["sql", "--url", &url, "--format", "csv", "-c", "SELECT id FROM pg.public.slow"]));
    let active = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'headwater' \
        AND state = 'active' AND query LIKE '%slow%'";
    while database.texts(active).await.is_empty() {
        assert!(!client.is_finished(), "{:?}", client.join().unwrap());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server.signal("TERM");
    let (code, rest) = server.end();
    assert_eq!(code, Some(0), "{rest}");
    assert!(rest.contains("stopping") && rest.contains("stopped"), "{rest}");
    let read = client.join().unwrap();
    assert_eq!((read.code, read.out.lines().count()), (Some(0), 1_001), "{read:?}");
}

#[test]
fn a_wrong_configuration_or_a_taken_port_ends_the_start_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        ("[server]\nflight_listn = \"x\"\n", "did you mean \"server.flight_listen\""),
        ("[sources.x]\nkind = \"postgre\"\n", "did you mean \"postgres\""),
        ("[sources.x]\nkind = \"postgres\"\npasword = \"hunter2\"\n", "did you mean \"password\""),
        ("[server]\nflight_listen = \"0.0.0.0:0\"\n", "server.insecure"),
        ("not toml = hunter2", "line 1"),
    ];
    for (text, reason) in cases {
        let ended = run(&["serve", "--config", &config(folder.path(), text)]);
        assert_eq!(ended.code, Some(1), "{text}: {ended:?}");
        assert!(ended.err.contains(reason) && !ended.err.contains("hunter2"), "{text}: {}", ended.err);
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = run(&["serve", "--config", &config(folder.path(), ""), "--listen", &address]);
    assert!(ended.code == Some(1) && ended.err.contains(&address), "{ended:?}");
    let ended = run(&["serve", "--config", "/nowhere/headwater.toml"]);
    assert!(ended.code == Some(1) && ended.err.contains("/nowhere/headwater.toml"), "{ended:?}");
}

#[test]
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn the_server_keeps_one_heap_a_core_unless_it_is_told_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let path = config(folder.path(), "");
    let cores = std::thread::available_parallelism().unwrap().get().max(2).to_string();
    for (set, kept) in [(None, cores.as_str()), (Some("7"), "7")] {
        let mut command = program();
        command.env_remove("MALLOC_ARENA_MAX").env_remove("GLIBC_TUNABLES");
        command.envs(set.map(|heaps| ("MALLOC_ARENA_MAX", heaps)));
        let mut server = Running::start(command.args(["serve", "--config", &path, "--listen", "127.0.0.1:0"]));
        server.err_until("Flight SQL is ready");
        let environment = std::fs::read(format!("/proc/{}/environ", server.id())).unwrap();
        let heaps = format!("MALLOC_ARENA_MAX={kept}");
        assert!(environment.split(|b| *b == 0).any(|pair| pair == heaps.as_bytes()), "{kept}");
        server.signal("TERM");
        assert_eq!(server.end().0, Some(0));
    }
}
