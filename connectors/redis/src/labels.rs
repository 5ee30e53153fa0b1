//! Time series by their labels, from the server's index of labels: `TS.MRANGE ... FILTER host=web1`.
//!
//! What a filter says of labels becomes arguments of FILTER; every series of an answer is checked again. Values and names that the
//! server's syntax could read otherwise are not asked for. The index of RedisTimeSeries 1.12 forgets the series of every database
//! when one database is flushed, so it is used only when an option says so.

use std::collections::BTreeSet;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{BinaryExpr, Operator};
use datafusion::prelude::Expr;
use redis::Value;

use crate::program::pairs_of_labels;
use crate::table::{Role, Table};
use crate::value::{bytes, float, list, whole};

/// The command.
pub(crate) const COMMAND: &str = "TS.MRANGE";
/// What its conditions follow.
const FILTER: &[u8] = b"FILTER";
/// Most values of a condition.
const VALUES_MAX: usize = 1_000;

/// A label that must have one of these values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Labelled {
    name: String,
    values: BTreeSet<String>,
}

impl Labelled {
    /// The argument of FILTER: `name=value` or `name=(value,value)`.
    pub(crate) fn argument(&self) -> String {
        let values: Vec<&str> = self.values.iter().map(String::as_str).collect();
        match values.as_slice() {
            [one] => format!("{}={one}", self.name),
            many => format!("{}=({})", self.name, many.join(",")),
        }
    }

    fn of_argument(argument: &[u8]) -> Option<Self> {
        let (name, values) = std::str::from_utf8(argument).ok()?.split_once('=')?;
        let inner = values.strip_prefix('(').and_then(|v| v.strip_suffix(')')).unwrap_or(values);
        Some(Self { name: name.to_owned(), values: inner.split(',').map(str::to_owned).collect() })
    }

    /// Whether labels fulfil it. A label that a series has twice has its first value, as everywhere here.
    fn holds(&self, labels: &[(String, Vec<u8>)]) -> bool {
        let found = labels.iter().find(|(name, _)| *name == self.name);
        found.is_some_and(|(_, value)| self.values.iter().any(|v| v.as_bytes() == value.as_slice()))
    }
}

/// What a filter says of labels; `None` when it says anything else.
pub(crate) fn conditions(table: &Table, filter: &Expr) -> Option<Vec<Labelled>> {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            let mut found = conditions(table, left)?;
            found.extend(conditions(table, right)?);
            Some(found)
        }
        Expr::BinaryExpr(BinaryExpr { op: Operator::Or, .. }) => either(table, filter).map(|one| vec![one]),
        other => one(table, other).map(|one| vec![one]),
    }
}

/// Values of one label that are combined with OR.
fn either(table: &Table, filter: &Expr) -> Option<Labelled> {
    let (mut stack, mut found) = (vec![filter], None::<Labelled>);
    while let Some(expr) = stack.pop() {
        if let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) = expr {
            stack.extend([right.as_ref(), left.as_ref()]);
            continue;
        }
        let next = one(table, expr)?;
        match &mut found {
            None => found = Some(next),
            Some(known) if known.name == next.name => known.values.extend(next.values),
            Some(_) => return None,
        }
    }
    found.filter(|found| found.values.len() <= VALUES_MAX)
}

fn one(table: &Table, filter: &Expr) -> Option<Labelled> {
    let (column, values) = match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => match (left.as_ref(), right.as_ref()) {
            (Expr::Column(column), Expr::Literal(value, _)) | (Expr::Literal(value, _), Expr::Column(column)) => {
                (column, BTreeSet::from([plain(value)?]))
            }
            _ => return None,
        },
        Expr::InList(InList { expr, list, negated: false }) => {
            let Expr::Column(column) = expr.as_ref() else { return None };
            let value = |element: &Expr| match element {
                Expr::Literal(value, _) => plain(value),
                _ => None,
            };
            (column, list.iter().map(value).collect::<Option<_>>()?)
        }
        _ => return None,
    };
    let found = table.column(&column.name).filter(|c| c.data_type == DataType::Utf8)?;
    match &found.role {
        Role::Label(name) if is_plain(name) && !values.is_empty() && values.len() <= VALUES_MAX => {
            Some(Labelled { name: name.clone(), values })
        }
        _ => None,
    }
}

/// A value that the server's syntax can only read as itself.
fn plain(value: &ScalarValue) -> Option<String> {
    match value {
        ScalarValue::Utf8(Some(text)) | ScalarValue::LargeUtf8(Some(text)) | ScalarValue::Utf8View(Some(text)) => {
            is_plain(text).then(|| text.clone())
        }
        _ => None,
    }
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.len() <= 256 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.:/@+#".contains(&b))
}

/// The conditions of a command's arguments.
pub(crate) fn of_command(arguments: &[Vec<u8>]) -> Option<Vec<Labelled>> {
    let at = arguments.iter().position(|argument| argument == FILTER)?;
    arguments.get(at + 1..)?.iter().map(|argument| Labelled::of_argument(argument)).collect()
}

