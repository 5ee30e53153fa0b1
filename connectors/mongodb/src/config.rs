//! Options of a MongoDB source.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use headwater_common::config::{OptionSpec, Options};
use headwater_common::{Error, Result, Secret};
use mongodb::options::{AuthMechanism, ConnectionString};

use crate::types::extended_json::Form;
use crate::types::kind::{Kind, parse_columns};

const fn option(name: &'static str, default: Option<&'static str>, description: &'static str) -> OptionSpec {
    OptionSpec { name, default, description, secret: false }
}

const fn secret(name: &'static str, description: &'static str) -> OptionSpec {
    OptionSpec { name, default: None, description, secret: true }
}

/// Begin of the options that declare columns.
const COLUMNS: &str = "columns.";

/// Every option.
pub(crate) const OPTIONS: &[OptionSpec] = &[
    OptionSpec {
        name: "url",
        default: Some("mongodb://localhost:27017"),
        description: "mongodb://user@host:port,.../?options or mongodb+srv://...; a connection string of MongoDB.",
        secret: true,
    },
    option("user", None, "User; that of the URL when unset."),
    secret("password", "Password."),
    option("auth_source", None, "Database that knows the user; that of the URL, or admin, when unset."),
    option("auth_mechanism", None, "SCRAM-SHA-256, SCRAM-SHA-1, MONGODB-X509 or PLAIN; the server's choice when unset."),
    option("tls", None, "Encrypts and verifies the server's certificate and host name; as the URL says when unset."),
    option("ssl_root_certificate", None, "PEM file with the authorities that sign servers; the public ones when unset."),
    option("ssl_certificate", None, "PEM file with the client certificate and its private key."),
    option(
        "read_preference",
        None,
        "Which servers are read: primary, primaryPreferred, secondary, secondaryPreferred or nearest; as the URL says, or \
         primary, when unset.",
    ),
    option(
        "read_concern",
        None,
        "What is read: local, available, majority, linearizable or snapshot; the server's default when unset.",
    ),
    option("pool_size", Some("16"), "Most connections to each server."),
    option("connect_timeout_ms", Some("5000"), "Longest wait for a server to answer a connection, in milliseconds."),
    option("response_timeout_ms", Some("600000"), "Longest wait for an answer of a server, in milliseconds."),
    option("server_selection_timeout_ms", Some("10000"), "Longest wait for a server that can be used, in milliseconds."),
    option("databases", None, "Databases to show, separated by commas; all but admin, config and local when unset."),
    option("sample_size", Some("1000"), "Documents of a collection that are read to find its columns."),
    option(
        "misfit",
        Some("error"),
        "A value that does not fit its column: error, null, or text, which makes every column that is found a text.",
    ),
    option(
        "documents",
        Some("relaxed"),
        "How _doc is written: relaxed extended JSON, which is easier to read, or canonical, which keeps every type.",
    ),
    option(
        "columns.*",
        None,
        "columns.<collection> or columns.<database>.<collection>: the columns of a collection, as name kind, name kind, ...",
    ),
];

/// What becomes of a value that does not fit its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// The query fails.
    Error,
    /// It is null; the number of such values is logged.
    Null,
    /// Columns that are found are texts, which every value fits; declared columns fail.
    Text,
}

/// Which servers are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadFrom {
    Primary,
    PrimaryPreferred,
    Secondary,
    SecondaryPreferred,
    Nearest,
}

/// Checked options.
#[derive(Debug, Clone)]
pub(crate) struct MongoConfig {
    pub(crate) url: Secret,
    /// Hosts, without credentials.
    pub(crate) location: String,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) auth_source: Option<String>,
    pub(crate) auth_mechanism: Option<AuthMechanism>,
    pub(crate) tls: Option<bool>,
    pub(crate) ssl_root_certificate: Option<PathBuf>,
    pub(crate) ssl_certificate: Option<PathBuf>,
    pub(crate) read_from: Option<ReadFrom>,
    pub(crate) read_concern: Option<String>,
    pub(crate) pool_size: u32,
    pub(crate) connect_timeout: Duration,
    pub(crate) response_timeout: Duration,
    pub(crate) server_selection_timeout: Duration,
    pub(crate) databases: Vec<String>,
    pub(crate) sample_size: u32,
    pub(crate) misfit: Misfit,
    /// How whole documents are written.
    pub(crate) documents: Form,
    /// Collection, or database and collection, in lower case, and its columns.
    declared: Vec<(String, Vec<(String, Kind)>)>,
}

