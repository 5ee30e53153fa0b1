//! Tables as a user declares them: `tables.users.key = "user:{id}"`, and their columns.

use std::collections::BTreeMap;

use datafusion::arrow::datatypes::DataType;
use headwater_common::config::Options;
use headwater_common::{Error, Result};
use headwater_source::declare;

use crate::pattern::KeyPattern;
use crate::table::{Format, Kind};

/// A declared table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeclaredTable {
    pub(crate) name: String,
    pub(crate) pattern: KeyPattern,
    pub(crate) kind: Kind,
    /// Names and types of columns; inferred from values when there are none.
    pub(crate) columns: Option<Vec<(String, DataType)>>,
}

impl DeclaredTable {
    /// Whether columns are inferred from values.
    pub(crate) fn is_open(&self) -> bool {
        let has_types = matches!(self.kind, Kind::String(_) | Kind::TimeSeries) || self.kind.has_fields();
        self.columns.is_none() && has_types
    }
}

/// All tables that options declare.
pub(crate) fn declared_tables(options: &Options, separator: &str) -> Result<Vec<DeclaredTable>> {
    let mut by_name: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
    for option in options.names() {
        let Some(rest) = option.strip_prefix("tables.") else { continue };
        let (name, part) = rest
            .rsplit_once('.')
            .filter(|(name, part)| !name.is_empty() && matches!(*part, "key" | "type" | "format" | "columns"))
            .ok_or_else(|| wrong(option, "it must be tables.NAME.key, .type, .format or .columns"))?;
        by_name.entry(name).or_default().insert(part, options.get(option).unwrap_or_default());
    }
    by_name.into_iter().map(|(name, parts)| declared(name, &parts, separator)).collect()
}

fn declared(name: &str, parts: &BTreeMap<&str, &str>, separator: &str) -> Result<DeclaredTable> {
    let option = |part: &str| format!("tables.{name}.{part}");
    let key = parts.get("key").ok_or_else(|| wrong(&option("key"), "it is missing, such as \"user:{id}\""))?;
    let pattern = KeyPattern::parse(&option("key"), key, separator)?;
    let word = parts.get("type").ok_or_else(|| wrong(&option("type"), "it is missing, such as \"hash\""))?;
    let kind = kind(word, parts.get("format").copied()).map_err(|message| wrong(&option("type"), message))?;
    let columns = parts.get("columns").map(|text| columns(&option("columns"), text)).transpose()?;
    Ok(DeclaredTable { name: name.to_owned(), pattern, kind, columns })
}

fn wrong(option: &str, message: &str) -> Error {
    Error::configuration(format!("option \"{option}\": {message}"))
}

fn kind(word: &str, format: Option<&str>) -> Result<Kind, &'static str> {
    let kind = match word.to_ascii_lowercase().as_str() {
        "string" => {
            return match format.unwrap_or("raw") {
                "raw" => Ok(Kind::String(Format::Raw)),
                "json" => Ok(Kind::String(Format::Json)),
                "csv" => Ok(Kind::String(Format::Csv)),
                _ => Err("the format of a string is raw, json or csv"),
            };
        }
        "hash" => Kind::Hash,
        "json" => Kind::Json,
        "list" => Kind::List,
        "set" => Kind::Set,
        "zset" => Kind::SortedSet,
        "stream" => Kind::Stream,
        "timeseries" => Kind::TimeSeries,
        "bitmap" => Kind::Bitmap,
        "hyperloglog" => Kind::HyperLogLog,
        _ => return Err("it must be string, hash, json, list, set, zset, stream, timeseries, bitmap or hyperloglog"),
    };
    if format.is_some() {
        return Err("only a string has a format");
    }
    Ok(kind)
}

/// Columns such as `id BIGINT, "odd name" DECIMAL(10, 2)`, of types that values of Redis are read as.
fn columns(option: &str, text: &str) -> Result<Vec<(String, DataType)>> {
    let found = declare::columns(option, text)?;
    match found.iter().find(|(_, data_type)| !is_read(data_type)) {
        Some((name, _)) => {
            Err(wrong(option, &format!("column \"{name}\" has a type that values of Redis are not read as")))
        }
        None => Ok(found),
    }
}

fn is_read(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Boolean
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::Float32
            | DataType::Float64
            | DataType::Utf8
            | DataType::Binary
            | DataType::Date32
            | DataType::Timestamp(..)
            | DataType::Decimal128(..)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_declared_by_options() {
        let options = Options::new()
            .with("tables.users.key", "user:{id}")
            .with("tables.users.type", "hash")
            .with("tables.users.columns", "id BIGINT, \"odd, \"\"name\"\"\" DECIMAL(10, 2), at TIMESTAMP WITH TIME ZONE");
        let tables = declared_tables(&options, ":").unwrap();
        let shown: Vec<String> = tables[0].columns.iter().flatten().map(|(n, t)| format!("{n} {t}")).collect();
        assert_eq!(shown, ["id Int64", "odd, \"name\" Decimal128(10, 2)", "at Timestamp(µs, \"UTC\")"]);
        assert_eq!((tables[0].name.as_str(), tables[0].kind), ("users", Kind::Hash));
    }

    #[test]
    fn wrong_declarations_are_refused() {
        let table = || Options::new().with("tables.t.key", "t:{id}").with("tables.t.type", "hash");
        for (name, value) in [
            ("tables.t.columns", "id"),
            ("tables.t.columns", "id BIGINTT"),
            ("tables.t.columns", "id UTINYINT"),
            ("tables.t.columns", "id DECIMAL(60, 2)"),
            ("tables.t.columns", "a INT, a INT"),
            ("tables.t.columns", "a INT); DROP"),
            ("tables.t.columns", ""),
            ("tables.t.format", "json"),
            ("tables.t.type", "tree"),
            ("tables.t.colour", "red"),
            ("tables.u.key", "u"),
        ] {
            assert!(declared_tables(&table().with(name, value), ":").is_err(), "{name} = {value}");
        }
    }
}
