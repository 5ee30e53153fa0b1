//! `headwater doctor`.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use headwater_common::clock::Stopwatch;
use headwater_tests::{TestDatabase, server};

use crate::process::{Run, config, postgres, program, run, run_with};

const ANALYZED: &str = "CREATE TABLE t AS SELECT generate_series(1, 10) AS id; ANALYZE t;";

fn doctor(folder: &Path, text: &str) -> Run {
    run(&["doctor", "--config", &config(folder, text)])
}

fn listen(text: &str) -> String {
    format!("[server]\nflight_listen = \"127.0.0.1:0\"\n{text}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_configuration_passes_and_says_what_was_looked_at() {
    let database = TestDatabase::create("TEST_PG15_URL", ANALYZED).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.csv"), "x\n1\n").unwrap();
    let files = format!("[sources.files]\nkind = \"files\"\nroot = \"{}\"\n", folder.path().display());
    let text = listen(&format!("{}{files}", postgres("pg", &database.url())));
    let found = doctor(folder.path(), &text);
    assert_eq!(found.code, Some(0), "{found:?}");
    for part in [
        "every key is known; sources: files, pg",
        "the address is free",
        "spill files can be written",
        " free",
        "PostgreSQL 15",
        "a round trip",
        "1 schemas, 1 tables",
        "may read every table",
        "statistics of all tables are fresh",
        "pool_size 8 fits",
        "not encrypted; the server is on this machine",
        "0 problems, 0 warnings",
    ] {
        assert!(found.out.contains(part), "{part} in\n{}", found.out);
    }
    let json = run(&["doctor", "--json", "--config", &config(folder.path(), &text)]);
    let value: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((json.code, value["ok"].as_bool(), value["problems"].as_u64()), (Some(0), Some(true), Some(0)));
    assert!(value["sections"].as_array().unwrap().len() == 5, "{value:#}");
    assert!(!found.out.contains("secret") && !json.out.contains("secret"), "a password is shown");
}

#[test]
fn each_fault_of_the_configuration_is_named_with_its_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let locked = folder.path().join("missing-secret");
    let text = format!(
        "[server]\nflight_listen = \"127.0.0.1:0\"\nflight_lisen = \"x\"\n[limits]\nmemory_byte = 1\nmemory_bytes = 9000000000000000000\n\
         [engine]\nspill_dir = \"/proc/headwater\"\n\
         [sources.a]\nkind = \"postgres\"\npassword = \"${{env:HW_SURELY_UNSET}}\"\n\
         [sources.b]\nkind = \"postgres\"\npassword = \"${{file:{}}}\"\n\
         [sources.c]\nkind = \"postgres\"\npasword = \"hunter2\"\n[sources.d]\nkind = \"postgre\"\npassword = \"hunter2\"\n\
         [sources.e]\nurl = \"postgres://u:hunter2@h/d\"\n[sources.f]\nkind = \"files\"\nroot = \"/nowhere/data\"\n",
        locked.display()
    );
    let found = doctor(folder.path(), &text);
    assert_eq!(found.code, Some(1), "{found:?}");
    for part in [
        "did you mean \"server.flight_listen\"",
        "did you mean \"memory_bytes\"",
        "limits.memory_bytes is",
        "engine.spill_dir: cannot write to /proc/headwater",
        "HW_SURELY_UNSET is not set",
        "cannot read secret file",
        "did you mean \"password\"",
        "did you mean \"postgres\"",
        "sources.e.kind is missing",
        "/nowhere/data",
        "set the variable",
        "->",
    ] {
        assert!(found.out.contains(part), "{part} in\n{}", found.out);
    }
    assert!(!found.out.contains("hunter2") && !found.err.contains("hunter2"), "{found:?}");
    let nowhere = run(&["doctor", "--config", "/nowhere/headwater.toml"]);
    assert!(nowhere.code == Some(1) && nowhere.out.contains("/nowhere/headwater.toml"), "{nowhere:?}");
    let broken = doctor(folder.path(), "[server\nhunter2");
    assert!(broken.code == Some(1) && broken.out.contains("line 1") && !broken.out.contains("hunter2"), "{broken:?}");
}

#[test]
fn tls_files_are_read_and_matched() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (server("TEST_CLIENT_CERT"), server("TEST_CLIENT_KEY"));
    let ca = server("TEST_CA");
    let garbage = folder.path().join("garbage.pem");
    std::fs::write(&garbage, "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n").unwrap();
    let garbage = garbage.display().to_string();
    let tls = |certificate: &str, key: &str, ca: &str| {
        listen(&format!("[server.tls]\ncertificate = \"{certificate}\"\nkey = \"{key}\"\nclient_ca = \"{ca}\"\n"))
    };
    let good = doctor(folder.path(), &tls(&certificate, &key, &ca));
    assert!(good.code == Some(0) && good.out.contains("belong together"), "{good:?}");
    for name in ["server.tls.certificate is valid until 20", "server.tls.client_ca is valid until 20"] {
        assert!(good.out.contains(name), "{name} in\n{}", good.out);
    }
    for (text, part) in [
        (tls(&ca, &key, &ca), "server.tls.key does not belong"),
        (tls(&garbage, &key, &ca), "server.tls.certificate"),
        (tls(&certificate, &garbage, &ca), "server.tls.key"),
        (tls(&certificate, "/nowhere/key.pem", &ca), "/nowhere/key.pem"),
        (tls(&certificate, &key, &garbage), "server.tls.client_ca"),
    ] {
        let found = doctor(folder.path(), &text);
        assert!(found.code == Some(1) && found.out.contains(part), "{part}: {found:?}");
    }
}

