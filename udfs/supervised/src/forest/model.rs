//! A fitted forest.

use headwater_common::Result;
use headwater_registry::codec::damaged;
use headwater_registry::record;

use crate::boosting::gain_shares;
use crate::data::{FEATURES_MAX, Features, Task};
use crate::scale::Scale;
use crate::tree::{Tree, add_scaled};

/// Trees whose answers are averaged.
#[derive(Debug, Clone, PartialEq)]
pub struct ForestModel {
    task: Task,
    width: usize,
    scale: Scale,
    /// Draw by draw, in each draw one tree a column.
    pub(crate) trees: Vec<Tree>,
}

record!(ForestModel { task, width, scale, trees } check check);

impl ForestModel {
    pub(crate) fn new(task: Task, width: usize, scale: Scale) -> Self {
        Self { task, width, scale, trees: Vec::new() }
    }

    fn check(&self) -> Result<()> {
        let whole = self.width <= FEATURES_MAX && !self.trees.is_empty() && self.trees.len().is_multiple_of(self.columns());
        match whole && self.trees.iter().all(|t| t.width() <= self.width) {
            true => Ok(()),
            false => Err(damaged("the trees of a forest do not fit together")),
        }
    }

    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Columns that trees answer: of two classes only the second.
    pub(crate) fn columns(&self) -> usize {
        match self.task {
            Task::Classification(classes) if classes > 2 => classes,
            _ => 1,
        }
    }

    /// The kind of prediction.
    pub fn task(&self) -> Task {
        self.task
    }

    /// The trees of a column.
    pub(crate) fn trees_of(&self, column: usize) -> impl Iterator<Item = &Tree> + Clone {
        self.trees.iter().skip(column).step_by(self.columns())
    }

    /// Value before the trees, and what each tree's answer is multiplied with: a column is their sum.
    pub(crate) fn start_and_unit(&self) -> (f64, f64) {
        let draws = (self.trees.len() / self.columns()) as f64;
        (self.scale.centre, self.scale.width / draws)
    }

    /// Numbers, or a column of probabilities for each class. Errors: another number of features.
    /// O(rows x trees x depth).
    pub fn predict(&self, features: &Features) -> Result<Vec<Vec<f64>>> {
        features.check_width(self.width)?;
        let (start, unit) = self.start_and_unit();
        let column = |at: usize| {
            let mut sums = vec![start; features.rows()];
            add_scaled(self.trees_of(at), features.columns(), unit, &mut sums);
            sums
        };
        let mut columns: Vec<Vec<f64>> = (0..self.columns()).map(column).collect();
        if self.task == Task::Classification(2) {
            columns.insert(0, columns[0].iter().map(|p| 1.0 - p).collect());
        }
        if self.task != Task::Regression {
            normalise(&mut columns);
        }
        Ok(columns)
    }

    /// Share of each feature in the gain of all splits. O(nodes).
    pub fn importance(&self) -> Vec<f64> {
        gain_shares(self.trees.iter(), self.width)
    }
}

/// Makes each row of columns a distribution: nothing below 0, and a sum of 1.
pub(crate) fn normalise(columns: &mut [Vec<f64>]) {
    for row in 0..columns.first().map_or(0, Vec::len) {
        columns.iter_mut().for_each(|c| c[row] = c[row].max(0.0));
        let sum: f64 = columns.iter().map(|c| c[row]).sum();
        let count = columns.len() as f64;
        columns.iter_mut().for_each(|c| c[row] = if sum > 0.0 { c[row] / sum } else { 1.0 / count });
    }
}
