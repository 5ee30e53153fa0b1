//! The commands of scans. They are made of BSON values only; no text becomes a part of another.

use bson::{Bson, Document, doc};
use headwater_common::{Error, Result};
use headwater_source::{PartitionBounds, ScanCommand, SortKey};

use crate::config::Misfit;
use crate::expression::{Otherwise, check_stage};
use crate::pushdown::field::{Field, addressable, all};
use crate::pushdown::{or_misfits, translate};
use crate::source::TableScope;
use crate::types::Kind;
use crate::types::extended_json::command_of;

/// The name of the one column of a counting scan.
pub(crate) const COUNT: &str = "n";

/// A command with what is needed to read its answer.
#[derive(Debug, Clone)]
pub(crate) struct Command {
    pub(crate) document: Document,
    /// Columns that are read, in order.
    pub(crate) columns: Vec<(String, Kind)>,
    /// Columns that are read only to see whether their values fit.
    pub(crate) checks: Vec<(String, Kind)>,
}

/// The command of a scan.
pub(crate) fn scan(scope: &TableScope<'_>, command: &ScanCommand, bounds: &PartitionBounds) -> Result<Command> {
    let kind = |name: &String| {
        let kind = scope.table.kind(name).cloned();
        let kind = kind.ok_or_else(|| Error::not_found(format!("{} has no column {name}", command.table)))?;
        Ok::<_, Error>((name.clone(), kind))
    };
    let columns = command.columns.iter().map(kind).collect::<Result<Vec<_>>>()?;
    let (mut conditions, mut fields) = (Vec::new(), Vec::new());
    for filter in &command.filters {
        let translated = translate(scope, filter).map_err(Error::unsupported)?;
        conditions.push(if scope.misfit == Misfit::Null { translated.condition } else { or_misfits(&translated) });
        fields.extend(translated.fields);
    }
    conditions.extend(range(bounds)?);
    let filter = all(conditions);
    let mut checks: Vec<(String, Kind)> = Vec::new();
    if scope.misfit != Misfit::Null {
        for name in fields.iter().filter_map(|f| f.names.first()) {
            if !command.columns.contains(name) && !checks.iter().any(|(known, _)| known == name) {
                checks.push(kind(name)?);
            }
        }
    }
    let mut read: Vec<&str> = columns.iter().chain(&checks).map(|(name, _)| name.as_str()).collect();
    if scope.misfit != Misfit::Null {
        // An error names the document.
        read.push("_id");
    }
    if command.count {
        let document = counting(scope, &command.table.table, filter, &fields)?;
        return Ok(Command { document, columns: vec![(COUNT.to_owned(), Kind::Long)], checks: Vec::new() });
    }
    let document = match command.order.as_slice() {
        [] => {
            let mut find = doc! { "find": &command.table.table, "filter": filter };
            if let Some(projection) = projection(&read, scope) {
                find.insert("projection", projection);
            }
            if let Some(fetch) = limit(command.fetch)? {
                // No limit is written as zero.
                if fetch == 0 {
                    find.insert("filter", crate::pushdown::field::never());
                } else {
                    find.insert("limit", fetch);
                }
            }
            find
        }
        keys => sorted(scope, command, (filter, &fields, keys), &read)?,
    };
    Ok(Command { document: scope.collated(document), columns, checks })
}

fn limit(fetch: Option<u64>) -> Result<Option<i64>> {
    let fetch = fetch.map(i64::try_from).transpose();
    fetch.map_err(|_| Error::invalid("a LIMIT is larger than the server takes"))
}

/// The fields of the columns; `None` for whole documents.
fn projection(columns: &[&str], scope: &TableScope<'_>) -> Option<Document> {
    let whole = |name: &&&str| matches!(scope.table.kind(name), Some(Kind::Document)) || !addressable(name);
    if columns.iter().any(|name| whole(&name)) {
        return None;
    }
    let mut projection: Document = columns.iter().map(|name| ((*name).to_owned(), Bson::Int32(1))).collect();
    if !columns.contains(&"_id") {
        projection.insert("_id", 0);
    }
    Some(projection)
}

