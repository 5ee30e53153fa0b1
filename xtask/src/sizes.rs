//! Source files are as long as people read.

use std::path::{Path, PathBuf};

const LINES_MAX: usize = 600;
const MEDIAN_MAX: usize = 180;
const NINE_OF_TEN_MAX: usize = 450;
const FOLDERS: [&str; 8] = ["engine", "connectors", "udfs", "flight-server", "cli", "tests", "benchmarks", "xtask"];

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

/// Fails when a file, or the files together, are longer than the bounds above.
pub(crate) fn check() -> Result<(), String> {
    let count = |path: &Path| std::fs::read_to_string(path).map(|t| t.lines().count()).unwrap_or(0);
    let sizes = sources().into_iter().map(|file| (count(&file), file.display().to_string())).collect();
    println!("== {}", judge(sizes)?);
    Ok(())
}

/// A line about the sizes, or what is wrong with them.
fn judge(mut sizes: Vec<(usize, String)>) -> Result<String, String> {
    sizes.sort();
    let at = |share: usize| sizes.get(sizes.len() * share / 100).map_or(0, |s| s.0);
    let (median, nine_of_ten) = (at(50), at(90));
    if let Some((lines, file)) = sizes.last()
        && *lines > LINES_MAX
    {
        return Err(format!("{file} has {lines} lines; split it below {LINES_MAX}"));
    }
    if median > MEDIAN_MAX || nine_of_ten > NINE_OF_TEN_MAX {
        return Err(format!(
            "files have {median} lines at the median and nine of ten at most {nine_of_ten}; split the longest until these \
             are at most {MEDIAN_MAX} and {NINE_OF_TEN_MAX}"
        ));
    }
    Ok(format!("{} files, median {median} lines, nine of ten at most {nine_of_ten}", sizes.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(lines: &[usize]) -> Vec<(usize, String)> {
        lines.iter().map(|n| (*n, format!("f{n}.rs"))).collect()
    }

    #[test]
    fn long_files_are_found_alone_and_together() {
        assert!(judge(sizes(&[1, 1, 1, 1, 1, 100, 100, 100, 100, 100, 100, 600])).is_ok());
        assert!(judge(sizes(&[100, 601, 100])).unwrap_err().contains("f601.rs"));
        assert!(judge(sizes(&[100, 181, 181])).unwrap_err().contains("median"));
        assert!(judge(sizes(&[1, 1, 1, 1, 1, 1, 1, 1, 451, 451])).is_err());
    }
}
