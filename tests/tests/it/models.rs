//! Stored models over every kind of source, over Flight SQL, in a folder, and from files that others changed.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bson::{Document, doc};
use headwater_common::config::{Config, Options, ServerConfig};
use headwater_common::{ErrorKind, Limits};
use headwater_engine::{Engine, Session};
use headwater_flight_server::{Server, wire};
use headwater_tests::clickhouse::ClickHouseDatabase;
use headwater_tests::mongodb::MongoDatabase;
use headwater_tests::redis::{RedisDatabase, session_with};
use headwater_tests::{TestDatabase, rows, session, table};

/// Rows (k, city, size, price) whose price is 10 + 3 * size, and 5 more in one city.
fn points() -> impl Iterator<Item = (i64, &'static str, i64, i64)> {
    (1..=80).map(|k| {
        let (city, size) = (["bern", "rome"][(k % 2) as usize], 1 + k * 7 % 40);
        (k, city, size, 10 + 3 * size + 5 * (k % 2))
    })
}

/// Trains on the rows with k up to 60 and predicts the others, whose condition goes to the source.
async fn holds(session: &Session, from: &str, pushed: &str) {
    let train = format!(
        "CREATE MODEL prices OPTIONS (target = 'price', algorithm = 'linear', params = 'l2 = 0') \
         AS SELECT city, size, price FROM {from} WHERE k <= 60"
    );
    let trained = table(session, &train).await;
    assert!(trained.len() == 1 && trained[0].starts_with("public.prices|1|linear|"), "{from}: {trained:?}");
    let predict = format!("SELECT k FROM ML_PREDICT(MODEL => 'prices', (SELECT * FROM {from})) WHERE k > 60");
    let exact = format!("{predict} AND abs(predicted_price - price) < 0.01");
    assert_eq!(table(session, &exact).await.len(), 20, "{from}");
    let told = table(session, &format!("EXPLAIN (PUSHDOWN) {predict}")).await.join("\n");
    assert!(told.contains(pushed), "{pushed} is not in {told}");
    let scalar = format!("SELECT count(*) FROM {from} WHERE k > 60 AND abs(predict('prices', city, size) - price) < 0.01");
    assert_eq!(table(session, &scalar).await, ["20"], "{from}");
    let judged = format!(
        "SELECT value > 0.999 FROM ML_EVALUATE(MODEL => 'prices', (SELECT * FROM {from} WHERE k > 60)) WHERE metric = 'r2'"
    );
    assert_eq!(table(session, &judged).await, ["true"], "{from}");
}

