//! datafusion-federation over datafusion-table-providers, as they are shipped, as a side of the federation benchmark.
//!
//! The one argument is a JSON object: `postgres` and `clickhouse` are the parameters of the providers, `schema` the schema of
//! the ClickHouse tables, `files` the folder of the Parquet files. Each line of standard input is `{"sql": ...}`; each answer
//! is a line with `seconds` and `rows`, or with `error`.

use std::collections::HashMap;
use std::io::BufRead;
use std::sync::Arc;
use std::time::Instant;

use datafusion::arrow::array::Array;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider, TableProvider};
use datafusion::common::TableReference;
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use datafusion_table_providers::clickhouse::ClickHouseTableFactory;
use datafusion_table_providers::postgres::PostgresTableFactory;
use datafusion_table_providers::sql::db_connection_pool::clickhousepool::ClickHouseConnectionPool;
use datafusion_table_providers::sql::db_connection_pool::postgrespool::PostgresConnectionPool;
use datafusion_table_providers::util::secrets::to_secret_map;
use serde_json::{Value, json};

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn texts(value: &Value) -> HashMap<String, String> {
    let pairs = value.as_object().into_iter().flatten();
    pairs.map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_owned())).collect()
}

fn catalog(
    context: &SessionContext,
    name: &str,
    schema: &str,
    tables: Vec<(&str, Arc<dyn TableProvider>)>,
) -> Result<(), Failure> {
    let (catalog, members) = (MemoryCatalogProvider::new(), Arc::new(MemorySchemaProvider::new()));
    for (name, table) in tables {
        members.register_table(name.to_owned(), table)?;
    }
    catalog.register_schema(schema, members)?;
    context.register_catalog(name, Arc::new(catalog));
    Ok(())
}

async fn context(arguments: &Value) -> Result<SessionContext, Failure> {
    let context = SessionContext::new_with_state(datafusion_federation::default_session_state());
    let pool = Arc::new(PostgresConnectionPool::new(to_secret_map(texts(&arguments["postgres"]))).await?);
    let postgres = PostgresTableFactory::new(pool);
    let mut tables = Vec::new();
    let on_postgres: Vec<&str> = arguments["tables"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for name in on_postgres {
        tables.push((name, postgres.table_provider(TableReference::partial("public", name)).await?));
    }
    catalog(&context, "pg", "public", tables)?;
    let pool = ClickHouseConnectionPool::new(to_secret_map(texts(&arguments["clickhouse"]))).await?;
    let lineitem = ClickHouseTableFactory::new(pool).table_provider(TableReference::bare("lineitem"), None).await?;
    let schema = arguments["schema"].as_str().unwrap_or_default();
    catalog(&context, "ch", schema, vec![("lineitem", lineitem)])?;
    let mut tables = Vec::new();
    for name in ["part", "partsupp", "supplier", "nation", "region"] {
        let path = format!("{}/{name}.parquet", arguments["files"].as_str().unwrap_or_default());
        let frame = context.read_parquet(path, ParquetReadOptions::default()).await?;
        tables.push((name, frame.into_view()));
    }
    catalog(&context, "files", "public", tables)?;
    Ok(context)
}

async fn answer(context: SessionContext, sql: String) -> Result<Value, Failure> {
    let start = Instant::now();
    let batches = context.sql(&sql).await?.collect().await?;
    let seconds = start.elapsed().as_secs_f64();
    let options = FormatOptions::default();
    let mut rows = Vec::new();
    for batch in &batches {
        let columns: Result<Vec<_>, _> = batch.columns().iter().map(|c| ArrayFormatter::try_new(c, &options)).collect();
        let columns = columns?;
        for row in 0..batch.num_rows() {
            let cell =
                |(i, c): (usize, &ArrayFormatter<'_>)| batch.column(i).is_valid(row).then(|| c.value(row).to_string());
            rows.push(columns.iter().enumerate().map(cell).collect::<Vec<_>>());
        }
    }
    Ok(json!({ "seconds": seconds, "rows": rows }))
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Value = serde_json::from_str(&std::env::args().nth(1).ok_or("usage: federation-peer JSON")?)?;
    let context = context(&arguments).await?;
    println!("{}", json!({ "ready": true }));
    for line in std::io::stdin().lock().lines() {
        let question: Value = serde_json::from_str(&line?)?;
        let sql = question["sql"].as_str().unwrap_or_default().to_owned();
        let result = match tokio::spawn(answer(context.clone(), sql)).await {
            Ok(result) => result,
            Err(e) => Err(e.into()),
        };
        println!("{}", result.unwrap_or_else(|e| json!({ "error": e.to_string() })));
    }
    Ok(())
}
