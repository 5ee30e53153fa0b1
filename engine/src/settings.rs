//! Settings of a session.

use std::sync::Arc;

use datafusion::arrow::array::timezone::Tz;
use datafusion::prelude::SessionConfig;
use headwater_common::{Error, Limits, Result, nearest};
use headwater_source::Learning;

use crate::plan_guard::Guarded;
use crate::session::Session;
use crate::words::words;

/// Whether this session learns from its queries; not one of DataFusion's.
const LEARNING: &str = "optimizer.learning";
/// Whether its plans are guarded.
const PLAN_GUARD: &str = "optimizer.plan_guard";
/// Settings of the configuration that a session may change.
pub(crate) const SWITCHES: [&str; 2] = [LEARNING, PLAN_GUARD];

const TIME_ZONE: &str = "datafusion.execution.time_zone";

/// DataFusion's settings that a session may change; none of them raises a limit or changes an answer.
const OPEN: &[&str] = &[
    TIME_ZONE,
    "datafusion.explain.format",
    "datafusion.explain.show_statistics",
    "datafusion.explain.show_schema",
    "datafusion.explain.logical_plan_only",
    "datafusion.explain.physical_plan_only",
    "datafusion.optimizer.prefer_hash_join",
];

/// Other names of settings.
fn canonical(key: &str) -> String {
    match key.to_ascii_lowercase().as_str() {
        "timezone" | "time zone" | "time.zone" => TIME_ZONE.to_owned(),
        other => other.to_owned(),
    }
}

pub(crate) fn set(session: &Session, key: &str, value: &str) -> Result<()> {
    let key = canonical(key);
    if let Some(name) = key.strip_prefix("limits.") {
        let value = value.trim().trim_matches('\'').parse();
        let value = value.map_err(|_| Error::invalid(format!("{key} must be a whole number of at least 0")))?;
        let mut limits = session.limits().as_ref().clone();
        limits.lower(name, value, session.engine.limits())?;
        session.set_limits(limits);
        return Ok(());
    }
    if SWITCHES.contains(&key.as_str()) {
        switch(session, &key, flag(&key, value)?);
        return Ok(());
    }
    check_open(&key)?;
    if key == TIME_ZONE && value.parse::<Tz>().is_err() {
        return Err(Error::invalid(format!("\"{value}\" is no time zone; use a name such as Europe/Berlin or +02:00")));
    }
    let mut inner = session.inner.write();
    let options = Arc::make_mut(&mut inner.state).config_mut().options_mut();
    options.set(&key, value).map_err(|e| Error::invalid(crate::error::classify(e).message()))
}

pub(crate) fn reset(session: &Session, key: &str) -> Result<()> {
    let key = canonical(key);
    if let Some(name) = key.strip_prefix("limits.") {
        let mut limits = session.limits().as_ref().clone();
        let value = session.engine.limits().get(name);
        limits.set(name, value.unwrap_or_default())?;
        session.set_limits(limits);
        return Ok(());
    }
    if SWITCHES.contains(&key.as_str()) {
        let configured = &session.engine.config().optimizer;
        switch(session, &key, if key == LEARNING { configured.learning } else { configured.plan_guard });
        return Ok(());
    }
    check_open(&key)?;
    let original = text_of(session.engine.shared.state.config_options(), &key).unwrap_or_default();
    let mut inner = session.inner.write();
    let options = Arc::make_mut(&mut inner.state).config_mut().options_mut();
    options.set(&key, &original).map_err(crate::error::classify)
}

pub(crate) fn get(session: &Session, key: &str) -> Result<String> {
    let key = canonical(key);
    if let Some(name) = key.strip_prefix("limits.") {
        let value = session.limits().get(name);
        return value.map(|v| v.to_string()).ok_or_else(|| unknown(&key));
    }
    if SWITCHES.contains(&key.as_str()) {
        return Ok(switched_on(session.inner.read().state.config(), &key).to_string());
    }
    check_open(&key)?;
    Ok(text_of(session.inner.read().state.config_options(), &key).unwrap_or_default())
}

