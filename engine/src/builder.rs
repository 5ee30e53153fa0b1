//! Builds an engine from a configuration and connectors.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use datafusion::catalog::CatalogProvider;
use datafusion::catalog::{CatalogProviderList, MemoryCatalogProvider, MemorySchemaProvider};
use datafusion::common::config::Dialect;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{FunctionRegistry, SessionState, SessionStateBuilder};
use datafusion::prelude::SessionConfig;
use headwater_common::config::Config;
use headwater_common::{Error, Result};
use headwater_optimizer::{PushDownCount, PushDownTopN};
use headwater_source::{ConnectContext, Connector, SourceRegistry};
use parking_lot::RwLock;
use tokio::sync::Semaphore;

use crate::catalog::{Catalogs, OWN_CATALOG, WithSystem};
use crate::engine::{Engine, Shared, Sources};
use crate::guard::capped;
use crate::memory::{default_memory_bytes, spill_error};

/// How long a source may take to show its tables while the engine starts; a slower one is looked at when it is used.
const DISCOVERY_AT_START: Duration = Duration::from_secs(5);

/// Collects what an engine needs.
#[derive(Debug, Default)]
pub struct EngineBuilder {
    config: Config,
    connectors: Vec<Arc<dyn Connector>>,
}

impl EngineBuilder {
    /// The configuration; the default one when it is not set.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Adds a kind of source.
    #[must_use]
    pub fn connector(mut self, connector: Arc<dyn Connector>) -> Self {
        self.connectors.push(connector);
        self
    }

    /// Builds the engine and its configured sources. A source that cannot be reached is listed as unavailable; a source with
    /// wrong options is an error.
    pub async fn build(self) -> Result<Engine> {
        let Self { config, connectors } = self;
        let limits = Arc::new(config.limits.clone());
        let connectors: BTreeMap<_, _> = connectors.into_iter().map(|c| (c.kind(), c)).collect();
        let sources = Arc::new(Sources {
            registry: Arc::new(SourceRegistry::new()),
            connectors,
            catalogs: RwLock::default(),
            list: Arc::new(Catalogs::default()),
            context: ConnectContext {
                limits: Arc::clone(&limits),
                runtime_roots: Some(config.engine.file_roots.clone()),
                runtime_hosts: config.engine.object_store_hosts.clone(),
            },
        });
        let own = MemoryCatalogProvider::new();
        own.register_schema("public", Arc::new(MemorySchemaProvider::new())).map_err(crate::error::classify)?;
        let own = WithSystem::new(Arc::new(own), crate::system::schema(Arc::clone(&sources)));
        sources.list.register_catalog(OWN_CATALOG.to_owned(), Arc::new(own));
        let runtime = runtime(&config)?;
        let state = state(&config, &sources, &runtime);
        let running =
            Arc::new(Semaphore::new(usize::try_from(limits.concurrent_queries.max(1)).unwrap_or(usize::MAX >> 4)));
        let engine = Engine::new(Shared { config, limits, sources, state, runtime, running });
        engine.connect_configured().await?;
        Ok(engine)
    }
}

impl Engine {
    async fn connect_configured(&self) -> Result<()> {
        let sources = &self.shared.sources;
        let trusted = ConnectContext { runtime_roots: None, ..sources.context.clone() };
        let mut looks = Vec::new();
        for source in &self.shared.config.sources {
            let made = sources.add(&source.name, &source.kind, &source.options, &trusted).await;
            let catalog = made.map_err(|e| {
                Error::new(e.kind(), e.origin().clone(), format!("sources.{}: {}", source.name, e.message()))
            })?;
            looks.push(async move {
                let name = catalog.source().name().to_owned();
                match tokio::time::timeout(DISCOVERY_AT_START, catalog.refresh()).await {
                    Ok(Ok(_)) => tracing::info!(source = name, "source is ready"),
                    Ok(Err(e)) => tracing::warn!(source = name, error = %e, "source is unavailable"),
                    Err(_) => tracing::warn!(source = name, "source is slow; it is looked at when it is used"),
                }
            });
        }
        futures::future::join_all(looks).await;
        Ok(())
    }
}

fn runtime(config: &Config) -> Result<Arc<RuntimeEnv>> {
    let limits = &config.limits;
    let bytes = if limits.memory_bytes == 0 { default_memory_bytes() } else { limits.memory_bytes };
    let pool = FairSpillPool::new(usize::try_from(bytes).unwrap_or(usize::MAX));
    let top = NonZeroUsize::new(5).unwrap_or(NonZeroUsize::MIN);
    let mode = match &config.engine.spill_dir {
        Some(dir) => {
            std::fs::create_dir_all(dir)
                .map_err(|e| Error::configuration(format!("cannot use engine.spill_dir {}: {e}", dir.display())))?;
            DiskManagerMode::Directories(vec![dir.clone()])
        }
        None => DiskManagerMode::OsTmpDirectory,
    };
    let disk = DiskManagerBuilder::default().with_mode(mode).with_max_temp_directory_size(limits.spill_bytes);
    RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(TrackConsumersPool::new(pool, top)))
        .with_disk_manager_builder(disk)
        .build_arc()
        .map_err(|e| spill_error(&e))
}

fn state(config: &Config, sources: &Arc<Sources>, runtime: &Arc<RuntimeEnv>) -> SessionState {
    let batch = usize::try_from(config.engine.batch_rows).unwrap_or(8_192);
    let mut session = SessionConfig::new()
        .with_information_schema(true)
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(OWN_CATALOG, "public")
        .with_batch_size(batch)
        .with_extension(Arc::clone(&sources.registry));
    if config.engine.target_partitions > 0 {
        session = session.with_target_partitions(usize::try_from(config.engine.target_partitions).unwrap_or(1));
    }
    let options = session.options_mut();
    options.sql_parser.dialect = Dialect::Generic;
    options.sql_parser.map_string_types_to_utf8view = false;
    options.execution.skip_physical_aggregate_schema_check = false;
    let mut state = SessionStateBuilder::new()
        .with_config(session)
        .with_runtime_env(Arc::clone(runtime))
        .with_catalog_list(Arc::clone(&sources.list) as Arc<dyn CatalogProviderList>)
        .with_default_features()
        .with_optimizer_rule(Arc::new(PushDownCount))
        .with_physical_optimizer_rule(Arc::new(PushDownTopN::new(Arc::clone(&sources.registry))))
        .build();
    let builtin: Vec<_> = state.scalar_functions().values().map(Arc::clone).collect();
    for function in capped::functions(builtin.iter(), config.limits.value_bytes) {
        // Replacing a function of the same name does not fail.
        let _ = state.register_udf(Arc::new(function));
    }
    state
}
