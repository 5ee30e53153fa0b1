//! A row as a key and the commands that write it.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type};
use headwater_common::clock::unix_micros;
use headwater_common::{Error, Result};
use serde_json::Value as Json;

use crate::commands::Command;
use crate::table::{Column, Format, Kind, Role, Table};

/// A row to write.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) key: Vec<u8>,
    /// What tells the row from others of its key: nothing for a value that is one row; `None` when rows may be equal.
    pub(super) identity: Option<Vec<u8>>,
    /// Must be answered with nothing or 0 when the row is new.
    pub(super) absent: Option<Command>,
    pub(super) commands: Vec<Command>,
}

/// The columns of a batch as texts.
struct Cells<'t> {
    table: &'t Table,
    columns: Vec<(&'t Column, ArrayRef, BinaryArray)>,
}

/// The rows of a batch; its columns are all of the table's, in order.
pub(super) fn rows_of(table: &Table, batch: &RecordBatch) -> Result<Vec<Row>> {
    let mut columns = Vec::with_capacity(table.columns.len());
    for (column, array) in table.columns.iter().zip(batch.columns()) {
        columns.push((column, ArrayRef::clone(array), texts(column, array)?));
    }
    let cells = Cells { table, columns };
    (0..batch.num_rows()).map(|row| cells.row(row)).collect()
}

/// The values as they are written.
pub(super) fn texts(column: &Column, array: &ArrayRef) -> Result<BinaryArray> {
    let failed = |_| Error::invalid(format!("column \"{}\": the values cannot be written as texts", column.name));
    if array.data_type() == &DataType::Float64 {
        let numbers = array.as_primitive::<Float64Type>().iter();
        return Ok(numbers.map(|n| n.map(|n| number(n).into_bytes())).collect());
    }
    let texts = match array.data_type() {
        DataType::Binary => ArrayRef::clone(array),
        _ => cast(array, &DataType::Utf8).and_then(|texts| cast(&texts, &DataType::Binary)).map_err(failed)?,
    };
    Ok(texts.as_binary::<i32>().clone())
}

/// The shortest text that is read back to the same number.
fn number(value: f64) -> String {
    match value {
        f64::INFINITY => "inf".to_owned(),
        f64::NEG_INFINITY => "-inf".to_owned(),
        other => other.to_string(),
    }
}

/// Whether the server takes so many milliseconds from now on: the time that they end is a number of milliseconds, too.
pub(super) fn is_time_to_live(ms: i64) -> bool {
    ms > 0 && ms < i64::MAX - unix_micros() / 1_000
}

