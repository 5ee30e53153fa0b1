//! `\d` and its like: what there is, written in the chosen format.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
use headwater_common::{Error, Result, nearest};

use crate::connection::{Table, quoted};
use crate::format::{Style, output_error};
use crate::output::Output;

/// Lists the tables whose name, or whole name, fits a pattern with `*` for any text.
pub(super) fn tables(tables: &[Table], pattern: Option<&str>, style: &Style, output: &mut Output) -> Result<()> {
    let wanted = |t: &&Table| pattern.is_none_or(|p| fits(&t.name, p) || fits(&t.full_name(), p));
    let tables: Vec<&Table> = tables.iter().filter(wanted).collect();
    let rows: UInt64Array = tables.iter().map(|t| t.rows).collect();
    let columns = vec![
        ("table", texts(tables.iter().map(|t| t.full_name()))),
        ("kind", texts(tables.iter().map(|t| t.kind.clone()))),
        ("rows (estimate)", Arc::new(rows) as ArrayRef),
    ];
    write(columns, style, output)
}

/// Lists schemas with their number of tables.
pub(super) fn schemas(tables: &[Table], style: &Style, output: &mut Output) -> Result<()> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for table in tables {
        *counts.entry(format!("{}.{}", quoted(&table.catalog), quoted(&table.schema))).or_default() += 1;
    }
    let numbers: UInt64Array = counts.values().map(|n| Some(*n)).collect();
    write(vec![("schema", texts(counts.keys().cloned())), ("tables", Arc::new(numbers))], style, output)
}

/// Shows one table.
pub(super) fn table(table: &Table, style: &Style, output: &mut Output) -> Result<()> {
    let display = style.format.is_display();
    if display {
        writeln!(output.writer(), "{} {}", table.kind, table.full_name()).map_err(output_error)?;
    }
    let columns = vec![
        ("column", texts(table.columns.iter().map(|c| c.name.clone()))),
        ("type", texts(table.columns.iter().map(|c| c.data_type.to_string()))),
        ("type at the source", texts(table.columns.iter().map(|c| c.remote_type.clone()))),
        ("null", texts(table.columns.iter().map(|c| if c.nullable { "yes" } else { "no" }.to_owned()))),
    ];
    write(columns, style, output)?;
    if display {
        for key in &table.keys {
            writeln!(output.writer(), "{key}").map_err(output_error)?;
        }
    }
    Ok(())
}

/// The table that a name of one to three parts means.
pub(super) fn find<'a>(tables: &'a [Table], name: &str) -> Result<&'a Table> {
    let parts = parts(name);
    let matches = |t: &&Table| {
        let full = [&t.catalog, &t.schema, &t.name];
        parts.len() <= 3 && full.iter().rev().zip(parts.iter().rev()).all(|(a, b)| **a == *b)
    };
    let found: Vec<&Table> = tables.iter().filter(matches).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => {
            let names: Vec<String> = tables.iter().flat_map(|t| [t.name.clone(), t.full_name()]).collect();
            let near = nearest::nearest(name, names.iter().map(String::as_str));
            let hint = near.map(|n| format!("; did you mean \"{n}\"?")).unwrap_or_default();
            Err(Error::not_found(format!("there is no table \"{name}\"{hint}")))
        }
        several => {
            let names: Vec<String> = several.iter().map(|t| t.full_name()).collect();
            Err(Error::invalid(format!("\"{name}\" could be {}; give the whole name", names.join(" or "))))
        }
    }
}

/// Whether a text is what a pattern with `*` says; case does not count.
fn fits(text: &str, pattern: &str) -> bool {
    let (text, pattern) = (text.to_lowercase(), pattern.to_lowercase());
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// The parts of a dotted name; quoted parts keep their case and their dots.
fn parts(name: &str) -> Vec<String> {
    let (mut parts, mut part, mut in_quotes) = (Vec::new(), String::new(), false);
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if in_quotes && chars.peek() == Some(&'"') => {
                part.push('"');
                chars.next();
            }
            '"' => in_quotes = !in_quotes,
            '.' if !in_quotes => parts.push(std::mem::take(&mut part)),
            c if in_quotes => part.push(c),
            c => part.extend(c.to_lowercase()),
        }
    }
    parts.push(part);
    parts
}

fn texts(values: impl Iterator<Item = String>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

fn write(columns: Vec<(&str, ArrayRef)>, style: &Style, output: &mut Output) -> Result<()> {
    let columns = columns.into_iter().map(|(name, array)| (name, array, true));
    let batch = RecordBatch::try_from_iter_with_nullable(columns).map_err(|e| Error::internal(e.to_string()))?;
    let mut sink = output.sink(style, batch.schema_ref())?;
    sink.write(&batch)?;
    sink.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(catalog: &str, name: &str) -> Table {
        Table {
            catalog: catalog.into(),
            schema: "public".into(),
            name: name.into(),
            kind: "table".into(),
            rows: None,
            columns: vec![],
            keys: vec![],
        }
    }

    #[test]
    fn a_table_is_found_by_any_ending_of_its_name() {
        let all = [some("shop", "orders"), some("crm", "orders"), some("crm", "Odd.Name")];
        assert_eq!(find(&all, "SHOP.public.orders").unwrap().catalog, "shop");
        assert_eq!(find(&all, "\"Odd.Name\"").unwrap().name, "Odd.Name");
        assert!(find(&all, "orders").unwrap_err().to_string().contains("shop.public.orders or crm.public.orders"));
        assert!(find(&all, "ordres").unwrap_err().to_string().contains("did you mean \"orders\"?"));
    }

    #[test]
    fn a_pattern_has_stars_for_any_text() {
        for (pattern, text, want) in [
            ("or*", "Orders", true),
            ("*ers", "orders", true),
            ("o*d*s", "orders", true),
            ("*", "", true),
            ("orders", "orders", true),
            ("order", "orders", false),
            ("*x*", "orders", false),
            ("ord*ders", "orders", false),
            ("shop.*.orders", "shop.public.orders", true),
        ] {
            assert_eq!(fits(text, pattern), want, "{pattern} {text}");
        }
    }
}
