//! How many rows fragments of plans were expected to return, and how many they did.

use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::prelude::Expr;
use headwater_common::clock::Stopwatch;
use parking_lot::Mutex;

use crate::metadata::TableName;
use crate::provider::unqualified;

/// Fragments that are remembered; the one that was not seen for longest gives way.
const FRAGMENTS_MAX: usize = 4_096;
/// What the last run counts, beside all before it: the weight of a run halves with each later one.
const LAST_RUN: f64 = 0.5;

/// Whether a session uses and records what was learned from earlier queries; an extension of its configuration. On without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Learning(pub bool);

/// What was learned of the rows of one table that pass some filters.
#[derive(Debug, Clone, PartialEq)]
pub struct Correction {
    /// Name of the source.
    pub source: String,
    /// The table.
    pub table: TableName,
    /// Runs to the end.
    pub runs: u64,
    /// Rows that statistics let expect, at the last run.
    pub estimated: f64,
    /// Rows that came, at the last run.
    pub actual: f64,
    /// The next estimate is multiplied by this.
    pub factor: f64,
    /// By what the estimate of the last run was wrong with what was known before it: the larger of estimated and actual
    /// rows over the smaller, at least 1 (q-error).
    pub q_error: f64,
    /// Milliseconds since the last run.
    pub age_ms: u64,
}

struct Learned {
    source: String,
    table: TableName,
    runs: u64,
    estimated: f64,
    actual: f64,
    /// Logarithm of the factor.
    shift: f64,
    q_error: f64,
    last: Stopwatch,
    /// Number of the last run among the runs of all fragments; clocks may not tell two apart.
    turn: u64,
}

#[derive(Default)]
struct Seen {
    fragments: HashMap<u64, Learned>,
    turns: u64,
}

/// Estimates and facts of fragments, as LEO keeps them (Stillger et al., "LEO: DB2's learning optimizer", VLDB 2001): the
/// logarithm of actual over estimated rows, decayed.
#[derive(Default)]
pub struct Feedback {
    seen: Mutex<Seen>,
}

impl fmt::Debug for Feedback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feedback").field("fragments", &self.seen.lock().fragments.len()).finish()
    }
}

impl Feedback {
    /// The number of a fragment: a table with these filters, constants and all, in any order.
    pub fn fragment(source: &str, table: &TableName, filters: &[Expr]) -> u64 {
        number(source, table, &unqualified(filters).unwrap_or_default())
    }

    /// The number of all fragments that differ in constants only.
    pub fn shape(source: &str, table: &TableName, filters: &[Expr]) -> u64 {
        let filters = unqualified(filters).unwrap_or_default();
        number(source, table, &filters.into_iter().map(without_constants).collect::<Vec<_>>())
    }

    /// A fragment ran to its end.
    pub fn record(&self, fragment: u64, source: &str, table: &TableName, estimated: f64, actual: f64) {
        let (estimated, actual) = (estimated.max(1.0), actual.max(1.0));
        let Seen { fragments: all, turns } = &mut *self.seen.lock();
        *turns += 1;
        if all.len() >= FRAGMENTS_MAX && !all.contains_key(&fragment) {
            let oldest = all.iter().min_by_key(|(_, learned)| learned.turn).map(|(oldest, _)| *oldest);
            oldest.and_then(|oldest| all.remove(&oldest));
        }
        let learned = all.entry(fragment).or_insert_with(|| Learned {
            source: source.to_owned(),
            table: table.clone(),
            runs: 0,
            estimated,
            actual,
            shift: 0.0,
            q_error: 1.0,
            last: Stopwatch::start(),
            turn: *turns,
        });
        let ratio = (actual / estimated).ln();
        learned.q_error = (ratio - learned.shift).abs().exp();
        learned.shift += LAST_RUN * (ratio - learned.shift);
        (learned.estimated, learned.actual, learned.last, learned.turn) = (estimated, actual, Stopwatch::start(), *turns);
        learned.runs += 1;
    }

    /// What an estimate of a fragment is to be multiplied by; `None` when it did not run yet.
    pub fn factor(&self, fragment: u64) -> Option<f64> {
        self.seen.lock().fragments.get(&fragment).map(|learned| learned.shift.exp())
    }

