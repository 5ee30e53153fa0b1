//! Statements of sub-plans and statements in the server's own language: their texts, and what is needed to read them.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::logical_expr::LogicalPlan;
use headwater_common::{Error, Result};
use headwater_source::{Kept, OpenQuery, RemoteColumn, RemoteQuery, RemoteText, TableName};
use headwater_sqlgen::translate::Translation;
use headwater_sqlgen::{self as sql, Expr, From, Query, Select};

use super::types;
use crate::catalog_queries as queries;
use crate::error::classify;
use crate::scan::{Check, Reading};
use crate::source::{PostgresSource, text};
use crate::types::{PgType, TypeCatalog};

/// The statement of a sub-plan, split where that is right.
pub(crate) fn translate(source: &PostgresSource, plan: &LogicalPlan, target: usize) -> Result<RemoteQuery, Vec<Kept>> {
    let translation = sql::translate::translate(source, plan)?;
    let texts = texts(source, &translation, target);
    let texts = texts.map_err(|e| vec![Kept::new("the statement", e.message())])?;
    let Translation { columns, tables, .. } = translation;
    Ok(RemoteQuery { source: source.name.clone(), texts, columns, tables })
}

fn texts(source: &PostgresSource, translation: &Translation, target: usize) -> Result<Vec<RemoteText>> {
    let whole = || Ok(vec![written(&translation.query)?]);
    let blocks = |table: &TableName| source.known(table).map_or(0, |known| known.blocks);
    let largest = translation.splits.iter().max_by_key(|(table, _)| blocks(table));
    let Some((table, item)) = largest else { return whole() };
    let others: u64 = translation.reads.iter().map(blocks).sum::<u64>() - blocks(table);
    // Every part reads the other tables again, and finds the same few rows with an index again.
    if others > blocks(table) / 4 || finds_few(&translation.query, *item) {
        return whole();
    }
    let ranges = source.ranges(blocks(table), target);
    if ranges.len() < 2 {
        return whole();
    }
    let range = |(from, to): &(u64, Option<u64>)| {
        let blocks = Expr::Blocks { item: Some(*item), from: *from, to: *to };
        written(&translation.restricted(vec![blocks]))
    };
    ranges.iter().map(range).collect()
}

fn written(query: &Query) -> Result<RemoteText> {
    let text = sql::Writer::new(&sql::Postgres, sql::Mode::Inline).query(query)?.finish().text;
    Ok(RemoteText { text, parameters: 0 })
}

/// Whether a filter compares a column of the table with one value.
fn finds_few(query: &Query, item: usize) -> bool {
    let Query::Block(select) = query else { return false };
    let of_table = |e: &Expr| matches!(e, Expr::Field(found, _) if *found == item);
    select.filters.iter().any(|filter| match filter {
        Expr::Binary(left, sql::Operator::Eq, right) => {
            (of_table(left) && matches!(**right, Expr::Value(_))) || (of_table(right) && matches!(**left, Expr::Value(_)))
        }
        Expr::InList { expr, negated: false, .. } => of_table(expr),
        _ => false,
    })
}

/// What is needed to read one text of a statement.
pub(crate) fn reading(source: &PostgresSource, query: OpenQuery) -> Result<Reading> {
    let remote = query.command.texts.get(query.partition);
    let remote = remote.ok_or_else(|| Error::internal(format!("no text {}", query.partition)))?;
    let known = source.type_catalog();
    let mut columns = Vec::with_capacity(query.command.columns.len());
    let mut fields = Vec::with_capacity(query.command.columns.len());
    for (column, field) in query.command.columns.iter().zip(query.schema.fields()) {
        let pg_type = known_type(source, &known, column)?;
        fields.push(Field::new(field.name(), pg_type.arrow_type(), field.is_nullable()));
        columns.push((field.name().clone(), pg_type));
    }
    let checks = query.command.tables.iter().filter_map(|(table, columns)| check(table, columns).transpose());
    Ok(Reading {
        source: source.name.clone(),
        readers: source.readers(&query.query)?,
        checks: checks.collect::<Result<_>>()?,
        copy: text(&sql::Statement::CopyText(remote.text.clone()))?,
        columns,
        sent: Arc::new(Schema::new(fields)),
        schema: query.schema,
        batch_rows: query.batch_rows,
        changed: source.changed_marker(),
    })
}

