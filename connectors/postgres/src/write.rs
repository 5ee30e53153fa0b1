//! INSERT through COPY, UPDATE and DELETE with bound values; each in one transaction.

use datafusion::arrow::array::Array;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::Expr;
use futures::{SinkExt, StreamExt};
use headwater_common::{Error, Result};
use headwater_source::error::find;
use headwater_source::{ColumnMeta, TableMeta};
use headwater_sqlgen::{Mode, Postgres, Statement, Writer};
use tokio_postgres::Transaction;
use tokio_postgres::types::ToSql;

use crate::error::classify;
use crate::pushdown::{assignment, translate};
use crate::source::PostgresSource;
use crate::types::{CopyEncoder, CopyIn, PgType};

/// Name of the temporary table for types that have no binary form.
const STAGING: &str = "headwater_staging";

/// Writes all rows; a failure leaves nothing.
pub(crate) async fn insert(source: &PostgresSource, table: &TableMeta, mut rows: SendableRecordBatchStream) -> Result<u64> {
    let types = source.types_of(&table.name)?;
    let mut client = source.connections.get().await?;
    let transaction = client.transaction().await.map_err(|e| classify(&source.name, e))?;
    let Some(first) = next(&mut rows).await? else { return Ok(0) };
    let written = written_columns(table, &first);
    let columns: Vec<(String, PgType)> = written.iter().filter_map(|i| types.get(*i).cloned()).collect();
    let staged = columns.iter().any(|(_, t)| t.copy_in() != CopyIn::Binary);
    let names: Vec<String> = columns.iter().map(|(name, _)| name.clone()).collect();
    if staged {
        let create = Statement::CreateStaging { table: STAGING.into(), columns: staging_columns(&columns) };
        transaction.batch_execute(&text(&create)?).await.map_err(|e| classify(&source.name, e))?;
    }
    let (schema, target) = match staged {
        true => (None, STAGING.to_owned()),
        false => (Some(table.name.schema.clone()), table.name.table.clone()),
    };
    let copy = Statement::CopyIn { schema, table: target, columns: names };
    let mut count = copy_rows(source, &transaction, &copy, &columns, &written, table, first, &mut rows).await?;
    if staged {
        let pairs = columns.iter().map(|(name, t)| (name.clone(), t.name().to_owned()));
        let insert = Statement::InsertFromStaging {
            schema: table.name.schema.clone(),
            table: table.name.table.clone(),
            columns: pairs.collect(),
            staging: STAGING.into(),
        };
        count = transaction.execute(&text(&insert)?, &[]).await.map_err(|e| classify(&source.name, e))?;
    }
    transaction.commit().await.map_err(|e| classify(&source.name, e))?;
    Ok(count)
}

async fn next(rows: &mut SendableRecordBatchStream) -> Result<Option<RecordBatch>> {
    match rows.next().await {
        None => Ok(None),
        Some(Ok(batch)) => Ok(Some(batch)),
        Some(Err(e)) => Err(match find(&e) {
            Some(ours) => Error::new(ours.kind(), ours.origin().clone(), ours.message()).retryable(ours.is_retryable()),
            None => Error::invalid(format!("the rows to insert failed: {}", e.strip_backtrace())),
        }),
    }
}

/// The columns that are sent. A generated column never is; one with a default or an identity is left to the server when no row
/// of the first batch has a value for it.
fn written_columns(table: &TableMeta, first: &RecordBatch) -> Vec<usize> {
    let has = |column: &ColumnMeta, name: &str| column.attributes.get(name).is_some_and(|v| v == "true");
    let empty = |i: usize| first.columns().get(i).is_none_or(|c| c.null_count() == c.len());
    let sent = |(i, column): &(usize, &ColumnMeta)| {
        let defaulted = !column.field.is_nullable() && (column.default.is_some() || has(column, "identity"));
        !(has(column, "generated") || defaulted && empty(*i))
    };
    table.columns.iter().enumerate().filter(sent).map(|(i, _)| i).collect()
}

/// Each column with the type it has in the staging table.
fn staging_columns(columns: &[(String, PgType)]) -> Vec<(String, String)> {
    let typed = |t: &PgType| match t.copy_in() {
        CopyIn::Binary => t.name().to_owned(),
        CopyIn::ViaText { staging } => staging.to_owned(),
    };
    columns.iter().map(|(name, t)| (name.clone(), typed(t))).collect()
}

#[allow(clippy::too_many_arguments, reason = "one step of one function, split for reading")]
async fn copy_rows(
    source: &PostgresSource,
    transaction: &Transaction<'_>,
    copy: &Statement,
    columns: &[(String, PgType)],
    written: &[usize],
    table: &TableMeta,
    first: RecordBatch,
    rows: &mut SendableRecordBatchStream,
) -> Result<u64> {
    let failed = |e| classify(&source.name, e);
    let sink = transaction.copy_in(text(copy)?.as_str()).await.map_err(failed)?;
    let mut sink = Box::pin(sink);
    let mut encoder = CopyEncoder::new(columns.to_vec());
    let mut batch = first;
    loop {
        for (i, column) in batch.columns().iter().enumerate() {
            let left_out = !written.contains(&i) && column.null_count() < column.len();
            if left_out {
                let name = table.columns.get(i).map(ColumnMeta::name).unwrap_or_default();
                return Err(Error::invalid(format!(
                    "column \"{name}\" of {} takes its values from the server, at least for some rows of this statement; \
                     give a value in every row or in none",
                    table.name
                )));
            }
        }
        let sent = batch.project(written).map_err(|e| Error::internal(e.to_string()))?;
        for piece in encoder.encode(&sent)? {
            sink.send(piece).await.map_err(failed)?;
        }
        match next(rows).await? {
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
        // DataFusion names every column; one that is set to itself is not changed.
        if matches!(value, Expr::Column(c) if c.name == *column) {
            continue;
        }
        let value = source.with_columns(table, |columns| assignment(columns, column, value))?;
        let mut value = value.map_err(|reason| Error::unsupported(format!("UPDATE of {column}: {reason}")))?;
        // A text is read as the column's own type; every other value already has it.
        if let headwater_sqlgen::Expr::Value(scalar) = &value
            && let Some(Some(text)) = scalar.try_as_str()
        {
            let types = source.types_of(&table.name)?;
            let name = types.iter().find(|(n, _)| n == column).map(|(_, t)| t.name().to_owned());
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
        let translated = source.with_columns(table, |columns| translate(columns, filter))?;
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
    let parameters: Vec<&(dyn ToSql + Sync)> = sql.parameters.iter().map(|p| p as &(dyn ToSql + Sync)).collect();
    let client = source.connections.get().await?;
    client.execute(sql.text.as_str(), &parameters).await.map_err(|e| classify(&source.name, e))
}

fn text(statement: &Statement) -> Result<String> {
    Ok(Writer::new(&Postgres, Mode::Inline).statement(statement)?.finish().text)
}