impl Cells<'_> {
    fn text(&self, wanted: &Role, row: usize) -> Option<&[u8]> {
        let (_, _, texts) = self.columns.iter().find(|(c, ..)| c.role == *wanted)?;
        texts.is_valid(row).then(|| texts.value(row))
    }

    fn required(&self, wanted: &Role, row: usize) -> Result<&[u8]> {
        let name = self.columns.iter().find(|(c, ..)| c.role == *wanted).map_or("", |(c, ..)| c.name.as_str());
        self.text(wanted, row)
            .ok_or_else(|| Error::invalid(format!("column \"{name}\" of {} does not take NULL", self.table.name)))
    }

    fn row(&self, row: usize) -> Result<Row> {
        for (column, array, _) in &self.columns {
            let is_made = matches!(
                column.role,
                Role::Memory | Role::Rank | Role::Index | Role::EntryId | Role::Timestamp | Role::Count | Role::Length
            ) || column.role == Role::Type;
            if is_made && array.is_valid(row) {
                let message =
                    format!("column \"{}\" of {} is made by the server; leave it out", column.name, self.table.name);
                return Err(Error::invalid(message));
            }
        }
        let key = self.key(row)?;
        let of_key = |name: &str| Command::words([name]).with(key.as_slice());
        let (mut identity, mut absent) = (None, None);
        let write = match self.table.kind {
            Kind::String(Format::Raw) => of_key("SET").with(self.required(&Role::Value, row)?),
            Kind::String(Format::Csv) => of_key("SET").with(self.record(row)),
            Kind::String(Format::Json) => of_key("SET").with(self.document(row)?),
            Kind::Json => of_key("JSON.SET").with("$").with(self.document(row)?),
            Kind::Hash => self.fields(of_key("HSET"), row)?,
            Kind::Stream => self.fields(of_key("XADD").with("*"), row)?,
            Kind::List => of_key("RPUSH").with(self.required(&Role::Value, row)?),
            Kind::Set | Kind::SortedSet => {
                let member = self.required(&Role::Member, row)?;
                identity = Some(member.to_vec());
                let (asked, write) = match self.table.kind {
                    Kind::Set => ("SISMEMBER", of_key("SADD")),
                    _ => ("ZSCORE", of_key("ZADD").with(self.score(row)?)),
                };
                absent = Some(of_key(asked).with(member));
                write.with(member)
            }
            kind => return Err(Error::unsupported(format!("a {} cannot be written", kind.word()))),
        };
        if self.table.kind.is_scalar() {
            identity = Some(Vec::new());
        }
        let mut commands = vec![write];
        if let Some(ms) = self.time_to_live(row)? {
            commands.push(of_key("PEXPIRE").with(ms.to_string()));
        }
        Ok(Row { key, identity, absent, commands })
    }

    /// The key from `_key` or from its parts.
    fn key(&self, row: usize) -> Result<Vec<u8>> {
        let table = self.table;
        let parts: Vec<Option<&[u8]>> =
            (0..table.pattern.names().count()).map(|i| self.text(&Role::Part(i), row)).collect();
        let made = parts.iter().copied().collect::<Option<Vec<&[u8]>>>().and_then(|parts| table.pattern.key(&parts));
        let key = self.text(&Role::Key, row).map(<[u8]>::to_vec).or(made);
        let fits = |key: &Vec<u8>| {
            let found = table.parts(key)?;
            parts.iter().zip(found).all(|(given, found)| given.is_none_or(|g| g == found)).then_some(())
        };
        key.filter(|key| fits(key).is_some()).ok_or_else(|| {
            let message =
                format!("INSERT into {}: the values of a row make no key of the pattern {}", table.name, table.pattern);
            Error::invalid(message)
        })
    }

    fn score(&self, row: usize) -> Result<Vec<u8>> {
        let text = self.required(&Role::Score, row)?;
        if text == b"NaN" {
            return Err(Error::invalid(format!("column \"score\" of {} does not take NaN", self.table.name)));
        }
        Ok(text.to_vec())
    }

    fn time_to_live(&self, row: usize) -> Result<Option<i64>> {
        let Some((_, array, _)) = self.columns.iter().find(|(c, ..)| c.role == Role::TimeToLive) else { return Ok(None) };
        let times = array.as_primitive::<Int64Type>();
        match times.is_valid(row).then(|| times.value(row)) {
            Some(ms) if !is_time_to_live(ms) => Err(Error::invalid(format!(
                "column \"_ttl\" of {} must be more than 0 milliseconds, and end in a time that there is",
                self.table.name
            ))),
            ms => Ok(ms),
        }
    }

    /// Names and values of all fields that are not null.
    fn fields(&self, command: Command, row: usize) -> Result<Command> {
        let (mut command, mut count) = (command, 0);
        for (column, _, texts) in &self.columns {
            if let Role::Field(name) = &column.role
                && texts.is_valid(row)
            {
                command = command.with(name.as_bytes()).with(texts.value(row));
                count += 1;
            }
        }
        match count {
            0 => Err(Error::invalid(format!("INSERT into {}: a row needs a field that is not null", self.table.name))),
            _ => Ok(command),
        }
    }

    /// The JSON document of a row.
    fn document(&self, row: usize) -> Result<Vec<u8>> {
        let bad = || Error::invalid(format!("INSERT into {}: a value is no JSON", self.table.name));
        if let Some(document) = self.text(&Role::Document, row) {
            let member = self.columns.iter().find(|(c, _, texts)| matches!(c.role, Role::Field(_)) && texts.is_valid(row));
            if let Some((member, ..)) = member {
                return Err(Error::invalid(format!(
                    "INSERT into {}: a row gives the whole document and also \"{}\" of it; give one of them",
                    self.table.name, member.name
                )));
            }
            let text = std::str::from_utf8(document).map_err(|_| bad())?;
            return if crate::json::is_json(text) { Ok(document.to_vec()) } else { Err(bad()) };
        }
        let mut members = Vec::new();
        for (column, _, texts) in &self.columns {
            if let Role::Field(name) = &column.role
                && texts.is_valid(row)
            {
                let text = std::str::from_utf8(texts.value(row)).map_err(|_| bad())?;
                members.push(format!("{}:{}", Json::from(name.as_str()), json_value(&column.data_type, text)));
            }
        }
        Ok(format!("{{{}}}", members.join(",")).into_bytes())
    }

    /// The CSV record of a row.
    fn record(&self, row: usize) -> Vec<u8> {
        let value = |(column, _, texts): &(&Column, ArrayRef, BinaryArray)| {
            matches!(column.role, Role::Position(_)).then(|| {
                let text = if texts.is_valid(row) { texts.value(row) } else { &[] };
                match text.iter().any(|b| matches!(b, b',' | b'"' | b'\n' | b'\r')) {
                    false => text.to_vec(),
                    true => {
                        let doubled = text.iter().flat_map(|b| if *b == b'"' { vec![b'"', b'"'] } else { vec![*b] });
                        [b'"'].into_iter().chain(doubled).chain([b'"']).collect()
                    }
                }
            })
        };
        self.columns.iter().filter_map(value).collect::<Vec<_>>().join(&b',')
    }
}

/// A value as JSON: numbers and booleans as such, everything else as text.
pub(super) fn json_value(data_type: &DataType, text: &str) -> String {
    let is_plain = data_type.is_integer() || data_type.is_floating() || *data_type == DataType::Boolean;
    // JSON has no NaN and no infinity.
    match is_plain && crate::json::is_json(text) {
        true => text.to_owned(),
        false => Json::from(text).to_string(),
    }
}
