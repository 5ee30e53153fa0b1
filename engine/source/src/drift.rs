//! How the tables of a source change from one discovery to the next.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use headwater_common::clock::unix_micros;

use crate::metadata::{CONFLICT, Discovery, TableMeta, TableName};

/// Events that are kept; the oldest go first.
const EVENTS_MAX: usize = 10_000;

/// What has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A table is there that was not.
    TableAdded,
    /// A table is no longer there.
    TableRemoved,
    /// A column is there that was not.
    ColumnAdded,
    /// A column is no longer there.
    ColumnRemoved,
    /// A column has another type.
    TypeChanged,
    /// The values of a field of a sampled table have other types than before.
    ValuesChanged,
}

impl Change {
    /// Its name in `system.schema_events`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TableAdded => "table added",
            Self::TableRemoved => "table removed",
            Self::ColumnAdded => "column added",
            Self::ColumnRemoved => "column removed",
            Self::TypeChanged => "type changed",
            Self::ValuesChanged => "values changed",
        }
    }
}

/// One change of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaEvent {
    /// When the change was noticed, in microseconds since 1970.
    pub at_us: i64,
    /// Version of the source's schema that has the change.
    pub version: u64,
    /// The table.
    pub table: TableName,
    /// The column or field; `None` when the table itself has changed.
    pub path: Option<String>,
    /// What has changed.
    pub change: Change,
    /// The type, or the types of the values, before.
    pub before: Option<String>,
    /// The same since then.
    pub after: Option<String>,
}

/// The versions of a source's schema. The first discovery is version 1; every later one that differs is the next.
#[derive(Debug, Clone, Default)]
pub struct SchemaLog {
    version: u64,
    events: VecDeque<SchemaEvent>,
}

impl SchemaLog {
    /// The version of what is known now; 0 before the first discovery.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// What has changed since the first discovery, the oldest first.
    pub fn events(&self) -> impl Iterator<Item = &SchemaEvent> {
        self.events.iter()
    }

    /// Takes a discovery that follows another one into account.
    pub(crate) fn take(&mut self, before: &Discovery, after: &Discovery) {
        if self.version == 0 {
            self.version = 1;
            return;
        }
        let (at_us, version) = (unix_micros(), self.version + 1);
        let mut events = Vec::new();
        for table in before.schemas.values().flat_map(|s| s.tables.values()) {
            match after.table(&table.name) {
                Some(now) => compare(table, now, &mut events),
                // A table that cannot be read is still there.
                None if after.unavailable(&table.name).is_some() => {}
                None => events.push(of_table(table, Change::TableRemoved)),
            }
        }
        let known =
            |table: &&Arc<TableMeta>| before.table(&table.name).is_none() && before.unavailable(&table.name).is_none();
        let added = after.schemas.values().flat_map(|s| s.tables.values()).filter(known);
        events.extend(added.map(|table| of_table(table, Change::TableAdded)));
        if events.is_empty() {
            return;
        }
        self.version = version;
        self.events.extend(events.into_iter().map(|event| SchemaEvent { at_us, version, ..event }));
        let surplus = self.events.len().saturating_sub(EVENTS_MAX);
        self.events.drain(..surplus);
    }
}

fn event(table: &TableMeta, path: Option<&str>, change: Change, types: [Option<String>; 2]) -> SchemaEvent {
    let [before, after] = types;
    SchemaEvent { at_us: 0, version: 0, table: table.name.clone(), path: path.map(str::to_owned), change, before, after }
}

fn of_table(table: &TableMeta, change: Change) -> SchemaEvent {
    event(table, None, change, [None, None])
}

