//! The whole check and the whole test run.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::{deny, docs, layers, servers, sizes, sql_text};

/// Crates of which the tree may hold one version only.
const SINGLE: [&str; 7] = ["arrow", "datafusion", "parquet", "tonic", "prost", "object_store", "sqlparser"];

/// Cargo without what the cargo that started this program says of this package: build scripts ask for it, so dependencies
/// would be built twice, once for a plain `cargo test` and once for this program's.
fn cargo() -> Command {
    let mut command = Command::new("cargo");
    for prefix in ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"] {
        for (name, _) in headwater_common::environment::variables_with_prefix(prefix) {
            command.env_remove(name);
        }
    }
    command
}

/// A command of cargo's, with its output shown.
fn run(arguments: &[&str]) -> Result<(), String> {
    println!("== cargo {}", arguments.join(" "));
    let status = cargo().args(arguments).status().map_err(|e| format!("cargo: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("cargo {} failed", arguments.join(" "))) }
}

/// Everything but the tests.
pub(crate) fn check() -> Result<(), String> {
    layers::check()?;
    sizes::check()?;
    docs::check(false)?;
    sql_text::check()?;
    duplicates()?;
    deny::check()?;
    run(&["fmt", "--all", "--check"])?;
    run(&["clippy", "--workspace", "--all-targets", "--locked", "--quiet", "--", "-D", "warnings"])?;
    println!("== check passed");
    Ok(())
}

fn duplicates() -> Result<(), String> {
    let output = cargo().args(["metadata", "--format-version", "1", "--locked"]).output();
    let output = output.map_err(|e| format!("cargo metadata: {e}"))?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).map_err(|e| format!("cargo metadata: {e}"))?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata without packages")?;
    let mut seen = std::collections::BTreeMap::<&str, &str>::new();
    for package in packages {
        let (Some(name), Some(version)) = (package["name"].as_str(), package["version"].as_str()) else { continue };
        let single = SINGLE.iter().any(|s| name == *s || name.starts_with(&format!("{s}-")));
        if single && seen.insert(name, version).is_some_and(|other| other != version) {
            return Err(format!("two versions of {name}; keep the one that datafusion uses"));
        }
        let source = package["source"].as_str();
        if source.is_some_and(|s| !s.starts_with("registry+")) {
            return Err(format!("{name} does not come from the package registry"));
        }
    }
    println!("== one version of each of {}", SINGLE.join(", "));
    Ok(())
}

/// All tests against real servers; closes with their total.
pub(crate) fn test(filters: &[&str]) -> Result<(), String> {
    servers::act("up", &[])?;
    let mut arguments = vec!["test", "--workspace", "--locked", "--no-fail-fast"];
    if !filters.is_empty() {
        arguments.push("--");
        arguments.extend(filters);
    }
    println!("== cargo {}", arguments.join(" "));
    let mut child = cargo()
        .args(&arguments)
        .envs(servers::environment()?)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| format!("cargo: {e}"))?;
    let (mut passed, mut failed, mut ignored) = (0u64, 0u64, 0u64);
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            println!("{line}");
            if let Some([p, f, i]) = counts(&line) {
                passed += p;
                failed += f;
                ignored += i;
            }
        }
    }
    let status = child.wait().map_err(|e| format!("cargo: {e}"))?;
    println!("{passed} passed, {failed} failed, {ignored} skipped");
    if status.success() && failed == 0 { Ok(()) } else { Err("tests failed".into()) }
}

/// TPC-H over three sources at a scale factor.
pub(crate) fn tpch(scale_factor: &str) -> Result<(), String> {
    servers::act("up", &[])?;
    let arguments = ["test", "--workspace", "--locked", "--test", "it", "--", "--nocapture", "tpch::"];
    println!("== cargo {}", arguments.join(" "));
    let command = cargo().args(arguments).envs(servers::environment()?).env("TEST_TPCH_SF", scale_factor).status();
    let status = command.map_err(|e| format!("cargo: {e}"))?;
    if status.success() { Ok(()) } else { Err("there are wrong answers".into()) }
}

/// Random queries on every route and in every oracle; `--release` is for large campaigns.
pub(crate) fn differential(options: &[&str]) -> Result<(), String> {
    let (release, options): (Vec<&str>, Vec<&str>) = options.iter().partition(|o| **o == "--release");
    servers::act("up", &[])?;
    // The whole workspace, so that the dependencies have the features that they have in the tests.
    run(&[&["build", "--workspace", "--bins", "--locked"], release.as_slice()].concat())?;
    let target = headwater_common::environment::variable("CARGO_TARGET_DIR").unwrap_or_else(|| "target".to_owned());
    let program = std::path::Path::new(&target).join(if release.is_empty() { "debug" } else { "release" });
    let program = program.join("headwater-differential");
    let status = Command::new(&program).args(options).envs(servers::environment()?).status();
    let status = status.map_err(|e| format!("{}: {e}", program.display()))?;
    if status.success() { Ok(()) } else { Err("there are differences".into()) }
}

/// Passed, failed and ignored tests of a closing line of cargo's.
fn counts(line: &str) -> Option<[u64; 3]> {
    let rest = line.strip_prefix("test result:")?;
    Some([" passed", " failed", " ignored"].map(|what| {
        let before = rest.split(what).next().unwrap_or_default();
        before.split_whitespace().next_back().and_then(|n| n.parse().ok()).unwrap_or(0)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_counted() {
        let line = "test result: ok. 12 passed; 1 failed; 3 ignored; 0 measured; 7 filtered out; finished in 0.10s";
        assert_eq!(counts(line), Some([12, 1, 3]));
        assert_eq!(counts("test a ... ok"), None);
    }
}
