//! Options of a Redis source.

use std::path::PathBuf;
use std::time::Duration;

use headwater_common::config::{OptionSpec, Options};
use headwater_common::{Error, Result, Secret};
use redis::ProtocolVersion;
use url::Url;

use crate::declared::{DeclaredTable, declared_tables};

macro_rules! options {
    ($($name:literal = $default:expr, $secret:expr, $description:literal;)*) => {
        /// Every option, in the order of the reference page.
        pub(crate) const OPTIONS: &[OptionSpec] = &[
            $(OptionSpec { name: $name, default: $default, description: $description, secret: $secret },)*
        ];
    };
}

options! {
    "url" = None, true, "redis://user:password@host:port/db, or rediss:// with TLS.";
    "host" = Some("localhost"), false, "Host name or address.";
    "port" = Some("6379"), false, "Port.";
    "mode" = Some("standalone"), false, "`standalone`, `cluster` or `sentinel`.";
    "nodes" = None, false, "Other nodes of the cluster, or the sentinels, as host:port separated by commas.";
    "sentinel_master" = None, false, "Name by which the sentinels know the master.";
    "sentinel_user" = None, false, "User at the sentinels.";
    "sentinel_password" = None, true, "Password at the sentinels.";
    "user" = None, false, "User; the server's default user when unset.";
    "password" = None, true, "Password.";
    "db" = Some("0"), false, "Number of the database.";
    "protocol" = Some("resp3"), false, "`resp3`, or `resp2` for servers before version 6.";
    "tls" = Some("false"), false, "Encrypts and verifies the server's certificate and host name.";
    "ssl_root_certificate" = None, false, "PEM file with the authorities that sign servers; those of the system when unset.";
    "ssl_certificate" = None, false, "PEM file with the client certificate.";
    "ssl_key" = None, false, "PEM file with the client's private key.";
    "pool_size" = Some("4"), false, "Connections to each node; queries share them.";
    "connect_timeout_ms" = Some("5000"), false, "Longest wait for a connection, in milliseconds.";
    "response_timeout_ms" = Some("30000"), false, "Longest wait for an answer, in milliseconds.";
    "tables.*" = None, false, "tables.NAME.key, .type, .format and .columns declare a table.";
    "discover" = Some("true"), false, "Whether tables are also found by looking at a sample of the keys.";
    "discover_interval_ms" = Some("60000"), false, "How long a sample is trusted, in milliseconds.";
    "sample_keys" = Some("2000"), false, "Keys that are looked at to find tables.";
    "sample_values" = Some("100"), false, "Values of each table from which its columns are inferred.";
    "separator" = Some(":"), false, "What stands between the parts of a key.";
    "scan_count" = Some("1000"), false, "Keys that one SCAN looks at.";
    "strings" = Some("error"), false, "Keys and values that are not UTF-8: `error`, or `binary` for whole columns.";
    "wrong_type" = Some("skip"), false, "A key of the pattern with a value of another type: `skip` or `error`.";
    "mismatch" = Some("error"), false, "A value that does not fit the type of its column: `error` or `null`.";
    "existing" = Some("error"), false, "INSERT of a key that is there: `error` or `replace`.";
    "memory" = Some("false"), false, "Adds the column `_memory`: bytes that the server uses for the key.";
    "labels" = Some("false"), false, "Whether the server's index of labels names time series, see below.";
    "search" = Some("false"), false, "Whether indexes of RediSearch name the keys of hashes, see below.";
}

/// How the servers are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mode {
    Standalone,
    Cluster,
    Sentinel { master: String },
}

/// Host and port.
pub(crate) type Address = (String, u16);

/// TLS files.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tls {
    pub(crate) root_certificate: Option<PathBuf>,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
}

/// Who connects.
#[derive(Debug, Clone, Default)]
pub(crate) struct Login {
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Secret>,
}

/// How tables are found and read.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    pub(crate) discover: bool,
    pub(crate) discover_interval_ms: u64,
    pub(crate) sample_keys: usize,
    pub(crate) sample_values: usize,
    pub(crate) separator: String,
    pub(crate) scan_count: u64,
    pub(crate) binary: bool,
    /// A value of another type is an error.
    pub(crate) wrong_type_fails: bool,
    /// A value that does not fit its column is null.
    pub(crate) mismatch_is_null: bool,
    /// INSERT replaces keys that are there.
    pub(crate) replaces: bool,
    pub(crate) memory: bool,
    pub(crate) labels: bool,
    pub(crate) search: bool,
}

