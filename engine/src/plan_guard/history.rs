//! The plans of one statement.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use headwater_common::clock::Stopwatch;
use headwater_optimizer::Assumptions;

use super::choices::Choices;
use super::judge::{RUNS_ENOUGH, RUNS_MIN, Verdict, compare, median};

/// Plans that are remembered of a statement.
const PLANS_MAX: usize = 8;
/// Runs of a plan whose times are remembered.
const TIMES_MAX: usize = 32;
/// After so many runs of a kept plan the rejected one is tried again; each time it is rejected, ten times later.
const RETRY_AFTER: u64 = 100;
const RETRY_MAX: u64 = 100_000;

/// What is thought of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Nothing better is known.
    Good,
    /// It runs in place of another one and is being measured.
    Trial,
    /// It was clearly slower than the one that runs in its place.
    Rejected,
}

/// What happened to a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Happened {
    /// A new plan was clearly slower; the plan before it runs again.
    Reverted,
    /// A new plan is not slower.
    Accepted,
    /// The plan before it is faster indeed, measured after it.
    Confirmed,
    /// The plan before it is as slow by now, so it is no longer kept.
    Released,
    /// The new plan is tried again after many runs.
    Retried,
}

impl Happened {
    /// As users read it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Reverted => "reverted",
            Self::Accepted => "accepted",
            Self::Confirmed => "confirmed",
            Self::Released => "released",
            Self::Retried => "retried",
        }
    }
}

/// Something that happened, with the plan, the plan before it and their median times in microseconds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Change {
    pub(crate) happened: Happened,
    pub(crate) plan: u64,
    pub(crate) before: u64,
    pub(crate) plan_us: f64,
    pub(crate) before_us: f64,
}

/// One plan with its runs.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) choices: Choices,
    pub(crate) state: State,
    /// The plan that it runs in place of.
    before: u64,
    /// What it was made with.
    assumptions: Arc<Assumptions>,
    /// All runs; the first one, which makes connections, is not among the times.
    pub(crate) runs: u64,
    /// Microseconds of the last runs.
    pub(crate) times: VecDeque<f64>,
    pub(crate) last: Stopwatch,
}

impl Line {
    fn new(choices: Choices, state: State, before: u64, assumptions: Arc<Assumptions>) -> Self {
        Self { choices, state, before, assumptions, runs: 0, times: VecDeque::new(), last: Stopwatch::start() }
    }

    fn is_known(&self) -> bool {
        self.times.len() >= RUNS_MIN
    }

    pub(crate) fn median_us(&self) -> Option<f64> {
        (!self.times.is_empty()).then(|| median(&self.times()))
    }

    fn times(&self) -> Vec<f64> {
        self.times.iter().copied().collect()
    }
}

/// A plan that is kept although another one would be made now.
#[derive(Debug)]
struct Kept {
    rejected: u64,
    before: u64,
    /// Times since the other was rejected, until it is confirmed.
    since: Vec<f64>,
    confirmed: bool,
    runs: u64,
}

/// The plans of one statement over the same tables.
///
/// | state | what runs | what is measured |
/// |---|---|---|
/// | usual | the plan that is made now | its times |
/// | a new plan, which other assumptions made | the new plan | its times beside those of the plan that the old assumptions make |
/// | the new plan was clearly slower | the plan of the old assumptions | its times, beside those of the new one |
///
/// Constants may make another plan too; it is the same with the old assumptions and so no new one.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) statement: Arc<str>,
    /// Sources of its tables.
    pub(crate) sources: BTreeSet<String>,
    /// Number of its tables with their columns and keys.
    pub(crate) tables: u64,
    pub(crate) lines: Vec<Line>,
    /// What the good plans were made with.
    base: Arc<Assumptions>,
    kept: Option<Kept>,
    retry_after: u64,
    /// Number of its last use among all uses.
    pub(crate) turn: u64,
}

impl History {
    pub(crate) fn new(statement: Arc<str>, sources: BTreeSet<String>, tables: u64) -> Self {
        let base = Arc::new(Assumptions::default());
        let (lines, kept) = (Vec::new(), None);
        Self { statement, sources, tables, lines, base, kept, retry_after: RETRY_AFTER, turn: 0 }
    }

    /// The plan that is kept, if one is.
    pub(crate) fn kept(&self) -> Option<u64> {
        self.kept.as_ref().map(|kept| kept.before)
    }

    /// What the next plan is to be made with; `None` for what is known now. Nothing changes.
    pub(crate) fn assumptions(&self) -> Option<Arc<Assumptions>> {
        let retries = self.kept.as_ref().is_none_or(|kept| kept.runs >= self.retry_after);
        (!retries).then(|| Arc::clone(&self.base))
    }

