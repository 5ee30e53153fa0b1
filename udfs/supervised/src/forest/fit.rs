//! The fit of a forest.

use headwater_common::{Error, Result};
use headwater_timeseries::random::Random;

use crate::context::{Context, check_rows};
use crate::data::{Features, Target, Task};
use crate::forest::ForestModel;
use crate::scale::Scale;
use crate::tree::DEPTH_MAX;
use crate::tree::bins::{BINS_MAX, Binned};
use crate::tree::grow::{Grower, Shape};
use crate::tree::histogram::Slopes;
use crate::tree::split::Rules;

/// A random forest (Breiman, "Random forests", 2001) over binned features, with missing values and sets of categories.
///
/// Each tree sees rows drawn with repetition and looks at a few drawn features for each split. Numbers: mean of leaves.
/// Classes: mean share in leaves, one tree a class beyond two, each of which minimises that class's Gini impurity.
/// O(trees x rows x features per split x depth).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Forest {
    /// Number of trees, of classes beyond two the number for each.
    pub trees: usize,
    /// Most leaves of a tree.
    pub leaves_max: usize,
    /// Most questions between root and leaf, 1 to 64.
    pub depth_max: usize,
    /// Fewest rows of a leaf.
    pub rows_min: usize,
    /// Share of features drawn for each split; `None` takes a third for numbers, the square root for classes.
    pub feature_share: Option<f64>,
}

impl Default for Forest {
    fn default() -> Self {
        Self { trees: 100, leaves_max: 8192, depth_max: 40, rows_min: 2, feature_share: None }
    }
}

impl Forest {
    fn check(&self) -> Result<()> {
        let share = self.feature_share.is_none_or(|s| s > 0.0 && s <= 1.0);
        let depth = (1..=DEPTH_MAX).contains(&self.depth_max);
        match share && (1..=10_000).contains(&self.trees) && self.leaves_max >= 2 && depth {
            true => Ok(()),
            false => Err(Error::invalid(
                "forest: trees must be 1 to 10000, leaves_max 2 or more, depth_max 1 to 64, feature_share above 0 and at most 1",
            )),
        }
    }

    /// Features looked at for each split.
    fn drawn(&self, width: usize, task: Task) -> usize {
        let wide = width as f64;
        let count = match (self.feature_share, task) {
            (Some(share), _) => share * wide,
            (None, Task::Regression) => wide / 3.0,
            (None, Task::Classification(_)) => wide.sqrt(),
        };
        (count.ceil() as usize).clamp(1, width.max(1))
    }

    /// Fits. Errors: a parameter is out of its range, fewer than two rows, or cancelled.
    pub fn fit(&self, features: &Features, target: &Target, context: &Context) -> Result<ForestModel> {
        self.check()?;
        check_rows(features, target)?;
        let task = target.task();
        let mut answers = target.indicators();
        let scale = match task {
            Task::Regression => Scale::of(&answers[0]),
            Task::Classification(_) => Scale::default(),
        };
        if task == Task::Classification(2) {
            answers.remove(0);
        }
        let binned = Binned::new(features, BINS_MAX);
        let rules = Rules {
            l2: 0.0,
            rows_min: self.rows_min.max(1) as f64,
            curvature_min: 0.0,
            gain_min: 0.0,
            category_l2: 0.0,
            category_smoothing: 1.0,
        };
        let shape = Shape {
            leaves_max: self.leaves_max,
            depth_max: self.depth_max,
            features_per_split: Some(self.drawn(features.width(), task)),
            rules,
        };
        let all: Vec<usize> = (0..features.width()).collect();
        let curvatures = vec![1.0; target.len()];
        let mut model = ForestModel::new(task, features.width(), scale);
        let gradients: Vec<Vec<f64>> = answers.iter().map(|a| a.iter().map(|v| -scale.forward(*v)).collect()).collect();
        for tree in 0..self.trees as u64 {
            let random = Random::new(context.part(tree).seed);
            let rows = bootstrap(target.len(), &mut random.clone());
            for gradients in &gradients {
                context.cancel.check()?;
                let slopes = Slopes { gradients, curvatures: &curvatures };
                let grower = Grower { binned: &binned, slopes, shape, features: &all, random: random.clone() };
                model.trees.push(grower.grow(rows.clone()).tree);
            }
        }
        Ok(model)
    }
}

/// As many rows as there are, drawn with repetition, in order.
fn bootstrap(rows: usize, random: &mut Random) -> Vec<u32> {
    let mut counts = vec![0_u32; rows];
    (0..rows).for_each(|_| counts[random.below(rows)] += 1);
    (0..).zip(counts).flat_map(|(row, count)| std::iter::repeat_n(row, count as usize)).collect()
}