/// Checked options.
#[derive(Debug, Clone)]
pub(crate) struct RedisConfig {
    pub(crate) mode: Mode,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) nodes: Vec<Address>,
    pub(crate) login: Login,
    pub(crate) sentinel_login: Login,
    pub(crate) db: i64,
    pub(crate) protocol: ProtocolVersion,
    pub(crate) tls: Option<Tls>,
    pub(crate) pool_size: usize,
    pub(crate) connect_timeout: Duration,
    pub(crate) response_timeout: Duration,
    pub(crate) reading: Reading,
    pub(crate) tables: Vec<DeclaredTable>,
}

impl RedisConfig {
    /// Reads the options; what stands in the URL gives way to an option of its own.
    pub(crate) fn read(options: &Options) -> Result<Self> {
        options.check("redis", OPTIONS)?;
        let merged = from_url(options.get("url"))?.overruled_by(options);
        let text = |name: &str| merged.text(name, OPTIONS).map(str::to_owned);
        let number = |name: &str| merged.number(name, OPTIONS);
        let mode = match text("mode").unwrap_or_default().as_str() {
            "standalone" => Mode::Standalone,
            "cluster" => Mode::Cluster,
            "sentinel" => Mode::Sentinel {
                master: text("sentinel_master")
                    .ok_or_else(|| Error::configuration("option \"sentinel_master\" is missing"))?,
            },
            _ => return Err(Error::configuration("option \"mode\" must be standalone, cluster or sentinel")),
        };
        let protocol = match text("protocol").unwrap_or_default().as_str() {
            "resp3" => ProtocolVersion::RESP3,
            "resp2" => ProtocolVersion::RESP2,
            _ => return Err(Error::configuration("option \"protocol\" must be resp3 or resp2")),
        };
        let port = u16::try_from(number("port")?);
        let reading = reading(&merged)?;
        let config = Self {
            mode,
            host: text("host").unwrap_or_default(),
            port: port.map_err(|_| Error::configuration("option \"port\" must be below 65536"))?,
            nodes: nodes(&text("nodes").unwrap_or_default())?,
            login: Login { user: text("user"), password: merged.get("password").map(Secret::new) },
            sentinel_login: Login {
                user: text("sentinel_user"),
                password: merged.get("sentinel_password").map(Secret::new),
            },
            db: i64::try_from(number("db")?).map_err(|_| Error::configuration("option \"db\" is too large"))?,
            protocol,
            tls: tls(&merged)?,
            pool_size: usize::try_from(number("pool_size")?.clamp(1, 100)).unwrap_or(4),
            connect_timeout: Duration::from_millis(number("connect_timeout_ms")?.max(1)),
            response_timeout: Duration::from_millis(number("response_timeout_ms")?.max(1)),
            tables: declared_tables(&merged, &reading.separator)?,
            reading,
        };
        config.checked()
    }

    fn checked(self) -> Result<Self> {
        let wrong = |message: &str| Err(Error::configuration(message));
        if self.login.user.is_some() && self.login.password.is_none() {
            return wrong("option \"user\" needs option \"password\"");
        }
        if self.mode == Mode::Cluster && self.db != 0 {
            return wrong("a cluster has one database; leave option \"db\" out");
        }
        if !self.reading.discover && self.tables.is_empty() {
            return wrong("a source with option \"discover\" = false needs tables.NAME.key");
        }
        Ok(self)
    }

    /// Where the server is, without credentials.
    pub(crate) fn location(&self) -> String {
        let scheme = if self.tls.is_some() { "rediss" } else { "redis" };
        format!("{scheme}://{}:{}/{}", self.host, self.port, self.db)
    }

    /// The nodes to ask first.
    pub(crate) fn seeds(&self) -> Vec<Address> {
        let mut seeds = vec![(self.host.clone(), self.port)];
        let named = self.nodes.iter().filter(|n| **n != (self.host.clone(), self.port));
        seeds.extend(named.cloned());
        seeds
    }
}

