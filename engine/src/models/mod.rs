//! Stored models as the engine sees them: where they are, and the statements about them. What is in them is known to the
//! functions that make and use them.

mod statement;
mod store;

use std::path::Path;
use std::sync::Arc;

use headwater_common::config::ModelsConfig;
use headwater_common::{Error, Result};
use headwater_registry::{Limits, MemoryStore, Registry, Store};
use url::Url;

pub(crate) use statement::{ModelStatement, given, parse, training};
use store::{FolderStore, ObjectModels};

/// The models of a configuration. Errors: the location is none.
pub(crate) fn registry(config: &ModelsConfig) -> Result<Registry> {
    let store: Arc<dyn Store> = match config.location.as_deref() {
        None => Arc::new(MemoryStore::default()),
        Some(location) if location.contains("://") => at_url(location, config)?,
        Some(folder) => Arc::new(FolderStore::new(Path::new(folder))?),
    };
    let limits = Limits {
        artifact_max_bytes: usize::try_from(config.artifact_bytes).unwrap_or(usize::MAX),
        versions_max: usize::try_from(config.versions.max(1)).unwrap_or(usize::MAX),
        changes: config.allow_changes,
    };
    Ok(Registry::new(store, limits))
}

fn at_url(location: &str, config: &ModelsConfig) -> Result<Arc<dyn Store>> {
    let wrong = |why: &str| Error::configuration(format!("models.location: {why}"));
    let url = Url::parse(location).map_err(|e| wrong(&e.to_string()))?;
    if url.scheme() == "file" {
        let path = url.to_file_path().map_err(|()| wrong("a file URL names a folder, such as file:///var/lib/models"))?;
        return Ok(Arc::new(FolderStore::new(&path)?));
    }
    if !matches!(url.scheme(), "s3" | "s3a" | "gs" | "az" | "azure" | "abfs" | "abfss" | "memory") {
        return Err(wrong("it is a folder or a URL of s3, gs, az or file"));
    }
    let options = config.options.iter().map(|(name, value)| (name.as_str(), value.expose()));
    // What the store says of an option may hold its value.
    let made = object_store::parse_url_opts(&url, options);
    let (store, prefix) = made.map_err(|_| wrong("the store does not take this URL with these models.options"))?;
    Ok(Arc::new(ObjectModels::new(Arc::from(store), prefix)))
}
