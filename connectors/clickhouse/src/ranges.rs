//! Ranges of a table's primary key, or of its partitions, that several readers share.
//!
//! A row is in exactly one range of its key, whatever part it is in, and merges join parts of one partition only, so merges that
//! run between the readers neither lose nor double it. Where the ranges end only decides how much work each reader has: edges
//! that are old are still right.

use std::collections::HashMap;
use std::time::Duration;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use headwater_common::clock::Stopwatch;
use headwater_common::{Error, Result};
use headwater_source::{PartitionBounds, TableName};
use headwater_sqlgen as sql;
use parking_lot::RwLock;

use crate::connect::Connections;
use crate::discover::number;
use crate::settings::ServerSettings;
use crate::types::{ChKind, ChType};

/// The column that holds the name of a row's partition.
const PARTITION: &str = "_partition_id";

/// Edges that are older are asked for again.
const OLD: Duration = Duration::from_secs(60);

/// What a table is split by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SplitKey {
    /// The first column of its primary key: whole numbers, days or seconds.
    Column(String),
    /// Its partitions.
    Partitions,
}

/// Values that split a table into parts of about equal size, in order.
#[derive(Debug, Clone)]
pub(crate) enum Edges {
    /// Of the key's column.
    Key(String, Vec<i64>),
    /// Names of partitions.
    Partitions(Vec<String>),
}

impl Edges {
    /// All ranges between the edges, the first and the last of them open; none when there would be only one.
    pub(crate) fn ranges(&self) -> Vec<PartitionBounds> {
        match self {
            Self::Key(column, values) => {
                between(values.clone(), |from, to| PartitionBounds::Key { column: column.clone(), from, to })
            }
            Self::Partitions(names) => {
                between(names.clone(), |from, to| PartitionBounds::Text { column: PARTITION.to_owned(), from, to })
            }
        }
    }

    /// Edges that make at most so many ranges.
    fn thinned(&self, target: usize) -> Self {
        match self {
            Self::Key(column, values) => Self::Key(column.clone(), thinned(values, target)),
            Self::Partitions(names) => Self::Partitions(thinned(names, target)),
        }
    }
}

fn thinned<T: Clone>(edges: &[T], target: usize) -> Vec<T> {
    let parts = target.min(edges.len() + 1);
    (1..parts).filter_map(|i| edges.get(i * (edges.len() + 1) / parts - 1).cloned()).collect()
}

fn between<T: Clone>(edges: Vec<T>, range: impl Fn(Option<T>, Option<T>) -> PartitionBounds) -> Vec<PartitionBounds> {
    if edges.is_empty() {
        return Vec::new();
    }
    let mut from = None;
    let next = |to: Option<T>| {
        let bounds = range(from.take(), to.clone());
        from = to;
        bounds
    };
    edges.into_iter().map(Some).chain([None]).map(next).collect()
}

/// The edges of the tables that statements were split over, and when they were asked for.
#[derive(Debug, Default)]
pub(crate) struct KnownEdges(RwLock<HashMap<TableName, (Edges, Stopwatch)>>);

impl KnownEdges {
    /// Forgets all; the tables may be others.
    pub(crate) fn clear(&self) {
        self.0.write().clear();
    }

    /// Whether the edges of a table are not known, or old.
    pub(crate) fn lacks(&self, table: &TableName) -> bool {
        self.0.read().get(table).is_none_or(|(_, asked)| asked.elapsed() > OLD)
    }

    /// Keeps the edges of a table.
    pub(crate) fn keep(&self, table: TableName, edges: Edges) {
        self.0.write().insert(table, (edges, Stopwatch::start()));
    }

    /// At most `target` ranges of a table; none when its edges are not known.
    pub(crate) fn ranges(&self, table: &TableName, target: usize) -> Vec<PartitionBounds> {
        let known = self.0.read();
        known.get(table).map_or_else(Vec::new, |(edges, _)| edges.thinned(target).ranges())
    }
}

/// Asks the server for edges that make `parts` ranges of a table; none when the index or the parts cannot be read.
pub(crate) async fn edges(
    connections: &Connections,
    settings: &ServerSettings,
    table: &TableName,
    (key, types): (&SplitKey, &[(String, ChType)]),
    parts: usize,
) -> Result<Edges> {
    let (schema, name) = (table.schema.clone(), table.table.clone());
    let statement = match key {
        SplitKey::Column(column) => sql::ClickHouseStatement::KeyQuantiles {
            schema,
            table: name,
            column: column.clone(),
            parts: u32::try_from(parts).unwrap_or(u32::MAX),
        },
        SplitKey::Partitions => sql::ClickHouseStatement::PartitionSizes { schema, table: name },
    };
    let text = format!("{} FORMAT JSONCompactEachRow", statement.text()?);
    let rows = match connections.rows(&text, &settings.sent).await {
        Ok(rows) => rows,
        Err(e) => {
            tracing::debug!(%table, error = %e, "the index cannot be read; one reader reads the table");
            Vec::new()
        }
    };
    let SplitKey::Column(column) = key else { return Ok(Edges::Partitions(balanced(&rows, parts))) };
    let found = rows.first().and_then(|row| row.first()).and_then(|v| v.as_array());
    let mut edges: Vec<i64> = found.into_iter().flatten().filter_map(number).collect();
    let signed = |t: &ChType| matches!(&t.kind, ChKind::Native(native) if !native.is_unsigned_integer());
    if !types.iter().any(|(name, t)| name == column && signed(t)) {
        edges.retain(|edge| *edge >= 0);
    }
    edges.sort_unstable();
    edges.dedup();
    Ok(Edges::Key(column.clone(), edges))
}

