//! The run of a search.

use headwater_common::{Error, ErrorKind, Result};
use headwater_timeseries::random::Random;

use crate::metrics::Metric;
use crate::model::{Algorithm, Stack};
use crate::prepared::Prepared;
use crate::search::halving::{FACTOR, rungs};
use crate::search::space::Space;
use crate::search::{Leaderboard, Point, Trial, grid, tpe};
use crate::validation::{Fold, cross_validate};

/// Keeps the draw of candidates apart from the other draws of a seed.
const SEARCH_SALT: u64 = 0x7365_6172;

/// How candidates are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Three places on each of the first three axes of each algorithm.
    Grid,
    /// At random (Bergstra & Bengio, "Random search for hyper-parameter optimization", 2012).
    Random,
    /// A tree-structured Parzen estimator.
    Tpe,
    /// Successive halving on growing shares of the rows.
    Halving,
}

impl Method {
    /// The method of a name. Errors: there is none; the message lists those there are.
    pub fn parse(name: &str) -> Result<Self> {
        Ok(match name {
            "grid" => Self::Grid,
            "random" => Self::Random,
            "tpe" => Self::Tpe,
            "halving" => Self::Halving,
            _ => {
                return Err(Error::invalid(format!("there is no search {name}; there are grid, random, tpe, halving")));
            }
        })
    }
}

/// A search: first every algorithm with its usual parameters, then candidates by the method, at last a stack of the best of
/// each algorithm. Every trial is a cross-validation; at least one is finished whatever the budget.
///
/// Without a budget of seconds the same rows, search and seed give the same leaderboard; with one it depends on the machine.
#[derive(Debug, Clone)]
pub struct Search {
    /// How candidates are chosen.
    pub method: Method,
    /// Most trials.
    pub trials: usize,
    /// No fit starts after this many seconds; one that runs is finished.
    pub seconds: Option<f64>,
    /// What to choose from; all that fit the task when empty. Their parameters are where the search starts.
    pub algorithms: Vec<Algorithm>,
    /// What trials are judged by; the usual one of the task when `None`.
    pub metric: Option<Metric>,
    /// Whether the best of each algorithm are stacked at last.
    pub stack: bool,
}

impl Default for Search {
    fn default() -> Self {
        Self { method: Method::Tpe, trials: 30, seconds: None, algorithms: Vec::new(), metric: None, stack: true }
    }
}

struct Run<'a> {
    search: &'a Search,
    prepared: &'a Prepared,
    folds: Vec<Fold>,
    metric: Metric,
    elapsed: &'a mut dyn FnMut() -> f64,
    trials: Vec<Trial>,
    ended: bool,
}

impl Search {
    /// Searches. `elapsed` gives the seconds since some start; only differences count. Errors: nothing to choose from, too
    /// few rows for the folds, no trial succeeded, or cancelled. A candidate that fails is a row of the leaderboard.
    pub fn run(&self, prepared: &Prepared, elapsed: &mut dyn FnMut() -> f64) -> Result<Leaderboard> {
        let task = prepared.target.task();
        let metric = self.metric.unwrap_or(Metric::primary(task));
        if !Metric::of_task(task).contains(&metric) {
            return Err(Error::invalid(format!("{} does not measure what the target has", metric.name())));
        }
        let spaces: Vec<Space> = match self.algorithms.as_slice() {
            [] => Space::all(task),
            chosen => chosen.iter().map(|a| Space::new(a.clone())).collect(),
        };
        let folds = prepared.folds()?;
        let mut run = Run { search: self, prepared, folds, metric, elapsed, trials: Vec::new(), ended: false };
        let reserved = usize::from(self.stack && spaces.len() > 1 && self.trials > spaces.len());
        let most = self.trials.max(1) - reserved;
        run.usual(&spaces, most)?;
        let mut random = Random::new(prepared.context.seed ^ SEARCH_SALT);
        match self.method {
            Method::Halving => run.halving(&spaces, most, &mut random)?,
            _ => run.one_by_one(&spaces, most, &mut random)?,
        }
        if reserved > 0 {
            run.stack()?;
        }
        let board = Leaderboard::new(metric, run.trials, run.ended);
        if board.best().is_none() {
            let reason = board.trials.iter().find_map(|t| t.error.clone()).unwrap_or_default();
            return Err(Error::invalid(format!("no algorithm could be fitted: {reason}")));
        }
        Ok(board)
    }
}

