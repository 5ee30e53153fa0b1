//! Configuration: one TOML file, environment variables over it, secrets resolved, every key known by name.
//!
//! A key such as `server.flight_listen` is also the variable `HEADWATER_SERVER__FLIGHT_LISTEN` (two underscores stand for the
//! dot). Values may hold `${env:NAME}` and `${file:/path}` (see [`crate::secret::resolve`]).

mod load;
mod options;
mod settings;

pub use load::{examine_file, load_file};
pub use options::{OptionSpec, Options, percent_decoded};
pub use settings::{SETTINGS, SettingSpec};

use std::path::PathBuf;

use crate::Secret;
use crate::error::{Error, Result};
use crate::limits::Limits;

/// The whole configuration.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// How the server listens and whom it admits.
    pub server: ServerConfig,
    /// Limits of the engine and of each session.
    pub limits: Limits,
    /// What statements may do.
    pub engine: EngineConfig,
    /// Where stored models are.
    pub models: ModelsConfig,
    /// Which of Headwater's own rules are used.
    pub optimizer: OptimizerConfig,
    /// The configured sources, by name.
    pub sources: Vec<SourceConfig>,
}

/// `[server]`.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Address of the Flight SQL service.
    pub flight_listen: String,
    /// PEM file with the server's certificate chain; TLS is on when it is set.
    pub tls_certificate: Option<PathBuf>,
    /// PEM file with the server's private key.
    pub tls_key: Option<PathBuf>,
    /// PEM file with the authorities of client certificates; clients must present one when it is set.
    pub tls_client_ca: Option<PathBuf>,
    /// User names and passwords; without any, every client is admitted (loopback only).
    pub users: Vec<(String, Secret)>,
    /// Bearer tokens that are admitted as they are, each with the name of its user.
    pub tokens: Vec<(String, Secret)>,
    /// Allows listening beyond loopback without TLS or without users.
    pub insecure: bool,
    /// How long streams may drain at shutdown, in milliseconds.
    pub shutdown_grace_ms: u64,
    /// How long a session may stay idle, in milliseconds.
    pub session_idle_ms: u64,
}

/// `[engine]`.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Folder of spill files; a folder of its own under the system's temporary folder when unset.
    pub spill_dir: Option<PathBuf>,
    /// Whether sessions may run `CREATE SOURCE`, `DROP SOURCE` and `REFRESH SOURCE`.
    pub allow_source_ddl: bool,
    /// Whether sessions may run INSERT, UPDATE and DELETE on sources.
    pub allow_writes: bool,
    /// Whether sessions may send texts of their own to sources with `query('source', 'text')`.
    pub allow_native_queries: bool,
    /// Partitions that a query is split into; 0 is the number of processors.
    pub target_partitions: u64,
    /// Rows per record batch.
    pub batch_rows: u64,
    /// Folders below which sources made by `CREATE SOURCE ... TYPE files` may read.
    pub file_roots: Vec<PathBuf>,
    /// Hosts (with or without port) of object stores that `CREATE SOURCE ... TYPE files` may reach although their address is
    /// private, loopback or link-local.
    pub object_store_hosts: Vec<String>,
}

/// `[models]`.
#[derive(Debug, Clone)]
pub struct ModelsConfig {
    /// Folder or URL of stored models; in memory when unset.
    pub location: Option<String>,
    /// Options of the object store at that URL.
    pub options: Vec<(String, Secret)>,
    /// Whether sessions may make, change and drop models.
    pub allow_changes: bool,
    /// Longest file of a model, in bytes.
    pub artifact_bytes: u64,
    /// Versions that are kept of a model.
    pub versions: u64,
}

/// `[optimizer]`.
#[derive(Debug, Clone)]
pub struct OptimizerConfig {
    /// Whether joins are put into the order that is expected to cost least.
    pub join_order: bool,
    /// Whether joins, aggregates and other parts of a query are computed by the source that has all of their tables.
    pub push_down_plan: bool,
    /// Whether the keys of one side of a join restrict what is read of the other side.
    pub bind_join: bool,
    /// Whether what is read twice in one query is read once.
    pub share_reads: bool,
    /// Names of other rules that are switched off, of those in [`REWRITES`].
    pub rules_off: Vec<String>,
    /// Whether sessions use and record what earlier queries have shown of sources and estimates, unless they say otherwise.
    pub learning: bool,
    /// Whether plans that became slower give way to those before them, unless a session says otherwise.
    pub plan_guard: bool,
}

/// Rules that `optimizer.NAME = false` switches off.
pub const REWRITES: [&str; 9] = [
    "push_down_top_n",
    "fold_contradictions",
    "ungroup_by_key",
    "drop_referenced_joins",
    "merge_self_joins",
    "reduce_group_keys",
    "copy_top_n",
    "aggregate_below_joins",
    "split_or_joins",
];

/// `[sources.NAME]`.
#[derive(Debug, Clone)]
pub struct SourceConfig {
    /// Name of the source, which is the name of its catalog.
    pub name: String,
    /// Kind of connector, such as `postgres`.
    pub kind: String,
    /// The connector's options.
    pub options: Options,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            flight_listen: "127.0.0.1:32010".into(),
            tls_certificate: None,
            tls_key: None,
            tls_client_ca: None,
            users: Vec::new(),
            tokens: Vec::new(),
            insecure: false,
            shutdown_grace_ms: 30_000,
            session_idle_ms: 3_600_000,
        }
    }
}

impl Default for ModelsConfig {
    fn default() -> Self {
        Self { location: None, options: Vec::new(), allow_changes: true, artifact_bytes: 256 << 20, versions: 32 }
    }
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self {
            join_order: true,
            push_down_plan: true,
            bind_join: true,
            share_reads: true,
            // A foreign key may not hold although it says so: rows that a replica applies are not checked.
            rules_off: vec!["drop_referenced_joins".to_owned()],
            learning: true,
            plan_guard: true,
        }
    }
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            spill_dir: None,
            allow_source_ddl: true,
            allow_writes: true,
            allow_native_queries: false,
            target_partitions: 0,
            batch_rows: 8_192,
            file_roots: Vec::new(),
            object_store_hosts: Vec::new(),
        }
    }
}

/// Checks the name of a source: it becomes a catalog, so it must be a plain SQL identifier and not one of Headwater's own.
pub fn check_source_name(name: &str) -> Result<()> {
    let mut chars = name.chars();
    let plain = chars.next().is_some_and(|c| c.is_ascii_lowercase() || c == '_')
        && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !plain || name.len() > 63 {
        return Err(Error::invalid(format!(
            "source name \"{name}\" must be 1 to 63 of a-z, 0-9 and _ and must not start with a digit"
        )));
    }
    if matches!(name, "system" | "headwater" | "information_schema") {
        return Err(Error::invalid(format!("source name \"{name}\" is reserved; choose another name")));
    }
    Ok(())
}
