//! Object stores: S3 (SeaweedFS), Azure blobs (azurite), and a plain HTTP server.

use std::sync::Arc;

use headwater_common::config::{Config, Options};
use headwater_common::{ErrorKind, Limits};
use headwater_engine::Engine;
use headwater_files::FilesConnector;
use headwater_tests::{server, table};
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{configured, error, numbers, parquet};

const AZURE_ACCOUNT: &str = "devstoreaccount1";
/// The key that every azurite has.
const AZURE_KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

fn s3(bucket: &str) -> Arc<dyn ObjectStore> {
    let builder = AmazonS3Builder::new()
        .with_endpoint(server("TEST_S3_ENDPOINT"))
        .with_allow_http(true)
        .with_region("us-east-1")
        .with_bucket_name(bucket)
        .with_access_key_id(server("TEST_S3_KEY"))
        .with_secret_access_key(server("TEST_S3_SECRET"));
    Arc::new(builder.build().unwrap())
}

fn s3_options(prefix: &str) -> Options {
    Options::new()
        .with("root", format!("s3://test/{prefix}"))
        .with("endpoint", server("TEST_S3_ENDPOINT"))
        .with("allow_http", "true")
        .with("access_key_id", server("TEST_S3_KEY"))
        .with("secret_access_key", server("TEST_S3_SECRET"))
}

fn prefix() -> String {
    format!("run-{:016x}", rand::random::<u64>())
}

/// The same tables in every store.
async fn fill(store: &dyn ObjectStore, prefix: &str) {
    let put = |path: String, bytes: Vec<u8>| async move {
        store.put(&Path::from(path), PutPayload::from(bytes)).await.unwrap();
    };
    put(format!("{prefix}/orders.csv"), b"id,note\n1,x\n2,y\n".to_vec()).await;
    put(format!("{prefix}/big.parquet"), parquet(&numbers(0, 100_000), 10_000)).await;
    put(format!("{prefix}/events/year=2024/a.json"), b"{\"v\":1}\n".to_vec()).await;
    put(format!("{prefix}/events/year=2025/a b.json"), b"{\"v\":2}\n".to_vec()).await;
    put(format!("{prefix}/events/_SUCCESS"), Vec::new()).await;
    put(format!("{prefix}x/other.csv"), b"a\n1\n".to_vec()).await;
}

