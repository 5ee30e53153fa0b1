//! DELETE and UPDATE of the keys that pass all filters.

use std::collections::BTreeMap;

use datafusion::common::ScalarValue;
use datafusion::prelude::Expr;
use headwater_common::{Error, Result};
use headwater_source::TableMeta;
use redis::Value;

use super::row::{is_time_to_live, json_value, texts};
use super::transaction::{Check, Step, transact};
use crate::commands::Command;
use crate::cursor::all_keys;
use crate::error::{refused, unexpected};
use crate::program::{Answer, Program};
use crate::pushdown::translate;
use crate::request::{Limit, Request};
use crate::source::RedisSource;
use crate::table::{Column, Format, Kind, Role, Table};
use crate::value::{bytes, float, list, pairs, text, whole};

/// Keys that are changed together.
const KEYS_AT_ONCE: usize = 500;

/// Deletes the rows that pass all filters.
pub(crate) async fn delete(source: &RedisSource, table: &TableMeta, filters: &[Expr]) -> Result<u64> {
    let request = request(source, table, filters)?;
    let kind = request.table.kind;
    if kind == Kind::TimeSeries {
        return Err(Error::unsupported(format!("DELETE from {} is not supported: it is a time series", table.name)));
    }
    let elements = &request.elements;
    let filtered = elements.scores.is_some() || elements.times.is_some() || elements.entry.is_some();
    let mut deleted = 0;
    for keys in keys(source, &request).await? {
        let mut steps = Vec::with_capacity(keys.len());
        for key in keys {
            let commands = match (filtered, length(kind)) {
                (true, _) => remove(source, &request, &key).await?,
                (false, Some(length)) => vec![of_key(length, &key), of_key("UNLINK", &key)],
                (false, None) => vec![of_key("UNLINK", &key)],
            };
            if !commands.is_empty() {
                steps.push(Step { key, check: Check::Type(kind.server_type()), absent: None, commands });
            }
        }
        for answers in transact(source, steps).await?.unwrap_or_default() {
            let number = answers.first().and_then(whole).and_then(|n| u64::try_from(n).ok());
            deleted += number.ok_or_else(|| unexpected(&source.name, "UNLINK"))?;
        }
    }
    Ok(deleted)
}

fn request(source: &RedisSource, table: &TableMeta, filters: &[Expr]) -> Result<Request> {
    let table = source.table(&table.name)?;
    let mut tests = Vec::new();
    for filter in filters {
        let reason = |reason| Error::unsupported(format!("the filter {filter}: {reason}"));
        tests.extend(translate(&table, filter).map_err(reason)?);
    }
    Ok(Request::new(table, Vec::new(), tests, Limit::default(), false))
}

fn of_key(name: &str, key: &[u8]) -> Command {
    Command::words([name]).with(key)
}

/// The command that counts the rows of a key; `None` when it is one row.
fn length(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::List => Some("LLEN"),
        Kind::Set => Some("SCARD"),
        Kind::SortedSet => Some("ZCARD"),
        Kind::Stream => Some("XLEN"),
        _ => None,
    }
}

/// All keys that pass, in groups that are changed together.
async fn keys(source: &RedisSource, request: &Request) -> Result<Vec<Vec<Vec<u8>>>> {
    let topology = source.connections.topology().await?;
    let mut groups: BTreeMap<usize, Vec<Vec<u8>>> = BTreeMap::new();
    for key in all_keys(source, request).await? {
        // A transaction has the keys of one slot.
        groups.entry(if topology.is_cluster() { topology.slot(&key) } else { 0 }).or_default().push(key);
    }
    Ok(groups.into_values().flat_map(|keys| keys.chunks(KEYS_AT_ONCE).map(<[_]>::to_vec).collect::<Vec<_>>()).collect())
}

/// The command that removes the elements of a key that pass; none when there are none.
async fn remove(source: &RedisSource, request: &Request, key: &[u8]) -> Result<Vec<Command>> {
    let mut reading = request.clone();
    reading.columns =
        reading.table.columns.iter().filter(|c| matches!(c.role, Role::Member | Role::EntryId)).cloned().collect();
    let name = if request.table.kind == Kind::SortedSet { "ZREM" } else { "XDEL" };
    let mut command = of_key(name, key);
    let program = match request.table.kind {
        Kind::Stream => {
            let all = crate::program::all_entries(&request.elements);
            Program::new(&reading, false).only(all)
        }
        _ => Program::new(&reading, false),
    };
    let mut commands = Vec::new();
    program.commands(key, &mut commands);
    let topology = source.connections.topology().await?;
    let node = topology.nodes.get(topology.owner(key)).ok_or_else(|| Error::internal("a key without a node"))?;
    let answers = source.connections.ask(&node.address, 0, &commands, true).await?;
    let Answer::Found(found) = program.answer(&source.name, answers)? else { return Ok(Vec::new()) };
    let wrong = || unexpected(&source.name, name);
    let mut count = 0;
    if request.table.kind == Kind::SortedSet {
        for (member, score) in pairs(found.value).ok_or_else(wrong)? {
            let score = float(&score).ok_or_else(wrong)?;
            if request.elements.scores.is_none_or(|range| range.holds(score)) {
                command = command.with(bytes(member).ok_or_else(wrong)?);
                count += 1;
            }
        }
    } else {
        for entry in list(found.value).ok_or_else(wrong)? {
            let id = list(entry).and_then(|entry| entry.into_iter().next()).and_then(text).ok_or_else(wrong)?;
            command = command.with(id);
            count += 1;
        }
    }
    Ok(if count == 0 { Vec::new() } else { vec![command] })
}