fn known_type(source: &PostgresSource, known: &TypeCatalog, column: &RemoteColumn) -> Result<PgType> {
    let found = types::oid_of(&column.attributes).filter(|oid| known.contains(*oid));
    let found = found.and_then(|_| types::read_type(&column.attributes, known, &source.config.types));
    found.ok_or_else(|| {
        let message = format!("the type {} is not known any more; run the query again", column.remote_type);
        Error::source_failed(&source.name, message).retryable(true)
    })
}

/// Asks whether a table still has the types that the statement was made for.
fn check(table: &TableName, columns: &[(String, String)]) -> Result<Option<Check>> {
    if columns.is_empty() {
        return Ok(None);
    }
    let mut probe = Select::from_table(&table.schema, &table.table);
    probe.columns = columns.iter().map(|(name, _)| Expr::column(name)).collect();
    probe.limit = Some(0);
    let marks: Option<Vec<u32>> = columns.iter().map(|(_, mark)| mark.parse().ok()).collect();
    let oids = marks.ok_or_else(|| Error::internal("a mark that is no type number"))?;
    Ok(Some(Check { table: table.clone(), types: text(&sql::Statement::ColumnTypes(probe))?, oids }))
}

/// A text in the server's own language as a statement with its columns.
///
/// The server itself says whether the text is one statement, and one that may stand in a FROM clause. It runs in a transaction
/// that changes nothing.
pub(crate) async fn describe(source: &PostgresSource, native: &str) -> Result<RemoteQuery> {
    let native = native.trim_end_matches(|c: char| c == ';' || c.is_whitespace());
    let (lease, _) = source.connections.begin(queries::BEGIN_READ).await?;
    let failed = |e| classify(&source.name, e);
    let client = lease.object()?;
    let statement = client.prepare(native).await.map_err(failed)?;
    if statement.columns().is_empty() {
        return Err(Error::invalid("the text given to query() returns no columns; it must be a SELECT or VALUES"));
    }
    if !statement.params().is_empty() {
        return Err(Error::invalid("the text given to query() has parameters; write their values into the text"));
    }
    let oids: Vec<u32> = statement.columns().iter().map(|c| c.type_().oid()).collect();
    let catalog = TypeCatalog::load(client, &oids).await.map_err(failed)?;
    let (mut columns, mut output) = (Vec::new(), Vec::new());
    for (i, column) in statement.columns().iter().enumerate() {
        let dimensions = i32::from(column.type_().name().starts_with('_'));
        let pg_type = catalog.resolve(column.type_().oid(), column.type_modifier(), dimensions, &source.config.types);
        let value = Expr::Output(0, i);
        output.push(match pg_type.wire().cast() {
            Some(cast) => value.cast(cast),
            None => value,
        });
        columns.push(RemoteColumn {
            field: Arc::new(pg_type.field(column.name(), false)),
            remote_type: pg_type.name().to_owned(),
            attributes: types::attributes(&pg_type),
        });
    }
    let from = From::Native { text: native.to_owned(), columns: columns.len(), item: 0 };
    let select = Select { columns: output, named: true, from, ..Select::default() };
    let written = written(&Query::Block(select))?;
    client.prepare(&written.text).await.map_err(|e| {
        let error = classify(&source.name, e);
        let message = format!("the text given to query() must be a SELECT or VALUES: {}", error.message());
        Error::invalid(message).from_source(&source.name)
    })?;
    source.learn_types(catalog);
    Ok(RemoteQuery { source: source.name.clone(), texts: vec![written], columns, tables: Vec::new() })
}
