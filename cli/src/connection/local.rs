//! The engine of this process.

use std::path::Path;

use arrow::array::{Array, UInt64Array};
use futures::{StreamExt, TryStreamExt};
use headwater_common::config::load_file;
use headwater_common::{Error, Result};
use headwater_engine::Session;
use headwater_engine::error::classify;
use headwater_source::TableMeta;

use super::{Answer, Column, Table};

/// A session over the sources of a configuration.
pub(super) async fn open(config: Option<&Path>) -> Result<Session> {
    let engine = headwater_flight_server::wire::engine(load_file(config)?).await?;
    engine.session("local")
}

/// Runs one statement.
pub(super) async fn query(session: &Session, sql: &str) -> Result<Answer> {
    let result = session.query(sql).await?;
    let (schema, update) = (result.schema(), result.is_update());
    let mut stream = result.into_stream().map_err(classify).boxed();
    if !update {
        return Ok(Answer { schema, changed: None, stream });
    }
    let mut changed = 0;
    while let Some(batch) = stream.try_next().await? {
        let counts = batch.columns().first().and_then(|c| c.as_any().downcast_ref::<UInt64Array>());
        let counts = counts.ok_or_else(|| Error::internal("a change did not return its number of rows"))?;
        changed += counts.iter().flatten().sum::<u64>();
    }
    Ok(Answer { schema, changed: Some(changed), stream: futures::stream::empty().boxed() })
}

/// Makes a source, or `source.schema`, the default of names. Without a schema it is `public`, or the first one.
pub(super) fn set_default(session: &Session, name: &str) -> Result<()> {
    let (catalog, schema) = name.split_once('.').map_or((name, None), |(c, s)| (c, Some(s.to_owned())));
    let found = session.engine().catalogs().into_iter().find(|c| c.source().name() == catalog);
    let schemas: Vec<String> = found.map(|c| c.discovery().schemas.keys().cloned().collect()).unwrap_or_default();
    let schema = match schema {
        Some(schema) if !schemas.is_empty() && !schemas.contains(&schema) => {
            let hint = headwater_common::nearest::hint(&schema, schemas.iter().map(String::as_str));
            return Err(Error::not_found(format!("there is no schema \"{schema}\" in {catalog}{hint}")));
        }
        Some(schema) => schema,
        None if schemas.is_empty() || schemas.iter().any(|s| s == "public") => "public".to_owned(),
        None => schemas[0].clone(),
    };
    session.set_default(Some(catalog), Some(&schema))
}

/// Every table that discovery found.
pub(super) fn tables(session: &Session) -> Vec<Table> {
    let mut found = Vec::new();
    for catalog in session.engine().catalogs() {
        let name = catalog.source().name();
        for schema in catalog.discovery().schemas.values() {
            found.extend(schema.tables.values().map(|t| table(name, t)));
        }
    }
    found
}

fn table(catalog: &str, meta: &TableMeta) -> Table {
    let columns = meta.columns.iter().map(|c| Column {
        name: c.name().to_owned(),
        data_type: c.field.data_type().clone(),
        remote_type: c.remote_type.clone(),
        nullable: c.field.is_nullable(),
    });
    Table {
        catalog: catalog.to_owned(),
        schema: meta.name.schema.clone(),
        name: meta.name.table.clone(),
        kind: meta.kind.as_str().to_ascii_lowercase(),
        rows: meta.row_count,
        columns: columns.collect(),
        keys: keys(meta),
    }
}

fn keys(meta: &TableMeta) -> Vec<String> {
    let names = |positions: &[usize]| {
        let names: Vec<&str> = positions.iter().filter_map(|p| meta.columns.get(*p)).map(|c| c.name()).collect();
        names.join(", ")
    };
    let primary = meta.primary_key.iter().map(|(_, columns)| format!("primary key ({})", names(columns)));
    let unique = meta.unique_keys.iter().map(|columns| format!("unique ({})", names(columns)));
    let foreign = meta.foreign_keys.iter().map(|key| {
        let (own, other) = (key.columns.join(", "), key.referenced_columns.join(", "));
        format!("foreign key ({own}) references {} ({other})", key.references)
    });
    primary.chain(unique).chain(foreign).collect()
}