impl Run<'_> {
    fn over(&mut self) -> bool {
        let late = self.search.seconds.is_some_and(|most| (self.elapsed)() >= most);
        self.ended |= late && self.trials.iter().any(|t| t.value.is_some());
        self.ended
    }

    /// Tries a candidate and gives its score, higher is better; none when it failed or the time ended.
    fn attempt(&mut self, algorithm: Algorithm, share: f64) -> Result<Option<f64>> {
        if self.over() {
            return Ok(None);
        }
        let start = (self.elapsed)();
        let folds = shares(&self.folds, share, self.prepared.context.ordered);
        let first = self.trials.iter().all(|t| t.value.is_none());
        let (mut late, seconds) = (false, self.search.seconds.filter(|_| !first));
        let elapsed = &mut self.elapsed;
        let mut before = || {
            late = seconds.is_some_and(|most| elapsed() >= most);
            if late { Err(Error::invalid("the time of the search ended")) } else { Ok(()) }
        };
        let Prepared { table, columns, target, context, .. } = self.prepared;
        let outcome = cross_validate(&algorithm, table, columns, target, &folds, context, &mut before);
        if late {
            self.ended = true;
            return Ok(None);
        }
        let seconds = (self.elapsed)() - start;
        let mut trial = Trial { algorithm, share, value: None, metrics: Vec::new(), seconds, error: None, judged: None };
        match outcome {
            Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error),
            Err(error) => trial.error = Some(error.to_string()),
            Ok(judged) => {
                trial.metrics = judged.metrics();
                trial.value = self.metric.measure(&judged.known, &judged.predicted);
                trial.judged = self.takes_the_lead(&trial).then_some(judged);
                if trial.value.is_none() {
                    trial.error = Some(format!("{} has no value", self.metric.name()));
                }
            }
        }
        let score = trial.value.map(|v| self.metric.score(v));
        self.trials.push(trial);
        Ok(score)
    }

    /// Whether a trial is the best so far on all rows. Only the best keeps its predictions; the former best drops them.
    fn takes_the_lead(&mut self, trial: &Trial) -> bool {
        let score = |t: &Trial| t.value.map(|v| self.metric.score(v));
        let Some(new) = score(trial).filter(|_| trial.share >= 1.0) else { return false };
        let leads = self.trials.iter().filter(|t| t.share >= 1.0).filter_map(score).all(|old| new > old);
        if leads {
            self.trials.iter_mut().for_each(|t| t.judged = None);
        }
        leads
    }

    fn usual(&mut self, spaces: &[Space], most: usize) -> Result<()> {
        for space in spaces.iter().take(most) {
            self.attempt(space.usual.clone(), 1.0)?;
        }
        Ok(())
    }

    fn one_by_one(&mut self, spaces: &[Space], most: usize, random: &mut Random) -> Result<()> {
        let widths: Vec<usize> = spaces.iter().map(Space::width).collect();
        let mut tried: Vec<(Point, f64)> = Vec::new();
        let mut index = 0;
        while self.trials.len() < most && !self.over() {
            let point = match self.search.method {
                Method::Grid => match grid::point(index, &widths) {
                    Some(point) => point,
                    None => break,
                },
                Method::Tpe => tpe::next(&tried, &widths, random).unwrap_or_else(|| any(&widths, random)),
                Method::Random | Method::Halving => any(&widths, random),
            };
            index += 1;
            let score = self.attempt(spaces[point.space].at(&point.at), 1.0)?;
            tried.push((point, score.unwrap_or(f64::NEG_INFINITY)));
        }
        Ok(())
    }

    fn halving(&mut self, spaces: &[Space], most: usize, random: &mut Random) -> Result<()> {
        let widths: Vec<usize> = spaces.iter().map(Space::width).collect();
        let left = most.saturating_sub(self.trials.len());
        if left == 0 {
            return Ok(());
        }
        let rungs = rungs(left);
        let first = rungs.first().map_or(0, |r| r.0);
        let mut candidates: Vec<Algorithm> = (0..first)
            .map(|_| {
                let point = any(&widths, random);
                spaces[point.space].at(&point.at)
            })
            .collect();
        for (_, share) in rungs {
            let mut scored = Vec::new();
            for candidate in std::mem::take(&mut candidates) {
                if let Some(score) = self.attempt(candidate.clone(), share)? {
                    scored.push((score, candidate));
                }
            }
            scored.sort_by(|a, b| b.0.total_cmp(&a.0));
            let keep = scored.len().div_ceil(FACTOR);
            candidates = scored.into_iter().take(keep).map(|s| s.1).collect();
        }
        Ok(())
    }

    /// Tries a stack of the best trial of each of the three best algorithms.
    fn stack(&mut self) -> Result<()> {
        let board = Leaderboard::new(self.metric, self.trials.clone(), false);
        let mut members: Vec<Algorithm> = Vec::new();
        for trial in board.trials.iter().filter(|t| t.value.is_some() && t.share >= 1.0) {
            let new = members.iter().all(|m| m.name() != trial.algorithm.name());
            if new && members.len() < 3 && !matches!(trial.algorithm, Algorithm::Stack(_)) {
                members.push(trial.algorithm.clone());
            }
        }
        if members.len() > 1 {
            self.attempt(Algorithm::Stack(Stack { members, folds: 4 }), 1.0)?;
        }
        Ok(())
    }
}

fn any(widths: &[usize], random: &mut Random) -> Point {
    let space = random.below(widths.len());
    Point { space, at: (0..widths[space]).map(|_| random.uniform()).collect() }
}

/// Folds that fit a share of their rows: the latest of ordered rows, else evenly spread ones.
fn shares(folds: &[Fold], share: f64, ordered: bool) -> Vec<Fold> {
    let cut = |fold: &Fold| {
        let count = ((share * fold.train.len() as f64).ceil() as usize).max(2).min(fold.train.len());
        let train = match ordered {
            true => fold.train[fold.train.len() - count..].to_vec(),
            false => (0..count).map(|i| fold.train[i * fold.train.len() / count.max(1)]).collect(),
        };
        Fold { train, test: fold.test.clone() }
    };
    folds.iter().map(cut).collect()
}
