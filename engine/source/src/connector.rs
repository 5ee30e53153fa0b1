//! How a kind of source comes into being.

use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use headwater_common::config::{OptionSpec, Options};
use headwater_common::{Limits, Result};

use crate::source::Source;

/// What a connector may use while it makes a source.
#[derive(Debug, Clone, Default)]
pub struct ConnectContext {
    /// The engine's limits.
    pub limits: Arc<Limits>,
    /// Folders below which a source made by a statement may read files; `None` for a source of the configuration file, which
    /// may name any folder.
    pub runtime_roots: Option<Vec<PathBuf>>,
    /// Hosts that a source made by a statement may reach although their address is not public.
    pub runtime_hosts: Vec<String>,
}

/// A kind of source, such as `postgres`.
#[async_trait]
pub trait Connector: Debug + Send + Sync {
    /// The word after `TYPE` in `CREATE SOURCE` and in `kind = "..."`.
    fn kind(&self) -> &'static str;

    /// Every option it understands.
    fn options(&self) -> &'static [OptionSpec];

    /// Makes a source from options. It checks the options but does not have to reach the source: a source that is down at
    /// start is listed as unavailable and is tried again when it is used.
    async fn connect(&self, name: &str, options: &Options, context: &ConnectContext) -> Result<Arc<dyn Source>>;
}