    /// The same for a run, after which a rejected plan may be on trial again.
    pub(crate) fn begin(&mut self) -> (Option<Arc<Assumptions>>, Option<Change>) {
        let given = self.assumptions();
        let retried = if given.is_none() { self.kept.take() } else { None };
        let change = retried.and_then(|kept| {
            let change = self.change(Happened::Retried, kept.rejected, kept.before);
            let line = self.line(kept.rejected)?;
            line.state = State::Trial;
            line.runs = 0;
            line.times.clear();
            Some(change)
        });
        (given, change)
    }

    /// Whether a plan that was made with what is known now is one of these.
    pub(crate) fn knows(&self, plan: u64) -> bool {
        self.lines.iter().any(|line| line.choices.number == plan)
    }

    /// What the good plans were made with, when there is one to compare a new plan with.
    pub(crate) fn base(&self) -> Option<Arc<Assumptions>> {
        self.lines.iter().any(|line| line.state == State::Good && line.is_known()).then(|| Arc::clone(&self.base))
    }

    /// A new plan; `before` is the plan that the base makes instead.
    pub(crate) fn add(&mut self, choices: Choices, before: Option<u64>, assumptions: Arc<Assumptions>) {
        if self.knows(choices.number) {
            return;
        }
        let good = |line: &Line| line.state == State::Good && line.is_known();
        let compared = before.filter(|before| self.lines.iter().any(|l| l.choices.number == *before && good(l)));
        let line = match (before, compared) {
            (Some(before), _) if before == choices.number => Line::new(choices, State::Good, before, assumptions),
            (_, Some(before)) => Line::new(choices, State::Trial, before, assumptions),
            // Nothing is known of what it replaces.
            _ => {
                self.base = Arc::clone(&assumptions);
                self.lines.retain(good);
                let number = choices.number;
                Line::new(choices, State::Good, number, assumptions)
            }
        };
        if self.lines.len() >= PLANS_MAX {
            let kept = self.kept.as_ref().map(|k| [k.rejected, k.before]);
            let free = |l: &&Line| kept.is_none_or(|kept| !kept.contains(&l.choices.number));
            let oldest = self.lines.iter().filter(free).max_by_key(|l| l.last.elapsed()).map(|l| l.choices.number);
            self.lines.retain(|l| Some(l.choices.number) != oldest);
        }
        self.lines.push(line);
    }

    /// A run of a plan came to its end.
    pub(crate) fn ended(&mut self, plan: u64, micros: f64) -> Option<Change> {
        let line = self.line(plan)?;
        line.runs += 1;
        line.last = Stopwatch::start();
        if line.runs == 1 {
            return None;
        }
        if line.times.len() >= TIMES_MAX {
            line.times.pop_front();
        }
        line.times.push_back(micros);
        let (state, before, times) = (line.state, line.before, line.times());
        match state {
            State::Trial if self.kept.is_none() => self.judge(plan, before, &times),
            State::Good => self.confirm(plan, micros),
            _ => None,
        }
    }

    /// Decides over a plan on trial.
    fn judge(&mut self, plan: u64, before: u64, times: &[f64]) -> Option<Change> {
        // The plan before it may have been forgotten.
        let known = self.line(before).map(|line| line.times());
        match known.map_or(Verdict::NotSlower, |known| compare(&known, times)) {
            Verdict::Open => None,
            Verdict::NotSlower => {
                let change = self.change(Happened::Accepted, plan, before);
                self.accept(plan);
                Some(change)
            }
            Verdict::Slower => {
                let change = self.change(Happened::Reverted, plan, before);
                self.line(plan)?.state = State::Rejected;
                self.kept = Some(Kept { rejected: plan, before, since: Vec::new(), confirmed: false, runs: 0 });
                Some(change)
            }
        }
    }

    /// Asks whether the plan that is kept is still the faster one.
    fn confirm(&mut self, plan: u64, micros: f64) -> Option<Change> {
        let kept = self.kept.as_mut()?;
        kept.runs += 1;
        if kept.confirmed || kept.before != plan {
            return None;
        }
        kept.since.push(micros);
        let (rejected, since) = (kept.rejected, kept.since.clone());
        let slow = self.line(rejected).map(|line| line.times()).unwrap_or_default();
        match compare(&since, &slow) {
            Verdict::Open if since.len() < RUNS_ENOUGH => None,
            Verdict::Slower => {
                self.retry_after = (self.retry_after * 10).min(RETRY_MAX);
                if let Some(kept) = &mut self.kept {
                    (kept.confirmed, kept.since) = (true, Vec::new());
                }
                Some(self.change(Happened::Confirmed, rejected, plan))
            }
            Verdict::Open | Verdict::NotSlower => {
                let mut change = self.change(Happened::Released, rejected, plan);
                change.before_us = median(&since);
                self.accept(rejected);
                Some(change)
            }
        }
    }

