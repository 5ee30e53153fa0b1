//! Finds every database, table and column.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use datafusion::common::stats::Precision;
use headwater_common::{Error, Result};
use headwater_source::{ColumnMeta, Discovery, TableKind, TableMeta, TableName};
use serde_json::Value;

use crate::catalog_queries as queries;
use crate::config::ClickHouseConfig;
use crate::connect::Connections;
use crate::settings::{self, ServerSettings};
use crate::statistics::{self, PartRange};
use crate::types::{ChKind, ChType, Resolved};

/// The types of a table's columns, in order.
pub(crate) type TableTypes = Arc<Vec<(String, ChType)>>;

type Row = Vec<Value>;

/// What one discovery found, with what only this connector reads.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) discovery: Discovery,
    pub(crate) types: HashMap<TableName, TableTypes>,
}

/// The server's version and what it does with this user's settings.
pub(crate) async fn server(connections: &Connections, config: &ClickHouseConfig) -> Result<(String, ServerSettings)> {
    let version = connections.rows(queries::SERVER, &[]).await?;
    let version = version.first().map(|row| text(row, 0)).transpose()?.unwrap_or_default();
    let needed: Vec<&str> = settings::names().collect();
    let mut values = BTreeMap::new();
    for row in connections.rows(queries::SETTINGS, &[]).await? {
        let name = text(&row, 0)?;
        if needed.contains(&name.as_str()) {
            values.insert(name, (text(&row, 1)?, flag(&row, 2)));
        }
    }
    let settings = ServerSettings::new(&values, config.compression.as_str(), &config.settings);
    Ok((format!("ClickHouse {version}"), settings))
}

/// The number that changes with every DDL.
pub(crate) async fn fingerprint(connections: &Connections) -> Result<u64> {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    for query in [queries::FINGERPRINT_TABLES, queries::FINGERPRINT_COLUMNS, queries::DATABASES] {
        for row in connections.rows(query, &[]).await? {
            row.iter().for_each(|value| value.to_string().hash(&mut hasher));
        }
    }
    Ok(hasher.finish())
}

/// Reads the system tables.
pub(crate) async fn discover(connections: &Connections, config: &ClickHouseConfig) -> Result<Found> {
    let fingerprint = fingerprint(connections).await?;
    let databases = connections.rows(queries::DATABASES, &[]).await?;
    let tables = connections.rows(queries::TABLES, &[]).await?;
    let columns = connections.rows(queries::COLUMNS, &[]).await?;
    let ranges = part_ranges(connections).await?;
    let mut by_table: HashMap<TableName, Vec<Row>> = HashMap::new();
    for row in columns {
        by_table.entry(TableName::new(text(&row, 0)?, text(&row, 1)?)).or_default().push(row);
    }
    let shown = |schema: &str| config.databases.is_empty() || config.databases.iter().any(|s| s == schema);
    let mut found = Found::default();
    found.discovery.fingerprint = Some(fingerprint);
    for row in &databases {
        let name = text(row, 0)?;
        if shown(&name) {
            found.discovery.schemas.entry(name).or_default();
        }
    }
    for row in &tables {
        let name = TableName::new(text(row, 0)?, text(row, 1)?);
        // A view with parameters has no columns until they are given.
        let Some(columns) = by_table.remove(&name).filter(|c| shown(&name.schema) && !c.is_empty()) else { continue };
        let (table, types) = table(row, &name, &columns, ranges.get(&name), config)?;
        found.types.insert(name.clone(), Arc::new(types));
        let schema = found.discovery.schemas.entry(name.schema.clone()).or_default();
        schema.tables.insert(name.table.clone(), Arc::new(table));
    }
    Ok(found)
}

/// Ranges of partitions; none when the user may not see the parts.
async fn part_ranges(connections: &Connections) -> Result<HashMap<TableName, PartRange>> {
    use headwater_common::ErrorKind;
    let rows = match connections.rows(queries::PARTS, &[]).await {
        Err(e) if e.kind() == ErrorKind::PermissionDenied => return Ok(HashMap::new()),
        other => other?,
    };
    let mut found = HashMap::new();
    for row in &rows {
        let whole = |i: usize| row.get(i).and_then(number).unwrap_or(0);
        let day = |i: usize| i32::try_from(whole(i)).unwrap_or(0);
        let range = PartRange { days: (day(2), day(3)), seconds: (whole(4), whole(5)) };
        found.insert(TableName::new(text(row, 0)?, text(row, 1)?), range);
    }
    Ok(found)
}

