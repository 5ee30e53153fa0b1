//! Which files make up which table.

use std::collections::BTreeMap;

use headwater_source::TableName;
use object_store::ObjectMeta;

use crate::options::TableOptions;
use crate::store::local::Entries;
use crate::text::compression::Codec;

/// The schema of tables that are not in a folder of their own.
pub(crate) const SCHEMA: &str = "public";
/// Stands for null in the name of a hive folder.
const HIVE_NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// A format that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum FileFormat {
    Parquet,
    Csv,
    /// CSV with tabs.
    Tsv,
    Json,
    Arrow,
}

impl FileFormat {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Parquet => "Parquet",
            Self::Csv => "CSV",
            Self::Tsv => "TSV",
            Self::Json => "JSON",
            Self::Arrow => "Arrow",
        }
    }

    fn of(extension: &str) -> Option<Self> {
        match extension {
            "parquet" | "parq" | "pq" => Some(Self::Parquet),
            "csv" => Some(Self::Csv),
            "tsv" | "tab" => Some(Self::Tsv),
            "json" | "ndjson" | "jsonl" => Some(Self::Json),
            "arrow" | "arrows" | "ipc" | "feather" => Some(Self::Arrow),
            _ => None,
        }
    }
}

/// A file of a table.
#[derive(Debug, Clone)]
pub(crate) struct TableFile {
    pub(crate) meta: ObjectMeta,
    pub(crate) format: FileFormat,
    pub(crate) codec: Codec,
    /// Names and values of hive folders; `None` is null.
    pub(crate) partition: Vec<(String, Option<String>)>,
}

/// The files of a table, or why they are none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Candidate {
    pub(crate) files: Vec<TableFile>,
    pub(crate) problem: Option<String>,
    /// The file or folder below the root.
    pub(crate) under: String,
}

/// What the name of a file says.
enum Named {
    Data(FileFormat, Codec),
    /// A compression that is not read.
    Unread(&'static str),
    Other,
}

fn named(file: &str) -> (String, Named) {
    let lower = file.to_ascii_lowercase();
    let (base, last) = lower.rsplit_once('.').unwrap_or((&lower, ""));
    let stem = |extensions: usize| {
        let mut stem = file;
        for _ in 0..extensions {
            stem = stem.rsplit_once('.').map_or(stem, |(s, _)| s);
        }
        stem.to_owned()
    };
    if let Some(format) = FileFormat::of(last) {
        return (stem(1), Named::Data(format, Codec::None));
    }
    let inner = base.rsplit_once('.').and_then(|(_, e)| FileFormat::of(e));
    let codec = match last {
        "gz" | "gzip" => Some(Codec::Gzip),
        "zst" | "zstd" => Some(Codec::Zstd),
        _ => None,
    };
    match (inner, codec, last) {
        (Some(format @ (FileFormat::Csv | FileFormat::Tsv | FileFormat::Json)), Some(codec), _) => {
            (stem(2), Named::Data(format, codec))
        }
        (Some(_), Some(_), _) => {
            (stem(2), Named::Unread("a compressed Parquet or Arrow file; these formats compress inside"))
        }
        (Some(_), None, "bz2" | "xz" | "lz4" | "snappy" | "lzo" | "br" | "zip" | "7z") => {
            (stem(2), Named::Unread("compressed in a way that is not read; use gzip or zstd"))
        }
        _ => (stem(1), Named::Other),
    }
}

/// Groups a listing into tables.
pub(crate) fn group(entries: &Entries, root: &str, options: &TableOptions) -> BTreeMap<TableName, Candidate> {
    let mut tables: BTreeMap<TableName, Candidate> = BTreeMap::new();
    for meta in &entries.files {
        let path = meta.location.as_ref();
        let Some(place) = place(path, root, options) else { continue };
        let file = path.rsplit('/').next().unwrap_or(path);
        let (_, named) = named(file);
        if matches!(named, Named::Other) {
            continue;
        }
        let candidate = tables.entry(place.table).or_default();
        if candidate.under.is_empty() && candidate.files.is_empty() && candidate.problem.is_none() {
            candidate.under.clone_from(&place.under);
        } else if candidate.under != place.under && candidate.problem.is_none() {
            let message = format!("{} and {} are both the table; rename one", candidate.under, place.under);
            candidate.problem = Some(message);
        }
        match named {
            Named::Data(format, codec) => {
                let partition = if options.hive_partitioning { hive(&place.folders) } else { Vec::new() };
                candidate.add(TableFile { meta: meta.clone(), format, codec, partition });
            }
            Named::Unread(reason) => drop(candidate.problem.get_or_insert_with(|| format!("{path} is {reason}"))),
            Named::Other => {}
        }
    }
    for (path, reason) in &entries.refused {
        // A refused folder or file without an extension of data is of no table.
        let Some(place) = place(path, root, options) else { continue };
        let known = tables.contains_key(&place.table);
        if known || matches!(named(path.rsplit('/').next().unwrap_or(path)).1, Named::Data(..)) {
            let candidate = tables.entry(place.table).or_default();
            candidate.problem.get_or_insert_with(|| format!("{path} is refused: {reason}"));
            candidate.under = place.under;
        }
    }
    tables
}

impl Candidate {
    fn add(&mut self, file: TableFile) {
        if let Some(first) = self.files.first().filter(|_| self.problem.is_none()) {
            let (a, b) = (first.meta.location.as_ref(), file.meta.location.as_ref());
            let names = |f: &TableFile| f.partition.iter().map(|p| p.0.clone()).collect::<Vec<_>>();
            if first.format != file.format {
                let (x, y) = (first.format.name(), file.format.name());
                self.problem = Some(format!("{a} is {x} but {b} is {y}; a folder holds files of one format"));
            } else if names(first) != names(&file) {
                let (x, y) = (names(first).join("/"), names(&file).join("/"));
                self.problem = Some(format!("{a} is in folders of [{x}] but {b} in folders of [{y}]"));
            }
        }
        self.files.push(file);
    }
}

/// Where a path belongs.
struct Place<'a> {
    table: TableName,
    under: String,
    /// Folders between the table and the file.
    folders: Vec<&'a str>,
}