async fn check(session: &headwater_engine::Session) {
    assert_eq!(table(session, "SELECT name, tables, error FROM system.sources").await, ["f|3|NULL"]);
    assert_eq!(table(session, "SELECT * FROM f.public.orders").await, ["1|x", "2|y"]);
    assert_eq!(table(session, "SELECT v FROM f.public.events WHERE year > 2024").await, ["2"]);
    assert_eq!(
        table(session, "SELECT count(*), sum(id), max(note) FROM f.public.big").await,
        ["100000|4999950000|text 99999"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_is_read_by_ranges_and_changes_are_noticed() {
    let (store, prefix) = (s3("test"), prefix());
    fill(store.as_ref(), &prefix).await;
    let session = configured(s3_options(&prefix), Limits::default()).await;
    check(&session).await;
    let sql = "EXPLAIN ANALYZE SELECT id FROM f.public.big WHERE id = 77777";
    let plan = table(&session, sql).await.join("\n");
    let size = store.head(&Path::from(format!("{prefix}/big.parquet"))).await.unwrap().size;
    let scanned = plan.split("bytes_scanned=").nth(1).and_then(|r| r.split([',', ']']).next()).unwrap().to_owned();
    assert!(!scanned.ends_with(" M"), "{scanned} of {size} bytes: {plan}");
    assert!(plan.contains("20 total") || plan.contains("10 total"), "{plan}");
    store.put(&Path::from(format!("{prefix}/orders.csv")), PutPayload::from_static(b"id,note\n3,z\n")).await.unwrap();
    assert_eq!(table(&session, "SELECT * FROM f.public.orders").await, ["3|z"]);
    store
        .put(&Path::from(format!("{prefix}/events/year=2026/b.json")), PutPayload::from_static(b"{\"v\":3}\n"))
        .await
        .unwrap();
    assert_eq!(table(&session, "SELECT sum(v) FROM f.public.events").await, ["6"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_replaced_during_a_scan_is_a_retryable_error() {
    use futures::StreamExt;
    let (store, prefix) = (s3("test"), prefix());
    let path = Path::from(format!("{prefix}/t.parquet"));
    store.put(&path, PutPayload::from(parquet(&numbers(0, 400_000), 10_000))).await.unwrap();
    let session = configured(s3_options(&prefix), Limits::default()).await;
    let mut stream = session.query("SELECT id FROM f.public.t").await.unwrap().into_stream();
    stream.next().await.unwrap().unwrap();
    store.put(&path, PutPayload::from(parquet(&numbers(1_000_000, 1_400_000), 10_000))).await.unwrap();
    let mut failed = None;
    while let Some(batch) = stream.next().await {
        match batch {
            Ok(batch) => {
                let ids = batch.column(0).as_any().downcast_ref::<arrow::array::Int64Array>().unwrap();
                assert!(ids.values().iter().all(|id| *id < 400_000), "rows of both objects");
            }
            Err(e) => failed = Some(headwater_engine::error::classify(e)),
        }
    }
    let failed = failed.expect("the rest of the old object is gone");
    assert!(failed.is_retryable() && failed.to_string().contains("t.parquet"), "{failed}");
    assert_eq!(table(&session, "SELECT min(id) FROM f.public.t").await, ["1000000"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_come_from_the_options_and_are_never_told() {
    let (store, prefix) = (s3("test"), prefix());
    fill(store.as_ref(), &prefix).await;
    let secret = server("TEST_S3_SECRET");
    for options in [
        s3_options(&prefix).with("secret_access_key", "canary-wrong-secret"),
        s3_options(&prefix).with("anonymous", "true"),
        s3_options(&prefix).with("root", "s3://no-such-bucket/x"),
        s3_options(&prefix).with("endpoint", "http://127.0.0.1:9"),
    ] {
        let session = configured(options, Limits::default()).await;
        let e = error(&session, "SELECT * FROM f.public.orders").await;
        let told = table(&session, "SELECT * FROM system.sources").await.join("") + &e.to_string() + &format!("{e:?}");
        assert!(!told.contains(&secret) && !told.contains("canary-"), "{told}");
        assert!(!told.contains("Signature="), "{told}");
        assert!(table(&session, "SELECT state FROM system.sources").await == ["unavailable"], "{told}");
    }
    // Reading without a signature what everybody may read.
    s3("open").put(&Path::from(format!("{prefix}/t.csv")), PutPayload::from_static(b"a\n1\n")).await.unwrap();
    let open = Options::new()
        .with("root", format!("s3://open/{prefix}"))
        .with("endpoint", server("TEST_S3_ENDPOINT"))
        .with("allow_http", "true");
    let session = configured(open, Limits::default()).await;
    assert_eq!(table(&session, "SELECT * FROM f.public.t").await, ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_reads_a_listed_store_with_its_own_credentials() {
    let (store, prefix) = (s3("test"), prefix());
    fill(store.as_ref(), &prefix).await;
    let endpoint = server("TEST_S3_ENDPOINT");
    let mut config = Config::default();
    config.engine.object_store_hosts = vec![endpoint.trim_start_matches("http://").to_owned()];
    let engine = Engine::builder().config(config).connector(Arc::new(FilesConnector)).build().await.unwrap();
    let session = engine.session("test").unwrap();
    let create = format!(
        "CREATE SOURCE f TYPE files OPTIONS (root 's3://test/{prefix}', endpoint '{endpoint}', allow_http true, \
         access_key_id '{}', secret_access_key '{}')",
        server("TEST_S3_KEY"),
        server("TEST_S3_SECRET")
    );
    session.query(&create).await.unwrap();
    check(&session).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn azure_blobs_are_read() {
    let endpoint = format!("{}/{AZURE_ACCOUNT}", server("TEST_AZURE_ENDPOINT"));
    let container = prefix();
    azure_container(&endpoint, &container).await;
    let builder = MicrosoftAzureBuilder::new()
        .with_endpoint(endpoint.clone())
        .with_allow_http(true)
        .with_account(AZURE_ACCOUNT)
        .with_access_key(AZURE_KEY)
        .with_container_name(&container);
    let store = builder.build().unwrap();
    fill(&store, "lake").await;
    let options = Options::new()
        .with("root", format!("az://{container}/lake"))
        .with("endpoint", &endpoint)
        .with("allow_http", "true")
        .with("account_name", AZURE_ACCOUNT)
        .with("account_key", AZURE_KEY);
    let session = configured(options.clone(), Limits::default()).await;
    check(&session).await;
    store.put(&Path::from("lake/orders.csv"), PutPayload::from_static(b"id,note\n3,z\n")).await.unwrap();
    assert_eq!(table(&session, "SELECT * FROM f.public.orders").await, ["3|z"]);
    let wrong = options.with("account_key", "Y2FuYXJ5LXdyb25nLWtleQ==");
    let session = configured(wrong, Limits::default()).await;
    let e = error(&session, "SELECT * FROM f.public.orders").await.to_string();
    assert!(!e.contains("Y2FuYXJ5") && !e.contains("SharedKey"), "{e}");
}

/// Makes a container with the node client that azurite brings none of: a signed request by hand.
async fn azure_container(endpoint: &str, container: &str) {
    let script = r#"
import base64, hashlib, hmac, sys, urllib.request, email.utils
endpoint, account, key, container = sys.argv[1:5]
date = email.utils.formatdate(usegmt=True)
headers = f"x-ms-date:{date}\nx-ms-version:2021-08-06\n"
resource = f"/{account}/{account}/{container}\nrestype:container"
text = "PUT\n\n\n\n\n\n\n\n\n\n\n\n" + headers + resource
sign = base64.b64encode(hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()).decode()
request = urllib.request.Request(f"{endpoint}/{container}?restype=container", method="PUT", headers={
    "x-ms-date": date, "x-ms-version": "2021-08-06", "Content-Length": "0", "Authorization": f"SharedKey {account}:{sign}"})
urllib.request.urlopen(request).read()
"#;
    let made = std::process::Command::new("python3")
        .args(["-c", script, endpoint, AZURE_ACCOUNT, AZURE_KEY, container])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

type Files = Arc<Mutex<Vec<(&'static str, Vec<u8>, u32)>>>;

/// A web server with ranges and tags that cannot list. Returns its address and the request lines it saw.
async fn web(files: Files) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let (files, log) = (Arc::clone(&files), Arc::clone(&log));
            tokio::spawn(async move {
                let mut request = Vec::new();
                let mut byte = [0; 1];
                loop {
                    while !request.ends_with(b"\r\n\r\n") {
                        if socket.read(&mut byte).await.unwrap_or(0) == 0 {
                            return;
                        }
                        request.push(byte[0]);
                    }
                    let text = String::from_utf8(std::mem::take(&mut request)).unwrap();
                    log.lock().push(text.clone());
                    if socket.write_all(&answer(&text, &files)).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, seen)
}

fn answer(request: &str, files: &Files) -> Vec<u8> {
    let mut words = request.split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let empty = |status: &str, more: &str| format!("HTTP/1.1 {status}\r\n{more}Content-Length: 0\r\n\r\n").into_bytes();
    if path.starts_with("/moved/") {
        return empty("302 Found", "Location: http://169.254.169.254/latest/meta-data\r\n");
    }
    if !matches!(method, "GET" | "HEAD") {
        return empty("405 Method Not Allowed", "");
    }
    let files = files.lock();
    let Some((_, bytes, version)) = files.iter().find(|f| path == format!("/data/{}", f.0)) else {
        return empty("404 Not Found", "");
    };
    let header = |name: &str| {
        request.lines().find_map(|l| l.split_once(": ").filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|p| p.1))
    };
    let tag = format!("\"v{version}\"");
    if header("if-match").is_some_and(|wanted| wanted != tag) {
        return empty("412 Precondition Failed", "");
    }
    let range = header("range").map(|r| {
        let (from, to) = r.trim_start_matches("bytes=").split_once('-').unwrap();
        let last = bytes.len() - 1;
        match from {
            "" => (bytes.len() - to.parse::<usize>().unwrap().min(bytes.len()), last),
            from => (from.parse().unwrap(), to.parse().map_or(last, |to: usize| to.min(last))),
        }
    });
    let (status, body, more) = match range {
        Some((from, to)) => {
            let content = format!("Content-Range: bytes {from}-{to}/{}\r\n", bytes.len());
            ("206 Partial Content", &bytes[from..=to], content)
        }
        None => ("200 OK", &bytes[..], String::new()),
    };
    let head = format!("HTTP/1.1 {status}\r\nETag: {tag}\r\n{more}Content-Length: {}\r\n\r\n", body.len());
    let mut out = head.into_bytes();
    if method == "GET" {
        out.extend_from_slice(body);
    }
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn http_servers_are_read_by_ranges_when_files_are_named() {
    let big = parquet(&numbers(0, 200_000), 10_000);
    let files: Files = Arc::new(Mutex::new(vec![("t.csv", b"a,b\n1,x\n".to_vec(), 1), ("big.parquet", big, 1)]));
    let (address, seen) = web(Arc::clone(&files)).await;
    let options = Options::new().with("root", format!("{address}/data")).with("files", "t.csv, big.parquet");
    let session = configured(options, Limits::default()).await;
    assert_eq!(table(&session, "SELECT * FROM f.public.t").await, ["1|x"]);
    seen.lock().clear();
    assert_eq!(table(&session, "SELECT note FROM f.public.big WHERE id = 150000").await, ["text 150000"]);
    let requests = seen.lock().join("\n");
    let gets: Vec<&str> = requests.split("\r\n\r\n").filter(|r| r.contains("GET ")).collect();
    assert!(!gets.is_empty() && gets.iter().all(|g| g.to_ascii_lowercase().contains("range: bytes=")), "{requests}");
    files.lock()[0] = ("t.csv", b"a,b\n2,y\n".to_vec(), 2);
    assert_eq!(table(&session, "SELECT * FROM f.public.t").await, ["2|y"]);
    let unnamed = configured(Options::new().with("root", format!("{address}/data")), Limits::default()).await;
    let told = table(&unnamed, "SELECT error FROM system.sources").await.join("");
    assert!(told.contains("option files"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_a_private_address_is_refused() {
    let (address, seen) = web(Files::default()).await;
    let mut config = Config::default();
    config.engine.object_store_hosts = vec![address.trim_start_matches("http://").to_owned()];
    let engine = Engine::builder().config(config).connector(Arc::new(FilesConnector)).build().await.unwrap();
    let session = engine.session("test").unwrap();
    let e = error(&session, &format!("CREATE SOURCE s TYPE files OPTIONS (root '{address}/moved', files 'a.csv')")).await;
    assert_eq!(e.kind(), ErrorKind::PermissionDenied, "{e}");
    assert!(e.to_string().contains("169.254.169.254") && !seen.lock().is_empty(), "{e}");
}