fn table(
    row: &[Value],
    name: &TableName,
    columns: &[Row],
    range: Option<&PartRange>,
    config: &ClickHouseConfig,
) -> Result<(TableMeta, Vec<(String, ChType)>)> {
    let engine = text(row, 2)?;
    let dated = columns.iter().filter(|c| flag(c, 7) && text(c, 3).is_ok_and(|t| t.starts_with("Date"))).count() == 1;
    let (mut metas, mut types, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    for column in columns {
        let (column_name, type_name, default_kind) = (text(column, 2)?, text(column, 3)?, text(column, 4)?);
        let resolved = match default_kind.as_str() {
            "EPHEMERAL" => Resolved::LeftOut(format!("{column_name}: an EPHEMERAL column has no values")),
            _ => ChType::resolve(&type_name, &config.types),
        };
        let t = match resolved {
            Resolved::Type(t) => t,
            Resolved::LeftOut(reason) => {
                left_out.push(format!("{column_name}: {reason}"));
                continue;
            }
        };
        let mut meta = ColumnMeta::new(Arc::new(t.field(&column_name, &config.types)), type_name);
        let partitioned = flag(column, 7);
        meta.statistics = statistics::column(&t, range.filter(|_| partitioned && dated));
        let bytes = column.get(10).and_then(number).and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0);
        meta.statistics.byte_size = bytes.map_or(Precision::Absent, Precision::Inexact);
        meta.default = Some(text(column, 5)?).filter(|d| !d.is_empty());
        let mark = |name: &str, value: String| (name.to_owned(), value);
        meta.attributes = BTreeMap::from([
            mark("default_kind", default_kind),
            mark("partition_key", partitioned.to_string()),
            mark("sorting_key", flag(column, 8).to_string()),
            mark("primary_key", flag(column, 9).to_string()),
            mark("comment", text(column, 6)?),
        ]);
        metas.push(meta);
        types.push((column_name, t));
    }
    let mut table = TableMeta::new(name.clone(), kind(&engine), metas);
    // Neither key is unique: several rows may have the same values, so none becomes a constraint.
    let first_key = first_key(&text(row, 8)?, &types);
    table.row_count = row.get(3).and_then(number).and_then(|n| u64::try_from(n).ok());
    table.bytes = row.get(4).and_then(number).and_then(|n| u64::try_from(n).ok());
    table.comment = Some(text(row, 5)?).filter(|c| !c.is_empty());
    let mut attribute = |name: &str, value: String| {
        if !value.is_empty() {
            table.attributes.insert(name.to_owned(), value);
        }
    };
    attribute("engine", engine);
    attribute("partition_key", text(row, 6)?);
    attribute("sorting_key", text(row, 7)?);
    attribute("primary_key", text(row, 8)?);
    attribute("left_out", left_out.join("; "));
    attribute("split_key", first_key.unwrap_or_default());
    Ok((table, types))
}

/// The first column of the primary key when its values are whole numbers, days or seconds.
fn first_key(primary_key: &str, types: &[(String, ChType)]) -> Option<String> {
    let rest = primary_key.trim_start_matches('(');
    let first = rest.split([',', ')']).next()?.trim().trim_matches('`');
    let (name, t) = types.iter().find(|(name, _)| name == first)?;
    let splits = match &t.kind {
        ChKind::Native(native) => native.is_integer(),
        ChKind::Date | ChKind::DateTime => true,
        _ => false,
    };
    splits.then(|| name.clone())
}

fn kind(engine: &str) -> TableKind {
    const FOREIGN: [&str; 20] = [
        "AzureBlobStorage",
        "AzureQueue",
        "DeltaLake",
        "ExternalDistributed",
        "GCS",
        "HDFS",
        "Hive",
        "Hudi",
        "IcebergS3",
        "Iceberg",
        "JDBC",
        "Kafka",
        "MongoDB",
        "MySQL",
        "ODBC",
        "PostgreSQL",
        "Redis",
        "S3",
        "SQLite",
        "URL",
    ];
    match engine {
        "View" | "LiveView" | "WindowView" => TableKind::View,
        "MaterializedView" => TableKind::MaterializedView,
        other if FOREIGN.contains(&other) => TableKind::ForeignTable,
        _ => TableKind::Table,
    }
}

fn text(row: &[Value], index: usize) -> Result<String> {
    match row.get(index) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Null) => Ok(String::new()),
        _ => Err(Error::internal(format!("system tables: column {index} is no text"))),
    }
}

fn flag(row: &[Value], index: usize) -> bool {
    matches!(row.get(index), Some(Value::Bool(true)))
}

/// A number, whether or not the server puts quotes around it.
pub(crate) fn number(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_i64(),
    }
}