/// Every setting that the session may change, by the name that [`set`] takes, with its value.
pub(crate) fn all(session: &Session) -> Vec<(String, String)> {
    let limits = session.limits();
    let bounded = Limits::SETTINGS.iter().filter(|s| s.session);
    let bounded = bounded.map(|s| (format!("limits.{}", s.name), limits.get(s.name).unwrap_or_default().to_string()));
    let inner = session.inner.read();
    let options = inner.state.config_options();
    let open = OPEN.iter().map(|key| {
        let name = if *key == TIME_ZONE { "timezone" } else { *key };
        (name.to_owned(), text_of(options, key).unwrap_or_default())
    });
    let switches = SWITCHES.map(|key| (key.to_owned(), switched_on(inner.state.config(), key).to_string()));
    bounded.chain(open).chain(switches).collect()
}

/// Whether a session learns.
pub(crate) fn learns(config: &SessionConfig) -> bool {
    config.get_extension::<Learning>().is_none_or(|learning| learning.0)
}

/// Whether one of [`SWITCHES`] is on.
pub(crate) fn switched_on(config: &SessionConfig, key: &str) -> bool {
    match key {
        LEARNING => learns(config),
        _ => config.get_extension::<Guarded>().is_none_or(|guarded| guarded.0),
    }
}

fn switch(session: &Session, key: &str, on: bool) {
    let mut inner = session.inner.write();
    let config = Arc::make_mut(&mut inner.state).config_mut();
    match key {
        LEARNING => config.set_extension(Arc::new(Learning(on))),
        _ => config.set_extension(Arc::new(Guarded(on))),
    }
}

fn flag(key: &str, value: &str) -> Result<bool> {
    match value.trim().trim_matches('\'').to_ascii_lowercase().as_str() {
        "true" | "on" | "yes" | "1" => Ok(true),
        "false" | "off" | "no" | "0" => Ok(false),
        _ => Err(Error::invalid(format!("{key} must be on or off"))),
    }
}

fn text_of(options: &datafusion::common::config::ConfigOptions, key: &str) -> Option<String> {
    options.entries().into_iter().find(|e| e.key == key).and_then(|e| e.value)
}

/// `SHOW ALL`, and `SHOW` of a setting, as a query; `None` for any other statement.
pub(crate) fn show(sql: &str) -> Result<Option<String>> {
    let words: Vec<&str> = words(sql).take(6).collect();
    let Some((first, rest)) = words.split_first() else { return Ok(None) };
    if !first.eq_ignore_ascii_case("show") || rest.is_empty() {
        return Ok(None);
    }
    let key = canonical(&rest.join(" "));
    if key == "all" {
        return Ok(Some("SELECT name, value FROM headwater.system.settings ORDER BY name".to_owned()));
    }
    let limit = key.strip_prefix("limits.").map(|name| Limits::SETTINGS.iter().any(|s| s.name == name));
    match limit {
        Some(false) => Err(unknown(&key)),
        // Only names of the lists get into the text.
        Some(true) => Ok(Some(format!("SELECT name, value FROM headwater.system.settings WHERE name = '{key}'"))),
        None if SWITCHES.contains(&key.as_str()) || OPEN.contains(&key.as_str()) => {
            Ok(Some(format!("SELECT name, value FROM headwater.system.settings WHERE name = '{key}'")))
        }
        None => Ok(None),
    }
}

fn check_open(key: &str) -> Result<()> {
    if OPEN.contains(&key) {
        return Ok(());
    }
    if key.starts_with("datafusion.") {
        return Err(Error::denied(format!("{key} cannot be changed by a session; open settings: {}", OPEN.join(", "))));
    }
    Err(unknown(key))
}

fn unknown(key: &str) -> Error {
    let limits: Vec<String> = Limits::SETTINGS.iter().map(|s| format!("limits.{}", s.name)).collect();
    let known = OPEN.iter().copied().chain(limits.iter().map(String::as_str)).chain(["timezone"]).chain(SWITCHES);
    let known: Vec<&str> = known.collect();
    let hint = nearest::nearest(key, known).map(|n| format!("; did you mean \"{n}\"?")).unwrap_or_default();
    Error::invalid(format!("there is no setting \"{key}\"{hint}"))
}

/// The names that [`set`] accepts, for `system.settings`.
pub(crate) fn open_settings() -> &'static [&'static str] {
    OPEN
}