    /// The plan is the good one from now on.
    fn accept(&mut self, plan: u64) {
        (self.kept, self.retry_after) = (None, RETRY_AFTER);
        self.lines.retain(|line| line.choices.number == plan);
        if let Some(line) = self.lines.first_mut() {
            line.state = State::Good;
            self.base = Arc::clone(&line.assumptions);
        }
    }

    fn line(&mut self, plan: u64) -> Option<&mut Line> {
        self.lines.iter_mut().find(|line| line.choices.number == plan)
    }

    fn change(&mut self, happened: Happened, plan: u64, before: u64) -> Change {
        let mut median = |number| self.line(number).and_then(|line| line.median_us()).unwrap_or_default();
        let (plan_us, before_us) = (median(plan), median(before));
        Change { happened, plan, before, plan_us, before_us }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choices(number: u64) -> Choices {
        Choices { number, text: format!("plan {number}") }
    }

    fn history() -> History {
        let mut history = History::new("select ?".into(), BTreeSet::new(), 0);
        history.add(choices(1), None, Arc::default());
        history
    }

    fn run(history: &mut History, plan: u64, micros: f64, times: usize) -> Vec<Happened> {
        (0..times).filter_map(|i| history.ended(plan, micros + (i % 3) as f64)).map(|c| c.happened).collect()
    }

    #[test]
    fn a_slower_plan_is_reverted_confirmed_and_tried_again_much_later() {
        let mut history = history();
        assert_eq!(run(&mut history, 1, 10_000.0, 8), []);
        history.add(choices(2), Some(1), Arc::default());
        // The first run is not counted, however slow it was.
        assert_eq!(run(&mut history, 2, 900_000.0, 1), []);
        assert_eq!(run(&mut history, 2, 30_000.0, 4), []);
        assert_eq!(run(&mut history, 2, 30_000.0, 1), [Happened::Reverted]);
        assert_eq!(history.kept(), Some(1));
        assert!(history.begin().0.is_some());
        assert_eq!(run(&mut history, 1, 10_000.0, 99), [Happened::Confirmed]);
        assert!(history.begin().0.is_some());
        run(&mut history, 1, 10_000.0, 901);
        let (given, change) = history.begin();
        assert!(given.is_none() && change.is_some_and(|c| c.happened == Happened::Retried));
        assert_eq!(run(&mut history, 2, 9_000.0, 6), [Happened::Accepted]);
        assert_eq!((history.kept(), history.lines.len()), (None, 1));
    }

    #[test]
    fn a_plan_that_became_slow_itself_is_not_kept() {
        let mut history = history();
        run(&mut history, 1, 10_000.0, 8);
        history.add(choices(2), Some(1), Arc::default());
        assert_eq!(run(&mut history, 2, 30_000.0, 6), [Happened::Reverted]);
        // The data grew: the old plan takes as long.
        assert_eq!(run(&mut history, 1, 29_000.0, 5), [Happened::Released]);
        assert!(history.kept().is_none() && history.knows(2) && !history.knows(1));
    }

    #[test]
    fn other_constants_are_no_new_plan_and_few_runs_no_history() {
        let mut history = history();
        run(&mut history, 1, 10_000.0, 8);
        history.add(choices(2), Some(2), Arc::default());
        assert_eq!(run(&mut history, 2, 90_000.0, 30), []);
        assert!(history.lines.iter().all(|line| line.state == State::Good));
        let mut young = History::new("select ?".into(), BTreeSet::new(), 0);
        young.add(choices(1), None, Arc::default());
        run(&mut young, 1, 10_000.0, 3);
        assert!(young.base().is_none());
        young.add(choices(2), None, Arc::default());
        assert_eq!(run(&mut young, 2, 90_000.0, 30), []);
        assert!(young.knows(2) && !young.knows(1));
    }

    #[test]
    fn memory_is_bounded() {
        let mut history = history();
        run(&mut history, 1, 10_000.0, 100);
        assert_eq!(history.lines[0].times.len(), TIMES_MAX);
        for plan in 2..40 {
            history.add(choices(plan), Some(plan), Arc::default());
        }
        assert_eq!(history.lines.len(), PLANS_MAX);
    }
}