impl MongoConfig {
    /// Reads the options; what stands in the URL gives way to an option of its own.
    pub(crate) fn read(options: &Options) -> Result<Self> {
        options.check("mongodb", OPTIONS)?;
        let text = |name: &str| options.text(name, OPTIONS).map(str::to_owned).filter(|t| !t.is_empty());
        let number = |name: &str| options.number(name, OPTIONS);
        let url = text("url").unwrap_or_default();
        let config = Self {
            location: location(&url)?,
            url: Secret::new(url),
            user: text("user"),
            password: options.get("password").map(Secret::new),
            auth_source: text("auth_source"),
            auth_mechanism: text("auth_mechanism").map(|t| mechanism(&t)).transpose()?,
            tls: options.get("tls").map(|_| options.flag("tls", OPTIONS)).transpose()?,
            ssl_root_certificate: text("ssl_root_certificate").map(PathBuf::from),
            ssl_certificate: text("ssl_certificate").map(PathBuf::from),
            read_from: text("read_preference").map(|t| read_from(&t)).transpose()?,
            read_concern: text("read_concern").map(read_concern).transpose()?,
            pool_size: u32::try_from(number("pool_size")?.clamp(1, 1_000)).unwrap_or(16),
            connect_timeout: Duration::from_millis(number("connect_timeout_ms")?.max(1)),
            response_timeout: Duration::from_millis(number("response_timeout_ms")?.max(1)),
            server_selection_timeout: Duration::from_millis(number("server_selection_timeout_ms")?.max(1)),
            databases: list(&text("databases").unwrap_or_default()),
            sample_size: u32::try_from(number("sample_size")?.clamp(1, 1_000_000)).unwrap_or(1_000),
            misfit: misfit(&text("misfit").unwrap_or_default())?,
            documents: documents(&text("documents").unwrap_or_default())?,
            declared: declared(options)?,
        };
        if config.tls == Some(false) && (config.ssl_certificate.is_some() || config.ssl_root_certificate.is_some()) {
            return Err(Error::configuration("options \"ssl_...\" need TLS: do not set option \"tls\" to false"));
        }
        Ok(config)
    }

    /// The columns that an option declares for a collection.
    pub(crate) fn declared(&self, database: &str, collection: &str) -> Option<&[(String, Kind)]> {
        let collection = collection.to_ascii_lowercase();
        let full = format!("{}.{collection}", database.to_ascii_lowercase());
        let find =
            |name: &str| self.declared.iter().find(|(known, _)| known == name).map(|(_, columns)| columns.as_slice());
        find(&full).or_else(|| find(&collection))
    }

    /// Whether a database is shown.
    pub(crate) fn shows(&self, database: &str) -> bool {
        match self.databases.as_slice() {
            [] => !matches!(database, "admin" | "config" | "local"),
            named => named.iter().any(|n| n == database),
        }
    }
}

/// The hosts of a connection string. The string itself is never shown: it may hold a password.
fn location(url: &str) -> Result<String> {
    let wrong = || {
        Error::configuration(
            "option \"url\" is no connection string of MongoDB: mongodb://host:port/ or mongodb+srv://host/; special \
             characters of the user and the password are %-escaped",
        )
    };
    ConnectionString::parse(url).map_err(|_| wrong())?;
    let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    // An unescaped / or ? in the password would make a part of it look like a host.
    if path.contains('@') {
        return Err(wrong());
    }
    let hosts = authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts);
    Ok(format!("{scheme}://{hosts}"))
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(|n| n.trim().to_owned()).filter(|n| !n.is_empty()).collect()
}

fn mechanism(text: &str) -> Result<AuthMechanism> {
    match AuthMechanism::from_str(text) {
        Ok(found) if !matches!(found, AuthMechanism::MongoDbOidc | AuthMechanism::MongoDbCr) => Ok(found),
        _ => {
            Err(Error::configuration("option \"auth_mechanism\" must be SCRAM-SHA-256, SCRAM-SHA-1, MONGODB-X509 or PLAIN"))
        }
    }
}

