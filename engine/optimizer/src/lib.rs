//! Headwater's own optimizer rules: one rule, one file, one struct, one name.
//!
//! | rule | kind | what it does |
//! |---|---|---|
//! | [`NullAwareInSubquery`] | analyzer | `x IN (sub-query)` below OR, NOT or IS NULL keeps its third truth value |
//! | [`GuardedCrossJoin`] | logical | DataFusion's rule, without mixing joins on `=` and on `IS NOT DISTINCT FROM` |
//! | [`MergeEqualProjections`] | logical | a projection over one with the same expressions computes them twice |
//! | [`PushDownPlan`] | last | the largest parts that one source computes become statements of it |
//! | [`PushDownCount`] | last | `count(*)` over a remote table is counted by its source |
//! | [`PushDownTopN`] | physical | `ORDER BY ... LIMIT n` over a remote scan fetches `n` rows |
//! | [`YieldInJoins`] | physical | joins give other queries a turn |

mod guarded_cross_join;
mod merge_equal_projections;
mod null_aware_in_subquery;
mod push_down_count;
mod push_down_plan;
mod push_down_top_n;
mod yield_in_joins;

pub use guarded_cross_join::GuardedCrossJoin;
pub use merge_equal_projections::MergeEqualProjections;
pub use null_aware_in_subquery::NullAwareInSubquery;
pub use push_down_count::PushDownCount;
pub use push_down_plan::{KeptPart, PushDownPlan};
pub use push_down_top_n::PushDownTopN;
pub use yield_in_joins::YieldInJoins;
