//! The configuration file and the variables over it.

use headwater_common::Error;
use headwater_common::config::Config;
use headwater_source::Finding;

use super::report::Section;

/// Every fault, or what was read.
pub(super) fn section(title: String, config: &Config, faults: &[Error]) -> Section {
    let mut findings: Vec<Finding> = faults.iter().map(fault).collect();
    if faults.is_empty() {
        let names: Vec<&str> = config.sources.iter().map(|s| s.name.as_str()).collect();
        match names.as_slice() {
            [] => findings.push(Finding::note(
                "every key is known; there is no source",
                "add [sources.NAME] with kind and options, or run CREATE SOURCE in a session",
            )),
            names => findings.push(Finding::ok(format!("every key is known; sources: {}", names.join(", ")))),
        }
    }
    Section { title, findings }
}

/// Whether a source of this name cannot be looked at because of its keys.
pub(super) fn is_at_fault(source: &str, faults: &[Error]) -> bool {
    let key = format!("sources.{source}.");
    faults.iter().any(|e| e.message().starts_with(&key))
}

fn fault(error: &Error) -> Finding {
    let text = error.message();
    let remedy = if text.contains("unknown") {
        "correct or remove the key; docs/reference/configuration.md lists all"
    } else if text.contains("environment variable") {
        "set the variable for this user or service"
    } else if text.contains("secret file") {
        "make the file readable for the user that runs Headwater, or correct its path"
    } else {
        "correct the value; docs/reference/configuration.md describes it"
    };
    Finding::problem(text, remedy)
}
