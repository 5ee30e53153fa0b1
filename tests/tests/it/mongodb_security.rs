//! Signing in at MongoDB over TLS, and what is said when it fails.

use bson::doc;
use headwater_common::config::Options;
use headwater_common::{Error, ErrorKind, Limits};
use headwater_tests::mongodb::{MongoDatabase, address};
use headwater_tests::{engine, lines, proxy, server};
use mongodb::Client;
use mongodb::options::{ClientOptions, Tls, TlsOptions};

/// A password that no message may show.
const WRONG: &str = "canary-wrong";

/// Options that trust the tests' authority and show the client certificate.
fn trusting(url: &str) -> Options {
    let options = Options::new().with("url", url).with("server_selection_timeout_ms", "3000");
    options.with("ssl_root_certificate", server("TEST_CA")).with("ssl_certificate", server("TEST_CLIENT_PEM"))
}

fn with(options: Options, more: &[(&str, &str)]) -> Options {
    more.iter().fold(options, |options, (name, value)| options.with(name, *value))
}

/// The numbers in collection `t` of a database, as a source with these options reads them.
async fn read(options: &Options, database: &str) -> Result<Vec<String>, Error> {
    let engine = engine(Limits::default()).await;
    engine.create_source("mg", "mongodb", &options.clone().with("databases", database)).await?;
    let session = engine.session("test")?;
    let result = session.query(&format!("SELECT x FROM mg.{database}.t")).await?;
    result.collect().await.map(|batches| lines(&batches))
}

/// A database of the server that asks for users and certificates, with one document.
async fn secured() -> (Client, String) {
    let mut options = ClientOptions::parse(server("TEST_MONGO_TLS_URL").replace("://", "://app:secret@")).await.unwrap();
    let tls = TlsOptions::builder().ca_file_path(std::path::PathBuf::from(server("TEST_CA")));
    options.tls = Some(Tls::Enabled(tls.cert_key_file_path(std::path::PathBuf::from(server("TEST_CLIENT_PEM"))).build()));
    let client = Client::with_options(options).unwrap();
    let name = format!("hw_test_{:016x}", rand::random::<u64>());
    client.database(&name).collection("t").insert_one(doc! { "_id": 1, "x": 7 }).await.unwrap();
    (client, name)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_sign_in_is_taken() {
    let (client, name) = secured().await;
    let plain = server("TEST_MONGO_TLS_URL");
    let url = |user: &str, parameters: &str| format!("{}{parameters}", plain.replace("://", &format!("://{user}@")));
    let app = [("user", "app"), ("password", "secret")];
    let of_crm = [("user", "ann"), ("password", "secret"), ("auth_source", "crm")];
    for options in [
        with(trusting(&plain), &app),
        with(trusting(&plain), &[app[0], app[1], ("auth_mechanism", "SCRAM-SHA-256")]),
        with(trusting(&plain), &[("user", "old"), ("password", "secret"), ("auth_mechanism", "SCRAM-SHA-1")]),
        with(trusting(&plain), &of_crm),
        with(trusting(&plain), &[("auth_mechanism", "MONGODB-X509")]),
        trusting(&url("app:secret", "")),
        trusting(&url("ann:secret", "?authSource=crm")),
        trusting(&url("old:secret", "?authMechanism=SCRAM-SHA-1&tls=true")),
    ] {
        assert_eq!(read(&options, &name).await.unwrap(), ["7"], "{options:?}");
    }
    client.database(&name).drop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_known_is_refused_without_a_secret() {
    let (client, name) = secured().await;
    let plain = server("TEST_MONGO_TLS_URL");
    for more in [
        &[("user", "app"), ("password", WRONG)][..],
        &[("user", "nobody"), ("password", WRONG)],
        &[("user", "app"), ("password", WRONG), ("auth_source", "crm")],
        &[("user", "app"), ("password", WRONG), ("auth_mechanism", "SCRAM-SHA-1")],
        &[("user", "ann"), ("password", "secret")],
        &[],
    ] {
        let error = read(&with(trusting(&plain), more), &name).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{more:?}: {error}");
        assert!(error.to_string().contains("source mg") && !format!("{error:?}").contains("canary"), "{error:?}");
    }
    client.database(&name).drop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_not_right_says_why() {
    let database = MongoDatabase::create(&[("t", vec![doc! { "_id": 1, "x": 7 }])]).await;
    let good = proxy::Tls {
        address: "127.0.0.1",
        certificate: "TEST_SERVER_CERT",
        key: "TEST_SERVER_KEY",
        clients: Some("TEST_CA"),
    };
    let behind = async |end: proxy::Tls| {
        let port = proxy::tls(address(), end).await;
        format!("mongodb://{}:{port}/?directConnection=true&tls=true", end.address)
    };
    let url = behind(good).await;
    assert_eq!(read(&trusting(&url), database.name()).await.unwrap(), ["7"]);
    let other = trusting(&url).with("ssl_root_certificate", server("TEST_OTHER_CA"));
    let public = Options::new().with("url", &url).with("server_selection_timeout_ms", "3000");
    let anonymous = public.clone().with("ssl_root_certificate", server("TEST_CA"));
    let expired = trusting(&behind(proxy::Tls { certificate: "TEST_EXPIRED_CERT", ..good }).await);
    let elsewhere = trusting(&behind(proxy::Tls { address: "127.0.0.2", ..good }).await);
    for (options, reason) in [
        (other, "not trusted; set option \"ssl_root_certificate\""),
        (public, "not trusted; set option \"ssl_root_certificate\""),
        (anonymous, "asks for a client certificate; set option \"ssl_certificate\""),
        (expired, "no longer valid"),
        (elsewhere, "another host"),
    ] {
        let error = read(&options, database.name()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(error.to_string().contains(reason) && !error.is_retryable(), "{reason}: {error}");
    }
    let missing = trusting(&url).with("ssl_certificate", "/no/such/file");
    let error = read(&missing, database.name()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
    // A server without TLS where TLS is wanted, and one with TLS where none is.
    let plain = format!("mongodb://{}/?directConnection=true", address());
    let error = read(&trusting(&plain), database.name()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    let clear =
        Options::new().with("url", url.replace("tls=true", "tls=false")).with("server_selection_timeout_ms", "1000");
    assert_eq!(read(&clear, database.name()).await.unwrap_err().kind(), ErrorKind::Unavailable);
}
