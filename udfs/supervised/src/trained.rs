//! A trained model: all that serving needs, in one value that can be stored.

use headwater_common::{Error, Result};
use headwater_registry::codec::damaged;
use headwater_registry::{About, Artifact, Codec, record};
use headwater_timeseries::conformal::half_width;

use crate::boosting::Boosting;
use crate::context::Context;
use crate::data::{Column, Table, Target, Task};
use crate::derive::{Derivation, Derived};
use crate::estimator::Estimator;
use crate::explain::{Contributions, contributions};
use crate::metrics::Metric;
use crate::metrics::classes::most_probable;
use crate::model::Algorithm;
use crate::prepared::Prepared;
use crate::search::Trial;
use crate::validation::{Judged, cross_validate};

/// Kind of the artifact.
pub const KIND: &str = "supervised/1";
/// Errors that are kept for intervals.
const ERRORS_MAX: usize = 2000;

/// A trained model. The same columns are derived and encoded for training and for serving, by the same code with what was
/// learnt from the training rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    target: String,
    derived: Derived,
    estimator: Estimator,
    /// Name of each class; empty for numbers.
    classes: Vec<String>,
    /// Absolute errors of rows that fits did not see, in order.
    errors: Vec<f64>,
    metrics: Vec<(String, f64)>,
    rows: u64,
    seed: u64,
    fingerprint: String,
    algorithm: String,
    parameters: String,
}

record!(Trained {
    target, derived, estimator, classes, errors, metrics, rows, seed, fingerprint, algorithm, parameters,
} check check);

/// Predictions of rows.
#[derive(Debug, Clone, PartialEq)]
pub enum Predictions {
    /// Numbers with an interval; its ends are NaN when too few errors are known for the level.
    Numbers {
        /// The predictions.
        values: Vec<f64>,
        /// Lower ends.
        lower: Vec<f64>,
        /// Upper ends.
        upper: Vec<f64>,
    },
    /// Classes by place in [`Trained::classes`], and a column of probabilities for each class.
    Classes {
        /// The most probable class.
        codes: Vec<u32>,
        /// Class by class.
        probabilities: Vec<Vec<f64>>,
    },
}

/// Rows times steps that predictions of one call may take.
const STEPS_MAX: usize = 20_000_000;

impl Trained {
    /// Judges an algorithm by cross-validation and fits it on all rows. With fewer rows than the folds need there are no
    /// metrics and no intervals. Errors: those of the fits, or cancelled.
    pub fn train(prepared: &Prepared, algorithm: &Algorithm) -> Result<Self> {
        let judged = match prepared.folds() {
            Ok(folds) => {
                let Prepared { table, columns, target, context, .. } = prepared;
                Some(cross_validate(algorithm, table, columns, target, &folds, context, &mut || Ok(()))?)
            }
            Err(_) => None,
        };
        Self::fit(prepared, algorithm, judged.as_ref())
    }

    /// Fits the winner of a search on all rows, with the rounds that early stopping finds. Errors: those of the fit, or
    /// cancelled.
    pub fn of_trial(prepared: &Prepared, trial: &Trial) -> Result<Self> {
        let algorithm = match &trial.algorithm {
            Algorithm::Boosting(boosting) => Algorithm::Boosting(Boosting { refit: true, ..*boosting }),
            other => other.clone(),
        };
        Self::fit(prepared, &algorithm, trial.judged.as_ref())
    }

    fn fit(prepared: &Prepared, algorithm: &Algorithm, judged: Option<&Judged>) -> Result<Self> {
        let Prepared { table, columns, target, context, .. } = prepared;
        let estimator = Estimator::fit(algorithm, table, columns, target, context)?;
        let metrics = judged.map(Judged::metrics).unwrap_or_default();
        Ok(Self {
            target: prepared.spec.target.clone(),
            derived: prepared.derived.clone(),
            estimator,
            classes: match target {
                Target::Numbers(_) => Vec::new(),
                Target::Classes { names, .. } => names.clone(),
            },
            errors: judged.map(errors_of).unwrap_or_default(),
            metrics: metrics.into_iter().map(|(m, v)| (m.name().to_owned(), v)).collect(),
            rows: target.len() as u64,
            seed: context.seed,
            fingerprint: prepared.fingerprint.clone(),
            algorithm: algorithm.name().to_owned(),
            parameters: algorithm.describe(),
        })
    }