fn read_from(text: &str) -> Result<ReadFrom> {
    Ok(match text.to_ascii_lowercase().as_str() {
        "primary" => ReadFrom::Primary,
        "primarypreferred" => ReadFrom::PrimaryPreferred,
        "secondary" => ReadFrom::Secondary,
        "secondarypreferred" => ReadFrom::SecondaryPreferred,
        "nearest" => ReadFrom::Nearest,
        _ => {
            return Err(Error::configuration(
                "option \"read_preference\" must be primary, primaryPreferred, secondary, secondaryPreferred or nearest",
            ));
        }
    })
}

fn read_concern(text: String) -> Result<String> {
    match text.as_str() {
        "local" | "available" | "majority" | "linearizable" | "snapshot" => Ok(text),
        _ => Err(Error::configuration(
            "option \"read_concern\" must be local, available, majority, linearizable or snapshot",
        )),
    }
}

fn misfit(text: &str) -> Result<Misfit> {
    match text {
        "error" => Ok(Misfit::Error),
        "null" => Ok(Misfit::Null),
        "text" => Ok(Misfit::Text),
        _ => Err(Error::configuration("option \"misfit\" must be error, null or text")),
    }
}

fn documents(text: &str) -> Result<Form> {
    match text {
        "relaxed" => Ok(Form::Relaxed),
        "canonical" => Ok(Form::Canonical),
        _ => Err(Error::configuration("option \"documents\" must be relaxed or canonical")),
    }
}

/// Columns by name.
type Declared = Vec<(String, Kind)>;

/// Collections with the columns that options declare for them.
fn declared(options: &Options) -> Result<Vec<(String, Declared)>> {
    let mut found = Vec::new();
    for name in options.names() {
        let Some(collection) = name.strip_prefix(COLUMNS) else { continue };
        let columns = parse_columns(options.get(name).unwrap_or_default());
        let columns = columns.map_err(|reason| Error::configuration(format!("option \"{name}\": {reason}")))?;
        found.push((collection.to_owned(), columns));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(options: &Options) -> Result<MongoConfig> {
        MongoConfig::read(options)
    }

    #[test]
    fn options_are_read_and_secrets_are_not_shown() {
        let options = Options::new()
            .with("url", "mongodb://ann:p%40ss@a:1,b:2/shop?replicaSet=rs")
            .with("password", "hunter2")
            .with("columns.shop.Orders", "_id objectId, total decimal(12, 2)")
            .with("databases", "shop, crm")
            .with("misfit", "null");
        let config = read(&options).unwrap();
        assert_eq!(config.location, "mongodb://a:1,b:2");
        assert!(config.shows("crm") && !config.shows("other"));
        assert_eq!(config.declared("shop", "Orders").map(<[_]>::len), Some(2));
        assert_eq!(config.declared("crm", "Orders"), None);
        assert_eq!(config.misfit, Misfit::Null);
        let shown = format!("{config:?}");
        assert!(!shown.contains("hunter2") && !shown.contains("p%40ss"), "{shown}");
    }

    #[test]
    fn wrong_options_are_named() {
        let fails = |name: &str, value: &str| read(&Options::new().with(name, value)).unwrap_err().to_string();
        assert!(fails("pasword", "x").contains("did you mean \"password\""));
        assert!(fails("misfit", "drop").contains("misfit"));
        assert!(fails("documents", "typed").contains("canonical"));
        assert!(fails("read_preference", "x").contains("read_preference"));
        assert!(fails("auth_mechanism", "MONGODB-CR").contains("SCRAM"));
        assert!(fails("columns.orders", "a number").contains("columns.orders"));
        let wrong = fails("url", "mysql://u:hunter2@h/d");
        assert!(wrong.contains("url") && !wrong.contains("hunter2"));
        let wrong = fails("url", "mongodb://ann:12/345@h/");
        assert!(wrong.contains("url") && !wrong.contains("12/345"), "{wrong}");
        let options = Options::new().with("tls", "false").with("ssl_certificate", "/c");
        assert!(read(&options).unwrap_err().to_string().contains("TLS"));
    }
}
