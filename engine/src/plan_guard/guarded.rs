//! Plans a statement with what the guard assumes, and measures its runs.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::source_as_provider;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use headwater_common::Result;
use headwater_optimizer::{Assumed, Assumptions};
use headwater_source::RemoteTable;
use parking_lot::Mutex;

use super::{Choices, Guarded, PlanGuard, number_of};
use crate::error::classify;
use crate::run::plan_physical;
use crate::settings::learns;

/// A statement as the guard knows it.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    /// Number of its text and of the settings of its session that choose plans.
    pub(crate) fingerprint: u64,
    /// Its text without constants.
    pub(crate) text: Arc<str>,
}

impl Statement {
    /// The statement with this text in a session; `None` when the session's plans are not guarded.
    pub(crate) fn new(text: Arc<str>, state: &SessionState) -> Option<Self> {
        if state.config().get_extension::<Guarded>().is_some_and(|guarded| !guarded.0) {
            return None;
        }
        let options = state.config_options();
        let (catalog, prefers_hash) = (&options.catalog, options.optimizer.prefer_hash_join);
        let settings = (&catalog.default_catalog, &catalog.default_schema, prefers_hash, learns(state.config()));
        Some(Self { fingerprint: number_of(&(&text, settings)), text })
    }
}

/// The tables of a plan.
#[derive(Debug)]
pub(super) struct Tables {
    /// Number of their names, columns and keys.
    pub(super) number: u64,
    /// Their sources.
    pub(super) sources: BTreeSet<String>,
}

impl Tables {
    /// Of a plan that reads remote tables; `None` for others, whose plans follow from the statement alone.
    fn of(plan: &LogicalPlan) -> Result<Option<Self>> {
        let (mut hasher, mut sources) = (DefaultHasher::new(), BTreeSet::new());
        plan.apply_with_subqueries(|node| {
            if let LogicalPlan::TableScan(scan) = node {
                scan.table_name.hash(&mut hasher);
                scan.source.schema().fields().hash(&mut hasher);
                if let Ok(provider) = source_as_provider(&scan.source)
                    && let Some(table) = provider.downcast_ref::<RemoteTable>()
                {
                    let (meta, source) = (table.meta(), table.source().name());
                    let references = meta.foreign_keys.iter().map(|key| (&key.columns, &key.references, key.holds));
                    let references: Vec<_> = references.collect();
                    (source, &meta.name, &meta.primary_key, &meta.unique_keys, references).hash(&mut hasher);
                    sources.insert(source.to_owned());
                }
            }
            Ok(TreeNodeRecursion::Continue)
        })
        .map_err(classify)?;
        Ok((!sources.is_empty()).then(|| Self { number: hasher.finish(), sources }))
    }
}

/// A run whose time will be told.
#[derive(Debug)]
struct Watch {
    guard: Arc<PlanGuard>,
    fingerprint: u64,
    plan: u64,
}

/// The run of a query, from its start to its last row. Only one that started once and ran to its end says something.
#[derive(Debug, Default)]
pub(crate) struct Timed {
    watch: Mutex<(u32, Option<Watch>)>,
}

impl Timed {
    /// A plan starts; a second one in the same run is not comparable.
    fn start(&self, watch: Option<Watch>) {
        let mut held = self.watch.lock();
        let first = held.0 == 0;
        *held = (held.0 + 1, watch.filter(|_| first));
    }

    /// All rows have come; their reader has waited so long.
    pub(crate) fn ended(&self, micros: f64) {
        let watch = self.watch.lock().1.take();
        if let Some(Watch { guard, fingerprint, plan }) = watch {
            guard.ended(fingerprint, plan, micros);
        }
    }
}

impl PlanGuard {
    /// The bound plan and the state to explain a statement with: what its next run would be planned with.
    pub(crate) fn assumed(
        &self,
        statement: Option<&Statement>,
        state: &mut SessionState,
        plan: &LogicalPlan,
    ) -> Result<LogicalPlan> {
        let inner = match plan {
            LogicalPlan::Explain(explain) => explain.plan.as_ref(),
            LogicalPlan::Analyze(analyze) => analyze.input.as_ref(),
            other => other,
        };
        let given = match (statement, Tables::of(inner)?) {
            (Some(statement), Some(tables)) => self.look(statement.fingerprint, &tables),
            _ => None,
        };
        match given {
            Some(given) => assume(state, plan, Assumed::given(given)).map(|(plan, _)| plan),
            None => Ok(plan.clone()),
        }
    }

    /// The physical plan of a statement that is going to run, and the bound one that it was made of; `None` for a change that is
    /// proven to change nothing.
    pub(crate) async fn plan(
        self: &Arc<Self>,
        statement: Option<&Statement>,
        state: &mut SessionState,
        plan: &LogicalPlan,
        parameters: &[ScalarValue],
        timed: &Timed,
    ) -> Result<Option<(Arc<dyn ExecutionPlan>, LogicalPlan)>> {
        let explains = matches!(plan, LogicalPlan::Explain(_) | LogicalPlan::Analyze(_));
        let guarded = match plan {
            LogicalPlan::Dml(_) => None,
            _ if explains => {
                let plan = self.assumed(statement, state, plan)?;
                return Ok(plan_physical(state, &plan, parameters).await?.map(|physical| (physical, plan)));
            }
            query => statement.zip(Tables::of(query)?),
        };
        let Some((statement, tables)) = guarded else {
            timed.start(None);
            return Ok(plan_physical(state, plan, parameters).await?.map(|physical| (physical, plan.clone())));
        };
        let fingerprint = statement.fingerprint;
        let given = self.begin(fingerprint, &tables);
        let is_given = given.is_some();
        let assumed = given.map_or_else(Assumed::now, Assumed::given);
        let (assuming, assumed) = assume(state, plan, assumed)?;
        let Some(physical) = plan_physical(state, &assuming, parameters).await? else { return Ok(None) };
        let choices = Choices::of(&physical);
        let number = choices.number;
        if let (false, base) = self.knows(fingerprint, number) {
            let before = match base.filter(|_| !is_given) {
                Some(base) => self.choices_with(base, state, plan, parameters).await?,
                // With the assumptions of the good plans it is one of them.
                None => is_given.then_some(number),
            };
            self.add(statement, &tables, choices, before, assumed.used());
        }
        timed.start(Some(Watch { guard: Arc::clone(self), fingerprint, plan: number }));
        Ok(Some((physical, assuming)))
    }

    /// The plan that other assumptions make.
    async fn choices_with(
        &self,
        base: Arc<Assumptions>,
        state: &SessionState,
        plan: &LogicalPlan,
        parameters: &[ScalarValue],
    ) -> Result<Option<u64>> {
        let mut state = state.clone();
        let (plan, _) = assume(&mut state, plan, Assumed::given(base))?;
        let physical = plan_physical(&state, &plan, parameters).await?;
        Ok(physical.map(|physical| Choices::of(&physical).number))
    }
}

/// The plan with its statistics as assumed, in a state that knows what is assumed of the rest.
fn assume(state: &mut SessionState, plan: &LogicalPlan, assumed: Assumed) -> Result<(LogicalPlan, Arc<Assumed>)> {
    let assumed = Arc::new(assumed);
    state.config_mut().set_extension(Arc::clone(&assumed));
    let plan = assumed.statistics(plan).map_err(classify)?;
    Ok((plan, assumed))
}
