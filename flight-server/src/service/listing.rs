//! Catalogs, schemas and tables, from what the last discovery of each source found.
//!
//! A listing asks each source at most for its fingerprint, at most once a second and for a short time only: a source that is
//! away shows what is known of it and does not keep the others from being listed.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use arrow_flight::sql::{
    Command, CommandGetCatalogs, CommandGetDbSchemas, CommandGetTableTypes, CommandGetTables, CommandGetXdbcTypeInfo,
};
use headwater_engine::Engine;
use headwater_source::SourceCatalog;
use parking_lot::Mutex;
use tonic::Status;

use super::command::refused;
use super::pattern::Pattern;
use super::{Call, Service, describe, keys, sql_info, xdbc_types};
use crate::status::{defect, status};

/// Longest wait for a source to say whether its tables changed.
const WAIT: Duration = Duration::from_millis(250);
/// Every type of table.
const TABLE_TYPES: [&str; 5] = ["TABLE", "VIEW", "MATERIALIZED VIEW", "FOREIGN TABLE", "PARTITIONED TABLE"];

fn failed(e: impl std::fmt::Display) -> Status {
    defect("a listing", e)
}

/// Schema of a listing; `None` for a command that is none.
pub(super) fn schema(command: &Command) -> Option<SchemaRef> {
    let schema = match command {
        Command::CommandGetCatalogs(_) => CommandGetCatalogs::default().into_builder().schema(),
        Command::CommandGetDbSchemas(query) => query.clone().into_builder().schema(),
        Command::CommandGetTables(query) => query.clone().into_builder().schema(),
        Command::CommandGetTableTypes(query) => (*query).into_builder().schema(),
        Command::CommandGetSqlInfo(_) => sql_info::schema(),
        Command::CommandGetPrimaryKeys(_) => keys::primary_schema(),
        Command::CommandGetExportedKeys(_) | Command::CommandGetImportedKeys(_) | Command::CommandGetCrossReference(_) => {
            keys::reference_schema()
        }
        Command::CommandGetXdbcTypeInfo(_) => xdbc_types::schema(),
        _ => return None,
    };
    Some(schema)
}

/// Rows of a listing.
pub(super) async fn batch(service: &Service, call: &Call, command: Command) -> Result<RecordBatch, Status> {
    let engine = service.sessions.engine();
    let fresh = match command {
        Command::CommandGetTableTypes(_) | Command::CommandGetSqlInfo(_) | Command::CommandGetXdbcTypeInfo(_) => Vec::new(),
        _ => service.discovering.sources(engine).await,
    };
    match command {
        Command::CommandGetCatalogs(query) => catalogs(engine, &fresh, query),
        Command::CommandGetDbSchemas(query) => schemas(engine, &fresh, query),
        Command::CommandGetTables(query) => tables(engine, &fresh, call, query).await,
        Command::CommandGetTableTypes(query) => table_types(query),
        Command::CommandGetSqlInfo(query) => service.information.batch(query),
        Command::CommandGetPrimaryKeys(query) => keys::primary(&fresh, query),
        Command::CommandGetExportedKeys(query) => keys::exported(&fresh, query),
        Command::CommandGetImportedKeys(query) => keys::imported(&fresh, query),
        Command::CommandGetCrossReference(query) => keys::cross(&fresh, query),
        Command::CommandGetXdbcTypeInfo(CommandGetXdbcTypeInfo { data_type }) => xdbc_types::batch(data_type),
        other => Err(refused(&other, "DoGet")),
    }
}

/// Which sources are being looked at.
#[derive(Debug, Default)]
pub(super) struct Discovering {
    running: Mutex<HashSet<String>>,
}

impl Discovering {
    /// All sources, after those that answer quickly have said whether their tables changed.
    async fn sources(self: &Arc<Self>, engine: &Engine) -> Vec<Arc<SourceCatalog>> {
        let catalogs = engine.catalogs();
        let looks = catalogs.iter().filter_map(|catalog| {
            let name = catalog.source().name().to_owned();
            if !self.running.lock().insert(name.clone()) {
                return None;
            }
            let (catalog, this) = (Arc::clone(catalog), Arc::clone(self));
            let away = catalog.error().is_some();
            let look = tokio::spawn(async move {
                if let Err(e) = catalog.ensure_fresh().await {
                    tracing::debug!(source = name, error = %e, "listing shows what is known");
                }
                this.running.lock().remove(&name);
            });
            (!away).then_some(look)
        });
        let looks = futures::future::join_all(looks);
        if tokio::time::timeout(WAIT, looks).await.is_err() {
            tracing::debug!("a source is slow; the listing shows what is known");
        }
        catalogs
    }
}

fn catalogs(engine: &Engine, sources: &[Arc<SourceCatalog>], query: CommandGetCatalogs) -> Result<RecordBatch, Status> {
    let mut builder = query.into_builder();
    builder.append(engine.own_schemas().0);
    for source in sources {
        builder.append(source.source().name());
    }
    builder.build().map_err(failed)
}

