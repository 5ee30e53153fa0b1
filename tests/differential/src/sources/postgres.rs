//! Tables in Postgres.

use headwater_common::config::Options;
use headwater_engine::Engine;
use headwater_tests::TestDatabase;

use crate::print::{Dialect, literal, quoted};
use crate::schema::{COLUMNS, REFERENCE, TABLES, Table};
use crate::sources::create;
use crate::value::Type;

/// Servers that are used in turn.
pub(crate) const SERVERS: [&str; 2] = ["TEST_PG15_URL", "TEST_PG18_URL"];

/// The table's name in a session.
pub(crate) fn name(table: &str) -> String {
    format!("pg.public.{table}")
}

/// A database with the tables. `s` is compared by bytes; the other text column sorts as German does, where the server can.
pub(crate) async fn load(server: &str, tables: &[Table]) -> TestDatabase {
    let mut sql = String::new();
    let icu = server == SERVERS[0];
    for table in tables {
        let column = |c: &crate::schema::Column| {
            let ty = match c.ty {
                Type::Bool => "boolean",
                Type::Int2 => "smallint",
                Type::Int4 => "integer",
                Type::Int8 => "bigint",
                Type::Float => "double precision",
                Type::Decimal => "numeric(18,4)",
                Type::Text if c.name == "s" => "text COLLATE \"C\"",
                Type::Text if icu => "varchar(40) COLLATE \"de-x-icu\"",
                Type::Text => "varchar(40)",
                Type::Date => "date",
                Type::Timestamp => "timestamp",
                Type::Instant => "timestamptz",
                Type::Bytes => "bytea",
                Type::Uuid => "uuid",
            };
            let key = if c.name == "id" { " PRIMARY KEY" } else { "" };
            format!("{} {ty}{key}", quoted(c.name))
        };
        let columns: Vec<String> = COLUMNS.iter().map(column).collect();
        sql.push_str(&format!("CREATE TABLE {} ({});\n", table.name, columns.join(", ")));
        for row in &table.rows {
            let value = |(v, c): (&crate::value::Value, &crate::schema::Column)| {
                let text = literal(Dialect::Postgres, v, c.ty);
                if c.ty == Type::Uuid { format!("CAST({text} AS uuid)") } else { text }
            };
            let values: Vec<String> = row.iter().zip(&COLUMNS).map(value).collect();
            sql.push_str(&format!("INSERT INTO {} VALUES ({});\n", table.name, values.join(", ")));
        }
        sql.push_str(&format!("ANALYZE {};\n", table.name));
    }
    for table in tables.iter().filter(|table| refers(table, tables)) {
        let (name, column) = (table.name, quoted(REFERENCE));
        sql.push_str(&format!("ALTER TABLE {name} ADD FOREIGN KEY ({column}) REFERENCES {} (id);\n", TABLES[0]));
    }
    TestDatabase::create(server, &sql).await
}

/// Whether every reference of a table has its row: a smaller universe may lack them.
fn refers(table: &Table, tables: &[Table]) -> bool {
    let place = |name: &str| COLUMNS.iter().position(|c| c.name == name).unwrap_or_default();
    let (id, reference) = (place("id"), place(REFERENCE));
    let ids: Vec<&crate::value::Value> =
        tables.iter().filter(|t| t.name == TABLES[0]).flat_map(|t| &t.rows).map(|row| &row[id]).collect();
    table.rows.iter().map(|row| &row[reference]).all(|value| *value == crate::value::Value::Null || ids.contains(&value))
}

/// Adds the database as the source `pg`.
pub(crate) async fn add(engine: &Engine, database: &TestDatabase) {
    let options = Options::new().with("url", database.url()).with("sslmode", "disable").with("pool_size", "4");
    create(engine, "pg", "postgres", &options).await;
}
