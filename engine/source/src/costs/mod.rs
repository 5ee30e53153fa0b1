//! What statements of a source take, learned from those that ran.

mod fit;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use headwater_common::clock::Stopwatch;
use parking_lot::Mutex;

pub use fit::Observation;

/// Statements that are remembered of each source; older ones are forgotten.
const REMEMBERED: usize = 256;
/// From so many statements on, what was learned replaces the constants of the cost model.
const USED_FROM: u64 = 30;
/// Statements of fewer rows say nothing of the price of rows and bytes.
const ROWS_INFORMATIVE: f64 = 1_000.0;

/// What a statement of one source is expected to take: `statement + row * rows + byte * bytes`, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SourceCost {
    /// Statements that ran to their end since the engine started.
    pub statements: u64,
    /// Microseconds of a statement without rows.
    pub statement: f64,
    /// Microseconds of a row.
    pub row: f64,
    /// Microseconds of a byte.
    pub byte: f64,
    /// Median of the relative errors over the remembered statements; 0.1 is 10 %.
    pub error: f64,
    /// Whether statements with so many rows were seen that the prices of rows and bytes mean something.
    pub informative: bool,
    /// Milliseconds since the last statement.
    pub age_ms: u64,
}

impl SourceCost {
    /// Whether there are so many statements that the cost model uses it.
    pub fn is_used(&self) -> bool {
        self.statements >= USED_FROM
    }
}

struct Seen {
    statements: u64,
    last: Stopwatch,
    remembered: VecDeque<Observation>,
    /// Coefficients and error, until the next statement.
    fitted: Option<([f64; 3], f64)>,
}

/// Statements of all sources; at most a few hundred numbers each.
#[derive(Default)]
pub struct SourceCosts {
    seen: Mutex<BTreeMap<String, Seen>>,
}

impl fmt::Debug for SourceCosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.seen.lock().keys()).finish()
    }
}

impl SourceCosts {
    /// A statement of a source ran to its end.
    pub fn record(&self, source: &str, observation: Observation) {
        let mut all = self.seen.lock();
        let seen = all.entry(source.to_owned()).or_insert_with(|| Seen {
            statements: 0,
            last: Stopwatch::start(),
            remembered: VecDeque::new(),
            fitted: None,
        });
        if seen.remembered.len() >= REMEMBERED {
            seen.remembered.pop_front();
        }
        seen.remembered.push_back(observation);
        (seen.statements, seen.last, seen.fitted) = (seen.statements + 1, Stopwatch::start(), None);
    }

    /// What was learned of a source; `None` before its first statement.
    pub fn of(&self, source: &str) -> Option<SourceCost> {
        self.seen.lock().get_mut(source).and_then(Seen::cost)
    }

    /// What was learned of each source, by name.
    pub fn all(&self) -> Vec<(String, SourceCost)> {
        let mut all = self.seen.lock();
        all.iter_mut().filter_map(|(name, seen)| Some((name.clone(), seen.cost()?))).collect()
    }

    /// The source is no longer there.
    pub(crate) fn forget(&self, source: &str) {
        self.seen.lock().remove(source);
    }
}

impl Seen {
    fn cost(&mut self) -> Option<SourceCost> {
        let remembered: &[Observation] = self.remembered.make_contiguous();
        let informative = remembered.iter().any(|o| o.rows >= ROWS_INFORMATIVE);
        let fitted = self.fitted.or_else(|| fit::fit(remembered));
        self.fitted = fitted;
        let ([statement, row, byte], error) = fitted?;
        let (statements, age_ms) = (self.statements, self.last.elapsed_ms());
        Some(SourceCost { statements, statement, row, byte, error, informative, age_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_learned_from_its_last_statements() {
        let costs = SourceCosts::default();
        assert_eq!(costs.of("shop"), None);
        let statement = |rows: f64, micros: f64| Observation { rows, bytes: rows * 10.0, micros };
        for i in 0..29u32 {
            costs.record("shop", statement(f64::from(i) * 200.0, 1_000.0 + f64::from(i) * 100.0));
        }
        let cost = costs.of("shop").unwrap();
        assert!(!cost.is_used() && cost.informative, "{cost:?}");
        assert!((cost.statement - 1_000.0).abs() < 10.0 && cost.error < 0.01, "{cost:?}");
        // It became ten times as slow, and what was before is forgotten.
        for i in 0..300u32 {
            costs.record("shop", statement(f64::from(i % 29) * 200.0, 10_000.0 + f64::from(i % 29) * 1_000.0));
        }
        let cost = costs.of("shop").unwrap();
        assert!(cost.is_used() && (cost.statement - 10_000.0).abs() < 100.0, "{cost:?}");
        assert_eq!(costs.all().len(), 1);
        costs.forget("shop");
        assert_eq!(costs.of("shop"), None);
    }
}
