//! Finds every schema, table, column and key.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::common::ColumnStatistics;
use headwater_common::Result;
use headwater_source::metadata::BY_SIZE;
use headwater_source::{ColumnMeta, Discovery, ForeignKey, TableKind, TableMeta, TableName};
use tokio_postgres::{Client, Row};

use crate::catalog_queries as queries;
use crate::config::PostgresConfig;
use crate::error::classify;
use crate::statistics::{self, StatisticsRow};
use crate::translate::COMPUTED_OIDS;
use crate::types::{PgType, TypeCatalog};

/// What only this connector reads of a table.
#[derive(Debug, Default)]
pub(crate) struct KnownTable {
    /// The columns in order, with their types.
    pub(crate) types: Vec<(String, PgType)>,
    /// Columns whose collation finds different texts equal.
    pub(crate) nondeterministic: HashSet<String>,
    /// Names of the collations of columns that have one.
    pub(crate) collations: HashMap<String, String>,
    /// Blocks that can be read by range; 0 when the table has none of its own.
    pub(crate) blocks: u64,
    /// COPY cannot write to it: a view, or a table with row security.
    pub(crate) insert_only: bool,
}

/// What one discovery found, with what only this connector reads.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) discovery: Discovery,
    pub(crate) tables: HashMap<TableName, Arc<KnownTable>>,
    /// The types of all columns, and those of computed values.
    pub(crate) types: TypeCatalog,
}

struct Column {
    row: Row,
    number: i16,
    type_oid: u32,
}

/// Reads the catalog.
pub(crate) async fn discover(client: &Client, source: &str, config: &PostgresConfig) -> Result<Found> {
    let failed = |e| classify(source, e);
    let fingerprint = client.query_typed_one(queries::FINGERPRINT, &[]).await.map_err(failed)?;
    let schemas = client.query_typed(queries::SCHEMAS, &[]).await.map_err(failed)?;
    let tables = client.query_typed(queries::TABLES, &[]).await.map_err(failed)?;
    let columns = client.query_typed(queries::COLUMNS, &[]).await.map_err(failed)?;
    let keys = client.query_typed(queries::KEYS, &[]).await.map_err(failed)?;
    let statistics = statistics_rows(client, source).await?;
    let mut by_table: HashMap<u32, Vec<Column>> = HashMap::new();
    for row in columns {
        let column = Column { number: get(&row, 11)?, type_oid: get(&row, 2)?, row };
        by_table.entry(get(&column.row, 0)?).or_default().push(column);
    }
    let mut oids: Vec<u32> = by_table.values().flatten().map(|c| c.type_oid).chain(COMPUTED_OIDS).collect();
    oids.sort_unstable();
    oids.dedup();
    let types = TypeCatalog::load(client, &oids).await.map_err(failed)?;
    let shown = |schema: &str| config.schemas.is_empty() || config.schemas.iter().any(|s| s == schema);
    let mut found = Found { types, ..Found::default() };
    found.discovery.fingerprint = Some(get::<i64>(&fingerprint, 0)?.cast_unsigned());
    for row in &schemas {
        let name: String = get(row, 0)?;
        if shown(&name) {
            found.discovery.schemas.entry(name).or_default();
        }
    }
    let mut keys_by_table: HashMap<u32, Vec<&Row>> = HashMap::new();
    for row in &keys {
        keys_by_table.entry(get(row, 0)?).or_default().push(row);
    }
    for row in &tables {
        let oid: u32 = get(row, 0)?;
        let name = TableName::new(get::<String>(row, 1)?, get::<String>(row, 2)?);
        if !shown(&name.schema) {
            continue;
        }
        let columns = by_table.remove(&oid).unwrap_or_default();
        let resolved = resolve(&columns, &found.types, config)?;
        let mut table = table(row, &name, &columns, &resolved, &statistics)?;
        add_keys(&mut table, &columns, keys_by_table.get(&oid).map(Vec::as_slice).unwrap_or_default())?;
        found.tables.insert(name.clone(), Arc::new(known(row, &columns, resolved)?));
        let schema = found.discovery.schemas.entry(name.schema.clone()).or_default();
        schema.tables.insert(name.table.clone(), Arc::new(table));
    }
    Ok(found)
}

fn known(row: &Row, columns: &[Column], types: Vec<(String, PgType)>) -> Result<KnownTable> {
    let (mut nondeterministic, mut collations) = (HashSet::new(), HashMap::new());
    for column in columns {
        if let Some(collation) = get::<Option<String>>(&column.row, 12)? {
            collations.insert(get(&column.row, 1)?, collation);
        }
        if !get::<bool>(&column.row, 8)? {
            nondeterministic.insert(get(&column.row, 1)?);
        }
    }
    // A foreign child, or one stored otherwise than in blocks, is no part of any range, so such a table is read as a whole.
    let blocks = if get::<bool>(row, 8)? { 0 } else { get::<Option<i64>>(row, 5)?.unwrap_or(0) };
    let (blocks, insert_only) = (u64::try_from(blocks).unwrap_or(0), get::<Option<bool>>(row, 9)?.unwrap_or(false));
    Ok(KnownTable { types, nondeterministic, collations, blocks, insert_only })
}

