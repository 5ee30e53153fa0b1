//! Statements of sub-plans and statements in the server's own language: their texts, and what is needed to read them.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::logical_expr::LogicalPlan;
use headwater_common::{Error, Result};
use headwater_source::{Kept, OpenQuery, PartitionBounds, RemoteColumn, RemoteQuery, RemoteText, TableName};
use headwater_sqlgen::translate::Translation;
use headwater_sqlgen::{self as sql, ClickHouseStatement, Expr, From, Query, Select};
use serde_json::Value;

use super::types;
use crate::ranges;
use crate::scan::{Check, Reading};
use crate::source::ClickHouseSource;
use crate::types::{ChType, Resolved};

/// Smaller tables are read by one reader.
const ROWS_SPLIT: u64 = 50_000;

/// The statement of a sub-plan, split by ranges of the largest table's key where that is right.
pub(crate) fn translate(source: &ClickHouseSource, plan: &LogicalPlan, target: usize) -> Result<RemoteQuery, Vec<Kept>> {
    let translation = sql::translate::translate(source, plan)?;
    let texts = texts(source, &translation, target);
    let texts = texts.map_err(|e| vec![Kept::new("the statement", e.message())])?;
    let Translation { columns, tables, .. } = translation;
    Ok(RemoteQuery { source: source.name.clone(), texts, columns, tables })
}

fn texts(source: &ClickHouseSource, translation: &Translation, target: usize) -> Result<Vec<RemoteText>> {
    let rows = |table: &TableName| source.split(table, 1).0;
    let largest = translation.splits.iter().max_by_key(|(table, _)| rows(table));
    let ranges = largest.map_or_else(Vec::new, |(table, _)| source.split(table, target).1);
    let Some((table, item)) = largest.filter(|_| ranges.len() > 1) else { return Ok(vec![written(&translation.query)?]) };
    let others: u64 = translation.reads.iter().map(rows).sum::<u64>() - rows(table);
    // Every part reads the other tables again.
    if rows(table) < ROWS_SPLIT || others > rows(table) / 4 {
        return Ok(vec![written(&translation.query)?]);
    }
    let types = source.types_of(table)?;
    let range = |bounds: &PartitionBounds| {
        let Some(column) = ranges::column(bounds) else { return written(&translation.query) };
        let inside = ranges::filter(types.as_slice(), bounds, &Expr::Field(*item, column.to_owned()))?;
        written(&translation.restricted(inside))
    };
    ranges.iter().map(range).collect()
}

fn written(query: &Query) -> Result<RemoteText> {
    let text = sql::Writer::new(&sql::ClickHouse, sql::Mode::Inline).query(query)?.finish().text;
    Ok(RemoteText { text, parameters: 0 })
}

/// What is needed to read the text of a statement.
pub(crate) fn reading(source: Arc<ClickHouseSource>, query: OpenQuery) -> Result<Reading> {
    let remote = query.command.texts.get(query.partition);
    let remote = remote.ok_or_else(|| Error::internal(format!("no text {}", query.partition)))?;
    let mut columns = Vec::with_capacity(query.command.columns.len());
    for column in &query.command.columns {
        let t = types::read_type(&column.attributes, &source.config.types);
        let t = t.ok_or_else(|| Error::internal(format!("{} is not read", column.remote_type)))?;
        columns.push((column.field.name().clone(), t));
    }
    let checks = query.command.tables.iter().filter_map(|(table, columns)| check(table, columns).transpose());
    Ok(Reading {
        checks: checks.collect::<Result<_>>()?,
        sql: sql::Sql { text: remote.text.clone(), parameters: Vec::new() },
        settings: source.settings(),
        columns,
        table: query.command.tables.first().map_or_else(|| "the text".to_owned(), |(table, _)| table.to_string()),
        schema: query.schema,
        batch_rows: query.batch_rows,
        query: query.query,
        source,
    })
}

