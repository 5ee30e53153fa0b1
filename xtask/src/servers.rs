//! Starts and stops the servers of the tests.

use std::path::PathBuf;
use std::process::Command;

/// Where the servers keep their data. Postgres runs as a user of its own, so the path must be open to all.
pub(crate) fn folder() -> PathBuf {
    let user = Command::new("id").arg("-u").output().map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned());
    std::env::temp_dir().join(format!("headwater-servers-{}", user.unwrap_or_default()))
}

/// `up`, `down` or `env`.
pub(crate) fn act(action: &str, services: &[&str]) -> Result<(), String> {
    let folder = folder();
    if action == "env" {
        let text = std::fs::read_to_string(folder.join("env"));
        print!("{}", text.map_err(|_| "the servers were never started; run `cargo xtask servers up`".to_owned())?);
        return Ok(());
    }
    println!("== servers {action} ({})", folder.display());
    let script = format!("tests/servers/{action}.sh");
    let status = Command::new("bash").arg(&script).arg(&folder).args(services).status();
    let status = status.map_err(|e| format!("{script}: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("{script} failed")) }
}

/// The addresses, as variables of the tests.
pub(crate) fn environment() -> Result<Vec<(String, String)>, String> {
    let text = std::fs::read_to_string(folder().join("env")).map_err(|e| format!("servers: {e}"))?;
    Ok(text.lines().filter_map(variable).collect())
}

/// The variable of a line `export NAME="value"`.
fn variable(line: &str) -> Option<(String, String)> {
    let (name, value) = line.strip_prefix("export ")?.split_once('=')?;
    Some((name.to_owned(), value.strip_prefix('"')?.strip_suffix('"')?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_addresses_is_a_variable() {
        let line = "export TEST_URL=\"http://127.0.0.1:1/?a=b\"";
        assert_eq!(variable(line), Some(("TEST_URL".into(), "http://127.0.0.1:1/?a=b".into())));
        assert_eq!(variable("# note"), None);
    }
}
