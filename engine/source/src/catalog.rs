//! A source as a catalog of a session, kept up with changes made outside.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, SchemaProvider, TableProvider};
use datafusion::datasource::TableType;
use datafusion::error::Result as DataFusionResult;
use headwater_common::clock::Stopwatch;
use headwater_common::{Error, Result};
use parking_lot::RwLock;
use tokio::sync::Mutex;

use crate::drift::SchemaLog;
use crate::error::ErrorExt;
use crate::metadata::{Discovery, TableKind, TableName};
use crate::source::Source;

/// How long a discovery is trusted before its fingerprint is compared again.
const TRUST_MS: u64 = 1_000;

/// A source as a catalog. All sessions share it.
pub struct SourceCatalog {
    source: Arc<dyn Source>,
    found: RwLock<Arc<Discovery>>,
    error: RwLock<Option<String>>,
    log: RwLock<SchemaLog>,
    /// Since the last successful discovery.
    age: RwLock<Option<Stopwatch>>,
    /// Held while discovery runs; holds when the last check ended.
    checked: Mutex<Option<Stopwatch>>,
}

impl fmt::Debug for SourceCatalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceCatalog({})", self.source.name())
    }
}

impl SourceCatalog {
    /// A catalog that has not looked at its source yet.
    pub fn new(source: Arc<dyn Source>) -> Self {
        Self {
            source,
            found: RwLock::default(),
            error: RwLock::default(),
            log: RwLock::default(),
            age: RwLock::default(),
            checked: Mutex::new(None),
        }
    }

    /// The source.
    pub fn source(&self) -> &Arc<dyn Source> {
        &self.source
    }

    /// What the last successful discovery found.
    pub fn discovery(&self) -> Arc<Discovery> {
        Arc::clone(&self.found.read())
    }

    /// The versions of its schema, and how they differ.
    pub fn schema_log(&self) -> SchemaLog {
        self.log.read().clone()
    }

    /// Milliseconds since the last successful discovery.
    pub fn age_ms(&self) -> Option<u64> {
        self.age.read().map(|at| at.elapsed_ms())
    }

    /// Why the last discovery failed, if it did.
    pub fn error(&self) -> Option<String> {
        self.error.read().clone()
    }

    /// Discovers again, whatever is known.
    pub async fn refresh(self: &Arc<Self>) -> Result<Arc<Discovery>> {
        let this = Arc::clone(self);
        to_its_end(async move { this.discover_now().await }).await
    }

    async fn discover_now(&self) -> Result<Arc<Discovery>> {
        let mut checked = self.checked.lock().await;
        let result = self.discover().await;
        *checked = result.is_ok().then(Stopwatch::start);
        result
    }

    /// Discovers when nothing is known, or when the source's fingerprint has changed since it was last looked at.
    pub async fn ensure_fresh(self: &Arc<Self>) -> Result<Arc<Discovery>> {
        self.fresher_than(TRUST_MS).await
    }

    async fn fresher_than(self: &Arc<Self>, trust_ms: u64) -> Result<Arc<Discovery>> {
        if let Ok(checked) = self.checked.try_lock()
            && self.is_trusted(*checked, trust_ms)
        {
            return Ok(self.discovery());
        }
        let this = Arc::clone(self);
        to_its_end(async move { this.check(trust_ms).await }).await
    }

    fn is_trusted(&self, checked: Option<Stopwatch>, trust_ms: u64) -> bool {
        checked.is_some_and(|at| at.elapsed_ms() < trust_ms) && !self.source.is_stale()
    }

    async fn check(&self, trust_ms: u64) -> Result<Arc<Discovery>> {
        let mut checked = self.checked.lock().await;
        match *checked {
            at if self.is_trusted(at, trust_ms) => return Ok(self.discovery()),
            Some(_) => {
                let known = self.discovery();
                let now = self.source.fingerprint().await;
                let same = match &now {
                    Ok(now) => now.is_some() && *now == known.fingerprint,
                    Err(_) => false,
                };
                if same {
                    *checked = Some(Stopwatch::start());
                    return Ok(known);
                }
            }
            None => {}
        }
        let result = self.discover().await;
        *checked = result.is_ok().then(Stopwatch::start);
        result
    }

    async fn discover(&self) -> Result<Arc<Discovery>> {
        match self.source.discover().await {
            Ok(found) => {
                let found = Arc::new(found);
                self.log.write().take(&self.discovery(), &found);
                *self.found.write() = Arc::clone(&found);
                *self.error.write() = None;
                *self.age.write() = Some(Stopwatch::start());
                Ok(found)
            }
            Err(e) => {
                *self.error.write() = Some(e.to_string());
                Err(e)
            }
        }
    }
}

/// Runs a look at a source on, also when nobody waits for it any more: a statement gives up at its limit of time, and the next one
/// would begin anew.
async fn to_its_end<T: Send + 'static>(look: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => runtime.spawn(look).await.map_err(|e| Error::internal(e.to_string()))?,
        Err(_) => look.await,
    }
}

/// The catalog's face to DataFusion; a newtype, because schemas need a shared handle.
#[derive(Debug, Clone)]
pub struct SharedCatalog(pub Arc<SourceCatalog>);

impl CatalogProvider for SharedCatalog {
    fn schema_names(&self) -> Vec<String> {
        self.0.discovery().schemas.keys().cloned().collect()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        // Unknown names get a schema too: whether it exists is found out when a table is asked for, which can wait.
        Some(Arc::new(SourceSchema { catalog: Arc::clone(&self.0), name: name.to_owned() }))
    }
}

#[derive(Debug)]
struct SourceSchema {
    catalog: Arc<SourceCatalog>,
    name: String,
}

#[async_trait]
impl SchemaProvider for SourceSchema {
    fn table_names(&self) -> Vec<String> {
        let found = self.catalog.discovery();
        found.schemas.get(&self.name).map(|s| s.tables.keys().cloned().collect()).unwrap_or_default()
    }

    async fn table(&self, name: &str) -> DataFusionResult<Option<Arc<dyn TableProvider>>> {
        let full = TableName::new(&self.name, name);
        let mut found = self.catalog.ensure_fresh().await.map_err(ErrorExt::into_datafusion)?;
        if found.table(&full).is_none() && found.unavailable(&full).is_none() {
            // It may have been made a moment ago.
            found = self.catalog.fresher_than(0).await.map_err(ErrorExt::into_datafusion)?;
        }
        if let Some(reason) = found.unavailable(&full) {
            let message = format!("table {full} cannot be read: {reason}");
            // Without a fingerprint the source expects another look to find more.
            let error = Error::source_failed(self.catalog.source().name(), message);
            return Err(error.retryable(found.fingerprint.is_none()).into_datafusion());
        }
        let Some(table) = found.table(&full).map(Arc::clone) else { return Ok(None) };
        let provider = Arc::clone(self.catalog.source()).provider(table).await.map_err(ErrorExt::into_datafusion)?;
        Ok(Some(provider))
    }

    async fn table_type(&self, name: &str) -> DataFusionResult<Option<TableType>> {
        let found = self.catalog.discovery();
        Ok(found.table(&TableName::new(&self.name, name)).map(|t| match t.kind {
            TableKind::View | TableKind::MaterializedView => TableType::View,
            _ => TableType::Base,
        }))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.catalog.discovery().table(&TableName::new(&self.name, name)).is_some()
    }
}
