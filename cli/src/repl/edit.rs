//! `\e`: a statement in the editor of the user.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use headwater_common::{Error, Result, environment};

/// Lets the user edit a file, or a text in a file of its own, and returns what was saved.
pub(super) async fn edit(file: Option<PathBuf>, text: &str) -> Result<String> {
    let text = text.to_owned();
    let edited = tokio::task::spawn_blocking(move || match file {
        Some(path) => run_editor(&path),
        None => {
            let failed = |e: &std::io::Error| Error::invalid(format!("cannot make a file to edit: {e}"));
            let mut file =
                tempfile::Builder::new().prefix("headwater-").suffix(".sql").tempfile().map_err(|e| failed(&e))?;
            writeln!(file, "{text}").map_err(|e| failed(&e))?;
            run_editor(file.path())
        }
    });
    edited.await.map_err(|e| Error::internal(e.to_string()))?
}

fn run_editor(path: &Path) -> Result<String> {
    let set = |name: &str| environment::variable(name).filter(|v| !v.trim().is_empty());
    let editor = set("VISUAL").or_else(|| set("EDITOR")).unwrap_or_else(|| "vi".to_owned());
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or("vi");
    let status = Command::new(program).args(words).arg(path).status();
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => return Err(Error::invalid(format!("the editor {program} ended with {status}; nothing is run"))),
        Err(e) => return Err(Error::invalid(format!("cannot start the editor {program}: {e}; set EDITOR"))),
    }
    std::fs::read_to_string(path).map_err(|e| Error::invalid(format!("cannot read {}: {e}", path.display())))
}