type StatisticsByColumn = HashMap<(String, String), HashMap<String, StatisticsRow>>;

async fn statistics_rows(client: &Client, source: &str) -> Result<StatisticsByColumn> {
    let rows = client.query_typed(queries::STATISTICS, &[]).await.map_err(|e| classify(source, e))?;
    let mut found = StatisticsByColumn::new();
    for row in &rows {
        let statistics = StatisticsRow {
            null_share: get(row, 3)?,
            distinct: get(row, 4)?,
            common: get(row, 5)?,
            histogram: get(row, 6)?,
            width: get(row, 7)?,
        };
        found.entry((get(row, 0)?, get(row, 1)?)).or_default().insert(get(row, 2)?, statistics);
    }
    Ok(found)
}

fn resolve(columns: &[Column], types: &TypeCatalog, config: &PostgresConfig) -> Result<Vec<(String, PgType)>> {
    columns
        .iter()
        .map(|c| {
            let resolved = types.resolve(c.type_oid, get(&c.row, 3)?, get(&c.row, 4)?, &config.types);
            Ok((get(&c.row, 1)?, resolved))
        })
        .collect()
}

fn table(
    row: &Row,
    name: &TableName,
    columns: &[Column],
    types: &[(String, PgType)],
    statistics: &StatisticsByColumn,
) -> Result<TableMeta> {
    let kind = match get::<String>(row, 3)?.as_str() {
        "v" => TableKind::View,
        "m" => TableKind::MaterializedView,
        "f" => TableKind::ForeignTable,
        "p" => TableKind::PartitionedTable,
        _ => TableKind::Table,
    };
    let estimate: Option<f64> = get(row, 4)?;
    let rows = estimate.filter(|n| *n >= 0.0 && kind != TableKind::View).map(|n| n as u64);
    let statistics = statistics.get(&(name.schema.clone(), name.table.clone()));
    let metas = columns.iter().zip(types).map(|(column, (column_name, pg_type))| {
        let row = &column.row;
        let mut meta = ColumnMeta::new(Arc::new(pg_type.field(column_name, get(row, 5)?)), get::<String>(row, 9)?);
        meta.default = get(row, 6)?;
        let mark = |meta: &mut ColumnMeta, name: &str, value: bool| {
            meta.attributes.insert(name.to_owned(), value.to_string());
        };
        mark(&mut meta, "generated", get(row, 7)?);
        mark(&mut meta, "identity", get(row, 10)?);
        let known = statistics.and_then(|s| s.get(column_name));
        meta.statistics = known.map_or_else(ColumnStatistics::new_unknown, |s| statistics::column(s, pg_type, rows));
        Ok(meta)
    });
    let metas = metas.collect::<Result<Vec<_>>>()?;
    let mut table = TableMeta::new(name.clone(), kind, metas);
    let blocks = get::<Option<i64>>(row, 5)?.and_then(|n| u64::try_from(n).ok());
    let blocks = blocks.filter(|_| rows.is_none() && matches!(kind, TableKind::Table | TableKind::MaterializedView));
    let by_size = blocks.and_then(|blocks| statistics::rows_by_size(blocks, &table));
    if by_size.is_some() {
        table.attributes.insert(BY_SIZE.to_owned(), String::new());
    }
    table.row_count = rows.or(by_size);
    table.bytes = get::<Option<i64>>(row, 6)?.and_then(|n| u64::try_from(n).ok());
    table.comment = get(row, 7)?;
    Ok(table)
}

fn add_keys(table: &mut TableMeta, columns: &[Column], keys: &[&Row]) -> Result<()> {
    for row in keys {
        let numbers: Vec<i16> = get(row, 3)?;
        let places = numbers.iter().map(|n| columns.iter().position(|c| c.number == *n));
        // A key over a column that may not be read is not a key of what is seen.
        let Some(places) = places.collect::<Option<Vec<usize>>>() else { continue };
        let name: String = get(row, 1)?;
        match get::<String>(row, 2)?.as_str() {
            "p" => table.primary_key = Some((name, places)),
            "u" => table.unique_keys.push(places),
            _ => {
                let names = places.iter().filter_map(|i| table.columns.get(*i).map(|c| c.name().to_owned()));
                table.foreign_keys.push(ForeignKey {
                    name,
                    columns: names.collect(),
                    references: TableName::new(get::<String>(row, 4)?, get::<String>(row, 5)?),
                    referenced_columns: get(row, 6)?,
                    on_update: rule(&get::<String>(row, 7)?),
                    on_delete: rule(&get::<String>(row, 8)?),
                    holds: get(row, 9)?,
                });
            }
        }
    }
    Ok(())
}

fn rule(code: &str) -> String {
    match code {
        "r" => "RESTRICT",
        "c" => "CASCADE",
        "n" => "SET NULL",
        "d" => "SET DEFAULT",
        _ => "NO ACTION",
    }
    .to_owned()
}

fn get<'a, T: tokio_postgres::types::FromSql<'a>>(row: &'a Row, index: usize) -> Result<T> {
    row.try_get(index).map_err(|e| headwater_common::Error::internal(format!("catalog query: column {index}: {e}")))
}
