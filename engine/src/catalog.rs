//! The catalogs of all sessions: one for each source, and one of Headwater's own. Every catalog also shows `system`.

use std::fmt;
use std::sync::{Arc, Weak};

use datafusion::catalog::information_schema::INFORMATION_SCHEMA;
use datafusion::catalog::{CatalogProvider, CatalogProviderList, SchemaProvider};
use parking_lot::RwLock;
use std::collections::BTreeMap;

use crate::information_schema::InformationSchema;

/// Name of the catalog that is the default of a session without one of its own.
pub(crate) const OWN_CATALOG: &str = "headwater";
/// Name of the schema with Headwater's own tables, reachable from every catalog.
pub(crate) const SYSTEM_SCHEMA: &str = "system";

/// The list of catalogs; catalogs can be removed.
#[derive(Default)]
pub(crate) struct Catalogs {
    catalogs: RwLock<BTreeMap<String, Arc<dyn CatalogProvider>>>,
}

impl fmt::Debug for Catalogs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.catalogs.read().keys()).finish()
    }
}

impl Catalogs {
    pub(crate) fn remove(&self, name: &str) {
        self.catalogs.write().remove(name);
    }
}

impl CatalogProviderList for Catalogs {
    fn register_catalog(&self, name: String, catalog: Arc<dyn CatalogProvider>) -> Option<Arc<dyn CatalogProvider>> {
        self.catalogs.write().insert(name, catalog)
    }

    fn catalog_names(&self) -> Vec<String> {
        self.catalogs.read().keys().cloned().collect()
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        self.catalogs.read().get(name).map(Arc::clone)
    }
}

/// One catalog of a list.
#[derive(Debug)]
struct OneOf {
    all: Arc<Catalogs>,
    name: String,
}

impl CatalogProviderList for OneOf {
    fn register_catalog(&self, _name: String, _catalog: Arc<dyn CatalogProvider>) -> Option<Arc<dyn CatalogProvider>> {
        None
    }

    fn catalog_names(&self) -> Vec<String> {
        self.all.catalog(&self.name).map(|_| self.name.clone()).into_iter().collect()
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        if name == self.name { self.all.catalog(name) } else { None }
    }
}

/// A catalog in which `system` and `information_schema` are visible as schemas.
#[derive(Debug)]
pub(crate) struct WithSystem {
    inner: Arc<dyn CatalogProvider>,
    system: Arc<dyn SchemaProvider>,
    /// The list that holds this catalog.
    all: Weak<Catalogs>,
    /// The source whose catalog this is; `information_schema` of another one is of all.
    source: Option<String>,
}

impl WithSystem {
    pub(crate) fn new(inner: Arc<dyn CatalogProvider>, system: Arc<dyn SchemaProvider>, all: &Arc<Catalogs>) -> Self {
        Self { inner, system, all: Arc::downgrade(all), source: None }
    }

    /// The same for a source of this name.
    pub(crate) fn of_source(self, name: &str) -> Self {
        Self { source: Some(name.to_owned()), ..self }
    }
}

impl CatalogProvider for WithSystem {
    fn schema_names(&self) -> Vec<String> {
        self.inner.schema_names()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        if name == SYSTEM_SCHEMA && !self.inner.schema_names().iter().any(|s| s == SYSTEM_SCHEMA) {
            return Some(Arc::clone(&self.system));
        }
        match self.all.upgrade() {
            Some(all) if name == INFORMATION_SCHEMA => Some(match &self.source {
                Some(name) => Arc::new(InformationSchema::new(Arc::new(OneOf { all, name: name.clone() }))),
                None => Arc::new(InformationSchema::new(all)),
            }),
            _ => self.inner.schema(name),
        }
    }
}
