//! A plan with what the cut needs to know of every node.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::{LogicalPlan, TableScan};
use headwater_source::{RemoteQueryTable, RemoteSource, RemoteTable, TableName};

use super::estimate::Estimate;
use super::gate;

/// A table with at least so many rows is read in several ranges at once.
pub(super) const ROWS_PARALLEL: u64 = 100_000;

/// Where the tables of a sub-plan are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Place {
    source: Option<Arc<dyn RemoteSource>>,
    /// Sources, and catalogs that are none.
    pub(super) names: BTreeSet<String>,
    /// A part of it can be read only by this engine.
    here: bool,
}

impl Place {
    fn of(scan: &TableScan) -> Self {
        let provider = source_as_provider(&scan.source).ok();
        if let Some(table) = provider.as_ref().and_then(|p| p.downcast_ref::<RemoteTable>()) {
            let source = Arc::clone(table.source());
            return Self { names: BTreeSet::from([source.name().to_owned()]), source: Some(source), here: false };
        }
        let query = provider.as_ref().and_then(|p| p.downcast_ref::<RemoteQueryTable>());
        let name = query.map_or_else(
            || scan.table_name.catalog().unwrap_or(scan.table_name.table()).to_owned(),
            |q| q.query().source.clone(),
        );
        Self { source: None, names: BTreeSet::from([name]), here: true }
    }

    fn add(&mut self, other: &Self) {
        if self.source.is_none() {
            self.source.clone_from(&other.source);
        }
        self.names.extend(other.names.iter().cloned());
        self.here |= other.here;
    }

    /// The one source that has all the tables.
    pub(crate) fn single(&self) -> Option<&Arc<dyn RemoteSource>> {
        self.source.as_ref().filter(|_| !self.here && self.names.len() == 1)
    }
}

/// The one source that has all tables of a plan.
pub(crate) fn source_of_all(plan: &LogicalPlan) -> Option<Arc<dyn RemoteSource>> {
    let mut place = Place::default();
    let looked = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            place.add(&Place::of(scan));
        }
        Ok(TreeNodeRecursion::Continue)
    });
    looked.ok()?;
    place.single().cloned()
}

/// One node of a plan.
#[derive(Debug)]
pub(crate) struct Node<'a> {
    pub(super) plan: &'a LogicalPlan,
    pub(super) inputs: Vec<Node<'a>>,
    pub(crate) place: Place,
    pub(crate) estimate: Estimate,
    /// What would leave the sources if all of this were translated in the best way; `None` when it is not known.
    pub(super) ideal: Option<f64>,
    /// The same for the inputs and sub-queries of this node, each by itself.
    pub(super) apart: Option<f64>,
    /// Rows of the largest table below.
    pub(super) largest_scan: u64,
    /// Whether a sort decides the order of its rows.
    pub(super) ordered: bool,
}

impl<'a> Node<'a> {
    /// Looks at a whole plan.
    pub(crate) fn survey(plan: &'a LogicalPlan) -> Result<Self> {
        let inputs = plan.inputs().into_iter().map(Self::survey).collect::<Result<Vec<_>>>()?;
        let mut place = match plan {
            LogicalPlan::TableScan(scan) => Place::of(scan),
            _ => Place::default(),
        };
        let mut apart = Some(0.0);
        let mut largest_scan = rows_of_table(plan);
        let mut add = |node: &Node<'_>| {
            place.add(&node.place);
            apart = apart.zip(node.ideal).map(|(sum, bytes)| sum + bytes);
            largest_scan = largest_scan.max(node.largest_scan);
        };
        inputs.iter().for_each(&mut add);
        plan.apply_subqueries(|subquery| {
            add(&Node::survey(subquery)?);
            Ok(TreeNodeRecursion::Continue)
        })?;
        let estimates: Vec<&Estimate> = inputs.iter().map(|n| &n.estimate).collect();
        let estimate = Estimate::of(plan, &estimates);
        let ordered = match plan {
            LogicalPlan::Sort(_) => true,
            LogicalPlan::Projection(_)
            | LogicalPlan::SubqueryAlias(_)
            | LogicalPlan::Filter(_)
            | LogicalPlan::Limit(_)
            | LogicalPlan::Window(_)
            | LogicalPlan::Subquery(_) => inputs.iter().any(|n| n.ordered),
            _ => false,
        };
        let mut node = Self { plan, inputs, place, estimate, ideal: None, apart, largest_scan, ordered };
        node.ideal = gate::ideal(&node);
        Ok(node)
    }
}

/// A source and tables of it.
type TablesOfSource = (Arc<dyn RemoteSource>, Vec<TableName>);

/// Tables that are read in several ranges, by their source.
pub(super) fn large_tables(plan: &LogicalPlan) -> Result<Vec<TablesOfSource>> {
    let mut found: Vec<TablesOfSource> = Vec::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && rows_of_table(node) >= ROWS_PARALLEL
            && let Ok(provider) = source_as_provider(&scan.source)
            && let Some(table) = provider.downcast_ref::<RemoteTable>()
        {
            let (source, name) = (table.source(), table.meta().name.clone());
            match found.iter_mut().find(|(known, _)| known.name() == source.name()) {
                Some((_, names)) if names.contains(&name) => {}
                Some((_, names)) => names.push(name),
                None => found.push((Arc::clone(source), vec![name])),
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found)
}

fn rows_of_table(plan: &LogicalPlan) -> u64 {
    let LogicalPlan::TableScan(scan) = plan else { return 0 };
    let Ok(provider) = source_as_provider(&scan.source) else { return 0 };
    provider.downcast_ref::<RemoteTable>().and_then(|t| t.meta().row_count).unwrap_or(0)
}

/// Whether a leaf is a table that this engine reads by itself.
pub(super) fn is_read_here(plan: &LogicalPlan) -> bool {
    let LogicalPlan::TableScan(scan) = plan else { return false };
    let Ok(provider) = source_as_provider(&scan.source) else { return true };
    provider.downcast_ref::<RemoteTable>().is_none() && provider.downcast_ref::<RemoteQueryTable>().is_none()
}
