//! The nearest neighbours.

use headwater_common::{Error, Result};
use headwater_registry::codec::damaged;
use headwater_registry::record;
use headwater_timeseries::linear::Matrix;
use headwater_timeseries::random::Random;

use crate::context::{Context, check_rows};
use crate::data::{Features, Target, Task};
use crate::scale::Scale;
use crate::standard::Standard;
use crate::tree::grow::draw;

/// Means over the k nearest training rows by Euclidean distance of features of mean 0 and deviation 1 (Cover & Hart,
/// "Nearest neighbor pattern classification", 1967). Of equally near rows the earlier ones count.
/// Fit O(rows x features); prediction O(training rows x features) a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbors {
    /// Number of neighbours; all rows when there are fewer.
    pub k: usize,
    /// Weights by one over the distance instead of equal ones.
    pub by_distance: bool,
    /// Most training rows that are kept; of more, this many are drawn.
    pub rows_max: usize,
}

impl Default for Neighbors {
    fn default() -> Self {
        Self { k: 10, by_distance: false, rows_max: 20_000 }
    }
}

impl Neighbors {
    /// Keeps training rows. Errors: `k` or `rows_max` is 0, fewer than two rows, too many features.
    pub fn fit(&self, features: &Features, target: &Target, context: &Context) -> Result<NeighborsModel> {
        check_rows(features, target)?;
        if self.k == 0 || self.rows_max == 0 {
            return Err(Error::invalid("neighbors: k and rows_max must be 1 or more"));
        }
        let standard = Standard::fit(features)?;
        let all: Vec<usize> = (0..target.len()).collect();
        let kept = if all.len() > self.rows_max { draw(&all, self.rows_max, &mut Random::new(context.seed)) } else { all };
        let rows = standard.rows(&features.take(&kept))?;
        let mut answers = target.take(&kept).indicators();
        let scale = match target.task() {
            Task::Regression => Scale::of(&answers[0]),
            Task::Classification(_) => Scale::default(),
        };
        answers.iter_mut().flatten().for_each(|a| *a = scale.forward(*a));
        let rows = (0..rows.rows()).flat_map(|r| rows.row(r).to_vec()).collect();
        let k = self.k.min(kept.len());
        Ok(NeighborsModel { task: target.task(), standard, rows, answers, scale, k, by_distance: self.by_distance })
    }
}

/// Kept training rows and their answers.
#[derive(Debug, Clone, PartialEq)]
pub struct NeighborsModel {
    task: Task,
    standard: Standard,
    /// Row by row.
    rows: Vec<f64>,
    /// Output by output.
    answers: Vec<Vec<f64>>,
    scale: Scale,
    k: usize,
    by_distance: bool,
}

record!(NeighborsModel { task, standard, rows, answers, scale, k, by_distance } check check);

impl NeighborsModel {
    fn check(&self) -> Result<()> {
        let kept = self.answers.first().map_or(0, Vec::len);
        let fits = self.answers.len() == self.task.outputs()
            && self.answers.iter().all(|a| a.len() == kept)
            && Some(self.rows.len()) == kept.checked_mul(self.standard.width())
            && (1..=kept).contains(&self.k);
        if fits { Ok(()) } else { Err(damaged("the neighbours of a model do not fit together")) }
    }

    pub(crate) fn width(&self) -> usize {
        self.standard.width()
    }

    /// The kind of prediction.
    pub fn task(&self) -> Task {
        self.task
    }

    /// Numbers, or a column of probabilities for each class. Errors: another number of features.
    pub fn predict(&self, features: &Features) -> Result<Vec<Vec<f64>>> {
        let asked = self.standard.rows(features)?;
        let mut out = vec![Vec::with_capacity(asked.rows()); self.answers.len()];
        for row in 0..asked.rows() {
            let near = self.nearest(&asked, row);
            let weights = self.weights(&near);
            let sum: f64 = weights.iter().sum();
            for (out, answers) in out.iter_mut().zip(&self.answers) {
                let mean = near.iter().zip(&weights).map(|((_, at), w)| w * answers[*at]).sum::<f64>() / sum;
                out.push(self.scale.back(mean));
            }
        }
        Ok(out)
    }

    /// Squared distance and place of the k nearest rows.
    fn nearest(&self, asked: &Matrix, row: usize) -> Vec<(f64, usize)> {
        let width = self.standard.width();
        let kept = self.answers[0].len();
        let row = asked.row(row);
        let mut near: Vec<(f64, usize)> = Vec::with_capacity(self.k + 1);
        for at in 0..kept {
            let other = &self.rows[at * width..(at + 1) * width];
            let distance: f64 = row.iter().zip(other).map(|(a, b)| (a - b) * (a - b)).sum();
            if near.len() == self.k && near.last().is_some_and(|n| !(distance < n.0)) {
                continue;
            }
            let place = near.partition_point(|n| n.0 <= distance);
            near.insert(place, (distance, at));
            near.truncate(self.k);
        }
        near
    }

    /// Equal weights, or one over the distance; rows at distance 0 then count alone.
    fn weights(&self, near: &[(f64, usize)]) -> Vec<f64> {
        let same = near.iter().any(|n| n.0 == 0.0);
        let weight = |n: &(f64, usize)| match (self.by_distance, same) {
            (false, _) => 1.0,
            (true, true) => f64::from(u8::from(n.0 == 0.0)),
            (true, false) => 1.0 / n.0.sqrt(),
        };
        near.iter().map(weight).collect()
    }
}
