//! No source file is longer than people read.

use std::path::{Path, PathBuf};

const LINES_MAX: usize = 600;
const FOLDERS: [&str; 7] = ["engine", "connectors", "flight-server", "cli", "tests", "benchmarks", "xtask"];

/// Every `.rs` file of the project.
pub(crate) fn sources() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = FOLDERS.iter().map(PathBuf::from).collect();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.filter_map(Result::ok).map(|e| e.path()) {
            match path.is_dir() {
                true if path.file_name().is_none_or(|n| n != "target") => folders.push(path),
                false if path.extension().is_some_and(|e| e == "rs") => files.push(path),
                _ => {}
            }
        }
    }
    files.sort();
    files
}

/// Fails when a file is longer than [`LINES_MAX`].
pub(crate) fn check() -> Result<(), String> {
    let files = sources();
    let count = |path: &Path| std::fs::read_to_string(path).map(|t| t.lines().count()).unwrap_or(0);
    let mut sizes: Vec<(usize, &PathBuf)> = files.iter().map(|f| (count(f), f)).collect();
    sizes.sort();
    let at = |share: usize| sizes.get(sizes.len() * share / 100).map_or(0, |s| s.0);
    println!("== {} files, median {} lines, nine of ten at most {}", sizes.len(), at(50), at(90));
    match sizes.last() {
        Some((lines, file)) if *lines > LINES_MAX => {
            Err(format!("{} has {lines} lines; split it below {LINES_MAX}", file.display()))
        }
        _ => Ok(()),
    }
}
