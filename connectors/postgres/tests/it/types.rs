//! Types against real servers: what arrives is what Postgres says, and what is written back is what was there.

mod cases;
mod render;

use std::sync::Arc;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, Schema};
use futures::{FutureExt, SinkExt, StreamExt};
use headwater_common::{Error, environment};
use headwater_postgres::types::{
    ArrayMode, CopyDecoder, CopyEncoder, CopyIn, NumericMode, PgType, TypeCatalog, TypeOptions, Unrepresentable,
};
use tokio_postgres::{Client, NoTls};

type Columns = Vec<(String, PgType)>;

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Runs `test` in a database of its own on each server, and drops the database whatever happens.
async fn on_each_server<F: Future<Output = ()>>(name: &str, test: impl Fn(Client) -> F) {
    for variable in ["TEST_PG15_URL", "TEST_PG18_URL"] {
        let url = environment::variable(variable).unwrap_or_else(|| panic!("{variable} is not set"));
        let server = connect(&url).await;
        let database = format!("hw_types_{name}_{}", std::process::id());
        server.batch_execute(&format!("CREATE DATABASE {database}")).await.unwrap();
        let (base, _) = url.rsplit_once('/').unwrap();
        let client = connect(&format!("{base}/{database}")).await;
        client.batch_execute(cases::SETUP).await.unwrap();
        let outcome = std::panic::AssertUnwindSafe(test(client)).catch_unwind().await;
        server.batch_execute(&format!("DROP DATABASE {database} WITH (FORCE)")).await.unwrap();
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    }
}

/// Columns of a table with their types, as discovery finds them.
async fn columns(client: &Client, table: &str, options: &TypeOptions) -> Columns {
    let rows = client
        .query(
            "SELECT attname::text, atttypid, atttypmod, attndims::int4 FROM pg_attribute \
             WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
            &[&table],
        )
        .await
        .unwrap();
    let oids: Vec<u32> = rows.iter().map(|r| r.get(1)).collect();
    let catalog = TypeCatalog::load(client, &oids).await.unwrap();
    rows.iter().map(|r| (r.get(0), catalog.resolve(r.get(1), r.get(2), r.get(3), options))).collect()
}

/// Reads a table by binary COPY.
async fn read(client: &Client, table: &str, columns: &Columns, batch_rows: usize) -> Result<Vec<RecordBatch>, Error> {
    let selected: Vec<String> = columns
        .iter()
        .map(|(name, t)| t.wire().cast().map_or(format!("\"{name}\""), |cast| format!("\"{name}\"::{cast}")))
        .collect();
    let text = format!("COPY (SELECT {} FROM {table} ORDER BY 1) TO STDOUT (FORMAT binary)", selected.join(", "));
    let schema = Schema::new(columns.iter().map(|(name, t)| t.field(name, false)).collect::<Vec<_>>());
    let mut decoder = CopyDecoder::new(columns.clone(), Arc::new(schema), batch_rows)?.for_source("shop");
    let mut stream = Box::pin(client.copy_out(&text).await.unwrap());
    let mut batches = Vec::new();
    while let Some(chunk) = stream.next().await {
        decoder.push(&chunk.unwrap())?;
        batches.extend(std::iter::from_fn(|| decoder.take_batch()));
    }
    while let Some(batch) = decoder.finish()? {
        batches.push(batch);
    }
    Ok(batches)
}

async fn read_with(client: &Client, table: &str, options: &TypeOptions) -> Result<Vec<RecordBatch>, Error> {
    read(client, table, &columns(client, table, options).await, 1000).await
}

async fn copy_in(client: &Client, text: &str, columns: &Columns, batches: &[RecordBatch]) -> u64 {
    let mut sink = Box::pin(client.copy_in(text).await.unwrap());
    let mut encoder = CopyEncoder::new(columns.clone());
    for batch in batches {
        for piece in encoder.encode(batch).unwrap() {
            sink.feed(piece).await.unwrap();
        }
    }
    sink.feed(encoder.finish()).await.unwrap();
    sink.as_mut().finish().await.unwrap()
}

