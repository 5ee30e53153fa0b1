//! Which files of a folder are tables.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use headwater_common::{Error, Result};

/// A format that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileFormat {
    Parquet,
    Csv,
    Json,
    Arrow,
}

impl FileFormat {
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "parquet" => Some(Self::Parquet),
            "csv" => Some(Self::Csv),
            "json" | "ndjson" | "jsonl" => Some(Self::Json),
            "arrow" | "ipc" => Some(Self::Arrow),
            _ => None,
        }
    }
}

/// A file that is a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableFile {
    pub(crate) path: PathBuf,
    pub(crate) format: FileFormat,
    /// Bytes and time of the last change, for noticing changes.
    pub(crate) stamp: (u64, u64),
}

/// The tables of a folder by name. Two files of one name, and a file outside of the folder, are errors.
pub(crate) fn tables(source: &str, root: &Path) -> Result<BTreeMap<String, TableFile>> {
    let unreadable = |path: &Path, e: &std::io::Error| {
        Error::unavailable(source, format!("cannot read {}: {e}", path.display())).retryable(false)
    };
    let root = root.canonicalize().map_err(|e| unreadable(root, &e))?;
    let entries = std::fs::read_dir(&root).map_err(|e| unreadable(&root, &e))?;
    let mut found = BTreeMap::new();
    for entry in entries {
        let path = entry.map_err(|e| unreadable(&root, &e))?.path();
        let Some(format) = FileFormat::of(&path) else { continue };
        let Some(name) = path.file_stem().and_then(|n| n.to_str()).map(str::to_owned) else { continue };
        let real = path.canonicalize().map_err(|e| unreadable(&path, &e))?;
        if !real.starts_with(&root) {
            let message = format!("{} leads out of {}; move the file into the folder", path.display(), root.display());
            return Err(Error::denied(message).from_source(source));
        }
        let metadata = std::fs::metadata(&real).map_err(|e| unreadable(&real, &e))?;
        if !metadata.is_file() {
            continue;
        }
        let changed = metadata.modified().ok().and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok());
        let nanos = changed.map_or(0, |d| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX));
        let file = TableFile { path: real, format, stamp: (metadata.len(), nanos) };
        if let Some(other) = found.insert(name.clone(), file) {
            let message = format!("{} and another file are both the table {name}; rename one", other.path.display());
            return Err(Error::invalid(message).from_source(source));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_become_tables_and_links_out_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        std::fs::create_dir(&root).unwrap();
        std::fs::write(root.join("a.csv"), "x\n1\n").unwrap();
        std::fs::write(root.join("b.NDJSON"), "{}\n").unwrap();
        std::fs::write(root.join("readme.txt"), "").unwrap();
        let names: Vec<String> = tables("files", &root).unwrap().into_keys().collect();
        assert_eq!(names, ["a", "b"]);
        std::fs::write(dir.path().join("secret.csv"), "x\n").unwrap();
        std::os::unix::fs::symlink(dir.path().join("secret.csv"), root.join("s.csv")).unwrap();
        let error = tables("files", &root).unwrap_err();
        assert_eq!(error.kind(), headwater_common::ErrorKind::PermissionDenied, "{error}");
        assert!(tables("files", &dir.path().join("nowhere")).is_err());
    }
}
