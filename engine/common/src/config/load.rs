//! Reads the TOML file and the environment into a [`Config`].

use std::collections::BTreeMap;
use std::path::Path;

use toml::{Table, Value};

use super::{Config, Options, REWRITES, SETTINGS, SourceConfig, check_source_name};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::{Secret, environment, nearest, secret};

const VARIABLE_PREFIX: &str = "HEADWATER_";

/// Loads a configuration: the file (when given), then `HEADWATER_...` variables over it.
pub fn load_file(path: Option<&Path>) -> Result<Config> {
    let (config, faults) = examine_file(path)?;
    match (faults.into_iter().next(), path) {
        (None, _) => Ok(config),
        (Some(e), Some(path)) => Err(Error::configuration(format!("{}: {}", path.display(), e.message()))),
        (Some(e), None) => Err(e),
    }
}

/// The same, with every fault instead of the first one. What is at fault keeps its default. A file that cannot be read is an
/// error.
pub fn examine_file(path: Option<&Path>) -> Result<(Config, Vec<Error>)> {
    let text = match path {
        Some(path) => std::fs::read_to_string(path)
            .map_err(|e| Error::configuration(format!("cannot read configuration {}: {e}", path.display())))?,
        None => String::new(),
    };
    Ok(Config::examine(&text, &environment::variables_with_prefix(VARIABLE_PREFIX)))
}

impl Config {
    /// Loads a configuration from TOML text and variables (`HEADWATER_...` names with their values).
    pub fn load(text: &str, variables: &[(String, String)]) -> Result<Config> {
        let (config, faults) = Self::examine(text, variables);
        faults.into_iter().next().map_or(Ok(config), Err)
    }

    /// The same, with every fault; what is at fault keeps its default.
    pub fn examine(text: &str, variables: &[(String, String)]) -> (Config, Vec<Error>) {
        let (mut config, mut faults) = (Config::default(), Vec::new());
        let table = match text.parse::<Table>() {
            Ok(table) => table,
            Err(e) => return (config, vec![Error::configuration(toml_message(text, &e))]),
        };
        let mut values = BTreeMap::new();
        flatten("", &table, &mut values, &mut faults);
        for (name, value) in variables {
            let key = name.trim_start_matches(VARIABLE_PREFIX).to_ascii_lowercase().replace("__", ".");
            values.insert(key, value.clone());
        }
        let mut sources: BTreeMap<String, Options> = BTreeMap::new();
        for (key, text) in &values {
            faults.extend(config.take(key, text, &mut sources).err());
        }
        for (name, options) in sources {
            match source(name, &options) {
                Ok(source) => config.sources.push(source),
                Err(e) => faults.push(e),
            }
        }
        faults.extend(config.check().err());
        (config, faults)
    }

    /// Takes one key with its text.
    fn take(&mut self, key: &str, text: &str, sources: &mut BTreeMap<String, Options>) -> Result<()> {
        if let Some(rest) = key.strip_prefix("sources.") {
            let (name, option) = rest
                .split_once('.')
                .ok_or_else(|| Error::configuration(format!("{key}: a source is a table, such as [sources.shop]")))?;
            // The source is there even when a secret of it is not.
            let options = sources.entry(name.to_owned()).or_default();
            options.set(option, secret::resolve(key, text)?);
            return Ok(());
        }
        let value = secret::resolve(key, text)?;
        match key.strip_prefix("limits.") {
            Some(name) => self.limits.set(name, number(key, &value)?),
            None => self.apply(key, &value),
        }
    }

