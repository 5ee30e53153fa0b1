//! What the methods would have forecast at earlier origins.

use headwater_common::Result;
use headwater_timeseries::conformal::Calibration;

use super::combine::{combine, weights};
use super::pool::Pool;
use crate::{Path, Training};

/// One origin: what came, and what each method said.
#[derive(Debug)]
struct Outcome {
    actual: Vec<f64>,
    paths: Vec<Option<Path>>,
    errors: Vec<Option<f64>>,
}

/// All origins.
#[derive(Debug)]
pub(super) struct Backtest {
    outcomes: Vec<Outcome>,
    /// Number of different values that were compared with.
    compared: usize,
}

impl Backtest {
    /// Fits every method at every origin, the earliest first.
    pub(super) fn run(training: &Training<'_>, pool: &mut Pool) -> Result<Self> {
        let y = &training.values;
        let folds = pool.folds.clone();
        let compared = folds.first().map_or(0, |fold| y.len() - fold.origin);
        let mut outcomes = Vec::with_capacity(folds.len());
        for fold in folds {
            let actual = y[fold.origin..fold.origin + fold.steps].to_vec();
            let fits = pool.fit(&training.with_values(&y[..fold.origin]))?;
            let paths: Vec<Option<Path>> = fits.into_iter().map(|fit| fit.map(|fit| fit.path(fold.steps))).collect();
            let paths: Vec<Option<Path>> = paths.into_iter().map(|path| path.filter(is_finite)).collect();
            let error = |path: &Path| mean_error(&actual, path, pool.squared);
            let errors = paths.iter().map(|path| path.as_ref().map(error)).collect();
            outcomes.push(Outcome { actual, paths, errors });
        }
        Ok(Self { outcomes, compared })
    }

    /// Number of errors behind the mean of one method.
    pub(super) fn steps(&self) -> usize {
        self.compared
    }

    /// Mean error of a method over all origins but one; `None` when it failed at one of them.
    pub(super) fn error(&self, method: usize, without: Option<usize>) -> Option<f64> {
        let origins = self.outcomes.iter().enumerate().filter(|(k, _)| Some(*k) != without);
        let errors = origins.map(|(_, outcome)| outcome.errors.get(method).copied().flatten());
        let errors: Vec<f64> = errors.collect::<Option<_>>()?;
        (!errors.is_empty()).then(|| errors.iter().sum::<f64>() / errors.len() as f64)
    }

    /// Calibrates the combination by its own errors, each origin with the weights of the other ones.
    pub(super) fn calibration(&self) -> Calibration {
        let mut scores = Vec::new();
        for (k, outcome) in self.outcomes.iter().enumerate() {
            let (mut paths, mut errors) = (Vec::new(), Vec::new());
            for (method, path) in outcome.paths.iter().enumerate() {
                if let Some(path) = path {
                    paths.push(path);
                    errors.push(self.error(method, Some(k)));
                }
            }
            let others = self.outcomes.len() - 1;
            let weights = weights(&errors, self.compared * others / self.outcomes.len());
            let combined = combine(&paths, &weights);
            let stated = combined.mean.iter().zip(&combined.deviation).zip(&outcome.actual);
            scores.extend(stated.map(|((mean, deviation), actual)| (actual - mean).abs() / deviation.max(1e-12)));
        }
        // Neighbouring errors of one origin go together.
        Calibration::new(&scores, self.compared as f64 / 2.0)
    }
}

fn is_finite(path: &Path) -> bool {
    path.mean.iter().chain(&path.deviation).all(|v| v.is_finite())
}

fn mean_error(actual: &[f64], path: &Path, squared: bool) -> f64 {
    let errors = actual.iter().zip(&path.mean).map(|(a, f)| (a - f).abs());
    let n = actual.len().max(1) as f64;
    if squared { (errors.map(|e| e * e).sum::<f64>() / n).sqrt() } else { errors.sum::<f64>() / n }
}
