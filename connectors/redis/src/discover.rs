//! Finds tables: those that options declare, and patterns in a sample of the keys.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use headwater_common::{Error, Result};
use headwater_source::TableName;
use redis::Value;

use crate::columns::{Parts, columns, declared_columns, text_type};
use crate::commands::Command;
use crate::declared::DeclaredTable;
use crate::elements::record;
use crate::error::{refused, unexpected};
use crate::families::families;
use crate::infer::{Fields, type_of};
use crate::json::elements;
use crate::pattern::KeyPattern;
use crate::program::labels;
use crate::search::index::{indexes, of_table};
use crate::source::RedisSource;
use crate::table::{Format, Kind, SCHEMA, Table, TableRef};
use crate::value::{bytes, list, pairs, text, whole};

/// Keys that one SCAN of a sample looks at.
const SCAN_COUNT: &str = "1000";
/// How often a sample looks for keys of a declared table.
const SCANS_MAX: usize = 50;
/// Elements of one value that are looked at.
const ELEMENTS: &str = "100";

/// Keys with their types, and how many there are.
#[derive(Debug, Default)]
struct Sample {
    by_type: BTreeMap<String, Vec<Vec<u8>>>,
    /// Keys of the sample.
    seen: u64,
    /// Keys of the database.
    all: u64,
}

impl Sample {
    /// The number of keys in the database of which the sample has so many.
    fn estimate(&self, keys: usize) -> u64 {
        if self.seen == 0 {
            return 0;
        }
        let share = keys as f64 / self.seen as f64;
        (share * self.all.max(self.seen) as f64).round() as u64
    }
}

/// All tables.
pub(crate) async fn discover(source: &RedisSource) -> Result<Vec<TableRef>> {
    let options = &source.config.reading;
    let needs_sample = options.discover || source.config.tables.iter().any(DeclaredTable::is_open);
    let sample = if needs_sample { sample(source).await? } else { Sample::default() };
    let mut tables: Vec<Table> = Vec::new();
    for declared in &source.config.tables {
        tables.push(self::declared(source, declared, &sample).await?);
    }
    if options.discover {
        for (type_name, keys) in &sample.by_type {
            let Some(kind) = Kind::of_server_type(type_name) else { continue };
            let is_declared = |key: &[u8]| {
                source.config.tables.iter().any(|t| t.kind.server_type() == type_name && t.pattern.parts(key).is_some())
            };
            let free: Vec<Vec<u8>> = keys.iter().filter(|key| !is_declared(key)).cloned().collect();
            for family in families(&free, &options.separator) {
                let name = free_name(&family.name, kind, &tables);
                let rows = sample.estimate(family.keys.len());
                tables.push(inferred(source, name, family.pattern, kind, &family.keys, rows).await?);
            }
        }
    }
    let indexes = indexes(source).await?;
    tables.iter_mut().for_each(|table| table.index = of_table(table, &indexes));
    Ok(tables.into_iter().map(Arc::new).collect())
}

/// A name that no other table has.
fn free_name(name: &str, kind: Kind, tables: &[Table]) -> String {
    let taken = |name: &str| tables.iter().any(|t| t.name.table == name);
    let mut free = name.to_owned();
    if taken(&free) {
        free = format!("{name}_{}", kind.word());
    }
    let (base, mut number) = (free.clone(), 1);
    while taken(&free) {
        number += 1;
        free = format!("{base}_{number}");
    }
    free
}

/// Keys with their types from every node.
async fn sample(source: &RedisSource) -> Result<Sample> {
    let topology = source.connections.topology().await?;
    let per_node = source.config.reading.sample_keys.div_ceil(topology.nodes.len().max(1));
    let mut found = Sample::default();
    for node in &topology.nodes {
        let size = one(source.connections.ask(&node.address, 0, &[Command::words(["DBSIZE"])], true).await?);
        found.all += whole(&size).and_then(|n| u64::try_from(n).ok()).unwrap_or_default();
        let keys = scan(source, &node.address, &[], per_node).await?;
        let types: Vec<Command> = keys.iter().map(|key| Command::words(["TYPE"]).with(key.as_slice())).collect();
        let types =
            if types.is_empty() { Vec::new() } else { source.connections.ask(&node.address, 0, &types, true).await? };
        for (key, name) in keys.into_iter().zip(types) {
            if let Some(name) = text(name).filter(|name| name != "none") {
                found.seen += 1;
                found.by_type.entry(name).or_default().push(key);
            }
        }
    }
    Ok(found)
}

fn one(answers: Vec<Value>) -> Value {
    answers.into_iter().next().unwrap_or_default()
}

