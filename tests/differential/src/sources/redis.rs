//! Tables in Redis: a hash for each row, without the columns that are not in every source.

use headwater_common::config::Options;
use headwater_engine::Engine;
use headwater_tests::redis::RedisDatabase;

use crate::schema::{COLUMNS, Column, TABLES, Table};
use crate::sources::create;
use crate::value::{DECIMAL_SCALE, Type, Value, civil, decimal_text};

/// The table's name in a session.
pub(crate) fn name(table: &str) -> String {
    format!("redis.public.{table}")
}

/// A database with the tables.
pub(crate) fn load(tables: &[Table]) -> RedisDatabase {
    let database = RedisDatabase::create("");
    let mut client = database.client();
    for table in tables {
        for (id, row) in table.rows.iter().enumerate() {
            let key = format!("{}:{id}", table.name);
            // A hash without fields is none, and every field may be null.
            let mut command = ["HSET", key.as_str(), "row", "1"].map(|w| w.as_bytes().to_vec()).to_vec();
            for (column, value) in COLUMNS.iter().zip(row) {
                if let Some(text) = text(value).filter(|_| column.everywhere && column.name != "id") {
                    command.extend([column.name.as_bytes().to_vec(), text.into_bytes()]);
                }
            }
            client.ask(&[command]);
        }
    }
    database
}

fn text(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null | Value::Bytes(_) => return None,
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Decimal(units) => decimal_text(*units, DECIMAL_SCALE),
        Value::Text(text) | Value::Uuid(text) => text.clone(),
        Value::Date(days) => date(i64::from(*days)),
        Value::Timestamp(us) => {
            let (days, rest) = (us.div_euclid(86_400_000_000), us.rem_euclid(86_400_000_000));
            let (seconds, us) = (rest / 1_000_000, rest % 1_000_000);
            let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
            format!("{}T{hour:02}:{minute:02}:{second:02}.{us:06}Z", date(days))
        }
    })
}

fn date(days: i64) -> String {
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}")
}

fn declaration(column: &Column) -> String {
    let ty = match column.ty {
        Type::Bool => "BOOLEAN",
        Type::Int2 => "SMALLINT",
        Type::Int4 => "INT",
        Type::Int8 => "BIGINT",
        Type::Float => "DOUBLE",
        Type::Decimal => "DECIMAL(18, 4)",
        Type::Text | Type::Uuid => "TEXT",
        Type::Bytes => "BYTEA",
        Type::Date => "DATE",
        Type::Timestamp => "TIMESTAMP",
        Type::Instant => "TIMESTAMPTZ",
    };
    format!("\"{}\" {ty}", column.name.replace('"', "\"\""))
}

/// Adds the database as the source `redis`.
pub(crate) async fn add(engine: &Engine, database: &RedisDatabase) {
    let columns: Vec<String> = COLUMNS.iter().filter(|c| c.everywhere).map(declaration).collect();
    let declare = |options: Options, table: &&str| {
        let options = options.with(&format!("tables.{table}.key"), format!("{table}:{{id}}"));
        let options = options.with(&format!("tables.{table}.type"), "hash");
        options.with(&format!("tables.{table}.columns"), columns.join(", "))
    };
    let options = TABLES.iter().fold(database.options().with("discover", "false"), declare);
    create(engine, "redis", "redis", &options).await;
}
