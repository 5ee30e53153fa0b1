//! Finds the cut from the top down: the first part that passes the gate and that its source can compute is replaced.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{FetchType, Limit, LogicalPlan, SkipType, Sort, Subquery};
use datafusion::prelude::Expr;
use headwater_source::{Kept, RemoteQuery, RemoteSource};

use super::KeptPart;
use super::gate::{Gate, gate};
use super::leaf::leaf;
use super::survey::{Node, ROWS_PARALLEL, is_read_here};

/// Longest description of a part, in characters.
const PART_CHARS: usize = 200;

/// A part with what its source computes replaced.
pub(super) struct Cut {
    pub(super) plan: LogicalPlan,
    /// Something of it is computed here.
    pub(super) here: bool,
}

/// Cuts one plan.
pub(super) struct Cutter {
    partitions: usize,
    /// Numbers of the statements so far: equal ones are one table, so that DataFusion sees that they are equal, and different
    /// ones never are.
    numbers: HashMap<(String, Vec<String>), usize>,
    kept: Vec<KeptPart>,
    /// What became statements, with their sources.
    pushed: Vec<(String, String)>,
    seen: HashSet<(String, String)>,
}

impl Cutter {
    pub(super) fn new(partitions: usize) -> Self {
        Self { partitions, numbers: HashMap::new(), kept: Vec::new(), pushed: Vec::new(), seen: HashSet::new() }
    }

    pub(super) fn into_kept(self) -> Vec<KeptPart> {
        self.kept
    }

    /// What became statements as parts that stay here for this reason, and every part that stays here for another.
    pub(super) fn into_all(self, reason: &str) -> Vec<KeptPart> {
        let pushed = self
            .pushed
            .into_iter()
            .map(|(source, part)| KeptPart { source: Some(source), kept: Kept { part, reason: reason.to_owned() } });
        pushed.chain(self.kept).collect()
    }

    /// The plan of a node with the largest parts replaced.
    pub(super) fn cut(&mut self, node: &Node<'_>) -> Result<Cut> {
        if let Some(source) = node.place.single() {
            let source = Arc::clone(source);
            match gate(node) {
                Gate::Push => {
                    if let Some(cut) = self.push(node, &source)? {
                        return Ok(cut);
                    }
                }
                Gate::Keep(Some(reason)) => self.keep(node, describe(node.plan), reason),
                Gate::Keep(None) => {}
            }
        }
        self.stay(node)
    }

    /// Replaces a node, or as much of it as its source computes; `None` when that is nothing.
    fn push(&mut self, node: &Node<'_>, source: &Arc<dyn RemoteSource>) -> Result<Option<Cut>> {
        if let LogicalPlan::Limit(limit) = node.plan {
            return self.push_limit(node, limit, source);
        }
        if let Some(query) = self.translate(node, node.plan, source) {
            let pushed = self.replace(node.plan, query, &node.estimate)?;
            // The order of rows is this engine's matter.
            return Ok(Some(match node.plan {
                LogicalPlan::Sort(sort) => Cut { plan: sort_again(sort, pushed), here: true },
                _ => Cut { plan: pushed, here: false },
            }));
        }
        match node.plan {
            LogicalPlan::Filter(filter) => self.split_filter(filter, &node.inputs, source),
            LogicalPlan::Aggregate(aggregate) => match self.split_average(aggregate, source)? {
                Some(cut) => Ok(Some(cut)),
                None => self.split_groups(aggregate, source),
            },
            LogicalPlan::Join(join) => self.split_join(join, source),
            _ => Ok(None),
        }
    }

    /// The source returns as many rows as are skipped and returned; skipping stays here.
    fn push_limit(&mut self, node: &Node<'_>, limit: &Limit, source: &Arc<dyn RemoteSource>) -> Result<Option<Cut>> {
        let (SkipType::Literal(skip), FetchType::Literal(Some(fetch))) = (limit.get_skip_type()?, limit.get_fetch_type()?)
        else {
            return Ok(None);
        };
        let Ok(all) = i64::try_from(skip.saturating_add(fetch)) else { return Ok(None) };
        let fetch = Expr::Literal(ScalarValue::Int64(Some(all)), None);
        let first = Limit { skip: None, fetch: Some(Box::new(fetch)), input: Arc::clone(&limit.input) };
        let first = LogicalPlan::Limit(first);
        let Some(query) = self.translate(node, &first, source) else { return Ok(None) };
        let pushed = self.replace(&first, query, &node.estimate)?;
        let plan = LogicalPlan::Limit(Limit { input: Arc::new(pushed), ..limit.clone() });
        Ok(Some(Cut { plan, here: true }))
    }

