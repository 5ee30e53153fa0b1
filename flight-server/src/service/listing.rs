//! Catalogs, schemas, tables and types, from what the last discovery of each source found.
//!
//! No listing waits for a source: one that is away shows what is known of it and does not keep the others from being listed.

use arrow::array::RecordBatch;
use arrow_flight::sql::metadata::XdbcTypeInfo;
use arrow_flight::sql::{
    CommandGetCatalogs, CommandGetDbSchemas, CommandGetTableTypes, CommandGetTables, Nullable, Searchable, XdbcDataType,
};
use tonic::Status;

use super::Service;
use crate::encode::output_schema;
use crate::session::WireSession;

/// Headwater's own catalog and the schema with its tables.
const OWN: &str = "headwater";
const SYSTEM: &str = "system";

fn failed(e: impl std::fmt::Display) -> Status {
    Status::internal(format!("listing: {e}"))
}

pub(super) async fn catalogs(
    service: &Service,
    _wire: &WireSession,
    query: CommandGetCatalogs,
) -> Result<RecordBatch, Status> {
    let mut builder = query.into_builder();
    builder.append(OWN);
    for catalog in service.sessions.engine().catalogs() {
        builder.append(catalog.source().name());
    }
    builder.build().map_err(failed)
}

pub(super) async fn schemas(
    service: &Service,
    _wire: &WireSession,
    query: CommandGetDbSchemas,
) -> Result<RecordBatch, Status> {
    let mut builder = query.into_builder();
    builder.append(OWN, SYSTEM);
    for catalog in service.sessions.engine().catalogs() {
        for schema in catalog.discovery().schemas.keys() {
            builder.append(catalog.source().name(), schema);
        }
    }
    builder.build().map_err(failed)
}

pub(super) async fn tables(service: &Service, wire: &WireSession, query: CommandGetTables) -> Result<RecordBatch, Status> {
    let mut builder = query.into_builder();
    for table in ["functions", "settings", "sources"] {
        let prepared = wire.session.prepare(&format!("SELECT * FROM {OWN}.{SYSTEM}.{table}")).await;
        let schema = prepared.map_err(|e| crate::status::status(&e))?.schema();
        builder.append(OWN, SYSTEM, table, "VIEW", &output_schema(&schema)).map_err(failed)?;
    }
    for catalog in service.sessions.engine().catalogs() {
        for (schema, found) in &catalog.discovery().schemas {
            for table in found.tables.values() {
                let shown = output_schema(&table.schema);
                let kind = table.kind.as_str();
                builder.append(catalog.source().name(), schema, &table.name.table, kind, &shown).map_err(failed)?;
            }
        }
    }
    builder.build().map_err(failed)
}

pub(super) async fn table_types(
    _service: &Service,
    _wire: &WireSession,
    query: CommandGetTableTypes,
) -> Result<RecordBatch, Status> {
    let mut builder = query.into_builder();
    for kind in ["TABLE", "VIEW", "MATERIALIZED VIEW", "FOREIGN TABLE", "PARTITIONED TABLE"] {
        builder.append(kind);
    }
    builder.build().map_err(failed)
}

/// The types of SQL that clients may use, as ODBC numbers them.
pub(super) fn xdbc_types() -> Vec<XdbcTypeInfo> {
    let quote = Some("'");
    let rows: [(&str, XdbcDataType, i32, Option<&str>); 17] = [
        ("BOOLEAN", XdbcDataType::XdbcBit, 1, None),
        ("TINYINT", XdbcDataType::XdbcTinyint, 3, None),
        ("SMALLINT", XdbcDataType::XdbcSmallint, 5, None),
        ("INTEGER", XdbcDataType::XdbcInteger, 10, None),
        ("BIGINT", XdbcDataType::XdbcBigint, 19, None),
        ("REAL", XdbcDataType::XdbcReal, 7, None),
        ("DOUBLE", XdbcDataType::XdbcDouble, 15, None),
        ("DECIMAL", XdbcDataType::XdbcDecimal, 76, None),
        ("NUMERIC", XdbcDataType::XdbcNumeric, 76, None),
        ("CHAR", XdbcDataType::XdbcChar, i32::MAX, quote),
        ("VARCHAR", XdbcDataType::XdbcVarchar, i32::MAX, quote),
        ("WVARCHAR", XdbcDataType::XdbcWvarchar, i32::MAX, quote),
        ("LONGVARCHAR", XdbcDataType::XdbcLongvarchar, i32::MAX, quote),
        ("VARBINARY", XdbcDataType::XdbcVarbinary, i32::MAX, Some("X'")),
        ("DATE", XdbcDataType::XdbcDate, 10, quote),
        ("TIME", XdbcDataType::XdbcTime, 15, quote),
        ("TIMESTAMP", XdbcDataType::XdbcTimestamp, 32, quote),
    ];
    let info = |(name, data_type, size, prefix): (&str, XdbcDataType, i32, Option<&str>)| XdbcTypeInfo {
        type_name: name.into(),
        data_type,
        column_size: Some(size),
        literal_prefix: prefix.map(str::to_owned),
        literal_suffix: prefix.map(|_| "'".to_owned()),
        create_params: None,
        nullable: Nullable::NullabilityNullable,
        case_sensitive: prefix.is_some(),
        searchable: Searchable::Full,
        unsigned_attribute: Some(false),
        fixed_prec_scale: false,
        auto_increment: Some(false),
        local_type_name: Some(name.into()),
        minimum_scale: None,
        maximum_scale: None,
        sql_data_type: data_type,
        datetime_subcode: None,
        num_prec_radix: prefix.is_none().then_some(10),
        interval_precision: None,
    };
    rows.into_iter().map(info).collect()
}
