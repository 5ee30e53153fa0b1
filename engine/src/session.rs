//! One user's session: defaults, settings, and the way from text to a prepared statement.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::catalog::TableProvider;
use datafusion::error::DataFusionError;
use datafusion::execution::{FunctionRegistry, SessionState};
use datafusion::logical_expr::{LogicalPlan, Statement as PlanStatement};
use datafusion::sql::parser::Statement as Parsed;
use headwater_common::{Error, ErrorKind, Limits, Result};
use headwater_optimizer::{ExactLiterals, FlattenSubqueries, OnlyRow};
use parking_lot::RwLock;

use crate::catalog::OWN_CATALOG;
use crate::engine::Engine;
use crate::error::{classify, of_statement};
use crate::exact_writes;
use crate::explain::{self, Explained};
use crate::float_literals;
use crate::function_hint;
use crate::guard::balance::balance;
use crate::guard::concat::CapFunctions;
use crate::guard::{expansion, kinds, multisets, planning, read_twice, recursion, shape, subqueries, whole_rows};
use crate::insert_values;
use crate::json_operators;
use crate::models::{self, ModelStatement};
use crate::native_query;
use crate::prepared::{Prepared, Work};
use crate::run::Tries;
use crate::scans_apart;
use crate::source_statement::{self, SourceStatement};
use crate::syntax::{aliases, ordinals, outer_fields};
use crate::unique_names;
use crate::view_arguments;
use crate::{missing_table, settled};

/// A session. Clones are handles to the same session.
#[derive(Clone)]
pub struct Session {
    pub(crate) engine: Engine,
    user: Arc<str>,
    pub(crate) inner: Arc<RwLock<SessionInner>>,
}

pub(crate) struct SessionInner {
    /// Shared with the statements that are being prepared; a change of a setting makes a new one.
    pub(crate) state: Arc<SessionState>,
    pub(crate) limits: Arc<Limits>,
    /// `limits.value_bytes`, read when functions are capped.
    value_bytes: Arc<AtomicU64>,
    /// The last statement of constants only: clients try a connection with the same one again and again.
    constant: Option<Prepared>,
}

/// The limits in force, for `system.settings`; an extension of the session's configuration.
#[derive(Debug)]
pub(crate) struct SessionLimits(pub(crate) Arc<Limits>);