fn reading(options: &Options) -> Result<Reading> {
    let number = |name: &str| options.number(name, OPTIONS);
    let size = |name: &str| number(name).map(|n| usize::try_from(n.clamp(1, 1_000_000)).unwrap_or(1));
    let one_of = |name: &str, [no, yes]: [&str; 2]| match options.text(name, OPTIONS) {
        Some(text) if text == no => Ok(false),
        Some(text) if text == yes => Ok(true),
        _ => Err(Error::configuration(format!("option \"{name}\" must be {no} or {yes}"))),
    };
    Ok(Reading {
        discover: options.flag("discover", OPTIONS)?,
        discover_interval_ms: number("discover_interval_ms")?.max(1),
        sample_keys: size("sample_keys")?,
        sample_values: size("sample_values")?,
        separator: options.text("separator", OPTIONS).unwrap_or_default().to_owned(),
        scan_count: number("scan_count")?.clamp(1, 100_000),
        binary: one_of("strings", ["error", "binary"])?,
        wrong_type_fails: one_of("wrong_type", ["skip", "error"])?,
        mismatch_is_null: one_of("mismatch", ["error", "null"])?,
        replaces: one_of("existing", ["error", "replace"])?,
        memory: options.flag("memory", OPTIONS)?,
        labels: options.flag("labels", OPTIONS)?,
        search: options.flag("search", OPTIONS)?,
    })
}

fn tls(options: &Options) -> Result<Option<Tls>> {
    let path = |name: &str| options.get(name).map(PathBuf::from);
    let files =
        Tls { root_certificate: path("ssl_root_certificate"), certificate: path("ssl_certificate"), key: path("ssl_key") };
    if files.certificate.is_some() != files.key.is_some() {
        return Err(Error::configuration("options \"ssl_certificate\" and \"ssl_key\" must be set together"));
    }
    if options.flag("tls", OPTIONS)? {
        return Ok(Some(files));
    }
    if files.certificate.is_some() || files.root_certificate.is_some() {
        let message = "options \"ssl_...\" need TLS: use a rediss:// URL or set option \"tls\" to true";
        return Err(Error::configuration(message));
    }
    Ok(None)
}

fn nodes(text: &str) -> Result<Vec<Address>> {
    let address = |part: &str| {
        let (host, port) = part.rsplit_once(':')?;
        Some((host.trim_matches(['[', ']']).to_owned(), port.parse::<u16>().ok()?))
    };
    let parts = text.split(',').map(str::trim).filter(|p| !p.is_empty());
    let wrong = || Error::configuration("option \"nodes\" must be host:port, separated by commas");
    parts.map(|part| address(part).ok_or_else(wrong)).collect()
}

/// The parts of a URL as options. The URL itself is never shown: it may hold a password.
fn from_url(url: Option<&str>) -> Result<Options> {
    let Some(url) = url else { return Ok(Options::new()) };
    let url = Url::parse(url).map_err(|e| Error::configuration(format!("option \"url\" is not a URL: {e}")))?;
    match url.scheme() {
        "redis" | "rediss" => {}
        _ => return Err(Error::configuration("option \"url\" must start with redis:// or rediss://")),
    }
    let mut options = Options::of_url(&url, "db")?;
    if let Some(host) = options.get("host").map(str::to_owned) {
        options.set("host", host.trim_matches(['[', ']']));
    }
    if url.scheme() == "rediss" {
        options.set("tls", "true");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(Error::configuration("option \"url\": parameters are not supported; use options instead"));
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_and_options_come_together() {
        let options = Options::new().with("url", "rediss://ann:p%40ss@cache:6390/2").with("db", "3");
        let config = RedisConfig::read(&options).unwrap();
        assert_eq!((config.host.as_str(), config.port, config.db), ("cache", 6390, 3));
        assert_eq!(config.login.password.as_ref().map(Secret::expose), Some("p@ss"));
        assert_eq!(config.location(), "rediss://cache:6390/3");
        assert!(config.tls.is_some() && !format!("{config:?}").contains("p@ss"));
    }

    #[test]
    fn wrong_options_are_named() {
        let fails = |name: &str, value: &str| RedisConfig::read(&Options::new().with(name, value)).unwrap_err().to_string();
        assert!(fails("pasword", "x").contains("did you mean \"password\""));
        assert!(fails("mode", "sentinel").contains("sentinel_master"));
        assert!(fails("mode", "ring").contains("cluster"));
        assert!(fails("nodes", "a").contains("host:port"));
        assert!(fails("ssl_root_certificate", "/k").contains("TLS"));
        assert!(fails("wrong_type", "null").contains("skip"));
        assert!(fails("user", "ann").contains("password"));
        assert!(!fails("url", "mysql://u:hunter2@h/d").contains("hunter2"));
    }

    #[test]
    fn the_reference_page_has_every_option() {
        let page = include_str!("../../../docs/reference/redis.md");
        for option in OPTIONS {
            let default = option.default.map(|d| format!("`{d}`")).unwrap_or_default();
            let secret = if option.secret { " Secret." } else { "" };
            let row = format!("| `{}` | {default} | {}{secret} |", option.name, option.description);
            assert!(page.contains(&row), "docs/reference/redis.md lacks: {row}");
        }
    }
}
