//! A filter, or the condition of a join, of which a source computes only some terms.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{Filter, Join, JoinType, LogicalPlan};
use datafusion::prelude::Expr;
use headwater_source::RemoteSource;

use super::cut::{Cut, Cutter};
use super::gate::{Gate, gate};
use super::survey::Node;

/// Most translations that are tried to find the terms that can go.
const TRIES_MAX: usize = 64;

impl Cutter {
    /// Sends the terms that the source computes, and keeps the others above.
    pub(super) fn split_filter(
        &mut self,
        filter: &Filter,
        inputs: &[Node<'_>],
        source: &Arc<dyn RemoteSource>,
    ) -> Result<Option<Cut>> {
        let terms: Vec<&Expr> = split_conjunction(&filter.predicate);
        if terms.len() < 2 || inputs.iter().any(|i| i.ordered) || source.translate(&filter.input, 1).is_err() {
            return Ok(None);
        }
        let mut tries = TRIES_MAX;
        let mut goes = Vec::with_capacity(terms.len());
        translatable(source, &filter.input, &terms, &mut tries, &mut goes);
        let side = |wanted: bool| terms.iter().zip(&goes).filter(move |(_, g)| **g == wanted).map(|(t, _)| (*t).clone());
        let (Some(there), Some(here)) = (conjunction(side(true)), conjunction(side(false))) else { return Ok(None) };
        let below = LogicalPlan::Filter(Filter::try_new(there, Arc::clone(&filter.input))?);
        let node = Node::survey(&below)?;
        if gate(&node) != Gate::Push {
            return Ok(None);
        }
        let Some(query) = self.translate(&node, &below, source) else { return Ok(None) };
        let pushed = self.replace(&below, query, &node.estimate)?;
        self.filtered(here, pushed).map(Some)
    }

    /// Sends an inner join without the terms that the source does not compute; they filter its rows here.
    pub(super) fn split_join(&mut self, join: &Join, source: &Arc<dyn RemoteSource>) -> Result<Option<Cut>> {
        let (Some(condition), JoinType::Inner, false) = (&join.filter, join.join_type, join.on.is_empty()) else {
            return Ok(None);
        };
        let bare = LogicalPlan::Join(Join { filter: None, ..join.clone() });
        let filter = Filter::try_new(condition.clone(), Arc::new(bare.clone()))?;
        let node = Node::survey(&bare)?;
        if let Some(cut) = self.split_filter(&filter, std::slice::from_ref(&node), source)? {
            return Ok(Some(cut));
        }
        if gate(&node) != Gate::Push {
            return Ok(None);
        }
        let Some(query) = self.translate(&node, &bare, source) else { return Ok(None) };
        let pushed = self.replace(&bare, query, &node.estimate)?;
        self.filtered(filter.predicate, pushed).map(Some)
    }

    fn filtered(&mut self, predicate: Expr, input: LogicalPlan) -> Result<Cut> {
        let plan = LogicalPlan::Filter(Filter::try_new(predicate, Arc::new(input))?);
        Ok(Cut { plan: self.subqueries(plan)?, here: true })
    }
}

/// For each term whether it can go; a term that is not tried stays.
fn translatable(
    source: &Arc<dyn RemoteSource>,
    input: &Arc<LogicalPlan>,
    terms: &[&Expr],
    tries: &mut usize,
    goes: &mut Vec<bool>,
) {
    let together = conjunction(terms.iter().map(|t| (*t).clone()));
    let filter = together.and_then(|all| Filter::try_new(all, Arc::clone(input)).ok()).filter(|_| *tries > 0);
    *tries = tries.saturating_sub(1);
    let all = filter.is_some_and(|filter| source.translate(&LogicalPlan::Filter(filter), 1).is_ok());
    if all || terms.len() < 2 || *tries == 0 {
        goes.extend(terms.iter().map(|_| all));
        return;
    }
    let (first, second) = terms.split_at(terms.len() / 2);
    translatable(source, input, first, tries, goes);
    translatable(source, input, second, tries, goes);
}
