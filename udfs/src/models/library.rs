//! The stored models of an engine, and those of them that are in memory.

use std::fmt;
use std::sync::Arc;

use headwater_common::{Error, Result};
use headwater_registry::{ModelName, Registry, Version};
use parking_lot::Mutex;

use super::series_model::SeriesModel;
use super::stored::{RowModel, Stored};

/// Bytes of files whose models stay in memory.
const CACHE_MAX_BYTES: u64 = 256 << 20;

/// A version of a model in memory.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// Its model.
    pub(crate) name: ModelName,
    /// Its version.
    pub(crate) version: Version,
    /// What is in its file.
    pub(crate) stored: Stored,
}

impl Loaded {
    /// The model of rows that it is. Errors: it is one of series.
    pub(crate) fn rows(&self) -> Result<&RowModel> {
        match &self.stored {
            Stored::Rows(model) => Ok(model),
            Stored::Series(_) => Err(Error::invalid(format!("model {self} forecasts series; use ML_FORECAST"))),
        }
    }

    /// The model of series that it is. Errors: it is one of rows.
    pub(crate) fn series(&self) -> Result<&SeriesModel> {
        match &self.stored {
            Stored::Series(model) => Ok(model),
            Stored::Rows(_) => Err(Error::invalid(format!("model {self} predicts rows; use ML_PREDICT"))),
        }
    }
}

impl fmt::Display for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version.number)
    }
}

/// A registry with a memory of what was read last.
#[derive(Debug)]
pub(crate) struct Library {
    registry: Arc<Registry>,
    /// The latest used last.
    recent: Mutex<Vec<Arc<Loaded>>>,
}

impl Library {
    pub(crate) fn new(registry: Arc<Registry>) -> Self {
        Self { registry, recent: Mutex::new(Vec::new()) }
    }

    /// The registry.
    pub(crate) fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// A version of a model, or the default. Errors: there is none, or its file is none of ours.
    pub(crate) async fn load(&self, name: &ModelName, number: Option<u64>) -> Result<Arc<Loaded>> {
        let version = self.registry.describe(name).await?.version(number)?.clone();
        if let Some(known) = self.recent(name, &version) {
            return Ok(known);
        }
        let (version, artifact) = self.registry.load(name, Some(version.number)).await?;
        let stored = Stored::read(&artifact)?;
        let loaded = Arc::new(Loaded { name: name.clone(), version, stored });
        self.keep(&loaded);
        Ok(loaded)
    }

    fn recent(&self, name: &ModelName, version: &Version) -> Option<Arc<Loaded>> {
        let mut recent = self.recent.lock();
        let same =
            |l: &Arc<Loaded>| l.name == *name && l.version.number == version.number && l.version.digest == version.digest;
        let at = recent.iter().position(same)?;
        let found = recent.remove(at);
        recent.push(Arc::clone(&found));
        Some(found)
    }

    fn keep(&self, loaded: &Arc<Loaded>) {
        let mut recent = self.recent.lock();
        recent.push(Arc::clone(loaded));
        let mut bytes: u64 = recent.iter().map(|l| l.version.bytes).sum();
        while bytes > CACHE_MAX_BYTES && !recent.is_empty() {
            bytes -= recent.remove(0).version.bytes;
        }
    }
}
