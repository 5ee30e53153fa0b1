//! Catalogs, schemas, tables, types and what the server says of itself.

use std::collections::BTreeSet;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Schema, UInt32Type};
use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::sql::{CommandGetDbSchemas, CommandGetTables, SqlInfo};
use headwater_common::config::Config;
use tonic::transport::Channel;

use crate::{client, fetch, query, start};

#[tokio::test(flavor = "multi_thread")]
async fn metadata_answers_with_the_specified_schemas() {
    let running = start(Config::default()).await;
    let mut client = client(&running).await;
    let info = client.get_catalogs().await.unwrap();
    let catalogs = fetch(&mut client, info).await;
    assert!(catalogs[0].column(0).as_string::<i32>().iter().flatten().any(|c| c == "headwater"));
    let schemas = CommandGetDbSchemas { catalog: None, db_schema_filter_pattern: None };
    let info = client.get_db_schemas(schemas).await.unwrap();
    fetch(&mut client, info).await;
    for include_schema in [false, true] {
        for pattern in [None, Some("sett%".to_owned()), Some("SELECT '%' FROM x".to_owned())] {
            let command = CommandGetTables {
                catalog: None,
                db_schema_filter_pattern: None,
                table_name_filter_pattern: pattern.clone(),
                table_types: vec![],
                include_schema,
            };
            let info = client.get_tables(command).await.unwrap();
            let found: usize = fetch(&mut client, info).await.iter().map(|b| b.num_rows()).sum();
            match pattern.as_deref() {
                None => assert!(found >= 3, "{found}"),
                Some(pattern) => assert_eq!(found, usize::from(pattern == "sett%")),
            }
        }
    }
    let info = client.get_table_types().await.unwrap();
    fetch(&mut client, info).await;
    let info = client.get_sql_info(vec![SqlInfo::FlightSqlServerName]).await.unwrap();
    assert_eq!(fetch(&mut client, info).await[0].num_rows(), 1);
    let info = client.get_sql_info(vec![]).await.unwrap();
    assert!(fetch(&mut client, info).await[0].num_rows() > 40);
    let info = client.get_xdbc_type_info(arrow_flight::sql::CommandGetXdbcTypeInfo { data_type: None }).await.unwrap();
    assert!(fetch(&mut client, info).await[0].num_rows() > 10);
    let keys = arrow_flight::sql::CommandGetPrimaryKeys { catalog: None, db_schema: None, table: "t".into() };
    let info = client.get_primary_keys(keys).await.unwrap();
    fetch(&mut client, info).await;
}

