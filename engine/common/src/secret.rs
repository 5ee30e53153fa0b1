//! Values that must never be printed.

use std::fmt;

use zeroize::Zeroizing;

use crate::environment;
use crate::error::{Error, Result};

/// A secret text. `Debug` and `Display` print `***`; the memory is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps a secret.
    pub fn new(value: impl Into<String>) -> Self {
        Self(Zeroizing::new(value.into()))
    }

    /// The secret itself; call it only where a protocol needs the bytes.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Replaces every `${env:NAME}` and `${file:/path}` in `text`; `key` names the setting in errors.
///
/// A file's final line break is removed. `$${` stands for a literal `${`.
pub fn resolve(key: &str, text: &str) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            out.push_str(&rest[..at - 1]);
            out.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        out.push_str(&rest[..at]);
        let body = &rest[at + 2..];
        let Some(end) = body.find('}') else {
            return Err(Error::configuration(format!("{key}: \"${{\" without a closing \"}}\"")));
        };
        out.push_str(&reference(key, &body[..end])?);
        rest = &body[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

fn reference(key: &str, body: &str) -> Result<String> {
    if let Some(name) = body.strip_prefix("env:") {
        return environment::variable(name)
            .ok_or_else(|| Error::configuration(format!("{key}: environment variable {name} is not set")));
    }
    if let Some(path) = body.strip_prefix("file:") {
        let text = std::fs::read_to_string(path)
            .map_err(|e| Error::configuration(format!("{key}: cannot read secret file {path}: {e}")))?;
        return Ok(text.strip_suffix('\n').map(|t| t.strip_suffix('\r').unwrap_or(t)).unwrap_or(&text).to_owned());
    }
    Err(Error::configuration(format!("{key}: unknown reference; use ${{env:NAME}} or ${{file:/path}}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_printed() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret} {secret:?}"), "*** ***");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn references_are_replaced_and_faults_name_the_setting() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("password");
        std::fs::write(&path, "s3cret\n").unwrap();
        let text = format!("a-${{file:{}}}-$${{b}}", path.display());
        assert_eq!(resolve("k", &text).unwrap(), "a-s3cret-${b}");
        let unset = resolve("sources.shop.password", "${env:HW_SURELY_UNSET}").unwrap_err().to_string();
        assert!(unset.contains("sources.shop.password") && unset.contains("HW_SURELY_UNSET"), "{unset}");
        assert!(resolve("k", "${env:X").is_err());
        assert!(resolve("k", "${vault:X}").is_err());
    }
}
