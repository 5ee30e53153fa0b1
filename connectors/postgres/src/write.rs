//! INSERT through COPY, UPDATE and DELETE with bound values; each in one transaction.

use datafusion::arrow::array::Array;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::Expr;
use futures::{SinkExt, StreamExt};
use headwater_common::{Error, ErrorKind, Result};
use headwater_source::error::rows_failed;
use headwater_source::{ColumnMeta, TableMeta};
use headwater_sqlgen::{Mode, Postgres, Statement, Writer};
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use crate::catalog_queries as queries;
use crate::connect::Lease;
use crate::error::classify;
use crate::pushdown::{assignment, translate};
use crate::source::PostgresSource;
use crate::types::{CopyEncoder, CopyIn, PgType};

/// Name of the temporary table for types that have no binary form and for tables that COPY cannot write to.
const STAGING: &str = "headwater_staging";

/// Writes all rows; a failure leaves nothing. Columns that the rows do not have get their defaults.
pub(crate) async fn insert(source: &PostgresSource, table: &TableMeta, mut rows: SendableRecordBatchStream) -> Result<u64> {
    let known = source.known(&table.name)?;
    let Some(first) = next(&mut rows).await? else { return Ok(0) };
    let given = given_columns(table, &first)?;
    let written: Vec<usize> = (0..given.len()).filter(|i| !is_generated(given[*i])).collect();
    let pg_type = |column: &ColumnMeta| known.types.iter().find(|(name, _)| name == column.name()).cloned();
    let columns: Vec<(String, PgType)> = written.iter().filter_map(|i| pg_type(given[*i])).collect();
    if written.is_empty() {
        return Err(Error::invalid(format!("INSERT into {} gives no column a value of its own", table.name)));
    }
    if columns.len() != written.len() {
        let message = format!("{} has changed since the statement was planned; run it again", table.name);
        return Err(Error::source_failed(&source.name, message).retryable(true));
    }
    let failed = |e| classify(&source.name, e);
    let lease = source.begin_change().await?;
    let client = lease.object()?;
    let staged = known.insert_only || columns.iter().any(|(_, t)| t.copy_in() != CopyIn::Binary);
    let names: Vec<String> = columns.iter().map(|(name, _)| name.clone()).collect();
    if staged {
        let create = Statement::CreateStaging { table: STAGING.into(), columns: staging_columns(&columns) };
        client.batch_execute(&text(&create)?).await.map_err(failed)?;
    }
    let (schema, target) = match staged {
        true => (None, STAGING.to_owned()),
        false => (Some(table.name.schema.clone()), table.name.table.clone()),
    };
    let copy = Statement::CopyIn { schema, table: target, columns: names };
    let rows = Rows { table, given: &given, written: &written, first, more: rows };
    let mut count = copy_rows(source, client, &copy, columns.clone(), rows).await?;
    if staged {
        let pairs = columns.iter().map(|(name, t)| (name.clone(), t.uncut_name().to_owned()));
        let insert = Statement::InsertFromStaging {
            schema: table.name.schema.clone(),
            table: table.name.table.clone(),
            columns: pairs.collect(),
            staging: STAGING.into(),
        };
        count = client.execute_typed(&text(&insert)?, &[]).await.map_err(failed)?;
    }
    commit(source, lease).await?;
    Ok(count)
}

/// Commits. When the connection breaks meanwhile, nobody knows whether the change was made, so this is never tried again.
async fn commit(source: &PostgresSource, lease: Lease) -> Result<()> {
    let committed = lease.object()?.batch_execute(queries::COMMIT).await;
    committed.map_err(|e| {
        let error = classify(&source.name, e);
        let lost = error.kind() == ErrorKind::Unavailable;
        let message = match lost {
            true => format!(
                "the connection was lost while the change was made final, so look whether it was ({})",
                error.message()
            ),
            false => error.message().to_owned(),
        };
        Error::new(error.kind(), error.origin().clone(), message).retryable(error.is_retryable() && !lost)
    })?;
    lease.into_object().map(drop)
}

async fn next(rows: &mut SendableRecordBatchStream) -> Result<Option<RecordBatch>> {
    match rows.next().await {
        None => Ok(None),
        Some(Ok(batch)) => Ok(Some(batch)),
        Some(Err(e)) => Err(rows_failed(&e)),
    }
}

/// The table's columns that the rows have, in their order.
fn given_columns<'a>(table: &'a TableMeta, rows: &RecordBatch) -> Result<Vec<&'a ColumnMeta>> {
    let schema = rows.schema();
    let column = |name: &String| {
        table.column(name).ok_or_else(|| Error::internal(format!("rows for {} have a column {name}", table.name)))
    };
    schema.fields().iter().map(|f| column(f.name())).collect()
}

/// Whether only the server makes values of a column.
fn is_generated(column: &ColumnMeta) -> bool {
    column.attributes.get("generated").is_some_and(|v| v == "true")
}

