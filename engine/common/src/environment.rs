//! The one place that reads environment variables.
#![allow(clippy::disallowed_methods, reason = "this module is the environment")]

/// The variable's value; `None` when it is unset or is not Unicode.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// All variables whose name starts with `prefix`, sorted by name. Variables that are not Unicode are left out.
pub fn variables_with_prefix(prefix: &str) -> Vec<(String, String)> {
    let mut found: Vec<_> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with(prefix))
        .collect();
    found.sort();
    found
}
