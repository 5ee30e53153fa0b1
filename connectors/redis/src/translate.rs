//! Aggregates of time series over buckets of time, computed by the server.
//!
//! `GROUP BY` the parts of the key and `date_bin(...)` of the time is one `TS.RANGE ... AGGREGATION` for each aggregate and key.
//! Series that a filter names by their labels are one `TS.MRANGE` for each aggregate.
//!
//! Counts, smallest and largest values are exact. The server keeps finite numbers only; of zeros it tells not which is the
//! smaller, so they are read beside. A sum or average of floating point depends on the order of its rows and stays here.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{AggregateFunction, ScalarFunction};
use datafusion::logical_expr::{Aggregate, LogicalPlan, TableScan};
use datafusion::prelude::Expr;
use headwater_common::{Error, Result};
use headwater_source::{Kept, RemoteColumn, RemoteQuery, RemoteText, TableName};

use crate::commands::{Template, to_text};
use crate::config::Mode;
use crate::cursor;
use crate::labels::{self, Labelled};
use crate::pushdown::{Times, translate as translate_filter};
use crate::request::{Keys, Limit, Request};
use crate::source::RedisSource;
use crate::table::{Kind, Role, Table, timestamp};

/// The attribute that says what a column of the result holds.
const CELL: &str = "cell";

/// What a column of the result holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cell {
    Part(usize),
    Bucket,
    Count,
    Min,
    Max,
}

impl Cell {
    fn word(self) -> String {
        match self {
            Self::Part(i) => i.to_string(),
            Self::Bucket => "bucket".to_owned(),
            Self::Count => "count".to_owned(),
            Self::Min => "min".to_owned(),
            Self::Max => "max".to_owned(),
        }
    }

    fn of_word(word: &str) -> Option<Self> {
        Some(match word {
            "bucket" => Self::Bucket,
            "count" => Self::Count,
            "min" => Self::Min,
            "max" => Self::Max,
            number => Self::Part(number.parse().ok()?),
        })
    }
}

/// What the columns of a query hold.
pub(crate) fn cells(query: &RemoteQuery) -> Result<Vec<Cell>> {
    let cell = |column: &RemoteColumn| column.attributes.get(CELL).and_then(|word| Cell::of_word(word));
    let cells = query.columns.iter().map(cell).collect::<Option<Vec<_>>>();
    cells.ok_or_else(|| Error::internal("a column of a query without its meaning"))
}

type Outcome<T> = Result<T, Kept>;

/// The commands of a sub-plan, or why it stays here.
pub(crate) fn translate(source: &RedisSource, plan: &LogicalPlan) -> Result<RemoteQuery, Vec<Kept>> {
    let LogicalPlan::Aggregate(aggregate) = plan else {
        let reason = "a redis source computes only aggregates of time series over buckets of time";
        return Err(vec![Kept::new(plan.display().to_string(), reason)]);
    };
    translate_aggregate(source, aggregate).map_err(|kept| vec![kept])
}

fn translate_aggregate(source: &RedisSource, aggregate: &Aggregate) -> Outcome<RemoteQuery> {
    let keep = |part: String, reason: &str| Kept::new(part, reason);
    let mut filters = Vec::new();
    let scan = scan_below(&aggregate.input, &mut filters).ok_or_else(|| {
        keep(aggregate.input.display().to_string(), "only tables themselves are aggregated by the server")
    })?;
    let name = TableName::new(scan.table_name.schema().unwrap_or_default(), scan.table_name.table());
    let table = source.table(&name).map_err(|e| keep(name.to_string(), e.message()))?;
    if table.kind != Kind::TimeSeries {
        return Err(keep(name.to_string(), "only time series are aggregated by the server"));
    }
    let (mut cells, mut width) = (Vec::new(), None);
    for expr in &aggregate.group_expr {
        cells.push(group(&table, expr, &mut width)?);
    }
    let parts = table.pattern.names().count();
    if !(0..parts).all(|i| cells.contains(&Cell::Part(i))) {
        return Err(keep("GROUP BY".into(), "it must have every part of the key: the server aggregates each key alone"));
    }
    let Some(width) = width else {
        return Err(keep(
            "GROUP BY".into(),
            "it must have date_bin of the timestamp: the server aggregates over buckets of time",
        ));
    };
    for expr in &aggregate.aggr_expr {
        cells.push(aggregate_of(&table, expr)?);
    }
    let labelled = labelled(source, &table, &filters)?;
    let request = request(&table, scan, !labelled.is_empty())?;
    let fields = aggregate.schema.fields().iter().zip(&cells).map(|(field, cell)| RemoteColumn {
        field: Arc::clone(field),
        remote_type: "time series".to_owned(),
        attributes: BTreeMap::from([(CELL.to_owned(), cell.word())]),
    });
    let columns: Vec<RemoteColumn> = fields.collect();
    for (column, cell) in columns.iter().zip(&cells) {
        let fits = match cell {
            Cell::Part(_) => matches!(column.field.data_type(), DataType::Utf8 | DataType::Int64),
            Cell::Bucket => *column.field.data_type() == timestamp(),
            Cell::Count => *column.field.data_type() == DataType::Int64,
            Cell::Min | Cell::Max => *column.field.data_type() == DataType::Float64,
        };
        if !fits {
            return Err(keep(column.field.name().clone(), "its type is not what the server computes"));
        }
    }
    let text = to_text(&match labelled.as_slice() {
        [] => commands(source, &request, &cells, width),
        labelled => of_key(labels::COMMAND, &request, &cells, width).iter().map(|t| with_labels(t, labelled)).collect(),
    });
    Ok(RemoteQuery {
        source: source.name.clone(),
        texts: vec![RemoteText { text, parameters: 0 }],
        columns,
        tables: vec![(name, Vec::new())],
    })
}

