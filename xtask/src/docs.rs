//! Documents: every file says what it is, links lead somewhere, and the settings page is what the code says.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use headwater_common::Limits;
use headwater_common::config::SETTINGS;

use crate::sizes::sources;

const SETTINGS_PAGE: &str = "docs/reference/configuration.md";
/// Words that stand for unfinished work.
const UNFINISHED: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
/// Names that only one crate may use: DataFusion's own SQL writer can be injected into.
const BANNED: [&str; 2] = [concat!("Unp", "arser"), concat!("plan_to", "_sql")];

/// Checks the documents; writes the generated ones first when asked to.
pub(crate) fn check(write: bool) -> Result<(), String> {
    for file in sources() {
        let text = std::fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        if !text.starts_with("//!") {
            return Err(format!("{} does not start with a //! line that says what it is", file.display()));
        }
        for word in UNFINISHED.iter().chain(&BANNED) {
            if text.contains(word) {
                return Err(format!("{} contains {word}", file.display()));
            }
        }
    }
    let page = settings_page();
    if write {
        std::fs::write(SETTINGS_PAGE, &page).map_err(|e| format!("{SETTINGS_PAGE}: {e}"))?;
    } else if std::fs::read_to_string(SETTINGS_PAGE).unwrap_or_default() != page {
        return Err(format!("{SETTINGS_PAGE} is not what the code says; run `cargo xtask docs --write`"));
    }
    let pages = pages();
    let mut linked = BTreeSet::new();
    for page in &pages {
        let text = std::fs::read_to_string(page).map_err(|e| format!("{}: {e}", page.display()))?;
        linked.extend(links(page, &text)?);
    }
    let read_first = Path::new("./README.md");
    if let Some(lost) = pages.iter().find(|p| *p != read_first && p.canonicalize().is_ok_and(|p| !linked.contains(&p))) {
        return Err(format!("no page links to {}", lost.display()));
    }
    println!("== documents: {} pages, links and settings are right", pages.len());
    Ok(())
}

fn settings_page() -> String {
    let mut page = String::from(
        "# Configuration\n\nGenerated from the code by `cargo xtask docs --write`.\n\n\
         One TOML file. Every key is also an environment variable: `server.flight_listen` is \
         `HEADWATER_SERVER__FLIGHT_LISTEN`.\nA value may hold `${env:NAME}` or `${file:/path}`; an unknown key is an error.\n\n\
         | key | default | meaning |\n|---|---|---|\n",
    );
    for setting in SETTINGS {
        let default = if setting.default.is_empty() { String::new() } else { format!("`{}`", setting.default) };
        // Writing to a String does not fail.
        let _ = writeln!(page, "| `{}` | {default} | {} |", setting.key, setting.description);
    }
    page.push_str(
        "\n## Limits\n\nA session may lower those marked so with `SET limits.NAME = n`; nothing raises them.\n\n\
         | key | default | session | meaning |\n|---|---|---|---|\n",
    );
    for limit in Limits::SETTINGS {
        let session = if limit.session { "yes" } else { "" };
        let _ = writeln!(page, "| `limits.{}` | {} | {session} | {} |", limit.name, limit.default, limit.description);
    }
    page.push_str(
        "\n## Sources\n\n`[sources.NAME]` with `kind` and the options of its connector; see the page of each source.\n",
    );
    page
}

fn pages() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from("."), PathBuf::from("docs"), PathBuf::from("benchmarks")];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.filter_map(Result::ok).map(|e| e.path()) {
            if path.is_dir() && folder != Path::new(".") {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Where a page's links lead, apart from links to itself.
fn links(page: &Path, text: &str) -> Result<Vec<PathBuf>, String> {
    let folder = page.parent().unwrap_or(Path::new("."));
    let mut found = Vec::new();
    for target in targets(text) {
        let path = folder.join(target);
        let Ok(path) = path.canonicalize() else {
            return Err(format!("{}: the link to {target} leads nowhere", page.display()));
        };
        if page.canonicalize().is_ok_and(|page| page != path) {
            found.push(path);
        }
    }
    Ok(found)
}

/// The paths that a page links to.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    text.split("](")
        .skip(1)
        .map(|rest| rest.split([')', '#']).next().unwrap_or_default())
        .filter(|target| !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_to_files_are_followed() {
        let text = "[a](docs/a.md) [b](docs/b.md#part) [c](#here) [d](https://x.example/d.md) [e](mailto:e@x.example)";
        assert_eq!(targets(text).collect::<Vec<_>>(), ["docs/a.md", "docs/b.md"]);
        assert!(links(Path::new("./README.md"), "[x](no/such/page.md)").unwrap_err().contains("no/such/page.md"));
    }
}
