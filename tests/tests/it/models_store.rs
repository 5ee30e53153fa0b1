//! Stored models in an object store that answers (S3 of SeaweedFS): the same promises as in a folder.

use futures::TryStreamExt;
use headwater_common::config::{Config, Options};
use headwater_common::{ErrorKind, Secret};
use headwater_engine::{Engine, Session};
use headwater_flight_server::wire;
use headwater_tests::{TestDatabase, rows, server, table};
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};

fn store() -> impl ObjectStore {
    let builder = AmazonS3Builder::new().with_endpoint(server("TEST_S3_ENDPOINT")).with_allow_http(true);
    let builder = builder.with_region("us-east-1").with_bucket_name("test");
    builder.with_access_key_id(server("TEST_S3_KEY")).with_secret_access_key(server("TEST_S3_SECRET")).build().unwrap()
}

fn prefix() -> String {
    format!("models-{:016x}", rand::random::<u64>())
}

/// An engine whose models are below a prefix of the bucket, with `database` as the source `pg`.
async fn engine(prefix: &str, database: &TestDatabase) -> Engine {
    let mut config = Config::default();
    config.models.location = Some(format!("s3://test/{prefix}"));
    config.models.options = [
        ("endpoint", server("TEST_S3_ENDPOINT")),
        ("allow_http", "true".to_owned()),
        ("region", "us-east-1".to_owned()),
        ("access_key_id", server("TEST_S3_KEY")),
        ("secret_access_key", server("TEST_S3_SECRET")),
    ]
    .map(|(name, value)| (name.to_owned(), Secret::new(value)))
    .to_vec();
    let engine = wire::engine(config).await.unwrap();
    let options = Options::new().with("url", database.url()).with("sslmode", "disable");
    engine.create_source("pg", "postgres", &options).await.unwrap();
    engine
}

async fn points() -> TestDatabase {
    let sql = "CREATE TABLE points (k int, size int, price float8, day date); \
        INSERT INTO points SELECT i, 1 + i * 7 % 40, 10 + 3 * (1 + i * 7 % 40), date '2024-01-01' + i FROM generate_series(1, 80) i; ANALYZE";
    TestDatabase::create("TEST_PG18_URL", sql).await
}

const TRAIN: &str =
    "OPTIONS (target = 'price', algorithm = 'linear', params = 'l2 = 0') AS SELECT size, price FROM pg.public.points";
const PREDICT: &str =
    "SELECT count(*) FROM ML_PREDICT(MODEL => 'prices', TABLE pg.public.points) WHERE abs(predicted_price - price) < 0.01";

async fn failure(session: &Session, sql: &str) -> headwater_common::Error {
    match session.query(sql).await {
        Err(error) => error,
        Ok(result) => result.collect().await.expect_err(sql),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn models_live_in_a_bucket_for_every_engine() {
    let (database, prefix) = (points().await, prefix());
    let first = engine(&prefix, &database).await.session("test").unwrap();
    rows(&first, &format!("CREATE MODEL prices {TRAIN}")).await;
    let next = "CREATE MODEL shop.next OPTIONS (task = 'forecast', target = 'price', timestamp_col = 'day', horizon = 5, \
                algorithm = 'seasonal_naive') AS SELECT day, price FROM pg.public.points";
    rows(&first, next).await;
    let second = engine(&prefix, &database).await.session("test").unwrap();
    assert_eq!(table(&second, PREDICT).await, ["80"]);
    assert_eq!(table(&second, "SELECT count(forecast) FROM ML_FORECAST(MODEL => 'shop.next')").await, ["5"]);
    let named = "SELECT schema, name, default_version, versions FROM system.models";
    assert_eq!(table(&second, named).await, ["public|prices|1|1", "shop|next|1|1"]);
    rows(&second, &format!("CREATE OR REPLACE MODEL prices {TRAIN}")).await;
    // The other engine sees the new version, and can still name the old one.
    assert_eq!(table(&first, "SELECT default_version, versions FROM system.models WHERE name = 'prices'").await, ["2|2"]);
    assert_eq!(table(&first, "CALL ml_deploy('prices', 'rollback')").await, ["1"]);
    assert_eq!(table(&second, "SELECT ml_deploy('prices', 'most_recent')").await, ["2"]);
    rows(&second, "DROP MODEL prices VERSION 1").await;
    assert!(
        failure(&first, "SELECT * FROM ML_PREDICT(MODEL => 'prices@1', TABLE pg.public.points)")
            .await
            .message()
            .contains("no version 1")
    );
    rows(&first, "DROP MODEL prices").await;
    assert_eq!(failure(&second, PREDICT).await.kind(), ErrorKind::NotFound);
    rows(&first, "DROP MODEL shop.next").await;
    let left: Vec<_> = store().list(Some(&Path::from(prefix))).try_collect().await.unwrap();
    let files = left.iter().filter(|file| !file.location.as_ref().ends_with("/manifest"));
    assert_eq!(files.count(), 0, "dropped versions leave no files: {left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_replacements_at_once_each_becomes_a_version() {
    let (database, prefix) = (points().await, prefix());
    let mut tasks = Vec::new();
    for _ in 0..3 {
        let engine = engine(&prefix, &database).await;
        for _ in 0..3 {
            let session = engine.session("test").unwrap();
            let replace = async move { table(&session, &format!("CREATE OR REPLACE MODEL prices {TRAIN}")).await };
            tasks.push(tokio::spawn(replace));
        }
    }
    let mut versions = Vec::new();
    for task in tasks {
        let row = task.await.unwrap().remove(0);
        versions.push(row.split('|').nth(1).unwrap().parse::<u32>().unwrap());
    }
    versions.sort_unstable();
    assert_eq!(versions, (1..=9).collect::<Vec<_>>());
    let session = engine(&prefix, &database).await.session("test").unwrap();
    let all = "SELECT count(DISTINCT fingerprint), count(DISTINCT digest), count(*), count(*) FILTER (WHERE is_default) \
               FROM system.model_versions";
    assert_eq!(table(&session, all).await, ["1|1|9|1"]);
    assert_eq!(table(&session, PREDICT).await, ["80"]);
    // Each version has its file, and no file of a lost race is left.
    let files: Vec<_> = store().list(Some(&Path::from(prefix))).try_collect().await.unwrap();
    assert_eq!(files.len(), 10, "{files:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_objects_are_refused_and_harm_nothing() {
    let (database, prefix) = (points().await, prefix());
    rows(&engine(&prefix, &database).await.session("test").unwrap(), &format!("CREATE MODEL prices {TRAIN}")).await;
    let files: Vec<_> = store().list(Some(&Path::from(prefix.as_str()))).try_collect().await.unwrap();
    for file in files {
        let bytes = store().get(&file.location).await.unwrap().bytes().await.unwrap().to_vec();
        for at in [0, bytes.len() / 2, bytes.len() - 1] {
            let mut changed = bytes.clone();
            changed[at] ^= 0x10;
            for content in [changed, bytes[..at].to_vec(), [bytes.clone(), bytes.clone()].concat()] {
                store().put(&file.location, PutPayload::from(content)).await.unwrap();
                let session = engine(&prefix, &database).await.session("test").unwrap();
                failure(&session, PREDICT).await;
            }
        }
        store().put(&file.location, PutPayload::from(bytes)).await.unwrap();
    }
    let session = engine(&prefix, &database).await.session("test").unwrap();
    assert_eq!(table(&session, PREDICT).await, ["80"]);
}