/// The scan below plain columns, and the filters between.
fn scan_below<'p>(plan: &'p LogicalPlan, filters: &mut Vec<&'p Expr>) -> Option<&'p TableScan> {
    match plan {
        LogicalPlan::TableScan(scan) => Some(scan).filter(|scan| scan.fetch.is_none()),
        LogicalPlan::SubqueryAlias(alias) => scan_below(&alias.input, filters),
        LogicalPlan::Projection(projection) if projection.expr.iter().all(|e| matches!(e, Expr::Column(_))) => {
            scan_below(&projection.input, filters)
        }
        LogicalPlan::Filter(filter) => {
            filters.push(&filter.predicate);
            scan_below(&filter.input, filters)
        }
        _ => None,
    }
}

/// What filters above the scan say of labels.
fn labelled(source: &RedisSource, table: &Table, filters: &[&Expr]) -> Outcome<Vec<Labelled>> {
    let options = &source.config.reading;
    let mut found = Vec::new();
    for filter in filters {
        let keep = |reason: &str| Kept::new(filter.to_string(), reason);
        let conditions = labels::conditions(table, filter).ok_or_else(|| keep("such filters are computed here"))?;
        if !options.labels || options.wrong_type_fails || source.config.mode == Mode::Cluster {
            let reason = "the server's index of labels is asked with option \"labels\", with \"wrong_type\" = skip, and of no cluster";
            return Err(keep(reason));
        }
        found.extend(conditions);
    }
    Ok(found)
}

fn request(table: &Arc<Table>, scan: &TableScan, is_labelled: bool) -> Outcome<Request> {
    let mut tests = Vec::new();
    for filter in &scan.filters {
        tests.extend(translate_filter(table, filter).map_err(|reason| Kept::new(filter.to_string(), reason))?);
    }
    let request = Request::new(Arc::clone(table), Vec::new(), tests, Limit::default(), false);
    // The commands say all that is asked, and a glob matches more than the keys that pass.
    let is_said = match &request.keys {
        Keys::Listed(_) => !is_labelled,
        Keys::Scan(_) | Keys::Search(..) => !request.tests_keys(),
    };
    match is_said && !request.elements.none {
        true => Ok(request),
        false => Err(Kept::new("the filter", "it does not name the keys of the time series")),
    }
}

fn group(table: &Table, expr: &Expr, width: &mut Option<i64>) -> Outcome<Cell> {
    let keep = |reason: &str| Kept::new(expr.to_string(), reason);
    let role = |expr: &Expr| match expr {
        Expr::Column(column) => table.column(&column.name).map(|c| (&c.role, &c.data_type)),
        _ => None,
    };
    match expr {
        Expr::Alias(alias) => group(table, &alias.expr, width),
        Expr::Column(_) => match role(expr) {
            Some((Role::Part(i), DataType::Utf8 | DataType::Int64)) => Ok(Cell::Part(*i)),
            _ => Err(keep("groups are parts of the key and buckets of time")),
        },
        Expr::ScalarFunction(ScalarFunction { func, args }) if func.name() == "date_bin" && width.is_none() => {
            let [Expr::Literal(interval, _), time] = args.as_slice() else {
                return Err(keep("date_bin with an origin is computed here"));
            };
            if role(time) != Some((&Role::Timestamp, &timestamp())) {
                return Err(keep("date_bin must be of the timestamp"));
            }
            *width = milliseconds(interval);
            width.map(|_| Cell::Bucket).ok_or_else(|| keep("the server's buckets are whole milliseconds"))
        }
        _ => Err(keep("groups are parts of the key and buckets of time")),
    }
}