/// A table `every_type` with a column per case and a row per value; the last row is all NULL.
async fn every_type(client: &Client) -> Vec<cases::Case> {
    let has_xml = client.simple_query("SELECT '<a/>'::xml").await.is_ok();
    let cases = cases::all();
    let named: Vec<String> = cases.iter().enumerate().map(|(i, c)| format!("c{i} {}", c.sql_type)).collect();
    client.batch_execute(&format!("CREATE TABLE every_type (id int, {})", named.join(", "))).await.unwrap();
    let rows = cases.iter().map(|c| c.values.len()).max().unwrap();
    for row in 0..=rows {
        let value = |case: &cases::Case| match case.values.get(row) {
            Some(value) if has_xml || case.sql_type != "xml" => format!("({value})::{}", case.sql_type),
            _ => "NULL".to_owned(),
        };
        let values: Vec<String> = cases.iter().map(value).collect();
        client.batch_execute(&format!("INSERT INTO every_type VALUES ({row}, {})", values.join(", "))).await.unwrap();
    }
    cases
}

/// Every value of `numeric` as it is.
fn exact() -> TypeOptions {
    TypeOptions { numeric: NumericMode::Text, ..TypeOptions::default() }
}

#[tokio::test]
async fn every_type_arrives_as_postgres_says() {
    on_each_server("read", |client| async move {
        let cases = every_type(&client).await;
        let columns = columns(&client, "every_type", &exact()).await;
        let batches = read(&client, "every_type", &columns, 1000).await.unwrap();
        let batch = arrow::compute::concat_batches(&batches[0].schema(), &batches).unwrap();
        for (i, case) in cases.iter().enumerate() {
            let array = batch.column(i + 1);
            if !case.arrow.is_empty() {
                assert_eq!(plain(array.data_type()), case.arrow, "Arrow type of {}", case.sql_type);
            }
            let expected = case.expected.replace('$', &format!("c{i}"));
            let text = format!("SELECT ({expected})::text FROM every_type ORDER BY id");
            let rows = client.query(&text, &[]).await.unwrap_or_else(|e| panic!("{}: {e:?}", case.sql_type));
            assert_eq!(rows.len(), batch.num_rows());
            for (row, says) in rows.iter().enumerate() {
                let says: Option<String> = says.get(0);
                let says = says.map_or(serde_json::Value::Null, |s| serde_json::from_str(&s).unwrap());
                assert_eq!(render::render(array, row), says, "{} in row {row}", case.sql_type);
            }
        }
    })
    .await;
}

/// An Arrow type without nullability.
fn plain(data_type: &DataType) -> String {
    match data_type {
        DataType::List(field) => format!("List({})", plain(field.data_type())),
        DataType::Struct(fields) => {
            let fields: Vec<String> = fields.iter().map(|f| format!("{:?}: {}", f.name(), plain(f.data_type()))).collect();
            format!("Struct({})", fields.join(", "))
        }
        other => other.to_string(),
    }
}

