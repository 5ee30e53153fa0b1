//! What a plan chose: its joins in their order and ways, and what it reads where.

use std::sync::Arc;

use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use headwater_source::{CollectKeysExec, KeyFilter, RemoteQueryExec, RemoteScanExec};

use super::number_of;

/// Longer texts are cut.
const TEXT_MAX: usize = 2_000;

/// The choices of a plan, without its constants: equal texts mean the same way through the same query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choices {
    /// Number of the whole text.
    pub(crate) number: u64,
    /// The text, maybe cut.
    pub(crate) text: String,
}

impl Choices {
    /// Of a plan.
    pub(crate) fn of(plan: &Arc<dyn ExecutionPlan>) -> Self {
        let mut text = String::new();
        write(plan, &mut text);
        let number = number_of(&text);
        let end = text.char_indices().nth(TEXT_MAX).map_or(text.len(), |(at, _)| at);
        text.truncate(end);
        Self { number, text }
    }
}

fn write(plan: &Arc<dyn ExecutionPlan>, out: &mut String) {
    let children = plan.children();
    match name(plan) {
        None => children.into_iter().for_each(|child| write(child, out)),
        Some(name) => {
            out.push_str(&name);
            if children.is_empty() {
                return;
            }
            for (i, child) in children.into_iter().enumerate() {
                out.push_str(if i == 0 { "(" } else { ", " });
                write(child, out);
            }
            out.push(')');
        }
    }
}

/// The name of a node that is a choice; `None` for one that follows from the others or from the number of partitions.
fn name(plan: &Arc<dyn ExecutionPlan>) -> Option<String> {
    if plan.is::<ProjectionExec>()
        || plan.is::<FilterExec>()
        || plan.is::<CooperativeExec>()
        || plan.is::<RepartitionExec>()
        || plan.is::<CoalescePartitionsExec>()
        || plan.is::<SortPreservingMergeExec>()
        || plan.is::<CollectKeysExec>()
    {
        return None;
    }
    if let Some(aggregate) = plan.downcast_ref::<AggregateExec>() {
        return (*aggregate.mode() != AggregateMode::Partial).then(|| "aggregate".to_owned());
    }
    if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
        return Some(format!("hash join {} {:?}", join.join_type(), join.partition_mode()));
    }
    if let Some(scan) = plan.downcast_ref::<RemoteScanExec>() {
        let (command, counts) = (scan.command(), if scan.command().count { " count" } else { "" });
        let first = if command.fetch.is_some() { " first rows" } else { "" };
        return Some(format!("{}.{}{counts}{first}{}", command.source, command.table, keys(scan.keys(), plan)));
    }
    if let Some(query) = plan.downcast_ref::<RemoteQueryExec>() {
        let command = query.command();
        let tables: Vec<String> = command.tables.iter().map(|(name, _)| name.to_string()).collect();
        let (columns, keys) = (command.columns.len(), keys(query.keys(), plan));
        return Some(format!("{} computes {columns} columns of {}{keys}", command.source, tables.join(" and ")));
    }
    let leaf = plan.children().is_empty();
    let columns = leaf.then(|| plan.schema().fields().iter().map(|f| f.name().clone()).collect::<Vec<_>>().join(" "));
    Some(format!("{}{}", plan.name(), columns.map(|c| format!(" {c}")).unwrap_or_default()))
}

fn keys(keys: &[KeyFilter], plan: &Arc<dyn ExecutionPlan>) -> String {
    let schema = plan.schema();
    let name = |key: &KeyFilter| schema.fields().get(key.column).map_or_else(String::new, |f| f.name().clone());
    match keys {
        [] => String::new(),
        some => format!(" by keys of {}", some.iter().map(name).collect::<Vec<_>>().join(" and ")),
    }
}
