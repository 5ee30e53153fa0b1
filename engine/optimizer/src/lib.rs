//! Headwater's own optimizer rules: one rule, one file, one struct, one name.
//!
//! | rule | kind | what it does |
//! |---|---|---|
//! | [`OneRowSubquery`] | analyzer | EXISTS and IN over a sub-query of exactly one row become comparisons with it |
//! | [`NullAwareInSubquery`] | analyzer | `x IN (sub-query)` below OR, NOT or IS NULL keeps its third truth value; ANY and ALL of sub-queries |
//! | [`EqualZeros`] | analyzer | lists, CASE and `nullif` take both zeros of floating point for equal |
//! | [`ExactInLists`] | analyzer | `x IN (...)` keeps its meaning beside another list of the same value |
//! | [`KeepNarrowingCasts`] | analyzer | casts that drop digits are not taken back in comparisons |
//! | [`NullableSubqueries`] | analyzer | a sub-query that is a value may be NULL |
//! | [`FirstOfSubquery`] | analyzer | a value of the first row of a correlated sub-query is an aggregate |
//! | [`JoinCorrelatedAggregates`] | analyzer | aggregates of rows that other conditions than `=` find are groups of a join |
//! | [`OnlyRow`] | of a bound plan | a correlated sub-query that stands for a value has one row, or the query fails |
//! | [`FlattenSubqueries`] | of a bound plan | correlated sub-queries that nothing else computes become joins |
//! | [`PartitionWindows`] | analyzer | windows in correlated sub-queries see the rows of one row around |
//! | [`NumberLateralRows`] | analyzer | LATERAL with LIMIT is a join whose rows are numbered |
//! | [`UnnestLateral`] | analyzer | LATERAL that reads no table is computed over the left side |
//! | [`ExactLiterals`] | when a statement is bound | literals keep their digits and find the type of what they meet |
//! | [`MarkSubqueryValues`] | logical | EXISTS outside of filters becomes a mark join |
//! | [`FoldContradictions`] | logical | filters that no row can pass become empty relations |
//! | [`UngroupByKey`] | logical | DISTINCT and GROUP BY over rows that are distinct already are left out |
//! | [`DropReferencedJoins`] | logical | joins with a table in which every row has its match are left out |
//! | [`MergeSelfJoins`] | logical | a table that is joined with itself on a key is read once |
//! | [`ReduceGroupKeys`] | logical | GROUP BY a key of a table leaves its other columns out |
//! | [`CopyTopN`] | logical | the first rows of an outer join or UNION ALL are also taken of its inputs |
//! | [`SplitOrJoins`] | logical | joins on one key or another become joins on each |
//! | [`AggregateBelowJoins`] | logical | aggregates above a join of several sources begin at a source |
//! | [`GuardedCrossJoin`] | logical | DataFusion's rule, without mixing joins on `=` and on `IS NOT DISTINCT FROM` |
//! | [`GuardedEquijoin`] | logical | DataFusion's `extract_equijoin_predicate`, without joining nulls by `=` |
//! | [`GuardedFilter`] | logical | DataFusion's `push_down_filter`, without conditions below groups that there are without rows |
//! | [`GuardedFilterPushdown`] | physical | DataFusion's `FilterPushdown`, without mixing columns of one name |
//! | [`GuardedLeafProjections`] | logical | DataFusion's `push_down_leaf_projections`, without failing |
//! | [`KeepDistinct`] | logical | DataFusion's `replace_distinct_aggregate`, without leaving out what is needed |
//! | [`KeepGroupKeys`] | logical | GROUP BY above groups of a join keeps all its keys |
//! | [`KeepSortKeys`] | logical | DataFusion's `eliminate_duplicated_expr`, without leaving out keys of ORDER BY |
//! | [`MergeEqualProjections`] | logical | a projection over one with the same expressions computes them twice |
//! | [`CorrectEstimates`] | last | tables know by what their estimates were wrong in earlier queries |
//! | [`JoinOrder`] | last | joins are put into the order that is expected to cost least |
//! | [`PushDownPlan`] | last | the largest parts that one source computes become statements of it |
//! | [`PushDownCount`] | last | `count(*)` over a remote table is counted by its source |
//! | [`PushDownTopN`] | physical | `ORDER BY ... LIMIT n` over a remote scan fetches `n` rows |
//! | [`BindJoin`] | physical | the keys of a small build side restrict the remote scans of the probe side |
//! | [`ShareReads`] | physical | a source that is asked the same twice in one query is asked once |
//! | [`SliceLargeValues`] | physical | large values are repeated for a few rows at a time |
//! | [`KeepMergeKeys`] | physical | first rows of partitions are found by all keys of the merge above |
//! | [`GuardConditions`] | before the physical plan | conditions decide before divisions and casts beside them |
//! | [`SortNestedKeys`] | physical | lists and records are sorted whole before LIMIT |
//! | [`OrderNestedNulls`] | analyzer | NULLS FIRST and LAST of lists and records are about the value itself |
//! | [`GroupFloatsWhole`] | physical | groups of floating-point keys are made whole before LIMIT |
//! | [`SortBelowMerges`] | physical | merges have inputs in the order that they merge by |
//! | [`ForgetConstants`] | physical | grouping sets do not inherit what is constant below them |
//! | [`YieldInJoins`] | physical | joins give other queries a turn |
//! | [`StopJoins`] | physical, of one run | joins that find no row end with their query |
//! | [`CheckArithmetic`] | rewrite of functions | whole-number arithmetic fails instead of wrapping around |