    fn check(&self) -> Result<()> {
        let fits = match self.estimator.task() {
            Task::Regression => self.classes.is_empty(),
            Task::Classification(classes) => self.classes.len() == classes,
        };
        if fits { Ok(()) } else { Err(damaged("classes and model do not fit together")) }
    }

    /// Predicts rows in any order, each by itself and by earlier rows with its ids. `level` is the share of rows whose
    /// number is to be inside the interval (split conformal prediction over the folds: Vovk, Gammerman & Shafer, 2005);
    /// its width is the same for all rows. Columns that the model does not know are left out.
    /// Errors: a column is missing or has other values than in training.
    pub fn predict(&self, table: &Table, level: f64) -> Result<Predictions> {
        if !self.classes.is_empty() {
            let predicted = self.estimator.predict(&self.derived.transform(table)?)?;
            let codes = (0..table.rows()).map(|row| most_probable(&predicted, row) as u32).collect();
            return Ok(Predictions::Classes { codes, probabilities: predicted });
        }
        let values = self.numbers(table)?;
        let half = half_width(&self.errors, level).unwrap_or(f64::NAN);
        let lower = values.iter().map(|v| v - half).collect();
        let upper = values.iter().map(|v| v + half).collect();
        Ok(Predictions::Numbers { values, lower, upper })
    }

    /// Predicted numbers. Where earlier values of the target are features and are not known, the predictions of those rows stand for
    /// them, one step after the other.
    fn numbers(&self, table: &Table) -> Result<Vec<f64>> {
        let predict = |table: &Table| -> Result<Vec<f64>> {
            Ok(self.estimator.predict(&self.derived.transform(table)?)?.pop().unwrap_or_default())
        };
        let unknown = self.derived.unknown(table, &self.target)?;
        let steps = unknown.iter().flatten().max().copied().unwrap_or(0);
        if steps == 0 {
            return predict(table);
        }
        if steps.saturating_mul(table.rows()) > STEPS_MAX {
            return Err(Error::invalid(format!(
                "{} rows follow one another whose earlier values of \"{}\" are predictions; predict fewer steps or fewer series at once",
                steps + 1,
                self.target
            )));
        }
        let mut target = match table.find(&self.target) {
            Some(_) => table.numbers(&self.target)?.to_vec(),
            None => vec![f64::NAN; table.rows()],
        };
        let others: Vec<Column> = table.columns().iter().filter(|c| c.name != self.target).cloned().collect();
        let mut out = Vec::new();
        for step in 0..=steps {
            let mut columns = others.clone();
            columns.push(Column::numbers(&self.target, target.clone()));
            let made = predict(&Table::new(columns)?)?;
            out.resize(made.len(), f64::NAN);
            for (row, value) in made.into_iter().enumerate() {
                match unknown[row] {
                    Some(own) if own == step => (out[row], target[row]) = (value, value),
                    None if step == steps => out[row] = value,
                    _ => {}
                }
            }
        }
        Ok(out)
    }

    /// All metrics of predictions of rows whose target is known; rows without one are left out.
    /// Errors: as of [`Trained::predict`], no row has a target, or a class is unknown to the model.
    pub fn evaluate(&self, table: &Table) -> Result<Vec<(Metric, f64)>> {
        crate::evaluate::evaluate(self, table)
    }

    /// How much a metric falls when a column is shuffled among rows whose target is known, the mean of `repeats`; the column
    /// that matters most first. Right for every algorithm, and best on rows that the fit did not see.
    /// Errors: as of [`Trained::evaluate`], the metric has no value, or cancelled.
    pub fn permutation_importance(
        &self,
        table: &Table,
        metric: Metric,
        repeats: usize,
        context: &Context,
    ) -> Result<Vec<(String, f64)>> {
        crate::evaluate::permutation(self, table, metric, repeats, context)
    }