fn compare(before: &TableMeta, after: &TableMeta, events: &mut Vec<SchemaEvent>) {
    for column in &before.columns {
        let name = column.name();
        let was = || Some(column.remote_type.clone());
        match after.column(name) {
            None => events.push(event(after, Some(name), Change::ColumnRemoved, [was(), None])),
            Some(now) if now.remote_type != column.remote_type => {
                events.push(event(after, Some(name), Change::TypeChanged, [was(), Some(now.remote_type.clone())]));
            }
            Some(_) => {}
        }
    }
    for column in after.columns.iter().filter(|c| before.column(c.name()).is_none()) {
        events.push(event(after, Some(column.name()), Change::ColumnAdded, [None, Some(column.remote_type.clone())]));
    }
    let paths = |table: &TableMeta| -> BTreeSet<String> {
        table.attributes.keys().filter_map(|name| name.strip_prefix(CONFLICT)).map(str::to_owned).collect()
    };
    for path in &paths(before) | &paths(after) {
        let types = |table: &TableMeta| table.attributes.get(&format!("{CONFLICT}{path}")).cloned();
        let (was, now) = (types(before), types(after));
        if kinds(was.as_deref()) != kinds(now.as_deref()) {
            events.push(event(after, Some(&path), Change::ValuesChanged, [was, now]));
        }
    }
}

/// The types of a list such as `double 98.7 %, string 1.3 %`; shares differ from sample to sample.
fn kinds(conflict: Option<&str>) -> BTreeSet<&str> {
    conflict.unwrap_or_default().split(", ").filter_map(|part| part.split(' ').next()).collect()
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::{DataType, Field};

    use super::*;
    use crate::metadata::{ColumnMeta, TableKind};

    /// Name, columns and types of the values of field `x`.
    type Described<'a> = (&'a str, &'a [(&'a str, &'a str)], Option<&'a str>);

    fn discovery(tables: &[Described<'_>]) -> Discovery {
        let mut found = Discovery::default();
        let schema = found.schemas.entry("s".to_owned()).or_default();
        for (name, columns, conflict) in tables {
            let column = |(name, kind): &(&str, &str)| {
                ColumnMeta::new(Arc::new(Field::new(*name, DataType::Utf8, true)), (*kind).to_owned())
            };
            let columns = columns.iter().map(column).collect();
            let mut meta = TableMeta::new(TableName::new("s", *name), TableKind::Table, columns);
            meta.attributes.extend(conflict.map(|types| (format!("{CONFLICT}x"), types.to_owned())));
            schema.tables.insert((*name).to_owned(), Arc::new(meta));
        }
        found
    }

    #[test]
    fn every_change_is_an_event_of_the_next_version() {
        let mut log = SchemaLog::default();
        let first = discovery(&[("a", &[("x", "int"), ("y", "long")], Some("int 99.0 %, text 1.0 %")), ("b", &[], None)]);
        log.take(&Discovery::default(), &first);
        assert_eq!((log.version(), log.events().count()), (1, 0));
        let same = discovery(&[("a", &[("x", "int"), ("y", "long")], Some("int 98.0 %, text 2.0 %")), ("b", &[], None)]);
        log.take(&first, &same);
        assert_eq!((log.version(), log.events().count()), (1, 0));
        let next = discovery(&[("a", &[("x", "json"), ("z", "bool")], Some("bool 50.0 %, int 50.0 %")), ("c", &[], None)]);
        log.take(&same, &next);
        let shown: Vec<String> = log
            .events()
            .map(|e| {
                let text = |t: &Option<String>| t.clone().unwrap_or_default();
                format!("{} {} {} {}>{}", e.table.table, e.change.as_str(), text(&e.path), text(&e.before), text(&e.after))
            })
            .collect();
        let wanted = [
            "a type changed x int>json",
            "a column removed y long>",
            "a column added z >bool",
            "a values changed x int 98.0 %, text 2.0 %>bool 50.0 %, int 50.0 %",
            "b table removed  >",
            "c table added  >",
        ];
        assert_eq!(shown, wanted);
        assert_eq!(log.version(), 2);
        assert!(log.events().all(|e| e.version == 2 && e.at_us > 0));
    }

    #[test]
    fn a_table_that_cannot_be_read_is_not_removed() {
        let mut log = SchemaLog::default();
        let first = discovery(&[("a", &[], None)]);
        log.take(&Discovery::default(), &first);
        let mut next = discovery(&[]);
        next.schemas.entry("s".to_owned()).or_default().unavailable.insert("a".to_owned(), "why".to_owned());
        log.take(&first, &next);
        log.take(&next, &first);
        assert_eq!((log.version(), log.events().count()), (1, 0));
    }
}
