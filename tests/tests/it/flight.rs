//! Flight SQL over Postgres tables: uploads, keys and listings.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{Int32Type, UInt8Type};
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::sql::{
    CommandGetDbSchemas, CommandGetImportedKeys, CommandGetPrimaryKeys, CommandGetTables, CommandStatementIngest,
    ProstMessageExt, TableDefinitionOptions, TableExistsOption, TableNotExistOption,
};
use arrow_flight::{FlightData, FlightDescriptor, FlightInfo};
use futures::{StreamExt, TryStreamExt};
use headwater_common::config::{Config, Options, SourceConfig};
use headwater_flight_server::{Server, wire};
use headwater_tests::TestDatabase;
use prost::Message;
use tokio::sync::oneshot;
use tonic::transport::{Channel, Endpoint};

type Client = FlightSqlServiceClient<Channel>;

/// A server with `database` as the source `pg` and these configured sources; it ends with the sender.
async fn start(database: &TestDatabase, sources: Vec<SourceConfig>) -> (Channel, oneshot::Sender<()>) {
    let mut config = Config { sources, ..Config::default() };
    config.server.flight_listen = "127.0.0.1:0".into();
    let server = config.server.clone();
    let engine = wire::engine(config).await.unwrap();
    let options = Options::new().with("url", database.url()).with("sslmode", "disable");
    engine.create_source("pg", "postgres", &options).await.unwrap();
    let bound = Server::bind(engine, &server).await.unwrap();
    let address = format!("http://{}", bound.local_address());
    let (stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(async move { bound.serve(async { drop(stopped.await) }).await.unwrap() });
    (Endpoint::from_shared(address).unwrap().connect().await.unwrap(), stop)
}

async fn fetch(client: &mut Client, info: FlightInfo) -> RecordBatch {
    let schema = Arc::new(info.clone().try_decode_schema().unwrap());
    let stream = client.do_get(info.endpoint[0].ticket.clone().unwrap()).await.unwrap();
    let batches: Vec<RecordBatch> = stream.try_collect().await.unwrap();
    arrow::compute::concat_batches(&schema, &batches).unwrap()
}

fn command(table: &str) -> CommandStatementIngest {
    CommandStatementIngest {
        table_definition_options: Some(TableDefinitionOptions {
            if_not_exist: TableNotExistOption::Fail as i32,
            if_exists: TableExistsOption::Append as i32,
        }),
        table: table.into(),
        schema: Some("public".into()),
        catalog: Some("pg".into()),
        ..CommandStatementIngest::default()
    }
}

fn batch(from: i64, rows: i64) -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(from..from + rows));
    let notes: ArrayRef = Arc::new((from..from + rows).map(|i| Some(format!("note {i}"))).collect::<StringArray>());
    RecordBatch::try_from_iter([("note", notes), ("id", ids)]).unwrap()
}

async fn messages(batches: Vec<RecordBatch>, command: &CommandStatementIngest) -> Vec<FlightData> {
    let stream = futures::stream::iter(batches.into_iter().map(Ok::<_, FlightError>));
    let descriptor = FlightDescriptor::new_cmd(command.as_any().encode_to_vec());
    let encoder = FlightDataEncoderBuilder::new().with_flight_descriptor(Some(descriptor)).build(stream);
    encoder.try_collect().await.unwrap()
}

