//! Builds an engine from a configuration and connectors.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use datafusion::catalog::CatalogProvider;
use datafusion::catalog::{CatalogProviderList, MemoryCatalogProvider, MemorySchemaProvider};
use datafusion::common::config::{ConfigNonZeroUsize, Dialect};
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{FunctionRegistry, SessionState, SessionStateBuilder};
use datafusion::optimizer::{Optimizer, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_planner::ExtensionPlanner;
use datafusion::prelude::SessionConfig;
use datafusion::sql::parser::Statement;
use futures::future::BoxFuture;
use headwater_common::config::Config;
use headwater_common::{Error, Result};
use headwater_optimizer::{
    AggregateBelowJoins, BindJoin, CheckArithmetic, CopyTopN, DateBounds, DropReferencedJoins, EqualZeros, ExactInLists,
    FirstOfSubquery, FoldContradictions, ForgetConstants, GroupFloatsWhole, GuardedCrossJoin, GuardedEquijoin,
    GuardedFilter, GuardedFilterPushdown, GuardedLeafProjections, JoinCorrelatedAggregates, JoinOrder, KeepDistinct,
    KeepGroupKeys, KeepMergeKeys, KeepNarrowingCasts, KeepSortKeys, MarkSubqueryValues, MergeEqualProjections,
    MergeSelfJoins, NullAwareInSubquery, NullableSubqueries, NumberLateralRows, OneRowSubquery, OrderNestedNulls,
    PartitionWindows, PushDownCount, PushDownPlan, PushDownTopN, ReduceGroupKeys, ShareReads, SliceLargeValues,
    SortBelowMerges, SortNestedKeys, SplitOrJoins, UngroupByKey, UnnestLateral, YieldInJoins,
};
use headwater_source::{ConnectContext, Connector, Learning, SourceRegistry};
use parking_lot::RwLock;
use tokio::sync::Semaphore;

use crate::by_type::ByType;
use crate::catalog::{Catalogs, OWN_CATALOG, WithSystem};
use crate::checked_sum;
use crate::engine::{Engine, Shared, Sources};
use crate::exact_percentile;
use crate::executor;
use crate::interval_order::IntervalOrder;
use crate::memory::{default_memory_bytes, spill_error};
use crate::operators::Operators;
use crate::ordered_sets;
use crate::peer_frames::PeerFrames;
use crate::plan_guard::Guarded;
use crate::planner::Planner;
use crate::settled::Settled;
use crate::table_clauses::TableClauses;
use crate::total_order;

/// How long a source may take to show its tables while the engine starts; a slower one is looked at when it is used.
const DISCOVERY_AT_START: Duration = Duration::from_secs(5);

/// Deepest recursion of the parser. The guard bounds nesting, of which one level is several of the parser's.
const PARSER_DEPTH: usize = 300;

/// The names of Headwater's own rules that only change where a query is computed. Those that make DataFusion's answers right
/// cannot be left out.
pub const RULES: &[&str] = &[
    JoinOrder::NAME,
    PushDownPlan::NAME,
    PushDownCount::NAME,
    "push_down_top_n",
    BindJoin::NAME,
    FoldContradictions::NAME,
    UngroupByKey::NAME,
    DropReferencedJoins::NAME,
    MergeSelfJoins::NAME,
    ReduceGroupKeys::NAME,
    CopyTopN::NAME,
    AggregateBelowJoins::NAME,
    SplitOrJoins::NAME,
    ShareReads::NAME,
];

/// The place after all other logical rules.
const LAST: &str = "";

/// Names of the rules that an engine leaves out, in its session configuration.
#[derive(Debug)]
pub(crate) struct RulesOff(pub(crate) Vec<String>);

/// Collects what an engine needs.
#[derive(Default)]
pub struct EngineBuilder {
    config: Config,
    connectors: Vec<Arc<dyn Connector>>,
    functions: Vec<RegisterFunctions>,
    extensions: Vec<Arc<dyn ExtensionPlanner + Send + Sync>>,
    resolvers: Vec<ResolveFunctions>,
    without: Vec<String>,
}

/// Makes functions known to the state that all sessions start from.
pub type RegisterFunctions = fn(&mut SessionState) -> datafusion::error::Result<()>;

/// Looks at a parsed statement before it is planned, and makes known to its own state what its functions need that must be
/// waited for, such as stored models.
pub type ResolveFunctions = for<'a> fn(&'a Statement, &'a mut Arc<SessionState>) -> BoxFuture<'a, Result<()>>;

impl fmt::Debug for EngineBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineBuilder").field("connectors", &self.connectors).finish_non_exhaustive()
    }
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

    /// Adds functions to those of DataFusion.
    #[must_use]
    pub fn functions(mut self, register: RegisterFunctions) -> Self {
        self.functions.push(register);
        self
    }

    /// Adds a planner of nodes that such functions make.
    #[must_use]
    pub fn extension_planner(mut self, planner: Arc<dyn ExtensionPlanner + Send + Sync>) -> Self {
        self.extensions.push(planner);
        self
    }

    /// Adds a look at every statement before it is planned.
    #[must_use]
    pub fn resolver(mut self, resolve: ResolveFunctions) -> Self {
        self.resolvers.push(resolve);
        self
    }

    /// Leaves out one of [`RULES`]. The rows of every query stay the same; where they are computed may change.
    #[must_use]
    pub fn without_rule(mut self, name: &str) -> Self {
        self.without.push(name.to_owned());
        self
    }

    /// Builds the engine and its configured sources. A source that cannot be reached is listed as unavailable; a source with
    /// wrong options is an error.
    pub async fn build(self) -> Result<Engine> {
        let Self { config, connectors, functions, extensions, resolvers, without } = self;
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
            plans: Arc::default(),
        });
        let own = MemoryCatalogProvider::new();
        own.register_schema("public", Arc::new(MemorySchemaProvider::new())).map_err(crate::error::classify)?;
        let own = WithSystem::new(Arc::new(own), crate::system::schema(&sources), &sources.list);
        sources.list.register_catalog(OWN_CATALOG.to_owned(), Arc::new(own));
        let runtime = runtime(&config)?;
        let on = |rule: &str| !without.iter().any(|name| name == rule);
        let plans = config.optimizer.push_down_plan && on(PushDownPlan::NAME);
        let joins = config.optimizer.join_order && on(JoinOrder::NAME);
        let mut off = without.clone();
        off.extend(config.optimizer.rules_off.iter().cloned());
        for (name, used) in [
            (JoinOrder::NAME, joins),
            (PushDownPlan::NAME, plans),
            (AggregateBelowJoins::NAME, plans),
            (BindJoin::NAME, config.optimizer.bind_join),
            (ShareReads::NAME, config.optimizer.share_reads),
        ] {
            if !used {
                off.push(name.to_owned());
            }
        }
        let (counts, registry) = (on(PushDownCount::NAME), Arc::clone(&sources.registry));
        let planner = Planner { joins, sources: registry, plans, counts, extensions };
        let models = Arc::new(crate::models::registry(&config.models)?);
        let mut state = state(&config, &sources, &runtime, planner.clone(), &off)?;
        state.config_mut().set_extension(Arc::clone(&models));
        for register in functions {
            register(&mut state).map_err(crate::error::classify)?;
        }
        let running =
            Arc::new(Semaphore::new(usize::try_from(limits.concurrent_queries.max(1)).unwrap_or(usize::MAX >> 4)));
        let engine = Engine::new(Shared { config, limits, sources, models, resolvers, state, runtime, planner, running });
        let connecting = engine.clone();
        executor::run(async move { connecting.connect_configured().await }).await?;
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

