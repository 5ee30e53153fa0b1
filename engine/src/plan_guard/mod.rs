//! Guards against plans that become slower.
//!
//! | file | question |
//! |---|---|
//! | `shape.rs` | which statements are the same but for their constants? |
//! | `choices.rs` | which plans are the same? |
//! | `history.rs` | which plan was good, which one is new, and what became of it? |
//! | `judge.rs` | is a plan clearly slower than another? |
//! | `guarded.rs` | how is a statement planned and measured? |
//!
//! Plans change when statistics do, or what was learned. A new plan that is clearly slower than the one before it is reverted: later
//! plans are made with the assumptions of the one before it. Assumptions are numbers that estimates are made of, so the rows of
//! a query never depend on them.

mod choices;
mod guarded;
mod history;
mod judge;
mod shape;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use headwater_common::clock::unix_micros;
use headwater_optimizer::Assumptions;
use parking_lot::Mutex;

pub(crate) use choices::Choices;
use guarded::Tables;
pub(crate) use guarded::{Statement, Timed};
use history::{Change, Happened, History};
pub(crate) use history::{Line, State};
pub(crate) use shape::shape;

/// Statements that are remembered; the one that ran longest ago gives way.
const STATEMENTS_MAX: usize = 1_000;
/// Events that are remembered.
const EVENTS_MAX: usize = 256;

/// Whether a session's plans are guarded; an extension of its configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Guarded(pub(crate) bool);

/// Something that happened to a plan of a statement.
#[derive(Debug, Clone)]
pub(crate) struct PlanEvent {
    pub(crate) at_us: i64,
    pub(crate) fingerprint: u64,
    pub(crate) statement: Arc<str>,
    pub(crate) change: Change,
}

/// The plans of the last statements.
#[derive(Default)]
pub(crate) struct PlanGuard {
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    statements: HashMap<u64, History>,
    events: VecDeque<PlanEvent>,
    turns: u64,
}

impl fmt::Debug for PlanGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlanGuard").field("statements", &self.seen.lock().statements.len()).finish()
    }
}

impl PlanGuard {
    /// What a plan of a statement is to be made with, without a run.
    fn look(&self, fingerprint: u64, tables: &Tables) -> Option<Arc<Assumptions>> {
        let seen = self.seen.lock();
        seen.statements.get(&fingerprint).filter(|h| h.tables == tables.number).and_then(History::assumptions)
    }

    /// What a plan of a statement is to be made with for a run. A history of other tables is forgotten.
    fn begin(&self, fingerprint: u64, tables: &Tables) -> Option<Arc<Assumptions>> {
        let mut seen = self.seen.lock();
        let history = seen.statements.get_mut(&fingerprint)?;
        if history.tables != tables.number {
            seen.statements.remove(&fingerprint);
            return None;
        }
        let (given, change) = history.begin();
        seen.note(fingerprint, change);
        given
    }

    /// Whether a plan is known, and if not, the assumptions to compare it with.
    fn knows(&self, fingerprint: u64, plan: u64) -> (bool, Option<Arc<Assumptions>>) {
        let seen = self.seen.lock();
        let Some(history) = seen.statements.get(&fingerprint) else { return (false, None) };
        (history.knows(plan), history.base())
    }

    /// A plan that was not known; `before` is the one of the old assumptions.
    fn add(&self, statement: &Statement, tables: &Tables, choices: Choices, before: Option<u64>, used: Arc<Assumptions>) {
        let mut seen = self.seen.lock();
        seen.turns += 1;
        let turn = seen.turns;
        if seen.statements.len() >= STATEMENTS_MAX && !seen.statements.contains_key(&statement.fingerprint) {
            let oldest = seen.statements.iter().min_by_key(|(_, history)| history.turn).map(|(oldest, _)| *oldest);
            oldest.and_then(|oldest| seen.statements.remove(&oldest));
        }
        let made = || History::new(Arc::clone(&statement.text), tables.sources.clone(), tables.number);
        let history = seen.statements.entry(statement.fingerprint).or_insert_with(made);
        history.turn = turn;
        history.add(choices, before, used);
    }

    /// A run of a plan came to its end.
    fn ended(&self, fingerprint: u64, plan: u64, micros: f64) {
        let mut seen = self.seen.lock();
        seen.turns += 1;
        let turn = seen.turns;
        let Some(history) = seen.statements.get_mut(&fingerprint) else { return };
        history.turn = turn;
        let change = history.ended(plan, micros);
        seen.note(fingerprint, change);
    }

    /// Every plan, with its statement's number and text and whether it is kept.
    pub(crate) fn plans(&self) -> Vec<(u64, Arc<str>, Line, bool)> {
        let seen = self.seen.lock();
        let mut all = Vec::new();
        for (fingerprint, history) in &seen.statements {
            let kept = history.kept();
            all.extend(history.lines.iter().map(|line| {
                let is_kept = kept == Some(line.choices.number);
                (*fingerprint, Arc::clone(&history.statement), line.clone(), is_kept)
            }));
        }
        all.sort_by(|(a, _, one, _), (b, _, other, _)| (a, one.choices.number).cmp(&(b, other.choices.number)));
        all
    }

    /// What happened, oldest first.
    pub(crate) fn events(&self) -> Vec<PlanEvent> {
        self.seen.lock().events.iter().cloned().collect()
    }

    /// The source is no longer there.
    pub(crate) fn forget(&self, source: &str) {
        self.seen.lock().statements.retain(|_, history| !history.sources.contains(source));
    }
}

impl Seen {
    fn note(&mut self, fingerprint: u64, change: Option<Change>) {
        let Some((change, history)) = change.zip(self.statements.get(&fingerprint)) else { return };
        let statement = Arc::clone(&history.statement);
        let (plan_ms, before_ms) = (change.plan_us / 1e3, change.before_us / 1e3);
        let (fingerprint_text, plan) = (format!("{fingerprint:016x}"), format!("{:016x}", change.plan));
        let (event, fingerprint_text, plan) = (change.happened.as_str(), fingerprint_text.as_str(), plan.as_str());
        match change.happened {
            Happened::Reverted => {
                tracing::warn!(event, fingerprint = fingerprint_text, plan, plan_ms, before_ms, "a plan became slower");
            }
            _ => tracing::info!(event, fingerprint = fingerprint_text, plan, plan_ms, before_ms, "a plan was compared"),
        }
        if self.events.len() >= EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back(PlanEvent { at_us: unix_micros(), fingerprint, statement, change });
    }
}

/// The number of a value, the same as long as the process lives.
fn number_of(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