/// At most so many keys of a node.
async fn scan(
    source: &RedisSource,
    node: &crate::config::Address,
    options: &[Vec<u8>],
    most: usize,
) -> Result<Vec<Vec<u8>>> {
    let (mut keys, mut seen, mut cursor) = (Vec::new(), HashSet::new(), b"0".to_vec());
    for _ in 0..SCANS_MAX.max(most / 100) {
        let scan = Command::words(["SCAN"]).with(cursor.as_slice()).with("COUNT").with(SCAN_COUNT);
        let scan = options.iter().fold(scan, |command, option| command.with(option.as_slice()));
        let mut answer = match one(source.connections.ask(node, 0, &[scan], true).await?) {
            Value::ServerError(e) => return Err(refused(&source.name, &e)),
            answer => list(answer).ok_or_else(|| unexpected(&source.name, "SCAN"))?.into_iter(),
        };
        cursor = answer.next().and_then(bytes).ok_or_else(|| unexpected(&source.name, "SCAN"))?;
        for key in answer.next().and_then(list).unwrap_or_default().into_iter().filter_map(bytes) {
            if seen.insert(key.clone()) {
                keys.push(key);
            }
        }
        if keys.len() >= most || cursor == b"0" {
            break;
        }
    }
    keys.truncate(most);
    Ok(keys)
}

async fn declared(source: &RedisSource, declared: &DeclaredTable, sample: &Sample) -> Result<Table> {
    let name = declared.name.clone();
    let of_type = sample.by_type.get(declared.kind.server_type()).map(Vec::as_slice).unwrap_or_default();
    let mut keys: Vec<Vec<u8>> = of_type.iter().filter(|key| declared.pattern.parts(key).is_some()).cloned().collect();
    let rows = (sample.seen > 0 && !keys.is_empty()).then(|| sample.estimate(keys.len()));
    let (mut fields, mut value, mut per_key) = (Vec::new(), text_type(&source.config.reading), 1.0);
    if declared.is_open() {
        if keys.is_empty() {
            keys = find(source, declared).await?;
        }
        keys.truncate(source.config.reading.sample_values);
        let looked = look(source, declared.kind, &keys).await?;
        (fields, value, per_key) = (looked.fields, looked.value, looked.per_key);
    }
    let parts = Parts {
        kind: declared.kind,
        pattern: &declared.pattern,
        declared: declared.columns.as_deref(),
        fields,
        value,
        reading: &source.config.reading,
    };
    Ok(Table {
        columns: declared_columns(&name, &parts)?,
        name: TableName::new(SCHEMA, name),
        pattern: declared.pattern.clone(),
        kind: declared.kind,
        row_count: rows.map(|keys| (keys as f64 * per_key).round() as u64),
        index: None,
    })
}

/// Some keys of a declared table that the sample has none of.
async fn find(source: &RedisSource, declared: &DeclaredTable) -> Result<Vec<Vec<u8>>> {
    let parts = vec![None; declared.pattern.names().count()];
    let kind = declared.kind.server_type().as_bytes().to_vec();
    let options = [b"MATCH".to_vec(), declared.pattern.glob(&parts), b"TYPE".to_vec(), kind];
    let mut found = Vec::new();
    for node in &source.connections.topology().await?.nodes {
        found.extend(scan(source, &node.address, &options, source.config.reading.sample_values).await?);
    }
    found.retain(|key| declared.pattern.parts(key).is_some());
    Ok(found)
}

async fn inferred(
    source: &RedisSource,
    name: String,
    pattern: KeyPattern,
    mut kind: Kind,
    keys: &[Vec<u8>],
    rows: u64,
) -> Result<Table> {
    let keys = keys.get(..source.config.reading.sample_values).unwrap_or(keys);
    let looked = look(source, kind, keys).await?;
    if looked.is_json && kind == Kind::String(Format::Raw) {
        kind = Kind::String(Format::Json);
    }
    let reading = &source.config.reading;
    let parts = Parts { kind, pattern: &pattern, declared: None, fields: looked.fields, value: looked.value, reading };
    let columns = columns(&parts).map_err(Error::internal)?;
    let row_count = Some((rows as f64 * looked.per_key).round() as u64);
    Ok(Table { name: TableName::new(SCHEMA, name), pattern, kind, columns, row_count, index: None })
}

/// What some values of a table have.
#[derive(Debug)]
struct Looked {
    fields: Vec<(String, DataType)>,
    value: DataType,
    /// All strings are JSON objects.
    is_json: bool,
    /// Rows for each key.
    per_key: f64,
}

