//! Options of a Postgres source.

use std::path::PathBuf;
use std::time::Duration;

use headwater_common::config::{OptionSpec, Options};
use headwater_common::{Error, Result, Secret};
use url::Url;

use crate::types::TypeOptions;

const fn option(name: &'static str, default: Option<&'static str>, description: &'static str) -> OptionSpec {
    OptionSpec { name, default, description, secret: false }
}

/// Every option.
pub(crate) const OPTIONS: &[OptionSpec] = &[
    OptionSpec {
        name: "url",
        default: None,
        description: "postgres://user@host:port/database, with sslmode and the like as query parameters.",
        secret: true,
    },
    option("host", Some("localhost"), "Host name, address, or folder of a Unix socket."),
    option("port", Some("5432"), "Port."),
    option("database", None, "Database; the user's name when unset."),
    option("user", Some("postgres"), "User."),
    OptionSpec { name: "password", default: None, description: "Password.", secret: true },
    option(
        "sslmode",
        Some("prefer"),
        "disable, prefer, require (encrypts, does not verify), verify-ca or verify-full (verifies chain and host name).",
    ),
    option("ssl_root_certificate", None, "PEM file with the authorities that sign servers; the public ones when unset."),
    option("ssl_certificate", None, "PEM file with the client certificate."),
    option("ssl_key", None, "PEM file with the client's private key."),
    option("pool_size", Some("8"), "Most connections."),
    option("pool_wait_ms", Some("30000"), "Longest wait for a connection of the pool, in milliseconds."),
    option("connect_timeout_ms", Some("5000"), "Longest wait for the server to answer a connection, in milliseconds."),
    option("statement_timeout_ms", Some("0"), "Longest run time of a statement at the server, in milliseconds; 0 is none."),
    option("response_timeout_ms", Some("600000"), "Longest wait for the next bytes of an answer, in milliseconds."),
    option("schemas", None, "Schemas to show, separated by commas; all when unset."),
    option("pgbouncer", Some("false"), "Keeps nothing on a connection between transactions, as poolers need."),
    TypeOptions::SPECS[0],
    TypeOptions::SPECS[1],
    TypeOptions::SPECS[2],
    TypeOptions::SPECS[3],
];

/// How a connection is encrypted and what is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SslMode {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// Checked options.
#[derive(Debug, Clone)]
pub(crate) struct PostgresConfig {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) database: String,
    pub(crate) user: String,
    pub(crate) password: Option<Secret>,
    pub(crate) ssl_mode: SslMode,
    pub(crate) ssl_root_certificate: Option<PathBuf>,
    pub(crate) ssl_certificate: Option<PathBuf>,
    pub(crate) ssl_key: Option<PathBuf>,
    pub(crate) pool_size: usize,
    pub(crate) pool_wait: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) statement_timeout_ms: u64,
    pub(crate) response_timeout: Duration,
    pub(crate) schemas: Vec<String>,
    pub(crate) pgbouncer: bool,
    pub(crate) types: TypeOptions,
}

impl PostgresConfig {
    /// Reads the options; what stands in the URL gives way to an option of its own.
    pub(crate) fn read(options: &Options) -> Result<Self> {
        options.check("postgres", OPTIONS)?;
        let merged = from_url(options.get("url"))?.overruled_by(options);
        let text = |name: &str| merged.text(name, OPTIONS).map(str::to_owned);
        let number = |name: &str| merged.number(name, OPTIONS);
        let user = text("user").unwrap_or_default();
        let config = Self {
            host: text("host").unwrap_or_default(),
            port: u16::try_from(number("port")?)
                .map_err(|_| Error::configuration("option \"port\" must be below 65536"))?,
            database: text("database").unwrap_or_else(|| user.clone()),
            user,
            password: merged.get("password").map(Secret::new),
            ssl_mode: ssl_mode(&text("sslmode").unwrap_or_default())?,
            ssl_root_certificate: text("ssl_root_certificate").map(PathBuf::from),
            ssl_certificate: text("ssl_certificate").map(PathBuf::from),
            ssl_key: text("ssl_key").map(PathBuf::from),
            pool_size: usize::try_from(number("pool_size")?.clamp(1, 1_000)).unwrap_or(8),
            pool_wait: Duration::from_millis(number("pool_wait_ms")?.max(1)),
            connect_timeout: Duration::from_millis(number("connect_timeout_ms")?.max(1)),
            statement_timeout_ms: number("statement_timeout_ms")?,
            response_timeout: Duration::from_millis(number("response_timeout_ms")?.max(1)),
            schemas: text("schemas").map(|s| s.split(',').map(|n| n.trim().to_owned()).collect()).unwrap_or_default(),
            pgbouncer: merged.flag("pgbouncer", OPTIONS)?,
            types: TypeOptions::from_options(&merged)?,
        };
        if config.ssl_certificate.is_some() != config.ssl_key.is_some() {
            return Err(Error::configuration("options \"ssl_certificate\" and \"ssl_key\" must be set together"));
        }
        Ok(config)
    }

