//! The columns of a table, from its kind, its pattern, what was declared and what a sample has.

use datafusion::arrow::datatypes::DataType;
use headwater_common::{Error, Result};

use crate::config::Reading;
use crate::pattern::KeyPattern;
use crate::table::{Column, Format, Kind, Role, is_key_type};

/// What the columns are made from.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    pub(crate) kind: Kind,
    pub(crate) pattern: &'a KeyPattern,
    pub(crate) declared: Option<&'a [(String, DataType)]>,
    /// Names and types of the fields, labels or positions in a sample.
    pub(crate) fields: Vec<(String, DataType)>,
    /// Type of the value of a string in a sample.
    pub(crate) value: DataType,
    pub(crate) reading: &'a Reading,
}

/// All columns, in order.
pub(crate) fn columns(parts: &Parts<'_>) -> Result<Vec<Column>, String> {
    let text = text_type(parts.reading);
    let mut columns: Vec<Column> = Vec::new();
    for (i, name) in parts.pattern.names().enumerate() {
        columns.push(Column::new(name, Role::Part(i), text.clone()));
    }
    let value = |role: Role, other: &DataType| {
        let data_type = role.fixed_type(parts.kind).unwrap_or_else(|| other.clone());
        Column::new(value_name(&role), role, data_type)
    };
    let roles: &[Role] = match parts.kind {
        Kind::String(Format::Raw) => &[Role::Value],
        Kind::List => &[Role::Index, Role::Value],
        Kind::Set => &[Role::Member],
        Kind::SortedSet => &[Role::Member, Role::Score, Role::Rank],
        Kind::Stream => &[Role::EntryId, Role::Timestamp],
        Kind::TimeSeries => &[Role::Timestamp, Role::Value],
        Kind::Bitmap => &[Role::Count, Role::Length],
        Kind::HyperLogLog => &[Role::Count],
        Kind::String(_) | Kind::Hash | Kind::Json => &[],
    };
    let other = if parts.kind == Kind::String(Format::Raw) { &parts.value } else { &text };
    for role in roles {
        let mut column = value(role.clone(), other);
        if columns.iter().any(|c| c.name == column.name) {
            // A part of the key has this name.
            column.name = format!("{}_{}", parts.kind.word(), column.name);
        }
        columns.push(column);
    }
    match parts.declared {
        Some(declared) => declare(parts.kind, declared, &mut columns)?,
        None => infer(parts, &mut columns),
    }
    columns.push(Column::new("_key", Role::Key, text));
    columns.push(Column::new("_ttl", Role::TimeToLive, DataType::Int64));
    columns.push(Column::new("_type", Role::Type, DataType::Utf8));
    if parts.reading.memory {
        columns.push(Column::new("_memory", Role::Memory, DataType::Int64));
    }
    Ok(columns)
}

/// The type of texts whose type nobody says.
pub(crate) fn text_type(reading: &Reading) -> DataType {
    if reading.binary { DataType::Binary } else { DataType::Utf8 }
}

fn value_name(role: &Role) -> &'static str {
    match role {
        Role::Index => "index",
        Role::Member => "member",
        Role::Score => "score",
        Role::Rank => "rank",
        Role::EntryId => "id",
        Role::Timestamp => "timestamp",
        Role::Count => "count",
        Role::Length => "length",
        _ => "value",
    }
}

/// Gives declared columns their types, and adds those that are fields.
fn declare(kind: Kind, declared: &[(String, DataType)], columns: &mut Vec<Column>) -> Result<(), String> {
    let mut position = 0;
    for (name, data_type) in declared {
        if name.starts_with('_') && !(name == "_document" && matches!(kind, Kind::Json | Kind::String(Format::Json))) {
            return Err(format!("column \"{name}\" is there anyway and cannot be declared"));
        }
        if let Some(column) = columns.iter_mut().find(|c| c.name == *name) {
            match column.role {
                Role::Part(_) if !is_key_type(data_type) => {
                    return Err(format!("the part \"{name}\" of the key must be TEXT, BYTEA, SMALLINT, INT or BIGINT"));
                }
                _ if column.role.fixed_type(kind).is_some_and(|fixed| fixed != *data_type) => {
                    return Err(format!("column \"{name}\" is always {}", column.data_type));
                }
                _ => column.data_type = data_type.clone(),
            }
            continue;
        }
        let role = match kind {
            Kind::String(Format::Csv) => {
                position += 1;
                Role::Position(position - 1)
            }
            Kind::Json | Kind::String(Format::Json) if name == "_document" => Role::Document,
            Kind::TimeSeries => Role::Label(name.clone()),
            _ if kind.has_fields() => Role::Field(name.clone()),
            _ => return Err(format!("a {} has no column \"{name}\"", kind.word())),
        };
        if role.fixed_type(kind).is_some_and(|fixed| fixed != *data_type) {
            return Err(format!("column \"{name}\" must be TEXT"));
        }
        columns.push(Column::new(name, role, data_type.clone()));
    }
    Ok(())
}

/// Adds what the sample has; a name that is taken gets another.
fn infer(parts: &Parts<'_>, columns: &mut Vec<Column>) {
    if !parts.kind.has_fields() && parts.kind != Kind::TimeSeries {
        return;
    }
    for (i, (field, data_type)) in parts.fields.iter().enumerate() {
        let role = match parts.kind {
            Kind::String(Format::Csv) => Role::Position(i),
            Kind::TimeSeries => Role::Label(field.clone()),
            _ => Role::Field(field.clone()),
        };
        let taken = |name: &str| name.is_empty() || name.starts_with('_') || columns.iter().any(|c| c.name == name);
        let mut name = field.clone();
        while taken(&name) {
            name = format!("field_{}", name.trim_start_matches('_'));
            if taken(&name) {
                name.push('_');
            }
        }
        columns.push(Column::new(name, role, data_type.clone()));
    }
    if parts.fields.is_empty() && matches!(parts.kind, Kind::Json | Kind::String(Format::Json)) {
        columns.push(Column::new("_document", Role::Document, DataType::Utf8));
    }
}

/// The columns of a declared table.
pub(crate) fn declared_columns(name: &str, parts: &Parts<'_>) -> Result<Vec<Column>> {
    columns(parts).map_err(|message| Error::configuration(format!("option \"tables.{name}.columns\": {message}")))
}
