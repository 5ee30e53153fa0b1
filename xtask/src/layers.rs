//! Which crate may use which.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

/// Crate and what it may use, tests aside.
const ALLOWED: &[(&str, &[&str])] = &[
    ("common", &[]),
    ("source", &["common"]),
    ("sqlgen", &["common", "source"]),
    ("optimizer", &["common", "source"]),
    ("postgres", &["common", "source", "sqlgen"]),
    ("clickhouse", &["common", "source", "sqlgen"]),
    ("files", &["common", "source"]),
    ("mongodb", &["common", "source"]),
    ("redis", &["common", "source"]),
    ("timeseries", &["common"]),
    ("forecasting", &["common", "timeseries"]),
    ("anomaly", &["common", "timeseries"]),
    ("registry", &["common"]),
    ("supervised", &["common", "registry", "timeseries"]),
    ("udfs", &["common", "timeseries", "forecasting", "anomaly", "registry", "supervised"]),
    ("engine", &["common", "source", "sqlgen", "optimizer", "registry"]),
    ("flight-server", &["common", "source", "engine", "udfs", "clickhouse", "postgres", "files", "mongodb", "redis"]),
    ("cli", &["common", "source", "engine", "flight-server"]),
    (
        "tests",
        &[
            "common",
            "source",
            "registry",
            "sqlgen",
            "engine",
            "udfs",
            "clickhouse",
            "postgres",
            "files",
            "mongodb",
            "redis",
            "flight-server",
        ],
    ),
    ("differential", &["common", "engine", "clickhouse", "postgres", "files", "mongodb", "redis", "tests"]),
    ("benchmarks", &["common", "source", "engine", "postgres", "files", "flight-server"]),
];

/// Drivers and protocols, and the crates of ours that may use them; tests and benchmarks may use all.
const PLACES: &[(&str, &[&str])] = &[
    ("tokio-postgres", &["postgres"]),
    ("deadpool-postgres", &["postgres"]),
    ("mongodb", &["mongodb"]),
    ("bson", &["mongodb"]),
    ("redis", &["redis"]),
    ("arrow-flight", &["flight-server", "cli"]),
    ("tonic", &["flight-server", "cli"]),
    ("clap", &["cli"]),
    ("rustyline", &["cli"]),
];

/// Fails when a crate uses one that it may not.
pub(crate) fn check() -> Result<(), String> {
    let output = Command::new("cargo").args(["metadata", "--format-version", "1", "--no-deps", "--locked"]).output();
    let output = output.map_err(|e| format!("cargo metadata: {e}"))?;
    let metadata: Value = serde_json::from_slice(&output.stdout).map_err(|e| format!("cargo metadata: {e}"))?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata without packages")?;
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.iter().copied().collect();
    let mut seen = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some(name) = name.strip_prefix("headwater-") else { continue };
        let may = allowed.get(name).ok_or_else(|| format!("headwater-{name} has no place in xtask/src/layers.rs"))?;
        if let Some(fault) = package_fault(name, may, package) {
            return Err(fault);
        }
        seen.push(name);
    }
    if let Some(gone) = allowed.keys().find(|name| !seen.contains(name)) {
        return Err(format!("xtask/src/layers.rs names headwater-{gone}, which does not exist"));
    }
    println!("== layers are kept by {} crates", packages.len());
    Ok(())
}

/// What is wrong with a package's dependencies, if anything.
fn package_fault(name: &str, may: &[&str], package: &Value) -> Option<String> {
    let dependencies = package["dependencies"].as_array().into_iter().flatten();
    for dependency in dependencies.filter(|d| d["kind"].as_str() != Some("dev")) {
        let used = dependency["name"].as_str().unwrap_or_default();
        if let Some(ours) = used.strip_prefix("headwater-")
            && !may.contains(&ours)
        {
            return Some(format!("headwater-{name} must not use {used}; see ARCHITECTURE.md"));
        }
        let place = PLACES.iter().find(|(driver, _)| *driver == used);
        if let Some((_, owners)) = place
            && !owners.contains(&name)
            && !matches!(name, "tests" | "benchmarks" | "differential")
        {
            return Some(format!("headwater-{name} must not use {used}, which belongs to {}", owners.join(" and ")));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uses(name: &str, kind: Option<&str>) -> Value {
        serde_json::json!({ "dependencies": [{ "name": name, "kind": kind }] })
    }

    #[test]
    fn a_use_against_the_layers_is_found() {
        let may = ["common", "source"];
        assert_eq!(package_fault("files", &may, &uses("headwater-common", None)), None);
        assert!(package_fault("files", &may, &uses("headwater-engine", None)).unwrap().contains("headwater-engine"));
        assert_eq!(package_fault("files", &may, &uses("headwater-engine", Some("dev"))), None);
        assert!(package_fault("engine", &may, &uses("tokio-postgres", None)).unwrap().contains("belongs to postgres"));
        assert_eq!(package_fault("tests", &may, &uses("tokio-postgres", None)), None);
    }
}