    /// Where the server is, without credentials.
    pub(crate) fn location(&self) -> String {
        match self.host.contains(':') {
            true => format!("postgres://[{}]:{}/{}", self.host, self.port, self.database),
            false => format!("postgres://{}:{}/{}", self.host, self.port, self.database),
        }
    }
}

fn ssl_mode(text: &str) -> Result<SslMode> {
    match text {
        "disable" => Ok(SslMode::Disable),
        "allow" | "prefer" => Ok(SslMode::Prefer),
        "require" => Ok(SslMode::Require),
        "verify-ca" => Ok(SslMode::VerifyCa),
        "verify-full" => Ok(SslMode::VerifyFull),
        _ => Err(Error::configuration("option \"sslmode\" must be disable, prefer, require, verify-ca or verify-full")),
    }
}

/// The parts of a URL as options. The URL itself is never shown: it may hold a password.
fn from_url(url: Option<&str>) -> Result<Options> {
    let Some(url) = url else { return Ok(Options::new()) };
    let url = Url::parse(url).map_err(|e| Error::configuration(format!("option \"url\" is not a URL: {e}")))?;
    if !matches!(url.scheme(), "postgres" | "postgresql") || url.cannot_be_a_base() {
        return Err(Error::configuration("option \"url\" must start with postgres://"));
    }
    // A password with such a character would end as host, database or parameter, which are shown.
    if url.fragment().is_some() || url.path().contains('@') || url.query().is_some_and(|q| q.contains('@')) {
        let message = "option \"url\": write / ? # and @ in names and passwords as %2F %3F %23 %40, or use option password";
        return Err(Error::configuration(message));
    }
    let mut options = Options::of_url(&url, "database")?;
    if let Some(host) = options.get("host").map(str::to_owned) {
        options.set("host", host.trim_start_matches('[').trim_end_matches(']'));
    }
    for (name, value) in url.query_pairs() {
        let known = match name.as_ref() {
            "host" | "port" | "user" | "password" | "sslmode" => name.as_ref(),
            "dbname" => "database",
            "sslrootcert" => "ssl_root_certificate",
            "sslcert" => "ssl_certificate",
            "sslkey" => "ssl_key",
            "connect_timeout" => {
                let seconds: u64 = value.parse().map_err(|_| Error::configuration("connect_timeout must be a number"))?;
                options.set("connect_timeout_ms", seconds.saturating_mul(1_000).to_string());
                continue;
            }
            "application_name" => continue,
            other => {
                let message = format!("the URL parameter \"{other}\" is not supported; use an option instead");
                return Err(Error::configuration(message));
            }
        };
        options.set(known, value.as_ref());
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_and_options_come_together() {
        let url = "postgres://ann:p%40ss@db:5433/shop?sslmode=verify-full&connect_timeout=3";
        let config = PostgresConfig::read(&Options::new().with("url", url).with("database", "crm")).unwrap();
        assert_eq!((config.host.as_str(), config.port, config.database.as_str()), ("db", 5433, "crm"));
        assert_eq!(config.password.as_ref().map(Secret::expose), Some("p@ss"));
        assert_eq!((config.ssl_mode, config.connect_timeout.as_secs()), (SslMode::VerifyFull, 3));
        assert_eq!(config.location(), "postgres://db:5433/crm");
        assert!(!format!("{config:?}").contains("p@ss"));
    }

    #[test]
    fn wrong_options_are_named() {
        let fails =
            |name: &str, value: &str| PostgresConfig::read(&Options::new().with(name, value)).unwrap_err().to_string();
        assert!(fails("pasword", "x").contains("did you mean \"password\""));
        assert!(fails("sslmode", "maybe").contains("sslmode"));
        assert!(fails("port", "70000").contains("port"));
        assert!(fails("ssl_key", "/k").contains("ssl_certificate"));
        assert!(!fails("url", "mysql://u:hunter2@h/d").contains("hunter2"));
    }
}
