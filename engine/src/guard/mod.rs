//! Refuses statements that would cost too much before anything is planned.
//!
//! | step | bounds | by |
//! |---|---|---|
//! | [`shape::check`] | size, nesting, chains, lists, set operations, joins | one pass over the tokens, before parsing |
//! | [`expansion::check`] | WITH queries and grouping sets once they are expanded | one pass over the syntax tree |
//! | [`balance::balance`] | depth of long AND / OR chains | balanced trees, which mean the same |
//! | [`multisets::check`] | set operations that would not count duplicates | refused |
//! | [`whole_rows::check`] | `count(t.*)` where rows of `t` may be missing | refused |
//! | [`read_twice::check`] | queries of WITH that would have other values in each place | refused |
//! | [`planning::run`] | stack and time of planning | a thread with a large stack, a deadline |
//! | [`kinds::check`] | what a statement may do | an allow-list over its plan |
//! | [`recursion::check`] | columns of recursive queries that would lose digits | refused |
//! | [`subqueries::check_aggregates`] | aggregates of a sub-query that belong to the query around | refused |
//! | [`subqueries::check`] | sub-queries that nothing computes | refused |
//! | [`concat::CapFunctions`] | values that functions build from small arguments | their size is computed first |

pub(crate) mod balance;
mod capped;
pub(crate) mod concat;
pub(crate) mod expansion;
pub(crate) mod kinds;
pub(crate) mod multisets;
pub(crate) mod planning;
pub(crate) mod read_twice;
pub(crate) mod recursion;
pub(crate) mod shape;
mod sizes;
pub(crate) mod subqueries;
pub(crate) mod whole_rows;
