//! Scalar functions that stand for operators of SQL, and those of Postgres that DataFusion does not have.

mod at_time_zone;
mod differences;
mod interval_parts;
mod intervals;
mod list_has_null;
mod lists;
mod numbers;
mod rule;
mod session;
mod texts;
mod times;
mod unchanged;

use datafusion::logical_expr::ScalarUDF;

pub(crate) use at_time_zone::NAME as AT_TIME_ZONE;
pub(crate) use differences::{DAYS_BETWEEN, INTERVAL_BETWEEN};
pub(crate) use interval_parts::{INTERVAL_EPOCH, INTERVAL_PART, JUSTIFY_HOURS, YEAR_PART, is_interval_part};
pub(crate) use intervals::{
    DAY_NS, INTERVAL, INTERVAL_DIVIDE, INTERVAL_GREATEST, INTERVAL_LEAST, INTERVAL_LENGTH, INTERVAL_MULTIPLY, lengths,
    scale,
};
pub(crate) use list_has_null::NAME as LIST_HAS_NULL;
pub(crate) use lists::{LISTS_OVERLAP, is_list};
pub(crate) use session::of_user;

/// All of them but those of a user.
pub(crate) fn all() -> Vec<ScalarUDF> {
    let times = [times::RULES, differences::RULES, intervals::RULES, interval_parts::RULES];
    let rules = [numbers::RULES, texts::RULES, lists::RULES].into_iter().chain(times);
    let mut all: Vec<ScalarUDF> = rules.flatten().map(rule::function).collect();
    all.extend(session::all());
    all.extend([unchanged::function(), at_time_zone::function(), list_has_null::function()]);
    all
}
