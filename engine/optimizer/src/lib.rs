//! Headwater's own optimizer rules: one rule, one file, one struct, one name.
//!
//! | rule | kind | what it does |
//! |---|---|---|
//! | [`NullAwareInSubquery`] | analyzer | `x IN (sub-query)` below OR, NOT or IS NULL keeps its third truth value |
//! | [`ExactInLists`] | analyzer | `x IN (...)` keeps its meaning beside another list of the same value |
//! | [`GuardedCrossJoin`] | logical | DataFusion's rule, without mixing joins on `=` and on `IS NOT DISTINCT FROM` |
//! | [`KeepDistinct`] | logical | DataFusion's `replace_distinct_aggregate`, without leaving out what is needed |
//! | [`KeepGroupKeys`] | logical | GROUP BY above groups of a join keeps all its keys |
//! | [`KeepSortKeys`] | logical | DataFusion's `eliminate_duplicated_expr`, without leaving out keys of ORDER BY |
//! | [`MergeEqualProjections`] | logical | a projection over one with the same expressions computes them twice |
//! | [`PushDownPlan`] | last | the largest parts that one source computes become statements of it |
//! | [`PushDownCount`] | last | `count(*)` over a remote table is counted by its source |
//! | [`PushDownTopN`] | physical | `ORDER BY ... LIMIT n` over a remote scan fetches `n` rows |
//! | [`SliceLargeValues`] | physical | large values are repeated for a few rows at a time |
//! | [`ForgetConstants`] | physical | grouping sets do not inherit what is constant below them |
//! | [`YieldInJoins`] | physical | joins give other queries a turn |
//! | [`StopJoins`] | physical, of one run | joins that find no row end with their query |
//! | [`CheckArithmetic`] | rewrite of functions | whole-number arithmetic fails instead of wrapping around |

mod check_arithmetic;
mod exact_in_lists;
mod forget_constants;
mod guarded_cross_join;
mod keep_distinct;
mod keep_group_keys;
mod keep_sort_keys;
mod merge_equal_projections;
mod null_aware_in_subquery;
mod push_down_count;
mod push_down_plan;
mod push_down_top_n;
mod slice_large_values;
mod stop_joins;
mod yield_in_joins;

pub use check_arithmetic::CheckArithmetic;
pub use exact_in_lists::ExactInLists;
pub use forget_constants::ForgetConstants;
pub use guarded_cross_join::GuardedCrossJoin;
pub use keep_distinct::KeepDistinct;
pub use keep_group_keys::KeepGroupKeys;
pub use keep_sort_keys::KeepSortKeys;
pub use merge_equal_projections::MergeEqualProjections;
pub use null_aware_in_subquery::NullAwareInSubquery;
pub use push_down_count::PushDownCount;
pub use push_down_plan::{KeptPart, PushDownPlan};
pub use push_down_top_n::PushDownTopN;
pub use slice_large_values::{SliceLargeValues, rows_of_large_values};
pub use stop_joins::StopJoins;
pub use yield_in_joins::YieldInJoins;
