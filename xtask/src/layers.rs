//! Which crate may use which.

use std::collections::BTreeMap;
use std::process::Command;

/// Crate and what it may use, tests aside.
const ALLOWED: &[(&str, &[&str])] = &[
    ("common", &[]),
    ("source", &["common"]),
    ("sqlgen", &["common", "source"]),
    ("optimizer", &["common", "source"]),
    ("postgres", &["common", "source", "sqlgen"]),
    ("clickhouse", &["common", "source", "sqlgen"]),
    ("files", &["common", "source"]),
    ("engine", &["common", "source", "sqlgen", "optimizer"]),
    ("flight-server", &["common", "source", "engine", "clickhouse", "postgres", "files"]),
    ("cli", &["common", "source", "engine", "flight-server"]),
    ("tests", &["common", "source", "sqlgen", "engine", "clickhouse", "postgres", "files", "flight-server"]),
    ("differential", &["common", "engine", "postgres", "files", "tests"]),
    ("benchmarks", &["common", "source", "engine", "postgres", "files", "flight-server"]),
];

/// Fails when a crate uses one that it may not.
pub(crate) fn check() -> Result<(), String> {
    let output = Command::new("cargo").args(["metadata", "--format-version", "1", "--no-deps", "--locked"]).output();
    let output = output.map_err(|e| format!("cargo metadata: {e}"))?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).map_err(|e| format!("cargo metadata: {e}"))?;
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.iter().copied().collect();
    let packages = metadata["packages"].as_array().ok_or("cargo metadata without packages")?;
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some(name) = name.strip_prefix("headwater-") else { continue };
        let may = allowed.get(name).ok_or_else(|| format!("headwater-{name} has no place in xtask/src/layers.rs"))?;
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let used = dependency["name"].as_str().unwrap_or_default();
            let tests_only = dependency["kind"].as_str() == Some("dev");
            if let Some(used) = used.strip_prefix("headwater-")
                && !tests_only
                && !may.contains(&used)
            {
                return Err(format!("headwater-{name} must not use headwater-{used}; see ARCHITECTURE.md"));
            }
        }
    }
    println!("== layers are kept by {} crates", packages.len());
    Ok(())
}
