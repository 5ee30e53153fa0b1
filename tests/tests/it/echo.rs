//! Every text, name and value that sqlgen writes is read back unchanged by real servers.

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, IntervalMonthDayNano, Schema};
use datafusion::common::ScalarValue;
use futures::{SinkExt, StreamExt};
use headwater_postgres::types::{CopyDecoder, CopyEncoder, PgType, TypeCatalog, TypeOptions};
use headwater_sqlgen::{Dialect, Expr, Mode, Postgres, Writer};
use headwater_tests::{TestDatabase, connect, session, table};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use crate::SERVERS;

/// What ends or escapes something in one SQL or another.
const PIECES: [&str; 24] = [
    "'", "''", "\\", "\\'", "\\\\", "\"", "\\\"", "`", "--", "/*", "*/", ";", "$$", "$1", "$q$", "?", "E'", "U&'",
    "\\000041", "\\x41", "%", "\n", "\r\n", "\u{feff}",
];

/// A source of random texts whose seed is printed, so that a failure can be repeated.
fn random() -> StdRng {
    let seed = std::env::var("TEST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(rand::random::<u64>);
    println!("TEST_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

fn character(random: &mut StdRng) -> char {
    loop {
        let code = match random.random_range(0..4) {
            0 => random.random_range(1..0x80),
            1 => random.random_range(0x80..0x800),
            2 => random.random_range(0x800..0x1_0000),
            _ => random.random_range(0x1_0000..0x11_0000),
        };
        if let Some(c) = char::from_u32(code) {
            return c;
        }
    }
}

fn text(random: &mut StdRng) -> String {
    let parts = match random.random_range(0..2_000) {
        0 => random.random_range(500..5_000),
        _ => random.random_range(0..9),
    };
    let mut out = String::new();
    for _ in 0..parts {
        match random.random_range(0..3) {
            0 => out.push(character(random)),
            1 => out.push(char::from(random.random_range(0x20u8..0x7f))),
            _ => out.push_str(PIECES[random.random_range(0..PIECES.len())]),
        }
    }
    out
}

fn texts(random: &mut StdRng, count: usize) -> Vec<String> {
    (0..count).map(|_| text(random)).collect()
}

/// The rows `(1, 'first'), (2, 'second'), ...` with their parameters.
fn rows_of(values: &[String], mode: Mode) -> (String, Vec<Option<String>>) {
    let (mut sql, mut parameters) = (String::new(), Vec::new());
    for (i, value) in values.iter().enumerate() {
        let written = Writer::new(&Postgres, mode).expr(&Expr::Value(ScalarValue::from(value.as_str()))).unwrap().finish();
        sql.push_str(if i == 0 { "(" } else { ", (" });
        // The writer numbers from 1; here every literal has a number of its own.
        match mode {
            Mode::Inline => sql.push_str(&format!("{i}, {})", written.text)),
            Mode::Bind => {
                assert_eq!(written.text, "$1::text");
                sql.push_str(&format!("{i}, ${}::text)", i + 2));
            }
        }
        parameters.extend(written.parameters);
    }
    (sql, parameters)
}

/// How many of the rows are, byte for byte, the values of the array that is sent in binary.
async fn equal(client: &Client, from: &str, values: &[String], parameters: &[Option<String>]) -> i64 {
    let sql = format!(
        "SELECT count(*) FROM unnest($1::text[]) WITH ORDINALITY p(s, n) JOIN {from} ON v.i = p.n - 1 \
         WHERE convert_to(v.s, 'UTF8') = convert_to(p.s, 'UTF8')"
    );
    let mut all: Vec<(&(dyn ToSql + Sync), Type)> = vec![(&values, Type::TEXT_ARRAY)];
    all.extend(parameters.iter().map(|p| (p as &(dyn ToSql + Sync), Type::TEXT)));
    client.query_typed_one(&sql, &all).await.unwrap_or_else(|e| panic!("{e:?}")).get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_million_texts_come_back_unchanged() {
    let mut random = random();
    let mut checked = 0usize;
    for server in SERVERS {
        let database = TestDatabase::create(server, "CREATE TABLE c (i int, s text)").await;
        let client = connect(&database.url()).await;
        for conforming in ["on", "off"] {
            client
                .batch_execute(&format!("SET standard_conforming_strings = {conforming}; SET escape_string_warning = off"))
                .await
                .unwrap();
            for _ in 0..80 {
                let values = texts(&mut random, 2_500);
                let (rows, _) = rows_of(&values, Mode::Inline);
                let found = equal(&client, &format!("(VALUES {rows}) v(i, s)"), &values, &[]).await;
                assert_eq!(found, 2_500, "inline, standard_conforming_strings = {conforming}");
                checked += values.len();
            }
            for _ in 0..20 {
                let values = texts(&mut random, 1_000);
                let (rows, parameters) = rows_of(&values, Mode::Bind);
                assert_eq!(equal(&client, &format!("(VALUES {rows}) v(i, s)"), &values, &parameters).await, 1_000, "bound");
                checked += values.len();
            }
            for _ in 0..4 {
                let values = texts(&mut random, 10_000);
                copy_in(&client, &values).await;
                assert_eq!(equal(&client, "c v", &values, &[]).await, 10_000, "COPY");
                assert_eq!(copy_out(&client, "SELECT s FROM c ORDER BY i", "text", -1).await.unwrap().len(), 10_000);
                client.batch_execute("TRUNCATE c").await.unwrap();
                checked += values.len();
            }
        }
    }
    assert!(checked >= 1_000_000, "{checked}");
    assert!(Writer::new(&Postgres, Mode::Inline).expr(&Expr::Value(ScalarValue::from("a\0b"))).is_err());
}

async fn pg_type(client: &Client, name: &str, typmod: i32) -> PgType {
    let row = client.query_typed_one("SELECT $1::text::regtype::oid", &[(&name, Type::TEXT)]).await.unwrap();
    let oid: u32 = row.get(0);
    TypeCatalog::load(client, &[oid]).await.unwrap().resolve(oid, typmod, 0, &TypeOptions::default())
}

async fn copy_in(client: &Client, values: &[String]) {
    let columns =
        vec![("i".to_owned(), pg_type(client, "int4", -1).await), ("s".to_owned(), pg_type(client, "text", -1).await)];
    let numbers = datafusion::arrow::array::Int32Array::from_iter_values(0..i32::try_from(values.len()).unwrap());
    let fields = vec![Field::new("i", DataType::Int32, false), Field::new("s", DataType::Utf8, false)];
    let strings: StringArray = values.iter().map(|v| Some(v.as_str())).collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), vec![Arc::new(numbers), Arc::new(strings)]).unwrap();
    let mut sink = Box::pin(client.copy_in("COPY c (i, s) FROM STDIN (FORMAT binary)").await.unwrap());
    let mut encoder = CopyEncoder::new(columns);
    for piece in encoder.encode(&batch).unwrap() {
        sink.send(piece).await.unwrap();
    }
    sink.send(encoder.finish()).await.unwrap();
    sink.as_mut().finish().await.unwrap();
}

/// The only column of a query, read as a scan reads it.
async fn copy_out(client: &Client, select: &str, type_name: &str, typmod: i32) -> Result<Arc<dyn Array>, String> {
    let column = pg_type(client, type_name, typmod).await;
    let schema = Arc::new(Schema::new(vec![Field::new("v", column.arrow_type(), true)]));
    let mut decoder = CopyDecoder::new(vec![("v".to_owned(), column)], schema, 1 << 20).unwrap();
    let stream =
        client.copy_out(&format!("COPY ({select}) TO STDOUT (FORMAT binary)")).await.map_err(|e| format!("{e:?}"))?;
    let mut stream = Box::pin(stream);
    let mut batches = Vec::new();
    while let Some(chunk) = stream.next().await {
        decoder.push(&chunk.map_err(|e| format!("{e:?}"))?).map_err(|e| e.to_string())?;
        batches.extend(std::iter::from_fn(|| decoder.take_batch()));
    }
    batches.extend(decoder.finish().map_err(|e| e.to_string())?);
    let parts: Vec<&dyn Array> = batches.iter().map(|b| b.column(0).as_ref()).collect();
    datafusion::arrow::compute::concat(&parts).map_err(|e| e.to_string())
}

/// Random values of one type, its name at the server, and its modifier.
fn scalars(random: &mut StdRng) -> Vec<(Vec<ScalarValue>, &'static str, i32)> {
    const FIRST_DAY: i32 = -2_440_588;
    let n = 20_000;
    let mut all = Vec::new();
    let mut add =
        |name, typmod, make: &mut dyn FnMut() -> ScalarValue| all.push(((0..n).map(|_| make()).collect(), name, typmod));
    let mut r = StdRng::seed_from_u64(random.random());
    add("int2", -1, &mut || ScalarValue::Int16(Some(r.random())));
    add("int4", -1, &mut || ScalarValue::Int32(Some(r.random())));
    add("int8", -1, &mut || ScalarValue::Int64(Some(r.random())));
    add("bool", -1, &mut || ScalarValue::Boolean(Some(r.random())));
    // Any bits: NaN, infinities, subnormals and both zeros among them.
    let special = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 0.0, f64::MIN_POSITIVE, 5e-324, f64::MAX, f64::MIN];
    add("float8", -1, &mut || {
        let v =
            if r.random_range(0..10) == 0 { special[r.random_range(0..special.len())] } else { f64::from_bits(r.random()) };
        ScalarValue::Float64(Some(if v.is_nan() { f64::NAN } else { v }))
    });
    add("float4", -1, &mut || {
        let v = if r.random_range(0..10) == 0 { special[r.random_range(0..5)] as f32 } else { f32::from_bits(r.random()) };
        ScalarValue::Float32(Some(if v.is_nan() { f32::NAN } else { v }))
    });
    for scale in [0i8, 1, 10, 37, 38] {
        let typmod = ((38 << 16) | i32::from(scale)) + 4;
        add("numeric", typmod, &mut || {
            let digits = r.random_range(1..=38u32);
            let v = r.random_range(-(10i128.pow(digits) - 1)..10i128.pow(digits));
            ScalarValue::Decimal128(Some(v), 38, scale)
        });
    }
    add("date", -1, &mut || ScalarValue::Date32(Some(r.random_range(FIRST_DAY..2_145_031_949))));
    add("time", -1, &mut || ScalarValue::Time64Microsecond(Some(r.random_range(0..86_400_000_000))));
    const STAMPS: std::ops::Range<i64> = -210_866_803_200_000_000..9_223_371_331_200_000_000;
    add("timestamp", -1, &mut || ScalarValue::TimestampMicrosecond(Some(r.random_range(STAMPS)), None));
    add("timestamptz", -1, &mut || ScalarValue::TimestampMicrosecond(Some(r.random_range(STAMPS)), Some("UTC".into())));
    add("interval", -1, &mut || {
        let (months, days) = (r.random_range(-2_000_000_000..2_000_000_000), r.random_range(-2_000_000_000..2_000_000_000));
        let nanoseconds = r.random_range(-9_000_000_000_000_000i64..9_000_000_000_000_000) * 1_000;
        ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano { months, days, nanoseconds }))
    });
    add("bytea", -1, &mut || {
        let length = r.random_range(0..40);
        ScalarValue::Binary(Some((0..length).map(|_| r.random()).collect()))
    });
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn every_value_of_every_scalar_type_comes_back_equal() {
    let mut random = random();
    for server in SERVERS {
        let database = TestDatabase::create(server, "").await;
        let client = connect(&database.url()).await;
        for (style, zone, dates) in [("postgres", "UTC", "ISO, MDY"), ("sql_standard", "Asia/Kathmandu", "SQL, DMY")] {
            let set = format!("SET intervalstyle = '{style}'; SET timezone = '{zone}'; SET datestyle = '{dates}'");
            client.batch_execute(&set).await.unwrap();
            for (values, name, typmod) in scalars(&mut random) {
                let written = |v: &ScalarValue| {
                    Writer::new(&Postgres, Mode::Inline).expr(&Expr::Value(v.clone())).unwrap().finish().text
                };
                let (mut found, expected) = (Vec::new(), ScalarValue::iter_to_array(values.clone()).unwrap());
                for part in values.chunks(5_000) {
                    let rows: Vec<String> = part.iter().map(|v| format!("({})", written(v))).collect();
                    let modified = match typmod {
                        -1 => name.to_owned(),
                        m => format!("numeric(38,{})", (m - 4) & 0xffff),
                    };
                    let select = format!("SELECT v::{modified} FROM (VALUES {}) t(v)", rows.join(", "));
                    found.push(copy_out(&client, &select, name, typmod).await.unwrap_or_else(|e| panic!("{name}: {e}")));
                }
                let parts: Vec<&dyn Array> = found.iter().map(AsRef::as_ref).collect();
                let found = datafusion::arrow::compute::concat(&parts).unwrap();
                for row in 0..found.len() {
                    let (is, was) = (
                        ScalarValue::try_from_array(&found, row).unwrap(),
                        ScalarValue::try_from_array(&expected, row).unwrap(),
                    );
                    assert_eq!(is, was, "{server} {name} {style}: {}", written(&was));
                }
            }
        }
    }
}