async fn look(source: &RedisSource, kind: Kind, keys: &[Vec<u8>]) -> Result<Looked> {
    let command = |key: &[u8]| match kind {
        Kind::String(_) => Command::words(["GET"]).with(key),
        Kind::Hash => Command::words(["HSCAN"]).with(key).with("0").with("COUNT").with(ELEMENTS),
        Kind::Json => Command::words(["JSON.GET"]).with(key).with("$"),
        Kind::List => Command::words(["LLEN"]).with(key),
        Kind::Set => Command::words(["SCARD"]).with(key),
        Kind::SortedSet => Command::words(["ZCARD"]).with(key),
        Kind::Stream => Command::words(["XREVRANGE"]).with(key).with("+").with("-").with("COUNT").with(ELEMENTS),
        Kind::TimeSeries => Command::words(["TS.INFO"]).with(key),
        Kind::Bitmap | Kind::HyperLogLog => Command::words(["EXISTS"]).with(key),
    };
    let topology = source.connections.topology().await?;
    let mut answers = Vec::with_capacity(keys.len());
    for (place, node) in topology.nodes.iter().enumerate() {
        let of_node = keys.iter().filter(|key| topology.owner(key) == place);
        let mut commands: Vec<Command> = of_node.clone().map(|key| command(key)).collect();
        if kind == Kind::Stream {
            commands.extend(of_node.map(|key| Command::words(["XLEN"]).with(key.as_slice())));
        }
        if !commands.is_empty() {
            answers.extend(source.connections.ask(&node.address, 0, &commands, true).await?);
        }
    }
    Ok(understand(kind, answers, &text_type(&source.config.reading)))
}

/// What the answers have in common; a key that is gone or has another type by now says nothing.
fn understand(kind: Kind, answers: Vec<Value>, text_type: &DataType) -> Looked {
    let (mut fields, mut values, mut rows, mut keys, mut is_json) = (Fields::default(), Vec::new(), 0_i64, 0_u32, true);
    for answer in answers {
        if matches!(answer, Value::ServerError(_) | Value::Nil) {
            continue;
        }
        match kind {
            Kind::String(format) => {
                let value = bytes(answer).unwrap_or_default();
                is_json &= std::str::from_utf8(&value).is_ok_and(|text| fields_of(format, text, &mut fields));
                values.push(value);
            }
            Kind::Json => {
                let answer = text(answer).unwrap_or_default();
                let document = elements(&answer).and_then(|all| all.first().copied());
                if let Some(document) = document {
                    fields.add_json(document);
                }
            }
            Kind::Hash => {
                let found = list(answer).and_then(|mut answer| answer.pop()).and_then(pairs).unwrap_or_default();
                found.into_iter().for_each(|pair| add_pair(&mut fields, pair));
            }
            Kind::Stream if matches!(answer, Value::Int(_)) => {
                rows += whole(&answer).unwrap_or_default();
                keys += 1;
            }
            Kind::Stream => {
                for entry in list(answer).unwrap_or_default().into_iter().filter_map(list) {
                    let found = entry.into_iter().nth(1).and_then(pairs).unwrap_or_default();
                    found.into_iter().for_each(|pair| add_pair(&mut fields, pair));
                }
            }
            Kind::TimeSeries => {
                rows += samples(&answer).unwrap_or_default();
                keys += 1;
                labels(answer).unwrap_or_default().iter().for_each(|(name, _)| fields.add(name.as_bytes(), b"text"));
            }
            _ => {
                rows += whole(&answer).unwrap_or_default();
                keys += 1;
            }
        }
    }
    let value = type_of(values.iter().map(Vec::as_slice), text_type);
    is_json &= !values.is_empty();
    let shown = match kind {
        Kind::String(Format::Raw) if !is_json => Vec::new(),
        _ => fields.types(text_type),
    };
    let per_key = if keys == 0 { 1.0 } else { rows as f64 / f64::from(keys) };
    Looked { fields: shown, value, is_json, per_key }
}

fn add_pair(fields: &mut Fields, (name, value): (Value, Value)) {
    if let (Some(name), Some(value)) = (bytes(name), bytes(value)) {
        fields.add(&name, &value);
    }
}

/// Takes the fields of a string; false when it is no JSON object.
fn fields_of(format: Format, value: &str, fields: &mut Fields) -> bool {
    match format {
        Format::Csv => {
            let record = record(value.as_bytes()).unwrap_or_default();
            record.iter().enumerate().for_each(|(i, value)| fields.add_at(i, value));
            false
        }
        Format::Raw | Format::Json => value.trim_start().starts_with('{') && fields.add_json(value),
    }
}

/// The number of samples in an answer to TS.INFO.
fn samples(answer: &Value) -> Option<i64> {
    let info = pairs(answer.clone())?;
    let (_, number) = info.into_iter().find(|(name, _)| text(name.clone()).as_deref() == Some("totalSamples"))?;
    whole(&number)
}