    /// Asks the source; writes down why not.
    pub(super) fn translate(
        &mut self,
        node: &Node<'_>,
        plan: &LogicalPlan,
        source: &Arc<dyn RemoteSource>,
    ) -> Option<RemoteQuery> {
        let ranges = usize::try_from(node.largest_scan / (ROWS_PARALLEL / 2)).unwrap_or(usize::MAX);
        match source.translate(plan, self.partitions.min(ranges).max(1)) {
            Ok(query) if fits(&query, plan) => Some(query),
            Ok(_) => {
                self.keep(node, describe(plan), "the source would send columns of other types".to_owned());
                None
            }
            Err(parts) => {
                for Kept { part, reason } in parts {
                    self.keep(node, part, reason);
                }
                None
            }
        }
    }

    /// The result of a statement in the place of `plan`.
    pub(super) fn replace(
        &mut self,
        plan: &LogicalPlan,
        query: RemoteQuery,
        estimate: &super::estimate::Estimate,
    ) -> Result<LogicalPlan> {
        self.pushed.push((query.source.clone(), describe(plan)));
        let texts = query.texts.iter().map(|t| t.text.clone()).collect();
        let next = self.numbers.len() + 1;
        let number = *self.numbers.entry((query.source.clone(), texts)).or_insert(next);
        leaf(plan, query, estimate, number)
    }

    /// A node that is computed here, over its inputs as far as they can be cut.
    fn stay(&mut self, node: &Node<'_>) -> Result<Cut> {
        let mut input_here = false;
        let mut inputs = Vec::with_capacity(node.inputs.len());
        for input in &node.inputs {
            let cut = self.cut(input)?;
            input_here |= cut.here;
            inputs.push(cut.plan);
        }
        self.wonder(node, input_here);
        let mut inputs = inputs.into_iter();
        let next = |old| Ok(inputs.next().map_or_else(|| Transformed::no(old), Transformed::yes));
        let plan = node.plan.clone().map_children(next)?.data;
        let plan = self.subqueries(plan)?;
        let trivial = match node.plan {
            LogicalPlan::SubqueryAlias(_) => true,
            LogicalPlan::TableScan(_) => !is_read_here(node.plan),
            LogicalPlan::Projection(projection) => projection.expr.iter().all(|e| matches!(e, Expr::Column(_))),
            _ => false,
        };
        Ok(Cut { plan, here: input_here || !trivial })
    }

    /// Cuts the sub-queries in a node's expressions, each by itself.
    pub(super) fn subqueries(&mut self, plan: LogicalPlan) -> Result<LogicalPlan> {
        let plan = plan.map_uncorrelated_subqueries(|subquery| {
            let LogicalPlan::Subquery(inner) = subquery else { return Ok(Transformed::no(subquery)) };
            let cut = self.cut(&Node::survey(&inner.subquery)?)?;
            Ok(Transformed::yes(LogicalPlan::Subquery(Subquery { subquery: Arc::new(cut.plan), ..inner })))
        })?;
        Ok(plan.data)
    }

    /// Says why a node is computed here when no source was asked about it.
    fn wonder(&mut self, node: &Node<'_>, input_here: bool) {
        let part = || describe(node.plan);
        match node.plan {
            LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_) | LogicalPlan::Subquery(_) => {}
            LogicalPlan::TableScan(_) if is_read_here(node.plan) => {
                self.keep(node, part(), "it is read here: its source computes no queries".to_owned());
            }
            LogicalPlan::TableScan(_) | LogicalPlan::EmptyRelation(_) | LogicalPlan::Values(_) => {}
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => {
                self.keep(node, part(), "rows are put in order here, and all of them are needed".to_owned());
            }
            _ if node.place.names.len() > 1 && node.inputs.len() > 1 => {
                let names: Vec<&str> = node.place.names.iter().map(String::as_str).collect();
                self.keep(node, part(), format!("its inputs are in several places: {}", names.join(", ")));
            }
            _ if input_here => self.keep(node, part(), "its input is computed here".to_owned()),
            _ => {}
        }
    }

    fn keep(&mut self, node: &Node<'_>, part: String, reason: String) {
        if self.seen.insert((part.clone(), reason.clone())) {
            let source = node.place.single().map(|s| s.name().to_owned());
            self.kept.push(KeptPart { source, kept: Kept { part, reason } });
        }
    }
}

/// Whether the columns of a statement are those of the plan.
fn fits(query: &RemoteQuery, plan: &LogicalPlan) -> bool {
    let fields = plan.schema().fields();
    !query.texts.is_empty()
        && query.columns.len() == fields.len()
        && query.columns.iter().zip(fields).all(|(column, field)| column.field.data_type() == field.data_type())
}

fn sort_again(sort: &Sort, input: LogicalPlan) -> LogicalPlan {
    LogicalPlan::Sort(Sort { input: Arc::new(input), ..sort.clone() })
}

/// A node as a user reads it.
pub(super) fn describe(plan: &LogicalPlan) -> String {
    let text = plan.display().to_string();
    match text.char_indices().nth(PART_CHARS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