/// Updates the rows that pass all filters.
pub(crate) async fn update(
    source: &RedisSource,
    table: &TableMeta,
    assignments: &[(String, Expr)],
    filters: &[Expr],
) -> Result<u64> {
    let request = request(source, table, filters)?;
    let kind = request.table.kind;
    if !matches!(kind, Kind::Hash | Kind::Json | Kind::String(Format::Raw)) {
        let message = format!("UPDATE of {} is not supported: only hashes, JSON documents and strings", table.name);
        return Err(Error::unsupported(message));
    }
    let changed = assignments.iter().filter(|(name, value)| !matches!(value, Expr::Column(own) if own.name == *name));
    let changes = changed.map(|(name, value)| change(&request.table, name, value)).collect::<Result<Vec<_>>>()?;
    if changes.is_empty() {
        return Err(Error::unsupported(format!("UPDATE of {}: it changes no column", table.name)));
    }
    let mut updated = 0;
    for keys in keys(source, &request).await? {
        let step = |key: Vec<u8>| Step {
            check: Check::Type(kind.server_type()),
            absent: None,
            commands: changes.iter().map(|c| c.command(&key)).collect(),
            key,
        };
        let steps: Vec<Step> = keys.into_iter().map(step).collect();
        let named: Vec<Vec<u8>> = steps.iter().map(|step| step.key.clone()).collect();
        for (answers, key) in transact(source, steps).await?.unwrap_or_default().into_iter().zip(named) {
            if kind == Kind::Json && answers.iter().any(|answer| matches!(answer, Value::Nil)) {
                let key = String::from_utf8_lossy(&key).into_owned();
                let message = format!(
                    "UPDATE of {}: the document of key \"{key}\" is no object, so it has no member to set; others of the statement \
                     may have been changed",
                    table.name
                );
                return Err(Error::invalid(message).from_source(&source.name));
            }
            if let Some(Value::ServerError(e)) = answers.iter().find(|a| matches!(a, Value::ServerError(_))) {
                return Err(refused(&source.name, e));
            }
            updated += 1;
        }
    }
    Ok(updated)
}

/// One assignment, the same for every key.
#[derive(Debug)]
struct Change {
    name: &'static str,
    arguments: Vec<Vec<u8>>,
}

impl Change {
    fn command(&self, key: &[u8]) -> Command {
        self.arguments.iter().fold(of_key(self.name, key), |command, argument| command.with(argument.as_slice()))
    }
}

fn change(table: &Table, name: &str, value: &Expr) -> Result<Change> {
    let column = table.column(name).ok_or_else(|| Error::not_found(format!("{} has no column {name}", table.name)))?;
    let unsupported = |message: &str| Error::unsupported(format!("UPDATE of {}: column \"{name}\" {message}", table.name));
    let constant = constant(value).ok_or_else(|| unsupported("can only be set to a constant"))?;
    let value = written(column, &constant)?;
    let make = |name, arguments| Ok(Change { name, arguments });
    match (&column.role, table.kind, value) {
        (Role::Field(field), Kind::Hash, Some(value)) => make("HSET", vec![field.clone().into_bytes(), value]),
        // The last field would take its key with it.
        (Role::Field(_), Kind::Hash, None) => Err(unsupported("of a hash cannot be set to NULL")),
        (Role::Value, Kind::String(_), Some(value)) => make("SET", vec![value, b"KEEPTTL".to_vec()]),
        (Role::Field(field), Kind::Json, value) if crate::program::is_plain_name(field) => {
            let text = value.map(|v| String::from_utf8_lossy(&v).into_owned());
            let json = text.map_or_else(|| "null".to_owned(), |t| json_value(&column.data_type, &t));
            make("JSON.SET", vec![format!("$.{field}").into_bytes(), json.into_bytes()])
        }
        (Role::TimeToLive, _, None) => make("PERSIST", Vec::new()),
        (Role::TimeToLive, _, Some(ms)) if is_expiry(&ms) => make("PEXPIRE", vec![ms]),
        _ => Err(unsupported("cannot be set to this value")),
    }
}

/// Whether a text is a time to live.
fn is_expiry(ms: &[u8]) -> bool {
    std::str::from_utf8(ms).ok().and_then(|text| text.parse().ok()).is_some_and(is_time_to_live)
}

/// The value of an expression without columns.
fn constant(expr: &Expr) -> Option<ScalarValue> {
    match expr {
        Expr::Literal(value, _) => Some(value.clone()),
        Expr::Cast(cast) => constant(&cast.expr)?.cast_to(cast.field.data_type()).ok(),
        Expr::Alias(alias) => constant(&alias.expr),
        _ => None,
    }
}

fn written(column: &Column, value: &ScalarValue) -> Result<Option<Vec<u8>>> {
    let failed = |_| Error::invalid(format!("column \"{}\": the value does not fit its type", column.name));
    let array = value.cast_to(&column.data_type).and_then(|v| v.to_array()).map_err(failed)?;
    let texts = texts(column, &array)?;
    Ok(texts.iter().next().flatten().map(<[u8]>::to_vec))
}
