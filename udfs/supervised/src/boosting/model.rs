//! A fitted boosted model.

use headwater_common::Result;
use headwater_registry::codec::damaged;
use headwater_registry::record;

use crate::boosting::objective::{logistic, margins_of, softmax};
use crate::data::{FEATURES_MAX, Features, Task};
use crate::scale::Scale;
use crate::tree::{Tree, add_scaled};

/// Trees whose answers add up.
#[derive(Debug, Clone, PartialEq)]
pub struct BoostingModel {
    task: Task,
    width: usize,
    /// Margins before the first tree.
    start: Vec<f64>,
    scale: Scale,
    /// Round by round, in each round one tree a margin.
    pub(crate) trees: Vec<Tree>,
}

record!(BoostingModel { task, width, start, scale, trees } check check);

impl BoostingModel {
    pub(crate) fn new(task: Task, width: usize, start: Vec<f64>, scale: Scale) -> Self {
        Self { task, width, start, scale, trees: Vec::new() }
    }

    fn check(&self) -> Result<()> {
        let margins = margins_of(self.task);
        let fits = self.width <= FEATURES_MAX && self.start.len() == margins && self.trees.len().is_multiple_of(margins);
        match fits && self.trees.iter().all(|t| t.width() <= self.width) {
            true => Ok(()),
            false => Err(damaged("boosted trees do not fit together")),
        }
    }

    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Rounds that were kept.
    pub fn rounds(&self) -> usize {
        self.trees.len() / self.start.len()
    }

    /// The kind of prediction.
    pub fn task(&self) -> Task {
        self.task
    }

    /// Sum of the trees before the link: log odds of the second class, or of each class, or the number itself.
    /// Errors: another number of features. O(rows x trees x depth).
    pub fn margins(&self, features: &Features) -> Result<Vec<Vec<f64>>> {
        features.check_width(self.width)?;
        let margin = |(at, start): (usize, &f64)| {
            let mut sums = vec![*start; features.rows()];
            add_scaled(self.trees_of(at), features.columns(), 1.0, &mut sums);
            if self.task == Task::Regression {
                sums.iter_mut().for_each(|s| *s = self.scale.back(*s));
            }
            sums
        };
        Ok(self.start.iter().enumerate().map(margin).collect())
    }

    /// Numbers, or a column of probabilities for each class. Errors: another number of features.
    pub fn predict(&self, features: &Features) -> Result<Vec<Vec<f64>>> {
        Ok(predictions(self.task, self.margins(features)?))
    }

    /// The trees of a margin, and what their answers are multiplied with to be in its unit.
    pub(crate) fn trees_of(&self, margin: usize) -> impl Iterator<Item = &Tree> + Clone {
        self.trees.iter().skip(margin).step_by(self.start.len())
    }

    /// Value of each margin before its trees, and the unit of the trees' answers.
    pub(crate) fn starts(&self) -> (Vec<f64>, f64) {
        match self.task {
            Task::Regression => (vec![self.scale.back(self.start[0])], self.scale.width),
            Task::Classification(_) => (self.start.clone(), 1.0),
        }
    }

    /// Share of each feature in the gain of all splits. O(nodes).
    pub fn importance(&self) -> Vec<f64> {
        gain_shares(self.trees.iter(), self.width)
    }
}

/// What margins say: numbers as they are, else a column of probabilities for each class.
pub(crate) fn predictions(task: Task, mut margins: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    match task {
        Task::Regression => {}
        Task::Classification(2) => {
            let second: Vec<f64> = margins[0].iter().map(|m| logistic(*m)).collect();
            margins = vec![second.iter().map(|p| 1.0 - p).collect(), second];
        }
        Task::Classification(_) => softmax_columns(&mut margins),
    }
    margins
}

/// Softmax of each row of columns.
fn softmax_columns(columns: &mut [Vec<f64>]) {
    let mut row = vec![0.0; columns.len()];
    for at in 0..columns.first().map_or(0, Vec::len) {
        row.iter_mut().zip(columns.iter()).for_each(|(r, c)| *r = c[at]);
        softmax(&mut row);
        columns.iter_mut().zip(&row).for_each(|(c, r)| c[at] = *r);
    }
}

/// Share of each feature in the gain of trees; all 0 without a split.
pub(crate) fn gain_shares<'a>(trees: impl Iterator<Item = &'a Tree>, width: usize) -> Vec<f64> {
    let mut gains = vec![0.0; width];
    for tree in trees {
        for (node, gain) in tree.nodes.iter().zip(&tree.gain).filter(|(n, _)| n.left != 0) {
            gains[node.feature as usize] += gain;
        }
    }
    let sum: f64 = gains.iter().sum();
    if sum > 0.0 {
        gains.iter_mut().for_each(|g| *g /= sum);
    }
    gains
}

#[cfg(test)]
mod tests {
    use headwater_registry::Codec;

    use super::*;

    /// Memory for each feature is taken without looking at rows, so their number must not come from a file unseen.
    #[test]
    fn more_features_than_there_can_be_are_refused() {
        let model = |width| BoostingModel::new(Task::Regression, width, vec![0.0], Scale::default());
        assert!(BoostingModel::from_bytes(&model(3).to_bytes(), 1 << 10).is_ok());
        for width in [FEATURES_MAX + 1, usize::MAX] {
            assert!(BoostingModel::from_bytes(&model(width).to_bytes(), 1 << 10).is_err());
        }
    }
}