/// A series of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    pub(crate) key: Vec<u8>,
    pub(crate) samples: Vec<(i64, f64)>,
}

/// The series in an answer that fulfil all conditions; `None` when the answer has another form.
pub(crate) fn series(answer: Value, conditions: &[Labelled]) -> Option<Vec<Series>> {
    let mut found = Vec::new();
    let mut take = |key: Value, labels: Value, samples: Value| {
        let labels = pairs_of_labels(labels)?;
        if conditions.iter().all(|condition| condition.holds(&labels)) {
            found.push(Series { key: bytes(key)?, samples: self::samples(samples)? });
        }
        Some(())
    };
    match answer {
        // Each has its labels, the aggregators and its samples.
        Value::Map(all) => {
            for (key, series) in all {
                let mut parts = list(series)?.into_iter();
                let (labels, _, samples) = (parts.next()?, parts.next()?, parts.next()?);
                take(key, labels, samples)?;
            }
        }
        // Protocol 2 has no aggregators.
        answer => {
            for series in list(answer)? {
                let mut parts = list(series)?.into_iter();
                take(parts.next()?, parts.next()?, parts.next()?)?;
            }
        }
    }
    Some(found)
}

/// The samples of a series.
pub(crate) fn samples(answer: Value) -> Option<Vec<(i64, f64)>> {
    let sample = |sample| {
        let sample = list(sample)?;
        Some((whole(sample.first()?)?, float(sample.get(1)?)?))
    };
    list(answer)?.into_iter().map(sample).collect()
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::{col, lit};
    use headwater_source::TableName;

    use super::*;
    use crate::pattern::KeyPattern;
    use crate::table::{Column, Kind, SCHEMA};

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn table() -> Table {
        let column = |name: &str, role| Column::new(name, role, DataType::Utf8);
        Table {
            name: TableName::new(SCHEMA, "t"),
            pattern: KeyPattern::parse("key", "t:{id}", ":").unwrap(),
            kind: Kind::TimeSeries,
            columns: vec![
                column("id", Role::Part(0)),
                column("host", Role::Label("host".into())),
                column("odd", Role::Label("a=b".into())),
            ],
            row_count: None,
            index: None,
        }
    }

    #[test]
    fn only_values_that_are_read_as_they_are_become_arguments() {
        let asked = |filter: Expr| {
            let found = conditions(&table(), &filter)?;
            Some(found.iter().map(Labelled::argument).collect::<Vec<_>>().join(" "))
        };
        let host = |value: &str| col("host").eq(lit(value));
        assert_eq!(asked(host("web-1.x")).as_deref(), Some("host=web-1.x"));
        assert_eq!(asked(host("b").or(host("a")).and(host("c"))).as_deref(), Some("host=(a,b) host=c"));
        assert_eq!(asked(col("host").in_list(vec![lit("a"), lit("b")], false)).as_deref(), Some("host=(a,b)"));
        for filter in [
            host(""),
            host("a,b"),
            host("(a)"),
            host("a=b"),
            host("a b"),
            host("\"a\""),
            host("ü"),
            col("host").not_eq(lit("a")),
            col("host").in_list(vec![lit("a")], true),
            col("host").eq(lit(ScalarValue::Utf8(None))),
            col("odd").eq(lit("a")),
            col("id").eq(lit("a")),
            host("a").or(col("id").eq(lit("a"))),
        ] {
            assert_eq!(asked(filter.clone()), None, "{filter}");
        }
    }

    #[test]
    fn series_of_both_protocols_are_checked_again() {
        let arguments: Vec<Vec<u8>> = ["TS.MRANGE", "-", "+", "FILTER", "host=(a,b)"].map(|w| w.as_bytes().to_vec()).into();
        let conditions = of_command(&arguments).unwrap();
        let sample = || Value::Array(vec![Value::Array(vec![Value::Int(5), Value::SimpleString("1.5".into())])]);
        let pair = |value: &str| Value::Array(vec![bulk("host"), bulk(value)]);
        let old = |key: &str, labels: Vec<Value>| Value::Array(vec![bulk(key), Value::Array(labels), sample()]);
        let answer =
            Value::Array(vec![old("t:1", vec![pair("a")]), old("t:2", vec![pair("c"), pair("a")]), old("t:3", Vec::new())]);
        let wanted = vec![Series { key: b"t:1".to_vec(), samples: vec![(5, 1.5)] }];
        assert_eq!(series(answer, &conditions), Some(wanted.clone()));
        let new = |key: &str, value: &str| {
            let labels = Value::Map(vec![(bulk("host"), bulk(value))]);
            (bulk(key), Value::Array(vec![labels, Value::Map(Vec::new()), sample()]))
        };
        assert_eq!(series(Value::Map(vec![new("t:1", "a"), new("t:2", "c")]), &conditions), Some(wanted));
        assert_eq!(series(Value::Nil, &conditions), None);
    }
}