async fn count(database: &TestDatabase) -> String {
    database.texts("SELECT count(*) FROM t").await[0].clone().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_kept_whole_or_not_at_all() {
    let database = TestDatabase::create("TEST_PG18_URL", "CREATE TABLE t (id bigint PRIMARY KEY, note text)").await;
    let (channel, _stop) = start(&database, Vec::new()).await;
    let mut client = FlightSqlServiceClient::new(channel.clone());
    let good = futures::stream::iter([batch(0, 30_000), batch(30_000, 10)].map(Ok));
    assert_eq!(client.execute_ingest(command("t"), good).await.unwrap(), 30_010);
    assert_eq!(count(&database).await, "30010");
    let clash = futures::stream::iter([batch(100_000, 30_000), batch(0, 10)].map(Ok));
    assert!(client.execute_ingest(command("t"), clash).await.is_err());
    assert_eq!(count(&database).await, "30010");
    let mut raw = FlightServiceClient::new(channel);
    // A message that cannot be read, after good ones.
    let mut broken = messages(vec![batch(200_000, 30_000), batch(300_000, 10)], &command("t")).await;
    let last = broken.last_mut().unwrap();
    last.data_body = last.data_body.slice(0..8);
    let status = raw.do_put(futures::stream::iter(broken)).await.map(drop).unwrap_err();
    assert_eq!(status.code(), tonic::Code::InvalidArgument, "{status}");
    assert_eq!(count(&database).await, "30010");
    // A client that goes away in the middle.
    let sent = messages(vec![batch(400_000, 30_000)], &command("t")).await;
    let endless = futures::stream::iter(sent).chain(futures::stream::pending());
    let waited = tokio::time::timeout(Duration::from_millis(700), raw.do_put(endless)).await;
    assert!(waited.is_err(), "the upload is not over");
    let active = "SELECT pid FROM pg_stat_activity WHERE application_name = 'headwater' AND datname = current_database() \
        AND state <> 'idle'";
    for _ in 0..600 {
        if database.texts(active).await.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(database.texts(active).await.is_empty(), "the transaction is still open");
    assert_eq!(count(&database).await, "30010");
}

#[tokio::test(flavor = "multi_thread")]
async fn uploaded_columns_go_by_name_and_lose_nothing() {
    let sql = "CREATE TABLE t (id int PRIMARY KEY, note text, made timestamptz DEFAULT now(), counted int GENERATED ALWAYS AS (id * 2) STORED, \
        price numeric(6,2), seen timestamptz, code varchar(3))";
    let database = TestDatabase::create("TEST_PG15_URL", sql).await;
    let (channel, _stop) = start(&database, Vec::new()).await;
    let mut client = FlightSqlServiceClient::new(channel);
    let mut refused = async |columns: Vec<(&str, ArrayRef)>| {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let rows = futures::stream::iter([Ok(batch)]);
        client.execute_ingest(command("t"), rows).await.unwrap_err().to_string()
    };
    let ids = || Arc::new(Int64Array::from(vec![1])) as ArrayRef;
    let text = |t: &str| Arc::new(StringArray::from(vec![t])) as ArrayRef;
    let error = refused(vec![("id", ids()), ("note", text("x"))]).await;
    assert!(error.contains("made") && error.contains("has a default at its source"), "{error}");
    let error = refused(vec![
        ("id", Arc::new(arrow::array::Float64Array::from(vec![1.5])) as _),
        ("made", text("2024-01-01T00:00:00Z")),
    ])
    .await;
    assert!(error.contains("would lose"), "{error}");
    let error =
        refused(vec![("id", Arc::new(Int64Array::from(vec![1 << 40])) as _), ("made", text("2024-01-01T00:00:00Z"))]).await;
    assert!(error.contains("Int32"), "{error}");
    let error = refused(vec![("id", ids()), ("made", text("2024-01-01T00:00:00Z")), ("notes", text("x"))]).await;
    assert!(error.contains("did you mean") && error.contains("notes"), "{error}");
    let price = arrow::array::Decimal128Array::from(vec![1_005]).with_precision_and_scale(6, 3).unwrap();
    let nanos = arrow::array::TimestampNanosecondArray::from(vec![1_001]).with_timezone("UTC");
    for (column, value) in [("price", Arc::new(price) as ArrayRef), ("seen", Arc::new(nanos)), ("price", text("1.005"))] {
        let error = refused(vec![("id", ids()), ("made", text("2024-01-01T00:00:00Z")), (column, value)]).await;
        assert!(error.contains(column) && error.contains("would lose a part"), "{error}");
    }
    let error = refused(vec![("id", ids()), ("made", text("2024-01-01T00:00:00Z")), ("code", text("long"))]).await;
    assert!(error.contains("too long"), "{error}");
    let batch = RecordBatch::try_from_iter([("made", text("2024-01-01T00:00:00Z")), ("id", ids())]).unwrap();
    assert_eq!(client.execute_ingest(command("t"), futures::stream::iter([Ok(batch)])).await.unwrap(), 1);
    let row = database.texts("SELECT concat_ws('|', id, note IS NULL, made AT TIME ZONE 'UTC', counted) FROM t").await;
    assert_eq!(row, [Some("1|t|2024-01-01 00:00:00|2".to_owned())]);
    assert_eq!(client.execute_ingest(command("t"), futures::stream::empty()).await.unwrap(), 0);
    let none = RecordBatch::new_empty(RecordBatch::try_from_iter([("made", text("")), ("id", ids())]).unwrap().schema());
    assert_eq!(client.execute_ingest(command("t"), futures::stream::iter([Ok(none)])).await.unwrap(), 0);
    assert_eq!(count(&database).await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_have_their_names_order_and_rules() {
    let sql = "CREATE TABLE parent (b int, a int, c int UNIQUE, CONSTRAINT parent_key PRIMARY KEY (a, b)); \
        CREATE TABLE child (x int, y int, z int REFERENCES parent (c) ON UPDATE SET NULL, \
        CONSTRAINT to_parent FOREIGN KEY (y, x) REFERENCES parent (a, b) ON DELETE SET DEFAULT)";
    let database = TestDatabase::create("TEST_PG15_URL", sql).await;
    let (channel, _stop) = start(&database, Vec::new()).await;
    let mut client = FlightSqlServiceClient::new(channel);
    let query = CommandGetPrimaryKeys { catalog: Some("pg".into()), db_schema: None, table: "parent".into() };
    let info = client.get_primary_keys(query).await.unwrap();
    let keys = fetch(&mut client, info).await;
    let column = |b: &RecordBatch, name: &str| {
        let texts = b.column_by_name(name).unwrap().as_string::<i32>().clone();
        texts.iter().map(|t| t.unwrap_or("NULL").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(column(&keys, "column_name"), ["a", "b"]);
    assert_eq!(column(&keys, "key_name"), ["parent_key", "parent_key"]);
    assert_eq!(keys.column_by_name("key_sequence").unwrap().as_primitive::<Int32Type>().values(), &[1, 2]);
    let query = CommandGetImportedKeys { catalog: None, db_schema: Some("public".into()), table: "child".into() };
    let info = client.get_imported_keys(query).await.unwrap();
    let keys = fetch(&mut client, info).await;
    assert_eq!(column(&keys, "fk_column_name"), ["z", "y", "x"]);
    assert_eq!(column(&keys, "pk_column_name"), ["c", "a", "b"]);
    assert_eq!(column(&keys, "fk_key_name"), ["child_z_fkey", "to_parent", "to_parent"]);
    assert_eq!(column(&keys, "pk_key_name"), ["NULL", "parent_key", "parent_key"]);
    assert_eq!(keys.column_by_name("update_rule").unwrap().as_primitive::<UInt8Type>().values(), &[2, 3, 3]);
    assert_eq!(keys.column_by_name("delete_rule").unwrap().as_primitive::<UInt8Type>().values(), &[3, 4, 4]);
}

fn tables(pattern: &str, include_schema: bool) -> CommandGetTables {
    CommandGetTables {
        catalog: Some("pg".into()),
        table_name_filter_pattern: Some(pattern.into()),
        include_schema,
        ..CommandGetTables::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn listings_are_quick_and_notice_new_tables() {
    let sql = "DO $$ BEGIN FOR i IN 1..2000 LOOP EXECUTE format('CREATE TABLE t%s (id int, note text)', i); END LOOP; END $$; \
        CREATE SCHEMA empty";
    let database = TestDatabase::create("TEST_PG15_URL", sql).await;
    let (channel, _stop) = start(&database, Vec::new()).await;
    let mut client = FlightSqlServiceClient::new(channel);
    let began = Instant::now();
    for _ in 0..20 {
        for (pattern, rows) in [("SELECT note FROM t1 WHERE note LIKE '%x_%'", 0), ("t1999", 1)] {
            let info = client.get_tables(tables(pattern, true)).await.unwrap();
            assert_eq!(fetch(&mut client, info).await.num_rows(), rows);
        }
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?} for 40 listings", began.elapsed());
    let info = client.get_tables(tables("t%", false)).await.unwrap();
    assert_eq!(fetch(&mut client, info).await.num_rows(), 2_000);
    let schemas = CommandGetDbSchemas { catalog: Some("pg".into()), db_schema_filter_pattern: Some("emp%".into()) };
    let info = client.get_db_schemas(schemas).await.unwrap();
    assert_eq!(fetch(&mut client, info).await.num_rows(), 1, "an empty schema is listed");
    database.run("CREATE TABLE brand_new (x int)").await;
    for _ in 0..100 {
        let info = client.get_tables(tables("brand\\_new", false)).await.unwrap();
        if fetch(&mut client, info).await.num_rows() == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the new table is not listed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_away_does_not_stop_listings() {
    let database = TestDatabase::create("TEST_PG15_URL", "CREATE TABLE here (x int)").await;
    let url = "postgres://app:secret@127.0.0.1:1/none";
    let away = SourceConfig {
        name: "away".into(),
        kind: "postgres".into(),
        options: Options::new().with("url", url).with("sslmode", "disable"),
    };
    let (channel, _stop) = start(&database, vec![away]).await;
    let mut client = FlightSqlServiceClient::new(channel);
    let began = Instant::now();
    let info = client.get_catalogs().await.unwrap();
    let names = fetch(&mut client, info).await;
    let names: Vec<_> = names.column(0).as_string::<i32>().iter().flatten().map(str::to_owned).collect();
    assert_eq!(names, ["away", "headwater", "pg"]);
    let info = client.get_tables(tables("here", true)).await.unwrap();
    assert_eq!(fetch(&mut client, info).await.num_rows(), 1);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}