fn place<'a>(path: &'a str, root: &str, options: &TableOptions) -> Option<Place<'a>> {
    let mut parts: Vec<&str> = path.split('/').collect();
    let file = parts.pop()?;
    let is_hive = |part: &&str| options.hive_partitioning && hive_part(part).is_some();
    if parts.first().is_some_and(is_hive) {
        // The root itself is the table.
        return Some(Place { table: TableName::new(SCHEMA, root), under: String::new(), folders: parts });
    }
    let depth = usize::from(options.folders_are_schemas && !parts.is_empty());
    let schema = if depth == 1 { parts[0] } else { SCHEMA };
    match parts.get(depth) {
        None => Some(Place { table: TableName::new(schema, named(file).0), under: path.to_owned(), folders: Vec::new() }),
        Some(folder) if options.folders_are_schemas && is_hive(folder) => {
            // A folder of partitions is a table and no schema.
            let table = TableName::new(SCHEMA, schema);
            Some(Place { table, under: schema.to_owned(), folders: parts[depth..].to_vec() })
        }
        Some(folder) => {
            let under = parts[..=depth].join("/");
            Some(Place { table: TableName::new(schema, *folder), under, folders: parts[depth + 1..].to_vec() })
        }
    }
}

/// The name and the text of the value of a hive folder.
fn hive_part(part: &str) -> Option<(&str, &str)> {
    part.split_once('=').filter(|(name, _)| !name.is_empty())
}

fn hive(folders: &[&str]) -> Vec<(String, Option<String>)> {
    let parts = folders.iter().filter_map(|f| hive_part(f));
    let decoded = parts.map(|(name, value)| {
        let value = percent_decoded(value);
        (percent_decoded(name), (value != HIVE_NULL).then_some(value))
    });
    decoded.collect()
}

/// `%2F` and the like, as writers of hive folders write them. What is no such code stays.
fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let code = bytes.get(i + 1..i + 3).filter(|_| bytes[i] == b'%').and_then(|h| std::str::from_utf8(h).ok());
        match code.and_then(|h| u8::from_str_radix(h, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                i += 3;
            }
            None => {
                out.push(bytes[i]);
                i += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_common::config::Options;
    use object_store::path::Path;

    fn tables(paths: &[&str], options: &Options) -> BTreeMap<String, (usize, Option<String>)> {
        let files = paths.iter().map(|p| ObjectMeta {
            location: Path::parse(p).unwrap(),
            last_modified: Default::default(),
            size: 1,
            e_tag: None,
            version: None,
        });
        let entries = Entries { files: files.collect(), refused: Vec::new() };
        let grouped = group(&entries, "lake", &TableOptions::parse(options).unwrap());
        grouped.into_iter().map(|(name, c)| (name.to_string(), (c.files.len(), c.problem))).collect()
    }

    #[test]
    fn files_and_folders_become_tables() {
        let paths = ["orders.parquet", "events/a.csv.gz", "events/deep/b.csv", "odd name.JSONL", "readme.md", "v1.2.csv"];
        let found = tables(&paths, &Options::new());
        let names: Vec<&str> = found.keys().map(String::as_str).collect();
        assert_eq!(names, ["public.events", "public.odd name", "public.orders", "public.v1.2"]);
        assert_eq!(found["public.events"], (2, None));
    }

    #[test]
    fn folders_are_schemas_when_asked() {
        let options = Options::new().with("schemas", "folders");
        let found = tables(&["top.csv", "sales/orders.csv", "sales/lines/1.parquet", "log/year=2024/a.csv"], &options);
        let names: Vec<&str> = found.keys().map(String::as_str).collect();
        assert_eq!(names, ["public.log", "public.top", "sales.lines", "sales.orders"]);
    }

    #[test]
    fn what_does_not_fit_is_a_problem_of_its_table_alone() {
        let paths = [
            "a.csv",
            "a.parquet",
            "m/1.csv",
            "m/2.json",
            "h/y=1/a.csv",
            "h/z=1/a.csv",
            "ok.csv",
            "x.csv.bz2",
            "y.parquet.gz",
        ];
        let found = tables(&paths, &Options::new());
        let problem = |t: &str| found[t].1.clone().unwrap_or_default();
        assert!(problem("public.a").contains("both the table"), "{found:?}");
        assert!(problem("public.m").contains("m/1.csv is CSV but m/2.json is JSON"));
        assert!(problem("public.h").contains("[y]") && problem("public.h").contains("[z]"));
        assert!(problem("public.x").contains("use gzip or zstd") && problem("public.y").contains("compress inside"));
        assert_eq!(found["public.ok"], (1, None));
    }

    #[test]
    fn a_root_of_partitions_is_one_table() {
        let found = tables(&["year=2024/a.csv", "year=2025/a.csv"], &Options::new());
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [("public.lake".to_owned(), (2, None))]);
    }

    #[test]
    fn hive_values_are_decoded() {
        let found = hive(&["a=x%2Fy", "plain", "b=__HIVE_DEFAULT_PARTITION__", "c=100%"]);
        let expected = [("a", Some("x/y")), ("b", None), ("c", Some("100%"))];
        let expected: Vec<_> = expected.iter().map(|(n, v)| ((*n).to_owned(), v.map(str::to_owned))).collect();
        assert_eq!(found, expected);
    }
}
