//! INSERT, UPDATE and DELETE, each in one transaction where the deployment has them.

use std::sync::Arc;

use bson::{Document, doc};
use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::Expr;
use futures::StreamExt;
use headwater_common::{Error, Result};
use headwater_source::error::rows_failed;
use headwater_source::{TableMeta, TableName};
use mongodb::{ClientSession, Collection};

use crate::config::Misfit;
use crate::discover::Table;
use crate::pushdown::field::all;
use crate::pushdown::translate;
use crate::source::{MongoSource, TableScope};
use crate::types::Kind;
use crate::types::encode::{document, single, value};

/// Documents in one message to the server.
const MESSAGE_ROWS: usize = 1_000;

/// A collection that is written, in a transaction if there are any.
struct Writing<'a> {
    source: &'a MongoSource,
    table: &'a TableMeta,
    known: Arc<Table>,
    collection: Collection<Document>,
    session: Option<ClientSession>,
}

impl<'a> Writing<'a> {
    async fn start(source: &'a MongoSource, table: &'a TableMeta) -> Result<Self> {
        let known = source.table(&table.name)?;
        if known.view {
            return Err(Error::unsupported(format!("{} is a view; views are not written", table.name)));
        }
        let client = source.connections.client().await?;
        let collection = client.database(&table.name.schema).collection(&table.name.table);
        let session = match has_transactions(source).await? {
            true => {
                let mut session = client.start_session().await.map_err(|e| source.connections.failed(&e))?;
                session.start_transaction().await.map_err(|e| source.connections.failed(&e))?;
                Some(session)
            }
            false => None,
        };
        Ok(Self { source, table, known, collection, session })
    }

    /// Ends the transaction; a failure leaves nothing behind.
    async fn end<T>(mut self, outcome: Result<T>) -> Result<T> {
        let Some(session) = &mut self.session else { return outcome };
        match outcome {
            Ok(found) => {
                session.commit_transaction().await.map_err(|e| self.source.connections.failed(&e))?;
                Ok(found)
            }
            Err(error) => {
                if let Err(e) = session.abort_transaction().await {
                    tracing::debug!(source = self.source.name, error = %e, "a transaction ends by itself");
                }
                Err(error)
            }
        }
    }
}

/// Whether the deployment is a replica set or a sharded cluster.
async fn has_transactions(source: &MongoSource) -> Result<bool> {
    let answer = source.connections.command("admin", doc! { "hello": 1 }).await?;
    Ok(answer.contains_key("setName") || answer.get_str("msg").is_ok_and(|m| m == "isdbgrid"))
}

/// Writes all rows.
pub(crate) async fn insert(source: &MongoSource, table: &TableMeta, mut rows: SendableRecordBatchStream) -> Result<u64> {
    let mut writing = Writing::start(source, table).await?;
    let outcome = insert_all(&mut writing, &mut rows).await;
    writing.end(outcome).await
}

async fn insert_all(writing: &mut Writing<'_>, rows: &mut SendableRecordBatchStream) -> Result<u64> {
    let mut written = 0;
    let mut waiting = Vec::new();
    loop {
        let batch = rows.next().await.transpose().map_err(|e| rows_failed(&e))?;
        let is_last = batch.is_none();
        if let Some(batch) = batch {
            let schema = batch.schema();
            check_id(writing, &batch)?;
            let mut columns = Vec::new();
            for (field, array) in schema.fields().iter().zip(batch.columns()) {
                let kind = writing.known.kind(field.name());
                let kind = kind.ok_or_else(|| Error::not_found(format!("no column {}", field.name())))?.clone();
                columns.push((field.name().clone(), kind, array));
            }
            for row in 0..batch.num_rows() {
                let fields = columns.iter().map(|(name, kind, array)| ((name.as_str(), kind), *array));
                let made = document(fields, row);
                waiting.push(made.map_err(|e| Error::invalid(format!("INSERT into {}: {e}", writing.table.name)))?);
            }
        }
        while waiting.len() >= MESSAGE_ROWS || (is_last && !waiting.is_empty()) {
            let rest = waiting.split_off(waiting.len().min(MESSAGE_ROWS));
            written += send(writing, &waiting, written).await?;
            waiting = rest;
        }
        if is_last {
            return Ok(written);
        }
    }
}

/// Refuses rows without `_id` where one that is made would not be of the column's kind: no row could be read any more.
fn check_id(writing: &Writing<'_>, batch: &RecordBatch) -> Result<()> {
    let missing = batch.column_by_name("_id").is_none_or(|ids| ids.null_count() > 0);
    match writing.known.kind("_id") {
        None | Some(Kind::ObjectId | Kind::Json) => Ok(()),
        Some(kind) if missing && batch.num_rows() > 0 => Err(Error::invalid(format!(
            "INSERT into {}: the column \"_id\" is {kind} and no value is made for it; give each row its _id",
            writing.table.name
        ))),
        _ => Ok(()),
    }
}

