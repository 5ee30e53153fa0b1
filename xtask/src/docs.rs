//! Documents: every file says what it is, links lead somewhere, and the settings page is what the code says.

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
    for page in &pages {
        links(page)?;
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

fn links(page: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(page).map_err(|e| format!("{}: {e}", page.display()))?;
    for rest in text.split("](").skip(1) {
        let target = rest.split([')', '#']).next().unwrap_or_default();
        if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
            continue;
        }
        let folder = page.parent().unwrap_or(Path::new("."));
        if !folder.join(target).exists() {
            return Err(format!("{}: the link to {target} leads nowhere", page.display()));
        }
    }
    Ok(())
}