#[tokio::test]
async fn what_is_written_back_is_what_was_there() {
    on_each_server("write", |client| async move {
        every_type(&client).await;
        let columns = columns(&client, "every_type", &exact()).await;
        let batches = read(&client, "every_type", &columns, 2).await.unwrap();
        let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        let setup = "CREATE TEMP TABLE staging (LIKE every_type); CREATE TABLE written (LIKE every_type)";
        client.batch_execute(setup).await.unwrap();
        let mut cast = Vec::new();
        for (name, pg_type) in &columns {
            match pg_type.copy_in() {
                CopyIn::Binary => cast.push(name.clone()),
                CopyIn::ViaText { staging } => {
                    let stage = format!("ALTER TABLE staging ALTER {name} TYPE {staging}");
                    client.batch_execute(&stage).await.unwrap();
                    cast.push(format!("{name}::{}", pg_type.name()));
                }
            }
        }
        let written = copy_in(&client, "COPY staging FROM STDIN (FORMAT binary)", &columns, &batches).await;
        assert_eq!(written, rows as u64);
        client.batch_execute(&format!("INSERT INTO written SELECT {} FROM staging", cast.join(", "))).await.unwrap();
        for (left, right) in [("every_type", "written"), ("written", "every_type")] {
            let differ = format!("SELECT l::text FROM {left} l EXCEPT ALL SELECT r::text FROM {right} r");
            let differ = client.query(&differ, &[]).await.unwrap();
            assert!(differ.is_empty(), "{left} but not {right}: {}", differ[0].get::<_, String>(0));
        }
    })
    .await;
}

#[tokio::test]
async fn values_that_arrow_cannot_hold_follow_the_options() {
    on_each_server("infinity", |client| async move {
        client
            .batch_execute(
                "CREATE TABLE d (v date NOT NULL); INSERT INTO d VALUES ('infinity'), ('-infinity');
                 CREATE TABLE ts (v timestamp NOT NULL); INSERT INTO ts VALUES ('infinity'), ('-infinity');
                 CREATE TABLE tz (v timestamptz NOT NULL); INSERT INTO tz VALUES ('infinity'), ('-infinity');
                 CREATE TABLE t (v time NOT NULL); INSERT INTO t VALUES ('24:00'), ('24:00');
                 CREATE TABLE n (v numeric(10,2) NOT NULL); INSERT INTO n VALUES ('NaN'), ('NaN');",
            )
            .await
            .unwrap();
        let null = TypeOptions {
            infinity: Unrepresentable::Null,
            numeric_special: Unrepresentable::Null,
            ..TypeOptions::default()
        };
        for (table, option) in
            [("d", "infinity"), ("ts", "infinity"), ("tz", "infinity"), ("t", "infinity"), ("n", "numeric_special")]
        {
            let error = read_with(&client, table, &TypeOptions::default()).await.unwrap_err().to_string();
            assert!(error.starts_with("source shop: column \"v\"") && error.contains(option), "{error}");
            let batch = &read_with(&client, table, &null).await.unwrap()[0];
            assert_eq!(batch.column(0).null_count(), 2, "{table}");
            let field = columns(&client, table, &null).await[0].1.field("v", true);
            assert!(field.is_nullable(), "{table}");
        }
        let clamp = TypeOptions { infinity: Unrepresentable::Clamp, ..TypeOptions::default() };
        for (table, first) in
            [("d", "2932896"), ("ts", "253402300799999999"), ("tz", "253402300799999999"), ("t", "86399999999")]
        {
            let batch = &read_with(&client, table, &clamp).await.unwrap()[0];
            let values: Vec<_> = (0..2).map(|row| render::render(batch.column(0), row)).collect();
            assert!(values.contains(&first.into()), "{table}: {values:?}");
        }
        let far = "CREATE TABLE far (v timestamp); INSERT INTO far VALUES (timestamp '294276-12-31 23:59:59');";
        client.batch_execute(far).await.unwrap();
        assert!(read_with(&client, "far", &clamp).await.unwrap_err().to_string().contains("outside the range"));
        if client.simple_query("SELECT interval 'infinity'").await.is_ok() {
            client.batch_execute("CREATE TABLE i AS SELECT interval 'infinity' AS v").await.unwrap();
            assert!(read_with(&client, "i", &TypeOptions::default()).await.is_err());
            assert_eq!(read_with(&client, "i", &null).await.unwrap()[0].column(0).null_count(), 1);
        }
    })
    .await;
}