/// Asks whether a table still has the types that the statement was made for.
fn check(table: &TableName, columns: &[(String, String)]) -> Result<Option<Check>> {
    if columns.is_empty() {
        return Ok(None);
    }
    let mut select = Select::from_table(&table.schema, &table.table);
    select.columns = columns.iter().map(|(name, _)| Expr::column(name)).collect();
    let text = ClickHouseStatement::Describe(Query::Block(select)).text()?;
    let types = columns.iter().map(|(_, mark)| mark.clone()).collect();
    Ok(Some(Check { table: table.clone(), text, types }))
}

/// A text in the server's own language as a statement with its columns.
///
/// The server itself says whether the text is one statement, and one that may stand in a FROM clause. It runs with `readonly`.
pub(crate) async fn describe(source: &ClickHouseSource, native: &str) -> Result<RemoteQuery> {
    let native = native.trim_end_matches(|c: char| c == ';' || c.is_whitespace());
    let settings = source.settings();
    settings.check(&source.name)?;
    let parsed = ClickHouseStatement::Parse(native.to_owned()).text()?;
    source.connections.run(&parsed, &settings.sent).await?;
    described(source, native, "the text given to query()").await
}

/// A view with the arguments of its parameters.
pub(crate) async fn view(
    source: &ClickHouseSource,
    schema: &str,
    view: &str,
    arguments: &[(String, Option<String>)],
) -> Result<RemoteQuery> {
    source.settings().check(&source.name)?;
    let shown = &source.config.databases;
    if !shown.is_empty() && !shown.iter().any(|s| s == schema) {
        return Err(Error::not_found(format!("source \"{}\" shows no database \"{schema}\"", source.name)));
    }
    if arguments.is_empty() {
        return Err(Error::invalid(format!("view \"{view}\" needs arguments, such as {view}(name => 'value')")));
    }
    let (schema, name) = (schema.to_owned(), view.to_owned());
    let text = ClickHouseStatement::View { schema, view: name, arguments: arguments.to_vec() }.text()?;
    described(source, &text, &format!("view \"{view}\" with these arguments")).await
}

/// A text that is one SELECT, with its columns; `what` introduces the source's errors.
async fn described(source: &ClickHouseSource, native: &str, what: &str) -> Result<RemoteQuery> {
    let settings = source.settings();
    let from = From::Native { text: native.to_owned(), columns: 0, item: 0 };
    let described = ClickHouseStatement::DescribeNative(native.to_owned()).text()?;
    let rows = source.connections.rows(&described, &settings.sent).await.map_err(|e| {
        let message = format!("{what} cannot be read as a SELECT: {}", e.message());
        Error::new(e.kind(), e.origin().clone(), message)
    })?;
    let (mut columns, mut output, mut names) = (Vec::new(), Vec::new(), HashSet::new());
    for row in &rows {
        let (name, type_name) = (text(row, 0)?, text(row, 1)?);
        let t = resolved(&name, &type_name, source)?;
        if !names.insert(name.clone()) {
            return Err(Error::invalid(format!("{what} has two columns \"{name}\"")));
        }
        let value = Expr::Field(0, name.clone());
        output.push(match t.cast() {
            Some(cast) => value.cast(cast),
            None => value,
        });
        columns.push(RemoteColumn {
            field: Arc::new(t.field(&name, &source.config.types)),
            attributes: types::attributes(&type_name),
            remote_type: type_name,
        });
    }
    let select = Select { columns: output, named: true, from, ..Select::default() };
    let texts = vec![written(&Query::Block(select))?];
    Ok(RemoteQuery { source: source.name.clone(), texts, columns, tables: Vec::new() })
}

fn resolved(name: &str, type_name: &str, source: &ClickHouseSource) -> Result<ChType> {
    match ChType::resolve(type_name, &source.config.types) {
        Resolved::Type(t) => Ok(t),
        Resolved::LeftOut(reason) => Err(Error::unsupported(format!("column \"{name}\": {reason}"))),
    }
}

fn text(row: &[Value], index: usize) -> Result<String> {
    let found = row.get(index).and_then(Value::as_str);
    found.map(str::to_owned).ok_or_else(|| Error::internal("DESCRIBE has no names and types"))
}