async fn postgres() -> TestDatabase {
    let values: Vec<String> = points().map(|(k, city, size, price)| format!("({k}, '{city}', {size}, {price})")).collect();
    let sql = format!(
        "CREATE TABLE points (k int, city text, size int, price numeric(8,2)); INSERT INTO points VALUES {}; ANALYZE",
        values.join(", ")
    );
    TestDatabase::create("TEST_PG18_URL", &sql).await
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_tables_train_models() {
    let database = postgres().await;
    holds(&session(&database).await, "pg.public.points", "\"k\" > ").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clickhouse_tables_train_models() {
    let values: Vec<String> = points().map(|(k, city, size, price)| format!("({k}, '{city}', {size}, {price})")).collect();
    let sql = format!(
        "CREATE TABLE points (k UInt32, city LowCardinality(String), size UInt8, price Float32) ENGINE = MergeTree ORDER BY k;\n\
         INSERT INTO points VALUES {}",
        values.join(", ")
    );
    let database = ClickHouseDatabase::create(&sql).await;
    let session = database.session().await;
    holds(&session, &format!("ch.{}.points", database.name()), "`k` > ").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mongodb_collections_train_models() {
    let document =
        |(k, city, size, price): (i64, &str, i64, i64)| doc! { "k": k, "city": city, "size": size, "price": price };
    let documents: Vec<Document> = points().map(document).collect();
    let database = MongoDatabase::create(&[("points", documents)]).await;
    let session = database.session().await;
    let from = format!("mg.{}.points", database.name());
    holds(&session, &format!("(SELECT k, city, size, price FROM {from}) p"), "\"$gt\"").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_hashes_train_models() {
    let add =
        |(k, city, size, price): (i64, &str, i64, i64)| format!("HSET point:{k} city {city} size {size} price {price}\n");
    let database = RedisDatabase::create(&points().map(add).collect::<String>());
    let session = session_with(&database.options()).await;
    let columns = "SELECT CAST(id AS BIGINT) AS k, city, CAST(size AS BIGINT) AS size, CAST(price AS BIGINT) AS price FROM r.public.point";
    holds(&session, &format!("({columns}) p"), "point:").await;
}

/// An engine whose models are in a folder, with `database` as the source `pg`.
async fn in_folder(folder: &Path, database: &TestDatabase, allow_changes: bool) -> Engine {
    let mut config = Config::default();
    config.models.location = Some(folder.display().to_string());
    config.models.allow_changes = allow_changes;
    let engine = wire::engine(config).await.unwrap();
    let options = Options::new().with("url", database.url()).with("sslmode", "disable");
    engine.create_source("pg", "postgres", &options).await.unwrap();
    engine
}

const TRAIN: &str = "OPTIONS (target = 'price', algorithm = 'linear') AS SELECT city, size, price FROM pg.public.points";
const PREDICT: &str = "SELECT count(predicted_price) FROM ML_PREDICT(MODEL => 'prices', TABLE pg.public.points)";

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_keeps_models_for_later_engines() {
    let (database, folder) = (postgres().await, tempfile::tempdir().unwrap());
    let first = in_folder(folder.path(), &database, true).await.session("test").unwrap();
    rows(&first, &format!("CREATE MODEL prices {TRAIN}")).await;
    let later = in_folder(folder.path(), &database, false).await.session("test").unwrap();
    assert_eq!(table(&later, PREDICT).await, ["80"]);
    for sql in [
        format!("CREATE OR REPLACE MODEL prices {TRAIN}"),
        "DROP MODEL prices".to_owned(),
        "ALTER MODEL prices SET DEFAULT VERSION 1".to_owned(),
        "SELECT ml_deploy('prices', 'most_recent')".to_owned(),
        "ALTER MODEL prices RETRAIN".to_owned(),
    ] {
        let error = failure(&later, &sql).await;
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{sql}: {error}");
    }
    assert_eq!(table(&later, "SELECT versions FROM system.models").await, ["1"]);
}

async fn failure(session: &Session, sql: &str) -> headwater_common::Error {
    match session.query(sql).await {
        Err(error) => error,
        Ok(result) => result.collect().await.expect_err(sql),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_replacements_at_once_each_becomes_a_version() {
    let (database, folder) = (postgres().await, tempfile::tempdir().unwrap());
    let mut tasks = Vec::new();
    for _ in 0..2 {
        let engine = in_folder(folder.path(), &database, true).await;
        for _ in 0..3 {
            let session = engine.session("test").unwrap();
            tasks.push(tokio::spawn(
                async move { table(&session, &format!("CREATE OR REPLACE MODEL prices {TRAIN}")).await },
            ));
        }
    }
    let mut versions = Vec::new();
    for task in tasks {
        let row = task.await.unwrap().remove(0);
        versions.push(row.split('|').nth(1).unwrap().parse::<u32>().unwrap());
    }
    versions.sort_unstable();
    assert_eq!(versions, [1, 2, 3, 4, 5, 6]);
    let session = in_folder(folder.path(), &database, true).await.session("test").unwrap();
    let all = "SELECT count(DISTINCT fingerprint), count(DISTINCT digest), count(*) FROM system.model_versions";
    assert_eq!(table(&session, all).await, ["1|1|6"], "the same rows, options and seed give the same file");
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// A file with a right checksum around other content.
fn sealed(kind: &str, payload: Vec<u8>) -> Vec<u8> {
    headwater_registry::Artifact { kind: kind.to_owned(), payload }.seal(1 << 28).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_model_files_are_refused_and_harm_nothing() {
    let (database, folder) = (postgres().await, tempfile::tempdir().unwrap());
    let engine = in_folder(folder.path(), &database, true).await;
    rows(&engine.session("test").unwrap(), &format!("CREATE MODEL prices {TRAIN}")).await;
    let is_model = |p: &&PathBuf| p.file_name().unwrap().to_string_lossy().starts_with("0000000001-");
    let file = files(folder.path()).iter().find(is_model).unwrap().clone();
    let (original, manifest) = (std::fs::read(&file).unwrap(), file.with_file_name("manifest"));
    let known = std::fs::read(&manifest).unwrap();
    for at in (0..original.len()).step_by(original.len() / 40 + 1) {
        let mut changed = original.clone();
        changed[at] ^= 0x41;
        for bytes in [changed, original[..at].to_vec()] {
            std::fs::write(&file, bytes).unwrap();
            let session = in_folder(folder.path(), &database, true).await.session("test").unwrap();
            assert!(failure(&session, PREDICT).await.message().contains("was changed"));
        }
    }
    std::fs::remove_file(&file).unwrap();
    let session = in_folder(folder.path(), &database, true).await.session("test").unwrap();
    assert!(failure(&session, PREDICT).await.message().contains("is gone"));
    std::fs::write(&file, &original).unwrap();
    for at in (0..known.len()).step_by(known.len() / 20 + 1) {
        let mut changed = known.clone();
        changed[at] ^= 0x41;
        std::fs::write(&manifest, changed).unwrap();
        assert!(failure(&session, PREDICT).await.message().contains("list of versions of model public.prices is damaged"));
        // Others could be listed.
        assert_eq!(table(&session, "SELECT count(*) FROM system.models").await, ["0"]);
    }
    std::fs::write(&manifest, &known).unwrap();
    assert_eq!(table(&session, PREDICT).await, ["80"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_with_right_checksums_and_wrong_content_are_refused() {
    let database = postgres().await;
    let engine = in_folder(tempfile::tempdir().unwrap().path(), &database, true).await;
    let session = engine.session("test").unwrap();
    rows(&session, &format!("CREATE MODEL prices {TRAIN}")).await;
    let name = headwater_registry::ModelName::parse("prices").unwrap();
    let (_, artifact) = engine.models().load(&name, None).await.unwrap();
    let mode = headwater_registry::Mode::CreateOrReplace;
    let about = headwater_registry::About::default;
    for kind in ["rows/1", "series/1", "other/7"] {
        for at in (0..artifact.payload.len()).step_by(artifact.payload.len() / 60 + 1) {
            let mut payload = artifact.payload.clone();
            payload[at] = payload[at].wrapping_add(0x7f);
            payload.truncate(payload.len() - at % 3);
            assert!(!sealed(kind, payload.clone()).is_empty());
            let hostile = headwater_registry::Artifact { kind: kind.to_owned(), payload };
            engine.models().publish(&name, mode, &hostile, about()).await.unwrap();
            // An error, or a model with another number in it; never a panic or a hang.
            if let Ok(result) = session.query(PREDICT).await {
                let _ = result.collect().await;
            }
        }
    }
    assert_eq!(table(&session, "SELECT 1").await, ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_rows_give_the_same_model_on_any_partitioning() {
    let database = postgres().await;
    let mut found = Vec::new();
    for partitions in [1, 4] {
        let mut config = Config::default();
        config.engine.target_partitions = partitions;
        let engine = wire::engine(config).await.unwrap();
        let options = Options::new().with("url", database.url()).with("sslmode", "disable");
        engine.create_source("pg", "postgres", &options).await.unwrap();
        let session = engine.session("test").unwrap();
        let sql = "CREATE MODEL m OPTIONS (target = 'price', algorithm = 'forest', params = 'trees = 5', seed = 5) AS \
                   SELECT city, size, price FROM (SELECT * FROM pg.public.points UNION ALL SELECT * FROM pg.public.points) p";
        rows(&session, sql).await;
        found.push(table(&session, "SELECT digest, fingerprint FROM system.model_versions").await);
    }
    assert_eq!(found[0], found[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn trainings_end_with_their_reader_and_keep_to_the_memory() {
    let database = postgres().await;
    let engine = wire::engine(Config::default()).await.unwrap();
    let options = Options::new().with("url", database.url()).with("sslmode", "disable");
    engine.create_source("pg", "postgres", &options).await.unwrap();
    let session = engine.session("test").unwrap();
    let long = "CREATE MODEL long OPTIONS (target = 'y', algorithm = 'boosting', params = 'rounds = 100000') AS \
                SELECT k, size, price, random() AS y FROM (SELECT * FROM pg.public.points) p CROSS JOIN generate_series(1, 2000)";
    let watch = Instant::now();
    let result = session.query(long).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_secs(2), result.collect()).await.is_err(), "the training is long");
    assert!(watch.elapsed() < Duration::from_secs(20));
    assert_eq!(table(&session, "SELECT count(*) FROM system.models").await, ["0"]);
    let limits = Limits { query_memory_bytes: 1 << 20, ..Limits::default() };
    let engine = wire::engine(Config { limits, ..Config::default() }).await.unwrap();
    let options = Options::new().with("url", database.url()).with("sslmode", "disable");
    engine.create_source("pg", "postgres", &options).await.unwrap();
    let error = failure(&engine.session("test").unwrap(), long).await;
    assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn flight_sql_clients_train_and_predict() {
    let database = postgres().await;
    let server = ServerConfig { flight_listen: "127.0.0.1:0".into(), ..ServerConfig::default() };
    let engine = wire::engine(Config { server: server.clone(), ..Config::default() }).await.unwrap();
    let options = Options::new().with("url", database.url()).with("sslmode", "disable");
    engine.create_source("pg", "postgres", &options).await.unwrap();
    let bound = Server::bind(engine, &server).await.unwrap();
    let address = format!("http://{}", bound.local_address());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    tokio::spawn(async move { bound.serve(async { drop(stopped.await) }).await.unwrap() });
    let channel = tonic::transport::Endpoint::from_shared(address).unwrap().connect().await.unwrap();
    let mut client = arrow_flight::sql::client::FlightSqlServiceClient::new(channel);
    let mut answers = Vec::new();
    for sql in [
        format!("CREATE MODEL prices {TRAIN}").as_str(),
        PREDICT,
        "SELECT version, is_default FROM system.model_versions",
        "SELECT probabilities IS NULL FROM (SELECT MAP {'a': 1.5} AS probabilities)",
        "SHOW MODELS",
    ] {
        let info = client.execute(sql.to_owned(), None).await.unwrap();
        let announced = info.clone().try_decode_schema().unwrap();
        let stream = client.do_get(info.endpoint[0].ticket.clone().unwrap()).await.unwrap();
        let batches: Vec<_> = futures::TryStreamExt::try_collect(stream).await.unwrap();
        assert!(batches.iter().all(|b: &arrow::array::RecordBatch| b.schema().fields() == announced.fields()), "{sql}");
        answers.push(headwater_tests::lines(&batches));
    }
    assert!(answers[0][0].starts_with("public.prices|1|linear|") && answers[0].len() == 1, "{:?}", answers[0]);
    assert_eq!(answers[1..3], [vec!["80".to_owned()], vec!["1|true".to_owned()]]);
    assert_eq!(client.execute_update("DROP MODEL prices".to_owned(), None).await.unwrap(), 1);
    drop(stop);
}