#[tokio::test]
async fn arrays_of_other_dimensions_are_an_error_and_read_as_text() {
    on_each_server("dimensions", |client| async move {
        let setup = "CREATE TABLE a (v int[]); INSERT INTO a VALUES ('{1}'), ('{{1,2}}'); \
                     CREATE TABLE b (v int[]); INSERT INTO b VALUES ('[5:6]={1,2}');
                     CREATE VIEW w AS SELECT ARRAY[1, 2] AS v; CREATE TABLE empty_vector AS SELECT ''::int2vector AS v";
        client.batch_execute(setup).await.unwrap();
        let error = read_with(&client, "a", &TypeOptions::default()).await.unwrap_err().to_string();
        assert!(error.contains("column \"v\"") && error.contains("\"arrays\""), "{error}");
        let text = TypeOptions { arrays: ArrayMode::Text, ..TypeOptions::default() };
        let batch = &read_with(&client, "a", &text).await.unwrap()[0];
        assert_eq!(render::render(batch.column(0), 1), serde_json::json!("{{1,2}}"));
        for table in ["b", "w"] {
            let batch = &read_with(&client, table, &TypeOptions::default()).await.unwrap()[0];
            assert_eq!(render::render(batch.column(0), 0), serde_json::json!(["1", "2"]), "{table}");
        }
        let batch = &read_with(&client, "empty_vector", &TypeOptions::default()).await.unwrap()[0];
        assert_eq!(render::render(batch.column(0), 0), serde_json::json!([]));
    })
    .await;
}

#[tokio::test]
async fn a_numeric_without_precision_is_what_the_option_says() {
    on_each_server("numeric", |client| async move {
        client.batch_execute("CREATE TABLE n AS SELECT 1.25::numeric AS v").await.unwrap();
        for (numeric, says) in [
            (NumericMode::Text, "1.25"),
            (NumericMode::Decimal(10, 3), "1.250"),
            (NumericMode::Decimal(60, 3), "1.250"),
            (NumericMode::Float8, "3ff4000000000000"),
        ] {
            let batch = &read_with(&client, "n", &TypeOptions { numeric, ..TypeOptions::default() }).await.unwrap()[0];
            assert_eq!(render::render(batch.column(0), 0), serde_json::json!(says));
        }
        let narrow = TypeOptions { numeric: NumericMode::Decimal(10, 1), ..TypeOptions::default() };
        assert!(read_with(&client, "n", &narrow).await.unwrap_err().to_string().contains("does not fit"));
    })
    .await;
}

#[tokio::test]
async fn a_type_changed_after_discovery_is_an_error_or_read_right() {
    on_each_server("changed", |client| async move {
        let setup = "CREATE TABLE c (v inner_row); INSERT INTO c VALUES (ROW(1, 2)); \
                     CREATE TABLE e (v \"Mood\"); CREATE TABLE a (v int4[]); INSERT INTO a VALUES ('{1}')";
        client.batch_execute(setup).await.unwrap();
        let options = TypeOptions::default();
        let (composite, labels) = (columns(&client, "c", &options).await, columns(&client, "e", &options).await);
        let array = columns(&client, "a", &options).await;
        client.batch_execute("ALTER TYPE inner_row ADD ATTRIBUTE z int CASCADE").await.unwrap();
        client.batch_execute("ALTER TYPE \"Mood\" ADD VALUE 'new' BEFORE 'sad'").await.unwrap();
        client.batch_execute("INSERT INTO e VALUES ('sad'), ('new')").await.unwrap();
        client.batch_execute("ALTER TABLE a ALTER v TYPE float4[]").await.unwrap();
        assert!(read(&client, "c", &composite, 10).await.unwrap_err().to_string().contains("refresh the source"));
        assert!(read(&client, "a", &array, 10).await.unwrap_err().to_string().contains("refresh the source"));
        let batch = &read(&client, "e", &labels, 10).await.unwrap()[0];
        let mut found: Vec<String> = (0..2).map(|row| render::render(batch.column(0), row).to_string()).collect();
        found.sort();
        assert_eq!(found, ["\"new\"", "\"sad\""]);
    })
    .await;
}