fn state(
    config: &Config,
    sources: &Arc<Sources>,
    runtime: &Arc<RuntimeEnv>,
    planner: Planner,
    without: &[String],
) -> Result<SessionState> {
    let batch = usize::try_from(config.engine.batch_rows).unwrap_or(8_192);
    let mut session = SessionConfig::new()
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(OWN_CATALOG, "public")
        .with_batch_size(batch)
        .with_extension(Arc::clone(&sources.registry))
        .with_extension(Arc::new(Learning(config.optimizer.learning)))
        .with_extension(Arc::new(Guarded(config.optimizer.plan_guard)))
        .with_extension(Arc::new(RulesOff(without.to_vec())));
    if config.engine.target_partitions > 0 {
        session = session.with_target_partitions(usize::try_from(config.engine.target_partitions).unwrap_or(1));
    }
    let options = session.options_mut();
    options.sql_parser.dialect = Dialect::Generic;
    if let Ok(depth) = ConfigNonZeroUsize::try_new(PARSER_DEPTH) {
        options.sql_parser.recursion_limit = depth;
    }
    options.sql_parser.map_string_types_to_utf8view = false;
    // Without a zone, what is an instant would be a time without zone.
    options.execution.time_zone = Some("UTC".to_owned());
    // `ExactLiterals` makes floating point of them where they meet it.
    options.sql_parser.parse_float_as_decimal = true;
    options.execution.skip_physical_aggregate_schema_check = false;
    let mut builder = SessionStateBuilder::new()
        .with_config(session)
        .with_runtime_env(Arc::clone(runtime))
        .with_catalog_list(Arc::clone(&sources.list) as Arc<dyn CatalogProviderList>)
        .with_default_features()
        .with_optimizer_rules(rules(without))
        .with_physical_optimizer_rules(physical_rules())
        .with_analyzer_rule(Arc::new(IntervalOrder::new()))
        .with_analyzer_rule(Arc::new(PartitionWindows))
        .with_analyzer_rule(Arc::new(OneRowSubquery))
        .with_analyzer_rule(Arc::new(NullAwareInSubquery))
        .with_analyzer_rule(Arc::new(EqualZeros))
        .with_analyzer_rule(Arc::new(ExactInLists))
        .with_analyzer_rule(Arc::new(KeepNarrowingCasts))
        .with_analyzer_rule(Arc::new(FirstOfSubquery))
        .with_analyzer_rule(Arc::new(JoinCorrelatedAggregates))
        .with_analyzer_rule(Arc::new(UnnestLateral))
        .with_analyzer_rule(Arc::new(NumberLateralRows))
        .with_analyzer_rule(Arc::new(NullableSubqueries))
        .with_analyzer_rule(Arc::new(OrderNestedNulls))
        .with_query_planner(Arc::new(planner));
    let on = |name: &str| !without.iter().any(|w| w == name);
    if on("push_down_top_n") {
        builder = builder.with_physical_optimizer_rule(Arc::new(PushDownTopN::new(Arc::clone(&sources.registry))));
    }
    if on(BindJoin::NAME) {
        builder = builder.with_physical_optimizer_rule(Arc::new(BindJoin::new(Arc::clone(&sources.registry))));
    }
    if on(ShareReads::NAME) {
        builder = builder.with_physical_optimizer_rule(Arc::new(ShareReads));
    }
    // Last: the rules before look for joins.
    builder = builder.with_physical_optimizer_rule(Arc::new(SliceLargeValues));
    let mut state = builder.with_physical_optimizer_rule(Arc::new(YieldInJoins)).build();
    register_functions(&mut state)?;
    state.register_relation_planner(Arc::new(TableClauses)).map_err(crate::error::classify)?;
    state.register_relation_planner(Arc::new(Settled)).map_err(crate::error::classify)?;
    state.register_expr_planner(Arc::new(Operators::new())).map_err(crate::error::classify)?;
    state.register_function_rewrite(Arc::new(CheckArithmetic)).map_err(crate::error::classify)?;
    state.register_function_rewrite(Arc::new(ByType::new())).map_err(crate::error::classify)?;
    state.register_function_rewrite(Arc::new(PeerFrames)).map_err(crate::error::classify)?;
    Ok(state)
}