impl SessionInner {
    /// The statement, if it was prepared with what is in force now.
    fn known(&self, sql: &str) -> Option<Prepared> {
        let alike = |known: &&Prepared| known.sql() == sql && known.is_prepared_with(&self.state);
        self.constant.as_ref().filter(alike).cloned()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Session {
    pub(crate) fn new(engine: Engine, user: &str) -> Self {
        let limits = Arc::clone(engine.limits());
        let mut state = engine.shared.state.clone();
        state.config_mut().set_extension(Arc::new(SessionLimits(Arc::clone(&limits))));
        let value_bytes = Arc::new(AtomicU64::new(limits.value_bytes));
        // DataFusion's own registry takes every function and rewrite.
        for function in crate::functions::of_user(user) {
            let _ = state.register_udf(Arc::new(function));
        }
        let _ = state.register_function_rewrite(Arc::new(CapFunctions::new(Arc::clone(&value_bytes))));
        Self {
            engine,
            user: user.into(),
            inner: Arc::new(RwLock::new(SessionInner { state: Arc::new(state), limits, value_bytes, constant: None })),
        }
    }

    /// The user's name.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The limits of this session.
    pub fn limits(&self) -> Arc<Limits> {
        Arc::clone(&self.inner.read().limits)
    }

    /// The default catalog and schema.
    pub fn defaults(&self) -> (String, String) {
        let inner = self.inner.read();
        let catalog = &inner.state.config_options().catalog;
        (catalog.default_catalog.clone(), catalog.default_schema.clone())
    }

    /// Changes the default catalog, the default schema or both. The catalog must exist.
    pub fn set_default(&self, catalog: Option<&str>, schema: Option<&str>) -> Result<()> {
        let mut inner = self.inner.write();
        if let Some(name) = catalog
            && inner.state.catalog_list().catalog(name).is_none()
        {
            let known = inner.state.catalog_list().catalog_names();
            let hint = headwater_common::nearest::hint(name, known.iter().map(String::as_str));
            return Err(Error::not_found(format!("there is no catalog \"{name}\"{hint}")));
        }
        let options = Arc::make_mut(&mut inner.state).config_mut().options_mut();
        if let Some(name) = catalog {
            options.catalog.default_catalog = name.to_owned();
        }
        if let Some(name) = schema {
            options.catalog.default_schema = name.to_owned();
        }
        Ok(())
    }

    /// Sets a session setting: `limits.*` (only lower than the engine's) or one of the few that DataFusion has.
    pub fn set(&self, key: &str, value: &str) -> Result<()> {
        crate::settings::set(self, key, value)
    }

    /// Sets a setting back to the engine's value.
    pub fn reset(&self, key: &str) -> Result<()> {
        crate::settings::reset(self, key)
    }

    /// A session setting as text.
    pub fn get(&self, key: &str) -> Result<String> {
        crate::settings::get(self, key)
    }

    /// Every setting that this session may change, with its value as text.
    pub fn settings(&self) -> Vec<(String, String)> {
        crate::settings::all(self)
    }

    /// Adds an in-memory table to Headwater's own catalog, as `headwater.public.NAME`; all sessions see it.
    pub fn register_table(&self, name: &str, table: Arc<dyn TableProvider>) -> Result<()> {
        let catalog = self.inner.read().state.catalog_list().catalog(OWN_CATALOG);
        let schema = catalog.and_then(|c| c.schema("public"));
        let schema = schema.ok_or_else(|| Error::internal("Headwater's own catalog is missing"))?;
        schema.register_table(name.to_owned(), table).map(drop).map_err(classify)
    }

    pub(crate) fn set_limits(&self, limits: Limits) {
        let mut inner = self.inner.write();
        inner.value_bytes.store(limits.value_bytes, Ordering::Relaxed);
        let limits = Arc::new(limits);
        Arc::make_mut(&mut inner.state).config_mut().set_extension(Arc::new(SessionLimits(Arc::clone(&limits))));
        inner.limits = limits;
    }

    /// Checks, parses and binds a statement. Nothing is sent to a source but what is needed to know its tables.
    pub async fn prepare(&self, sql: &str) -> Result<Prepared> {
        if let Some(known) = self.inner.read().known(sql) {
            return Ok(known);
        }
        let prepared = self.prepare_unknown(sql).await?;
        if prepared.is_constant() {
            self.inner.write().constant = Some(prepared.clone());
        }
        Ok(prepared)
    }

    async fn prepare_unknown(&self, sql: &str) -> Result<Prepared> {
        if let Some(statement) = source_statement::parse(sql)? {
            if statement == SourceStatement::Show {
                return self.prepare_plan(sql, "SELECT * FROM system.sources").await;
            }
            if !self.engine.config().engine.allow_source_ddl {
                return Err(Error::denied("statements about sources are switched off by engine.allow_source_ddl"));
            }
            let state = Arc::clone(&self.inner.read().state);
            return Prepared::new(sql, Work::Source(statement), 0, &state);
        }
        if let Some(statement) = models::parse(sql)? {
            return self.prepare_model(sql, statement).await;
        }
        match crate::settings::show(sql)? {
            Some(query) => self.prepare_plan(sql, &query).await,
            None => self.prepare_plan(sql, sql).await,
        }
    }

    async fn prepare_model(&self, sql: &str, statement: ModelStatement) -> Result<Prepared> {
        match statement {
            ModelStatement::Show => self.prepare_plan(sql, "SELECT * FROM system.models").await,
            ModelStatement::Train(query) => self.prepare_plan(sql, &query).await,
            ModelStatement::Retrain(name) => {
                let manifest = self.engine.models().describe(&name).await?;
                let query = models::training(&name, manifest.version(None)?)?;
                self.prepare_plan(sql, &query).await
            }
            other => {
                let state = Arc::clone(&self.inner.read().state);
                Prepared::new(sql, Work::Model(other), 0, &state)
            }
        }
    }

    async fn prepare_plan(&self, sql: &str, effective: &str) -> Result<Prepared> {
        let mut tries = Tries::default();
        loop {
            match self.bind(sql, effective).await {
                Err(e) if tries.again(&e).await => {}
                bound => {
                    let catalogs = self.engine.shared.sources.list.as_ref();
                    return bound.map_err(|e| missing_table::with_hint(of_statement(e, effective), catalogs));
                }
            }
        }
    }

    async fn bind(&self, sql: &str, effective: &str) -> Result<Prepared> {
        let (mut state, limits) = {
            let inner = self.inner.read();
            (Arc::clone(&inner.state), Arc::clone(&inner.limits))
        };
        let tokens = shape::check(effective, &limits)?;
        let text = crate::keyword_forms::readable(&crate::placeholders::number(effective)?);
        let text = crate::table_argument::to_query(&text);
        let (engine, sources) = (self.engine.config().engine.clone(), Arc::clone(self.engine.sources()));
        let (original, bounds) = (sql.to_owned(), Arc::clone(&limits));
        let resolvers = self.engine.shared.resolvers.clone();
        let bind = async move {
            let dialect = state.config_options().sql_parser.dialect;
            let (asked, explained) = explain::explained(&text, &state)?.unzip();
            let mut statement = match explained {
                Some(statement) => statement,
                None => state.sql_to_statement(&text, &dialect).map_err(classify)?,
            };
            expansion::check(&statement, &bounds)?;
            crate::syntax::correct(&mut statement)?;
            balance(&mut statement);
            unique_names::make(&mut statement);
            multisets::check(&mut statement)?;
            whole_rows::check(&mut statement)?;
            read_twice::check(&mut statement, &state)?;
            view_arguments::resolve(&mut statement, &mut state, &sources).await?;
            float_literals::mark(&mut statement)?;
            settled::mark(&mut statement);
            json_operators::bind_tightly(&mut statement)?;
            native_query::resolve(&statement, &mut state, &sources, engine.allow_native_queries).await?;
            for resolve in resolvers {
                resolve(&statement, &mut state).await?;
            }
            let planned = planned(&state, statement.clone()).await;
            let plan = match under_other_aliases(&planned, statement) {
                Some(renamed) => self::planned(&state, renamed).await.or(planned),
                None => planned,
            };
            let plan = plan.map_err(classify)?;
            recursion::check(&plan)?;
            let plan = ExactLiterals::rewrite(plan).and_then(exact_writes::make).and_then(scans_apart::make);
            let plan = plan.map_err(classify)?;
            kinds::check(&plan, &engine)?;
            let plan = computable(plan, &state)?;
            let work = match plan {
                LogicalPlan::Statement(PlanStatement::SetVariable(set)) if asked.is_none() => {
                    Work::Set(set.variable, Some(set.value))
                }
                LogicalPlan::Statement(PlanStatement::ResetVariable(reset)) if asked.is_none() => {
                    Work::Set(reset.variable, None)
                }
                plan => match asked {
                    None => Work::Plan(plan),
                    Some(asked) => {
                        explain::check(&plan, asked)?;
                        if asked == Explained::PushDown { Work::PushDown(plan) } else { Work::Rewrites(plan) }
                    }
                },
            };
            Prepared::new(&original, work, tokens, &state)
        };
        planning::run(tokens, &limits, bind).await
    }

    pub(crate) async fn run_model_statement(&self, statement: &ModelStatement) -> Result<u64> {
        let models = self.engine.models();
        match statement {
            ModelStatement::Drop { name, version, if_exists } => {
                let dropped = match version {
                    Some(number) => models.drop_version(name, *number).await,
                    None => models.drop_model(name).await,
                };
                match dropped {
                    Err(e) if *if_exists && e.kind() == ErrorKind::NotFound => Ok(0),
                    other => other.map(|()| 1),
                }
            }
            ModelStatement::SetDefault { name, version } => models.set_default(name, *version).await.map(|()| 1),
            ModelStatement::Train(_) | ModelStatement::Retrain(_) | ModelStatement::Show => Ok(0),
        }
    }

    pub(crate) async fn run_source_statement(&self, statement: &SourceStatement) -> Result<u64> {
        match statement {
            SourceStatement::Create { name, kind, options, if_not_exists } => {
                if *if_not_exists && self.engine.sources().get(name).is_ok() {
                    return Ok(0);
                }
                self.engine.create_source(name, kind, options).await?;
            }
            SourceStatement::Drop { name, if_exists } => {
                if *if_exists && self.engine.sources().get(name).is_err() {
                    return Ok(0);
                }
                self.engine.drop_source(name).await?;
                if self.defaults().0 == *name {
                    self.set_default(Some(OWN_CATALOG), Some("public"))?;
                }
            }
            SourceStatement::Refresh { name } => self.engine.refresh_source(name).await?,
            SourceStatement::Show => {}
        }
        Ok(1)
    }
}

/// The plan of a statement, which is rewritten where planning fails as it stands.
async fn planned(state: &SessionState, mut statement: Parsed) -> Result<LogicalPlan, DataFusionError> {
    let mut again = Rewritten::default();
    loop {
        match insert_values::plan(state, statement.clone()).await {
            Err(e) if again.helps(&e, &mut statement) => {}
            planned => return planned.map_err(|e| function_hint::steady(e, state)),
        }
    }
}

/// The statement with other aliases of its tables, when one may have been taken for a column.
fn under_other_aliases(planned: &Result<LogicalPlan, DataFusionError>, mut statement: Parsed) -> Option<Parsed> {
    let renamed = match planned {
        Ok(plan) => {
            let fields = aliases::of_fields(plan);
            !fields.is_empty() && aliases::rename(&mut statement, Some(&fields))
        }
        Err(e) => aliases::is_no_record(e) && aliases::rename(&mut statement, None),
    };
    renamed.then_some(statement)
}

/// Columns around a sub-query whose fields it names, at most, so that a statement is planned no more often.
const OUTER_COLUMNS_MAX: u32 = 32;

/// What of a statement was rewritten because planning failed as it stood.
#[derive(Default)]
struct Rewritten {
    names: bool,
    ordinals: bool,
    outer_columns: u32,
}

impl Rewritten {
    /// Whether the statement was rewritten so that this error may not come again.
    fn helps(&mut self, error: &DataFusionError, statement: &mut Parsed) -> bool {
        if !self.names && unique_names::is_repetition(error) {
            unique_names::make_all(statement);
            self.names = true;
            return true;
        }
        if !self.ordinals && ordinals::is_unknown_key(error) {
            ordinals::spell_out(statement);
            self.ordinals = true;
            return true;
        }
        self.outer_columns += 1;
        self.outer_columns <= OUTER_COLUMNS_MAX
            && outer_fields::column(error).is_some_and(|column| outer_fields::open(statement, &column))
    }
}

/// The plan with sub-queries that can be computed, or why there is none. What else is wrong with it is said when it runs, with its
/// parameters.
fn computable(plan: LogicalPlan, state: &SessionState) -> Result<LogicalPlan> {
    if !subqueries::has_any(&plan)? {
        return Ok(plan);
    }
    subqueries::check_aggregates(&plan)?;
    let plan = FlattenSubqueries::lossy(&plan).map_err(classify)?.unwrap_or(plan);
    let Err(refused) = computed(&plan, state) else { return Ok(plan) };
    let rewritings: [fn(&LogicalPlan) -> Option<LogicalPlan>; 2] =
        [|plan| OnlyRow::apply(plan).ok().flatten(), FlattenSubqueries::all];
    for other in rewritings.into_iter().filter_map(|rewrite| rewrite(&plan)) {
        match computed(&other, state) {
            Ok(()) => return Ok(other),
            Err(reason) => {
                tracing::debug!(?reason, plan = %other.display_indent(), "rewritten sub-queries are refused too")
            }
        }
    }
    refused.map_or(Ok(plan), Err)
}

/// Whether every sub-query of a plan becomes a part of it that can be computed; if not, what to say of it.
fn computed(plan: &LogicalPlan, state: &SessionState) -> Result<(), Option<Error>> {
    match state.optimize(plan) {
        Ok(optimized) => match subqueries::check(&optimized) {
            Ok(()) if subqueries::names_unknown_columns(&optimized) => Err(None),
            checked => checked.map_err(Some),
        },
        Err(e) => Err(match subqueries::two_levels(plan) {
            Some(refused) => Some(refused),
            None if headwater_source::error::find(&e).is_some() => Some(classify(e)),
            None => None,
        }),
    }
}
