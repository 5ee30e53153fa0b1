//! What a plan is estimated by: kept with a plan, and given again to make the same plan later.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::logical_expr::{LogicalPlan, TableScan};
use headwater_source::{Feedback, RemoteTable, SourceCost, TableMeta, TableName};
use parking_lot::Mutex;

/// Every estimate that the choices of a plan depend on: statistics of tables, what was learned of their filtered rows, and what
/// sources take.
///
/// Plans made from the same query with the same assumptions are the same. They hold numbers only, so which of them a plan is made
/// with never changes its rows.
#[derive(Debug, Clone, Default)]
pub struct Assumptions {
    /// Tables with the statistics that they had, by source and name.
    tables: HashMap<(String, TableName), Arc<TableMeta>>,
    /// What estimates of a table's rows with filters were multiplied by: by the number of the filters without constants, and
    /// which of several scans with it.
    factors: HashMap<(u64, usize), f64>,
    /// What statements of a source took.
    costs: BTreeMap<String, Option<SourceCost>>,
}

/// The assumptions of one run; an extension of its configuration. Without it plans are made with what is known now.
#[derive(Debug)]
pub struct Assumed {
    given: Option<Arc<Assumptions>>,
    used: Mutex<Assumptions>,
}

impl Assumed {
    /// What is known now; it is noted.
    pub fn now() -> Self {
        Self { given: None, used: Mutex::default() }
    }

    /// What was noted before.
    pub fn given(assumptions: Arc<Assumptions>) -> Self {
        Self { given: Some(assumptions), used: Mutex::default() }
    }

    /// What the plan was made with.
    pub fn used(&self) -> Arc<Assumptions> {
        match &self.given {
            Some(given) => Arc::clone(given),
            None => Arc::new(self.used.lock().clone()),
        }
    }

    /// The plan whose tables have the statistics that are assumed. To be called before every rule.
    pub fn statistics(&self, plan: &LogicalPlan) -> Result<LogicalPlan> {
        let Some(given) = &self.given else {
            self.note_statistics(plan)?;
            return Ok(plan.clone());
        };
        let assumed = plan.clone().transform_down_with_subqueries(|node| {
            let LogicalPlan::TableScan(scan) = &node else { return Ok(Transformed::no(node)) };
            Ok(match given.table(scan) {
                Some(scan) => Transformed::yes(LogicalPlan::TableScan(scan)),
                None => Transformed::no(node),
            })
        })?;
        Ok(assumed.data)
    }

    fn note_statistics(&self, plan: &LogicalPlan) -> Result<()> {
        let mut used = self.used.lock();
        plan.apply_with_subqueries(|node| {
            if let LogicalPlan::TableScan(scan) = node
                && let Ok(provider) = source_as_provider(&scan.source)
                && let Some(table) = provider.downcast_ref::<RemoteTable>()
            {
                used.tables.insert(key(table), Arc::clone(table.meta()));
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(())
    }

    /// What the rows of a scan with these filters, the `nth` of its kind, are multiplied by; `known` says what is known now.
    pub(crate) fn factor(&self, shape: u64, nth: usize, known: impl FnOnce() -> Option<f64>) -> Option<f64> {
        if let Some(given) = &self.given {
            return given.factors.get(&(shape, nth)).copied();
        }
        let factor = known()?;
        self.used.lock().factors.insert((shape, nth), factor);
        Some(factor)
    }

    /// What statements of a source take.
    pub(crate) fn cost(&self, source: &str, known: impl FnOnce() -> Option<SourceCost>) -> Option<SourceCost> {
        if let Some(given) = &self.given {
            return given.costs.get(source).copied().flatten();
        }
        *self.used.lock().costs.entry(source.to_owned()).or_insert_with(known)
    }
}

impl Assumptions {
    /// The scan of a table whose statistics were others.
    fn table(&self, scan: &TableScan) -> Option<TableScan> {
        let provider = source_as_provider(&scan.source).ok()?;
        let table = provider.downcast_ref::<RemoteTable>()?;
        let was = self.tables.get(&key(table)).filter(|was| !Arc::ptr_eq(was, table.meta()))?;
        let source = provider_as_source(Arc::new(table.with_statistics_of(was)));
        Some(TableScan { source, ..scan.clone() })
    }
}

fn key(table: &RemoteTable) -> (String, TableName) {
    (table.source().name().to_owned(), table.meta().name.clone())
}

/// The number of a scan's filters without constants.
pub(crate) fn shape(table: &RemoteTable, scan: &TableScan) -> u64 {
    Feedback::shape(table.source().name(), &table.meta().name, &scan.filters)
}