/// What a search asks for. A catalog is named exactly, schemas and tables by patterns.
struct Search {
    catalog: Option<String>,
    schema: Option<Pattern>,
    table: Option<Pattern>,
    types: Vec<String>,
}

impl Search {
    fn catalog(&self, name: &str) -> bool {
        self.catalog.as_deref().is_none_or(|c| c == name)
    }

    fn schema(&self, name: &str) -> bool {
        self.schema.as_ref().is_none_or(|p| p.fits(name))
    }

    fn table(&self, name: &str, kind: &str) -> bool {
        self.table.as_ref().is_none_or(|p| p.fits(name)) && (self.types.is_empty() || self.types.iter().any(|t| t == kind))
    }
}

fn schemas(engine: &Engine, sources: &[Arc<SourceCatalog>], query: CommandGetDbSchemas) -> Result<RecordBatch, Status> {
    let schema = query.db_schema_filter_pattern.as_deref().map(Pattern::new);
    let search = Search { catalog: query.catalog, schema, table: None, types: Vec::new() };
    let mut builder = CommandGetDbSchemas { catalog: None, db_schema_filter_pattern: None }.into_builder();
    let (own, own_schemas) = engine.own_schemas();
    for schema in own_schemas.iter().filter(|s| search.catalog(own) && search.schema(s)) {
        builder.append(own, schema);
    }
    for source in sources.iter().filter(|s| search.catalog(s.source().name())) {
        for schema in source.discovery().schemas.keys().filter(|s| search.schema(s)) {
            builder.append(source.source().name(), schema);
        }
    }
    builder.build().map_err(failed)
}

/// Catalog, schema, table, type, columns.
type TableRow = (String, String, String, &'static str, SchemaRef);

async fn tables(
    engine: &Engine,
    sources: &[Arc<SourceCatalog>],
    call: &Call,
    query: CommandGetTables,
) -> Result<RecordBatch, Status> {
    let wanted = query.table_name_filter_pattern.clone();
    let search = Search {
        catalog: query.catalog,
        schema: query.db_schema_filter_pattern.as_deref().map(Pattern::new),
        table: query.table_name_filter_pattern.as_deref().map(Pattern::new),
        types: query.table_types,
    };
    let mut rows: Vec<TableRow> = Vec::new();
    let own = engine.own_schemas().0;
    if search.catalog(own) {
        for found in engine.own_tables().await.map_err(|e| status(&e))? {
            if search.schema(&found.schema) && search.table(&found.table, found.kind) {
                let columns = match query.include_schema {
                    true => describe::own(own, &found, call.profile),
                    false => Arc::new(Schema::empty()),
                };
                rows.push((own.to_owned(), found.schema, found.table, found.kind, columns));
            }
        }
    }
    for source in sources.iter().filter(|s| search.catalog(s.source().name())) {
        let catalog = source.source().name();
        for (schema, found) in source.discovery().schemas.iter().filter(|(s, _)| search.schema(s)) {
            let fits = found.tables.values().filter(|t| search.table(&t.name.table, t.kind.as_str()));
            rows.extend(fits.map(|table| {
                let columns = match query.include_schema {
                    true => describe::table(catalog, table, call.profile),
                    false => Arc::new(Schema::empty()),
                };
                (catalog.to_owned(), schema.clone(), table.name.table.clone(), table.kind.as_str(), columns)
            }));
        }
    }
    table_rows(rows, query.include_schema.then_some(wanted).flatten(), query.include_schema)
}

/// The rows in the specified order. Clients that look for the columns of one table send its name as it is and read the first
/// row: a table with exactly that name is then that row.
fn table_rows(mut rows: Vec<TableRow>, exact: Option<String>, include_schema: bool) -> Result<RecordBatch, Status> {
    let first = |row: &TableRow| exact.as_ref().is_none_or(|name| *name != row.2);
    rows.sort_by(|a, b| (first(a), &a.0, &a.1, &a.2, a.3).cmp(&(first(b), &b.0, &b.1, &b.2, b.3)));
    let command = CommandGetTables { include_schema, ..CommandGetTables::default() };
    let schema = command.into_builder().schema();
    use arrow::array::{ArrayRef, BinaryArray, StringArray};
    let text = |f: fn(&TableRow) -> &str| Arc::new(StringArray::from_iter_values(rows.iter().map(f))) as ArrayRef;
    let mut columns = vec![text(|r| &r.0), text(|r| &r.1), text(|r| &r.2), text(|r| r.3)];
    if include_schema {
        let messages = rows.iter().map(|r| super::ipc(&r.4)).collect::<Result<Vec<_>, _>>()?;
        columns.push(Arc::new(BinaryArray::from_iter_values(messages)));
    }
    RecordBatch::try_new(schema, columns).map_err(failed)
}

fn table_types(query: CommandGetTableTypes) -> Result<RecordBatch, Status> {
    let mut builder = query.into_builder();
    for kind in TABLE_TYPES {
        builder.append(kind);
    }
    builder.build().map_err(failed)
}
