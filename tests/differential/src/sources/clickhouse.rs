//! Tables in ClickHouse, without the columns that it does not have.

use std::path::Path;

use headwater_engine::Engine;
use headwater_tests::clickhouse::ClickHouseDatabase;

use crate::schema::{AWKWARD_NAME, COLUMNS, Column, Table};
use crate::sources::create;
use crate::value::Type;

/// The table's name in a session.
pub(crate) fn name(table: &str, database: &str) -> String {
    format!("ch.{database}.{table}")
}

/// A database with the tables, filled from the Parquet files of a folder.
pub(crate) async fn load(folder: &Path, tables: &[Table]) -> ClickHouseDatabase {
    let database = ClickHouseDatabase::create("").await;
    let columns: Vec<String> = COLUMNS.iter().filter(|c| c.everywhere).map(declaration).collect();
    for table in tables {
        let columns = columns.join(", ");
        database.run(&format!("CREATE TABLE {} ({columns}) ENGINE = MergeTree ORDER BY id", table.name)).await;
        let rows = std::fs::read(folder.join(format!("{}.parquet", table.name))).expect("a Parquet file");
        database.insert(table.name, "Parquet", &rows).await;
    }
    database
}

fn declaration(column: &Column) -> String {
    let ty = match column.ty {
        Type::Bool => "Bool",
        Type::Int2 => "Int16",
        Type::Int4 => "Int32",
        Type::Int8 => "Int64",
        Type::Float => "Float64",
        Type::Decimal => "Decimal(18, 4)",
        Type::Text | Type::Bytes => "String",
        Type::Date => "Date32",
        Type::Timestamp | Type::Instant => "DateTime64(6, 'UTC')",
        Type::Uuid => "UUID",
    };
    let name = format!("`{}`", column.name.replace('\\', "\\\\").replace('`', "\\`"));
    match column.name {
        "id" => format!("{name} {ty}"),
        AWKWARD_NAME => format!("{name} LowCardinality(Nullable({ty}))"),
        _ => format!("{name} Nullable({ty})"),
    }
}

/// Adds the database as the source `ch`.
pub(crate) async fn add(engine: &Engine, database: &ClickHouseDatabase) {
    create(engine, "ch", "clickhouse", &database.options()).await;
}
