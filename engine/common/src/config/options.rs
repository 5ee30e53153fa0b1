//! Options of a source: texts by name, checked against what its connector declares.

use std::collections::BTreeMap;
use std::fmt;

use url::Url;

use crate::Secret;
use crate::error::{Error, Result};
use crate::nearest;

/// One option that a connector understands.
#[derive(Debug, Clone, Copy)]
pub struct OptionSpec {
    /// Name, as written in configuration and in `OPTIONS (...)`. A name that ends in `*` stands for all that begin with the rest.
    pub name: &'static str,
    /// Default as text; `None` when the option is required or simply absent.
    pub default: Option<&'static str>,
    /// What it does, with units.
    pub description: &'static str,
    /// Whether its value must never be shown.
    pub secret: bool,
}

/// Option values by lower-case name. `Debug` shows the names only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Options(BTreeMap<String, Secret>);

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Options {
    /// No options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets an option; the last value of a name wins.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_ascii_lowercase(), Secret::new(value));
    }

    /// The same with a value set, for building options in one expression.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.set(name, value);
        self
    }

    /// The options that the parts of a URL set: `host`, `port`, `user`, `password`, and `path` under the name that the connector
    /// gives it.
    pub fn of_url(url: &Url, path: &str) -> Result<Self> {
        let decoded =
            |text: &str| percent_decoded(text).ok_or_else(|| Error::configuration("option \"url\" has a wrong %-escape"));
        let mut options = Self::new();
        let parts = [
            ("host", url.host_str().unwrap_or_default()),
            ("user", url.username()),
            (path, url.path().trim_start_matches('/')),
        ];
        for (name, part) in parts.into_iter().filter(|(_, part)| !part.is_empty()) {
            options.set(name, decoded(part)?);
        }
        if let Some(password) = url.password() {
            options.set("password", decoded(password)?);
        }
        if let Some(port) = url.port() {
            options.set("port", port.to_string());
        }
        Ok(options)
    }

    /// The same with those of `others` that are not the URL, which go before what the URL says.
    #[must_use]
    pub fn overruled_by(mut self, others: &Self) -> Self {
        let others = others.0.iter().filter(|(name, _)| *name != "url");
        self.0.extend(others.map(|(name, value)| (name.clone(), value.clone())));
        self
    }

    /// The option's text.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(Secret::expose)
    }

    /// The names that are set.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Refuses every name that `specs` does not declare, naming the nearest one.
    pub fn check(&self, kind: &str, specs: &[OptionSpec]) -> Result<()> {
        for name in self.names() {
            let known =
                |s: &OptionSpec| s.name == name || s.name.strip_suffix('*').is_some_and(|rest| name.starts_with(rest));
            if !specs.iter().any(known) {
                let known = specs.iter().map(|s| s.name);
                return Err(Error::configuration(format!(
                    "unknown option \"{name}\" of a {kind} source{}",
                    nearest::hint(name, known)
                )));
            }
        }
        Ok(())
    }

    /// The option's text, or its declared default.
    pub fn text<'a>(&'a self, name: &str, specs: &'a [OptionSpec]) -> Option<&'a str> {
        self.get(name).or_else(|| specs.iter().find(|s| s.name == name).and_then(|s| s.default))
    }

    /// The option as a whole number, or its declared default.
    pub fn number(&self, name: &str, specs: &[OptionSpec]) -> Result<u64> {
        let text = self.text(name, specs).unwrap_or_default();
        text.trim().parse().map_err(|_| Error::configuration(format!("option \"{name}\" must be a whole number")))
    }

    /// The option as `true` or `false`, or its declared default.
    pub fn flag(&self, name: &str, specs: &[OptionSpec]) -> Result<bool> {
        match self.text(name, specs).unwrap_or("false").trim().to_ascii_lowercase().as_str() {
            "true" | "on" | "yes" | "1" => Ok(true),
            "false" | "off" | "no" | "0" => Ok(false),
            _ => Err(Error::configuration(format!("option \"{name}\" must be true or false"))),
        }
    }
}

/// A part of a URL with its `%` escapes as the characters they stand for; `None` when one is wrong.
pub fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(b) = rest.next() {
        if b == b'%' {
            let digit = |d: u8| char::from(d).to_digit(16);
            let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(b);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_of_a_url_are_decoded() {
        assert_eq!(percent_decoded("p%40s%C3%BC%25").as_deref(), Some("p@sü%"));
        assert_eq!([percent_decoded("%4"), percent_decoded("%zz"), percent_decoded("%ff")], [None, None, None]);
    }
}
