//! What all sessions share.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::CatalogProviderList;
use datafusion::execution::SessionState;
use datafusion::execution::runtime_env::RuntimeEnv;
use headwater_common::config::{Config, Options, check_source_name};
use headwater_common::{Error, Limits, Result, nearest};
use headwater_registry::Registry;
use headwater_source::catalog::SharedCatalog;
use headwater_source::{ConnectContext, Connector, SourceCatalog, SourceRegistry};
use parking_lot::RwLock;
use tokio::sync::Semaphore;

use crate::builder::{EngineBuilder, ResolveFunctions};
use crate::catalog::{Catalogs, OWN_CATALOG, SYSTEM_SCHEMA, WithSystem};
use crate::executor;
use crate::plan_guard::PlanGuard;
use crate::planner::Planner;
use crate::session::Session;

/// One engine: sources, catalogs, memory and limits. Clones are handles to the same engine.
#[derive(Clone)]
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) limits: Arc<Limits>,
    pub(crate) sources: Arc<Sources>,
    pub(crate) models: Arc<Registry>,
    pub(crate) resolvers: Vec<ResolveFunctions>,
    pub(crate) state: SessionState,
    pub(crate) runtime: Arc<RuntimeEnv>,
    pub(crate) planner: Planner,
    pub(crate) running: Arc<Semaphore>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("sources", &self.shared.sources.registry).finish_non_exhaustive()
    }
}

/// The sources, their catalogs and the connectors that make them.
pub(crate) struct Sources {
    pub(crate) registry: Arc<SourceRegistry>,
    pub(crate) connectors: BTreeMap<&'static str, Arc<dyn Connector>>,
    pub(crate) catalogs: RwLock<BTreeMap<String, Arc<SourceCatalog>>>,
    pub(crate) list: Arc<Catalogs>,
    pub(crate) context: ConnectContext,
    /// The plans of earlier statements.
    pub(crate) plans: Arc<PlanGuard>,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").field("registry", &self.registry).finish_non_exhaustive()
    }
}

impl Sources {
    pub(crate) fn catalog(&self, name: &str) -> Result<Arc<SourceCatalog>> {
        self.registry.get(name)?;
        let found = self.catalogs.read().get(name).map(Arc::clone);
        found.ok_or_else(|| Error::not_found(format!("there is no source \"{name}\"")))
    }

    pub(crate) fn all(&self) -> Vec<Arc<SourceCatalog>> {
        self.catalogs.read().values().map(Arc::clone).collect()
    }

    /// Makes a source and its catalog without looking at its tables.
    pub(crate) async fn add(
        self: &Arc<Self>,
        name: &str,
        kind: &str,
        options: &Options,
        context: &ConnectContext,
    ) -> Result<Arc<SourceCatalog>> {
        check_source_name(name)?;
        let connector = self.connectors.get(kind).ok_or_else(|| {
            let hint = nearest::hint(kind, self.connectors.keys().copied());
            Error::invalid(format!("there is no kind of source \"{kind}\"{hint}"))
        })?;
        options.check(kind, connector.options())?;
        let source = connector.connect(name, options, context).await?;
        self.registry.add(Arc::clone(&source))?;
        let catalog = Arc::new(SourceCatalog::new(source));
        self.catalogs.write().insert(name.to_owned(), Arc::clone(&catalog));
        let system = crate::system::schema(self);
        let face = WithSystem::new(Arc::new(SharedCatalog(Arc::clone(&catalog))), system, &self.list).of_source(name);
        self.list.register_catalog(name.to_owned(), Arc::new(face));
        Ok(catalog)
    }
}

/// A table of Headwater's own catalog.
#[derive(Debug, Clone)]
pub struct OwnTable {
    /// Schema.
    pub schema: String,
    /// Table.
    pub table: String,
    /// `VIEW` for a system table, else `TABLE`.
    pub kind: &'static str,
    /// Its columns.
    pub columns: SchemaRef,
}

impl Engine {
    /// Starts building an engine.
    pub fn builder() -> EngineBuilder {
        EngineBuilder::default()
    }

    pub(crate) fn new(shared: Shared) -> Self {
        Self { shared: Arc::new(shared) }
    }

    /// A new session for a user.
    pub fn session(&self, user: &str) -> Result<Session> {
        Ok(Session::new(self.clone(), user))
    }

    /// The configuration the engine was built with.
    pub fn config(&self) -> &Config {
        &self.shared.config
    }

    /// The limits of the engine.
    pub fn limits(&self) -> &Arc<Limits> {
        &self.shared.limits
    }

    /// The sources by name.
    pub fn sources(&self) -> &Arc<SourceRegistry> {
        &self.shared.sources.registry
    }

    /// The stored models.
    pub fn models(&self) -> &Arc<Registry> {
        &self.shared.models
    }

    /// The catalogs of all sources, by name.
    pub fn catalogs(&self) -> Vec<Arc<SourceCatalog>> {
        self.shared.sources.all()
    }

    /// Name of Headwater's own catalog, and its schemas.
    pub fn own_schemas(&self) -> (&'static str, Vec<String>) {
        let inner = self.shared.sources.list.catalog(OWN_CATALOG).map(|c| c.schema_names()).unwrap_or_default();
        let mut names: Vec<String> = inner.into_iter().chain([SYSTEM_SCHEMA.to_owned()]).collect();
        names.sort();
        names.dedup();
        (OWN_CATALOG, names)
    }

    /// The tables of Headwater's own catalog.
    pub async fn own_tables(&self) -> Result<Vec<OwnTable>> {
        let Some(catalog) = self.shared.sources.list.catalog(OWN_CATALOG) else { return Ok(Vec::new()) };
        let mut tables = Vec::new();
        for schema in self.own_schemas().1 {
            let Some(provider) = catalog.schema(&schema) else { continue };
            for table in provider.table_names() {
                let Some(found) = provider.table(&table).await.map_err(crate::error::classify)? else { continue };
                let kind = if schema == SYSTEM_SCHEMA { "VIEW" } else { "TABLE" };
                tables.push(OwnTable { schema: schema.clone(), table, kind, columns: found.schema() });
            }
        }
        Ok(tables)
    }

    /// Makes a source, reaches it and discovers its tables. A source that cannot be reached is not kept.
    pub async fn create_source(&self, name: &str, kind: &str, options: &Options) -> Result<()> {
        let sources = Arc::clone(&self.shared.sources);
        let (engine, name) = (self.clone(), name.to_owned());
        let (kind, options) = (kind.to_owned(), options.clone());
        // A source whose making was broken off would stay without its tables.
        executor::run_to_end(async move {
            let catalog = sources.add(&name, &kind, &options, &sources.context).await?;
            if let Err(e) = catalog.refresh().await {
                engine.drop_source(&name).await?;
                return Err(e);
            }
            Ok(())
        })
        .await
    }

    /// Removes a source and ends its connections.
    pub async fn drop_source(&self, name: &str) -> Result<()> {
        let source = self.shared.sources.registry.remove(name)?;
        self.shared.sources.plans.forget(name);
        self.shared.sources.catalogs.write().remove(name);
        self.shared.sources.list.remove(name);
        source.close().await;
        Ok(())
    }

    /// Discovers a source's tables again.
    pub async fn refresh_source(&self, name: &str) -> Result<()> {
        let catalog = self.shared.sources.catalog(name)?;
        executor::run(async move { catalog.refresh().await.map(drop) }).await
    }

    /// Ends every source's connections.
    pub async fn shutdown(&self) {
        for source in self.shared.sources.registry.all() {
            source.close().await;
        }
    }
}