/// A length of time that is the same everywhere on the time line.
fn milliseconds(interval: &ScalarValue) -> Option<i64> {
    let ScalarValue::IntervalMonthDayNano(Some(interval)) = interval else { return None };
    let (days, rest) = (i64::from(interval.days), interval.nanoseconds);
    let ms = days.checked_mul(86_400_000)?.checked_add(rest / 1_000_000)?;
    (interval.months == 0 && rest % 1_000_000 == 0 && ms > 0).then_some(ms)
}

fn aggregate_of(table: &Table, expr: &Expr) -> Outcome<Cell> {
    let keep = |reason: &str| Kept::new(expr.to_string(), reason);
    let call = match expr {
        Expr::Alias(alias) => return aggregate_of(table, &alias.expr),
        Expr::AggregateFunction(call) => call,
        _ => return Err(keep("it is computed here")),
    };
    let AggregateFunction { func, params } = call;
    if params.distinct || params.filter.is_some() || !params.order_by.is_empty() {
        return Err(keep("DISTINCT, FILTER and ORDER BY of an aggregate are computed here"));
    }
    let is_value = |expr: &Expr| match expr {
        Expr::Column(column) => table.column(&column.name).is_some_and(|c| c.role == Role::Value),
        _ => false,
    };
    match (func.name(), params.args.as_slice()) {
        ("count", [Expr::Literal(value, _)]) if !value.is_null() => Ok(Cell::Count),
        ("count", [value]) if is_value(value) => Ok(Cell::Count),
        ("min", [value]) if is_value(value) => Ok(Cell::Min),
        ("max", [value]) if is_value(value) => Ok(Cell::Max),
        ("sum" | "avg", _) => Err(keep("a sum of floating point depends on the order of its rows")),
        (name, _) => Err(keep(&format!("the function {name} is computed here"))),
    }
}

/// The same for series by their labels instead of one key.
fn with_labels(template: &Template, labelled: &[Labelled]) -> Template {
    let command = template.clone().without_key().with_words(&["WITHLABELS", "FILTER"]);
    labelled.iter().fold(command, |command, condition| command.with(condition.argument()))
}

/// SCAN or nothing, and for each key the aggregates in order of the columns, then the zeros.
fn commands(source: &RedisSource, request: &Request, cells: &[Cell], width: i64) -> Vec<Template> {
    let of_key = of_key("TS.RANGE", request, cells, width);
    match &request.keys {
        Keys::Scan(_) | Keys::Search(..) => [cursor::template(request, &source.config)].into_iter().chain(of_key).collect(),
        Keys::Listed(keys) => {
            let accepted = keys.iter().filter(|key| request.accepts(key).is_some());
            let of = |key: &Vec<u8>| of_key.iter().map(|t| Template::of_command(&t.command(key))).collect::<Vec<_>>();
            accepted.flat_map(of).collect()
        }
    }
}

/// The aggregates of a key in order of the columns, then its zeros.
fn of_key(name: &str, request: &Request, cells: &[Cell], width: i64) -> Vec<Template> {
    let times = request.elements.times.unwrap_or(Times::ALL);
    let low = if times.low <= 0 { "-".to_owned() } else { times.low.to_string() };
    let high = if times.high == i64::MAX { "+".to_owned() } else { times.high.to_string() };
    let range = || Template::of_key(name).with(low.as_str()).with(high.as_str());
    let mut of_key = Vec::new();
    for cell in cells.iter().filter(|c| matches!(c, Cell::Count | Cell::Min | Cell::Max)) {
        of_key.push(range().with("AGGREGATION").with(cell.word()).with(width.to_string()));
    }
    if of_key.is_empty() {
        of_key.push(range().with("AGGREGATION").with("count").with(width.to_string()));
    }
    if cells.iter().any(|c| matches!(c, Cell::Min | Cell::Max)) {
        of_key.push(range().with_words(&["FILTER_BY_VALUE", "0", "0"]));
    }
    of_key
}