mod aggregate_below_joins;
mod assumptions;
mod bind_join;
mod check_arithmetic;
mod copy_top_n;
mod correct_estimates;
mod correlated;
mod date_bounds;
mod drop_referenced_joins;
mod equal_zeros;
mod exact_in_lists;
mod exact_literals;
mod fold_contradictions;
mod forget_constants;
mod group_floats_whole;
mod guard_conditions;
mod guarded_cross_join;
mod guarded_equijoin;
mod guarded_filter;
mod guarded_filter_pushdown;
mod guarded_leaf_projections;
mod join_order;
mod keep_distinct;
mod keep_group_keys;
mod keep_merge_keys;
mod keep_narrowing_casts;
mod keep_sort_keys;
mod keys;
mod mark_subquery_values;
mod merge_equal_projections;
mod merge_self_joins;
mod null_aware_in_subquery;
mod nullable_subqueries;
mod one_row_subquery;
mod order_nested_nulls;
#[cfg(test)]
mod plan_tests;
mod push_down_count;
mod push_down_plan;
mod push_down_top_n;
mod reduce_group_keys;
mod share_reads;
mod slice_large_values;
mod sort_below_merges;
mod sort_nested_keys;
mod split_or_joins;
mod stop_joins;
mod ungroup_by_key;
mod yield_in_joins;

pub use aggregate_below_joins::AggregateBelowJoins;
pub use assumptions::{Assumed, Assumptions};
pub use bind_join::BindJoin;
pub use check_arithmetic::CheckArithmetic;
pub use copy_top_n::CopyTopN;
pub use correct_estimates::CorrectEstimates;
pub use correlated::{
    FirstOfSubquery, FlattenSubqueries, JoinCorrelatedAggregates, NumberLateralRows, OnlyRow, PartitionWindows,
    UnnestLateral, subquery_of,
};
pub use date_bounds::DateBounds;
pub use drop_referenced_joins::DropReferencedJoins;
pub use equal_zeros::EqualZeros;
pub use exact_in_lists::ExactInLists;
pub use exact_literals::{ExactLiterals, bytes_of, rewrite_named};
pub use fold_contradictions::FoldContradictions;
pub use forget_constants::ForgetConstants;
pub use group_floats_whole::GroupFloatsWhole;
pub use guard_conditions::GuardConditions;
pub use guarded_cross_join::GuardedCrossJoin;
pub use guarded_equijoin::GuardedEquijoin;
pub use guarded_filter::GuardedFilter;
pub use guarded_filter_pushdown::GuardedFilterPushdown;
pub use guarded_leaf_projections::GuardedLeafProjections;
pub use join_order::JoinOrder;
pub use keep_distinct::KeepDistinct;
pub use keep_group_keys::KeepGroupKeys;
pub use keep_merge_keys::KeepMergeKeys;
pub use keep_narrowing_casts::KeepNarrowingCasts;
pub use keep_sort_keys::KeepSortKeys;
pub use mark_subquery_values::MarkSubqueryValues;
pub use merge_equal_projections::MergeEqualProjections;
pub use merge_self_joins::MergeSelfJoins;
pub use null_aware_in_subquery::NullAwareInSubquery;
pub use nullable_subqueries::NullableSubqueries;
pub use one_row_subquery::OneRowSubquery;
pub use order_nested_nulls::OrderNestedNulls;
pub use push_down_count::PushDownCount;
pub use push_down_plan::{KeptPart, PushDownPlan};
pub use push_down_top_n::PushDownTopN;
pub use reduce_group_keys::ReduceGroupKeys;
pub use share_reads::ShareReads;
pub use slice_large_values::{SliceLargeValues, rows_of_large_values};
pub use sort_below_merges::SortBelowMerges;
pub use sort_nested_keys::SortNestedKeys;
pub use split_or_joins::SplitOrJoins;
pub use stop_joins::StopJoins;
pub use ungroup_by_key::UngroupByKey;
pub use yield_in_joins::YieldInJoins;
