//! How good predictions are.

pub(crate) mod classes;
mod numbers;

use headwater_common::{Error, Result};

use crate::data::{Target, Task};

/// A measure of predictions beside the known answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Root of the mean squared error.
    Rmse,
    /// Mean absolute error.
    Mae,
    /// Share of the variance that is explained; negative when the mean were better.
    R2,
    /// Mean of the absolute error over the absolute value, of rows whose value is not 0.
    Mape,
    /// Mean of twice the absolute error over the sum of both absolute values; 0 where both are 0.
    Smape,
    /// Mean negative logarithm of the probability of what came.
    LogLoss,
    /// Share of rows whose most probable class came.
    Accuracy,
    /// Mean over classes of the harmonic mean of precision and recall.
    F1,
    /// Area under the curve of true over false positives; of more than two classes the mean of each against the others.
    RocAuc,
    /// Average precision; of the second of two classes, of more the mean of each against the others.
    PrAuc,
    /// Mean squared error of the probability of the second of two classes; of more the sum over classes.
    Brier,
}

impl Metric {
    /// All, first those of regression.
    pub const ALL: &'static [Self] = &[
        Self::Rmse,
        Self::Mae,
        Self::R2,
        Self::Mape,
        Self::Smape,
        Self::LogLoss,
        Self::Accuracy,
        Self::F1,
        Self::RocAuc,
        Self::PrAuc,
        Self::Brier,
    ];

    /// Its name in options and results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rmse => "rmse",
            Self::Mae => "mae",
            Self::R2 => "r2",
            Self::Mape => "mape",
            Self::Smape => "smape",
            Self::LogLoss => "log_loss",
            Self::Accuracy => "accuracy",
            Self::F1 => "f1",
            Self::RocAuc => "roc_auc",
            Self::PrAuc => "pr_auc",
            Self::Brier => "brier",
        }
    }

    /// The metric of a name. Errors: there is none; the message lists those there are.
    pub fn parse(name: &str) -> Result<Self> {
        Self::ALL.iter().copied().find(|m| m.name() == name).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|m| m.name()).collect();
            Error::invalid(format!("there is no metric {name}; there are {}", names.join(", ")))
        })
    }

    /// Metrics that fit a task.
    pub fn of_task(task: Task) -> &'static [Self] {
        let (numbers, classes) = Self::ALL.split_at(5);
        match task {
            Task::Regression => numbers,
            Task::Classification(_) => classes,
        }
    }

    /// What models are compared by unless something else is asked for.
    pub fn primary(task: Task) -> Self {
        match task {
            Task::Regression => Self::Rmse,
            Task::Classification(_) => Self::LogLoss,
        }
    }

    /// Whether more is better.
    pub fn higher_is_better(self) -> bool {
        matches!(self, Self::R2 | Self::Accuracy | Self::F1 | Self::RocAuc | Self::PrAuc)
    }

    /// A number that is larger for better predictions.
    pub fn score(self, value: f64) -> f64 {
        if self.higher_is_better() { value } else { -value }
    }

    /// Measures predictions: a column of numbers, or a column of probabilities for each class. `None` where the measure
    /// does not fit the task or has no value, such as the ROC AUC of one class. O(n log n).
    pub fn measure(self, target: &Target, predicted: &[Vec<f64>]) -> Option<f64> {
        let found = match target {
            Target::Numbers(known) => numbers::measure(self, known, predicted.first()?),
            Target::Classes { codes, .. } => classes::measure(self, codes, predicted),
        };
        found.filter(|value| !value.is_nan())
    }
}

/// All metrics that have a value, with their names.
pub fn measure_all(target: &Target, predicted: &[Vec<f64>]) -> Vec<(Metric, f64)> {
    let value = |metric: &Metric| Some((*metric, metric.measure(target, predicted)?));
    Metric::of_task(target.task()).iter().filter_map(value).collect()
}
