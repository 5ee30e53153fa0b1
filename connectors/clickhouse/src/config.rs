//! Options of a ClickHouse source.

use std::path::PathBuf;
use std::time::Duration;

use headwater_common::config::{OptionSpec, Options};
use headwater_common::{Error, Result, Secret};
use url::Url;

use crate::settings;
use crate::types::TypeOptions;

const fn option(name: &'static str, default: Option<&'static str>, description: &'static str) -> OptionSpec {
    OptionSpec { name, default, description, secret: false }
}

const fn secret(name: &'static str, description: &'static str) -> OptionSpec {
    OptionSpec { name, default: None, description, secret: true }
}

/// Every option.
pub(crate) const OPTIONS: &[OptionSpec] = &[
    secret("url", "http://user@host:port/database or https://...; the HTTP interface of the server."),
    option("host", Some("localhost"), "Host name or address."),
    option("port", None, "Port of the HTTP interface; 8123, or 8443 with TLS, when unset."),
    option("database", None, "The user's default database, for views without a database in their text."),
    option("user", Some("default"), "User."),
    secret("password", "Password."),
    secret("access_token", "Access token (JWT) instead of a user and a password."),
    option("tls", Some("false"), "Encrypts and verifies the server's certificate and host name."),
    option("ssl_root_certificate", None, "PEM file with the authorities that sign servers; the public ones when unset."),
    option("ssl_certificate", None, "PEM file with the client certificate."),
    option("ssl_key", None, "PEM file with the client's private key."),
    option("compression", Some("lz4"), "Compression of the rows on the way: lz4, zstd or none."),
    option("pool_size", Some("8"), "Most requests at the same time."),
    option("pool_wait_ms", Some("30000"), "Longest wait for a free request, in milliseconds."),
    option("connect_timeout_ms", Some("5000"), "Longest wait for the server to answer a connection, in milliseconds."),
    option("response_timeout_ms", Some("600000"), "Longest wait for the next bytes of an answer, in milliseconds."),
    option("settings", None, "Settings of every query, as name=value separated by commas."),
    option("databases", None, "Databases to show, separated by commas; all when unset."),
    option("final", Some("false"), "Reads tables with FINAL: false, true, or names database.table separated by commas."),
    option(
        "parallel_replicated",
        Some("false"),
        "Reads replicated tables in parallel; right only when one replica answers.",
    ),
    TypeOptions::SPECS[0],
    TypeOptions::SPECS[1],
    TypeOptions::SPECS[2],
    TypeOptions::SPECS[3],
    TypeOptions::SPECS[4],
];

/// How rows are compressed on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    Lz4,
    Zstd,
    None,
}

impl Compression {
    /// The server's name of it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Lz4 => "lz4_frame",
            Self::Zstd => "zstd",
            Self::None => "none",
        }
    }
}

/// Which tables are read with FINAL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Final {
    Never,
    Always,
    Tables(Vec<String>),
}

/// Checked options.
#[derive(Debug, Clone)]
pub(crate) struct ClickHouseConfig {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) database: Option<String>,
    pub(crate) user: String,
    pub(crate) password: Option<Secret>,
    pub(crate) access_token: Option<Secret>,
    pub(crate) tls: bool,
    pub(crate) ssl_root_certificate: Option<PathBuf>,
    pub(crate) ssl_certificate: Option<PathBuf>,
    pub(crate) ssl_key: Option<PathBuf>,
    pub(crate) compression: Compression,
    pub(crate) pool_size: usize,
    pub(crate) pool_wait: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) response_timeout: Duration,
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) databases: Vec<String>,
    pub(crate) final_tables: Final,
    pub(crate) parallel_replicated: bool,
    pub(crate) types: TypeOptions,
}

impl ClickHouseConfig {
    /// Reads the options; what stands in the URL gives way to an option of its own.
    pub(crate) fn read(options: &Options) -> Result<Self> {
        options.check("clickhouse", OPTIONS)?;
        let merged = from_url(options.get("url"))?.overruled_by(options);
        let text = |name: &str| merged.text(name, OPTIONS).map(str::to_owned);
        let number = |name: &str| merged.number(name, OPTIONS);
        let tls = merged.flag("tls", OPTIONS)?;
        let port = match merged.get("port") {
            Some(_) => u16::try_from(number("port")?),
            None => Ok(if tls { 8443 } else { 8123 }),
        };
        let config = Self {
            host: text("host").unwrap_or_default(),
            port: port.map_err(|_| Error::configuration("option \"port\" must be below 65536"))?,
            database: text("database"),
            user: text("user").unwrap_or_default(),
            password: merged.get("password").map(Secret::new),
            access_token: merged.get("access_token").map(Secret::new),
            tls,
            ssl_root_certificate: text("ssl_root_certificate").map(PathBuf::from),
            ssl_certificate: text("ssl_certificate").map(PathBuf::from),
            ssl_key: text("ssl_key").map(PathBuf::from),
            compression: compression(&text("compression").unwrap_or_default())?,
            pool_size: usize::try_from(number("pool_size")?.clamp(1, 1_000)).unwrap_or(8),
            pool_wait: Duration::from_millis(number("pool_wait_ms")?.max(1)),
            connect_timeout: Duration::from_millis(number("connect_timeout_ms")?.max(1)),
            response_timeout: Duration::from_millis(number("response_timeout_ms")?.max(1)),
            settings: settings::parse(&text("settings").unwrap_or_default())?,
            databases: list(text("databases")),
            final_tables: final_tables(&text("final").unwrap_or_default()),
            parallel_replicated: merged.flag("parallel_replicated", OPTIONS)?,
            types: TypeOptions::from_options(&merged)?,
        };
        config.checked()
    }