/// A random name of 1 to 63 bytes.
fn name(random: &mut StdRng) -> String {
    loop {
        let mut name = text(random);
        while name.len() > 63 {
            name.pop();
        }
        if !name.is_empty() && !name.starts_with("pg_") {
            return name;
        }
    }
}

fn names(random: &mut StdRng, count: usize) -> Vec<String> {
    let mut found = std::collections::BTreeSet::new();
    while found.len() < count {
        found.insert(name(random));
    }
    found.into_iter().collect()
}

fn quoted(name: &str) -> String {
    let mut out = String::new();
    Postgres.identifier(name, &mut out).unwrap();
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_any_characters_are_found_and_read() {
    let mut random = random();
    for server in SERVERS {
        let database = TestDatabase::create(server, "").await;
        let client = connect(&database.url()).await;
        let mut made = Vec::new();
        for schema in names(&mut random, 12) {
            client.batch_execute(&format!("CREATE SCHEMA {}", quoted(&schema))).await.unwrap();
            for table in names(&mut random, 8) {
                let columns = names(&mut random, 20);
                let place = format!("{}.{}", quoted(&schema), quoted(&table));
                let list: Vec<String> = columns.iter().map(|c| format!("{} text", quoted(c))).collect();
                client.batch_execute(&format!("CREATE TABLE {place} ({})", list.join(", "))).await.unwrap();
                client
                    .execute(
                        &format!(
                            "INSERT INTO {place} VALUES ({})",
                            (1..=20).map(|i| format!("${i}")).collect::<Vec<_>>().join(", ")
                        ),
                        &columns.iter().map(|c| c as &(dyn ToSql + Sync)).collect::<Vec<_>>(),
                    )
                    .await
                    .unwrap();
                made.push((schema.clone(), table, columns));
            }
        }
        let session = session(&database).await;
        let double = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        for (i, (schema, relation, columns)) in made.iter().enumerate() {
            let place = format!("pg.{}.{}", double(schema), double(relation));
            let batches = headwater_tests::rows(&session, &format!("SELECT * FROM {place}")).await;
            let schema = batches[0].schema();
            let found: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
            assert_eq!(&found, columns);
            for (column, values) in columns.iter().zip(batches[0].columns()) {
                assert_eq!(values.as_string::<i32>().value(0), column);
            }
            let (first, last) = (&columns[i % 20], &columns[19]);
            let filter = format!("{} = '{}' AND {} IS NOT NULL", double(first), first.replace('\'', "''"), double(last));
            let sql = format!("SELECT count(*), max({}) FROM {place} WHERE {filter}", double(first));
            assert_eq!(table(&session, &sql).await, [format!("1|{first}")]);
            let update = format!("UPDATE {place} SET {} = 'changed' WHERE {filter}", double(last));
            assert_eq!(session.query(&update).await.unwrap().affected_rows().await.unwrap(), 1);
        }
    }
}
