//! Tables in MongoDB. Types that its documents do not have are whole numbers there and get their type in the query.

use bson::spec::BinarySubtype;
use bson::{Binary, Bson, Document};
use headwater_engine::Engine;
use headwater_tests::mongodb::MongoDatabase;

use crate::print::quoted;
use crate::schema::{COLUMNS, Column, Table};
use crate::sources::create;
use crate::value::{DECIMAL_SCALE, Type, Value};

/// The table's name in a session: a sub-query that gives each column that a query names its type. `plain` is the query's text.
pub(crate) fn name(table: &str, database: &str, plain: &str) -> String {
    let named = |c: &&Column| c.name == "id" || plain.contains(&format!(".{}", quoted(c.name)));
    let columns: Vec<String> = COLUMNS.iter().filter(named).map(typed).collect();
    format!("(SELECT {} FROM mg.{database}.{table})", columns.join(", "))
}

fn typed(column: &Column) -> String {
    let name = quoted(column.name);
    match column.ty {
        Type::Int2 => format!("CAST({name} AS SMALLINT) AS {name}"),
        Type::Date => format!("arrow_cast({name}, 'Date32') AS {name}"),
        Type::Timestamp => format!("arrow_cast({name}, 'Timestamp(Microsecond, None)') AS {name}"),
        Type::Instant => format!("arrow_cast({name}, 'Timestamp(Microsecond, Some(\"UTC\"))') AS {name}"),
        Type::Decimal => format!("CAST({name} AS DECIMAL(18, {DECIMAL_SCALE})) AS {name}"),
        _ => name,
    }
}

/// A database with the tables. Every second null is a field that is not there.
pub(crate) async fn load(tables: &[Table]) -> MongoDatabase {
    let mut collections = Vec::new();
    for table in tables {
        let documents = table.rows.iter().enumerate().map(|(i, row)| document(row, i % 2 == 0)).collect();
        collections.push((table.name, documents));
    }
    let filled: Vec<(&str, Vec<Document>)> =
        collections.iter().filter(|(_, d): &&(_, Vec<_>)| !d.is_empty()).cloned().collect();
    let database = MongoDatabase::create(&filled).await;
    for (name, _) in collections.iter().filter(|(_, d)| d.is_empty()) {
        database.run(bson::doc! { "create": *name }).await;
    }
    database
}

fn document(row: &[Value], leaves_nulls_out: bool) -> Document {
    let mut document = Document::new();
    for (value, column) in row.iter().zip(&COLUMNS) {
        match bson(value, column.ty) {
            Bson::Null if leaves_nulls_out => {}
            found => {
                document.insert(column.name, found);
            }
        }
    }
    document
}

fn bson(value: &Value, ty: Type) -> Bson {
    match value {
        Value::Null => Bson::Null,
        Value::Bool(v) => Bson::Boolean(*v),
        Value::Int(v) if ty == Type::Int8 => Bson::Int64(*v),
        Value::Int(v) => Bson::Int32(i32::try_from(*v).expect("an integer of 32 bits")),
        Value::Float(v) => Bson::Double(*v),
        Value::Decimal(v) => Bson::Decimal128(format!("{v}E-{DECIMAL_SCALE}").parse().expect("a decimal number")),
        Value::Text(v) => Bson::String(v.clone()),
        Value::Date(v) => Bson::Int32(*v),
        Value::Timestamp(v) => Bson::Int64(*v),
        Value::Bytes(v) => Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes: v.clone() }),
        Value::Uuid(v) => Bson::from(bson::Uuid::parse_str(v).expect("a UUID")),
    }
}

fn kind(ty: Type) -> &'static str {
    match ty {
        Type::Bool => "bool",
        Type::Int2 | Type::Int4 | Type::Date => "int",
        Type::Int8 | Type::Timestamp | Type::Instant => "long",
        Type::Float => "double",
        Type::Decimal => "decimal(18, 4)",
        Type::Text => "string",
        Type::Bytes => "binData",
        Type::Uuid => "uuid",
    }
}

/// Adds the database as the source `mg`.
pub(crate) async fn add(engine: &Engine, database: &MongoDatabase, tables: &[Table]) {
    let columns: Vec<String> = COLUMNS.iter().map(|c| format!("{} {}", quoted(c.name), kind(c.ty))).collect();
    let columns = columns.join(", ");
    let mut options = database.options();
    for table in tables {
        options = options.with(&format!("columns.{}", table.name), columns.clone());
    }
    create(engine, "mg", "mongodb", &options).await;
}