/// The rows to write.
struct Rows<'a> {
    table: &'a TableMeta,
    given: &'a [&'a ColumnMeta],
    written: &'a [usize],
    first: RecordBatch,
    more: SendableRecordBatchStream,
}

/// Each column with the type it has in the staging table.
fn staging_columns(columns: &[(String, PgType)]) -> Vec<(String, String)> {
    let typed = |t: &PgType| match t.copy_in() {
        CopyIn::Binary => t.uncut_name().to_owned(),
        CopyIn::ViaText { staging } => staging.to_owned(),
    };
    columns.iter().map(|(name, t)| (name.clone(), typed(t))).collect()
}

async fn copy_rows(
    source: &PostgresSource,
    client: &Client,
    copy: &Statement,
    columns: Vec<(String, PgType)>,
    mut rows: Rows<'_>,
) -> Result<u64> {
    let failed = |e| classify(&source.name, e);
    let sink = client.copy_in(text(copy)?.as_str()).await.map_err(failed)?;
    let mut sink = Box::pin(sink);
    let mut encoder = CopyEncoder::new(columns);
    let mut batch = rows.first;
    loop {
        for (i, column) in batch.columns().iter().enumerate() {
            if !rows.written.contains(&i) && column.null_count() < column.len() {
                let name = rows.given.get(i).map(|c| c.name()).unwrap_or_default();
                return Err(Error::invalid(format!(
                    "column \"{name}\" of {} takes its values from the server; leave it out",
                    rows.table.name
                )));
            }
        }
        let sent = batch.project(rows.written).map_err(|e| Error::internal(e.to_string()))?;
        for piece in encoder.encode(&sent)? {
            sink.send(piece).await.map_err(failed)?;
        }
        match next(&mut rows.more).await? {
            Some(more) => batch = more,
            None => break,
        }
    }
    sink.send(encoder.finish()).await.map_err(failed)?;
    sink.as_mut().finish().await.map_err(failed)
}

/// Deletes the rows that pass all filters.
pub(crate) async fn delete(source: &PostgresSource, table: &TableMeta, filters: &[Expr]) -> Result<u64> {
    let filters = exact_filters(source, table, filters)?;
    let delete = Statement::Delete { schema: table.name.schema.clone(), table: table.name.table.clone(), filters };
    change(source, &delete).await
}

/// Updates the rows that pass all filters.
pub(crate) async fn update(
    source: &PostgresSource,
    table: &TableMeta,
    assignments: &[(String, Expr)],
    filters: &[Expr],
) -> Result<u64> {
    let filters = exact_filters(source, table, filters)?;
    let mut changes = Vec::new();
    for (column, value) in assignments {
        let value = source.with_columns(&table.name, |columns| assignment(columns, column, value))?;
        let mut value = value.map_err(|reason| Error::unsupported(format!("UPDATE of {column}: {reason}")))?;
        // A text is read as the column's own type; every other value already has it.
        if let headwater_sqlgen::Expr::Value(scalar) = &value
            && let Some(Some(text)) = scalar.try_as_str()
        {
            let known = source.known(&table.name)?;
            let name = known.types.iter().find(|(n, _)| n == column).map(|(_, t)| t.uncut_name().to_owned());
            value = headwater_sqlgen::Expr::Typed(text.to_owned(), name.unwrap_or_else(|| "text".into()).into());
        }
        changes.push((column.clone(), value));
    }
    if changes.is_empty() {
        return Ok(0);
    }
    let (schema, name) = (table.name.schema.clone(), table.name.table.clone());
    change(source, &Statement::Update { schema, table: name, assignments: changes, filters }).await
}

fn exact_filters(source: &PostgresSource, table: &TableMeta, filters: &[Expr]) -> Result<Vec<headwater_sqlgen::Expr>> {
    let translated = filters.iter().map(|filter| {
        let translated = source.with_columns(&table.name, |columns| translate(columns, filter))?;
        let translated = translated.map_err(|reason| Error::unsupported(format!("the filter {filter}: {reason}")))?;
        match translated.exact {
            true => Ok(translated.expr),
            false => Err(Error::unsupported(format!("the filter {filter} is not computed exactly by the server"))),
        }
    });
    translated.collect()
}

async fn change(source: &PostgresSource, statement: &Statement) -> Result<u64> {
    let sql = Writer::new(&Postgres, Mode::Bind).statement(statement)?.finish();
    let parameters: Vec<(&(dyn ToSql + Sync), Type)> =
        sql.parameters.iter().map(|p| (p as &(dyn ToSql + Sync), Type::TEXT)).collect();
    let lease = source.begin_change().await?;
    let changed = lease.object()?.execute_typed(sql.text.as_str(), &parameters).await;
    let changed = changed.map_err(|e| classify(&source.name, e))?;
    commit(source, lease).await?;
    Ok(changed)
}

fn text(statement: &Statement) -> Result<String> {
    Ok(Writer::new(&Postgres, Mode::Inline).statement(statement)?.finish().text)
}
