//! What is never opened and never reached.

use std::os::unix::fs::symlink;
use std::sync::Arc;

use headwater_common::config::{Config, Options};
use headwater_common::{ErrorKind, Limits};
use headwater_engine::{Engine, Session};
use headwater_files::FilesConnector;
use headwater_tests::table;

use super::{configured, error, folder, over, write};

/// A session whose statements may make sources below `root` and at these hosts.
async fn runtime(root: &std::path::Path, hosts: &[&str]) -> Session {
    let mut config = Config::default();
    config.engine.file_roots = vec![root.to_owned()];
    config.engine.object_store_hosts = hosts.iter().map(|h| (*h).to_owned()).collect();
    let engine = Engine::builder().config(config).connector(Arc::new(FilesConnector)).build().await.unwrap();
    engine.session("test").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_out_of_the_root_is_refused_for_its_table_only() {
    let dir = folder(&[("root/ok.csv", "a\n1\n"), ("secret.csv", "canary\n1\n"), ("outside/x.csv", "canary\n1\n")]);
    let root = dir.path().join("root");
    symlink(dir.path().join("secret.csv"), root.join("absolute.csv")).unwrap();
    symlink("../secret.csv", root.join("relative.csv")).unwrap();
    symlink("../outside", root.join("linked")).unwrap();
    symlink("/proc/self/environ", root.join("environ.csv")).unwrap();
    symlink("/dev/zero", root.join("zero.csv")).unwrap();
    symlink("ok.csv", root.join("inside.csv")).unwrap();
    symlink("loop.csv", root.join("loop.csv")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(root.join("pipe.csv")).status().unwrap();
    assert!(made.success());
    let session = over(&root).await;
    assert_eq!(table(&session, "SELECT * FROM f.public.inside UNION ALL SELECT * FROM f.public.ok").await, ["1", "1"]);
    for name in ["absolute", "relative", "environ", "zero", "pipe"] {
        let e = error(&session, &format!("SELECT * FROM f.public.{name}")).await.to_string();
        assert!(e.contains("refused") && !e.contains("canary"), "{name}: {e}");
    }
    let e = error(&session, "SELECT * FROM f.public.linked").await;
    assert!(matches!(e.kind(), ErrorKind::NotFound | ErrorKind::SourceFailed) && !e.to_string().contains("canary"), "{e}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_swapped_for_a_link_after_discovery_is_not_opened() {
    let dir = folder(&[("root/t.csv", "a\n1\n"), ("root/d/x.csv", "a\n1\n"), ("out/x.csv", "a\ncanary\n")]);
    let root = dir.path().join("root");
    let session = over(&root).await;
    assert_eq!(table(&session, "SELECT * FROM f.public.t").await, ["1"]);
    let prepared = session.prepare("SELECT * FROM f.public.t").await.unwrap();
    let folder = session.prepare("SELECT * FROM f.public.d").await.unwrap();
    std::fs::remove_file(root.join("t.csv")).unwrap();
    symlink(dir.path().join("out/x.csv"), root.join("t.csv")).unwrap();
    std::fs::rename(root.join("d"), root.join("e")).unwrap();
    symlink(dir.path().join("out"), root.join("d")).unwrap();
    for prepared in [prepared, folder] {
        let e = match session.execute(&prepared, Vec::new()).await {
            Ok(result) => result.collect().await.map(|b| headwater_tests::lines(&b)).unwrap_err(),
            Err(e) => e,
        };
        assert!(!e.to_string().contains("canary"), "{e}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_reaches_no_folder_outside_the_configured_roots() {
    let dir = folder(&[("allowed/sub/t.csv", "a\n1\n"), ("other/t.csv", "canary\n1\n")]);
    symlink(dir.path().join("other"), dir.path().join("allowed/link")).unwrap();
    let session = runtime(&dir.path().join("allowed"), &[]).await;
    let path = dir.path().display();
    for root in [
        format!("{path}/other"),
        format!("{path}/allowed/../other"),
        format!("{path}/allowed/link"),
        format!("file://{path}/other"),
        format!("file://{path}/allowed/%2e%2e/other"),
        "/".into(),
        "/etc".into(),
        "/proc/self".into(),
        "/dev".into(),
        "".into(),
        ".".into(),
        format!("{path}/nowhere"),
    ] {
        let e = error(&session, &format!("CREATE SOURCE s TYPE files OPTIONS (root '{root}')")).await;
        assert!(matches!(e.kind(), ErrorKind::PermissionDenied | ErrorKind::Configuration), "{root}: {e}");
        assert!(!e.to_string().contains("canary"), "{root}: {e}");
    }
    let e = error(&session, &format!("CREATE SOURCE s TYPE files OPTIONS (root '{path}/allowed', files '../other/t.csv')"))
        .await;
    assert_eq!(e.kind(), ErrorKind::Configuration, "{e}");
    session.query(&format!("CREATE SOURCE s TYPE files OPTIONS (root '{path}/allowed/sub')")).await.unwrap();
    assert_eq!(table(&session, "SELECT * FROM s.public.t").await, ["1"]);
    // The root itself is swapped.
    std::fs::rename(dir.path().join("allowed/sub"), dir.path().join("allowed/sub2")).unwrap();
    symlink(dir.path().join("other"), dir.path().join("allowed/sub")).unwrap();
    let e = error(&session, "SELECT * FROM s.public.t").await;
    assert!(!e.to_string().contains("canary"), "{e}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_reaches_no_private_address() {
    let dir = folder(&[]);
    let session = runtime(dir.path(), &["127.0.0.1:1"]).await;
    for endpoint in [
        "http://127.0.0.1:9",
        "http://localhost:9",
        "http://169.254.169.254",
        "http://[::ffff:127.0.0.1]:9",
        "http://2130706433:9",
        "http://0x7f000001:9",
        "http://10.1.2.3",
        "http://[::1]:9",
        "http://0.0.0.0:9",
    ] {
        for root in ["s3://bucket/x", "az://container/x", "gs://bucket/x"] {
            let sql = format!(
                "CREATE SOURCE s TYPE files OPTIONS (root '{root}', endpoint '{endpoint}', allow_http true{})",
                if root.starts_with("az") { ", account_name 'a'" } else { "" }
            );
            let e = error(&session, &sql).await;
            assert_eq!(e.kind(), ErrorKind::PermissionDenied, "{root} {endpoint}: {e}");
            assert!(e.to_string().contains("engine.object_store_hosts"), "{root} {endpoint}: {e}");
        }
        let e = error(&session, &format!("CREATE SOURCE s TYPE files OPTIONS (root '{endpoint}/d', files 'a.csv')")).await;
        assert_eq!(e.kind(), ErrorKind::PermissionDenied, "{endpoint}: {e}");
    }
    // A region is part of a host name; it must not become another host.
    let sql = "CREATE SOURCE s TYPE files OPTIONS (root 's3://b/x', region '@127.0.0.1:9/#')";
    assert_eq!(error(&session, sql).await.kind(), ErrorKind::Configuration);
    let sql = "CREATE SOURCE s TYPE files OPTIONS (root 's3://b/x', credentials 'environment')";
    assert_eq!(error(&session, sql).await.kind(), ErrorKind::PermissionDenied);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_of_a_scan_hold_for_files() {
    let text: String = (0..100_000).map(|i| format!("{i},note {i}\n")).collect();
    let dir = folder(&[("t.csv", &format!("a,b\n{text}"))]);
    write(dir.path(), "p.parquet", &super::parquet(&super::numbers(0, 100_000), 10_000));
    let options = Options::new().with("root", dir.path().display().to_string());
    let session = configured(options.clone(), Limits { source_rows: 50_000, ..Limits::default() }).await;
    for name in ["t", "p"] {
        let e = error(&session, &format!("SELECT * FROM f.public.{name}")).await;
        assert_eq!(e.kind(), ErrorKind::LimitExceeded, "{e}");
        assert!(e.to_string().contains("limits.source_rows"), "{e}");
    }
    let session = configured(options, Limits { source_bytes: 500_000, ..Limits::default() }).await;
    for name in ["t", "p"] {
        let e = error(&session, &format!("SELECT * FROM f.public.{name}")).await;
        assert!(e.to_string().contains("limits.source_bytes"), "{e}");
    }
}