/// The engine's own functions, and those that stand in the place of DataFusion's.
fn register_functions(state: &mut SessionState) -> Result<()> {
    let own = checked_sum::functions().into_iter().chain([exact_percentile::function()]).chain(ordered_sets::functions());
    for function in own.chain(total_order::functions()).chain(crate::steady_order::functions()) {
        state.register_udaf(function).map_err(crate::error::classify)?;
    }
    for function in crate::ranks::functions() {
        state.register_udwf(function).map_err(crate::error::classify)?;
    }
    for function in crate::functions::all() {
        state.register_udf(Arc::new(function)).map_err(crate::error::classify)?;
    }
    crate::time_series::register(state);
    Ok(())
}

/// DataFusion's rules, with those replaced that may give wrong rows.
fn rules(without: &[String]) -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let replaced: [Arc<dyn OptimizerRule + Send + Sync>; 6] = [
        Arc::new(GuardedCrossJoin::default()),
        Arc::new(GuardedEquijoin::default()),
        Arc::new(GuardedFilter::default()),
        Arc::new(GuardedLeafProjections::default()),
        Arc::new(KeepSortKeys::default()),
        Arc::new(KeepDistinct::default()),
    ];
    let mut rules = Optimizer::new().rules;
    for ours in replaced {
        if let Some(rule) = rules.iter_mut().find(|r| r.name() == ours.name()) {
            *rule = ours;
        }
    }
    let before = |rules: &mut Vec<Arc<dyn OptimizerRule + Send + Sync>>, name: &str, rule| {
        let place = rules.iter().position(|r| r.name() == name).unwrap_or(rules.len());
        rules.insert(place, rule);
    };
    before(&mut rules, "decorrelate_predicate_subquery", Arc::new(MarkSubqueryValues));
    before(&mut rules, "optimize_projections", Arc::new(MergeEqualProjections));
    before(&mut rules, "push_down_filter", Arc::new(DateBounds));
    for user in ["eliminate_join", "optimize_projections"] {
        before(&mut rules, user, Arc::new(KeepGroupKeys));
    }
    let optional: [(&str, &str, Arc<dyn OptimizerRule + Send + Sync>); 8] = [
        (FoldContradictions::NAME, "propagate_empty_relation", Arc::new(FoldContradictions)),
        (UngroupByKey::NAME, "replace_distinct_aggregate", Arc::new(UngroupByKey)),
        (DropReferencedJoins::NAME, "propagate_empty_relation", Arc::new(DropReferencedJoins)),
        (MergeSelfJoins::NAME, "propagate_empty_relation", Arc::new(MergeSelfJoins)),
        (CopyTopN::NAME, "push_down_filter", Arc::new(CopyTopN)),
        (AggregateBelowJoins::NAME, LAST, Arc::new(AggregateBelowJoins)),
        (ReduceGroupKeys::NAME, LAST, Arc::new(ReduceGroupKeys)),
        (SplitOrJoins::NAME, LAST, Arc::new(SplitOrJoins)),
    ];
    for (name, place, rule) in optional {
        if !without.iter().any(|w| w == name) {
            before(&mut rules, place, rule);
        }
    }
    rules
}

/// DataFusion's physical rules, after what they may build on is put right.
fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = PhysicalOptimizer::new().rules;
    for ours in GuardedFilterPushdown::both() {
        if let Some(rule) = rules.iter_mut().find(|rule| rule.name() == ours.name()) {
            *rule = Arc::new(ours);
        }
    }
    rules.insert(0, Arc::new(ForgetConstants));
    let filters = rules.iter().position(|rule| rule.name() == "FilterPushdown(Post)").unwrap_or(rules.len());
    rules.insert(filters, Arc::new(SortNestedKeys));
    rules.insert(filters, Arc::new(KeepMergeKeys));
    rules.insert(filters, Arc::new(GroupFloatsWhole));
    let checks = rules.iter().position(|rule| rule.name() == "SanityCheckPlan").unwrap_or(rules.len());
    rules.insert(checks, Arc::new(SortBelowMerges));
    rules
}