/// Names of partitions that begin a new range, from rows of names in order and numbers of rows.
fn balanced(rows: &[Vec<serde_json::Value>], parts: usize) -> Vec<String> {
    let size = |row: &Vec<serde_json::Value>| row.get(1).and_then(number).and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
    let each = rows.iter().map(size).sum::<u64>().div_ceil(parts.max(1) as u64).max(1);
    let (mut edges, mut filled) = (Vec::new(), 0);
    for row in rows {
        let name = row.first().and_then(|v| v.as_str());
        if let (true, Some(name)) = (filled >= each * (edges.len() as u64 + 1), name) {
            edges.push(name.to_owned());
        }
        filled += size(row);
    }
    edges
}

/// The column whose values a range bounds.
pub(crate) fn column(bounds: &PartitionBounds) -> Option<&str> {
    match bounds {
        PartitionBounds::Key { column, .. } | PartitionBounds::Text { column, .. } => Some(column),
        PartitionBounds::Whole | PartitionBounds::Blocks { .. } => None,
    }
}

/// Rows whose key is in a range; the first range also holds the nulls. `key` is the key's column in the statement.
pub(crate) fn filter(types: &[(String, ChType)], bounds: &PartitionBounds, key: &sql::Expr) -> Result<Vec<sql::Expr>> {
    let (column, from, to) = match bounds {
        PartitionBounds::Whole => return Ok(Vec::new()),
        PartitionBounds::Key { column, from, to } => (column, *from, *to),
        PartitionBounds::Text { from, to, .. } => {
            let end = |name: &String, operator| {
                sql::Expr::compare(key.clone(), operator, sql::Expr::Value(ScalarValue::from(name.as_str())))
            };
            let from = from.iter().map(|name| end(name, sql::Operator::GtEq));
            return Ok(from.chain(to.iter().map(|name| end(name, sql::Operator::Lt))).collect());
        }
        PartitionBounds::Blocks { .. } => return Err(Error::internal("ClickHouse tables have no blocks")),
    };
    let t = types.iter().find(|(n, _)| n == column).map(|(_, t)| t);
    let t = t.ok_or_else(|| Error::internal(format!("no column {column}")))?;
    let value = |v: i64| {
        let fits = || Error::internal(format!("{column}: a range ends outside the type"));
        let value = match t.kind {
            ChKind::Date => ScalarValue::Date32(Some(i32::try_from(v).map_err(|_| fits())?)),
            ChKind::DateTime => ScalarValue::TimestampSecond(Some(v), Some("UTC".into())),
            ChKind::Native(DataType::UInt64) => ScalarValue::UInt64(Some(u64::try_from(v).map_err(|_| fits())?)),
            _ => ScalarValue::Int64(Some(v)),
        };
        Ok::<_, Error>(sql::Expr::Value(value))
    };
    let mut parts = Vec::new();
    if let Some(from) = from {
        parts.push(sql::Expr::compare(key.clone(), sql::Operator::GtEq, value(from)?));
    }
    if let Some(to) = to {
        let below = sql::Expr::compare(key.clone(), sql::Operator::Lt, value(to)?);
        parts.push(match from.is_none() && t.nullable {
            true => sql::Expr::Any(vec![below, sql::Expr::IsNull(Box::new(key.clone()))]),
            false => below,
        });
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> TableName {
        TableName::new("d", "t")
    }

    #[test]
    fn ranges_are_open_at_both_ends_and_at_most_as_many_as_wanted() {
        let known = KnownEdges::default();
        assert!(known.lacks(&name()) && known.ranges(&name(), 4).is_empty());
        known.keep(name(), Edges::Key("k".into(), vec![10, 20, 30, 40, 50, 60, 70]));
        assert!(!known.lacks(&name()));
        let end = |bounds: &PartitionBounds| match bounds {
            PartitionBounds::Key { from, to, .. } => (*from, *to),
            other => panic!("{other:?}"),
        };
        let ends = |target| known.ranges(&name(), target).iter().map(end).collect::<Vec<_>>();
        assert_eq!(ends(2), [(None, Some(40)), (Some(40), None)]);
        assert_eq!(ends(4), [(None, Some(20)), (Some(20), Some(40)), (Some(40), Some(60)), (Some(60), None)]);
        assert_eq!(ends(100).len(), 8);
        assert!(ends(1).is_empty());
        known.keep(name(), Edges::Key("k".into(), Vec::new()));
        assert!(ends(4).is_empty());
    }

    #[test]
    fn partitions_are_put_together_until_a_range_is_full() {
        let rows = [("202401", 50), ("202402", 50), ("202403", 10), ("202404", 90), ("202405", 1)];
        let rows: Vec<Vec<serde_json::Value>> = rows.iter().map(|(n, c)| vec![(*n).into(), c.to_string().into()]).collect();
        assert_eq!(balanced(&rows, 2), ["202404"]);
        assert_eq!(balanced(&rows, 8), ["202402", "202403", "202404", "202405"]);
        assert!(balanced(&rows[..1], 4).is_empty() && balanced(&[], 4).is_empty());
    }
}