    /// Every fragment with its number.
    pub fn all(&self) -> Vec<(u64, Correction)> {
        let correction = |learned: &Learned| Correction {
            source: learned.source.clone(),
            table: learned.table.clone(),
            runs: learned.runs,
            estimated: learned.estimated,
            actual: learned.actual,
            factor: learned.shift.exp(),
            q_error: learned.q_error,
            age_ms: learned.last.elapsed_ms(),
        };
        let mut all: Vec<_> =
            self.seen.lock().fragments.iter().map(|(number, learned)| (*number, correction(learned))).collect();
        all.sort_by(|(a, x), (b, y)| (&x.source, &x.table, a).cmp(&(&y.source, &y.table, b)));
        all
    }

    /// The source is no longer there.
    pub(crate) fn forget(&self, source: &str) {
        self.seen.lock().fragments.retain(|_, learned| learned.source != source);
    }
}

fn number(source: &str, table: &TableName, filters: &[Expr]) -> u64 {
    let mut texts: Vec<String> = filters.iter().map(ToString::to_string).collect();
    texts.sort();
    let mut hasher = DefaultHasher::new();
    (source, table, texts).hash(&mut hasher);
    hasher.finish()
}

/// The filter with all its constants alike, and one of each list of them.
fn without_constants(filter: Expr) -> Expr {
    let same = |expr| match expr {
        Expr::Literal(..) => Ok(Transformed::yes(Expr::Literal(ScalarValue::Null, None))),
        Expr::InList(mut list) => {
            list.list.dedup();
            Ok(Transformed::yes(Expr::InList(list)))
        }
        other => Ok(Transformed::no(other)),
    };
    // Nothing in it fails.
    filter.clone().transform_up(same).map_or(filter, |done| done.data)
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::{col, lit};

    use super::*;

    #[test]
    fn errors_halve_with_repeats_and_follow_a_change() {
        let (feedback, table) = (Feedback::default(), TableName::new("public", "t"));
        let fragment = Feedback::fragment("shop", &table, &[col("a").eq(lit(1)), col("b").eq(lit(2))]);
        assert_eq!(fragment, Feedback::fragment("shop", &table, &[col("t.b").eq(lit(2)), col("t.a").eq(lit(1))]));
        assert_ne!(fragment, Feedback::fragment("shop", &table, &[col("a").eq(lit(1)), col("b").eq(lit(3))]));
        let shape = |filter: Expr| Feedback::shape("shop", &table, &[filter]);
        assert_eq!(shape(col("a").eq(lit(1))), shape(col("t.a").eq(lit(70))));
        assert_eq!(
            shape(col("a").in_list(vec![lit(1)], false)),
            shape(col("a").in_list(vec![lit(2), lit(3), lit(4)], false))
        );
        assert_ne!(shape(col("a").eq(lit(1))), shape(col("a").gt(lit(1))));
        assert_eq!(feedback.factor(fragment), None);
        let mut errors = Vec::new();
        for _ in 0..5 {
            feedback.record(fragment, "shop", &table, 10.0, 1_000.0);
            errors.push(feedback.all()[0].1.q_error);
        }
        assert!((errors[0] - 100.0).abs() < 1e-6 && errors.windows(2).all(|pair| pair[1] < pair[0] / 1.2), "{errors:?}");
        assert!(errors[4] < 1.5 && feedback.factor(fragment).is_some_and(|f| f > 80.0 && f < 101.0), "{errors:?}");
        for _ in 0..6 {
            feedback.record(fragment, "shop", &table, 10.0, 10.0);
        }
        assert!(feedback.factor(fragment).is_some_and(|f| f < 1.2));
        feedback.forget("shop");
        assert!(feedback.all().is_empty());
    }

    #[test]
    fn memory_is_bounded() {
        let (feedback, table) = (Feedback::default(), TableName::new("public", "t"));
        for fragment in 0..(FRAGMENTS_MAX as u64 + 50) {
            feedback.record(fragment, "shop", &table, 1.0, 2.0);
        }
        assert_eq!(feedback.all().len(), FRAGMENTS_MAX);
        assert!(feedback.factor(FRAGMENTS_MAX as u64 + 49).is_some() && feedback.factor(0).is_none());
    }
}
