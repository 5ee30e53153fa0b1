//! Scalar functions that stand for operators of SQL, and those of Postgres that DataFusion does not have.

mod age;
mod at_time_zone;
mod buckets;
mod choosing;
mod clock;
mod differences;
mod interval_parts;
mod intervals;
mod list_any;
mod list_has_null;
mod lists;
mod numbers;
mod orderly;
mod regex_parts;
mod regex_syntax;
mod round;
mod rule;
mod session;
mod shifted;
mod texts;
mod times;
mod typed_texts;
mod unchanged;

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;
use datafusion::prelude::Expr;

pub(crate) use at_time_zone::NAME as AT_TIME_ZONE;
pub(crate) use differences::{DAYS_BETWEEN, INTERVAL_BETWEEN};
pub(crate) use interval_parts::{INTERVAL_EPOCH, INTERVAL_PART, JUSTIFY_HOURS, YEAR_PART, is_interval_part};
pub(crate) use intervals::{
    DAY_NS, INTERVAL, INTERVAL_DIVIDE, INTERVAL_GREATEST, INTERVAL_LEAST, INTERVAL_LENGTH, INTERVAL_MULTIPLY, lengths,
    scale,
};
pub(crate) use list_any::ARRAY_ANY;
pub(crate) use list_has_null::NAME as LIST_HAS_NULL;
pub(crate) use lists::{LIST_ORDER, LISTS_OVERLAP, is_list};
pub(crate) use regex_syntax::{
    REGEX_MATCHED, REGEX_PATTERN, REGEX_REPLACEMENT, SIMILAR_PATTERN, matched, one_character, pattern, replacement, similar,
};
pub(crate) use round::ROUND_BY;
pub(crate) use session::of_user;
pub(crate) use shifted::{resolved, shifted};
pub(crate) use typed_texts::{BYTES_OF, OCTET_LENGTH, UUID_OF};

/// All of them but those of a user.
pub(crate) fn all() -> Vec<ScalarUDF> {
    let rules = [
        numbers::RULES,
        texts::RULES,
        times::RULES,
        age::RULES,
        differences::RULES,
        intervals::RULES,
        interval_parts::RULES,
        lists::RULES,
        list_any::RULES,
        regex_parts::RULES,
        regex_syntax::RULES,
        typed_texts::RULES,
    ];
    let mut all: Vec<ScalarUDF> = rules.into_iter().flatten().map(rule::function).collect();
    all.extend(session::all());
    all.extend(buckets::all());
    all.extend(round::all());
    all.extend(orderly::all());
    all.push(choosing::function());
    all.extend([clock::function(), unchanged::function(), at_time_zone::function(), list_has_null::function()]);
    all
}

/// Some of them, for rules that put calls into plans.
#[derive(Debug)]
pub(crate) struct Known(Vec<Arc<ScalarUDF>>);

impl Known {
    /// Those of these names.
    pub(crate) fn of(names: &[&str]) -> Self {
        Self(all().into_iter().filter(|f| names.contains(&f.name())).map(Arc::new).collect())
    }

    /// A call of one of them; `None` when it is none of them.
    pub(crate) fn call(&self, name: &str, arguments: Vec<Expr>) -> Option<Expr> {
        self.0.iter().find(|f| f.name() == name).map(|f| f.call(arguments))
    }
}