async fn info(client: &mut FlightSqlServiceClient<Channel>, ids: Vec<SqlInfo>) -> arrow::array::RecordBatch {
    let info = client.get_sql_info(ids).await.unwrap();
    fetch(client, info).await.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_number_of_the_specification_is_answered() {
    let running = start(Config::default()).await;
    let mut client = client(&running).await;
    let all = info(&mut client, vec![]).await;
    let found: BTreeSet<u32> = all.column(0).as_primitive::<UInt32Type>().values().iter().copied().collect();
    let known = (0..600).filter(|n| SqlInfo::try_from(*n).is_ok()).map(|n| n as u32);
    assert_eq!(found, known.collect::<BTreeSet<u32>>());
    assert_eq!(found.len(), 91);
    // The member of the union for each: text, flag, number, mask, list, map.
    let values = all.column(1).as_any().downcast_ref::<arrow::array::UnionArray>().unwrap();
    for (i, id) in all.column(0).as_primitive::<UInt32Type>().values().iter().enumerate() {
        let member = match id {
            0..=2 | 6 | 7 | 504 | 513 | 514 | 529..=531 => 0,
            8 | 100 | 101 | 503 | 505 | 507 | 522 | 525 | 526 | 528 | 533..=535 | 538 | 540 | 562 | 564 | 567..=571 => 3,
            541..=555 | 557..=561 => 2,
            508..=512 => 4,
            517 => 5,
            _ => 1,
        };
        assert_eq!(values.type_id(i), member, "info {id}");
    }
    assert_eq!(info(&mut client, vec![SqlInfo::SqlKeywords, SqlInfo::FlightSqlServerName]).await.num_rows(), 2);
}

#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::too_many_lines, reason = "one claim after the other")]
async fn the_listed_functions_and_conversions_are_true() {
    let running = start(Config::default()).await;
    let mut client = client(&running).await;
    let known = query(&mut client, "SELECT name FROM system.functions").await;
    let known: BTreeSet<String> =
        known.iter().flat_map(|b| b.column(0).as_string::<i32>().iter().flatten().map(str::to_owned)).collect();
    let ids = vec![
        SqlInfo::SqlNumericFunctions,
        SqlInfo::SqlStringFunctions,
        SqlInfo::SqlSystemFunctions,
        SqlInfo::SqlDatetimeFunctions,
    ];
    let lists = info(&mut client, ids).await;
    let values = lists.column(1).as_any().downcast_ref::<arrow::array::UnionArray>().unwrap();
    for row in 0..4 {
        let list = values.value(row);
        for name in list.as_list::<i32>().value(0).as_string::<i32>().iter().flatten() {
            assert!(known.contains(name), "{name} is not a function");
        }
    }
    let names = [
        "BIGINT",
        "BYTEA",
        "BOOLEAN",
        "CHAR",
        "DATE",
        "DECIMAL(20,2)",
        "DOUBLE",
        "INTEGER",
        "",
        "",
        "BYTEA",
        "TEXT",
        "NUMERIC(20,2)",
        "REAL",
        "SMALLINT",
        "TIME",
        "TIMESTAMP",
        "TINYINT",
        "BYTEA",
        "VARCHAR",
    ];
    let sample = |from: usize, to: usize| match names[from] {
        "DATE" => "DATE '2024-01-02'",
        "TIMESTAMP" => "TIMESTAMP '2024-01-02 03:04:05'",
        "TIME" => "TIME '03:04:05'",
        "BOOLEAN" => "true",
        "BYTEA" => "X'00'",
        "CHAR" | "TEXT" | "VARCHAR" => match names[to] {
            "DATE" => "'2024-01-02'",
            "TIMESTAMP" => "'2024-01-02 03:04:05'",
            "TIME" => "'03:04:05'",
            "BOOLEAN" => "'true'",
            _ => "'1'",
        },
        _ => "1",
    };
    let map = info(&mut client, vec![SqlInfo::SqlSupportsConvert]).await;
    let values = map.column(1).as_any().downcast_ref::<arrow::array::UnionArray>().unwrap().value(0);
    let entries = values.as_map().value(0);
    let keys = entries.column(0).as_primitive::<arrow::datatypes::Int32Type>().clone();
    let targets = entries.column(1).as_list::<i32>().clone();
    let mut casts = Vec::new();
    for (i, from) in keys.values().iter().enumerate() {
        for to in targets.value(i).as_primitive::<arrow::datatypes::Int32Type>().values() {
            let (from, to) = (*from as usize, *to as usize);
            casts.push(format!("CAST(CAST({} AS {}) AS {}) AS c{from}_{to}", sample(from, to), names[from], names[to]));
        }
    }
    assert!(casts.len() > 100);
    for some in casts.chunks(40) {
        let rows = query(&mut client, &format!("SELECT {}", some.join(", "))).await;
        assert!(rows[0].columns().iter().all(|c| c.null_count() == 0), "{some:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn types_have_the_numbers_of_odbc() {
    let running = start(Config::default()).await;
    let mut client = client(&running).await;
    let mut ask = async |data_type: Option<i32>| {
        let info = client.get_xdbc_type_info(arrow_flight::sql::CommandGetXdbcTypeInfo { data_type }).await.unwrap();
        let batch = fetch(&mut client, info).await.remove(0);
        batch.column(0).as_string::<i32>().iter().flatten().map(str::to_owned).collect::<Vec<String>>()
    };
    let all = ask(None).await;
    assert!(all.len() >= 22 && all.contains(&"TIMESTAMP".to_owned()), "{all:?}");
    assert_eq!(ask(Some(-9)).await, ["NVARCHAR", "WVARCHAR"], "wide texts, which Power BI asks for");
    assert_eq!(ask(Some(-8)).await, ["NCHAR"]);
    assert_eq!(ask(Some(12)).await, ["VARCHAR"]);
    assert!(ask(Some(12_345)).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_are_described_beside_their_types() {
    let running = start(Config::default()).await;
    let mut client = client(&running).await;
    let command = CommandGetTables {
        catalog: Some("headwater".into()),
        db_schema_filter_pattern: Some("sys_em".into()),
        table_name_filter_pattern: Some("settings".into()),
        table_types: vec!["VIEW".into()],
        include_schema: true,
    };
    let info = client.get_tables(command).await.unwrap();
    let batch = fetch(&mut client, info).await.remove(0);
    let message = bytes::Bytes::copy_from_slice(batch.column(4).as_binary::<i32>().value(0));
    let schema = Schema::try_from(arrow_flight::IpcMessage(message)).unwrap();
    assert_eq!(schema.field(0).data_type(), &DataType::Utf8);
    let metadata = schema.field(0).metadata();
    for (key, value) in
        [("CATALOG_NAME", "headwater"), ("DB_SCHEMA_NAME", "system"), ("TABLE_NAME", "settings"), ("IS_READ_ONLY", "1")]
    {
        assert_eq!(metadata.get(&format!("ARROW:FLIGHT:SQL:{key}")).map(String::as_str), Some(value));
    }
}