/// Stages that let pass what the filter lets pass, and fail where a value of its fields does not fit.
pub(crate) fn filtering(scope: &TableScope<'_>, filter: Document, fields: &[Field]) -> Result<Vec<Document>> {
    let mut stages = Vec::new();
    if !filter.is_empty() {
        stages.push(doc! { "$match": filter });
    }
    if scope.misfit != Misfit::Null {
        stages.extend(check_stage(fields).map_err(Error::unsupported)?);
    }
    Ok(stages)
}

fn counting(scope: &TableScope<'_>, collection: &str, filter: Document, fields: &[Field]) -> Result<Document> {
    let mut pipeline = filtering(scope, filter, fields)?;
    pipeline.push(doc! { "$group": { "_id": Bson::Null, COUNT: { "$sum": 1_i64 } } });
    Ok(scope.collated(aggregate(collection, pipeline)))
}

/// A command that runs a pipeline.
pub(crate) fn aggregate(collection: &str, pipeline: Vec<Document>) -> Document {
    doc! { "aggregate": collection, "pipeline": pipeline, "cursor": {}, "allowDiskUse": true }
}

fn sorted(
    scope: &TableScope<'_>,
    command: &ScanCommand,
    (filter, fields, keys): (Document, &[Field], &[SortKey]),
    read: &[&str],
) -> Result<Document> {
    let mut pipeline = filtering(scope, filter, fields)?;
    let mut project = doc! { "_id": 0, "d": "$$ROOT" };
    let mut order = Document::new();
    for (i, key) in keys.iter().enumerate() {
        let value = scope.sort_key(&key.column).map_err(Error::unsupported)?;
        order_by((&mut project, &mut order), i, value, (key.descending, key.nulls_first));
    }
    let fetch = limit(command.fetch)?.ok_or_else(|| Error::internal("an order without a limit"))?;
    pipeline.push(doc! { "$project": project });
    pipeline.push(doc! { "$sort": order });
    pipeline.push(doc! { "$limit": fetch.max(1) });
    pipeline.push(doc! { "$replaceRoot": { "newRoot": "$d" } });
    if fetch == 0 {
        pipeline.push(doc! { "$match": crate::pushdown::field::never() });
    }
    if let Some(projection) = projection(read, scope) {
        pipeline.push(doc! { "$project": projection });
    }
    Ok(aggregate(&command.table.table, pipeline))
}

/// Adds a key to an order. The server puts nulls before all values; a key of its own puts them elsewhere.
pub(crate) fn order_by(
    (project, order): (&mut Document, &mut Document),
    index: usize,
    value: Bson,
    (descending, nulls_first): (bool, bool),
) {
    let direction = if descending { -1 } else { 1 };
    if descending == nulls_first {
        let is_null = doc! { "$cond": [{ "$eq": [{ "$ifNull": [value.clone(), Bson::Null] }, Bson::Null] }, 1, 0] };
        project.insert(format!("n{index}"), is_null);
        order.insert(format!("n{index}"), if nulls_first { -1 } else { 1 });
    }
    project.insert(format!("k{index}"), value);
    order.insert(format!("k{index}"), direction);
}

/// The range of `_id` that a part of a scan reads. The first range also holds every `_id` of another type.
fn range(bounds: &PartitionBounds) -> Result<Option<Document>> {
    let (column, from, to) = match bounds {
        PartitionBounds::Whole => return Ok(None),
        PartitionBounds::Text { column, from, to } => (column, from, to),
        _ => return Err(Error::internal("collections are split by texts")),
    };
    let value = |text: &String| {
        let mut wrapped = command_of(text)?;
        wrapped.remove("v").ok_or_else(|| Error::internal("a bound without a value"))
    };
    let (from, to) = (from.as_ref().map(value).transpose()?, to.as_ref().map(value).transpose()?);
    Ok(match (from, to) {
        (None, None) => None,
        (None, Some(to)) => Some(doc! { column: { "$not": { "$gte": to } } }),
        (Some(from), None) => Some(doc! { column: { "$gte": from } }),
        (Some(from), Some(to)) => Some(doc! { column: { "$gte": from, "$lt": to } }),
    })
}

/// What a value that does not fit becomes at the server.
pub(crate) fn otherwise(misfit: Misfit) -> Otherwise {
    if misfit == Misfit::Null { Otherwise::Null } else { Otherwise::Error }
}
