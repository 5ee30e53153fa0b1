//! Headwater's own optimizer rules: one rule, one file, one struct, one name.
//!
//! | rule | kind | what it does |
//! |---|---|---|
//! | [`NullAwareInSubquery`] | analyzer | `x IN (sub-query)` below OR, NOT or IS NULL keeps its third truth value |
//! | [`GuardedCrossJoin`] | logical | DataFusion's rule, without mixing joins on `=` and on `IS NOT DISTINCT FROM` |
//! | [`PushDownCount`] | logical | `count(*)` over a remote table is counted by its source |
//! | [`PushDownTopN`] | physical | `ORDER BY ... LIMIT n` over a remote scan fetches `n` rows |

mod guarded_cross_join;
mod null_aware_in_subquery;
mod push_down_count;
mod push_down_top_n;

pub use guarded_cross_join::GuardedCrossJoin;
pub use null_aware_in_subquery::NullAwareInSubquery;
pub use push_down_count::PushDownCount;
pub use push_down_top_n::PushDownTopN;
