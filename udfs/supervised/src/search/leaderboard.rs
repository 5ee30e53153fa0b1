//! What a search found.

use crate::metrics::Metric;
use crate::model::Algorithm;
use crate::validation::Judged;

/// One candidate and how it did.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The candidate.
    pub algorithm: Algorithm,
    /// Share of each fold's training rows that it was fitted on; only 1 can win.
    pub share: f64,
    /// What it was judged by; `None` when it failed.
    pub value: Option<f64>,
    /// All metrics.
    pub metrics: Vec<(Metric, f64)>,
    /// Time of the cross-validation.
    pub seconds: f64,
    /// Why it failed.
    pub error: Option<String>,
    /// Predictions of the rows it did not see; only of the best trial.
    pub(crate) judged: Option<Judged>,
}

/// All trials, the best first, failed ones last.
#[derive(Debug, Clone)]
pub struct Leaderboard {
    /// What trials were judged by.
    pub metric: Metric,
    /// Whole trials by value, then those on fewer rows, then those that failed.
    pub trials: Vec<Trial>,
    /// Whether the time ended before the trials did.
    pub stopped_early: bool,
}

impl Leaderboard {
    pub(crate) fn new(metric: Metric, mut trials: Vec<Trial>, stopped_early: bool) -> Self {
        let rank = |t: &Trial| (t.value.is_none(), -t.share, t.value.map_or(0.0, |v| -metric.score(v)));
        trials.sort_by(|a, b| {
            let (a, b) = (rank(a), rank(b));
            a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.total_cmp(&b.2))
        });
        Self { metric, trials, stopped_early }
    }

    /// The best trial on all rows, if one did not fail.
    pub fn best(&self) -> Option<&Trial> {
        self.trials.first().filter(|t| t.value.is_some() && t.share >= 1.0)
    }
}