    fn apply(&mut self, key: &str, value: &str) -> Result<()> {
        let path = || (!value.is_empty()).then(|| value.into());
        match key {
            "server.flight_listen" => self.server.flight_listen = value.to_owned(),
            "server.tls.certificate" => self.server.tls_certificate = path(),
            "server.tls.key" => self.server.tls_key = path(),
            "server.tls.client_ca" => self.server.tls_client_ca = path(),
            "server.insecure" => self.server.insecure = flag(key, value)?,
            "server.shutdown_grace_ms" => self.server.shutdown_grace_ms = number(key, value)?,
            "server.session_idle_ms" => self.server.session_idle_ms = number(key, value)?,
            "engine.spill_dir" => self.engine.spill_dir = path(),
            "engine.allow_source_ddl" => self.engine.allow_source_ddl = flag(key, value)?,
            "engine.allow_writes" => self.engine.allow_writes = flag(key, value)?,
            "engine.allow_native_queries" => self.engine.allow_native_queries = flag(key, value)?,
            "optimizer.join_order" => self.optimizer.join_order = flag(key, value)?,
            "models.location" => self.models.location = (!value.is_empty()).then(|| value.to_owned()),
            "models.allow_changes" => self.models.allow_changes = flag(key, value)?,
            "models.artifact_bytes" => self.models.artifact_bytes = number(key, value)?,
            "models.versions" => self.models.versions = number(key, value)?.max(1),
            "optimizer.push_down_plan" => self.optimizer.push_down_plan = flag(key, value)?,
            "optimizer.bind_join" => self.optimizer.bind_join = flag(key, value)?,
            "optimizer.learning" => self.optimizer.learning = flag(key, value)?,
            "optimizer.plan_guard" => self.optimizer.plan_guard = flag(key, value)?,
            "optimizer.share_reads" => self.optimizer.share_reads = flag(key, value)?,
            "engine.target_partitions" => self.engine.target_partitions = number(key, value)?,
            "engine.batch_rows" => self.engine.batch_rows = number(key, value)?.clamp(1, 1 << 20),
            "engine.file_roots" => {
                self.engine.file_roots =
                    value.split(',').map(str::trim).filter(|p| !p.is_empty()).map(Into::into).collect();
            }
            "engine.object_store_hosts" => {
                let hosts = value.split(',').map(str::trim).filter(|h| !h.is_empty());
                self.engine.object_store_hosts = hosts.map(str::to_ascii_lowercase).collect();
            }
            _ => {
                if let Some(rule) = key.strip_prefix("optimizer.").filter(|rule| REWRITES.contains(rule)) {
                    let off = &mut self.optimizer.rules_off;
                    off.retain(|name| name != rule);
                    off.extend((!flag(key, value)?).then(|| rule.to_owned()));
                } else if let Some(user) = key.strip_prefix("server.auth.users.") {
                    self.server.users.push((user.to_owned(), Secret::new(value)));
                } else if let Some(user) = key.strip_prefix("server.auth.tokens.") {
                    self.server.tokens.push((user.to_owned(), Secret::new(value)));
                } else if let Some(option) = key.strip_prefix("models.options.") {
                    self.models.options.push((option.to_owned(), Secret::new(value)));
                } else {
                    return Err(unknown(key));
                }
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<()> {
        let server = &self.server;
        if server.tls_certificate.is_some() != server.tls_key.is_some() {
            return Err(Error::configuration("server.tls.certificate and server.tls.key must be set together"));
        }
        if server.tls_client_ca.is_some() && server.tls_certificate.is_none() {
            return Err(Error::configuration("server.tls.client_ca needs server.tls.certificate and server.tls.key"));
        }
        Ok(())
    }
}

fn source(name: String, options: &Options) -> Result<SourceConfig> {
    check_source_name(&name)?;
    let kind = options
        .get("kind")
        .ok_or_else(|| Error::configuration(format!("sources.{name}.kind is missing, such as kind = \"postgres\"")))?
        .to_owned();
    let mut rest = Options::new();
    for option in options.names().filter(|n| *n != "kind") {
        rest.set(option, options.get(option).unwrap_or_default());
    }
    Ok(SourceConfig { name, kind, options: rest })
}

/// Turns nested tables into dotted keys with the values as text; arrays of texts are joined with commas.
fn flatten(prefix: &str, table: &Table, out: &mut BTreeMap<String, String>, faults: &mut Vec<Error>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        let text = match value {
            Value::Table(inner) => {
                flatten(&key, inner, out, faults);
                continue;
            }
            Value::String(text) => text.clone(),
            Value::Integer(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            Value::Boolean(flag) => flag.to_string(),
            Value::Datetime(time) => time.to_string(),
            Value::Array(items) => match items.iter().map(Value::as_str).collect::<Option<Vec<&str>>>() {
                Some(texts) => texts.join(","),
                None => {
                    faults.push(Error::configuration(format!("{key}: a list may hold texts only")));
                    continue;
                }
            },
        };
        out.insert(key, text);
    }
}

fn number(key: &str, value: &str) -> Result<u64> {
    value
        .trim()
        .replace('_', "")
        .parse()
        .map_err(|_| Error::configuration(format!("{key} must be a whole number of at least 0")))
}

fn flag(key: &str, value: &str) -> Result<bool> {
    match value.trim().to_ascii_lowercase().as_str() {
        "true" | "on" | "yes" | "1" => Ok(true),
        "false" | "off" | "no" | "0" => Ok(false),
        _ => Err(Error::configuration(format!("{key} must be true or false"))),
    }
}

fn unknown(key: &str) -> Error {
    let limits: Vec<String> = Limits::SETTINGS.iter().map(|s| format!("limits.{}", s.name)).collect();
    let known = SETTINGS.iter().map(|s| s.key).chain(limits.iter().map(String::as_str)).chain(["sources"]);
    let names: Vec<&str> = known.collect();
    let hint = nearest::nearest(key, names.iter().copied()).map(|n| format!("; did you mean \"{n}\"?")).unwrap_or_default();
    Error::configuration(format!("unknown configuration key \"{key}\"{hint}"))
}

/// Where and what, without the offending line: it may hold a secret.
fn toml_message(text: &str, error: &toml::de::Error) -> String {
    let line = error.span().map(|s| text[..s.start.min(text.len())].matches('\n').count() + 1);
    match line {
        Some(line) => format!("line {line}: {}", error.message()),
        None => error.message().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_environment_and_secrets_come_together() {
        let text = "[server]\nflight_listen = \"127.0.0.1:1\"\n[server.auth.users]\nann = \"pw\"\n[limits]\nterms = 1_000\n\
                    [sources.shop]\nkind = \"postgres\"\nurl = \"postgres://db/shop\"\npool_size = 4\n";
        let variables = [
            ("HEADWATER_SERVER__FLIGHT_LISTEN".to_owned(), "127.0.0.1:2".to_owned()),
            ("HEADWATER_SOURCES__SHOP__PASSWORD".to_owned(), "hunter2".to_owned()),
        ];
        let config = Config::load(text, &variables).unwrap();
        assert_eq!(config.server.flight_listen, "127.0.0.1:2");
        assert_eq!(config.limits.terms, 1_000);
        let shop = &config.sources[0];
        assert_eq!((shop.name.as_str(), shop.kind.as_str()), ("shop", "postgres"));
        assert_eq!(shop.options.get("password"), Some("hunter2"));
        assert_eq!(shop.options.get("pool_size"), Some("4"));
        assert!(!format!("{config:?}").contains("hunter2"));
        assert!(!format!("{config:?}").contains("\"pw\""));
    }

    #[test]
    fn every_fault_is_found_at_once() {
        let text = "[server]\nflight_listn = \"x\"\ninsecure = \"maybe\"\n[limits]\nterm = 1\nnesting = \"deep\"\n\
                    [optimizer]\njoin_order = \"often\"\nlearning = 3\n\
                    [sources.shop]\nkind = \"postgres\"\npassword = \"${env:HW_SURELY_UNSET}\"\n[sources.Bad]\nkind = \"x\"\n";
        let (config, faults) = Config::examine(text, &[]);
        let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), 8, "{texts:?}");
        let keys = [
            "flight_listn",
            "server.insecure",
            "optimizer.join_order",
            "optimizer.learning",
            "limits.term",
            "limits.nesting",
        ];
        for part in keys.into_iter().chain(["HW_SURELY_UNSET", "\"Bad\""]) {
            assert!(texts.iter().any(|t| t.contains(part)), "{part} in {texts:?}");
        }
        assert_eq!(config.sources.len(), 1);
    }

    #[test]
    fn an_unknown_key_names_the_nearest() {
        let text = Config::load("[server]\nflight_listn = \"x\"\n", &[]).unwrap_err().to_string();
        assert!(text.contains("did you mean \"server.flight_listen\""), "{text}");
        let text = Config::load("[limits]\nterm = 1\n", &[]).unwrap_err().to_string();
        assert!(text.contains("did you mean \"terms\""), "{text}");
    }

    #[test]
    fn a_syntax_error_names_the_line_and_hides_its_text() {
        let text = Config::load("[server]\npassword = hunter2\n", &[]).unwrap_err().to_string();
        assert!(text.contains("line 2") && !text.contains("hunter2"), "{text}");
    }

    #[test]
    fn a_bad_source_is_refused_by_name() {
        assert!(Config::load("[sources.Shop]\nkind = \"x\"\n", &[]).is_err());
        assert!(Config::load("[sources.system]\nkind = \"x\"\n", &[]).is_err());
        assert!(Config::load("[sources.shop]\nurl = \"x\"\n", &[]).unwrap_err().to_string().contains("sources.shop.kind"));
    }
}