    fn checked(self) -> Result<Self> {
        let wrong = |message: &str| Err(Error::configuration(message));
        if self.ssl_certificate.is_some() != self.ssl_key.is_some() {
            return wrong("options \"ssl_certificate\" and \"ssl_key\" must be set together");
        }
        if !self.tls && (self.ssl_certificate.is_some() || self.ssl_root_certificate.is_some()) {
            return wrong("options \"ssl_...\" need TLS: use an https:// URL or set option \"tls\" to true");
        }
        if self.access_token.is_some() && self.password.is_some() {
            return wrong("options \"access_token\" and \"password\" exclude each other");
        }
        if self.user.contains(':') {
            return wrong("option \"user\" must not hold a colon");
        }
        Ok(self)
    }

    /// Where the server is, without credentials.
    pub(crate) fn location(&self) -> String {
        format!("{}://{}:{}", if self.tls { "https" } else { "http" }, self.host, self.port)
    }

    /// Whether a table is read with FINAL; `merges` says whether its engine changes rows when it merges them.
    pub(crate) fn is_final(&self, schema: &str, table: &str, merges: bool) -> bool {
        match &self.final_tables {
            Final::Never => false,
            Final::Always => merges,
            Final::Tables(names) => names.iter().any(|n| *n == format!("{schema}.{table}")),
        }
    }
}

fn list(text: Option<String>) -> Vec<String> {
    let text = text.unwrap_or_default();
    text.split(',').map(|n| n.trim().to_owned()).filter(|n| !n.is_empty()).collect()
}

fn compression(text: &str) -> Result<Compression> {
    match text {
        "lz4" => Ok(Compression::Lz4),
        "zstd" => Ok(Compression::Zstd),
        "none" => Ok(Compression::None),
        _ => Err(Error::configuration("option \"compression\" must be lz4, zstd or none")),
    }
}

fn final_tables(text: &str) -> Final {
    match text.trim().to_ascii_lowercase().as_str() {
        "false" | "off" | "no" | "0" | "" => Final::Never,
        "true" | "on" | "yes" | "1" => Final::Always,
        _ => Final::Tables(list(Some(text.to_owned()))),
    }
}

/// The parts of a URL as options. The URL itself is never shown: it may hold a password.
fn from_url(url: Option<&str>) -> Result<Options> {
    let Some(url) = url else { return Ok(Options::new()) };
    let url = Url::parse(url).map_err(|e| Error::configuration(format!("option \"url\" is not a URL: {e}")))?;
    match url.scheme() {
        "http" | "https" | "clickhouse" => {}
        _ => return Err(Error::configuration("option \"url\" must start with http:// or https://")),
    }
    let mut options = Options::of_url(&url, "database")?;
    if let Some(port) = url.port_or_known_default().filter(|_| url.scheme() != "clickhouse") {
        options.set("port", port.to_string());
    }
    if url.scheme() == "https" {
        options.set("tls", "true");
    }
    if let Some((name, _)) = url.query_pairs().next() {
        let message = format!("the URL parameter \"{name}\" is not supported; use an option or \"settings\" instead");
        return Err(Error::configuration(message));
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_and_options_come_together() {
        let url = "https://ann:p%40ss@db:8444/shop";
        let options = Options::new().with("url", url).with("database", "crm").with("final", "a.b, c.d");
        let config = ClickHouseConfig::read(&options).unwrap();
        assert_eq!((config.host.as_str(), config.port, config.database.as_deref()), ("db", 8444, Some("crm")));
        assert_eq!(config.password.as_ref().map(Secret::expose), Some("p@ss"));
        assert!(config.tls && config.is_final("c", "d", false) && !config.is_final("c", "b", true));
        assert_eq!(config.location(), "https://db:8444");
        assert!(!format!("{config:?}").contains("p@ss"));
    }

    #[test]
    fn the_port_follows_the_encryption() {
        let port = |options: Options| ClickHouseConfig::read(&options).unwrap().port;
        assert_eq!(port(Options::new()), 8123);
        assert_eq!(port(Options::new().with("tls", "true")), 8443);
        assert_eq!(port(Options::new().with("url", "clickhouse://h")), 8123);
        assert_eq!(port(Options::new().with("url", "https://h")), 443);
    }

    #[test]
    fn wrong_options_are_named() {
        let fails =
            |name: &str, value: &str| ClickHouseConfig::read(&Options::new().with(name, value)).unwrap_err().to_string();
        assert!(fails("pasword", "x").contains("did you mean \"password\""));
        assert!(fails("compression", "brotli").contains("compression"));
        assert!(fails("port", "70000").contains("port"));
        assert!(fails("ssl_root_certificate", "/k").contains("TLS"));
        assert!(fails("settings", "max_threads").contains("name=value"));
        assert!(fails("settings", "join_use_nulls=0").contains("join_use_nulls"));
        assert!(!fails("url", "mysql://u:hunter2@h/d").contains("hunter2"));
    }
}
