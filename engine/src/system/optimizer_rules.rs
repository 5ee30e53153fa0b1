//! `system.optimizer_rules`: every rule that rewrites plans, in the order in which they run.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::catalog::Session;
use datafusion::error::Result;
use datafusion::execution::SessionState;

use crate::builder::{RULES, RulesOff};
use crate::engine::Sources;

pub(super) const COLUMNS: &[(&str, DataType)] = &[
    ("position", DataType::Int64),
    ("name", DataType::Utf8),
    ("phase", DataType::Utf8),
    ("enabled", DataType::Boolean),
    ("optional", DataType::Boolean),
    ("description", DataType::Utf8),
];

/// Headwater's own rules.
const DESCRIPTIONS: &[(&str, &str)] = &[
    ("one_row_subquery", "EXISTS and IN over a correlated sub-query of exactly one row become comparisons with it"),
    ("mark_subquery_values", "EXISTS outside of filters becomes a mark join, or a count of one row"),
    (
        "null_aware_in_subquery",
        "x IN (sub-query) below OR, NOT or IS NULL keeps its third truth value; ANY and ALL of sub-queries",
    ),
    ("keep_narrowing_casts", "a cast that drops digits is not taken back in a comparison"),
    ("nullable_subqueries", "a sub-query that is a value is NULL when it has no row"),
    ("equal_zeros", "lists, CASE and nullif take both zeros of floating point for equal"),
    ("exact_in_lists", "x IN (...) keeps its meaning beside another list of the same value"),
    ("keep_group_keys", "GROUP BY above groups of a join keeps all its keys"),
    ("merge_equal_projections", "a projection over one with the same expressions computes them twice"),
    ("fold_contradictions", "filters that no row can pass become empty relations"),
    ("ungroup_by_key", "DISTINCT and GROUP BY over rows that are distinct already are left out"),
    ("first_of_subquery", "a value of the first row of a correlated sub-query is an aggregate"),
    ("join_correlated_aggregates", "aggregates of rows that other conditions than = find are groups of a join"),
    ("number_lateral_rows", "LATERAL with LIMIT is a join whose rows are numbered"),
    ("unnest_lateral", "LATERAL that reads no table is computed over the left side"),
    ("drop_referenced_joins", "joins with a table in which every row has its match are left out"),
    ("merge_self_joins", "a table that is joined with itself on a key is read once"),
    ("reduce_group_keys", "GROUP BY a key of a table leaves its other columns out"),
    ("copy_top_n", "the first rows of an outer join or UNION ALL are also taken of its inputs"),
    ("aggregate_below_joins", "aggregates above a join of several sources begin at a source"),
    ("split_or_joins", "joins on one key or another become joins on each"),
    ("join_order", "joins are put into the order that is expected to cost least"),
    ("push_down_plan", "the largest parts that one source computes become statements of it"),
    ("push_down_count", "count(*) over a remote table is counted by its source"),
    ("push_down_top_n", "ORDER BY ... LIMIT n over a remote scan fetches n rows"),
    ("bind_join", "the keys of a small build side restrict the remote scans of the probe side"),
    ("share_reads", "a source that is asked the same twice in one query is asked once"),
    ("slice_large_values", "large values are repeated for a few rows at a time"),
    ("keep_merge_keys", "first rows of partitions are found by all keys of the merge above"),
    ("sort_below_merges", "merges have inputs in the order that they merge by"),
    ("forget_constants", "grouping sets do not inherit what is constant below them"),
    ("yield_in_joins", "joins give other queries a turn"),
];

/// Rules between the logical and the physical ones; the engine's planner runs them.
const PUSH_DOWN: [&str; 3] = ["join_order", "push_down_plan", "push_down_count"];

pub(super) fn rows(session: &dyn Session, _sources: &Sources, schema: SchemaRef) -> Result<RecordBatch> {
    let mut found: Vec<(String, &'static str, bool)> = Vec::new();
    let off = session.config().get_extension::<RulesOff>();
    let is_off = |name: &str| off.as_ref().is_some_and(|off| off.0.iter().any(|o| o == name));
    if let Some(state) = session.as_any().downcast_ref::<SessionState>() {
        let analyzer = state.analyzer().rules.iter().map(|r| (r.name().to_owned(), "analyzer", true));
        found.extend(analyzer);
        found.extend(state.optimizers().iter().map(|r| (r.name().to_owned(), "logical", true)));
        found.extend(PUSH_DOWN.map(|name| (name.to_owned(), "push-down", !is_off(name))));
        found.extend(state.physical_optimizers().iter().map(|r| (r.name().to_owned(), "physical", true)));
        let left_out = RULES.iter().filter(|name| !found.iter().any(|(known, ..)| known == *name)).collect::<Vec<_>>();
        found.extend(left_out.into_iter().map(|name| ((*name).to_owned(), "off", false)));
    }
    let description = |name: &str| DESCRIPTIONS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values((1..).take(found.len()))),
        Arc::new(found.iter().map(|(name, ..)| Some(name.as_str())).collect::<StringArray>()),
        Arc::new(found.iter().map(|(_, phase, _)| Some(*phase)).collect::<StringArray>()),
        Arc::new(found.iter().map(|(.., enabled)| Some(*enabled)).collect::<BooleanArray>()),
        Arc::new(found.iter().map(|(name, ..)| Some(RULES.contains(&name.as_str()))).collect::<BooleanArray>()),
        Arc::new(found.iter().map(|(name, ..)| description(name)).collect::<StringArray>()),
    ];
    Ok(RecordBatch::try_new(schema, columns)?)
}