async fn send(writing: &mut Writing<'_>, documents: &[Document], before: u64) -> Result<u64> {
    let in_transaction = writing.session.is_some();
    let insert = writing.collection.insert_many(documents).ordered(true);
    let sent = match &mut writing.session {
        Some(session) => insert.session(session).await,
        None => insert.await,
    };
    match sent {
        Ok(answer) => Ok(answer.inserted_ids.len() as u64),
        Err(e) => {
            let error = writing.source.connections.failed(&e);
            if in_transaction {
                return Err(error);
            }
            // The first of the rows that failed says how many came before it.
            let first = match e.kind.as_ref() {
                mongodb::error::ErrorKind::InsertMany(e) => e.write_errors.as_ref().and_then(|all| all.first()),
                _ => None,
            };
            let kept = match first {
                Some(first) => format!("{} rows stay written", before + first.index as u64),
                None => "some rows may stay written".to_owned(),
            };
            let message = format!("{}; a standalone server has no transactions: {kept}", error.message());
            Err(Error::new(error.kind(), error.origin().clone(), message))
        }
    }
}

/// The condition for exactly the documents that pass all filters. A value that does not fit its column passes none.
fn condition(writing: &Writing<'_>, filters: &[Expr]) -> Result<(Document, bool)> {
    let scope = TableScope { table: &writing.known, misfit: Misfit::Error };
    let mut conditions = Vec::new();
    for filter in filters {
        let found = translate(&scope, filter);
        let found = found.map_err(|reason| Error::unsupported(format!("the filter {filter}: {reason}")))?;
        if !found.exact {
            return Err(Error::unsupported(format!("the filter {filter} is not computed exactly by the server")));
        }
        conditions.push(found.condition);
    }
    Ok((all(conditions), writing.known.collated))
}

fn simple() -> mongodb::options::Collation {
    mongodb::options::Collation::builder().locale("simple").build()
}

/// Deletes the documents that pass all filters.
pub(crate) async fn delete(source: &MongoSource, table: &TableMeta, filters: &[Expr]) -> Result<u64> {
    let mut writing = Writing::start(source, table).await?;
    let outcome = delete_all(&mut writing, filters).await;
    writing.end(outcome).await
}

async fn delete_all(writing: &mut Writing<'_>, filters: &[Expr]) -> Result<u64> {
    let (condition, collated) = condition(writing, filters)?;
    let mut delete = writing.collection.delete_many(condition);
    if collated {
        delete = delete.collation(simple());
    }
    if let Some(session) = &mut writing.session {
        delete = delete.session(session);
    }
    let answer = delete.await.map_err(|e| writing.source.connections.failed(&e))?;
    Ok(answer.deleted_count)
}

/// Updates the documents that pass all filters.
pub(crate) async fn update(
    source: &MongoSource,
    table: &TableMeta,
    assignments: &[(String, Expr)],
    filters: &[Expr],
) -> Result<u64> {
    let mut writing = Writing::start(source, table).await?;
    let outcome = update_all(&mut writing, assignments, filters).await;
    writing.end(outcome).await
}

async fn update_all(writing: &mut Writing<'_>, assignments: &[(String, Expr)], filters: &[Expr]) -> Result<u64> {
    let (condition, collated) = condition(writing, filters)?;
    let change = change(&writing.known, &writing.table.name, assignments)?;
    let mut update = writing.collection.update_many(condition, change);
    if collated {
        update = update.collation(simple());
    }
    if let Some(session) = &mut writing.session {
        update = update.session(session);
    }
    let answer = update.await.map_err(|e| writing.source.connections.failed(&e))?;
    Ok(answer.matched_count)
}

/// The update document. A null removes its field.
fn change(table: &Table, name: &TableName, assignments: &[(String, Expr)]) -> Result<Document> {
    let (mut set, mut unset) = (Document::new(), Document::new());
    for (column, expr) in assignments {
        // DataFusion assigns every other column its own value.
        if matches!(expr, Expr::Column(own) if own.name == *column) {
            continue;
        }
        let kind = table.kind(column).ok_or_else(|| Error::not_found(format!("{name} has no column {column}")))?;
        if column == "_id" || *kind == Kind::Document || !crate::pushdown::field::addressable(column) {
            return Err(Error::unsupported(format!("UPDATE of {name}: the column {column} is not changed by an UPDATE")));
        }
        match constant(kind, expr).map_err(|e| Error::unsupported(format!("UPDATE of {name}: {column}: {e}")))? {
            Some(value) => set.insert(column.clone(), value),
            None => unset.insert(column.clone(), ""),
        };
    }
    let mut change = Document::new();
    if !set.is_empty() {
        change.insert("$set", set);
    }
    if !unset.is_empty() {
        change.insert("$unset", unset);
    }
    if change.is_empty() {
        return Err(Error::unsupported(format!("UPDATE of {name}: it changes no column")));
    }
    Ok(change)
}

/// A fixed value of a column's kind.
fn constant(kind: &Kind, expr: &Expr) -> Result<Option<bson::Bson>, String> {
    let (literal, to) = match expr {
        Expr::Alias(alias) => return constant(kind, &alias.expr),
        Expr::Cast(cast) => (cast.expr.as_ref(), Some(cast.field.data_type().clone())),
        other => (other, None),
    };
    let Expr::Literal(literal, _) = literal else { return Err("only fixed values can be assigned".to_owned()) };
    let mut array = single(literal)?;
    let safe = CastOptions { safe: false, ..CastOptions::default() };
    for target in to.into_iter().chain([kind.arrow()]) {
        if *array.data_type() != target {
            let made = cast_with_options(&array, &target, &safe);
            array = made.map_err(|_| format!("the value does not become a {kind}"))?;
        }
    }
    value(kind, &array, 0)
}
