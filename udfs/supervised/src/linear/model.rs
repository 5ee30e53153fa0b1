//! A fitted linear model.

use headwater_common::Result;
use headwater_registry::codec::damaged;
use headwater_registry::record;
use headwater_timeseries::linear::dot;

use crate::boosting::predictions;
use crate::data::{Features, Task};
use crate::explain::Output;
use crate::scale::Scale;
use crate::standard::Standard;

/// Weighted sums of features: a number, the log odds of the second of two classes, or a margin for each class.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearModel {
    task: Task,
    standard: Standard,
    weights: Vec<Vec<f64>>,
    intercepts: Vec<f64>,
    scale: Scale,
}

record!(LinearModel { task, standard, weights, intercepts, scale } check check);

impl LinearModel {
    pub(crate) fn new(task: Task, standard: Standard, weights: Vec<Vec<f64>>, intercepts: Vec<f64>, scale: Scale) -> Self {
        Self { task, standard, weights, intercepts, scale }
    }

    fn check(&self) -> Result<()> {
        let outputs = match self.task {
            Task::Classification(classes) if classes > 2 => classes,
            _ => 1,
        };
        let width = self.standard.width();
        let fits = self.weights.len() == outputs && self.intercepts.len() == outputs;
        match fits && self.weights.iter().all(|w| w.len() == width) {
            true => Ok(()),
            false => Err(damaged("the weights of a linear model do not fit together")),
        }
    }

    pub(crate) fn width(&self) -> usize {
        self.standard.width()
    }

    /// The kind of prediction.
    pub fn task(&self) -> Task {
        self.task
    }

    /// Coefficients of each output over features of mean 0 and deviation 1 and, for numbers, a target scaled likewise.
    pub fn weights(&self) -> &[Vec<f64>] {
        &self.weights
    }

    /// Intercept of each output; 0 for numbers, whose target was centred.
    pub fn intercepts(&self) -> &[f64] {
        &self.intercepts
    }

    /// Sums before the link: the numbers themselves, or log odds. Errors: another number of features.
    pub fn margins(&self, features: &Features) -> Result<Vec<Vec<f64>>> {
        let rows = self.standard.rows(features)?;
        let sum = |(w, start): (&Vec<f64>, &f64)| {
            (0..rows.rows()).map(|r| self.scale.back(dot(w, rows.row(r)) + start)).collect()
        };
        Ok(self.weights.iter().zip(&self.intercepts).map(sum).collect())
    }

    /// Numbers, or a column of probabilities for each class. Errors: another number of features. O(rows x features).
    pub fn predict(&self, features: &Features) -> Result<Vec<Vec<f64>>> {
        Ok(predictions(self.task, self.margins(features)?))
    }

    /// What each feature adds to each margin of each row, beside the margin of the mean row: the Shapley values of
    /// features taken as independent (Lundberg & Lee, 2017, corollary 1).
    pub(crate) fn contributions(&self, features: &Features) -> Result<Vec<Output>> {
        let rows = self.standard.rows(features)?;
        let of = |(w, start): (&Vec<f64>, &f64)| {
            let feature = |j: usize| (0..rows.rows()).map(|r| w[j] * rows.row(r)[j] * self.scale.width).collect();
            Output { base: self.scale.back(*start), features: (0..self.standard.width()).map(feature).collect() }
        };
        Ok(self.weights.iter().zip(&self.intercepts).map(of).collect())
    }

    /// Share of each feature in the sum of absolute coefficients.
    pub fn importance(&self) -> Vec<f64> {
        let size = |j: usize| self.weights.iter().map(|w| w[j].abs()).sum::<f64>();
        let sizes: Vec<f64> = (0..self.standard.width()).map(size).collect();
        let sum: f64 = sizes.iter().sum();
        sizes.iter().map(|s| if sum > 0.0 { s / sum } else { 0.0 }).collect()
    }
}
