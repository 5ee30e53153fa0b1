//! Headwater's own optimizer rules: one rule, one file, one struct, one name.
//!
//! | rule | kind | what it does |
//! |---|---|---|
//! | [`PushDownCount`] | logical | `count(*)` over a remote table is counted by its source |
//! | [`PushDownTopN`] | physical | `ORDER BY ... LIMIT n` over a remote scan fetches `n` rows |

mod push_down_count;
mod push_down_top_n;

pub use push_down_count::PushDownCount;
pub use push_down_top_n::PushDownTopN;