    /// Names of columns, and what each adds to the outputs of rows: the sum over the features that are made of it. Errors: as
    /// of [`Trained::predict`], or an algorithm without contributions.
    pub fn explain(&self, table: &Table) -> Result<(Vec<String>, Contributions)> {
        let Estimator::Single(single) = &self.estimator else {
            return Err(Error::unsupported("a stack has no contributions of features; ask for its permutation importance"));
        };
        let features = single.encoder.transform(&self.derived.transform(table)?)?;
        let of_features = contributions(&single.model, &features)?;
        Ok(of_features.by_column(&single.encoder.origins()))
    }

    /// Share of each column in the fit, where the algorithm says: gain of splits, or size of coefficients. The most
    /// important first.
    pub fn importance(&self) -> Option<Vec<(String, f64)>> {
        let Estimator::Single(single) = &self.estimator else { return None };
        let shares = single.model.importance()?;
        let mut out: Vec<(String, f64)> = Vec::new();
        for (column, share) in single.encoder.origins().into_iter().zip(shares) {
            match out.iter_mut().find(|o| o.0 == column) {
                Some(found) => found.1 += share,
                None => out.push((column.to_owned(), share)),
            }
        }
        out.sort_by(|a, b| b.1.total_cmp(&a.1));
        Some(out)
    }

    /// The column that is predicted.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Name of each class; empty when numbers are predicted.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Names and values of the metrics of the cross-validation.
    pub fn metrics(&self) -> &[(String, f64)] {
        &self.metrics
    }

    /// What versions are compared by, higher is better: the usual metric of the task. `None` when nothing was measured.
    pub fn score(&self) -> Option<f64> {
        let metric = Metric::primary(self.estimator.task());
        self.metrics.iter().find(|m| m.0 == metric.name()).map(|m| metric.score(m.1))
    }

    /// Number of training rows that had a target.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Seed of the fit.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Fingerprint of the training rows.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Name of the algorithm and its parameters that are not the usual ones.
    pub fn algorithm(&self) -> (&str, &str) {
        (&self.algorithm, &self.parameters)
    }

    /// What fits and predicts.
    pub fn estimator(&self) -> &Estimator {
        &self.estimator
    }

    /// What is derived of the columns.
    pub fn derivation(&self) -> &Derivation {
        self.derived.spec()
    }

    pub(crate) fn derived(&self) -> &Derived {
        &self.derived
    }

    /// What a registry stores beside the model. `created_us` is the time of training, microseconds since the epoch; `query`
    /// is the training query.
    pub fn about(&self, created_us: i64, query: &str) -> About {
        let option = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        About {
            created_us,
            query: query.to_owned(),
            fingerprint: self.fingerprint.clone(),
            rows: self.rows,
            seed: self.seed,
            metrics: self.metrics.clone(),
            score: self.score(),
            options: vec![
                option("target", &self.target),
                option("algorithm", &self.algorithm),
                option("parameters", &self.parameters),
            ],
        }
    }

    /// The model as a file's content.
    pub fn to_artifact(&self) -> Artifact {
        Artifact { kind: KIND.to_owned(), payload: self.to_bytes() }
    }

    /// The model of a file. Errors: another kind of model, bytes that are none, or more memory than given.
    pub fn from_artifact(artifact: &Artifact, memory_max_bytes: usize) -> Result<Self> {
        if artifact.kind != KIND {
            return Err(Error::unsupported(format!("the model is of kind {}, not {KIND}", artifact.kind)));
        }
        Self::from_bytes(&artifact.payload, memory_max_bytes)
    }
}

/// Absolute errors in order; of many, evenly spaced ones, each the largest of those it stands for.
fn errors_of(judged: &Judged) -> Vec<f64> {
    let Target::Numbers(known) = &judged.known else { return Vec::new() };
    let mut errors: Vec<f64> = known.iter().zip(&judged.predicted[0]).map(|(y, p)| (y - p).abs()).collect();
    errors.sort_by(f64::total_cmp);
    let count = errors.len();
    if count <= ERRORS_MAX {
        return errors;
    }
    (1..=ERRORS_MAX).map(|i| errors[(i * count).div_ceil(ERRORS_MAX) - 1]).collect()
}