#[test]
fn a_taken_port_is_a_problem_unless_the_server_runs() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let path = config(folder.path(), &format!("[server]\nflight_listen = \"{address}\"\n"));
    let found = run(&["doctor", "--config", &path]);
    assert!(found.code == Some(1) && found.out.contains(&address) && found.out.contains("--running"), "{found:?}");
    let found = run(&["doctor", "--running", "--config", &path]);
    assert!(found.code == Some(0) && found.out.contains("accepts connections"), "{found:?}");
    drop(taken);
    let found = run(&["doctor", "--running", "--config", &path]);
    assert!(found.code == Some(1) && found.out.contains("nothing answers"), "{found:?}");
    let open = doctor(folder.path(), "[server]\nflight_listen = \"0.0.0.0:0\"\n");
    assert!(open.code == Some(1) && open.out.contains("server.insecure"), "{open:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_source_lacks_is_said() {
    let user = format!("hw_doctor_{:08x}", std::process::id());
    let sql = format!(
        "CREATE ROLE {user} LOGIN PASSWORD 'hunter2' CONNECTION LIMIT 4; CREATE SCHEMA hidden; \
         CREATE TABLE public.seen AS SELECT generate_series(1, 1000) AS id; CREATE TABLE public.closed (id int); \
         CREATE TABLE hidden.t (id int); GRANT USAGE ON SCHEMA public TO {user}; GRANT SELECT ON public.seen TO {user}"
    );
    let database = TestDatabase::create("TEST_PG18_URL", &sql).await;
    let url = database.url().replace("app:secret@", &format!("{user}:hunter2@"));
    let folder = tempfile::tempdir().unwrap();
    let text = listen(&format!("{}schemas = \"public,hidden,nowhere\"\n", postgres("pg", &url)));
    let found = run_with(program().args(["doctor", "--config", &config(folder.path(), &text)]), "");
    database.run(&format!("DROP OWNED BY {user}; DROP ROLE {user}")).await;
    assert_eq!(found.code, Some(1), "{found:?}");
    for part in [
        "PostgreSQL 18",
        "option schemas names what does not exist: nowhere",
        "1 schema cannot be used: hidden",
        "1 table cannot be read: public.closed",
        "1 table never analyzed: public.seen",
        "pool_size is 8, but the server gives this user at most 4 connections",
        "run ANALYZE",
        "grant SELECT",
    ] {
        assert!(found.out.contains(part), "{part} in\n{}", found.out);
    }
    assert!(!found.out.contains("hunter2"), "{}", found.out);
}

#[test]
fn a_source_that_does_not_answer_is_given_up_after_the_deadline() {
    // It accepts connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let folder = tempfile::tempdir().unwrap();
    let sources = [
        postgres("silent", &format!("postgres://u:hunter2@127.0.0.1:{port}/d")),
        postgres("refused", "postgres://u:hunter2@127.0.0.1:1/d"),
        postgres("wrong", &server("TEST_PG15_URL").replace(":secret@", ":hunter2@")),
    ];
    let path = config(folder.path(), &listen(&sources.concat()));
    let watch = Stopwatch::start();
    let found = run(&["doctor", "--deadline", "2", "--config", &path]);
    assert!(found.code == Some(1) && watch.elapsed_ms() < 15_000, "{found:?}");
    for part in ["no answer within 2 s", "refused", "password authentication failed", "check user, password"] {
        assert!(found.out.contains(part), "{part} in\n{}", found.out);
    }
    assert!(found.out.contains("3 problems") && !found.out.contains("hunter2"), "{}", found.out);
}

#[test]
fn an_unreadable_secret_file_is_named_and_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("password");
    std::fs::write(&secret, "hunter2").unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o000)).unwrap();
    let directory = folder.path().display();
    // A folder cannot be read as a file by anyone, the superuser included.
    let text = listen(&format!("[sources.a]\nkind = \"postgres\"\npassword = \"${{file:{directory}}}\"\n"));
    let found = doctor(folder.path(), &text);
    assert!(found.code == Some(1) && found.out.contains("make the file readable"), "{found:?}");
    assert!(!found.out.contains("hunter2"), "{}", found.out);
}
